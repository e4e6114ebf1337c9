//! One process serves a SQLite file.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use super::database::{Backend, OpenError, sqlite_options};

/// The right to serve a SQLite file. It ends with the process, however that ends: the lock is the
/// operating system's, and the file beside the database that carries it means nothing by itself.
#[derive(Debug)]
pub struct Serving {
    _lock: Option<File>,
}

impl Serving {
    /// Takes that right, unless another process has it. On Postgres several instances serve one database.
    pub fn of(url: &str) -> Result<Self, OpenError> {
        match Backend::of(url)? {
            Backend::Postgres => Ok(Self { _lock: None }),
            Backend::Sqlite => {
                let (options, description) = sqlite_options(url)?;
                let mut path = PathBuf::from(options.get_filename()).into_os_string();
                path.push("-serving");
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let lock = File::create(&path).map_err(|error| failed(sqlx::Error::Io(error)))?;
                match lock.try_lock() {
                    Ok(()) => Ok(Self { _lock: Some(lock) }),
                    Err(TryLockError::WouldBlock) => Err(OpenError::Served { description }),
                    Err(TryLockError::Error(error)) => Err(failed(sqlx::Error::Io(error))),
                }
            }
        }
    }
}
