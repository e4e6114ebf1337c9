//! What people do on the pages, by keyboard.

use crate::browser::{Browser, ENTER};
use crate::check::check_page;
use crate::support::folder;
use crate::target::{REFUSED, REGULATOR, Target, refused};

#[tokio::test]
async fn browser_link_of_a_refusal_shows_the_issue_beside_its_line() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    let answer = target.put(REFUSED, refused()).await;
    let link = answer.headers["link"].to_str().expect("visible ASCII");
    let url = link.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect("a link").0;
    browser.go(url).await;
    let line = refused().lines().position(|line| line.contains("\"yes\"")).expect("the line") + 1;
    let marked = browser.text("return document.querySelector('.marked').value").await;
    assert_eq!(marked, line.to_string());
    let is_beside = "const line = document.querySelector('.marked'), issue = line.querySelector('.issue');
        const [outer, inner] = [line, issue].map((element) => element.getBoundingClientRect());
        return line.querySelector('code').textContent.includes('\"yes\"') && issue.textContent.length > 20
          && inner.top >= outer.top && inner.bottom <= outer.bottom + 1 && inner.height > 10";
    assert_eq!(browser.run(is_beside, vec![]).await, true);
    // From the list of issues to the line, and back.
    let is_seen = "document.querySelector(':target').getBoundingClientRect().top < innerHeight";
    for (from, to) in [("#issues ~ * a[href^=\"#at-\"]", "#at-1"), ("a[href=\"#issue-1\"]", "#issue-1")] {
        browser.tab_to(from).await;
        browser.press([ENTER]).await;
        browser.wait_for(&format!("location.hash === '{to}' && {is_seen}")).await;
    }
    // The script's button copies the command.
    let permissions = serde_json::json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    browser.devtools("Browser.grantPermissions", permissions).await;
    browser.tab_to("pre[data-copy] + button").await;
    browser.press([ENTER]).await;
    browser.run("navigator.clipboard.readText().then((text) => { window.copied = text })", vec![]).await;
    browser.wait_for("window.copied === document.querySelector('pre[data-copy]').textContent").await;
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_fault_is_armed_acts_and_is_ended_by_keyboard() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    for is_disabled in [false, true] {
        browser.devtools("Emulation.setScriptExecutionDisabled", serde_json::json!({ "value": is_disabled })).await;
        browser.go(&target.url_in("/console/faults", "en")).await;
        // The first of the kinds is `status`, with 503.
        browser.tab_to("#retryAfter").await;
        browser.press("7".chars().chain([ENTER])).await;
        browser.wait_for("document.querySelector('.notice.success').textContent.startsWith('The fault status')").await;
        let answer = target.put(REFUSED, REGULATOR).await;
        assert_eq!((answer.status.as_u16(), answer.headers["retry-after"].to_str().expect("ASCII")), (503, "7"));
        browser.go(&target.url_in("/console/faults", "en")).await;
        browser.wait_for("document.querySelector('#armed ~ form').textContent.includes('0 of 1')").await;
        browser.tab_to("button[name=\"end\"]").await;
        browser.press([ENTER]).await;
        browser.wait_for("document.querySelectorAll('button[name=\"end\"]').length === 0").await;
    }
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_exchanges_are_filtered_by_keyboard_and_without_script() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    target.fill().await;
    for is_disabled in [false, true] {
        browser.devtools("Emulation.setScriptExecutionDisabled", serde_json::json!({ "value": is_disabled })).await;
        browser.go(&target.url_in("/console/exchanges", "en")).await;
        assert_eq!(browser.text("return document.querySelectorAll('tbody tr').length").await, "5");
        browser.tab_to("#status").await;
        browser.press("404".chars().chain([ENTER])).await;
        browser
            .wait_for("location.search.includes('status=404') && document.querySelector('#status').value === '404'")
            .await;
        assert_eq!(browser.text("return document.querySelectorAll('tbody tr').length").await, "1");
        browser.tab_to("tbody th a").await;
        browser.press([ENTER]).await;
        browser.wait_for("document.querySelector('.request-line').textContent.includes('/fhir/Nothing')").await;
        // The other language shows the same exchange, and stays chosen.
        browser.tab_to(".languages a[lang=\"fr\"]").await;
        browser.press([ENTER]).await;
        browser.wait_for("document.documentElement.lang === 'fr' && document.querySelector('.request-line')").await;
        browser.tab_to("nav a[href=\"/console/rules\"]").await;
        browser.press([ENTER]).await;
        browser.wait_for("location.pathname === '/console/rules' && document.documentElement.lang === 'fr'").await;
        browser.tab_to("#q").await;
        browser.press("idnst".chars().chain([ENTER])).await;
        browser.wait_for("document.querySelectorAll('.rule').length === 1").await;
        // The first stop leads past the navigation.
        browser.tab_to(".skip").await;
        browser.press([ENTER]).await;
        browser.wait_for("location.hash === '#content' && document.activeElement.localName === 'main'").await;
    }
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_list_of_exchanges_shows_what_comes_and_can_be_paused() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    target.fill().await;
    browser.go(&target.url_in("/console/exchanges?status=404", "en")).await;
    let rows = "document.querySelectorAll('tbody tr').length";
    assert_eq!(browser.text(&format!("return {rows}")).await, "1");
    target.send("1111222233334444", "GET", "/fhir/First", "").await;
    browser
        .wait_for(&format!("{rows} === 2 && document.querySelector('tbody tr').textContent.includes('/fhir/First')"))
        .await;
    let button = "document.querySelector('[data-stream] button').textContent";
    browser.tab_to("[data-stream] button").await;
    browser.press([ENTER]).await;
    browser.wait_for(&format!("{button}.startsWith('Resume')")).await;
    // Of another status, and of the filter's.
    target.put("1111222233335555", "{}").await;
    target.send("1111222233336666", "GET", "/fhir/Second", "").await;
    browser.wait_for("document.querySelector('[data-stream] [role=\"status\"]').textContent.endsWith(' 2')").await;
    assert_eq!(browser.text(&format!("return {rows}")).await, "2");
    browser.press([ENTER]).await;
    browser.wait_for(&format!("{rows} === 3 && {button}.startsWith('Pause')")).await;
    // A list of accounts tells that versions were added.
    browser.go(&target.url_in("/console/accounts", "en")).await;
    browser.wait_for("document.querySelector('[data-changes]').hidden").await;
    // The first poll finds where the log ends.
    let mut number = 0;
    crate::support::polling::poll_until("the change is shown", async || {
        number += 1;
        let body = REGULATOR.replace("AUBERT", &format!("AUBERT {number}"));
        target.put("1111222233337777", body).await;
        browser.run("return document.querySelector('[data-changes]').hidden", vec![]).await == false
    })
    .await;
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_request_is_sent_again_after_a_question() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    let account = target.fill().await;
    let mut found = vec![];
    for language in ["en", "fr"] {
        browser.go(&target.url_in(&format!("/console/exchanges/{REFUSED}"), language)).await;
        browser.tab_to("a[href*=\"/send-again\"]").await;
        browser.press([ENTER]).await;
        browser
            .wait_for(&format!("document.querySelector('.notice').textContent.includes('Practitioner/{account}')"))
            .await;
        browser.tab_to("main form button").await;
        browser.press([ENTER]).await;
        browser.wait_for("/^4/.test(document.querySelector('main strong[role=\"status\"]').textContent)").await;
        found.extend(check_page(&browser, "exchange-sent-again", language, &[]).await);
        browser.tab_to("main ul a").await;
        browser.press([ENTER]).await;
        browser.wait_for(&format!("document.querySelector('main dl a[href$=\"{REFUSED}\"]')")).await;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
}

#[tokio::test]
async fn browser_resource_from_a_file_is_validated_by_keyboard() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    let folder = folder("browser-file");
    let file = folder.path().join("regulator.json");
    let mut found = vec![];
    for (name, language, body) in [("accepted", "fr", REGULATOR.to_owned()), ("refused", "en", refused())] {
        std::fs::write(&file, &body).expect("written");
        browser.go(&target.url_in("/console/validate", language)).await;
        browser.choose_file("#body-file", &file).await;
        browser.wait_for("document.querySelector('#body').value.length > 100").await;
        browser.tab_to("main form button[type=\"submit\"]").await;
        browser.press([ENTER]).await;
        browser.wait_for("document.querySelector('#result')").await;
        let is_refused = browser.run("return document.querySelector('.findings') !== null", vec![]).await;
        assert_eq!(is_refused, name == "refused", "{body}");
        found.extend(check_page(&browser, &format!("validate-{name}"), language, &[]).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
}

/// Drops a file on the field of the resource; returns whether it was shown where it would fall, and whether the page took it.
const DROP: &str = "const [content] = arguments, area = document.querySelector('#body');
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], 'a.json', { type: 'application/json' }));
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    const wasTaken = ['dragover', 'drop'].map((type) => {
      const wasTaken = !area.dispatchEvent(new DragEvent(type, options));
      return wasTaken && area.classList.contains('over') === (type === 'dragover');
    });
    return wasTaken.every(Boolean)";

#[tokio::test]
async fn browser_file_dropped_on_the_form_of_a_resource_is_validated() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    browser.go(&target.url_in("/console/validate", "en")).await;
    assert_eq!(browser.run(DROP, vec![refused().into()]).await, true);
    browser.wait_for("document.querySelector('#body').value.includes('\"yes\"')").await;
    // One that is too large is said, and the field stays as it was.
    assert_eq!(browser.run(DROP, vec!["x".repeat((1 << 20) + 1).into()]).await, true);
    browser.wait_for("document.querySelector('main form [role=\"alert\"]').textContent.length > 10").await;
    browser.tab_to("main form button[type=\"submit\"]").await;
    browser.press([ENTER]).await;
    browser.wait_for("document.querySelector('#result')").await;
    let line = browser.text("return document.querySelector('.marked code').textContent").await;
    assert!(line.contains("\"active\": \"yes\""), "{line}");
    assert_eq!(browser.log().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn browser_webhook_is_paused_by_keyboard_and_by_no_page_of_others() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    browser.go(&target.url_in("/console/webhooks", "en")).await;
    browser.tab_to("button[value=\"pause\"]").await;
    browser.press([ENTER]).await;
    browser
        .wait_for("document.querySelector('[role=\"status\"]') && document.querySelector('[value=\"resume\"]')")
        .await;
    browser.tab_to("summary").await;
    browser.press([ENTER]).await;
    browser.wait_for("document.querySelector('details').open").await;
    // A form without its token, and one of another site.
    let token = browser.text("const field = document.querySelector('[name=\"csrf\"]'); return field.value").await;
    browser.run("document.querySelector('[name=\"csrf\"]').value = 'x'", vec![]).await;
    browser.tab_to("button[value=\"resume\"]").await;
    browser.press([ENTER]).await;
    browser.wait_for("document.querySelector('main') && !document.querySelector('form.actions')").await;
    let form = format!(
        "<form method=\"post\" action=\"{}\"><input name=\"csrf\" value=\"{token}\"><input name=\"webhook\" value=\"vendor\">\
        <button name=\"action\" value=\"resume\">x</button></form>",
        target.url("/console/webhooks")
    );
    browser.go("data:text/html,<title>other</title>").await;
    browser.run("document.body.innerHTML = arguments[0]", vec![form.into()]).await;
    browser.tab_to("button").await;
    browser.press([ENTER]).await;
    browser.wait_for("location.pathname === '/console/webhooks'").await;
    assert!(browser.log().await.iter().any(|message| message.contains("status of 403")), "neither is accepted");
    browser.go(&target.url_in("/console/webhooks", "en")).await;
    browser.wait_for("document.querySelector('[value=\"resume\"]')").await;
    browser.close().await;
}
