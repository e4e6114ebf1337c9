//! A transaction that keeps other writers out, on both databases.

/// Expands the body once for each database, inside a transaction that sees the last committed
/// state and keeps other writers out.
macro_rules! in_write_transaction {
    ($storage:expr, $transaction:ident => $body:expr) => {
        match &$storage.writer {
            $crate::storage::database::Writer::Sqlite(connections) => {
                let mut connection = connections.begin_write(&$storage.deadline).await?;
                let $transaction = &mut *connection;
                let outcome = $body;
                connection.commit().await?;
                outcome
            }
            $crate::storage::database::Writer::Postgres(connections) => {
                let mut connection = connections.begin_write(&$storage.deadline).await?;
                let $transaction = &mut *connection;
                let outcome = $body;
                connection.commit().await?;
                outcome
            }
        }
    };
}
pub(super) use in_write_transaction;
