//! `sas-endpoint backup FILE`: copies the SQLite database, while a server may be running.

use std::process::ExitCode;

use bytesize::ByteSize;

use super::failure::report_failure;
use super::terminal;
use crate::config::Config;
use crate::config::exchanges::Backup;
use crate::storage::backup::{self, BackupError};

/// Exit status if the database is Postgres, which has its own tools.
const NOT_APPLICABLE: u8 = 2;

/// Writes and verifies the backup, and prints its size and its number of accounts.
pub async fn backup(arguments: &Backup, config: &Config) -> Result<ExitCode, BackupError> {
    match backup::backup(&config.database_url, &arguments.file).await {
        Ok(backup) => {
            let (size, accounts) = (ByteSize::b(backup.bytes), backup.accounts);
            println!("{}: {size}, {accounts} accounts; checked.", terminal::cell(&arguments.file.to_string_lossy()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ BackupError::Postgres) => {
            report_failure(&error);
            Ok(ExitCode::from(NOT_APPLICABLE))
        }
        Err(error) => Err(error),
    }
}
