//! The pages on paper.

use crate::browser::Browser;
use crate::target::{CREATED, REFUSED, Target, UPDATED};

/// Which of these selectors have an element that takes room on the page.
const SHOWN: &str = "const takesRoom = (element) => element.checkVisibility({ visibilityProperty: true })
      && element.getBoundingClientRect().height > 1;
    return arguments[0].filter((selector) => [...document.querySelectorAll(selector)].some(takesRoom))";

/// What never is on paper.
const CONTROLS: [&str; 7] = ["nav", ".skip", "form", "button", "input", "textarea", "details:not([open])"];

/// Asserts that these are on the paper of the page that is open, which has them, and that no control is.
async fn check_print(browser: &Browser, path: &str, printed: &[&str]) {
    let shown = async |selectors: &[&str]| browser.run(SHOWN, vec![serde_json::json!(selectors)]).await;
    browser.set_medium("").await;
    assert_eq!(shown(&["nav"]).await, serde_json::json!(["nav"]), "{path}");
    browser.set_medium("print").await;
    assert_eq!(shown(printed).await, serde_json::json!(printed), "{path}");
    assert_eq!(shown(&CONTROLS).await, serde_json::json!([]), "{path}");
}

#[tokio::test]
async fn browser_print_has_body_issues_and_what_is_opened_and_no_controls() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    target.fill().await;
    target.put(UPDATED, crate::target::REGULATOR.replace("AUBERT", "MARTIN")).await;
    let list = "/console/exchanges?lang=en";
    target.wait_for(list, &format!("/console/exchanges/{UPDATED}")).await;
    let open = "document.querySelectorAll(arguments[0]).forEach((details) => { details.open = true })";
    for (path, opened, printed) in [
        (
            format!("/console/exchanges/{REFUSED}"),
            "section[aria-labelledby=\"request\"] details",
            &["#issues ~ .findings li", ".lines code", ".marked .issue", "details[open] dd", "pre"][..],
        ),
        (
            format!("/console/exchanges/{UPDATED}"),
            "section[aria-labelledby=\"neighbours\"] details",
            &["#decision ~ p", ".lines code", "details[open] .difference .added", "details[open] .difference .removed"],
        ),
        (format!("/console/exchanges/{CREATED}"), "none", &[".lines code", "h2"]),
        ("/console/exchanges".to_owned(), "none", &["tbody tr"]),
        ("/console/validate".to_owned(), "none", &["h1"]),
        ("/console/webhooks".to_owned(), "details", &["dl dd"]),
    ] {
        browser.go(&target.url_in(&path, "en")).await;
        browser.run(open, vec![opened.into()]).await;
        check_print(&browser, &path, printed).await;
    }
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}
