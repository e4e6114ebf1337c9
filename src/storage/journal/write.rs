//! Adds exchanges, many in one transaction.

use serde::Serialize;

use super::{JournalDatabase, OverRows, in_transaction, over_rows};
use crate::audit::LookupKey;
use crate::storage::error::StorageError;

/// Exchanges whose lookup keys are sorted together.
pub(super) const RUN: i64 = 1024;

/// What a row takes beside its texts and its content, about, with its part of the indexes.
const ROW_SIZE: usize = 200;

/// An exchange to add.
#[derive(Clone, Debug, Default)]
pub struct NewExchange {
    pub request_id: String,
    /// When the request came in, as stored.
    pub at: String,
    pub method: String,
    pub target: String,
    pub status: u16,
    pub interaction: String,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub caller: Option<String>,
    pub rules: Vec<String>,
    pub duration_us: i64,
    /// Whether it is a successful read or search.
    pub is_read: bool,
    /// The identifiers and the resource that it is found by.
    pub keys: Vec<LookupKey>,
    /// Headers, bodies and the decision, compressed.
    pub content: Vec<u8>,
}

impl NewExchange {
    fn size(&self) -> usize {
        ROW_SIZE + self.target.len() + self.content.len() + 24 * self.keys.len()
    }
}

const TAKE_IDS: &str = "UPDATE total SET last = last + $1, size = size + $2, read_size = read_size + $3 RETURNING last";

const INSERT_EXCHANGES: OverRows = over_rows!(
    "INSERT INTO exchange (id, request_id, at, method, target, status, interaction, resource_type, resource_id, caller, \
                           rules, duration_us, size, is_read) \
     SELECT CAST(value ->> 0 AS BIGINT), value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
            CAST(value ->> 5 AS BIGINT), value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, \
            CAST(value ->> 11 AS BIGINT), CAST(value ->> 12 AS BIGINT), CAST(value ->> 13 AS BIGINT) FROM",
    ""
);

/// The contents are one value, `$2`, of which each exchange has a part.
const INSERT_CONTENTS: OverRows = over_rows!(
    "INSERT INTO exchange_content (exchange, content) \
     SELECT CAST(value ->> 0 AS BIGINT), substr($2, CAST(value ->> 1 AS INTEGER), CAST(value ->> 2 AS INTEGER)) FROM",
    ""
);

const INSERT_SUBJECTS: OverRows = over_rows!(
    "INSERT INTO exchange_subject (run, subject, exchange) \
     SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT) FROM",
    "WHERE true ON CONFLICT DO NOTHING"
);

impl JournalDatabase {
    /// Adds these exchanges. Ids are in the order of commits, over all instances.
    pub async fn add(&self, exchanges: &[NewExchange]) -> Result<(), StorageError> {
        let sizes = |is_of: fn(&NewExchange) -> bool| {
            let bytes: usize = exchanges.iter().filter(|exchange| is_of(exchange)).map(NewExchange::size).sum();
            integer(bytes)
        };
        let (size, read_size) = (sizes(|_| true), sizes(|exchange| exchange.is_read));
        in_transaction!(self, transaction, text => {
            let query = sqlx::query_scalar(TAKE_IDS).bind(integer(exchanges.len())).bind(size).bind(read_size);
            let last: i64 = query.fetch_one(&mut *transaction).await?;
            let Rows { exchanges, contents, parts, subjects } = Rows::new(exchanges, last)?;
            sqlx::query(text(INSERT_EXCHANGES)).bind(exchanges).execute(&mut *transaction).await?;
            sqlx::query(text(INSERT_CONTENTS)).bind(parts).bind(contents).execute(&mut *transaction).await?;
            sqlx::query(text(INSERT_SUBJECTS)).bind(subjects).execute(&mut *transaction).await?;
        });
        Ok(())
    }
}

/// The rows of a transaction, as JSON.
struct Rows {
    exchanges: String,
    contents: Vec<u8>,
    /// The parts of `contents`: exchange, first byte from 1, length.
    parts: String,
    subjects: String,
}

impl Rows {
    /// The rows of these exchanges, of which the last has this id.
    fn new(exchanges: &[NewExchange], last: i64) -> Result<Self, StorageError> {
        let first = last - integer(exchanges.len()) + 1;
        let numbered = || (first..).zip(exchanges);
        let mut contents = Vec::with_capacity(exchanges.iter().map(|exchange| exchange.content.len()).sum());
        let parts: Vec<_> = numbered()
            .map(|(id, exchange)| {
                let start = contents.len() + 1;
                contents.extend_from_slice(&exchange.content);
                (id, start, exchange.content.len())
            })
            .collect();
        let subjects: Vec<_> =
            numbered().flat_map(|(id, exchange)| exchange.keys.iter().map(move |key| (id / RUN, key.0, id))).collect();
        let exchanges: Vec<_> = numbered().map(|(id, exchange)| row(id, exchange)).collect();
        Ok(Self { exchanges: json(&exchanges)?, contents, parts: json(&parts)?, subjects: json(&subjects)? })
    }
}

fn row(id: i64, exchange: &NewExchange) -> impl Serialize {
    let NewExchange { request_id, at, method, target, status, interaction, .. } = exchange;
    let NewExchange { resource_type, resource_id, caller, rules, duration_us, is_read, .. } = exchange;
    let rules = rules.iter().fold(" ".to_owned(), |list, rule| list + rule + " ");
    let (size, is_read) = (integer(exchange.size()), i64::from(*is_read));
    serde_json::json!([
        id,
        request_id,
        at,
        method,
        target,
        status,
        interaction,
        resource_type,
        resource_id,
        caller,
        rules,
        duration_us,
        size,
        is_read
    ])
}

fn json(rows: &impl Serialize) -> Result<String, StorageError> {
    serde_json::to_string(rows).map_err(StorageError::internal)
}

/// Sizes and numbers in memory are below 2^63.
fn integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
