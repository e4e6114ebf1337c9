//! `sas-endpoint backup FILE`: a consistent copy of the SQLite database, beside a running server.

use std::process::ExitCode;

use bytesize::ByteSize;

use super::terminal;
use crate::config::Config;
use crate::config::exchanges::Backup;
use crate::storage::backup::{self, BackupError};

/// The status of a command that does not apply.
const NOT_HERE: u8 = 2;

/// Makes the copy, and says what is in it.
pub async fn backup(arguments: &Backup, config: &Config) -> Result<ExitCode, BackupError> {
    match backup::backup(&config.database_url, &arguments.file).await {
        Ok(copied) => {
            let (size, accounts) = (ByteSize::b(copied.bytes), copied.accounts);
            println!("{}: {size}, {accounts} accounts; checked.", terminal::cell(&arguments.file.to_string_lossy()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ BackupError::Postgres) => {
            super::tell_failure(&error);
            Ok(ExitCode::from(NOT_HERE))
        }
        Err(error) => Err(error),
    }
}
