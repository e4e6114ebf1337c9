//! Login and logout.

use crate::browser::{Browser, ENTER};
use crate::check::check_page;
use crate::target::{TOKEN, Target};

#[tokio::test]
async fn browser_login_by_keyboard_leads_to_the_page_and_logout_ends_the_session() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::with_callers().await;
    let mut found = vec![];
    browser.go(&target.url_in("/console/rules?q=idnst", "fr")).await;
    browser.wait_for("location.pathname === '/console/login'").await;
    for language in ["en", "fr"] {
        browser.tab_to(&format!(".languages a[lang=\"{language}\"]")).await;
        browser.press([ENTER]).await;
        browser.wait_for(&format!("document.documentElement.lang === '{language}'")).await;
        found.extend(check_page(&browser, "login", language, &[]).await);
    }
    let log_in = async |token: &str| {
        browser.tab_to("#token").await;
        browser.press(token.chars().chain([ENTER])).await;
    };
    log_in("wrong").await;
    browser.wait_for("document.querySelector('[role=\"alert\"]')").await;
    found.extend(check_page(&browser, "login-refused", "fr", &["status of 401", "status of 403"]).await);
    log_in(TOKEN).await;
    browser.wait_for("location.pathname === '/console/rules' && document.querySelectorAll('.rule').length === 1").await;
    assert!(browser.path().await.contains("q=idnst"), "{}", browser.path().await);
    found.extend(check_page(&browser, "rules-logged-in", "fr", &[]).await);
    // No script reads the session; no storage keeps anything.
    let kept = "return document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)";
    assert_eq!(browser.text(kept).await, "");
    // A form without the token of the session is refused, and the session goes on.
    browser.run("document.querySelector('.logout [name=\"csrf\"]').value = 'x'", vec![]).await;
    let log_out = async || {
        browser.tab_to(".logout button").await;
        browser.press([ENTER]).await;
    };
    log_out().await;
    browser.wait_for("location.pathname === '/console/logout'").await;
    browser.go(&target.url("/console")).await;
    browser.wait_for("location.pathname === '/console' && document.querySelector('.logout')").await;
    log_out().await;
    browser.wait_for("location.pathname === '/console/login'").await;
    browser.go(&target.url("/console")).await;
    browser.wait_for("location.pathname === '/console/login'").await;
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
}
