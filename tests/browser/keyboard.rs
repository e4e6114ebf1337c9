//! Actions by Tab, Enter and Space alone.

use crate::browser::{Browser, ENTER};
use crate::support::folder;
use crate::support::polling::poll_until;
use crate::target::{CREATED, Target};

const SPACE: char = ' ';

/// The number of exchanges of a page.
const PAGE: usize = 50;

#[tokio::test]
async fn browser_searches_are_made_by_keyboard() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::with_directory().await;
    target.fill_resources().await;
    for (path, field, text, button, shown) in [
        ("exchanges", "#text", "8a12", "form[method=\"post\"] button", "tbody tr:only-child"),
        ("accounts", "#q", "martin", "main form button", "tbody tr:only-child"),
        ("directory", "#q", "leclerc", "main form button", "#found ~ ul a[href*=\"/Practitioner/\"]"),
    ] {
        for key in [ENTER, SPACE] {
            browser.go(&target.url_in(&format!("/console/{path}"), "en")).await;
            browser.tab_to(field).await;
            browser.press(text.chars()).await;
            // Enter in the field, or Space on the button.
            if key == SPACE {
                browser.tab_to(button).await;
            }
            browser.press([key]).await;
            let is_filled = format!("document.querySelector('{field}').value === '{text}'");
            browser.wait_for(&format!("{is_filled} && document.querySelector('{shown}')")).await;
        }
    }
    // What the directory is searched by.
    browser.go(&target.url_in("/console/directory", "en")).await;
    browser.tab_to("#q").await;
    browser.press("10101201234".chars()).await;
    browser.tab_to("#by").await;
    let first = browser.text("return document.querySelector('#by').value").await;
    let wanted =
        browser.text("return document.querySelector('#by [value=\"identifier\"]').textContent.slice(0, 3)").await;
    browser.press(wanted.chars()).await;
    browser
        .wait_for(&format!("document.querySelector('#by').value === 'identifier' && '{first}' !== 'identifier'"))
        .await;
    browser.tab_to("main form button").await;
    browser.press([SPACE]).await;
    browser.wait_for("document.querySelector('#found ~ ul a[href*=\"/Practitioner/\"]')").await;
    browser.tab_to("#found ~ ul a").await;
    browser.press([ENTER]).await;
    browser.wait_for("location.pathname.startsWith('/console/directory/Practitioner/')").await;
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_older_exchanges_are_reached_by_keyboard() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    let id = |number: usize| format!("4bf92f3577b34da6a3ce929d0e0e{number:04x}");
    for number in 0..=PAGE {
        target.send(&id(number), "GET", "/fhir/Nothing", "").await;
    }
    target.wait_for("/console/exchanges?lang=en", &id(PAGE)).await;
    browser.go(&target.url_in("/console/exchanges?status=404", "en")).await;
    browser.tab_to("a[href*=\"before=\"]").await;
    browser.press([ENTER]).await;
    let first = id(0);
    browser.wait_for(&format!("document.querySelector('tbody tr:only-child a[href*=\"{first}\"]')")).await;
    assert!(browser.path().await.contains("status=404"), "the filter stays: {}", browser.path().await);
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_webhook_range_and_download_are_chosen_by_keyboard() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    target.fill().await;
    browser.go(&target.url_in("/console/webhooks", "en")).await;
    browser.tab_to("summary").await;
    browser.press([SPACE]).await;
    browser.wait_for("document.querySelector('details').open").await;
    browser.tab_to("button[value=\"skip\"]").await;
    browser.press([SPACE]).await;
    browser.wait_for("document.querySelector('.notice.success[role=\"status\"]')").await;
    // The range of the plots.
    browser.go(&target.url_in("/console", "en")).await;
    browser.tab_to(".choices a[href*=\"hours=24\"]").await;
    browser.press([ENTER]).await;
    browser.wait_for("document.querySelector('.choices a[href*=\"hours=24\"][aria-current]')").await;
    browser.tab_to("summary").await;
    browser.press([SPACE]).await;
    browser.wait_for("document.querySelector('details').open").await;
    // A download, which stays beside the page.
    let folder = folder("browser-downloads");
    browser.keep_downloads(folder.path()).await;
    browser.go(&target.url_in(&format!("/console/exchanges/{CREATED}"), "en")).await;
    for format in ["har", "json", "body"] {
        browser.tab_to(&format!("a[download$=\".{format}\"]")).await;
        browser.press([ENTER]).await;
        let file = folder.path().join(format!("{CREATED}.{format}"));
        poll_until("the download is there", async || {
            std::fs::read_to_string(&file).is_ok_and(|text| text.contains("AUBERT"))
        })
        .await;
    }
    assert_eq!(browser.path().await.split('?').next(), Some(&*format!("/console/exchanges/{CREATED}")));
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}
