//! Where copies are made, and removed.

use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::support::postgres::Cluster;
use super::{Failure, support};

/// A folder that goes in the end.
pub struct Folder {
    pub path: PathBuf,
    keep: bool,
}

impl Folder {
    pub fn new(parent: &Path, keep: bool) -> Self {
        std::fs::create_dir_all(parent).expect("a folder for the data");
        Self { path: support::folder_in(parent, "annuaire").keep(), keep }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Copies of one kind of database.
pub enum Copies {
    /// Files in this folder.
    Sqlite(PathBuf),
    /// Databases of this cluster.
    Postgres(Cluster),
}

impl Copies {
    /// The URL of an empty database.
    pub async fn new_copy(&self, name: &str) -> Result<String, Failure> {
        match self {
            Self::Sqlite(folder) => Ok(format!("sqlite://{}", folder.join(name).with_extension("db").display())),
            Self::Postgres(cluster) => Ok(cluster.new_database().await),
        }
    }

    /// In bytes; and that of a log beside it, which the next who opens it takes in.
    pub async fn size(&self, url: &str) -> Result<(u64, u64), Failure> {
        match self {
            Self::Sqlite(_) => {
                let sizes = files(url).map(|file| file.metadata().map_or(0, |file| file.len()));
                Ok((sizes[0], sizes[1]))
            }
            Self::Postgres(_) => {
                let mut connection = PgConnection::connect(url).await?;
                let query = sqlx::query_scalar("SELECT pg_database_size(current_database())");
                let size: i64 = query.fetch_one(&mut connection).await?;
                connection.close().await?;
                Ok((size.unsigned_abs(), 0))
            }
        }
    }

    pub async fn remove(&self, url: &str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => files(url).iter().for_each(|file| drop(std::fs::remove_file(file))),
            Self::Postgres(_) => {
                let (server, parameters) = url.split_once('?').unwrap_or((url, ""));
                let (server, name) = server.rsplit_once('/').ok_or("an address without a database")?;
                let mut connection = PgConnection::connect(&format!("{server}/postgres?{parameters}")).await?;
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}

/// The files of a SQLite database, whether they are there or not.
fn files(url: &str) -> [PathBuf; 4] {
    let path = url.trim_start_matches("sqlite://");
    ["", "-wal", "-shm", "-writer"].map(|end| PathBuf::from(format!("{path}{end}")))
}
