//! The rows of the copy, straight from its database: what the walk is compared with.

use std::str::FromStr;

use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};

use super::Failure;
use super::measured::Random;

/// What practitioners have instead of a type in the numbers of versions.
const PRACTITIONER: i64 = 2;

/// How many rows are asked for at once: as many as the pages of the walk.
const CHUNK: usize = 200;

/// A connection with the settings of the program's.
pub enum Rows {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// All of a query whose `{list}` is a list of values.
macro_rules! all {
    ($rows:expr, $sql:literal, $list:expr) => {
        match $rows {
            Rows::Sqlite(connection) => {
                let sql = concat!($sql, " IN (SELECT value FROM json_each($1)) ORDER BY number");
                sqlx::query_as(sql).bind(serde_json::to_string($list)?).fetch_all(connection).await?
            }
            Rows::Postgres(connection) => {
                let sql = concat!($sql, " = ANY($1) ORDER BY number");
                sqlx::query_as(sql).bind($list).fetch_all(connection).await?
            }
        }
    };
}

impl Rows {
    pub async fn open(url: &str) -> Result<Self, Failure> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?.read_only(true).pragma("cache_size", "-32768");
            return Ok(Self::Sqlite(options.connect().await?));
        }
        let options = PgConnectOptions::from_str(url)?.options([("search_path", "annuaire")]);
        let mut connection = options.connect().await?;
        for setting in ["SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET jit = off"] {
            connection.execute(setting).await?;
        }
        Ok(Self::Postgres(connection))
    }

    pub async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => Ok(connection.close().await?),
            Self::Postgres(connection) => Ok(connection.close().await?),
        }
    }

    /// The numbers of the versions that practitioners have now, in order.
    pub async fn numbers(&mut self, ids: &[String]) -> Result<Vec<i64>, Failure> {
        let mut numbers = vec![];
        for ids in ids.chunks(CHUNK) {
            let rows: Vec<(i64,)> = all!(&mut *self, "SELECT number FROM resource WHERE resource_type = 2 AND id", ids);
            numbers.extend(rows.into_iter().map(|(number,)| number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Reads these versions by their key.
    pub async fn read(&mut self, numbers: &[i64]) -> Result<(), Failure> {
        for numbers in numbers.chunks(CHUNK) {
            let rows = self.bodies(numbers).await?;
            if rows.len() != numbers.len() {
                return Err(format!("{} rows of {}", rows.len(), numbers.len()).into());
            }
        }
        Ok(())
    }

    /// The RPPS numbers of practitioners from anywhere.
    pub async fn some_rpps(&mut self, count: usize) -> Result<Vec<String>, Failure> {
        let sql = "SELECT max(number) FROM version WHERE number < $1";
        let end = (PRACTITIONER + 1) << 32;
        let (last,): (i64,) = match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).bind(end).fetch_one(connection).await?,
            Self::Postgres(connection) => sqlx::query_as(sql).bind(end).fetch_one(connection).await?,
        };
        let most = u64::try_from(last & i64::from(u32::MAX))?.max(1);
        let mut random = Random::default();
        let numbers: Vec<i64> = (0..count)
            .map(|_| PRACTITIONER << 32 | i64::try_from(1 + random.below(most)).unwrap_or_default())
            .collect();
        let mut found = vec![];
        for (_, _, body) in self.bodies(&numbers).await? {
            let practitioner: Practitioner = serde_json::from_str(&body)?;
            let rpps = practitioner.identifier.into_iter().find(|own| own.system == "https://rpps.esante.gouv.fr");
            found.extend(rpps.map(|rpps| rpps.value));
        }
        if found.is_empty() { Err("nobody has an RPPS number".into()) } else { Ok(found) }
    }

    async fn bodies(&mut self, numbers: &[i64]) -> Result<Vec<(i64, String, String)>, Failure> {
        Ok(all!(self, "SELECT number, id, body FROM version WHERE number", numbers))
    }
}

#[derive(Deserialize)]
struct Practitioner {
    #[serde(default)]
    identifier: Vec<Identifier>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(default)]
    system: String,
    #[serde(default)]
    value: String,
}
