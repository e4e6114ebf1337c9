//! `sas-endpoint exchanges`: what happened, to whom, by whom.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use super::Failure;
use crate::config::Config;
use crate::config::exchanges::Exchanges;
use crate::fhir::date::instant;
use crate::fhir::identifier::Token;
use crate::record::{Key, Named, Record, Subject};
use crate::storage::Storage;
use crate::storage::exchanges::Asked;

/// The names of a caller and the rules are shown up to so many characters.
const WIDEST: usize = 48;

/// Prints the records that are asked for, newest last.
pub async fn exchanges(arguments: &Exchanges, config: &Config) -> Result<ExitCode, Failure> {
    let set = config.record.key()?;
    let storage = Storage::open_existing(&config.database_url).await?;
    let key = match set {
        Some(key) => key,
        None => storage.exchanges_key().await?,
    };
    config.record.accept(storage.is_noted_key(&key).await?)?;
    let about = About::of(arguments, &storage, &key).await?;
    let asked = Asked {
        subjects: about.subjects(),
        since: arguments.since.map(instant),
        until: arguments.until.map(instant),
        // One more, to know whether there are more.
        limit: arguments.limit.saturating_add(1),
    };
    let mut found = storage.exchanges(&asked, |record| about.is_met(record) && is_wanted(arguments, record)).await?;
    storage.close().await;
    if found.len() > arguments.limit {
        found.drain(..found.len() - arguments.limit);
        eprintln!("… older ones were left out (--limit {})", arguments.limit);
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        for record in &found {
            serde_json::to_writer(&mut out, record)?;
            writeln!(out)?;
        }
    } else if found.is_empty() {
        writeln!(out, "No exchange is recorded of which this is true.")?;
    } else {
        out.write_all(table(&found)?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whom and what the records are to be about.
struct About {
    hashes: Vec<String>,
    holders: Vec<(String, String)>,
    resource: Option<(String, String)>,
}

impl About {
    async fn of(arguments: &Exchanges, storage: &Storage, key: &Key) -> Result<Self, Failure> {
        let (mut hashes, mut holders) = (vec![], vec![]);
        if let Some(identifier) = &arguments.identifier {
            hashes.push(key.identifier(identifier));
            // A request may have named the value alone.
            hashes.extend(key.token(&Token::Value(identifier.value.clone())));
            holders = storage.holders(identifier).await?;
        }
        Ok(Self { hashes, holders, resource: arguments.resource.clone() })
    }

    /// What is looked up: the records of the resource, or else those of the identifier.
    fn subjects(&self) -> Vec<Subject> {
        let of_resource = |(resource_type, id): &(String, String)| Subject::of_resource(resource_type, id);
        match &self.resource {
            Some(resource) => vec![of_resource(resource)],
            None => {
                let named = self.hashes.iter().filter_map(|hash| Subject::of_hash(hash));
                named.chain(self.holders.iter().map(of_resource)).collect()
            }
        }
    }

    fn is_met(&self, record: &Record) -> bool {
        let is_about = |(resource_type, id): &(String, String)| {
            record.resource_type.as_ref() == Some(resource_type) && record.id.as_ref() == Some(id)
        };
        let names = |named: &Named| named.hash.as_ref().is_some_and(|hash| self.hashes.contains(hash));
        let of_identifier =
            self.hashes.is_empty() || self.holders.iter().any(is_about) || record.identifiers.iter().any(names);
        of_identifier && self.resource.as_ref().is_none_or(is_about)
    }
}

/// Whether the rest of what was asked for is true of a record.
fn is_wanted(arguments: &Exchanges, record: &Record) -> bool {
    let status = record.status.to_string();
    let caller = &record.caller;
    arguments.status.as_ref().is_none_or(|wanted| status.starts_with(wanted.trim_end_matches("xx")))
        && arguments.request_id.as_ref().is_none_or(|wanted| record.request_id == *wanted)
        && arguments
            .caller
            .as_ref()
            .is_none_or(|wanted| [&caller.name, &caller.common_name].into_iter().flatten().any(|name| name == wanted))
}

/// The records in columns, a line each.
fn table(records: &[Record]) -> Result<String, std::fmt::Error> {
    const TITLES: [&str; 8] = ["TIME", "STATUS", "INTERACTION", "RESOURCE", "VERSION", "CALLER", "MS", "RULES"];
    let rows: Vec<_> = records.iter().map(row).collect();
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&TITLES.map(str::to_owned)).chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(text)
}

fn row(record: &Record) -> [String; 8] {
    let resource = match (&record.resource_type, &record.id) {
        (Some(resource_type), Some(id)) => format!("{resource_type}/{id}"),
        (Some(resource_type), None) => resource_type.clone(),
        (None, _) => "-".to_owned(),
    };
    let version = match (record.before, record.after) {
        (before, after) if before == after => after.map_or("-".to_owned(), |after| after.to_string()),
        (before, after) => {
            let [before, after] =
                [before, after].map(|version| version.map_or("-".into(), |version| version.to_string()));
            format!("{before} → {after}")
        }
    };
    let caller = &record.caller;
    let who = caller.name.as_ref().or(caller.common_name.as_ref());
    [
        record.at.clone(),
        record.status.to_string(),
        record.interaction.clone(),
        resource,
        version,
        who.map_or_else(|| caller.peer.clone(), |name| format!("{} ({})", cut(name), caller.peer)),
        format!("{:.1}", record.duration_ms),
        cut(&record.rules.join(" ")),
    ]
}

/// A cell that may be of any length, as wide as a line has room for; `--json` gives the whole.
fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_of_bounded_width() {
        assert_eq!(cut("é a"), "é a");
        assert_eq!(cut(&"é".repeat(1000)).chars().count(), WIDEST + 1);
    }
}
