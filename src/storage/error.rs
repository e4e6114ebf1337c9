//! The failures of the database.

use std::sync::Arc;

use crate::deadline::{DeadlineExceeded, Limited};
use crate::error::Error;

/// Why an operation of the database failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// The database is away, busy, full or shutting down. What was not written may be repeated as it is.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// The work was stopped at its deadline.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// Repeating it would fail again: a fault of this program or of the schema.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// The failure as the driver reports it.
#[derive(Clone, Debug)]
pub struct Cause {
    source: Arc<dyn std::error::Error + Send + Sync>,
    /// Whether the database is known to hold nothing of what was to be written.
    is_rolled_back: bool,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

impl StorageError {
    /// A failure of this program.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Cause { source: Arc::from(cause.into()), is_rolled_back: true })
    }

    /// Whether nothing was written. If the connection broke or fell silent, the commit may have succeeded.
    pub(crate) fn is_rolled_back(&self) -> bool {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => cause.is_rolled_back,
            Self::DeadlineExceeded => false,
        }
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        let is_passing = is_passing(&error);
        let is_rolled_back = is_rolled_back(&error);
        let cause = Cause { source: Arc::new(error), is_rolled_back };
        if is_passing { Self::Unavailable(cause) } else { Self::Internal(cause) }
    }
}

impl From<DeadlineExceeded> for StorageError {
    fn from(_: DeadlineExceeded) -> Self {
        Self::DeadlineExceeded
    }
}

impl Limited for StorageError {
    fn may_be_interruption(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(cause) => Self::Unavailable(Arc::new(cause)),
            StorageError::DeadlineExceeded => Self::DeadlineExceeded,
            StorageError::Internal(cause) => Self::Internal(Arc::new(cause)),
        }
    }
}

/// Whether the failure is of the moment: the database away, busy, full or shutting down.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                // Connection, resources (a full disk), operator intervention, system, lock, idle time-out, read only
                // (a standby). A transaction that was rolled back (class 40) is run again.
                ["08", "53", "57", "58", "55P03", "25P0", "25006"].iter().any(|class| code.starts_with(class))
            } else {
                // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT (by a deadline), IOERR, FULL, CANTOPEN, PROTOCOL: the low
                // byte of the extended code.
                code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5..=10 | 13..=15))
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        _ => false,
    }
}

/// Whether nothing was written: the database answered that a statement or the commit failed, or no transaction began.
fn is_rolled_back(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Encode(_) => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // SQLite: SQLITE_IOERR, SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC; the commit may be in the file.
            let is_sync_error = ["10", "1034", "1290"].contains(&&*code);
            // PostgreSQL: 08 is a broken connection, 57P an administrator's shutdown, 58 the system, XX a fault.
            let is_break = code.len() == 5 && ["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class));
            !(code.is_empty() || is_sync_error || is_break)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_error_says_whether_a_write_is_rolled_back() {
        use sqlx::error::{DatabaseError, ErrorKind};

        #[derive(Debug)]
        struct Answered(Option<&'static str>);
        impl std::fmt::Display for Answered {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl std::error::Error for Answered {}
        impl DatabaseError for Answered {
            fn message(&self) -> &'static str {
                "answered"
            }
            fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
                self.0.map(Into::into)
            }
            fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
                self
            }
            fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
                self
            }
            fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
                self
            }
            fn kind(&self) -> ErrorKind {
                ErrorKind::Other
            }
        }
        let is_known = |code| is_rolled_back(&sqlx::Error::Database(Box::new(Answered(code))));
        // Full, busy, a constraint; of PostgreSQL full, cancelled, read-only, a constraint.
        for code in ["13", "5", "1299", "778", "53100", "57014", "25006", "23505"] {
            assert!(is_known(Some(code)), "{code}");
        }
        // A failed sync; of PostgreSQL a broken connection, a shutdown, a fault.
        for code in ["10", "1034", "1290", "08006", "57P01", "58030", "XX000"] {
            assert!(!is_known(Some(code)), "{code}");
        }
        assert!(!is_known(None) && is_rolled_back(&sqlx::Error::PoolTimedOut));
        for error in [sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()), sqlx::Error::WorkerCrashed] {
            assert!(!is_rolled_back(&error), "{error}");
        }
    }
}
