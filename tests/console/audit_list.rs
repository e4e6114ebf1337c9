//! The lists of exchanges where the journal is off: those of the audit log.

use crate::exchanges::{REGULATOR, Target, rows};
use crate::html;
use crate::support::Backend;

const INTRN: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

/// The link to older exchanges.
fn older(page: &str) -> Option<String> {
    let links = html::parse(page).into_iter().map(|element| element.attribute("href").replace("&amp;", "&"));
    links.into_iter().find(|link| link.contains("before=") && !link.contains("lang="))
}

async fn list_has_what_came_before_and_since(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    target.put(INTRN, REGULATOR).await.expect(201);
    target.exchanges("", 1).await;
    let Target { serving, database } = target;
    assert_eq!(serving.stop().0, Some(0));
    let target = Target::serve(database, &["--journal", "off"]);
    for _ in 0..60 {
        target.put(INTRN, REGULATOR).await.expect(200);
    }
    target.send("GET", "/fhir/Nothing", &[], "").await.expect(404);
    let page = target.exchanges("status=404", 1).await;
    assert!(page.contains("The journal is off") && page.contains("keep their content"), "{page}");
    assert!(!page.contains("data-stream"), "nothing comes: {page}");
    let home = target.page("/console").await.expect(200).text;
    assert_eq!(rows(&home), rows(&page), "the last refusals are those of the audit log");
    // By pages, with and without a filter.
    for (query, further) in [("", 12), ("interaction=conditional-update", 11), (&format!("identifier={INTRN}"), 11)] {
        let page = target.exchanges(query, 50).await;
        let next = older(&page).expect("a link");
        let last = target.page(&next).await.expect(200).text;
        let links = rows(&last);
        assert_eq!((links.len(), older(&last)), (further, None), "{query}");
        assert!(links.iter().all(|link| !page.contains(&format!("\"{link}\""))), "{query}");
        // The oldest one was kept.
        let kept = target.page(links.last().expect("a link")).await.expect(200).text;
        assert!(kept.contains("AUBERT") && kept.contains("201"), "{kept}");
    }
}

#[tokio::test]
async fn exchanges_without_a_journal_are_those_before_and_since_by_pages_on_sqlite() {
    list_has_what_came_before_and_since(Backend::Sqlite).await;
}

#[tokio::test]
async fn exchanges_without_a_journal_are_those_before_and_since_by_pages_on_postgres() {
    list_has_what_came_before_and_since(Backend::Postgres).await;
}
