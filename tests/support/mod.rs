//! Shared by the suites: a database for each test, on SQLite and on Postgres.

#[allow(dead_code)] // Each suite takes what it needs of it.
pub mod polling;
#[allow(dead_code)] // Likewise.
pub mod ports;
#[allow(dead_code)] // Likewise.
pub mod postgres;

use std::time::Duration;

use sas_endpoint::http::bounds::Timeouts;
use std::path::Path;

use tempfile::TempDir;

/// How long a request may take on a machine that does other things as well.
#[allow(dead_code)] // Not every suite serves requests itself.
pub const GENEROUS: Timeouts = Timeouts { write: MINUTE, search: MINUTE, read: MINUTE, permit: Duration::from_secs(1) };
#[allow(dead_code)]
const MINUTE: Duration = Duration::from_secs(60);

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
                let folder = folder("sqlite");
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                Some(Self { url, _folder: Some(folder) })
            }
            Backend::Postgres => Some(Self { url: postgres::new_database().await?, _folder: None }),
        }
    }
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
