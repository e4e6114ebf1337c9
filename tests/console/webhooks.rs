//! `/console/webhooks`: what the commands do, in a browser.

use crate::endpoint::{Endpoint, webhook, write_accounts};
use crate::html;
use crate::on_both_databases;
use crate::process::{Serving, exchange};
use crate::receiver::{Receiver, Reply};
use crate::server::{csrf, form};
use crate::support::polling::poll_until;

/// Presses a button of the page; the status, and the page that follows.
fn press(serving: &Serving, fields: &[(&str, &str)]) -> (u16, String) {
    let (_, page) = serving.ops("/console/webhooks").expect("a page");
    let token = csrf(&page);
    let fields: Vec<_> = fields.iter().copied().chain([("csrf", &*token)]).collect();
    let body = form(&fields);
    let head = format!(
        "POST /console/webhooks?lang=en HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
        content-length: {}\r\n",
        body.len()
    );
    let (status, page) = exchange(&serving.ops_address, &head, &body).expect("an answer");
    html::check(&page, "en");
    (status, page)
}

on_both_databases! { Endpoint::new;
    async fn console_webhook_actions_do_what_the_commands_do(endpoint: Endpoint) {
        let receiver = Receiver::start();
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..2);
        poll_until("two events", async || receiver.positions() == [1, 2]).await;
        let vendor = ("webhook", "vendor");
        let (status, page) = press(&serving, &[vendor, ("action", "pause")]);
        assert!(status == 200 && page.contains("“vendor” is paused.") && page.contains("in the console"), "{page}");
        assert!(page.contains("value=\"resume\"") && !page.contains("value=\"pause\""), "{page}");
        assert_eq!(endpoint.state("vendor")["state"], "paused");
        poll_until("the pause in /health/ready", async || {
            let (_, ready) = serving.ops("/health/ready").expect("an answer");
            ready.contains("\"reason\":\"in the console\"")
        }).await;
        write_accounts(&serving, 2..4);
        poll_until("the lag on the first page", async || {
            let (_, page) = serving.ops("/console").expect("a page");
            html::check(&page, "fr");
            page.contains("<td>2</td>") && page.contains("en pause")
        }).await;
        assert_eq!(receiver.positions(), [1, 2]);
        let (_, page) = press(&serving, &[vendor, ("action", "skip")]);
        assert!(page.contains("“vendor” skips the event at position 3."), "{page}");
        press(&serving, &[vendor, ("action", "resume")]);
        poll_until("the event behind", async || receiver.positions() == [1, 2, 4]).await;
        poll_until("the position", async || endpoint.state("vendor")["position"] == 4).await;
        let (status, page) = press(&serving, &[vendor, ("action", "skip")]);
        assert!(status == 409 && page.contains("there is no event to skip"), "{page}");
        let (_, page) = press(&serving, &[vendor, ("action", "replay"), ("from", " 2 ")]);
        assert!(page.contains("“vendor” delivers again, from position 2 on."), "{page}");
        poll_until("them again", async || receiver.positions() == [1, 2, 4, 2, 3, 4]).await;
    }
}

#[tokio::test]
async fn console_webhook_test_tells_how_the_receiver_answers() {
    let endpoint = Endpoint::new(crate::support::Backend::Sqlite).await.expect("SQLite is always there");
    let receiver = Receiver::start();
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    let serving = endpoint.serve();
    for (reply, sentence) in [
        (Reply::Status("204 No Content", ""), "accepts the test (204)"),
        (Reply::Status("401 Unauthorized", ""), "answers the test with 401"),
        (Reply::Close, "does not answer the test"),
    ] {
        receiver.reply([reply]);
        let (status, page) = press(&serving, &[("webhook", "vendor"), ("action", "test")]);
        assert!(status == 200 && page.contains(sentence) && !page.contains("s3cret"), "{page}");
    }
    assert_eq!(receiver.received()[0].json()["type"], "webhook.test");
}

#[tokio::test]
async fn console_webhook_action_that_cannot_be_done_says_why() {
    let endpoint = Endpoint::new(crate::support::Backend::Sqlite).await.expect("SQLite is always there");
    let receiver = Receiver::start();
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    let serving = endpoint.serve();
    for (fields, status, sentence) in [
        (&[("webhook", "other"), ("action", "pause")][..], 404, "no such webhook"),
        (&[("webhook", "vendor"), ("action", "delete")], 400, "no such action"),
        (&[("webhook", "vendor")], 400, "no such action"),
        (&[("webhook", "vendor"), ("action", "replay"), ("from", "soon")], 400, "The start cannot be read"),
        (
            &[("webhook", "vendor"), ("action", "replay"), ("from", "99")],
            409,
            "The log of versions ends before position 99",
        ),
        (&[("webhook", "vendor"), ("action", "skip")], 409, "there is no event to skip"),
    ] {
        let (answered, page) = press(&serving, fields);
        assert!(answered == status && page.contains(sentence), "{fields:?}: {answered} {page}");
    }
}
