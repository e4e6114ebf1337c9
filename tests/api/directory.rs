//! National identifiers of received resources are checked against the directory mirror.

use std::time::Duration;

use jiff::Timestamp;
use sas_endpoint::annuaire::ingest::progress::Quiet;
use sas_endpoint::annuaire::load::{Input, Settings, load};
use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::annuaire::store::resource::ParsedResource;
use sas_endpoint::clock::Clock;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::interaction::directory::DirectoryCheck;
use sas_endpoint::sas::directory::Check;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::server::*;
use crate::support::{Backend, TestDatabase, folder};

const KNOWN: &str = "810002909371";
const FORMER: &str = "810001234570";
const NOBODY: &str = "810009999999";
const INTERNAL: &str = "3620100057/48211AB";
const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const AGENDA: &str = "https://agenda.example.org/rdv";

/// Far longer than a busy machine takes.
const CHECK_TIMEOUT: Duration = Duration::from_mins(1);

/// A directory mirror, and a server that uses it.
struct Scene {
    backend: Backend,
    directory: TestDatabase,
    mirror: Mirror,
}

impl Scene {
    /// With nothing in the mirror.
    async fn empty(backend: Backend) -> Option<Self> {
        let directory = TestDatabase::new(backend).await?;
        let mirror = Mirror::open(&directory.url).await.expect("the mirror opens");
        Some(Self { backend, directory, mirror })
    }

    /// With two professionals, four days before the servers' time.
    async fn loaded(backend: Backend) -> Option<Self> {
        let scene = Self::empty(backend).await?;
        scene.load().await;
        Some(scene)
    }

    async fn load(&self) {
        let began: Timestamp = "2026-02-25T08:00:00Z".parse().expect("an instant");
        let clock = Clock::new(move || began, || Id::parse("x").expect("an id"));
        let settings = Settings { replace: false, allow_deletions: false, keep: Duration::from_hours(24), clock };
        let folder = folder("directory");
        let file = folder.path().join("professionals.ndjson");
        let text: String = professionals().iter().map(|professional| format!("{professional}\n")).collect();
        std::fs::write(&file, text).expect("written");
        load(&self.mirror, vec![Input::File(file)], &settings, &Quiet).await.expect("loaded");
    }

    async fn server(&self, check: Check) -> TestServer {
        let directory = DirectoryCheck::new(self.mirror.clone(), check).map(|check| check.with_timeout(CHECK_TIMEOUT));
        TestServer::checking(self.backend, directory).await.expect("a database")
    }

    /// Makes every search of the mirror fail.
    async fn break_copy(&self) {
        match self.backend {
            Backend::Sqlite => {
                let pool = sqlx::SqlitePool::connect(&self.directory.url).await.expect("a connection");
                sqlx::query("DROP TABLE posting").execute(&pool).await.expect("dropped");
            }
            Backend::Postgres => {
                let pool = sqlx::PgPool::connect(&self.directory.url).await.expect("a connection");
                sqlx::query("DROP TABLE annuaire.posting").execute(&pool).await.expect("dropped");
            }
        }
    }
}

fn professionals() -> [Value; 2] {
    [("003-1", KNOWN, true), ("003-2", FORMER, false)].map(|(id, national_id, active)| {
        json!({
            "resourceType": "Practitioner",
            "id": id,
            "meta": { "versionId": "1", "lastUpdated": "2026-02-01T08:00:00Z" },
            "identifier": [{ "system": N, "value": national_id }],
            "active": active,
        })
    })
}

/// An appointment made by a regulator with a professional, by their national ids.
fn meeting(value: &str, regulator: &str, professional: &str) -> Value {
    let mut meeting = appointment(AGENDA, value);
    meeting["extension"][0]["valueReference"]["identifier"] = identifier(N, regulator);
    meeting["participant"][0]["actor"]["identifier"] = identifier(N, professional);
    meeting
}

/// Creates a resource, and asks for the OperationOutcome of the write.
async fn create(server: &TestServer, resource: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("prefer", "return=OperationOutcome")];
    let path = format!("/{}", resource["resourceType"].as_str().expect("a type"));
    server.request("POST", &path, &headers, resource.to_string()).await
}

/// The rules of the directory that an answer cites, with their places.
fn cited(answer: &Answer) -> Vec<String> {
    let outcome = answer.json();
    let issues = outcome["issue"].as_array().expect("issues").iter();
    let cited = issues.map(|issue| {
        let part = |pointer: &str| issue.pointer(pointer).and_then(Value::as_str).expect("a text");
        format!("{} {} {}", part("/severity"), part("/details/coding/0/code"), part("/expression/0"))
    });
    cited.filter(|cited| cited.contains(" annuaire-")).collect()
}

on_both_databases! { Scene::loaded;
    async fn directory_check_unknown_account_is_accepted_with_a_warning(scene: Scene) {
        let server = scene.server(Check::Warn).await;
        let account = regulator(&[(T, U), (N, NOBODY)]);
        let answer = create(&server, &account).await.expect(201);
        assert_operation_outcome(&answer);
        assert_eq!(cited(&answer), ["warning annuaire-unknown Practitioner.identifier[1]"]);
        assert!(answer.text.contains("2026-02-25 08:00 UTC (il y a 4 jour(s))"), "{}", answer.text);
        assert!(!answer.text.contains(NOBODY), "{}", answer.text);

        let answer = create(&server, &regulator(&[(N, FORMER)])).await.expect(201);
        assert_eq!(cited(&answer), ["warning annuaire-inactive Practitioner.identifier[0]"]);
        assert!(answer.text.contains("2026-02-25 08:00 UTC") && !answer.text.contains(FORMER), "{}", answer.text);

        for (system, value) in [(N, KNOWN), (N, INTERNAL), (N, "0123456789"), (T, "5d1c9a77-3b1e-4f5a-8a66-7a0f6c1d2b22")] {
            let answer = create(&server, &regulator(&[(system, value)])).await.expect(201);
            assert_eq!(cited(&answer), [""; 0], "{value}");
        }
        assert_eq!(server.count("Practitioner").await, 6);
    }

    async fn directory_check_applies_to_updates(scene: Scene) {
        let server = scene.server(Check::Warn).await;
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let headers = [("content-type", "application/json"), ("prefer", "return=OperationOutcome")];
        let path = format!("/Practitioner?identifier={T}|{U}");
        let account = regulator(&[(T, U), (N, NOBODY)]).to_string();
        let answer = server.request("PUT", &path, &headers, account).await.expect(200);
        assert_eq!(cited(&answer), ["warning annuaire-unknown Practitioner.identifier[1]"]);
    }

    async fn directory_check_covers_every_professional_of_an_appointment(scene: Scene) {
        let server = scene.server(Check::Warn).await;
        let answer = create(&server, &meeting("1", NOBODY, FORMER)).await.expect(201);
        assert_eq!(cited(&answer), [
            "warning annuaire-unknown Appointment.extension[0].value.identifier",
            "warning annuaire-inactive Appointment.participant[0].actor.identifier",
        ]);
        let answer = create(&server, &meeting("2", INTERNAL, KNOWN)).await.expect(201);
        assert_eq!(cited(&answer), [""; 0]);
        assert!(answer.rules().contains(&"appointment-operator-unknown".to_owned()), "{}", answer.text);
    }

    async fn directory_check_spares_cancellations_and_deactivations(scene: Scene) {
        let server = scene.server(Check::Refuse).await;
        let answer = create(&server, &inactive(regulator(&[(N, FORMER)]))).await.expect(201);
        assert_eq!(cited(&answer), [""; 0]);
        let mut cancelled = meeting("1", KNOWN, FORMER);
        cancelled["status"] = "cancelled".into();
        assert_eq!(cited(&create(&server, &cancelled).await.expect(201)), [""; 0]);
    }

    async fn directory_check_refuse_returns_422_and_stores_nothing(scene: Scene) {
        let server = scene.server(Check::Refuse).await;
        let answer = create(&server, &regulator(&[(N, NOBODY)])).await.refused(422, "annuaire-unknown-refused");
        assert_eq!(cited(&answer), ["error annuaire-unknown-refused Practitioner.identifier[0]"]);
        let answer = create(&server, &meeting("1", KNOWN, FORMER)).await.refused(422, "annuaire-inactive-refused");
        assert_eq!(cited(&answer), ["error annuaire-inactive-refused Appointment.participant[0].actor.identifier"]);
        assert!(answer.text.contains("2026-02-25 08:00 UTC"), "{}", answer.text);
        assert_eq!((server.count("Practitioner").await, server.count("Appointment").await), (0, 0));
        create(&server, &regulator(&[(N, KNOWN)])).await.expect(201);
    }

    async fn directory_check_applies_to_validate(scene: Scene) {
        let account = regulator(&[(N, NOBODY)]);
        for (check, expected) in [
            (Check::Warn, &["warning annuaire-unknown Practitioner.identifier[0]"][..]),
            (Check::Refuse, &["error annuaire-unknown-refused Practitioner.identifier[0]"]),
            (Check::Off, &[]),
        ] {
            let server = scene.server(check).await;
            let parameters = json!({ "resourceType": "Parameters", "parameter": [{ "name": "resource", "resource": account }] });
            for body in [&account, &parameters] {
                let answer = server.post("/Practitioner/$validate", body).await.expect(200);
                assert_eq!(cited(&answer), expected);
                let identifier = body.to_string().find("\"identifier\":[").expect("a member") + "\"identifier\":[".len();
                let expected = (check != Check::Off).then(|| format!("1:{}", identifier + 1));
                assert_eq!(position(&answer.json()["issue"][0]), expected);
            }
            assert_eq!(server.count("Practitioner").await, 0);
        }
    }

    async fn directory_check_warning_has_the_date_of_the_mirror(scene: Scene) {
        let mut writer = scene.mirror.writer().await.expect("the mirror answers").expect("nobody else writes");
        let state = json!({ "upstream": "https://x", "mark": "2026-02-27T23:30:00Z" });
        writer.write_metadata("sync.Practitioner", &state.to_string()).await.expect("noted");
        writer.commit().await.expect("committed");
        let server = scene.server(Check::Warn).await;
        let answer = create(&server, &regulator(&[(N, NOBODY)])).await.expect(201);
        assert!(answer.text.contains("2026-02-27 23:30 UTC (il y a 1 jour(s))"), "{}", answer.text);
    }

    async fn directory_check_broken_or_slow_mirror_delays_no_write(scene: Scene) {
        let timed_out = DirectoryCheck::new(scene.mirror.clone(), Check::Refuse).map(|check| check.with_timeout(Duration::ZERO));
        // With a timeout of zero, the mirror is not asked.
        let slow = TestServer::checking(scene.backend, timed_out).await.expect("a database");
        assert_eq!(cited(&create(&slow, &regulator(&[(N, NOBODY)])).await.expect(201)), [""; 0]);
        scene.break_copy().await;
        for check in [Check::Warn, Check::Refuse] {
            let server = scene.server(check).await;
            for national_id in [NOBODY, FORMER] {
                let answer = create(&server, &regulator(&[(N, national_id)])).await.expect(201);
                assert_eq!(cited(&answer), [""; 0]);
            }
        }
    }
}

on_both_databases! { Scene::empty;
    async fn directory_check_empty_or_incomplete_mirror_gives_no_warning(scene: Scene) {
        let server = scene.server(Check::Refuse).await;
        let account = regulator(&[(N, NOBODY)]);
        assert_eq!(cited(&server.post("/Practitioner/$validate", &account).await.expect(200)), [""; 0]);

        // As in the middle of the first synchronisation.
        let [known, _] = professionals();
        let mut writer = scene.mirror.writer().await.expect("the mirror answers").expect("nobody else writes");
        writer.add(vec![ParsedResource::parse(&known.to_string()).expect("a resource")], true).await.expect("added");
        writer.commit().await.expect("committed");
        drop(writer);
        assert_eq!(cited(&create(&server, &account).await.expect(201)), [""; 0]);

        scene.load().await;
        let answer = create(&server, &meeting("1", KNOWN, NOBODY)).await.refused(422, "annuaire-unknown-refused");
        assert_eq!(cited(&answer).len(), 1);
    }
}
