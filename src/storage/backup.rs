//! A consistent copy of a SQLite database, made while it is served.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection};

use super::address::{Backend, sqlite_options, sqlite_reading_options};
use super::open_error::OpenError;
use super::private_file;

/// The result of a backup.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// The size of the copy, in bytes.
    pub bytes: u64,
    /// How many accounts are in it.
    pub accounts: i64,
}

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is not SQLite.
    #[error(
        "this is a Postgres database: copy it with pg_dump (pg_dump --format=custom --exclude-schema=journal --file=FILE DATABASE)"
    )]
    Postgres,
    /// The file exists; a backup never overwrites one.
    #[error("{0} exists already; nothing was copied")]
    Exists(PathBuf),
    /// The database cannot be found.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The database cannot be read, or the copy not written.
    #[error("the database cannot be copied: {0}")]
    Copy(#[from] sqlx::Error),
    /// The integrity check of the copy failed.
    #[error("the copy is damaged and was removed: {0}")]
    Damaged(String),
}

/// Copies the database to a new file as of one moment, while others write. The file gets its name when it is
/// complete, on disk and checked; only its owner may read it.
pub async fn backup(url: &str, file: &Path) -> Result<Copied, BackupError> {
    if Backend::of(url)? == Backend::Postgres {
        return Err(BackupError::Postgres);
    }
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(format!(".{}.part", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = async {
        let failed = |source| BackupError::Write { path: unfinished.clone(), source };
        // VACUUM INTO accepts an empty file, and keeps its mode.
        private_file::create_new(&unfinished).map_err(failed)?;
        let copied = copy(url, &unfinished).await?;
        File::open(&unfinished).and_then(|copy| copy.sync_all()).map_err(failed)?;
        // A file that another process has created in the meantime stays.
        match std::fs::hard_link(&unfinished, file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(BackupError::Exists(file.to_owned()));
            }
            // The file system has no hard links.
            Err(_) => std::fs::rename(&unfinished, file).map_err(failed)?,
            Ok(()) => {}
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(copied)
    }
    .await;
    let _ = std::fs::remove_file(&unfinished);
    written
}

async fn copy(url: &str, to: &Path) -> Result<Copied, BackupError> {
    let (_, description) = sqlite_options(url)?;
    let failed = |source| OpenError::Connect { description, source };
    let mut database = sqlite_reading_options(url)?.connect().await.map_err(failed)?;
    let path = to.to_str().ok_or_else(|| sqlx::Error::Configuration("the name of the copy must be UTF-8".into()))?;
    sqlx::query("VACUUM INTO $1").bind(path).execute(&mut database).await?;
    database.close().await?;
    let mut copy = sqlx::sqlite::SqliteConnectOptions::new().filename(to).connect().await?;
    // Served, the copy is another log: positions after the backup mean other events there.
    sqlx::query("DELETE FROM note WHERE name = 'log-id'").execute(&mut copy).await?;
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut copy).await?;
    if verdict != "ok" {
        return Err(BackupError::Damaged(verdict));
    }
    let accounts = "SELECT COUNT(*) FROM resource WHERE resource_type = 'Practitioner'";
    let accounts = sqlx::query_scalar(accounts).fetch_one(&mut copy).await?;
    copy.close().await?;
    let metadata = std::fs::metadata(to).map_err(|source| BackupError::Write { path: to.to_owned(), source })?;
    Ok(Copied { bytes: metadata.len(), accounts })
}
