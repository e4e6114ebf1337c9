//! Authentication through nginx, and its refusals.

use crate::certificates::{Authority, Kind};
use crate::deployment::{Deployment, account, fhir};

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_caller_writes_and_reads_at_the_public_url() {
    let Some(deployment) = Deployment::start().await else { return };
    let nginx = &deployment.nginx;
    let client = nginx.client(Some(&deployment.identity(Kind::Good)));
    let (account, criterion) = account();
    let created = fhir(client.put(nginx.url(&criterion)).header("content-type", JSON).body(account.clone())).await;
    assert_eq!(created.status, 201, "{}", created.resource);
    assert!(created.location.starts_with(&nginx.url("/fhir/Practitioner/")), "{}", created.location);
    assert_eq!(fhir(client.get(&created.location)).await.status, 200);
    // Both instances answer alike.
    for _ in 0..4 {
        let again = fhir(client.put(nginx.url(&criterion)).header("content-type", JSON).body(account.clone())).await;
        assert_eq!(again.status, 200, "{}", again.resource);
    }
    // What stands where an id does may be an identifier of somebody.
    for (path, status) in [
        ("/fhir/Practitioner/810002909371", 404),
        ("/fhir/Practitioner/810002909371/_history", 404),
        ("/fhir/810002909371", 404),
        ("/annuaire/fhir/v2/Practitioner/810002909371", 403),
        ("/810002909371/fhir/Practitioner", 404),
    ] {
        // Nor may the name that the client gives its request stand in a line.
        let request = client.get(nginx.url(path)).header("x-request-id", "AUBERT");
        assert_eq!(fhir(request).await.status, status, "{path}");
    }
    // One created, one read, four replayed, five with an identifier.
    let logs = nginx.logs(11).await;
    for line in
        ["PUT /fhir/Practitioner 201", "GET /fhir/Practitioner/* 404", "GET /annuaire/fhir/v2/Practitioner/* 403"]
    {
        assert!(logs.contains(line), "{line}: {logs}");
    }
    assert!(logs.contains("request_id=- ") && logs.contains("request_id=0"), "ours are shown: {logs}");
    for secret in ["identifier", "1.2.250.1.213.3.6", "AUBERT", "810002909371"] {
        assert!(!logs.contains(secret), "{secret}: {logs}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_unauthenticated_requests_get_an_outcome() {
    let Some(deployment) = Deployment::start().await else { return };
    let nginx = &deployment.nginx;
    let foreign = Authority::new().client(Kind::Good);
    for (who, identity, status, code) in [
        ("nobody", None, 401, "login"),
        ("of another name", Some(deployment.identity(Kind::WrongCommonName)), 403, "forbidden"),
        ("of another unit", Some(deployment.identity(Kind::WrongOrganizationalUnit)), 403, "forbidden"),
        ("revoked", Some(deployment.identity(Kind::Revoked)), 403, "forbidden"),
        ("for servers", Some(deployment.identity(Kind::ForServers)), 403, "forbidden"),
        ("expired", Some(deployment.identity(Kind::Expired)), 403, "forbidden"),
        ("not yet valid", Some(deployment.identity(Kind::NotYetValid)), 403, "forbidden"),
        ("of another authority", Some(foreign), 403, "forbidden"),
    ] {
        let client = nginx.client(identity.as_ref());
        let (account, criterion) = account();
        let refused = fhir(client.put(nginx.url(&criterion)).header("content-type", JSON).body(account)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{who}: {}", refused.resource);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_caller_rights_are_enforced() {
    let Some(deployment) = Deployment::start().await else { return };
    let client = deployment.nginx.client(Some(&deployment.identity(Kind::Good)));
    let url = deployment.nginx.url("/fhir/Appointment?identifier=https://agenda.example.org/rdv|1");
    let appointment = include_str!("../fixtures/appointment.json");
    let refused = fhir(client.put(url).header("content-type", JSON).body(appointment)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{}", refused.resource);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_events_arrive_as_they_are_written() {
    let Some(deployment) = Deployment::start().await else { return };
    let nginx = &deployment.nginx;
    let client = nginx.client(Some(&deployment.identity(Kind::Good)));
    let listen = || client.get(nginx.url("/events")).header("accept", "text/event-stream").send();
    let mut stream = listen().await.expect("an answer");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (account, criterion) = account();
    let created = fhir(client.put(nginx.url(&criterion)).header("content-type", JSON).body(account)).await;
    let mut text = String::new();
    while !text.contains("\n\n") {
        text += std::str::from_utf8(&stream.chunk().await.expect("it lasts").expect("more")).expect("UTF-8");
    }
    assert!(text.starts_with("id: 1\ndata: {") && text.contains(&created.location), "{text}");
    let mut others = vec![];
    for _ in 1..32 {
        others.push(listen().await.expect("an answer"));
    }
    assert!(others.iter().all(|other| other.status() == 200));
    assert_eq!(fhir(client.get(nginx.url("/events")).header("accept", "text/event-stream")).await.status, 429);
    assert_eq!(fhir(client.get(&created.location)).await.status, 200, "other requests go on");
}
