//! What the database carries without us: the rows of the same accounts, straight into its tables.
//!
//! Nothing is read and nothing decided, and each transaction has three statements. An
//! endpoint that writes one account a request cannot be faster.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sas_endpoint::fhir::content::Content;
use sas_endpoint::fhir::date::instant;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::identifier::Identifier;
use sas_endpoint::fhir::json::parse;
use sas_endpoint::sas::identity::identifiers;
use sas_endpoint::storage::Storage;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::Failure;
use super::client::{Accounts, Random};

/// How many resources share a commit.
pub const TRANSACTION: usize = 128;

/// What is written of one resource.
struct Row {
    id: String,
    version: i64,
    last_updated: String,
    hash: String,
    content: String,
    identifiers: Vec<Identifier>,
}

/// Writes batches for a while, the making of the rows not counted.
macro_rules! measure {
    ($connection:expr, $begin:expr, $duration:expr) => {{
        let mut connection = $connection;
        let mut rows = Rows::default();
        let mut resources = 0;
        let mut spent = Duration::ZERO;
        // The first transactions prepare the statements.
        for number in 0.. {
            let batch = rows.batch();
            let start = Instant::now();
            let mut transaction = connection.begin_with($begin).await?;
            let sql = insert(
                "resource_version (resource_type, id, version, last_updated, interaction, content)",
                6,
                batch.len(),
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for row in &batch {
                let interaction = if row.version == 1 { "create" } else { "update" };
                query = query.bind("Practitioner").bind(&row.id).bind(row.version).bind(&row.last_updated);
                query = query.bind(interaction).bind(&row.content);
            }
            query.execute(&mut *transaction).await?;
            let sql =
                insert("resource (resource_type, id, version, last_updated, content_hash, active)", 6, batch.len());
            let mut query = sqlx::query(AssertSqlSafe(
                sql + " ON CONFLICT (resource_type, id) DO UPDATE SET \
                version = excluded.version, last_updated = excluded.last_updated, content_hash = excluded.content_hash",
            ));
            for row in &batch {
                query = query.bind("Practitioner").bind(&row.id).bind(row.version).bind(&row.last_updated);
                query = query.bind(&row.hash).bind(1_i64);
            }
            query.execute(&mut *transaction).await?;
            let created = batch.iter().filter(|row| row.version == 1);
            let names: Vec<_> = created.flat_map(|row| row.identifiers.iter().map(move |own| (row, own))).collect();
            let sql = insert("identifier (resource_type, resource_id, system, value, hold)", 5, names.len());
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (row, own) in names {
                let hold = if own.is_account_key() { "held" } else { "mentioned" };
                query = query.bind("Practitioner").bind(&row.id).bind(&own.system).bind(&own.value).bind(hold);
            }
            query.execute(&mut *transaction).await?;
            transaction.commit().await?;
            if number >= 5 {
                resources += batch.len();
                spent += start.elapsed();
            }
            if spent > $duration {
                break;
            }
        }
        connection.close().await?;
        Ok(resources as f64 / spent.as_secs_f64())
    }};
}

/// Resources a second, half created and half updated.
pub async fn resources_per_second(url: &str, duration: Duration) -> Result<f64, Failure> {
    Storage::open(url).await?.close().await;
    match url.starts_with("sqlite:") {
        true => {
            let options = SqliteConnectOptions::from_str(url)?.journal_mode(SqliteJournalMode::Wal);
            let options = options.synchronous(SqliteSynchronous::Full);
            measure!(options.connect().await?, "BEGIN IMMEDIATE", duration)
        }
        false => measure!(PgConnection::connect(url).await?, "BEGIN", duration),
    }
}

/// `INSERT INTO table (columns) VALUES ($1, …), …`
fn insert(table: &str, columns: usize, rows: usize) -> String {
    let row = |row: usize| {
        let placeholders: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", placeholders.join(", "))
    };
    format!("INSERT INTO {table} VALUES {}", (0..rows).map(row).collect::<Vec<_>>().join(", "))
}

/// Makes the rows of accounts, as the endpoint would.
#[derive(Default)]
struct Rows {
    accounts: Accounts,
    random: Random,
    /// The id and the version of each account, by its number.
    written: Vec<(Id, i64)>,
}

impl Rows {
    /// Half new accounts, half new versions of accounts from anywhere before: each once.
    fn batch(&mut self) -> Vec<Row> {
        let mut numbers = BTreeSet::new();
        while numbers.len() < TRANSACTION / 2 && self.written.len() >= TRANSACTION {
            numbers.insert(self.random.below(self.written.len()));
        }
        for _ in numbers.len()..TRANSACTION {
            self.written.push((sas_endpoint::clock::new_uuid().into(), 0));
            numbers.insert(self.written.len() - 1);
        }
        numbers.into_iter().map(|number| self.row(number)).collect()
    }

    fn row(&mut self, number: usize) -> Row {
        let (id, version) = &mut self.written[number];
        *version += 1;
        let (_, body) = self.accounts.body(number as u64);
        let received = parse(body.as_bytes(), "Practitioner").expect("legal");
        let content = Content::new(&received);
        let now = sas_endpoint::clock::system_time();
        Row {
            id: id.to_string(),
            version: *version,
            last_updated: instant(now),
            hash: content.hash().to_owned(),
            content: content.stamp(id, *version, now),
            identifiers: identifiers(&received.value),
        }
    }
}
