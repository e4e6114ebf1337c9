//! Searches: criteria become conditions with bound values; pages continue by key, never by offset.

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::database::{Readers, Storage, on_reader};
use super::read::{StoredVersion, VersionRow, page};
use crate::fhir::date::instant;
use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::query::date::{DateBound, Interval};
use crate::fhir::resource_type::ResourceType;
use crate::storage::error::StorageError;

/// A search, parsed.
#[derive(Clone, Debug)]
pub struct Search {
    /// The type searched for.
    pub resource_type: ResourceType,
    /// All of these must hold.
    pub criteria: Vec<Criterion>,
    /// The order of the matches.
    pub sort: Sort,
    /// The last match of the page before.
    pub after: Option<Key>,
    /// Maximum matches of a page; 0 to count only.
    pub count: usize,
}

/// A criterion: one of its values must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// `_id`
    Id(Vec<Id>),
    /// `identifier`
    Identifier(Vec<Token>),
    /// `active`
    Active(Vec<bool>),
    /// `status`
    Status(Vec<String>),
    /// `date`: `Appointment.start`
    Start(Vec<DateBound>),
    /// `_lastUpdated`
    LastUpdated(Vec<DateBound>),
}

/// The order of the matches; ties are ordered by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By id.
    Id,
    /// Oldest change first.
    LastUpdated,
    /// Newest change first.
    LastUpdatedDescending,
}

/// The place of a match in the order: a page begins after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `meta.lastUpdated` as stored; empty where the order is by id.
    pub last_updated: String,
    /// The id.
    pub id: Id,
}

/// A page of matches.
#[derive(Debug)]
pub struct Matches {
    /// The matches.
    pub versions: Vec<StoredVersion>,
    /// Whether there are more.
    pub more: bool,
}

impl Storage {
    /// A page of what matches.
    pub async fn search(&self, search: &Search) -> Result<Matches, StorageError> {
        let mut statement = Statement::new(
            "SELECT v.id, v.version, v.last_updated, v.interaction, v.content \
             FROM resource r \
             JOIN resource_version v \
                 ON v.resource_type = r.resource_type AND v.id = r.id AND v.version = r.version",
            search,
        );
        statement.page(search);
        let Statement { sql, binds } = statement;
        let (versions, more) = on_reader!(self, searches, reader => {
            let mut query = sqlx::query_as::<_, VersionRow>(AssertSqlSafe(sql));
            for bind in binds {
                query = query.bind(bind);
            }
            page(query.fetch(reader).map_ok(StoredVersion::from), search.count, StoredVersion::size).await
        })?;
        Ok(Matches { versions, more })
    }

    /// How many resources match, over all pages.
    ///
    /// # Errors
    /// [`StorageError::DeadlineExceeded`] where counting takes longer than a second ([`COUNT_TIMEOUT`](super::COUNT_TIMEOUT)):
    /// every resource of the type may have to be read.
    pub async fn count(&self, search: &Search) -> Result<i64, StorageError> {
        let Statement { sql, binds } = Statement::count(search);
        self.count_rows(sql, binds, search.count > 0).await
    }

    /// The number that a statement counts, alone or for a page.
    pub(super) async fn count_rows(
        &self,
        sql: String,
        binds: Vec<String>,
        is_for_page: bool,
    ) -> Result<i64, StorageError> {
        // A page does not wait for the number. A number alone may wait for a connection, and has the whole timeout from
        // then on: a count that begins late would be stopped, and its work lost.
        let waiting = if is_for_page { self.deadline.at_most(self.count_timeout) } else { self.deadline.clone() };
        macro_rules! counted_by {
            ($lent:expr) => {{
                let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
                for bind in binds {
                    query = query.bind(bind);
                }
                let counting = async { Ok(query.fetch_one(&mut *$lent).await?) };
                waiting.at_most(self.count_timeout).limit(counting).await
            }};
        }
        let counted = async {
            match &self.readers.counts {
                Readers::Sqlite(readers) => {
                    let mut lent = readers.acquire(&waiting).await?;
                    lent.stop_at(&waiting.at_most(self.count_timeout));
                    counted_by!(lent)
                }
                Readers::Postgres(connections) => {
                    let mut lent = connections.acquire(&waiting).await?;
                    counted_by!(lent)
                }
            }
        };
        waiting.limit(counted).await
    }
}

/// SQL text of constant pieces, with the values to bind.
struct Statement {
    sql: String,
    binds: Vec<String>,
}

impl Statement {
    fn new(select: &str, search: &Search) -> Self {
        let mut statement = Self { sql: format!("{select} WHERE r.resource_type = "), binds: vec![] };
        statement.bind(search.resource_type.as_str());
        for criterion in unique(&search.criteria) {
            statement.sql.push_str(" AND (");
            statement.criterion(criterion);
            statement.sql.push(')');
        }
        statement
    }

    /// The number of matches. Where the only criterion is an identifier, the identifiers alone are counted, by their
    /// indexes: for `identifier=system|` these may be as many as there are resources.
    fn count(search: &Search) -> Self {
        let criteria: Vec<_> = unique(&search.criteria).collect();
        let [Criterion::Identifier(tokens)] = criteria[..] else {
            return Self::new("SELECT COUNT(*) FROM resource r", search);
        };
        let mut statement = Self { sql: String::new(), binds: vec![] };
        // DISTINCT in a subquery follows the order of the index on both databases; COUNT(DISTINCT …) sorts on Postgres.
        statement
            .sql
            .push_str("SELECT COUNT(*) FROM (SELECT DISTINCT i.resource_id FROM identifier i WHERE i.resource_type = ");
        statement.bind(search.resource_type.as_str());
        statement.sql.push_str(" AND i.hold <> 'released' AND (");
        statement.any_of(tokens, Self::token);
        statement.sql.push_str(")) AS found");
        statement
    }

    fn bind(&mut self, value: impl Into<String>) {
        self.binds.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.binds.len().to_string());
    }

    /// The condition that one of the values matches; without values, none does. SQLite limits the depth of
    /// expressions, so that the parentheses keep this one flat.
    fn any_of<T: PartialEq>(&mut self, values: &[T], mut condition: impl FnMut(&mut Self, &T)) {
        if values.is_empty() {
            self.sql.push_str("1 = 0");
        }
        for (index, value) in unique(values).enumerate() {
            self.sql.push_str(if index > 0 { " OR (" } else { "(" });
            condition(self, value);
            self.sql.push(')');
        }
    }

    fn criterion(&mut self, criterion: &Criterion) {
        match criterion {
            Criterion::Id(ids) => self.any_of(ids, |statement, id| {
                statement.sql.push_str("r.id = ");
                statement.bind(id.as_str());
            }),
            Criterion::Identifier(tokens) => {
                self.sql.push_str(
                    // $1 is the resource type: see Statement::new.
                    "r.id IN (SELECT i.resource_id FROM identifier i \
                     WHERE i.resource_type = $1 AND i.hold <> 'released' AND (",
                );
                self.any_of(tokens, Self::token);
                self.sql.push_str("))");
            }
            Criterion::Active(values) => self.any_of(values, |statement, active| {
                statement.sql.push_str(if *active { "r.active = 1" } else { "r.active = 0" });
            }),
            Criterion::Status(codes) => self.any_of(codes, |statement, code| {
                statement.sql.push_str("r.status = ");
                statement.bind(code);
            }),
            Criterion::Start(bounds) => self.any_of(bounds, |statement, bound| statement.bound("r.start", bound)),
            Criterion::LastUpdated(bounds) => {
                self.any_of(bounds, |statement, bound| statement.bound("r.last_updated", bound));
            }
        }
    }

    fn token(&mut self, token: &Token) {
        match token {
            Token::Exact(Identifier { system, value }) => {
                self.sql.push_str("i.value = ");
                self.bind(value);
                self.sql.push_str(" AND i.system = ");
                self.bind(system);
            }
            // The comparable form of an INTRN is lower case.
            Token::Value(value) => {
                self.sql.push_str("i.value = ");
                self.bind(value);
                self.sql.push_str(" OR (i.value = ");
                self.bind(value.to_ascii_lowercase());
                self.sql.push_str(" AND i.system = ");
                self.bind(crate::fhir::identifier::INTRN);
                self.sql.push(')');
            }
            Token::System(system) => {
                self.sql.push_str("i.system = ");
                self.bind(system);
            }
            Token::NoSystem(_) => self.sql.push_str("1 = 0"),
        }
    }

    fn bound(&mut self, column: &'static str, bound: &DateBound) {
        let mut operator = "";
        for Interval { start, end } in bound.intervals() {
            for (comparison, limit) in [(" >= ", start), (" < ", end)] {
                let Some(limit) = limit else { continue };
                for part in [operator, column, comparison] {
                    self.sql.push_str(part);
                }
                self.bind(instant(limit));
                operator = " AND ";
            }
            operator = " OR ";
        }
    }

    /// The page after the key: one row more than asked for tells whether there is a next one.
    fn page(&mut self, search: &Search) {
        if let Some(Key { last_updated, id }) = &search.after {
            match search.sort {
                Sort::Id => self.sql.push_str(" AND r.id > "),
                Sort::LastUpdated => self.sql.push_str(" AND (r.last_updated, r.id) > ("),
                Sort::LastUpdatedDescending => self.sql.push_str(" AND (r.last_updated, r.id) < ("),
            }
            if search.sort != Sort::Id {
                self.bind(last_updated);
                self.sql.push_str(", ");
            }
            self.bind(id.as_str());
            if search.sort != Sort::Id {
                self.sql.push(')');
            }
        }
        self.sql.push_str(match search.sort {
            Sort::Id => " ORDER BY r.id",
            Sort::LastUpdated => " ORDER BY r.last_updated, r.id",
            Sort::LastUpdatedDescending => " ORDER BY r.last_updated DESC, r.id DESC",
        });
        self.sql.push_str(" LIMIT ");
        self.sql.push_str(&(search.count + 1).to_string());
    }
}

/// The values without duplicates, which would be evaluated again. A search has few enough to compare each with those
/// before it.
fn unique<T: PartialEq>(values: &[T]) -> impl Iterator<Item = &T> {
    values.iter().enumerate().filter(|(index, value)| !values[..*index].contains(value)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(criteria: Vec<Criterion>) -> Search {
        Search { resource_type: ResourceType::Appointment, criteria, sort: Sort::Id, after: None, count: 0 }
    }

    #[test]
    fn search_equal_criteria_and_values_are_evaluated_once() {
        let system = || Criterion::Identifier(vec![Token::System("s".to_owned())]);
        let statement = |criteria| Statement::new("SELECT", &search(criteria)).sql;
        assert_eq!(statement(vec![system(), system(), system()]), statement(vec![system()]));
        let statuses = |codes: &[&str]| Criterion::Status(codes.iter().map(|&code| code.to_owned()).collect());
        assert_eq!(statement(vec![statuses(&["a", "b", "a", "a"])]), statement(vec![statuses(&["a", "b"])]));
        let both = statement(vec![statuses(&["a"]), statuses(&["b"])]);
        assert_ne!(both, statement(vec![statuses(&["a"])]));
    }

    #[test]
    fn search_count_by_identifier_alone_reads_no_resource() {
        let tokens =
            [Token::System("s".to_owned()), Token::Value("v".to_owned()), Token::Exact(Identifier::new("s", "v"))];
        let identifier = Criterion::Identifier(tokens.to_vec());
        assert!(!Statement::count(&search(vec![identifier.clone(), identifier.clone()])).sql.contains("FROM resource"));
        let with_status = vec![identifier, Criterion::Status(vec!["booked".to_owned()])];
        assert!(Statement::count(&search(with_status)).sql.contains("FROM resource r"));
    }
}
