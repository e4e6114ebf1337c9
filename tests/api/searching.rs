//! Searches: criteria, order, pages and links.

use serde_json::{Value, json};

use crate::asking::*;
use crate::client::nothing_empty::assert_nothing_is_empty;
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
    async fn search_returns_a_searchset(server: TestServer) {
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

    async fn search_accounts_by_id_and_identifier(server: TestServer) {
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

    async fn search_accounts_by_active(server: TestServer) {
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

    async fn search_accounts_by_last_updated(server: TestServer) {
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

    async fn search_appointments_by_status_and_identifier(server: TestServer) {
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

    async fn search_appointments_by_date(server: TestServer) {
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

    async fn search_is_sorted_by_last_updated(server: TestServer) {
        let mut created: Vec<_> = accounts(&server, 4).await.into_iter().map(|(id, _)| id).collect();
        server.put(&account(T, "2"), &inactive(regulator(&[(T, "2")]))).await.expect(200);
        let second = created.remove(1);
        created.push(second);
        assert_eq!(server.found("/Practitioner?_sort=_lastUpdated").await, created);
        created.reverse();
        assert_eq!(server.found("/Practitioner?_sort=-_lastUpdated").await, created);
    }

    async fn search_pages_contain_every_match_once_in_order(server: TestServer) {
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

    async fn search_pages_contain_every_match_once_while_others_are_added(server: TestServer) {
        let created: Vec<_> = accounts(&server, 4).await.into_iter().map(|(id, _)| id).collect();
        let first = server.get("/Practitioner?_count=2&_sort=-_lastUpdated").await.expect(200).json();
        server.post("/Practitioner", &regulator(&[(T, "9")])).await.expect(201);
        let next = link(&first, "next").expect("a second page");
        let rest = pages(&server, next.strip_prefix(BASE).expect("the base")).await;
        let mut seen: Vec<_> = ids(&first).into_iter().chain(rest.iter().flat_map(ids)).collect();
        seen.reverse();
        assert_eq!(seen, created);
    }

    async fn search_count_0_returns_the_total_only(server: TestServer) {
        accounts(&server, 3).await;
        let bundle = server.get("/Practitioner?_count=0").await.expect(200).json();
        assert_eq!((&bundle["total"], bundle.get("entry")), (&json!(3), None));
        assert_eq!(link(&bundle, "next"), None);
        let page = server.get("/Practitioner?_count=1&_total=none").await.expect(200).json();
        assert_eq!((page.get("total"), ids(&page).len()), (None, 1));
    }

    async fn search_links_repeat_the_parameters(server: TestServer) {
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

    async fn search_next_link_too_long_returns_414(server: TestServer) {
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
                // A link to another search would not be its own.
                let own = bundle["link"].as_array().and_then(|_| link(&bundle, "self"));
                assert_eq!(own.is_none(), is_long, "{own:?}");
                if let Some(own) = own {
                    server.get(own.strip_prefix(BASE).expect("the base")).await.expect(200);
                }
            }
        }
    }

    async fn search_by_post_equals_search_by_get(server: TestServer) {
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

    async fn search_dates_at_both_ends_of_the_calendar_match(server: TestServer) {
        for (value, start, end) in [
            ("first", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.0000000001Z"),
            ("leap", "2016-12-31T23:59:60Z", "2016-12-31T23:59:60.1234567891Z"),
            ("fraction", "2026-03-04T14:00:00.12345678901234567890-12:00", "2026-03-06T14:00:00+14:00"),
            ("last", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999999-14:00"),
        ] {
            let body = with(&with(&appointment(VENDOR, value), "/start", start.into()), "/end", end.into());
            server.post("/Appointment", &body).await.expect(201);
        }
        let all: &[&str] = &["first", "fraction", "last", "leap"];
        let date = |text: &str| format!("/Appointment?date={text}");
        assert_found(&server, &[
            (date("le9999"), all),
            (date("le9999-12-31"), all),
            (date("le9999-12-31T23:59:59.9999999999Z"), all),
            (date("ge0001"), &["fraction", "last", "leap"]),
            (date("ge0001-01-01T00:00:00%2B14:00"), all),
            (date("eq9999-12-31"), &["last"]),
            (date("9999"), &["last"]),
            (date("ne9999"), &["first", "fraction", "leap"]),
            (date("gt9999"), &[]),
            (date("sa9999-12"), &[]),
            (date("eb9999-12-31"), &["first", "fraction", "leap"]),
            (date("lt0001"), &["first"]),
            (date("ap0001-01-01"), &["first"]),
            (date("2016-12-31T23:59:60Z"), &["leap"]),
            (date("ge2016-12-31T23:59:59Z&date=lt2017-01-01T00:00:00Z"), &["leap"]),
            (date("2026-03-05T02:00:00.1234567891Z"), &["fraction"]),
            ("/Appointment?_lastUpdated=le9999-12-31".into(), all),
            ("/Appointment?_lastUpdated=ge0001&_lastUpdated=lt9999-12-31T23:59:59-14:00".into(), all),
            ("/Appointment?_lastUpdated=sa9999".into(), &[]),
        ]).await;
        let mut account = regulator(&[(T, U)]);
        account["identifier"][0]["period"] = json!({ "start": "0001-01-01", "end": "9999-12-31T23:59:59Z" });
        account["name"][0]["period"] = json!({ "start": "2016-12-31T23:59:60.5+05:45", "end": "9999" });
        let id = server.post("/Practitioner", &account).await.expect(201).id();
        for (since, versions) in [("0001-01-01T00:00:00Z", 1), ("2016-12-31T23:59:60.0000000001Z", 1), ("9999-12-31T23:59:59Z", 0)] {
            let history = server.get(&format!("/Practitioner/{id}/_history?_since={since}")).await.expect(200).json();
            assert_eq!(ids(&history).len(), versions, "{since}");
        }
    }

    async fn search_empty_parameters_are_ignored_and_not_repeated(server: TestServer) {
        let id = accounts(&server, 3).await[0].0.clone();
        server.put(&account(T, "1"), &inactive(regulator(&[(T, "1")]))).await.expect(200);
        for empty in [
            "active=", "_count=", "_format=", "_sort=", "_total=", "_after=", "_id=", "identifier=,", "_lastUpdated=%20", "_summary=", "_elements=",
            "family=", "x", "_include=", "_before=&_since=", "&&",
        ] {
            let all = server.get(&format!("/Practitioner?{empty}")).await.expect(200).json();
            assert_eq!((ids(&all).len(), link(&all, "self")), (3, Some(format!("{BASE}/Practitioner"))), "{empty}");
            let page = server.get(&format!("/Practitioner?{empty}&active=true&_count=1&{empty}")).await.expect(200).json();
            assert_eq!(link(&page, "self"), Some(format!("{BASE}/Practitioner?active=true&_count=1")), "{empty}");
            let next = link(&page, "next").expect("a second page");
            assert!(next.starts_with(&format!("{BASE}/Practitioner?active=true&_count=1&_after=")), "{next}");
            let form = [("content-type", "application/x-www-form-urlencoded")];
            let posted = server.request("POST", "/Practitioner/_search", &form, empty).await.expect(200).json();
            assert_eq!(ids(&posted).len(), 3, "{empty}");
            let history = server.get(&format!("/Practitioner/{id}/_history?{empty}&_count=1")).await.expect(200).json();
            assert_eq!(link(&history, "self"), Some(format!("{BASE}/Practitioner/{id}/_history?_count=1")), "{empty}");
        }
        server.get(&format!("/Practitioner/{id}?_format=&_summary=&_elements=")).await.expect(200);
        // Where something is written, an empty criterion is none.
        server.put("/Practitioner?identifier=", &regulator(&[(T, U)])).await.refused(400, "query-identifier-form");
    }

    async fn search_escapes_are_read(server: TestServer) {
        server.post("/Appointment", &appointment("urn:a,b", r"x|y$z\, t")).await.expect(201);
        for query in [
            r"identifier=urn:a\,b|x\|y\$z\\\, t",
            r"identifier=x\|y\$z\\\, t",
            r"identifier=urn:a\,b|",
            r"identifier=nobody,urn:a\,b|",
            r"status=\booked&identifier=urn:a\,b|",
        ] {
            let query = query.replace('\\', "%5C").replace(' ', "%20");
            assert_eq!(values(&server, &format!("/Appointment?{query}")).await, [r"x|y$z\, t"], "{query}");
        }
        assert_eq!(values(&server, "/Appointment?identifier=urn:a,b").await, [""; 0]);
    }

    async fn search_codes_are_those_of_their_code_system(server: TestServer) {
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        server.post("/Practitioner", &inactive(regulator(&[(T, V)]))).await.expect(201);
        agenda(&server).await;
        let (booleans, statuses) = ("http://hl7.org/fhir/special-values", "http://hl7.org/fhir/appointmentstatus");
        assert_found(&server, &[
            ("/Practitioner?active=|true".into(), &[U]),
            (format!("/Practitioner?active={booleans}|false"), &[V]),
            (format!("/Practitioner?active={booleans}|"), &[U, V]),
            ("/Appointment?status=|pending".into(), &["d"]),
            (format!("/Appointment?status={statuses}|"), &["a", "b", "c", "d"]),
            ("/Appointment?status=waitlist,checked-in,entered-in-error".into(), &[]),
        ]).await;
    }

    async fn search_unknown_parameters_lenient_are_ignored_and_reported(server: TestServer) {
        let created: Vec<_> = accounts(&server, 3).await.into_iter().map(|(id, _)| id).collect();
        let form = ("content-type", "application/x-www-form-urlencoded");
        let lenient = [("prefer", "return=minimal, handling=lenient"), ("accept-language", "en"), form];
        let query = "family=A&active=true&_include=x&_sort=-_lastUpdated&name:exact=x&_count=2";
        let page = server.request("GET", &format!("/Practitioner?{query}"), &lenient, "").await.expect(200).json();
        let kept = format!("{BASE}/Practitioner?active=true&_sort=-_lastUpdated&_count=2");
        assert_eq!(link(&page, "self"), Some(kept.clone()));
        let entries = page["entry"].as_array().expect("entries");
        assert_eq!((entries.len(), &entries[0]["resource"]["id"]), (3, &json!(created[2])));
        let (mode, outcome) = (&entries[2]["search"]["mode"], &entries[2]["resource"]);
        assert_eq!((mode, &outcome["resourceType"]), (&json!("outcome"), &json!("OperationOutcome")));
        let issues = outcome["issue"].as_array().expect("issues");
        let places: Vec<_> = issues.iter().map(|issue| &issue["expression"][0]).collect();
        assert_eq!(places, ["http.family", "http._include", "http.name:exact"]);
        for issue in issues {
            assert_eq!((&issue["severity"], &issue["details"]["coding"][0]["code"]), (&json!("warning"), &json!("query-ignored")));
            assert!(issue["details"]["text"].as_str().is_some_and(|text| text.contains("was ignored")), "{issue}");
        }
        // The next page was linked; other clients may request it.
        let next = link(&page, "next").expect("a second page");
        assert!(next.starts_with(&kept), "{next}");
        let next = server.get(next.strip_prefix(BASE).expect("the base")).await.expect(200).json();
        assert_eq!(ids(&next), [created[0].clone()]);
        let posted = server.request("POST", "/Practitioner/_search", &lenient, query).await.expect(200).json();
        assert_eq!(posted, page);
        let counted = server.request("GET", "/Practitioner?family=A&_count=0", &lenient, "").await.expect(200).json();
        assert_eq!((&counted["total"], counted["entry"].as_array().map(Vec::len)), (&json!(3), Some(1)));
        // What is malformed, modifiers, other interactions: strict.
        let account = regulator(&[(T, "1")]).to_string();
        let json_body = [("prefer", "handling=lenient"), ("content-type", "application/fhir+json")];
        for (method, path, rule) in [
            ("GET", "/Practitioner?active=TRUE".to_owned(), "query-value"),
            ("GET", "/Practitioner?_sort=family".to_owned(), "query-value"),
            ("GET", "/Practitioner?active:not=true".to_owned(), "query-parameter"),
            ("GET", "/Practitioner?_count:exact=1".to_owned(), "query-parameter"),
            ("GET", format!("/Practitioner/{}?family=A", created[0]), "query-parameter"),
            ("GET", format!("/Practitioner/{}/_history?family=A", created[0]), "query-parameter"),
            ("PUT", format!("/Practitioner?identifier={T}|1&family=A"), "query-parameter"),
            ("POST", "/Practitioner?family=A".to_owned(), "query-parameter"),
        ] {
            let body = if method == "GET" { String::new() } else { account.clone() };
            server.request(method, &path, &json_body, body).await.refused(400, rule);
        }
        for prefer in ["handling=strict", "handling=strict, handling=lenient", "return=minimal"] {
            server.request("GET", "/Practitioner?family=A", &[("prefer", prefer)], "").await.refused(400, "query-parameter");
        }
    }

    async fn search_elements_and_summary_return_parts(server: TestServer) {
        let id = accounts(&server, 2).await[0].0.clone();
        server.put(&account(T, "1"), &inactive(regulator(&[(T, "1")]))).await.expect(200);
        let path = format!("/Practitioner/{id}");
        for (query, has, has_not) in [
            ("_elements=name", &["identifier", "active", "name"][..], &["telecom", "text"][..]),
            ("_elements=telecom&_elements=gender", &["identifier", "active", "telecom"], &["name"]),
            ("_summary=true", &["identifier", "active", "name", "telecom"], &["text", "qualification"]),
            ("_summary=text", &["identifier", "active"], &["name", "telecom"]),
            ("_summary=data", &["identifier", "active", "name", "telecom"], &["text"]),
            ("_summary=true&_elements=name", &["identifier", "active", "name"], &["telecom"]),
        ] {
            let read = server.get(&format!("{path}?{query}")).await.expect(200);
            assert_eq!(read.header("etag"), "W/\"2\"");
            let part = read.json();
            assert_eq!((&part["id"], &part["meta"]["versionId"]), (&json!(id), &json!("2")), "{query}");
            let tags = part["meta"]["tag"].as_array().expect("tags");
            assert!(tags.iter().any(|tag| tag["code"] == "SUBSETTED"), "{part}");
            assert!(has.iter().all(|name| part.get(name).is_some()), "{query}: {part}");
            assert!(has_not.iter().all(|name| part.get(name).is_none()), "{query}: {part}");
            let found = server.get(&format!("/Practitioner?_id={id}&{query}")).await.expect(200).json();
            assert_eq!(found["entry"][0]["resource"], part, "{query}");
            let url = link(&found, "self").expect("a link");
            assert!(url.ends_with(query), "{url}");
            assert_eq!(server.get(&format!("{path}/_history/2?{query}")).await.expect(200).json(), part, "{query}");
            let history = server.get(&format!("{path}/_history?{query}")).await.expect(200).json();
            assert_eq!((ids(&history).len(), &history["entry"][0]["resource"]), (2, &part), "{query}");
            let headers = [("if-none-match", "W/\"2\"")];
            server.request("GET", &format!("{path}?{query}"), &headers, "").await.expect(304);
        }
        let whole = server.get(&path).await.expect(200).text;
        assert_eq!(server.get(&format!("{path}?_summary=false")).await.expect(200).text, whole);
        let counted = server.get("/Practitioner?_summary=count&_count=1&_elements=name").await.expect(200).json();
        assert_eq!((&counted["total"], counted.get("entry"), link(&counted, "next")), (&json!(2), None, None));
        // Each page has the same part.
        for page in pages(&server, "/Practitioner?_elements=name&_count=1").await {
            assert!(page["entry"][0]["resource"].get("telecom").is_none(), "{page}");
        }
        agenda(&server).await;
        let found = server.get("/Appointment?_elements=comment&status=booked").await.expect(200).json();
        let part = &found["entry"][0]["resource"];
        assert!(["identifier", "status", "start", "end", "participant"].iter().all(|name| part.get(name).is_some()), "{part}");
        assert!(part.get("created").is_none() && part.get("extension").is_none(), "{part}");
    }

    async fn responses_contain_no_empty_member(server: TestServer) {
        let id = accounts(&server, 3).await[0].0.clone();
        server.put(&account(T, "1"), &inactive(regulator(&[(T, "1")]))).await.expect(200);
        let lenient = [("prefer", "handling=lenient")];
        for path in [
            "/metadata".to_owned(),
            "/Practitioner".to_owned(),
            "/Practitioner?_count=0".to_owned(),
            "/Practitioner?_summary=count".to_owned(),
            "/Practitioner?identifier=nobody".to_owned(),
            "/Practitioner?_count=1&_total=accurate".to_owned(),
            "/Practitioner?family=A".to_owned(),
            "/Practitioner?active=TRUE&_count=x".to_owned(),
            "/Practitioner?_elements=foo".to_owned(),
            "/Appointment".to_owned(),
            "/Patient".to_owned(),
            format!("/Practitioner/{id}"),
            format!("/Practitioner/{id}?_summary=text"),
            format!("/Practitioner/{id}/_history"),
            format!("/Practitioner/{id}/_history?_count=0"),
            format!("/Practitioner/{id}/_history?_since=9999-12-31"),
            format!("/Practitioner/{id}/_history?_summary=true"),
            format!("/Practitioner/{id}/_history/1"),
            format!("/Practitioner/{id}/_history/9"),
            "/_history".to_owned(),
            "/_history?_count=0".to_owned(),
            "/Practitioner/_history?_since=9999-12-31".to_owned(),
            "/Appointment/_history?_summary=true".to_owned(),
        ] {
            for headers in [&[][..], &lenient] {
                let answer = server.request("GET", &path, headers, "").await;
                assert_nothing_is_empty(&answer.json(), &path);
            }
        }
        let good = regulator(&[(T, U)]);
        let mut breach = regulator(&[(T, "not-a-uuid")]);
        breach["active"] = "true".into();
        for body in [&good, &breach] {
            for (method, path) in [("POST", "/Practitioner/$validate"), ("POST", "/Practitioner"), ("PUT", "/Practitioner?identifier=")] {
                for prefer in ["return=representation", "return=OperationOutcome"] {
                    let headers = [("content-type", "application/fhir+json"), ("prefer", prefer)];
                    let answer = server.request(method, path, &headers, body.to_string()).await;
                    assert_nothing_is_empty(&answer.json(), path);
                }
            }
        }
    }

    async fn search_unknown_parameters_are_refused(server: TestServer) {
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
            ("Practitioner?active=TRUE", "query-value"),
            ("Appointment?status=BOOKED", "query-value"),
            ("Practitioner?identifier=a|b|c", "query-value"),
            ("Practitioner?_id=a_b", "query-value"),
            ("Practitioner?_lastUpdated=xx2026", "query-value"),
            ("Practitioner?_lastUpdated=2026-02-30", "query-value"),
            ("Appointment?date=tomorrow", "query-value"),
            ("Practitioner?_sort=name", "query-value"),
            ("Practitioner?_count=-1", "query-value"),
            ("Practitioner?_count=many", "query-value"),
            ("Practitioner?_total=maybe", "query-value"),
            ("Practitioner?_after=a_b", "query-value"),
            ("Practitioner?_count=1&_count=2", "query-repeated"),
            ("Practitioner?identifier=%zz", "query-encoding"),
        ] {
            eprintln!("{query}");
            server.get(&format!("/{query}")).await.refused(400, rule);
        }
    }
}
