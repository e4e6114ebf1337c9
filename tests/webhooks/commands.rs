//! What operators do with webhooks.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::endpoint::{Endpoint, SECRET, webhook, write, write_accounts};
use crate::on_both_databases;
use crate::process::{Serving, exchange, program, run, signal};
use crate::receiver::{Receiver, Reply};
use crate::support::Backend;
use crate::support::polling::poll_until;

on_both_databases! { Endpoint::new;
    async fn webhook_paused_keeps_events_and_resumed_delivers_them(endpoint: Endpoint) {
        let receiver = Receiver::start();
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..2);
        poll_until("two events", async || receiver.positions() == [1, 2]).await;
        endpoint.run(&["pause", "vendor"]);
        poll_until("the pause in /health/ready", async || {
            let (status, ready) = serving.ops("/health/ready").expect("an answer");
            assert_eq!(status, 200);
            ready.contains("\"state\":\"paused\",\"reason\":\"by `webhooks pause`\"")
        }).await;
        write_accounts(&serving, 2..5);
        poll_until("the lag in the metrics", async || {
            let (_, metrics) = serving.ops("/metrics").expect("an answer");
            metrics.contains("sas_webhook_lag{webhook=\"vendor\"} 3") && metrics.contains("sas_webhook_paused{webhook=\"vendor\"} 1")
        }).await;
        assert_eq!(receiver.positions(), [1, 2]);
        endpoint.run(&["resume", "vendor"]);
        poll_until("all events", async || receiver.positions() == [1, 2, 3, 4, 5]).await;
    }

    async fn webhook_replay_delivers_the_same_events_again_from_a_position_or_a_time(endpoint: Endpoint) {
        let receiver = Receiver::start();
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..4);
        poll_until("all events", async || receiver.positions() == [1, 2, 3, 4]).await;
        endpoint.run(&["replay", "vendor", "--from", "3"]);
        poll_until("two events again", async || receiver.positions() == [1, 2, 3, 4, 3, 4]).await;
        let time = receiver.received()[1].json()["timestamp"].as_str().expect("a time").to_owned();
        // The position is saved a moment later.
        poll_until("the position", async || endpoint.state("vendor")["position"] == 4).await;
        let said = endpoint.run(&["replay", "vendor", "--from", &time]);
        let from: i64 = said.split("from position ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a position").parse().expect("a number");
        assert!(from <= 2, "{said}");
        poll_until("the end again", async || receiver.positions().iter().filter(|position| **position == 4).count() == 3).await;
        let events = receiver.received();
        for again in &events[4..] {
            let first = &events[usize::try_from(again.position()).expect("a position") - 1];
            assert_eq!((again.id(), &again.body), (first.id(), &first.body));
        }
        let refused = endpoint.command(&["replay", "vendor", "--from", "99"]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("the log ends before position 99"), "{refused:?}");
    }
}

#[tokio::test]
async fn webhook_unknown_or_not_started_is_named_by_the_commands() {
    let endpoint = Endpoint::new(Backend::Sqlite).await.expect("SQLite is always there");
    let receiver = Receiver::start();
    endpoint.configure(&[]);
    let serving = endpoint.serve();
    assert!(endpoint.run(&[]).contains("No webhook is configured."));
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    assert!(endpoint.run(&[]).contains("not started: `serve` starts it"));
    for (arguments, sentence) in [
        (&["pause", "vendor"][..], "`serve` has not delivered a webhook “vendor” from this database"),
        (&["resume", "vendor"], "`serve` has not delivered a webhook “vendor”"),
        (&["skip", "vendor"], "`serve` has not delivered a webhook “vendor”"),
        (&["replay", "vendor", "--from", "0"], "`serve` has not delivered a webhook “vendor”"),
        (&["skip", "other"], "no webhook “other” is configured"),
        (&["test", "other"], "no webhook “other” is configured"),
        (&["replay", "vendor", "--from", "soon"], "expected a date"),
    ] {
        let output = endpoint.command(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(sentence), "{arguments:?}: {error}");
    }
    drop(serving);
}

#[tokio::test]
async fn webhook_test_event_is_signed_and_its_answer_is_the_exit_status() {
    let endpoint = Endpoint::new(Backend::Sqlite).await.expect("SQLite is always there");
    let receiver = Receiver::start();
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    assert!(endpoint.run(&["test", "vendor"]).contains("it accepts the event (204)"));
    let received = &receiver.received()[0];
    standardwebhooks::Webhook::new(SECRET).expect("a secret").verify(&received.body, &received.headers).expect("valid");
    assert_eq!((&received.json()["type"], &received.json()["data"]), (&json!("webhook.test"), &json!({})));
    for reply in [Reply::Status("401 Unauthorized", ""), Reply::Status("302 Found", ""), Reply::Close] {
        receiver.reply([reply.clone()]);
        let output = endpoint.command(&["test", "vendor"]);
        assert_eq!(output.status.code(), Some(1), "{reply:?}");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!shown.contains("s3cret") && shown.contains("it "), "{shown}");
    }
}

#[tokio::test]
async fn webhook_listener_verifies_and_prints_each_event() {
    let endpoint = Endpoint::new(Backend::Sqlite).await.expect("SQLite is always there");
    let secret = String::from_utf8(run(&["token", "--webhook"], "").stdout).expect("UTF-8");
    std::fs::write(endpoint.file("secret"), &secret).expect("written");
    let listen = ["webhooks", "listen", "--address", "127.0.0.1:0", "--secret-file"];
    let file = endpoint.file("secret").to_str().expect("UTF-8").to_owned();
    let mut command = program(&listen);
    let mut listener = command.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut announced = String::new();
    let mut errors = BufReader::new(listener.stderr.take().expect("its messages"));
    errors.read_line(&mut announced).expect("a line");
    let address = announced.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let lines = BufReader::new(listener.stdout.take().expect("its output")).lines();
    endpoint.configure(&[webhook("vendor", &format!("http://{address}/hook"), &format!("secret_file = \"{file}\""))]);
    let serving = endpoint.serve();
    write(&serving, 0, "AUBERT");
    let line = lines.map(|line| line.expect("a line")).next().expect("an event");
    assert!(line.contains("  1  practitioner.created practitioner.enabled  Practitioner/"), "{line}");
    assert!(!line.contains("AUBERT") && !line.contains("0b9c2a54"), "{line}");
    let (status, _) = exchange(address, "POST /hook HTTP/1.1\r\ncontent-length: 2\r\n", "{}").expect("an answer");
    assert_eq!(status, 401);
    signal(&listener, "-INT");
    assert_eq!(listener.wait().expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn webhook_secret_is_neither_logged_nor_in_errors() {
    let endpoint = Endpoint::new(Backend::Sqlite).await.expect("SQLite is always there");
    let receiver = Receiver::start();
    receiver.always(Reply::Close);
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    let (serving, log) =
        Serving::start_and_log(&endpoint.database.url, &["--log", "debug", "--config", &endpoint.settings()]);
    write(&serving, 0, "AUBERT");
    poll_until("two attempts", async || receiver.received().len() >= 2).await;
    assert_eq!(serving.stop().0, Some(0));
    let log = log.join().expect("a log");
    assert!(log.contains("deliveries fail"), "{log}");
    for secret in ["s3cret", &SECRET[6..], "AUBERT", "0b9c2a54"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    std::fs::write(endpoint.settings(), webhook("vendor", &receiver.url(), "secret = \"s3cret\"")).expect("written");
    let output = endpoint.command(&[]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("settings.toml: webhook “vendor”: its secret must be") && !error.contains("s3cret"),
        "{error}"
    );
}

#[tokio::test]
async fn webhook_of_a_restored_database_pauses_until_it_is_resumed() {
    let endpoint = Endpoint::new(Backend::Sqlite).await.expect("SQLite is always there");
    let receiver = Receiver::start();
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    let serving = endpoint.serve();
    write_accounts(&serving, 0..2);
    poll_until("two events", async || endpoint.state("vendor")["position"] == 2).await;
    let copy = endpoint.file("copy.db");
    let made = run(&["backup", copy.to_str().expect("a path"), "--database-url", &endpoint.database.url], "");
    assert!(made.status.success(), "{made:?}");
    // After the backup, the receiver hears of a third account, which the copy does not have.
    write_accounts(&serving, 2..3);
    poll_until("three events", async || receiver.positions() == [1, 2, 3]).await;
    assert_eq!(serving.stop().0, Some(0));
    let mut restored = endpoint;
    restored.database.url = format!("sqlite://{}", copy.display());
    let serving = restored.serve();
    poll_until("the pause", async || restored.state("vendor")["state"] == "paused").await;
    let reason = restored.state("vendor")["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("restored from a backup"), "{reason}");
    write_accounts(&serving, 5..6);
    restored.run(&["resume", "vendor"]);
    poll_until("the event of the copy", async || receiver.positions() == [1, 2, 3, 3]).await;
    let events = receiver.received();
    assert_ne!(events[2].id(), events[3].id(), "another event has another id");
}
