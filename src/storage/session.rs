//! The settings of Postgres sessions, as SQL.

/// The settings of a Postgres session that reads, and more.
macro_rules! reader_session {
    ($($more:literal)?) => {
        concat!(
            "SET idle_in_transaction_session_timeout = '10s';",
            "SET default_transaction_isolation = 'read committed';",
            // A plan made while a table was small would be kept for as long as it grows.
            "SET plan_cache_mode = force_custom_plan;",
            $($more)?
        )
    };
}

/// Of reads.
pub const READER_SESSION: &str = reader_session!();

/// Of the console, whose reads have no index: in one process.
pub const CONSOLE_SESSION: &str = reader_session!("SET max_parallel_workers_per_gather = 0");

/// Of reads by id and of the history of a resource. They find each row by a key, in the order of an index. Without statistics, as after a
/// restore, Postgres would read and sort whole tables.
pub const LOOKUP_SESSION: &str = reader_session!("SET enable_bitmapscan = off; SET enable_sort = off");

/// The settings of the Postgres session that writes.
pub const WRITER_SESSION: &str = concat!(
    // An instance that hangs inside a transaction must not block the others for ever.
    "SET idle_in_transaction_session_timeout = '10s';",
    // Acknowledged means on disk, and decided over what was committed before.
    "SET synchronous_commit = on;",
    "SET default_transaction_isolation = 'read committed';",
    // A batch finds every row by its key. Without statistics, as while a database is being filled, Postgres would read
    // whole tables.
    "SET enable_seqscan = off;",
    "SET enable_hashjoin = off;",
    "SET enable_mergejoin = off;",
    // So the plan does not depend on the tables: it is made once.
    "SET plan_cache_mode = force_generic_plan",
);
