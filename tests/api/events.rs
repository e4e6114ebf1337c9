//! The change feed: what each write says, in which order, to those who ask and to those who wait.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::net::TcpStream;

use crate::asking::*;
use crate::bookings::VENDOR;
use crate::on_both_databases;
use crate::server::*;
use crate::support::Backend;
use crate::support::polling::poll_until;

/// Rounds in which two instances write at the same time.
const ROUNDS: usize = 12;

/// The writes of each instance in a round.
const WRITES_PER_ROUND: usize = 4;

/// A commit with this national id waits, its version inserted, until the lock of these two numbers is free.
const HELD_UP: &str = "810002909371";
const HOLD_UP: &str = "\
    CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN PERFORM pg_advisory_xact_lock(1, 1); RETURN NULL; END $$; \
    CREATE CONSTRAINT TRIGGER hold_up AFTER INSERT ON resource_version DEFERRABLE INITIALLY DEFERRED \
    FOR EACH ROW WHEN (NEW.content LIKE '%810002909371%') EXECUTE FUNCTION hold_up()";

/// How many connections to this database wait for such a lock, or for that of a batch of writes.
const WAITING: &str = "\
    SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

impl TestServer {
    /// The answer of the feed to this query.
    async fn feed(&self, query: &str) -> Value {
        self.ask("GET", &format!("/events?{query}"), &[]).await.expect(200).json()
    }

    /// The events behind a position.
    async fn events(&self, after: i64) -> Vec<Value> {
        self.feed(&format!("after={after}")).await["events"].as_array().expect("events").clone()
    }

    /// The last position.
    async fn head(&self) -> i64 {
        self.feed("limit=1000").await["next"].as_i64().expect("a position")
    }

    /// A stream of Server-Sent Events.
    async fn stream(&self, headers: &[(&str, &str)]) -> EventStream {
        let stream = TcpStream::connect(self.address).await.expect("the server listens");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        let request = Request::builder().uri("/events").header("host", "other.localhost");
        let request = request.header("accept", "text/event-stream");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = sender.send_request(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        EventStream { body: response.into_body(), text: String::new(), _sender: sender }
    }
}

struct EventStream {
    body: Incoming,
    text: String,
    /// The connection lasts as long as it.
    _sender: hyper::client::conn::http1::SendRequest<Body>,
}

impl EventStream {
    /// The next event with its id; `None` when the stream has ended.
    async fn next(&mut self) -> Option<(i64, Value)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(data) = field("data: ") {
                    let id = field("id: ").expect("an id").parse().expect("a position");
                    return Some((id, serde_json::from_str(&data).expect("JSON")));
                }
                continue;
            }
            let frame = self.body.frame().await?.ok()?;
            self.text += std::str::from_utf8(frame.data_ref()?).expect("UTF-8");
        }
    }
}

fn types(event: &Value) -> Vec<&str> {
    event["types"].as_array().expect("types").iter().map(|name| name.as_str().expect("a name")).collect()
}

on_both_databases! { TestServer::tolerant;
    async fn events_say_what_each_write_of_an_account_changed(server: TestServer) {
        let created = server.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371")])).await.expect(201);
        let id = created.id();
        // A replay is no event.
        server.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371")])).await.expect(200);
        server.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371"), (T, U)])).await.expect(200);
        let disabled = inactive(regulator(&[(N, "810002909371"), (T, U)]));
        server.put(&account(T, U), &disabled).await.expect(200);
        // Another account takes the national id over, as its holder is inactive.
        let taken = server.put(&account(T, V), &regulator(&[(N, "810002909371"), (T, V)])).await.expect(201);
        let events = server.events(0).await;
        let described: Vec<_> = events.iter().map(|event| (types(event), event["version"].as_i64().expect("a version"))).collect();
        assert_eq!(described, [
            (vec!["practitioner.created", "practitioner.enabled"], 1),
            (vec!["practitioner.updated", "practitioner.identifiers-changed"], 2),
            (vec!["practitioner.updated", "practitioner.disabled"], 3),
            (vec!["practitioner.created", "practitioner.enabled"], 1),
        ]);
        assert_eq!(events[1]["changed"], json!(["identifier"]));
        assert_eq!(events[2]["changed"], json!(["active"]));
        assert!(events[0]["changed"].as_array().expect("names").contains(&json!("name")));
        let url = format!("{BASE}/Practitioner/{id}/_history/3");
        assert_eq!((&events[2]["url"], &events[2]["id"], &events[2]["resourceType"]), (&json!(url), &json!(id), &json!("Practitioner")));
        assert_eq!(events[1]["identifiers"], json!([{ "system": T, "value": U }, { "system": N, "value": "810002909371" }]));
        assert_eq!(events[2]["moved"], json!([]));
        let moved = json!([{ "system": N, "value": "810002909371", "from": format!("Practitioner/{id}") }]);
        assert_eq!((&events[3]["moved"], &events[3]["id"]), (&moved, &json!(taken.id())));
        let versions: Vec<_> = events.iter().map(|event| event["time"].as_str().expect("a time")).collect();
        assert!(versions.is_sorted(), "{versions:?}");
    }

    async fn events_of_an_appointment_say_when_it_is_cancelled(server: TestServer) {
        let path = by("Appointment", VENDOR, U);
        for status in ["booked", "cancelled", "cancelled", "booked"] {
            let body = with(&appointment(VENDOR, U), "/status", status.into());
            assert!(server.put(&path, &body).await.status.is_success());
        }
        let events = server.events(0).await;
        assert_eq!(events.iter().map(types).collect::<Vec<_>>(), [
            vec!["appointment.created"],
            vec!["appointment.updated", "appointment.cancelled"],
            vec!["appointment.updated"],
        ]);
        assert_eq!(events[1]["identifiers"], json!([{ "system": VENDOR, "value": U }]));
    }

    async fn events_pages_follow_one_another_whatever_is_filtered(server: TestServer) {
        for number in 0..7 {
            let value = format!("81000290937{number}");
            server.put(&account(N, &value), &regulator(&[(N, &value)])).await.expect(201);
        }
        server.put(&by("Appointment", VENDOR, U), &appointment(VENDOR, U)).await.expect(201);
        let head = server.head().await;
        let (mut after, mut seen) = (0, vec![]);
        loop {
            let page = server.feed(&format!("after={after}&limit=3")).await;
            let events = page["events"].as_array().expect("events");
            assert!(events.len() <= 3);
            seen.extend(events.iter().map(|event| event["position"].as_i64().expect("a position")));
            after = page["next"].as_i64().expect("a position");
            if events.is_empty() {
                break;
            }
        }
        assert_eq!((seen.len(), after), (8, head));
        assert!(seen.is_sorted_by(|one, next| one < next));
        let page = server.feed("types=appointment.*").await;
        assert_eq!((page["events"].as_array().expect("events").len(), &page["next"]), (1, &json!(head)));
        let page = server.feed("types=practitioner.disabled,appointment.cancelled").await;
        assert_eq!((&page["events"], &page["next"]), (&json!([]), &json!(head)));
        let page = server.feed(&format!("after={}&content=full", head - 1)).await;
        assert_eq!(page["events"][0]["resource"]["resourceType"], "Appointment");
        assert_eq!(server.feed("").await["events"][0].get("resource"), None);
    }

    async fn events_wait_until_another_instance_writes(server: TestServer) {
        let other = server.another().await;
        let polled = async { server.feed("wait=25").await };
        let written = async { other.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371")])).await.expect(201) };
        let (page, created) = tokio::join!(polled, written);
        assert_eq!(page["events"][0]["id"], json!(created.id()));
        // What the filter leaves out does not end the wait.
        let polled = async { server.feed(&format!("wait=25&types=appointment.*&after={}", page["next"])).await };
        let written = async {
            other.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
            other.put(&by("Appointment", VENDOR, U), &appointment(VENDOR, U)).await.expect(201)
        };
        let (page, created) = tokio::join!(polled, written);
        assert_eq!(page["events"][0]["id"], json!(created.id()));
    }

    async fn events_over_two_instances_are_in_commit_order_for_every_reader(server: TestServer) {
        let other = server.another().await;
        let write_round = async |server: &TestServer, start: usize| {
            let writes = (start..start + WRITES_PER_ROUND).map(|number| async move {
                let value = format!("8100029{number:05}");
                server.put(&account(N, &value), &regulator(&[(N, &value)])).await.expect(201).id()
            });
            futures_util::future::join_all(writes).await
        };
        let write = async {
            let (mut one, mut two) = (vec![], vec![]);
            for round in 0..ROUNDS {
                // Both at once, each first in every other round. The next round begins when both have committed.
                let (of_one, of_two) = (write_round(&server, round * 100), write_round(&other, 10_000 + round * 100));
                let (of_one, of_two) = match round % 2 {
                    0 => tokio::join!(of_one, of_two),
                    _ => {
                        let (of_two, of_one) = tokio::join!(of_two, of_one);
                        (of_one, of_two)
                    }
                };
                one.extend(of_one);
                two.extend(of_two);
            }
            // The end, for those who read.
            server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
            (one, two)
        };
        let read = async {
            let (mut after, mut seen) = (0, vec![]);
            // Each page has an event, so there are no more pages than events.
            for _ in 0..=2 * ROUNDS * WRITES_PER_ROUND {
                let page = server.feed(&format!("after={after}&wait=25&limit=5")).await;
                let events = page["events"].as_array().expect("events");
                assert!(!events.is_empty(), "the feed ends at {after}, after {} events", seen.len());
                for event in events {
                    let position = event["position"].as_i64().expect("a position");
                    assert!(position > after, "{position} after {after}");
                    after = position;
                    if event["identifiers"][0]["system"] == T {
                        return seen;
                    }
                    seen.push((position, event["id"].as_str().expect("an id").to_owned()));
                }
                assert_eq!(page["next"], json!(after));
            }
            panic!("more events than writes: {seen:?}");
        };
        let (seen, (one, two)) = tokio::join!(read, write);
        // What was read while both wrote is all there is, and in the same order.
        let mut again: Vec<_> = server.events(0).await.iter()
            .map(|event| (event["position"].as_i64().expect("a position"), event["id"].as_str().expect("an id").to_owned()))
            .collect();
        again.pop();
        assert_eq!(seen, again);
        let one: BTreeSet<_> = one.into_iter().collect();
        let alternations = seen.windows(2).filter(|pair| one.contains(&pair[0].1) != one.contains(&pair[1].1)).count();
        assert!(alternations >= ROUNDS, "{alternations} alternations in {ROUNDS} rounds");
        let ids: BTreeSet<_> = seen.into_iter().map(|(_, id)| id).collect();
        assert_eq!(ids, one.into_iter().chain(two).collect());
    }

    async fn events_beyond_the_end_of_a_rewound_database_are_gone_for_those_who_wait(server: TestServer) {
        for value in ["810002909371", "810002909372", "810002909373"] {
            server.put(&account(N, value), &regulator(&[(N, value)])).await.expect(201);
        }
        let mut stream = server.stream(&[("last-event-id", "2")]).await;
        assert_eq!(stream.next().await.expect("an event").0, 3);
        // As a restore does, while the server runs.
        let rewind = match server.database.url.starts_with("sqlite:") {
            true => {
                "DELETE FROM resource_version WHERE position > 1; \
                 UPDATE sqlite_sequence SET seq = 1 WHERE name = 'resource_version'"
            }
            false => {
                "DELETE FROM resource_version WHERE position > 1; \
                 SELECT setval('resource_version_position_seq', 1)"
            }
        };
        let polled = server.ask("GET", "/events?after=3&wait=25", &[]);
        let (polled, ()) = tokio::join!(polled, server.execute(rewind));
        polled.refused(410, "events-gone");
        assert!(stream.next().await.is_none(), "it ends");
        // Behind what is there, clients wait as before.
        let polled = async { server.feed("after=1&wait=25").await };
        let written = async { server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201) };
        let (page, created) = tokio::join!(polled, written);
        assert_eq!((&page["events"][0]["id"], &page["next"]), (&json!(created.id()), &json!(2)));
    }

    async fn events_stream_resumes_behind_the_last_id(server: TestServer) {
        server.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371")])).await.expect(201);
        server.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201);
        let mut stream = server.stream(&[]).await;
        let (first, _) = stream.next().await.expect("an event");
        let (second, event) = stream.next().await.expect("an event");
        assert_eq!(event["position"], json!(second));
        let waiting = tokio::spawn(async move { stream.next().await.map(|(_, event)| event) });
        let created = server.put(&account(T, V), &regulator(&[(T, V)])).await.expect(201);
        assert_eq!(waiting.await.expect("it ends").expect("an event")["id"], json!(created.id()));
        let mut resumed = server.stream(&[("last-event-id", &first.to_string())]).await;
        assert_eq!(resumed.next().await.expect("an event").0, second);
    }

    async fn events_of_a_former_release_are_told_from_the_contents(server: TestServer) {
        let id = server.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371"), (T, U)])).await.expect(201).id();
        server.put(&account(T, U), &inactive(regulator(&[(N, "810002909371"), (T, U)]))).await.expect(200);
        let stored = server.events(0).await;
        server.execute("UPDATE resource_version SET change = NULL").await;
        assert_eq!(server.events(0).await, stored);
        assert_eq!(types(&stored[1]), ["practitioner.updated", "practitioner.disabled"]);
        assert_eq!(stored[1]["id"], json!(id));
    }
}

#[tokio::test]
async fn events_refuse_what_they_cannot_serve() {
    let server = Setup::default().start_somewhere().await;
    for (query, rule) in [
        ("after=-1", "query-value"),
        ("after=one", "query-value"),
        ("after=1&after=2", "query-repeated"),
        ("limit=0", "query-value"),
        ("limit=1001", "query-value"),
        ("wait=26", "query-value"),
        ("content=all", "query-value"),
        ("types=patient.created", "query-value"),
        ("since=1", "query-parameter"),
    ] {
        server.ask("GET", &format!("/events?{query}"), &[]).await.refused(400, rule);
    }
    server.put(&account(N, "810002909371"), &regulator(&[(N, "810002909371")])).await.expect(201);
    let log = server.feed("").await["log"].as_str().expect("a log").to_owned();
    assert_eq!(server.feed(&format!("log={log}&after=1")).await["events"], json!([]));
    assert_eq!(server.feed("after=1&wait=1").await["events"], json!([]), "the wait ends");
    for query in ["after=2", "after=9000", "log=other", "log=other&after=1"] {
        let gone = server.ask("GET", &format!("/events?{query}"), &[]).await.refused(410, "events-gone");
        assert!(gone.text.contains(&log), "{}", gone.text);
    }
    // A stream is for those who prefer it.
    for accept in ["application/json;q=1, text/event-stream;q=0.1", "application/json, text/event-stream"] {
        let answer = server.ask("GET", "/events", &[("accept", accept)]).await.expect(200);
        assert_eq!(answer.header("content-type"), "application/json", "{accept}");
    }
    for (method, status) in [("POST", 405), ("DELETE", 405), ("HEAD", 200)] {
        let answer = server.ask(method, "/events", &[]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-sas-log").is_empty(), status == 405);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_commit_that_is_held_up_come_before_those_of_another_instance() {
    let Some(server) = TestServer::tolerant(Backend::Postgres).await else { return };
    let other = server.another().await;
    server.execute(HOLD_UP).await;
    let connect = async || PgConnection::connect(&server.database.url).await.expect("the database opens");
    let waiting = async |session: &mut PgConnection| {
        sqlx::query_scalar::<_, i64>(WAITING).fetch_one(session).await.expect("a number")
    };
    let (mut lock, mut session) = (connect().await, connect().await);
    sqlx::query("SELECT pg_advisory_lock(1, 1)").execute(&mut lock).await.expect("locked");
    let is_written = AtomicBool::new(false);
    let held_up = async { server.put(&account(N, HELD_UP), &regulator(&[(N, HELD_UP)])).await.expect(201).id() };
    let later = async {
        poll_until("the first commit to be held up", async || waiting(&mut session).await == 1).await;
        let written = async {
            let id = other.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201).id();
            is_written.store(true, Ordering::Relaxed);
            id
        };
        let read = async {
            // Its position is given: another instance waits, or else is first.
            let is_tried = async || is_written.load(Ordering::Relaxed) || waiting(&mut session).await == 2;
            poll_until("the second commit to be tried", is_tried).await;
            let page = server.feed("").await;
            sqlx::query("SELECT pg_advisory_unlock(1, 1)").execute(&mut lock).await.expect("free");
            page
        };
        tokio::join!(written, read)
    };
    let (first, (second, page)) = tokio::join!(held_up, later);
    let ids = |events: &[Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    let mut seen = ids(page["events"].as_array().expect("events"));
    seen.extend(ids(&server.events(page["next"].as_i64().expect("a position")).await));
    assert_eq!(seen, [json!(first), json!(second)], "read {page} meanwhile");
}
