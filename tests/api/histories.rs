//! The histories of all resources and of a type: their order, their pages, their filters.

use axum::body::Body;
use serde_json::{Value, json};

use crate::asking::*;
use crate::bookings::VENDOR;
use crate::on_both_databases;
use crate::reading::{link, pages};
use crate::server::*;

/// The versions of a bundle, such as `s1-000004/2`.
fn versions(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let version = |entry: &Value| {
        let resource = &entry["resource"];
        let part = |text: &Value| text.as_str().expect("a text").to_owned();
        format!("{}/{}", part(&resource["id"]), part(&resource["meta"]["versionId"]))
    };
    entries.iter().map(version).collect()
}

fn time(bundle: &Value, index: usize) -> &str {
    bundle["entry"][index]["resource"]["meta"]["lastUpdated"].as_str().expect("an instant")
}

impl TestServer {
    /// An account in two versions, an appointment in two between them: the ids of both.
    async fn account_and_appointment(&self) -> [String; 2] {
        let account_id = self.put(&account(T, U), &regulator(&[(T, U)])).await.expect(201).id();
        let path = by("Appointment", VENDOR, "1");
        let appointment_id = self.put(&path, &appointment(VENDOR, "1")).await.expect(201).id();
        self.put(&path, &with(&appointment(VENDOR, "1"), "/status", "cancelled".into())).await.expect(200);
        self.put(&account(T, U), &inactive(regulator(&[(T, U)]))).await.expect(200);
        [account_id, appointment_id]
    }

    async fn history(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json()
    }
}

on_both_databases! { TestServer::tolerant;
    async fn history_of_all_lists_every_version_newest_first_with_its_request(server: TestServer) {
        let [account, appointment] = server.account_and_appointment().await;
        let all = server.history("/_history").await;
        assert_eq!((&all["resourceType"], &all["type"], &all["total"]), (&json!("Bundle"), &json!("history"), &json!(4)));
        let expected = [
            (format!("{account}/2"), "Practitioner"),
            (format!("{appointment}/2"), "Appointment"),
            (format!("{appointment}/1"), "Appointment"),
            (format!("{account}/1"), "Practitioner"),
        ];
        assert_eq!(versions(&all), expected.each_ref().map(|(version, _)| version.clone()));
        assert_eq!((link(&all, "self"), link(&all, "next")), (Some(format!("{BASE}/_history")), None));
        for (entry, (version, resource_type)) in all["entry"].as_array().expect("entries").iter().zip(&expected) {
            let (id, version) = version.split_once('/').expect("a version");
            let is_first = version == "1";
            assert_eq!(entry["resource"]["resourceType"], *resource_type);
            assert_eq!(entry["fullUrl"], format!("{BASE}/{resource_type}/{id}"));
            assert_eq!(entry["request"]["method"], if is_first { "POST" } else { "PUT" });
            let url = if is_first { (*resource_type).to_owned() } else { format!("{resource_type}/{id}") };
            assert_eq!(entry["request"]["url"], url);
            assert_eq!(entry["response"]["status"], if is_first { "201" } else { "200" });
            assert_eq!(entry["response"]["etag"], format!("W/\"{version}\""));
            assert_eq!(entry["response"]["lastModified"], entry["resource"]["meta"]["lastUpdated"]);
        }
        for (resource_type, id) in [("Practitioner", &account), ("Appointment", &appointment)] {
            let of_type = server.history(&format!("/{resource_type}/_history")).await;
            assert_eq!(versions(&of_type), [format!("{id}/2"), format!("{id}/1")]);
            assert_eq!((link(&of_type, "self"), &of_type["total"]), (Some(format!("{BASE}/{resource_type}/_history")), &json!(2)));
        }
        // A replay makes no version.
        server.put(&crate::asking::account(T, U), &inactive(regulator(&[(T, U)]))).await.expect(200);
        assert_eq!(server.history("/_history").await["total"], 4);
    }

    async fn history_of_all_pages_are_a_snapshot_of_the_first(server: TestServer) {
        server.account_and_appointment().await;
        // Its clock is that of an instance which lags behind: its writes are older than some of the first page.
        let other = server.another().await;
        let expected = versions(&server.history("/_history").await);
        for (path, count) in [("/_history", 1), ("/_history", 3), ("/_history", 4)] {
            let mut page = server.history(&format!("{path}?_count={count}")).await;
            assert_eq!(page["total"], server.history(path).await["total"]);
            let before = versions(&server.history(path).await);
            let mut found = versions(&page);
            let mut writes = 0;
            while let Some(next) = link(&page, "next") {
                for server in [&server, &other] {
                    let value = format!("{count}-{writes}");
                    server.put(&by("Appointment", VENDOR, &value), &appointment(VENDOR, &value)).await.expect(201);
                    writes += 1;
                }
                page = server.history(next.strip_prefix(BASE).expect("the base")).await;
                assert_eq!(page.get("total"), None);
                found.extend(versions(&page));
            }
            assert_eq!(found, before, "{count} a page");
        }
        assert!(expected.len() == 4 && server.history("/_history").await["total"].as_i64() > Some(4));
        let ids = server.history("/Practitioner/_history").await;
        assert_eq!(versions(&ids).len(), 2, "of the type only");
    }

    async fn history_of_all_since_starts_at_the_given_instant(server: TestServer) {
        server.account_and_appointment().await;
        let all = server.history("/_history").await;
        let versions_since = async |path: &str, since: &str| {
            let pages = pages(&server, &format!("{path}?_since={since}&_count=1")).await;
            let count: usize = pages.iter().map(|page| versions(page).len()).sum();
            assert_eq!(pages[0]["total"], count);
            count
        };
        assert_eq!(versions_since("/_history", time(&all, 1)).await, 2);
        assert_eq!(versions_since("/_history", time(&all, 3)).await, 4);
        assert_eq!(versions_since("/Appointment/_history", time(&all, 1)).await, 1);
        assert_eq!(versions_since("/_history", "2026-03-01").await, 4);
        assert_eq!(versions_since("/_history", "2026-03-02").await, 0);
        assert_eq!(versions_since("/Practitioner/_history", "2030-01-01T00:00:00Z").await, 0);
    }

    async fn history_at_lists_the_versions_of_that_time(server: TestServer) {
        let [account, appointment] = server.account_and_appointment().await;
        let all = server.history("/_history").await;
        // From the newest: the account's second version, the appointment's two, the account's first.
        let times = [0, 1, 2, 3].map(|index| time(&all, index).to_owned());
        let (account, appointment) = (|version| format!("{account}/{version}"), |version| format!("{appointment}/{version}"));
        for (query, expected) in [
            (format!("_at={}", times[3]), vec![account(1)]),
            (format!("_at={}", times[2]), vec![appointment(1), account(1)]),
            (format!("_at={}", times[1]), vec![appointment(2), account(1)]),
            (format!("_at={}", times[0]), vec![account(2), appointment(2)]),
            (format!("_at=gt{}", times[0]), vec![account(2), appointment(2)]),
            (format!("_at=lt{}", times[2]), vec![account(1)]),
            (format!("_at=ge{}&_at=lt{}", times[2], times[1]), vec![appointment(1), account(1)]),
            (format!("_at=ge{}&_at=lt{}", times[1], times[2]), vec![]),
            (format!("_at=ge{}&_since={}", times[2], times[1]), vec![account(2), appointment(2)]),
            ("_at=2026-03-01".to_owned(), versions(&all)),
            ("_at=2026-02-28".to_owned(), vec![]),
            ("_at=2027".to_owned(), vec![account(2), appointment(2)]),
        ] {
            for count in [1, 50] {
                let pages = pages(&server, &format!("/_history?{query}&_count={count}")).await;
                let found: Vec<_> = pages.iter().flat_map(versions).collect();
                assert_eq!(found, expected, "{query}, {count} a page");
                assert_eq!(pages[0]["total"], expected.len(), "{query}");
            }
            let id = versions(&all)[0].split_once('/').expect("a version").0.to_owned();
            for path in ["/Practitioner/_history".to_owned(), format!("/Practitioner/{id}/_history")] {
                let history = server.history(&format!("{path}?{query}")).await;
                let of_account: Vec<_> = expected.iter().filter(|version| version.starts_with(&id)).cloned().collect();
                assert_eq!((versions(&history), &history["total"]), (of_account.clone(), &json!(of_account.len())), "{path} {query}");
            }
        }
    }

    async fn history_wrong_parameters_are_refused(server: TestServer) {
        let [account, _] = server.account_and_appointment().await;
        for path in ["/_history".to_owned(), "/Appointment/_history".to_owned(), format!("/Practitioner/{account}/_history")] {
            for (query, rule) in [
                ("_since=yesterday", "query-value"),
                ("_since=2026&_since=2027", "query-repeated"),
                ("_at=yesterday", "query-value"),
                ("_at=ne2026", "query-value"),
                ("_at=xx2026", "query-value"),
                ("_count=few", "query-value"),
                ("_count=-1", "query-value"),
                ("_before=x", "query-value"),
                ("_summary=count", "query-value"),
                ("_unknown=1", "query-parameter"),
                ("_list=1", "query-parameter"),
                ("identifier=a", "query-parameter"),
            ] {
                server.get(&format!("{path}?{query}")).await.refused(400, rule);
            }
        }
        for before in ["1", "2026-03-01T08:00:00Z,1", "2026-03-01T08:00:00Z,1,x", "2026,1,1", "2026-03-01T08:00:00Z,1,1,1"] {
            server.get(&format!("/_history?_before={before}")).await.refused(400, "query-value");
        }
    }

    async fn history_of_all_has_parts_counts_and_methods_like_others(server: TestServer) {
        server.account_and_appointment().await;
        let count = server.history("/_history?_count=0").await;
        assert_eq!((&count["total"], count.get("entry"), link(&count, "next")), (&json!(4), None, None));
        let part = server.history("/_history?_elements=identifier&_count=1").await;
        let resource = &part["entry"][0]["resource"];
        assert_eq!((resource.get("name"), resource["identifier"].is_array()), (None, true));
        assert_eq!(resource["meta"]["tag"][0]["code"], "SUBSETTED");
        assert!(link(&part, "next").expect("a second page").contains("_elements=identifier"));
        for path in ["/_history", "/Practitioner/_history"] {
            let head = server.request("HEAD", path, &[], Body::empty()).await.expect(200);
            assert_eq!((head.text.as_str(), head.header("content-type")), ("", "application/fhir+json; charset=utf-8"));
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                let refused = server.request(method, path, &[], Body::empty()).await.refused(405, "http-method");
                assert_eq!(refused.header("allow"), "GET, HEAD");
            }
        }
        server.get("/Patient/_history").await.refused(404, "http-path");
    }
}
