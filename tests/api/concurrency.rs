//! Concurrent writes, through one server and through two that share a database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::on_both_databases;
use crate::server::*;
use crate::support::Backend;

/// Servers on one database, used in turn.
struct Servers(Vec<Arc<TestServer>>);

async fn one(backend: Backend) -> Option<Servers> {
    Some(Servers(vec![Arc::new(TestServer::tolerant(backend).await?)]))
}

async fn two(backend: Backend) -> Option<Servers> {
    let server = TestServer::tolerant(backend).await?;
    let another = server.another().await;
    Some(Servers(vec![Arc::new(server), Arc::new(another)]))
}

/// A write: method, path, body.
type Write = (&'static str, String, Value);

impl Servers {
    fn first(&self) -> &TestServer {
        &self.0[0]
    }

    /// Sends all writes at once; the answers are in their order.
    async fn at_once(&self, writes: Vec<Write>) -> Vec<Answer> {
        let mut tasks = JoinSet::new();
        for (index, (method, path, body)) in writes.into_iter().enumerate() {
            let server = self.0[index % self.0.len()].clone();
            tasks.spawn(async move {
                let answer = match method {
                    "POST" => server.post(&path, &body).await,
                    _ => server.put(&path, &body).await,
                };
                (index, answer)
            });
        }
        let answers: BTreeMap<usize, Answer> = tasks.join_all().await.into_iter().collect();
        answers.into_values().collect()
    }
}

on_both_databases! { one;
    async fn concurrent_identical_writes_create_one_account(servers: Servers) {
        identical_writes(&servers).await;
    }

    async fn concurrent_claims_of_a_national_id_one_succeeds(servers: Servers) {
        race_for_a_national_id(&servers).await;
    }

    async fn concurrent_acknowledged_writes_can_be_read(servers: Servers) {
        many_writes(&servers).await;
    }
}

on_both_databases! { two;
    async fn concurrent_identical_writes_through_two_servers_create_one_account(servers: Servers) {
        identical_writes(&servers).await;
    }

    async fn concurrent_claims_of_a_national_id_through_two_servers_one_succeeds(servers: Servers) {
        race_for_a_national_id(&servers).await;
    }

    async fn concurrent_acknowledged_writes_of_two_servers_can_be_read(servers: Servers) {
        many_writes(&servers).await;
    }
}

fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

async fn identical_writes(servers: &Servers) {
    let body = regulator(&[(T, &uuid(1))]);
    let write: Write = ("PUT", format!("/Practitioner?identifier={T}|{}", uuid(1)), body);
    let answers = servers.at_once(vec![write; 64]).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 63], vec![201]].concat());
    let reported: BTreeSet<_> =
        answers.iter().map(|answer| (answer.id(), answer.header("etag"), &answer.text)).collect();
    assert_eq!(reported.len(), 1, "{reported:?}");
    for server in &servers.0 {
        assert_eq!(server.count("Practitioner").await, 1);
        let history = server.get(&format!("/Practitioner/{}/_history", answers[0].id())).await.expect(200).json();
        assert_eq!(history["total"], 1);
    }
}

async fn race_for_a_national_id(servers: &Servers) {
    const NATIONAL: &str = "810002909371";
    let creations = (0..16).map(|number| ("POST", "/Practitioner".to_owned(), regulator(&[(T, &uuid(number))])));
    let ids: Vec<_> =
        servers.at_once(creations.collect()).await.into_iter().map(|made| made.expect(201).id()).collect();
    let claims = (0..16).map(|number| {
        let path = format!("/Practitioner?identifier={T}|{}", uuid(number));
        ("PUT", path, regulator(&[(N, NATIONAL), (T, &uuid(number))]))
    });
    let answers = servers.at_once(claims.collect()).await;
    let (winners, losers): (Vec<_>, Vec<_>) = ids.iter().zip(answers).partition(|(_, answer)| answer.status == 200);
    let [(winner, _)] = winners.as_slice() else { panic!("{} have won", winners.len()) };
    assert_eq!(losers.len(), 15);
    for (id, answer) in losers {
        let answer = answer.refused(422, "identifier-duplicate");
        assert!(answer.text.contains(&format!("Practitioner/{winner}")), "{}", answer.text);
        let account = servers.first().get(&format!("/Practitioner/{id}")).await.expect(200);
        assert_eq!(account.header("etag"), "W/\"1\"");
    }
    for server in &servers.0 {
        let found = server.get(&format!("/Practitioner?identifier={N}|{NATIONAL}")).await.expect(200).json();
        assert_eq!((&found["total"], &found["entry"][0]["resource"]["id"]), (&1.into(), &winner.as_str().into()));
        assert_eq!(server.count("Practitioner").await, 16);
    }
}

async fn many_writes(servers: &Servers) {
    const AGENDA: &str = "https://agenda.example.org/rdv";
    let mut random = Random(20_260_301);
    let writes: Vec<Write> = (0..200)
        .map(|number| {
            let key = random.below(40);
            match random.below(4) {
                0 => ("POST", "/Practitioner".to_owned(), regulator(&[(T, &uuid(1000 + number))])),
                1 => {
                    let mut meeting = appointment(AGENDA, &key.to_string());
                    meeting["comment"] = number.into();
                    meeting["comment"] = meeting["comment"].to_string().into();
                    ("PUT", format!("/Appointment?identifier={AGENDA}|{key}"), meeting)
                }
                _ => {
                    let mut account = regulator(&[(T, &uuid(key)), (N, &format!("8{key:011}"))]);
                    account["active"] = (random.below(2) == 0).into();
                    account["telecom"][0]["value"] = format!("{number}@example.org").into();
                    ("PUT", format!("/Practitioner?identifier={T}|{}", uuid(key)), account)
                }
            }
        })
        .collect();
    let designated: BTreeSet<_> =
        writes.iter().map(|(_, path, body)| (path.clone(), body["identifier"].to_string())).collect();
    let answers = servers.at_once(writes.clone()).await;
    let mut versions: BTreeMap<(String, String), BTreeSet<i64>> = BTreeMap::new();
    for (index, ((_, path, body), answer)) in writes.into_iter().zip(answers).enumerate() {
        let resource = answer.json();
        let resource_type = body["resourceType"].as_str().expect("a type");
        let version: i64 =
            resource["meta"]["versionId"].as_str().and_then(|text| text.parse().ok()).expect("a version");
        let status = if version == 1 { 201 } else { 200 };
        let answer = answer.expect(status);
        let id = answer.id();
        let is_new = versions.entry((resource_type.to_owned(), id.clone())).or_default().insert(version);
        assert!(is_new, "{path}: {id} has two versions {version}");
        // Through the other server, where there are two.
        let other = &servers.0[(index + 1) % servers.0.len()];
        let read = other.get(&format!("/{resource_type}/{id}/_history/{version}")).await.expect(200);
        assert_eq!(read.text, answer.text);
        for element in ["identifier", "active", "telecom", "comment", "participant"] {
            assert_eq!(resource.get(element), body.get(element), "{path} {element}");
        }
    }
    assert_eq!(versions.len(), designated.len());
    for ((resource_type, id), versions) in versions {
        let newest = versions.len() as i64;
        assert_eq!(versions, (1..=newest).collect(), "the versions of {resource_type}/{id} have a gap");
        let current = servers.first().get(&format!("/{resource_type}/{id}")).await.expect(200);
        assert_eq!(current.header("etag"), format!("W/\"{newest}\""));
    }
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit) as usize
    }
}
