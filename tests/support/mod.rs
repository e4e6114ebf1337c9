//! What the suites share: a database for each test, on SQLite and on Postgres.

pub mod postgres;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The two databases that every behaviour is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database of one test. SQLite files go when it is dropped; the Postgres cluster goes as a whole.
pub struct TestDatabase {
    pub url: String,
    folder: Option<PathBuf>,
}

impl TestDatabase {
    /// `None` where there is no Postgres to test with, which is said once.
    pub async fn new(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let folder = folder("sqlite");
                let url = format!("sqlite://{}", folder.join("test.db").display());
                Some(Self { url, folder: Some(folder) })
            }
            Backend::Postgres => Some(Self { url: postgres::new_database().await?, folder: None }),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A new folder of this process.
pub fn folder(name: &str) -> PathBuf {
    folder_in(&std::env::temp_dir(), name)
}

/// The same, in this one.
pub fn folder_in(parent: &Path, name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = parent.join(format!("sas-endpoint-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
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
