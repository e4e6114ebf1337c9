//! One process serves a SQLite file.

use std::fs::{File, TryLockError};

use super::address::{Backend, sqlite_options};
use super::open_error::OpenError;
use super::private_file;

/// The right to serve a SQLite file, as a lock of the operating system on a file next to the database. It ends with the
/// process, however the process ends.
#[derive(Debug)]
pub struct Serving {
    _lock: Option<File>,
}

impl Serving {
    /// Takes the right, unless another process has it. On Postgres, several instances may serve one database.
    pub fn of(url: &str) -> Result<Self, OpenError> {
        match Backend::of(url)? {
            Backend::Postgres => Ok(Self { _lock: None }),
            Backend::Sqlite => {
                let (options, description) = sqlite_options(url)?;
                let path = private_file::beside(options.get_filename(), "-serving");
                let failed = |source| OpenError::Connect { description: description.clone(), source };
                let lock = private_file::open_lock(&path).map_err(|error| failed(sqlx::Error::Io(error)))?;
                match lock.try_lock() {
                    Ok(()) => Ok(Self { _lock: Some(lock) }),
                    Err(TryLockError::WouldBlock) => Err(OpenError::Served { description }),
                    Err(TryLockError::Error(error)) => Err(failed(sqlx::Error::Io(error))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_served_once_by_whatever_name() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.db"), "").expect("a file");
        std::os::unix::fs::symlink(folder.path().join("a.db"), folder.path().join("link.db")).expect("a link");
        let serve = |name: &str| Serving::of(&format!("sqlite://{}", folder.path().join(name).display()));
        let first = serve("a.db").expect("served");
        assert!(matches!(serve("link.db"), Err(OpenError::Served { .. })));
        drop(first);
        serve("link.db").expect("served");
        // A link to a file that is yet to be made.
        std::os::unix::fs::symlink("new.db", folder.path().join("early.db")).expect("a link");
        let _first = serve("early.db").expect("served");
        assert!(matches!(serve("new.db"), Err(OpenError::Served { .. })));
    }
}
