//! A transaction that keeps other writers out, on both databases.

/// One batch at a time, over all instances that share a Postgres database: each decides over the commits of the others.
/// The number is arbitrary, and the same for every instance.
///
/// A batch finds every row by its key. Without statistics, as while a database is being filled, Postgres would read
/// whole tables: until the commit it must not.
pub(super) const POSTGRES_WRITE_LOCK: &str = "SELECT set_config('enable_seqscan', 'off', true), \
     set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), \
     pg_advisory_xact_lock(7302451)";

/// Expands the body once for each database, inside a transaction that sees the last committed
/// state and keeps other writers out.
macro_rules! in_write_transaction {
    ($storage:expr, $transaction:ident => $body:expr) => {
        match &$storage.writer {
            $crate::storage::database::Writer::Sqlite { pool, stop_at } => {
                let mut connection = pool.acquire().await?;
                stop_at.set(&$storage.deadline);
                // A deferred transaction that turns into a write fails at once when another process writes.
                let mut $transaction = sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await?;
                let outcome = $body;
                $transaction.commit().await?;
                outcome
            }
            $crate::storage::database::Writer::Postgres(connections) => {
                let mut connection = connections.acquire(&$storage.deadline).await?;
                let mut $transaction = sqlx::Connection::begin(&mut *connection).await?;
                sqlx::query($crate::storage::write_transaction::POSTGRES_WRITE_LOCK)
                    .execute(&mut *$transaction)
                    .await?;
                let outcome = $body;
                $transaction.commit().await?;
                outcome
            }
        }
    };
}
pub(super) use in_write_transaction;
