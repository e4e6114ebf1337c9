//! The connection to Postgres: TLS, failover under the same name, connection poolers.

#[path = "../support/certificates.rs"]
mod certificates;
mod failover;
mod pgbouncer;
mod pooler;
#[path = "../program/process.rs"]
#[allow(dead_code)] // Most of it is the suite's of the program.
mod process;
mod proxy;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::resource_type::ResourceType;
use sas_endpoint::storage::search::{Search, Sort};
use sas_endpoint::storage::{NewVersion, StateKeys, Storage, StorageError, WriteSet};

const TYPE: ResourceType = ResourceType::Practitioner;

/// Writes the first version of a resource of this id.
async fn write(storage: &Storage, id: &str) -> Result<(), StorageError> {
    let version = NewVersion {
        resource_type: TYPE,
        id: Id::parse(id).expect("an id"),
        version: 1,
        last_updated: "2026-03-01T08:00:00.000Z".to_owned(),
        interaction: "create",
        content: "{}".to_owned(),
        change: String::new(),
    };
    storage.write(&StateKeys::default(), &[], |_| WriteSet { versions: vec![version], events: vec![] }).await
}

/// Whether there is a version of a resource of this id.
async fn is_there(storage: &Storage, id: &str) -> bool {
    storage.read_version(TYPE, &Id::parse(id).expect("an id"), 1).await.expect("an answer").is_some()
}

/// Uses connections of every purpose.
async fn use_all(storage: &Storage) {
    let search = Search { resource_type: TYPE, criteria: vec![], sort: Sort::Id, after: None, count: 10 };
    storage.search(&search).await.expect("a page");
    storage.count(&search).await.expect("a count");
    storage.read_unchanged(TYPE, &Id::parse("a").expect("an id"), 1).await.expect("an answer");
    is_there(storage, "a").await;
    assert!(storage.is_ready().await.expect("an answer"));
}
