//! `/console/directory`: the state of the mirror, and its search.

use std::time::Duration;

use sas_endpoint::annuaire::ingest::progress::Quiet;
use sas_endpoint::annuaire::load::{Input, Settings, load};
use sas_endpoint::clock::Clock;

use sas_endpoint::http::bounds::{Bounds, Timeouts};

use crate::html;
use crate::on_both_databases;
use crate::server::{Setup, TestConsole, form};
use crate::support::Backend;

const RESOURCES: &str = include_str!("../fixtures/annuaire.ndjson");

/// A console whose mirror has the resources, and has set one aside.
async fn loaded(backend: Backend) -> Option<TestConsole> {
    let console = Setup::open_on(backend).await?;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("annuaire.ndjson");
    let broken = r#"{"resourceType":"Practitioner","id":"<script>"}"#;
    std::fs::write(&file, format!("{RESOURCES}{broken}\n")).expect("a file");
    let settings =
        Settings { replace: false, allow_deletions: false, keep: Duration::from_hours(24), clock: Clock::system() };
    load(&console.mirror, vec![Input::File(file)], &settings, &Quiet).await.expect("loaded");
    Some(console)
}

/// The resources that a page links to.
fn found(page: &str) -> Vec<String> {
    let links = html::parse(page).into_iter().filter(|element| element.name == "a");
    links.filter_map(|link| link.attribute("href").strip_prefix("/console/directory/").map(str::to_owned)).collect()
}

on_both_databases! { loaded;
    async fn console_directory_shows_counts_runs_and_what_was_set_aside(console: TestConsole) {
        for language in ["fr", "en"] {
            html::check(&console.get(&format!("/console/directory?lang={language}")).await.expect(200).text, language);
        }
        let page = console.get("/console/directory?lang=en").await.expect(200).text;
        let elements = html::parse(&page);
        let rows: Vec<_> = elements.iter().filter(|element| element.name == "tr").map(|row| row.text.as_str()).collect();
        assert!(rows.contains(&"Practitioner10never"), "{rows:?}");
        assert!(
            rows.iter().any(|row| row.contains("load") && row.contains("succeeded") && row.contains("1 rejected")),
            "{rows:?}"
        );
        assert!(rows.iter().any(|row| row.contains("its id does not have the form of one")), "set aside: {rows:?}");
    }
}

on_both_databases! { loaded;
    async fn console_directory_is_searched_by_name_identifier_city_and_mailbox(console: TestConsole) {
        let search = async |by: &str, query: &str| {
            let uri = format!("/console/directory?lang=en&{}", form(&[("by", by), ("q", query)]));
            let page = console.get(&uri).await.expect(200).text;
            html::check(&page, "en");
            page
        };
        for (by, query, expected) in [
            ("name", "zoe LECLERC", "Practitioner/003-3014698-3057235"),
            ("name", "centre de santé", "Organization/001-01-7"),
            ("identifier", "10101201234", "Practitioner/003-3014698-3057235"),
            ("city", "paris", "Organization/001-01-7"),
            ("mailbox", "zoe.leclerc@medecin.mssante.fr", "Practitioner/003-3014698-3057235"),
            ("unknown", "leclerc", "Practitioner/003-3014698-3057235"),
        ] {
            let page = search(by, query).await;
            assert_eq!(found(&page), [expected], "{by} {query}");
        }
        for (by, query) in [("name", "\u{202e}<script>,$\\"), ("identifier", "|"), ("city", ","), ("identifier", "a|b|c")] {
            assert!(found(&search(by, query).await).is_empty(), "{by} {query}");
        }
        let page = search("name", "zoe LECLERC").await;
        assert!(page.contains("http://127.0.0.1:8080/annuaire/fhir/v2/Practitioner?name=zoe&#38;name=LECLERC"), "{page}");
        let page = console.get("/console/directory/Practitioner/003-3014698-3057235?lang=en").await.expect(200).text;
        html::check(&page, "en");
        assert!(page.contains("Zoé Leclerc") && page.contains("&#34;10101201234&#34;"), "{page}");
        for unknown in ["Practitioner/none", "Patient/a", "Organization/003-3014698-3057235", "Practitioner/%2e"] {
            assert_eq!(console.get(&format!("/console/directory/{unknown}")).await.status, 404, "{unknown}");
        }
    }
}

#[tokio::test]
async fn console_directory_without_a_mirror_or_empty_is_said() {
    let console = Setup { has_mirror: false, ..Setup::open() }.start().await;
    let page = console.get("/console/directory?lang=en&q=x").await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("No mirror of the directory is open."), "{page}");
    console.get("/console/directory/Practitioner/a").await.expect(404);
    let empty = Setup::open().start().await;
    let page = empty.get("/console/directory?lang=en&q=x&by=name").await.expect(200).text;
    html::check(&page, "en");
    assert!(
        page.contains("The mirror of the directory is empty.") && page.contains("No resource is set aside."),
        "{page}"
    );
}

#[tokio::test]
async fn console_busy_directory_is_answered_with_503() {
    let bounds = Bounds { max_directory: 0, timeouts: Timeouts::default(), ..Bounds::default() };
    let console = Setup { bounds, ..Setup::open() }.start().await;
    for path in ["/console/directory?q=x&by=name&lang=en", "/console/directory/Practitioner/a?lang=en"] {
        let refused = console.get(path).await.expect(503);
        html::check(&refused.text, "en");
        assert!(!refused.header("retry-after").is_empty(), "{path}: {refused:?}");
    }
    let page = console.get("/console/directory?q=x&by=name&lang=en").await.text;
    assert!(page.contains("too-busy-directory") || page.contains("class=\"notice error\""), "{page}");
    // Without a search, the rest of the page is shown.
    let page = console.get("/console/directory?lang=en").await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("class=\"notice error\"") && page.contains("role=\"search\""), "{page}");
}
