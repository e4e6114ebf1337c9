//! Searches: criteria, order, pages and links.

use serde_json::{Value, json};

use crate::asking::*;
use crate::on_both_databases;
use crate::reading::{link, pages};
use crate::server::*;

const VENDOR: &str = "https://agenda.example.org/rdv";
const OTHER: &str = "urn:oid:1.2.250.1.999.7";

/// Accounts with the technical ids "1", "2"… in the order of their creation; their ids and `lastUpdated`.
async fn accounts(server: &TestServer, count: usize) -> Vec<(String, String)> {
    let mut created = vec![];
    for number in 1..=count {
        let account = server.post("/Practitioner", &regulator(&[(T, &number.to_string())])).await.expect(201);
        let last_updated = account.json()["meta"]["lastUpdated"].as_str().expect("an instant").to_owned();
        created.push((account.id(), last_updated));
    }
    created
}

/// The values of the first identifiers that a search finds, sorted.
async fn values(server: &TestServer, path: &str) -> Vec<String> {
    let bundle = server.get(path).await.expect(200).json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let value = |entry: &Value| entry["resource"]["identifier"][0]["value"].as_str().expect("a value").to_owned();
    let mut values: Vec<_> = entries.iter().map(value).collect();
    values.sort_unstable();
    values
}

/// Asserts what several searches find.
async fn assert_found(server: &TestServer, cases: &[(String, &[&str])]) {
    for (query, expected) in cases {
        assert_eq!(values(server, query).await, *expected, "{query}");
    }
}

/// Four appointments: "a" on the 4th at 14:00 (Paris), "b" on the 5th at 00:30, "c" on the 6th, "d" in April.
async fn agenda(server: &TestServer) {
    for (value, system, status, start) in [
        ("a", VENDOR, "booked", "2026-03-04T14:00:00+01:00"),
        ("b", VENDOR, "booked", "2026-03-05T00:30:00+01:00"),
        ("c", OTHER, "cancelled", "2026-03-06T09:00:00.250Z"),
        ("d", OTHER, "pending", "2026-04-10T09:00:00+02:00"),
    ] {
        let body = with(&with(&appointment(system, value), "/status", status.into()), "/start", start.into());
        let body = with(&body, "/end", "2026-04-30T18:00:00+02:00".into());
        server.post("/Appointment", &body).await.expect(201);
    }
}

on_both_databases! { TestServer::tolerant;
    async fn a_search_answers_with_a_searchset(server: TestServer) {
        let created = server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let bundle = server.get(&format!("/Practitioner?identifier={T}|{U}")).await.expect(200).json();
        assert_eq!((&bundle["type"], &bundle["total"]), (&json!("searchset"), &json!(1)));
        let entry = &bundle["entry"][0];
        assert_eq!(entry["fullUrl"], format!("{BASE}/Practitioner/{}", created.id()));
        assert_eq!((&entry["resource"], &entry["search"]["mode"]), (&created.json(), &json!("match")));
        let empty = server.get(&account(T, V)).await.expect(200).json();
        assert_eq!((&empty["total"], empty.get("entry")), (&json!(0), None));
        assert!(link(&empty, "self").expect("a link").starts_with(&format!("{BASE}/Practitioner?identifier=")));
    }

    async fn accounts_are_found_by_id_and_by_identifier(server: TestServer) {
        let one = server.post("/Practitioner", &regulator(&[(T, U), (N, "8x/y")])).await.expect(201).id();
        let two = server.post("/Practitioner", &regulator(&[(T, V)])).await.expect(201).id();
        let value = "/Practitioner?identifier=";
        assert_found(&server, &[
            (format!("/Practitioner?_id={one}"), &[U]),
            (format!("/Practitioner?_id={one},{two},unknown"), &[U, V]),
            (format!("/Practitioner?_id={one}&_id={two}"), &[]),
            (format!("{value}{T}|{U}"), &[U]),
            (format!("{value}{T}%7C{}", U.to_uppercase()), &[U]),
            (format!("{value}{U}"), &[U]),
            (format!("{value}8x%2Fy"), &[U]),
            (format!("{value}8X/y"), &[]),
            (format!("{value}{T}|"), &[U, V]),
            (format!("{value}{N}|"), &[U]),
            (format!("{value}|{U}"), &[]),
            (format!("{value}{N}|{U}"), &[]),
            (format!("{value}{T}|{U},{T}|{V}"), &[U, V]),
            (format!("{value}{T}|{U}&identifier={N}|8x/y"), &[U]),
            (format!("{value}{T}|{V}&identifier={N}|8x/y"), &[]),
        ]).await;
    }

    async fn accounts_are_found_by_whether_they_are_enabled(server: TestServer) {
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.post("/Practitioner", &inactive(regulator(&[(T, V)]))).await.expect(201);
        assert_found(&server, &[
            ("/Practitioner?active=true".into(), &[U]),
            ("/Practitioner?active=false".into(), &[V]),
            ("/Practitioner?active=true,false".into(), &[U, V]),
            ("/Practitioner?active=true&active=false".into(), &[]),
            (format!("/Practitioner?active=false&identifier={T}|{U}"), &[]),
        ]).await;
        server.put(&account(T, U), &inactive(regulator(&[(T, U)]))).await.expect(200);
        assert_found(&server, &[("/Practitioner?active=false".into(), &[U, V])]).await;
    }

    async fn accounts_are_found_by_their_last_change(server: TestServer) {
        let times: Vec<_> = accounts(&server, 3).await.into_iter().map(|(_, time)| time).collect();
        let at = |prefix: &str, time: usize| format!("/Practitioner?_lastUpdated={prefix}{}", times[time]);
        assert_found(&server, &[
            (at("", 1), &["2"]),
            (at("eq", 1), &["2"]),
            (at("ne", 1), &["1", "3"]),
            (at("gt", 1), &["3"]),
            (at("sa", 1), &["3"]),
            (at("ge", 1), &["2", "3"]),
            (at("lt", 1), &["1"]),
            (at("eb", 1), &["1"]),
            (at("le", 1), &["1", "2"]),
            (format!("{}&_lastUpdated=lt{}", at("gt", 0), times[2]), &["2"]),
            (format!("{},{}", at("", 0), times[2]), &["1", "3"]),
            ("/Practitioner?_lastUpdated=2026-03-01".into(), &["1", "2", "3"]),
            ("/Practitioner?_lastUpdated=2026-03".into(), &["1", "2", "3"]),
            ("/Practitioner?_lastUpdated=lt2026".into(), &[]),
            ("/Practitioner?_lastUpdated=ap2026-03-01".into(), &["1", "2", "3"]),
        ]).await;
    }

    async fn appointments_are_found_by_status_and_identifier(server: TestServer) {
        agenda(&server).await;
        assert_found(&server, &[
            ("/Appointment?status=booked".into(), &["a", "b"]),
            ("/Appointment?status=cancelled,pending".into(), &["c", "d"]),
            ("/Appointment?status=http://hl7.org/fhir/appointmentstatus|booked".into(), &["a", "b"]),
            ("/Appointment?status=booked&status=pending".into(), &[]),
            (format!("/Appointment?identifier={VENDOR}|"), &["a", "b"]),
            (format!("/Appointment?identifier=a,{OTHER}|c"), &["a", "c"]),
        ]).await;
    }

    async fn appointments_are_found_by_date(server: TestServer) {
        agenda(&server).await;
        let date = |text: &str| format!("/Appointment?date={text}");
        assert_found(&server, &[
            (date("2026-03-04"), &["a"]),
            (date("2026-03-05"), &["b"]),
            (date("2026-03"), &["a", "b", "c"]),
            (date("2026"), &["a", "b", "c", "d"]),
            (date("ge2026-03-05"), &["b", "c", "d"]),
            (date("gt2026-03-05"), &["c", "d"]),
            (date("sa2026-03-05"), &["c", "d"]),
            (date("lt2026-03-05"), &["a"]),
            (date("eb2026-03-05"), &["a"]),
            (date("le2026-03-05"), &["a", "b"]),
            (date("ne2026-03-05"), &["a", "c", "d"]),
            (date("2026-03-04T13:00:00Z"), &["a"]),
            (date("2026-03-04T14:00"), &["a"]),
            (date("2026-03-04T14:00:00+01:00"), &["a"]),
            (date("2026-03-04T14:00:00%2B01:00"), &["a"]),
            (date("2026-03-06T09:00:00Z"), &["c"]),
            (date("2026-03-06T09:00:00.250Z"), &["c"]),
            (date("2026-03-06T09:00:00.251Z"), &[]),
            (date("2026-03-04,2026-03-06"), &["a", "c"]),
            (date("ge2026-03-05&date=lt2026-03-07"), &["b", "c"]),
            (date("ge2026-03-05&status=booked"), &["b"]),
        ]).await;
        assert!(values(&server, &date("ap2026-03-06")).await.contains(&"c".to_owned()));
    }

    async fn a_search_is_ordered_by_the_last_change(server: TestServer) {
        let mut created: Vec<_> = accounts(&server, 4).await.into_iter().map(|(id, _)| id).collect();
        server.put(&account(T, "2"), &inactive(regulator(&[(T, "2")]))).await.expect(200);
        let second = created.remove(1);
        created.push(second);
        assert_eq!(server.found("/Practitioner?_sort=_lastUpdated").await, created);
        created.reverse();
        assert_eq!(server.found("/Practitioner?_sort=-_lastUpdated").await, created);
    }

    async fn pages_show_every_match_once_and_in_order(server: TestServer) {
        let created: Vec<_> = accounts(&server, 7).await.into_iter().map(|(id, _)| id).collect();
        server.post("/Practitioner", &inactive(regulator(&[(T, "8")]))).await.expect(201);
        for sort in ["", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"] {
            for count in [1, 2, 3, 7, 8] {
                let path = format!("/Practitioner?active=true&_count={count}{sort}&_total=accurate");
                let pages = pages(&server, &path).await;
                let mut seen: Vec<_> = pages.iter().flat_map(ids).collect();
                match sort {
                    "" => seen.sort_unstable_by_key(|id| created.iter().position(|other| other == id)),
                    "&_sort=-_lastUpdated" => seen.reverse(),
                    _ => {}
                }
                assert_eq!(seen, created, "{path}");
                assert_eq!(pages.len(), 7_usize.div_ceil(count));
                assert!(pages.iter().all(|page| page["total"] == 7), "{path}");
            }
        }
    }

    async fn pages_show_once_what_was_there_when_more_comes_in(server: TestServer) {
        let created: Vec<_> = accounts(&server, 4).await.into_iter().map(|(id, _)| id).collect();
        let first = server.get("/Practitioner?_count=2&_sort=-_lastUpdated").await.expect(200).json();
        server.post("/Practitioner", &regulator(&[(T, "9")])).await.expect(201);
        let next = link(&first, "next").expect("a second page");
        let rest = pages(&server, next.strip_prefix(BASE).expect("the base")).await;
        let mut seen: Vec<_> = ids(&first).into_iter().chain(rest.iter().flat_map(ids)).collect();
        seen.reverse();
        assert_eq!(seen, created);
    }

    async fn a_search_may_only_count(server: TestServer) {
        accounts(&server, 3).await;
        let bundle = server.get("/Practitioner?_count=0").await.expect(200).json();
        assert_eq!((&bundle["total"], bundle.get("entry")), (&json!(3), None));
        assert_eq!(link(&bundle, "next"), None);
        let page = server.get("/Practitioner?_count=1&_total=none").await.expect(200).json();
        assert_eq!((page.get("total"), ids(&page).len()), (None, 1));
    }

    async fn a_link_repeats_what_was_asked(server: TestServer) {
        accounts(&server, 3).await;
        let query = format!("identifier={T}|1,{T}|2&active=true&_sort=-_lastUpdated&_count=1");
        let bundle = server.get(&format!("/Practitioner?{query}")).await.expect(200).json();
        for relation in ["self", "next"] {
            let url = link(&bundle, relation).expect("a link");
            let asked = url.strip_prefix(&format!("{BASE}/Practitioner?")).expect("an absolute URL");
            let pairs = |text: &str| -> Vec<(String, String)> {
                form_urlencoded::parse(text.as_bytes()).into_owned().collect()
            };
            assert!(pairs(asked).starts_with(&pairs(&query)), "{relation}: {asked}");
        }
    }

    async fn link_longer_than_a_url_may_be_is_not_given(server: TestServer) {
        accounts(&server, 3).await;
        let form = [("content-type", "application/x-www-form-urlencoded")];
        // Escaped, each of these letters takes three.
        for letter in ["/", ":", "é", "\u{1F600}"] {
            let escaped = letter.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let sent = if letter.is_ascii() { letter } else { &escaped };
            for times in [1_000, 9_000, 11_000, 30_000] {
                let times = times / letter.len();
                let query = format!("identifier={T}%7C1,{T}%7C2,{}&_count=1", sent.repeat(times));
                let is_long = escaped.len() * times > 32_000;
                let next = async |answer: Answer| {
                    if is_long {
                        answer.refused(414, "http-url-size");
                        return;
                    }
                    let bundle = answer.expect(200).json();
                    for relation in ["next", "self"] {
                        let url = link(&bundle, relation).expect("a link");
                        server.get(url.strip_prefix(BASE).expect("the base")).await.expect(200);
                    }
                };
                if query.len() < 32_000 {
                    next(server.get(&format!("/Practitioner?{query}")).await).await;
                }
                next(server.request("POST", "/Practitioner/_search", &form, query.clone()).await).await;
                // The last page is given, whatever its own link would be.
                let query = query.replace("&_count=1", "&_count=3");
                let bundle = server.request("POST", "/Practitioner/_search", &form, query).await.expect(200).json();
                let own = link(&bundle, "self").expect("a link");
                assert_eq!(own == format!("{BASE}/Practitioner"), is_long, "{} characters", own.len());
                server.get(own.strip_prefix(BASE).expect("the base")).await.expect(200);
            }
        }
    }

    async fn a_search_by_post_is_the_search_by_get(server: TestServer) {
        accounts(&server, 3).await;
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let got = server.get(&format!("/Practitioner?identifier={T}|1,{T}|2&_sort=-_lastUpdated")).await;
        let (all, none) = (format!("identifier={T}%7C1,{T}|2&_sort=-_lastUpdated"), String::new());
        let split = ("_sort=-_lastUpdated".to_owned(), format!("?identifier={T}|1,{T}|2"));
        for (body, query) in [(all, none), split] {
            let path = format!("/Practitioner/_search{query}");
            let posted = server.request("POST", &path, &form, body).await.expect(200).json();
            assert_eq!(posted, got.json());
        }
        let text = [("content-type", "text/plain")];
        server.request("POST", "/Practitioner/_search", &text, "active=true").await.refused(415, "http-content-type");
        server.request("POST", "/Practitioner/_search", &form, "family=x").await.refused(400, "query-parameter");
    }

    async fn what_a_search_does_not_know_is_refused_never_ignored(server: TestServer) {
        for (query, rule) in [
            ("Practitioner?family=AUBERT", "query-parameter"),
            ("Practitioner?date=2026", "query-parameter"),
            ("Practitioner?status=booked", "query-parameter"),
            ("Practitioner?Identifier=x", "query-parameter"),
            ("Practitioner?active:not=true", "query-parameter"),
            ("Practitioner?_include=x", "query-parameter"),
            ("Appointment?active=true", "query-parameter"),
            ("Appointment?patient=1", "query-parameter"),
            ("Practitioner?active=yes", "query-value"),
            ("Practitioner?identifier=", "query-value"),
            ("Practitioner?identifier=a|b|c", "query-value"),
            ("Practitioner?_id=a_b", "query-value"),
            ("Practitioner?_lastUpdated=xx2026", "query-value"),
            ("Practitioner?_lastUpdated=2026-02-30", "query-value"),
            ("Appointment?date=tomorrow", "query-value"),
            ("Practitioner?_sort=name", "query-value"),
            ("Practitioner?_count=-1", "query-value"),
            ("Practitioner?_count=many", "query-value"),
            ("Practitioner?_total=maybe", "query-value"),
            ("Practitioner?_after=", "query-value"),
            ("Practitioner?_count=1&_count=2", "query-repeated"),
            ("Practitioner?identifier=%zz", "query-encoding"),
        ] {
            eprintln!("{query}");
            server.get(&format!("/{query}")).await.refused(400, rule);
        }
    }
}
