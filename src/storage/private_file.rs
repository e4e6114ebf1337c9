//! Files that only their owner may read and write, whatever the umask: they contain accounts unencrypted.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const MODE: u32 = 0o600;

/// As many symbolic links as Linux follows.
const MAX_LINKS: usize = 40;

/// Creates an empty database, unless the file exists. SQLite gives `-wal` and `-shm` the mode of the database.
///
/// An existing file is not opened: closing it would release the locks that this process has on it through SQLite.
pub(crate) fn create_database(path: &Path) {
    // SQLite's own error is better.
    let _ = create_new(&target(path));
}

/// The file that a path leads to, existing or not: SQLite keeps its other files next to it.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(link) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}

/// The path of a file without symbolic links, so that every name of a file has the same lock file. The file need not
/// exist.
pub(crate) fn real(path: &Path) -> PathBuf {
    let path = target(path);
    let in_real_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_real_folder).unwrap_or(path)
}

/// The path of a file next to a database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = real(database).into_os_string();
    path.push(suffix);
    path.into()
}

/// Creates a file that does not exist.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

/// Opens a lock file, and creates it if it is missing.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).open(path)
}

/// Warns about files of this database that other users may read or write.
pub(crate) fn warn_if_shared(database: &Path) {
    let files = shared(database);
    if !files.is_empty() {
        let files = files.join(" ");
        tracing::warn!("database files can be read or written by other users; run chmod 600 {files}");
    }
}

/// The database, SQLite's other files, and the lock files of this program.
fn shared(database: &Path) -> Vec<String> {
    let is_shared =
        |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0);
    let files =
        ["", "-wal", "-shm", "-journal", "-serving", "-writer"].map(|suffix| beside(database, suffix)).into_iter();
    files.filter(is_shared).map(|path| path.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn private_file_link_to_a_missing_file_makes_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, target) = (folder.path().join("link.db"), folder.path().join("target.db"));
        std::os::unix::fs::symlink("target.db", folder.path().join("other.db")).expect("a link");
        std::os::unix::fs::symlink("other.db", &link).expect("a link");
        create_database(&link);
        assert_eq!(mode(&target), MODE);
        // SQLite's other files are next to the file that the link leads to.
        std::fs::write(folder.path().join("target.db-wal"), "").expect("written");
        std::fs::set_permissions(folder.path().join("target.db-wal"), PermissionsExt::from_mode(0o644)).expect("set");
        assert_eq!(shared(&link).len(), 1);
    }

    #[test]
    fn real_name_is_one_for_a_file_and_all_links_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let real_folder = folder.path().canonicalize().expect("a folder");
        std::os::unix::fs::symlink(&real_folder, folder.path().join("folder")).expect("a link");
        for (name, to) in [("a", "a.db"), ("b", "a"), ("c", "folder/b")] {
            std::os::unix::fs::symlink(to, folder.path().join(name)).expect("a link");
        }
        // Made or not.
        for _ in 0..2 {
            for name in ["a.db", "a", "b", "c", "folder/a.db", "folder/c"] {
                assert_eq!(real(&folder.path().join(name)), real_folder.join("a.db"), "{name}");
            }
            std::fs::write(folder.path().join("a.db"), "").expect("written");
        }
    }

    #[test]
    fn private_file_existing_database_keeps_its_content_and_is_told_if_shared() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        std::fs::write(&path, "content").expect("written");
        for (wide, is_shared) in [(0o600, false), (0o400, false), (0o640, true), (0o602, true), (0o666, true)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(wide)).expect("set");
            create_database(&path);
            assert_eq!((mode(&path), shared(&path).len()), (wide, usize::from(is_shared)), "{wide:o}");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "content");
    }
}
