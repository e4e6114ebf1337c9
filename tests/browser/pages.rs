//! Every page keeps the rules of `check.rs`, in both languages.

use crate::browser::{Browser, ENTER};
use crate::check::check_page;
use crate::target::{CREATED, NEAR_MISS, ONE_LINE, PRACTITIONER, REFUSED, Target, UNKNOWN_TYPE, UPDATED, WITHHELD};

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

/// Pages of accounts, appointments and the directory: the name of their screenshots, the path, and what only this page has.
/// `ACCOUNT` and `APPOINTMENT` stand for their ids.
const PAGES_OF_RESOURCES: [(&str, &str, &str); 11] = [
    ("accounts-found", "/console/accounts?q=martin", "main table tbody tr:only-child"),
    ("account-versions", "/console/accounts/ACCOUNT", "#version-2 ~ .difference .removed"),
    (
        "account-former-version",
        "/console/accounts/ACCOUNT?version=1",
        "#resource-content ~ p a[href$=\"#resource-content\"]",
    ),
    ("appointments-filled", "/console/appointments", "main a[href$=\"/APPOINTMENT\"]"),
    ("appointment", "/console/appointments/APPOINTMENT", "#resource-content ~ .lines"),
    ("directory-filled", "/console/directory", "#rejected ~ table"),
    ("directory-found", "/console/directory?by=name&q=leclerc", "#found ~ ul a[href*=\"/Practitioner/\"]"),
    ("directory-entry", "/console/directory/PRACTITIONER", ".lines"),
    ("exchange-neighbours", "/console/exchanges/UPDATED", "#neighbours ~ ul li + li"),
    ("exchange-near-misses", "/console/exchanges/NEAR_MISS", "#decision ~ h3 + ul"),
    ("exchange-identifier-filter", "/console/exchanges?identifier=Practitioner/ACCOUNT", "tbody tr + tr + tr"),
];

#[tokio::test]
async fn browser_pages_of_resources_are_accessible_and_fit_in_both_languages_and_widths() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::with_directory().await;
    let [account, appointment] = target.fill_resources().await;
    let with_ids = |text: &str| {
        let ids = [("ACCOUNT", &*account), ("APPOINTMENT", &appointment), ("PRACTITIONER", PRACTITIONER)];
        let ids = ids.into_iter().chain([("UPDATED", UPDATED), ("NEAR_MISS", NEAR_MISS)]);
        ids.fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    };
    let mut found = vec![];
    for (name, path, shown) in PAGES_OF_RESOURCES {
        for language in ["fr", "en"] {
            browser.go(&target.url_in(&with_ids(path), language)).await;
            let has =
                browser.run("return document.querySelector(arguments[0]) !== null", vec![with_ids(shown).into()]).await;
            assert_eq!(has, true, "{name}: {shown}");
            // What they hide keeps the rules as well.
            browser
                .run("document.querySelectorAll('details').forEach((details) => { details.open = true })", vec![])
                .await;
            found.extend(check_page(&browser, name, language, &[]).await);
        }
    }
    for language in ["fr", "en"] {
        browser.go(&target.url_in("/console/exchanges", language)).await;
        browser.tab_to("#text").await;
        browser.press("aubert".chars().chain([ENTER])).await;
        browser
            .wait_for("document.querySelector('#text').value === 'aubert' && document.querySelector('tbody tr')")
            .await;
        found.extend(check_page(&browser, "exchanges-text-found", language, &[]).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
}

#[tokio::test]
async fn browser_pages_without_a_journal_and_of_nobody_are_accessible_and_fit() {
    let Some(browser) = Browser::open().await else { return };
    let (without, nobody) = (Target::without_journal().await, Target::of_nobody().await);
    without.put(REFUSED, crate::target::refused()).await;
    without.wait_for("/console/exchanges?lang=en", &format!("/console/exchanges/{REFUSED}")).await;
    let mut found = vec![];
    for language in ["fr", "en"] {
        let exchange = format!("/console/exchanges/{REFUSED}");
        for (name, target, path, shown, expected) in [
            ("exchanges-journal-off", &without, "/console/exchanges", "main .notice ~ * table tbody tr", &[][..]),
            ("exchange-journal-off", &without, &*exchange, "#issues ~ .findings li", &[]),
            ("console-of-nobody", &nobody, "/console", "main code, main pre", &["status of 403"]),
        ] {
            browser.go(&target.url_in(path, language)).await;
            let has = browser.run("return document.querySelector(arguments[0]) !== null", vec![shown.into()]).await;
            assert_eq!(has, true, "{name}: {shown}");
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
