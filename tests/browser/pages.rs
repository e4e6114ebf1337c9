//! Every page keeps the rules of `check.rs`, in both languages.

use crate::browser::Browser;
use crate::check::check_page;
use crate::target::{CREATED, ONE_LINE, REFUSED, Target, UNKNOWN_TYPE, WITHHELD};

/// The pages of a test target: the name of their screenshots, and the path. `ID` stands for the id of a request, `ACCOUNT` for that
/// of the account.
const PAGES: [(&str, &str, &str); 21] = [
    ("home", "/console", ""),
    ("exchanges", "/console/exchanges", ""),
    ("exchanges-filtered", "/console/exchanges?status=4xx&type=Practitioner", ""),
    ("exchanges-none", "/console/exchanges?status=599&since=yesterday", ""),
    ("exchange-created", "/console/exchanges/ID", CREATED),
    ("exchange-refused", "/console/exchanges/ID", REFUSED),
    ("exchange-one-line", "/console/exchanges/ID", ONE_LINE),
    ("exchange-withheld", "/console/exchanges/ID", WITHHELD),
    ("exchange-unknown-type", "/console/exchanges/ID", UNKNOWN_TYPE),
    ("exchange-send-again", "/console/exchanges/ID/send-again", REFUSED),
    ("accounts", "/console/accounts", ""),
    ("account", "/console/accounts/ACCOUNT", ""),
    ("appointments", "/console/appointments", ""),
    ("directory", "/console/directory?q=Aubert", ""),
    ("validate", "/console/validate", ""),
    ("validate-example", "/console/validate?rule=identifier-count", ""),
    ("rules", "/console/rules", ""),
    ("rules-found", "/console/rules?q=identifier-count", ""),
    ("webhooks", "/console/webhooks", ""),
    ("faults", "/console/faults", ""),
    ("unknown", "/console/nothing", ""),
];

/// What the browser logs of a page with an error's status.
const STATUS_404: &str = "the server responded with a status of 404";

#[tokio::test]
async fn browser_pages_are_accessible_and_fit_in_both_languages_and_widths() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    let account = target.fill().await;
    let mut found = vec![];
    for (name, path, id) in PAGES {
        for language in ["fr", "en"] {
            let path = path.replace("ID", id).replace("ACCOUNT", &account);
            browser.go(&target.url_in(&path, language)).await;
            let expected = if name == "unknown" { &[STATUS_404][..] } else { &[] };
            found.extend(check_page(&browser, name, language, expected).await);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
}

#[tokio::test]
async fn browser_inline_script_and_foreign_sources_in_a_page_are_blocked_and_reported() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    browser.go(&target.url("/console")).await;
    assert_eq!(browser.log().await, Vec::<String>::new());
    for (put, blocked) in [
        (
            "const e = document.createElement('script'); e.textContent = 'window.ran = 1'; document.body.append(e)",
            "script",
        ),
        ("document.body.setAttribute('onclick', 'window.ran = 1'); document.body.click()", "event handler"),
        ("document.body.setAttribute('style', 'color: red')", "style"),
        ("const e = document.createElement('img'); e.src = 'http://127.0.0.2:9/x'; document.body.append(e)", "img-src"),
        (
            "const e = document.createElement('script'); e.src = 'http://127.0.0.2:9/x'; document.body.append(e)",
            "script-src",
        ),
        ("const e = document.createElement('iframe'); e.src = '/console'; document.body.append(e)", "frame"),
        ("fetch('http://127.0.0.2:9/x').catch(() => {})", "connect-src"),
        (
            "const e = document.createElement('base'); e.href = 'http://127.0.0.2:9/'; document.head.append(e)",
            "base-uri",
        ),
    ] {
        browser.run(put, vec![]).await;
        let mut logged = vec![];
        crate::support::polling::poll_until(put, async || {
            logged.extend(browser.log().await);
            logged.iter().any(|message| message.contains("Content Security Policy"))
        })
        .await;
        assert!(logged.iter().any(|message| message.contains(blocked)), "{put}: {logged:?}");
    }
    assert_eq!(
        browser.run("return window.ran === undefined && document.baseURI === location.href", vec![]).await,
        true
    );
    browser.close().await;
}
