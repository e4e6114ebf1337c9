//! deploy/docker-compose.sqlite.yml: one instance on SQLite, TLS in the program.

use std::process::Stdio;

use crate::certificates::Kind;
use crate::composition::Composition;
use crate::deployment::{account, fhir};
use crate::engine::Engine;
use crate::installation::Installation;

const FILE: &str = "deploy/docker-compose.sqlite.yml";
/// The image's user.
const GROUP: u32 = 65_532;
const PROGRAM: &str = "/usr/local/bin/sas-endpoint";

fn run(composition: &Composition, arguments: &[&str]) -> String {
    let output = composition.exec("endpoint", &[&[PROGRAM], arguments].concat(), Stdio::null());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_composition_tells_certificates_apart_and_restores_its_backup() {
    let Some(engine) = Engine::start() else { return };
    let installation = Installation::new(GROUP);
    let mut composition = installation.up(engine, FILE);
    let url = |path: &str| installation.url(path);
    let good = installation.client(Some(Kind::Good));

    assert_eq!(fhir(good.get(url("/fhir/Practitioner"))).await.status, 200);
    for kind in [Kind::WrongCommonName, Kind::WrongOrganizationalUnit] {
        let refused = fhir(installation.client(Some(kind)).get(url("/fhir/Practitioner"))).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{kind:?}");
    }
    for kind in [None, Some(Kind::Expired), Some(Kind::Revoked)] {
        let answer = installation.client(kind).get(url("/fhir/Practitioner")).send().await;
        assert!(answer.is_err(), "{kind:?}: {answer:?}");
    }

    let put = async |(text, criterion): &(String, String)| {
        let request = good.put(url(criterion)).header("content-type", "application/json").body(text.clone());
        fhir(request).await
    };
    let (kept, later) = (account(), account());
    let created = put(&kept).await;
    assert_eq!(created.status, 201, "{}", created.resource);
    assert!(created.location.starts_with(&url("/fhir/Practitioner/")), "{}", created.location);
    run(&composition, &["backup", "/data/copy.db"]);
    assert_eq!(put(&later).await.status, 201);
    let records = run(&composition, &["exchanges", "--since", "1h"]);
    assert!(records.contains("conditional-update"), "{records}");
    run(&composition, &["purge"]);

    // Another container on the same volume has what this one wrote.
    composition.make("endpoint");
    composition.wait_until_healthy("endpoint");
    assert_eq!(put(&later).await.status, 200);

    restore(&composition);
    assert_eq!(put(&kept).await.status, 200, "what the backup holds is there");
    assert_eq!(put(&later).await.status, 201, "what was written after it is not");
    let logs = composition.logs();
    for person in ["Nadia", "AUBERT", "nadia.aubert", criterion_value(&kept.1), criterion_value(&later.1)] {
        assert!(!logs.contains(person), "{logs}");
    }
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

/// The identifier that a criterion names.
fn criterion_value(criterion: &str) -> &str {
    criterion.rsplit_once('|').expect("an identifier").1
}
