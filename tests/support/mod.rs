//! Shared by the suites: a database for each test, on SQLite and on Postgres.

#[allow(dead_code)] // Each suite takes what it needs of it.
pub mod polling;
#[allow(dead_code)] // Likewise.
pub mod ports;
#[allow(dead_code)] // Likewise.
pub mod postgres;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use sas_endpoint::http::bounds::Timeouts;
use tempfile::TempDir;

/// How long a request may take on a machine that does other things as well.
#[allow(dead_code)] // Not every suite serves requests itself.
pub const GENEROUS: Timeouts = Timeouts { write: MINUTE, search: MINUTE, read: MINUTE, permit: Duration::from_secs(1) };
#[allow(dead_code)]
const MINUTE: Duration = Duration::from_mins(1);

/// The two databases that every behaviour is shown on.
#[allow(dead_code)] // One suite is of Postgres servers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database of one test. SQLite files go when it is dropped; the Postgres cluster goes as a whole.
#[allow(dead_code)] // Likewise.
pub struct TestDatabase {
    pub url: String,
    _folder: Option<TempDir>,
}

#[allow(dead_code)]
impl TestDatabase {
    /// `None` where there is no Postgres to test with, which is said once.
    pub async fn new(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let folder = folder_in(in_memory(), "sqlite");
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                Some(Self { url, _folder: Some(folder) })
            }
            Backend::Postgres => Some(Self { url: postgres::new_database().await?, _folder: None }),
        }
    }
}

/// Where databases stand that only tests need: in memory where there is room, as a quarter of the time goes into making and
/// deleting files elsewhere.
pub fn in_memory() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let shared_memory = Path::new("/dev/shm");
        let available = Command::new("df").args(["--output=avail", "--block-size=1G"]).arg(shared_memory).output();
        let gibibytes =
            available.ok().and_then(|df| String::from_utf8(df.stdout).ok()?.lines().last()?.trim().parse().ok());
        if gibibytes.is_some_and(|gibibytes: u64| gibibytes >= 6) {
            shared_memory.to_owned()
        } else {
            std::env::temp_dir()
        }
    });
    &FOLDER
}

/// A new folder, which nobody else has; gone when it is dropped.
pub fn folder(name: &str) -> TempDir {
    folder_in(&std::env::temp_dir(), name)
}

/// The same, in this one.
pub fn folder_in(parent: &Path, name: &str) -> TempDir {
    tempfile::Builder::new().prefix(&format!("sas-endpoint-{name}-")).tempdir_in(parent).expect("a folder for the test")
}

/// Turns `async fn behaviour(…)` into one test for each database.
///
/// The function takes what `$setup(backend)` gives; where that is `None`, there is nothing to test with.
#[macro_export]
macro_rules! on_both_databases {
    ($setup:path; $($(#[$attribute:meta])* async fn $name:ident($given:ident : $type:ty) $body:block)+) => {
        $(
            $(#[$attribute])*
            mod $name {
                #[allow(unused_imports)]
                use super::*;

                async fn behaviour($given: $type) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    behaviour($setup($crate::support::Backend::Sqlite).await.expect("SQLite is always there")).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    if let Some(given) = $setup($crate::support::Backend::Postgres).await {
                        behaviour(given).await;
                    }
                }
            }
        )+
    };
}
