//! The ceiling: what the database carries without us for the same effect.
//!
//! The rows that the endpoint has just written are read back, and written again into an empty database of the same
//! schema, as many writes to a transaction as could share one: the state is read, then versions, resources, identifiers
//! and audit events are written, the same bytes under the same indexes. Nothing is decided.
//!
//! On Postgres, a transaction is one prepared statement, so one round trip. On SQLite, sqlx hands each statement over to
//! the thread of the connection, which costs as much as several rows: a call hands over whole transactions, of at least
//! [`CALL`] writes together, each with its own commit.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};

use super::shared::{Failure, server};

/// Maximum writes that share a transaction: as many as the endpoint takes.
pub const MAX_TRANSACTION: usize = 128;

/// Writes that are handed over to SQLite's thread together, unless a transaction has more.
const CALL: usize = 32;

/// How many writes come before those that are counted: statements are prepared.
const WARMING_UP: usize = 512;

/// The rows of one write of the endpoint.
struct Rows {
    version: Version,
    content_hash: String,
    active: i64,
    identifiers: Rc<Vec<Identifier>>,
    event: Event,
    lookup_keys: Vec<i64>,
}

/// `id`, `version`, `last_updated`, `interaction`, `content`, `change`
type Version = (String, i64, String, String, String, String);

/// `system`, `value`, `hold`
type Identifier = (String, String, String);

/// `id`, `at`, `record`
type Event = (i64, String, String);

/// What an audit event says of the write.
#[derive(Deserialize)]
struct Subject {
    id: Option<String>,
    after: Option<i64>,
}

/// Reads the rows of the endpoint's writes, in their order.
macro_rules! read_rows {
    ($connection:expr) => {{
        let connection = $connection;
        let sql = "SELECT id, version, last_updated, interaction, content, change FROM resource_version";
        let versions: Vec<Version> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        let sql = "SELECT id, content_hash, active FROM resource";
        let resources: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        let sql = "SELECT resource_id, system, value, hold FROM identifier";
        let identifiers: Vec<(String, String, String, String)> =
            sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        let sql = "SELECT id, at, record FROM exchange ORDER BY id";
        let events: Vec<Event> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        let sql = "SELECT exchange, subject FROM exchange_subject";
        let lookup_keys: Vec<(i64, i64)> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        join(versions, resources, identifiers, events, lookup_keys)
    }};
}

/// Puts together the rows of each write.
fn join(
    versions: Vec<Version>,
    resources: Vec<(String, String, i64)>,
    identifiers: Vec<(String, String, String, String)>,
    events: Vec<Event>,
    lookup_keys: Vec<(i64, i64)>,
) -> Result<Vec<Rows>, Failure> {
    let mut versions: HashMap<_, _> = versions.into_iter().map(|row| ((row.0.clone(), row.1), row)).collect();
    let resources: HashMap<_, _> = resources.into_iter().map(|(id, hash, active)| (id, (hash, active))).collect();
    let mut by_resource: HashMap<String, Vec<Identifier>> = HashMap::new();
    for (id, system, value, hold) in identifiers {
        by_resource.entry(id).or_default().push((system, value, hold));
    }
    let by_resource: HashMap<_, _> = by_resource.into_iter().map(|(id, own)| (id, Rc::new(own))).collect();
    let mut by_event: HashMap<i64, Vec<i64>> = HashMap::new();
    for (event, key) in lookup_keys {
        by_event.entry(event).or_default().push(key);
    }
    let mut writes = vec![];
    for event in events {
        let Subject { id: Some(id), after: Some(after) } = serde_json::from_str(&event.2)? else { continue };
        let Some(version) = versions.remove(&(id.clone(), after)) else { continue };
        let (content_hash, active) = resources.get(&id).cloned().ok_or("a version without its resource")?;
        writes.push(Rows {
            version,
            content_hash,
            active,
            identifiers: by_resource.get(&id).cloned().unwrap_or_default(),
            lookup_keys: by_event.remove(&event.0).unwrap_or_default(),
            event,
        });
    }
    match versions.is_empty() {
        true => Ok(writes),
        false => Err(format!("{} versions without an event", versions.len()).into()),
    }
}

/// The writes per second of the database at `empty`, which is migrated first, with the rows of the one at `written`.
pub async fn writes_per_second(
    written: &str,
    empty: &str,
    connections: usize,
    duration: Duration,
) -> Result<f64, Failure> {
    if !server::program().arg("migrate").env("SAS_DATABASE_URL", empty).output()?.status.success() {
        return Err("the database cannot be migrated".into());
    }
    let transaction = connections.min(MAX_TRANSACTION);
    if written.starts_with("sqlite:") {
        let mut connection = SqliteConnectOptions::from_str(written)?.connect().await?;
        let writes = read_rows!(&mut connection)?;
        connection.close().await?;
        let options = SqliteConnectOptions::from_str(empty)?.journal_mode(SqliteJournalMode::Wal);
        let mut connection = options.synchronous(SqliteSynchronous::Full).connect().await?;
        let call = transaction * (CALL / transaction).max(1);
        let sql = sqlite_transactions(transaction, call / transaction);
        let mut writer = async |batch: &[Rows]| sqlite_call(&mut connection, &sql, batch).await;
        let (first, rest) = writes.split_at(WARMING_UP.min(writes.len() / 4));
        measure(first, call, duration, &mut writer).await?;
        let rate = measure(rest, call, duration, &mut writer).await?;
        connection.close().await?;
        return Ok(rate);
    }
    let mut connection = PgConnection::connect(written).await?;
    let writes = read_rows!(&mut connection)?;
    connection.close().await?;
    let mut connection = PgConnection::connect(empty).await?;
    connection.execute(POSTGRES_SETTINGS).await?;
    let (first, rest) = writes.split_at(WARMING_UP.min(writes.len() / 4));
    measure(first, transaction, duration, async |batch| postgres_call(&mut connection, batch).await).await?;
    // The plan that is kept is made of these tables, not of empty ones.
    connection.execute("ANALYZE").await?;
    let rate = measure(rest, transaction, duration, async |batch| postgres_call(&mut connection, batch).await).await?;
    connection.close().await?;
    Ok(rate)
}

/// Writes batches until all rows or the time are used up. `call` returns what a batch took, its making not counted.
async fn measure(
    writes: &[Rows],
    batch: usize,
    duration: Duration,
    mut call: impl AsyncFnMut(&[Rows]) -> Result<Duration, Failure>,
) -> Result<f64, Failure> {
    let (mut counted, mut took) = (0, Duration::ZERO);
    for batch in writes.chunks_exact(batch) {
        took += call(batch).await?;
        counted += batch.len();
        if took > duration {
            break;
        }
    }
    match counted {
        0 => Err("too few writes for the ceiling".into()),
        _ => Ok(counted as f64 / took.as_secs_f64()),
    }
}

/// The values of one SQLite transaction: three lists, and [`ROW`] of each write.
const LISTS: usize = 3;
const ROW: usize = 11;

/// Transactions for one call: texts of any length are values of their own, short rows are in JSON lists, so that the
/// statements are always the same.
fn sqlite_transactions(writes: usize, transactions: usize) -> String {
    let mut sql = String::new();
    for transaction in 0..transactions {
        let first = 1 + transaction * (LISTS + writes * ROW);
        let [keys, identifiers, lookup_keys] = [first, first + 1, first + 2];
        let rows = |columns: &[usize], before: &str| -> String {
            let row = |write: usize| {
                let value = |column: &usize| format!("${}", first + LISTS + write * ROW + column);
                format!("({before}{})", columns.iter().map(value).collect::<Vec<_>>().join(", "))
            };
            (0..writes).map(row).collect::<Vec<_>>().join(", ")
        };
        let versions = rows(&[0, 1, 2, 3, 4, 10], "'Practitioner', ");
        let resources = rows(&[0, 1, 2, 5, 6], "'Practitioner', ");
        let events = rows(&[7, 8, 9], "");
        // Writing to a text cannot fail.
        let _ = write!(
            sql,
            "BEGIN IMMEDIATE; \
             SELECT r.*, i.system, i.value, i.hold FROM ( \
                 SELECT DISTINCT n.resource_id FROM json_each(${keys}) AS k CROSS JOIN identifier n \
                 WHERE n.resource_type = 'Practitioner' AND n.system = k.value ->> 0 AND n.value = k.value ->> 1 \
                   AND n.hold = 'held' \
             ) AS found CROSS JOIN resource r ON r.resource_type = 'Practitioner' AND r.id = found.resource_id \
             LEFT JOIN identifier i ON i.resource_type = r.resource_type AND i.resource_id = r.id; \
             INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content, change) \
             VALUES {versions}; \
             INSERT INTO resource (resource_type, id, version, last_updated, content_hash, active) VALUES {resources} \
             ON CONFLICT (resource_type, id) DO UPDATE SET version = excluded.version, \
             last_updated = excluded.last_updated, content_hash = excluded.content_hash, active = excluded.active; \
             INSERT INTO identifier (resource_type, resource_id, system, value, hold) \
             SELECT 'Practitioner', value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(${identifiers}); \
             INSERT INTO exchange (id, at, record) VALUES {events}; \
             INSERT INTO exchange_subject (run, subject, exchange) \
             SELECT (value ->> 1) / 128, value ->> 0, value ->> 1 FROM json_each(${lookup_keys}); \
             COMMIT; "
        );
    }
    sql
}

async fn sqlite_call(connection: &mut SqliteConnection, sql: &str, batch: &[Rows]) -> Result<Duration, Failure> {
    let mut query = sqlx::query(AssertSqlSafe(sql));
    let transactions = sql.matches("COMMIT").count();
    for transaction in batch.chunks(batch.len() / transactions) {
        let lists = Lists::new(transaction);
        query = query.bind(serde_json::to_string(&lists.keys)?);
        query = query.bind(serde_json::to_string(&lists.identifiers)?);
        query = query.bind(serde_json::to_string(&lists.lookup_keys)?);
        for rows in transaction {
            let (id, version, last_updated, interaction, content, change) = &rows.version;
            query = query.bind(id).bind(version).bind(last_updated).bind(interaction).bind(content);
            query = query.bind(&rows.content_hash).bind(rows.active);
            query = query.bind(rows.event.0).bind(&rows.event.1).bind(&rows.event.2).bind(change);
        }
    }
    let start = Instant::now();
    query.execute(connection).await?;
    Ok(start.elapsed())
}

/// The tables are small at first: without these, they would be read as a whole. The plan is kept.
const POSTGRES_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan";

/// One transaction. With `OFFSET 0`, each row is looked up by its key: joined, small tables would be read by a prefix of it.
const POSTGRES_TRANSACTION: &str = "WITH \
    new_version AS (INSERT INTO resource_version (resource_type, id, version, last_updated, interaction, content, change) \
        SELECT 'Practitioner', * \
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $19::text[])), \
    new_resource AS (INSERT INTO resource (resource_type, id, version, last_updated, content_hash, active) \
        SELECT DISTINCT ON (id) 'Practitioner', id, version, last_updated, content_hash, active \
        FROM unnest($1::text[], $2::bigint[], $3::text[], $6::text[], $7::bigint[]) \
            AS new (id, version, last_updated, content_hash, active) ORDER BY id, version DESC \
        ON CONFLICT (resource_type, id) DO UPDATE SET version = excluded.version, \
        last_updated = excluded.last_updated, content_hash = excluded.content_hash, active = excluded.active), \
    new_identifier AS (INSERT INTO identifier (resource_type, resource_id, system, value, hold) \
        SELECT 'Practitioner', * FROM unnest($8::text[], $9::text[], $10::text[], $11::text[])), \
    new_event AS (INSERT INTO exchange (id, at, record) SELECT * FROM unnest($12::bigint[], $13::text[], $14::text[])), \
    new_lookup_key AS (INSERT INTO exchange_subject (run, subject, exchange) \
        SELECT exchange / 128, subject, exchange FROM unnest($15::bigint[], $16::bigint[]) AS new (subject, exchange)) \
    SELECT r.*, i.system, i.value, i.hold FROM ( \
        SELECT DISTINCT n.resource_id FROM unnest($17::text[], $18::text[]) AS k (system, value) CROSS JOIN LATERAL ( \
            SELECT resource_id FROM identifier WHERE resource_type = 'Practitioner' AND system = k.system \
            AND value = k.value AND hold = 'held' OFFSET 0) AS n) AS found \
    CROSS JOIN LATERAL (SELECT * FROM resource WHERE resource_type = 'Practitioner' AND id = found.resource_id OFFSET 0) AS r \
    LEFT JOIN LATERAL (SELECT * FROM identifier WHERE resource_type = 'Practitioner' AND resource_id = r.id OFFSET 0) AS i \
    ON true";

async fn postgres_call(connection: &mut PgConnection, batch: &[Rows]) -> Result<Duration, Failure> {
    /// Binds a column.
    macro_rules! bind {
        ($query:ident, $rows:expr, $($value:expr),+) => {
            $($query = $query.bind($rows.iter().map($value).collect::<Vec<_>>());)+
        };
    }
    let lists = Lists::new(batch);
    let mut query = sqlx::query(POSTGRES_TRANSACTION);
    bind!(query, batch, |rows| rows.version.0.as_str(), |rows| rows.version.1, |rows| rows.version.2.as_str());
    bind!(query, batch, |rows| rows.version.3.as_str(), |rows| rows.version.4.as_str());
    bind!(query, batch, |rows| rows.content_hash.as_str(), |rows| rows.active);
    bind!(query, lists.identifiers, |own| own.0, |own| own.1, |own| own.2, |own| own.3);
    bind!(query, batch, |rows| rows.event.0, |rows| rows.event.1.as_str(), |rows| rows.event.2.as_str());
    bind!(query, lists.lookup_keys, |key| key.0, |key| key.1);
    bind!(query, lists.keys, |key| key.0, |key| key.1);
    bind!(query, batch, |rows| rows.version.5.as_str());
    let start = Instant::now();
    query.execute(connection).await?;
    Ok(start.elapsed())
}

/// What differs in number from batch to batch.
struct Lists<'a> {
    /// The identifiers by which the state is read: `system`, `value`.
    keys: Vec<(&'a str, &'a str)>,
    /// Those of new resources: `resource_id`, `system`, `value`, `hold`.
    identifiers: Vec<(&'a str, &'a str, &'a str, &'a str)>,
    /// `subject`, `exchange`
    lookup_keys: Vec<(i64, i64)>,
}

impl<'a> Lists<'a> {
    fn new(batch: &'a [Rows]) -> Self {
        let own = batch.iter().flat_map(|rows| rows.identifiers.iter().map(move |own| (rows, own)));
        let keys = own.clone().filter(|(_, own)| own.2 == "held").map(|(_, own)| (own.0.as_str(), own.1.as_str()));
        let created = own.filter(|(rows, _)| rows.version.1 == 1);
        let identifiers =
            created.map(|(rows, own)| (rows.version.0.as_str(), own.0.as_str(), own.1.as_str(), own.2.as_str()));
        let lookup_keys = batch.iter().flat_map(|rows| rows.lookup_keys.iter().map(|key| (*key, rows.event.0)));
        Self { keys: keys.collect(), identifiers: identifiers.collect(), lookup_keys: lookup_keys.collect() }
    }
}
