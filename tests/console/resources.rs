//! `/console/accounts`, `/console/appointments`, and the page of one of them.

use sas_endpoint::fhir::date::instant;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::identifier::Identifier;
use sas_endpoint::fhir::resource_type::ResourceType::{self, Appointment, Practitioner};
use sas_endpoint::storage::registry::{Claim, Entry};
use sas_endpoint::storage::{NewVersion, StateKeys, WriteSet};
use serde_json::{Value, json};

use crate::html;
use crate::on_both_databases;
use crate::server::{Setup, TestConsole, form};

/// A version of a resource, as the endpoint would write it.
struct Written {
    resource_type: ResourceType,
    id: &'static str,
    version: i64,
    second: u8,
    content: Value,
    claims: Vec<(&'static str, &'static str, Claim)>,
}

impl Written {
    fn new(resource_type: ResourceType, id: &'static str, content: Value) -> Self {
        Self { resource_type, id, version: 1, second: 0, content, claims: vec![] }
    }
}

/// Writes a version; `others` are accounts that may release identifiers.
async fn write(console: &TestConsole, written: Written, others: &[&str]) {
    let Written { resource_type, id, version, second, content, claims } = written;
    let parse = |id: &str| Id::parse(id).expect("an id");
    let last_updated = format!("2026-03-01T08:00:{second:02}Z").parse().expect("an instant");
    let entry = Entry {
        resource_type,
        id: parse(id),
        version,
        last_updated,
        content_hash: format!("{id} {version}"),
        active: content["active"] == true,
        status: content["status"].as_str().map(str::to_owned),
        start: content["start"].as_str().map(|start| start.parse().expect("an instant")),
        identifiers: claims.iter().map(|(system, value, claim)| (Identifier::new(system, value), *claim)).collect(),
    };
    let keys = StateKeys { ids: others.iter().map(|id| (resource_type, parse(id))).collect(), ..StateKeys::default() };
    let new = NewVersion {
        resource_type,
        id: parse(id),
        version,
        last_updated: instant(last_updated),
        interaction: if version == 1 { "create" } else { "update" },
        content: content.to_string(),
        change: String::new(),
    };
    let decide = |registry: &mut sas_endpoint::storage::registry::Registry| {
        registry.record(entry.clone());
        WriteSet { versions: vec![new.clone()], events: vec![] }
    };
    console.storage.write(&keys, &[], decide).await.expect("written");
}

fn account(id: &'static str, family: &str, active: bool) -> Written {
    let telecom = json!([{ "system": "email", "value": format!("{id}@example.org") }]);
    let name = json!([{ "family": family, "given": ["Zoé"] }]);
    Written::new(Practitioner, id, json!({ "active": active, "name": name, "telecom": telecom }))
}

/// The ids that a list links to.
fn rows(page: &str, path: &str) -> Vec<String> {
    let links = html::parse(page).into_iter().filter(|element| element.name == "a");
    links.filter_map(|link| link.attribute("href").strip_prefix(&format!("{path}/")).map(str::to_owned)).collect()
}

/// The link with this text.
fn link(page: &str, text: &str) -> Option<String> {
    let mut links = html::parse(page).into_iter().filter(|element| element.name == "a");
    links.find(|link| link.text.trim() == text).map(|link| link.attribute("href").to_owned())
}

/// The lines of a list, with their signs.
fn lines(page: &str, class: &str) -> Vec<String> {
    let lines =
        html::parse(page).into_iter().filter(|element| element.name == "li" && element.attribute("class") == class);
    lines.map(|line| line.text).collect()
}

on_both_databases! { Setup::open_on;
    async fn console_accounts_are_listed_newest_first_by_pages_and_found(console: TestConsole) {
        let ids: Vec<&'static str> = (0..59).map(|n| &*format!("account-{n:02}").leak()).collect();
        for (second, id) in (0..).zip(&ids) {
            let family = if second == 7 { "Aubért" } else { "Martin" };
            let identifier = json!([{ "system": "urn:s", "value": format!("v{second}") }]);
            let mut written = account(id, family, second % 2 == 0);
            written.content["identifier"] = identifier;
            let claims = vec![("urn:s", &*format!("v{second}").leak(), Claim::Held)];
            write(&console, Written { second, claims, ..written }, &[]).await;
        }
        let mut pages = vec![];
        let mut next = Some("/console/accounts?lang=en".to_owned());
        while let Some(uri) = next {
            let page = console.request("GET", &uri, &[("accept-language", "en")], "").await.expect(200).text;
            html::check(&page, "en");
            pages.push(rows(&page, "/console/accounts"));
            next = link(&page, "Next page");
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 9]);
        assert!(pages.concat().iter().eq(ids.iter().rev()), "{pages:?}");
        let found = async |query: &[(&str, &str)]| {
            let uri = format!("/console/accounts?lang=en&{}", form(query));
            let page = console.get(&uri).await.expect(200).text;
            html::check(&page, "en");
            rows(&page, "/console/accounts")
        };
        for query in ["urn:s|v7", "v7", "account-07", "Practitioner/account-07", "aubert zoe", "ACCOUNT-07@example.org"] {
            assert_eq!(found(&[("q", query)]).await, ["account-07"], "{query}");
            assert!(found(&[("q", query), ("active", "true")]).await.is_empty(), "{query}");
        }
        assert_eq!(found(&[("active", "false")]).await.len(), 29);
        assert_eq!(found(&[("q", "martin"), ("active", "false")]).await.len(), 28);
        for none in ["urn:s|v99", "nobody", "Appointment/account-07", "|", "\u{202e}<script>"] {
            assert!(found(&[("q", none)]).await.is_empty(), "{none}");
        }
        // What cannot be read is said.
        let page = console.get("/console/accounts?lang=en&active=perhaps&after=x").await.expect(200).text;
        assert!(page.contains("class=\"notice\"") && rows(&page, "/console/accounts").len() == 50, "{page}");
    }
}

on_both_databases! { Setup::open_on;
    async fn console_appointments_are_found_by_identifier_status_and_date(console: TestConsole) {
        for (id, status, start) in [
            ("a", "booked", "2026-03-04T13:00:00Z"),
            ("b", "cancelled", "2026-03-04T09:00:00Z"),
            ("c", "booked", "2026-03-05T09:00:00Z"),
        ] {
            let written = Written::new(Appointment, id, json!({ "status": status, "start": start }));
            let claims = vec![("urn:rdv", id, Claim::Held)];
            write(&console, Written { second: id.as_bytes()[0] - b'a', claims, ..written }, &[]).await;
        }
        for (query, expected) in [
            (vec![], vec!["c", "b", "a"]),
            (vec![("q", "urn:rdv|b")], vec!["b"]),
            (vec![("q", "Appointment/c")], vec!["c"]),
            (vec![("status", "booked")], vec!["c", "a"]),
            (vec![("date", "2026-03-04")], vec!["b", "a"]),
            (vec![("date", "ge2026-03-04"), ("status", "booked"), ("q", "a")], vec!["a"]),
            (vec![("q", "nothing")], vec![]),
        ] {
            let page = console.get(&format!("/console/appointments?lang=en&{}", form(&query))).await.expect(200).text;
            html::check(&page, "en");
            assert_eq!(rows(&page, "/console/appointments"), expected, "{query:?}");
        }
        html::check(&console.get("/console/appointments/a").await.expect(200).text, "fr");
    }
}

on_both_databases! { Setup::open_on;
    async fn console_account_page_shows_versions_differences_and_released_identifiers(console: TestConsole) {
        let claims = vec![("urn:s", "moves", Claim::Held), ("urn:t", "stays", Claim::Held)];
        write(&console, Written { claims: claims.clone(), ..account("old", "Martin", true) }, &[]).await;
        for version in 2..=10_u8 {
            let written = account("old", &format!("Martin-{version}"), version < 10);
            let written = Written { version: version.into(), second: version, claims: claims.clone(), ..written };
            write(&console, written, &["old"]).await;
        }
        let taken = Written { second: 30, claims: vec![claims[0]], ..account("new", "Aubert", true) };
        write(&console, taken, &["old", "new"]).await;
        for language in ["fr", "en"] {
            html::check(&console.get(&format!("/console/accounts/old?lang={language}")).await.expect(200).text, language);
        }
        let page = console.get("/console/accounts/old?lang=en").await.expect(200).text;
        let text: String = html::parse(&page).into_iter().find(|element| element.name == "main").expect("one").text;
        for shown in ["Zoé Martin-10", "inactive", "Practitioner/old", "released", "held", "position 10: "] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        assert!(rows(&page, "/console/accounts").contains(&"new".to_owned()), "who holds it now: {page}");
        let (added, removed) = (lines(&page, "added"), lines(&page, "removed"));
        assert!(added[0].starts_with("+added: ") && added[0].contains("\"active\":false"), "{added:?}");
        assert!(removed[0].starts_with("−removed: ") && removed[0].contains("\"active\":true"), "{removed:?}");
        assert!(added.iter().any(|line| line.contains("Martin-10")), "{added:?}");
        assert!(removed.iter().any(|line| line.contains("Martin-9\"")), "{removed:?}");
        assert!(page.contains("/console/exchanges?identifier=Practitioner%2Fold"), "{page}");
        // The content of each version.
        let content = |page: &str| page.split_once("id=\"resource-content\"").expect("a section").1.to_owned();
        assert!(content(&page).contains("Martin-10"), "{page}");
        assert!(page.contains("/console/accounts/old?version=9#resource-content"), "{page}");
        for language in ["fr", "en"] {
            let page = console.get(&format!("/console/accounts/old?version=3&lang={language}")).await.expect(200).text;
            html::check(&page, language);
            assert!(content(&page).contains("Martin-3") && page.contains("ersion 3</h2>"), "{page}");
            assert!(link(&page, "Back to the current version").is_some() == (language == "en"), "{page}");
        }
        let page = console.get("/console/accounts/old?version=10&lang=en").await.expect(200).text;
        assert!(link(&page, "Back to the current version").is_none(), "{page}");
        console.get("/console/accounts/old?version=11").await.expect(404);
        // The older versions, down to the first.
        let older = link(&page, "Older versions").expect("there are older ones");
        assert_eq!(older, "/console/accounts/old?before=3#versions");
        let page = console.get("/console/accounts/old?before=3&lang=en").await.expect(200).text;
        html::check(&page, "en");
        assert!(page.contains("The first version.") && page.contains("id=\"version-2\""), "{page}");
        assert!(!page.contains("id=\"version-3\"") && link(&page, "Older versions").is_none(), "{page}");
        for unknown in ["accounts/none", "appointments/old", "accounts/%2e%2e", "accounts/a%00b", "accounts/"] {
            assert_eq!(console.get(&format!("/console/{unknown}")).await.status, 404, "{unknown}");
        }
    }
}

on_both_databases! { Setup::open_on;
    async fn console_account_page_of_hostile_content_is_bounded_text(console: TestConsole) {
        let hostile = "\u{202e}\"><script>alert('1')</script>";
        let families: Vec<_> = (0..10_000).map(|n| format!("{hostile}{n}")).collect();
        for version in 1..=10_u8 {
            let mut written = account("a", hostile, true);
            written.content["extension"] = json!({ "version": version, "families": families });
            let claims = vec![("urn:\u{202e}s", "<b>", Claim::Held)];
            write(&console, Written { version: version.into(), second: version, claims, ..written }, &["a"]).await;
        }
        for path in ["/console/accounts", "/console/accounts/a"] {
            let page = console.get(path).await.expect(200).text;
            html::check(&page, "fr");
            assert!(page.contains("⟨U+202E⟩&#34;&#62;&#60;script&#62;"), "{path}");
            assert!(page.len() <= 3 << 19, "{path}: {} bytes", page.len());
        }
    }
}

#[tokio::test]
async fn console_resources_are_for_callers_with_a_session_only() {
    let console = Setup::default().start().await;
    write(&console, account("a", "Martin", true), &[]).await;
    let cookie = console.session().await;
    for path in ["accounts", "accounts/a", "appointments", "directory"] {
        let path = format!("/console/{path}");
        let refused = console.get(&path).await.expect(303);
        assert!(refused.header("location").starts_with("/console/login") && !refused.text.contains("Martin"));
        console.request("GET", &path, &[("cookie", &cookie)], "").await.expect(200);
    }
}
