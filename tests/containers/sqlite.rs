//! deploy/docker-compose.sqlite.yml: one instance on SQLite, TLS in the program.

use std::time::Instant;

use crate::certificates::{Authority, Kind};
use crate::composition::Composition;
use crate::deployment::{account, fhir};
use crate::engine::Engine;
use crate::installation::{Installation, assert_no_person, identifier_of, pasted};
use crate::load::{Load, Pace};
use crate::nginx::client;

const FILE: &str = "deploy/docker-compose.sqlite.yml";
/// The image's user.
const GROUP: u32 = 65_532;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_composition_validates_certificates_and_restores_its_backup() {
    let Some(engine) = Engine::start() else { return };
    let installation = Installation::for_containers(GROUP);
    let mut composition = installation.up(engine, &[FILE]);
    let url = |path: &str| installation.url(path);
    let good = installation.client(Some(Kind::Good));

    // 000: no connection.
    let statuses = installation.run_pasted(&pasted("deploy/README.md", "try $(as good)"));
    assert_eq!(statuses, ["200", "000", "403", "403", "000", "000"]);
    for authority in [Authority::new(), Authority::named("OTHER")] {
        let foreign = client(&installation.authority, installation.address(), Some(&authority.client(Kind::Good)));
        assert!(foreign.get(url("/fhir/Practitioner")).send().await.is_err());
    }
    // The demo's caller has no right to appointments, as deploy/README.md says.
    let statuses = installation.run_pasted(&pasted("README.md", "curl -i -X PUT"));
    assert_eq!(statuses, ["201", "200", "403", "422"]);

    let put = async |(text, criterion): &(String, String)| {
        let request = good.put(url(criterion)).header("content-type", "application/json").body(text.clone());
        fhir(request).await
    };
    let (kept, later) = (account(), account());
    let created = put(&kept).await;
    assert_eq!(created.status, 201, "{}", created.resource);
    assert!(created.location.starts_with(&url("/fhir/Practitioner/")), "{}", created.location);
    composition.program("endpoint", &["backup", "/data/copy.db"]);
    assert_eq!(put(&later).await.status, 201);
    let records = composition.program("endpoint", &["exchanges", "--since", "1h"]);
    assert!(records.contains("conditional-update"), "{records}");
    composition.program("endpoint", &["purge"]);

    // Another container on the same volume has what this one wrote.
    composition.make("endpoint");
    composition.wait_until_healthy("endpoint");
    assert_eq!(put(&later).await.status, 200);

    restore(&composition);
    assert_eq!(put(&kept).await.status, 200, "what the backup holds is there");
    assert_eq!(put(&later).await.status, 201, "what was written after it is not");
    let logs = composition.logs();
    assert_no_person(&logs);
    assert!([&kept, &later].iter().all(|account| !logs.contains(identifier_of(account))), "{logs}");
}

/// What comes to the one instance while it is away is refused a connection: no answer but 200 and 201 is given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_composition_restarted_killed_and_recreated_under_load_loses_no_write() {
    let Some(engine) = Engine::start() else { return };
    let installation = Installation::for_containers(GROUP);
    let mut composition = installation.up(engine, &[FILE]);
    let steps: [fn(&mut Composition); 3] = [
        |composition| {
            composition.stop("endpoint");
            composition.start("endpoint");
        },
        |composition| composition.kill("endpoint"),
        |composition| composition.make("endpoint"),
    ];
    let client = || installation.client(Some(Kind::Good));
    let load = Load::start(client, &installation.url(""), Pace::BelowTheRateLimit);
    for step in steps {
        load.wait_for_more(80).await;
        tokio::task::block_in_place(|| {
            step(&mut composition);
            composition.wait_until_healthy("endpoint");
        });
        load.wait_past(Instant::now()).await;
    }
    let ledger = load.end().await;
    let refused = ledger.answered.iter().filter(|answered| !answered.is_written() && answered.result.is_ok());
    assert_eq!(refused.map(|answered| &answered.result).collect::<Vec<_>>(), Vec::<&Result<_, _>>::new());
    ledger.assert_kept(&installation.accounts().await);
    assert_no_person(&composition.logs());
}

/// As deploy/README.md says: stop, remove the journal, put the copy in the place of the database, start. In the image there
/// is no shell, and a container that is stopped has no process to run one: this is done beside it, on its volume.
fn restore(composition: &Composition) {
    composition.stop("endpoint");
    let volume =
        composition.engine.run(&["volume", "inspect", "--format", "{{.Mountpoint}}", "sas-endpoint-sqlite_data"]);
    let at = |name: &str| std::path::Path::new(&volume).join(name);
    for journal in ["sas-endpoint.db-wal", "sas-endpoint.db-shm"] {
        let _ = std::fs::remove_file(at(journal));
    }
    std::fs::rename(at("copy.db"), at("sas-endpoint.db")).expect("the copy is there");
    composition.start("endpoint");
    composition.wait_until_healthy("endpoint");
}
