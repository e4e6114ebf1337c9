//! What is delivered, in which order, and from where on.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::endpoint::{Endpoint, FORMER_SECRET, SECRET, try_write, webhook, write, write_accounts};
use crate::on_both_databases;
use crate::receiver::{Received, Receiver, Reply};
use crate::support::polling::{poll_until, poll_until_blocking};

/// The signature as the standard describes it, without its crate.
fn signature(secret: &str, received: &Received) -> String {
    let key = STANDARD.decode(&secret["whsec_".len()..]).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(received.id().as_bytes());
    mac.update(b".");
    mac.update(received.header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(&received.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

on_both_databases! { Endpoint::new;
    async fn webhook_events_are_delivered_in_order_and_signed_with_each_secret(endpoint: Endpoint) {
        let receiver = Receiver::start();
        let secrets = format!("secret = [\"{SECRET}\", \"{FORMER_SECRET}\"]");
        endpoint.configure(&[webhook("vendor", &receiver.url(), &secrets)]);
        let serving = endpoint.serve();
        for version in ["AUBERT", "BERT", "CLEMENT"] {
            for account in 0..5 {
                write(&serving, account, version);
            }
        }
        poll_until("all events", async || receiver.positions().len() >= 15).await;
        assert_eq!(receiver.positions(), (1..=15).collect::<Vec<_>>());
        let events = receiver.received();
        let log = events[0].id().split('-').next().expect("the id of the log").to_owned();
        for (position, received) in (1..).zip(&events) {
            assert_eq!(received.id(), format!("{log}-{position}"));
            assert_eq!(received.header("content-type"), "application/json");
            let signatures = [SECRET, FORMER_SECRET].map(|secret| signature(secret, received));
            assert_eq!(received.header("webhook-signature"), signatures.join(" "));
            for secret in [SECRET, FORMER_SECRET] {
                let verifier = standardwebhooks::Webhook::new(secret).expect("a secret");
                verifier.verify(&received.body, &received.headers).expect("a valid signature");
            }
        }
        let (created, updated) = (events[0].json(), events[5].json());
        assert_eq!(created["type"], "practitioner.created");
        assert_eq!(created["data"]["types"], json!(["practitioner.created", "practitioner.enabled"]));
        assert_eq!(created["timestamp"], created["data"]["time"]);
        assert_eq!(created["data"].get("resource"), None);
        assert_eq!((&updated["type"], &updated["data"]["changed"]), (&json!("practitioner.updated"), &json!(["name"])));
        let url = updated["data"]["url"].as_str().expect("a URL");
        assert!(url.starts_with(&format!("http://{}/fhir/Practitioner/", serving.address)), "{url}");
        // The same as `GET /events` answers.
        let head = "GET /events?after=5&limit=1 HTTP/1.1\r\n";
        let (_, listed) = crate::process::exchange(&serving.address, head, "").expect("an answer");
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        assert_eq!(listed["events"][0], updated["data"]);
    }

    async fn webhook_content_and_events_are_those_of_its_settings(endpoint: Endpoint) {
        let (full, enabled) = (Receiver::start(), Receiver::start());
        endpoint.configure(&[
            webhook("full", &full.url(), "content = \"full\""),
            webhook("enabled", &enabled.url(), "events = [\"practitioner.enabled\", \"appointment.*\"]"),
        ]);
        let serving = endpoint.serve();
        write(&serving, 0, "AUBERT");
        for version in ["BERT", "CLEMENT"] {
            write(&serving, 0, version);
        }
        write(&serving, 1, "AUBERT");
        poll_until("all events", async || full.positions().len() == 4 && enabled.positions().len() == 2).await;
        assert_eq!((full.positions(), enabled.positions()), (vec![1, 2, 3, 4], vec![1, 4]));
        let resource = full.received()[2].json()["data"]["resource"].clone();
        assert_eq!((&resource["name"][0]["family"], &resource["meta"]["versionId"]), (&json!("CLEMENT"), &json!("3")));
        // What is not wanted is no lag.
        write(&serving, 1, "BERT");
        poll_until("the position", async || endpoint.state("enabled")["lag"] == 0).await;
        assert_eq!(endpoint.state("enabled")["position"], 5);
    }

    async fn webhook_begins_where_its_settings_say_the_first_time_only(endpoint: Endpoint) {
        let (now, past, middle) = (Receiver::start(), Receiver::start(), Receiver::start());
        endpoint.configure(&[]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..3);
        assert_eq!(serving.stop().0, Some(0));
        let webhooks = [
            webhook("now", &now.url(), ""),
            webhook("past", &past.url(), "from = 0"),
            webhook("middle", &middle.url(), "from = 2"),
        ];
        endpoint.configure(&webhooks);
        let serving = endpoint.serve();
        poll_until("the past", async || past.positions().len() == 3 && middle.positions().len() == 1).await;
        write_accounts(&serving, 3..4);
        poll_until("the present", async || now.positions() == [4] && past.positions().len() == 4).await;
        assert_eq!(serving.stop().0, Some(0));
        // What happens while it is away is not lost.
        endpoint.configure(&[]);
        let serving = endpoint.serve();
        write_accounts(&serving, 4..6);
        let listed = endpoint.run(&[]);
        assert_eq!(listed.matches("not configured").count(), 3, "{listed}");
        assert_eq!(serving.stop().0, Some(0));
        endpoint.configure(&webhooks);
        let _serving = endpoint.serve();
        poll_until("what came meanwhile", async || now.positions().len() == 3 && past.positions().len() == 6).await;
        assert_eq!((now.positions(), past.positions()), (vec![4, 5, 6], vec![1, 2, 3, 4, 5, 6]));
        poll_until("the third", async || middle.positions() == [3, 4, 5, 6]).await;
    }

    async fn webhook_killed_goes_on_where_it_stood_and_doubles_have_the_same_id(endpoint: Endpoint) {
        let receiver = Receiver::start();
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        for round in 1..=4 {
            let serving = endpoint.serve();
            // On Postgres, the lease of the one that was killed ends first.
            let enough = receiver.received().len() + 7 * round;
            std::thread::scope(|scope| {
                let serving = &serving;
                scope.spawn(move || (0..150).all(|account| try_write(serving, 1000 * round + account, "AUBERT").is_ok()));
                poll_until_blocking("some events", || receiver.received().len() >= enough);
                serving.signal("-KILL");
            });
        }
        let serving = endpoint.serve();
        let head = "GET /events?limit=1000 HTTP/1.1\r\n";
        let (_, listed) = crate::process::exchange(&serving.address, head, "").expect("an answer");
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        let listed = listed["events"].as_array().expect("events").iter();
        let logged: Vec<_> = listed.map(|event| event["position"].as_i64().expect("a position")).collect();
        poll_until("the last event", async || receiver.positions().last() == logged.last()).await;
        assert_each_in_order(&receiver.received(), &logged);
    }

    async fn webhook_slow_receiver_delays_neither_writes_nor_other_webhooks(endpoint: Endpoint) {
        let (slow, quick) = (Receiver::start(), Receiver::start());
        slow.always(Reply::Hang);
        endpoint.configure(&[
            webhook("slow", &slow.url(), "timeout = \"2m\""),
            webhook("quick", &quick.url(), ""),
        ]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..20);
        poll_until("the quick one", async || quick.positions().len() == 20).await;
        assert_eq!(slow.positions(), [1]);
        // Its delivery in progress is cut.
        assert_eq!(serving.stop().0, Some(0));
        assert_eq!(endpoint.state("quick")["position"], 20);
        assert_eq!(endpoint.state("slow")["position"], 0);
    }
}

/// Each position comes once at least, none before the one before it; what comes again is the same.
fn assert_each_in_order(received: &[Received], logged: &[i64]) {
    let (mut first_arrivals, mut ids) = (vec![], BTreeMap::new());
    for received in received {
        let position = received.position();
        let id = ids.entry(position).or_insert_with(|| {
            first_arrivals.push(position);
            received.id().to_owned()
        });
        assert_eq!(id, received.id());
    }
    assert_eq!(first_arrivals, logged);
}
