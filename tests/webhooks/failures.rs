//! Receivers that fail, refuse or are gone.

use serde_json::{Value, json};

use crate::endpoint::{Endpoint, webhook, write_accounts};
use crate::on_both_databases;
use crate::receiver::{NO_CONTENT, Receiver, Reply};
use crate::support::polling::poll_until;

impl Endpoint {
    async fn wait_for_state(&self, name: &str, state: &str) -> Value {
        poll_until(state, async || self.state(name)["state"] == state).await;
        self.state(name)
    }
}

on_both_databases! { Endpoint::new;
    async fn webhook_failing_receiver_gets_the_same_event_until_it_accepts_it(endpoint: Endpoint) {
        let receiver = Receiver::start();
        receiver.always(Reply::Status("500 Internal Server Error", ""));
        endpoint.configure(&[webhook("vendor", &receiver.url(), "timeout = \"200ms\"")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..2);
        // By itself, after a second and then two.
        poll_until("attempts", async || receiver.received().len() >= 3).await;
        let state = endpoint.wait_for_state("vendor", "failing").await;
        assert_eq!((&state["position"], &state["lag"], &state["lastAnswer"]["status"]), (&json!(0), &json!(2), &json!(500)));
        let since = state["failingSince"].clone();
        for (reply, status) in [
            (Reply::Close, Value::Null),
            (Reply::Hang, Value::Null),
            (Reply::Status("503 Service Unavailable", "retry-after: 3000\r\n"), 503.into()),
            (Reply::Status("429 Too Many Requests", ""), 429.into()),
            (Reply::Status("408 Request Timeout", ""), 408.into()),
        ] {
            receiver.always(reply.clone());
            let before = receiver.received().len();
            endpoint.run(&["resume", "vendor"]);
            poll_until("an attempt", async || receiver.received().len() > before).await;
            poll_until("its answer", async || endpoint.state("vendor")["lastAnswer"]["status"] == status).await;
            let state = endpoint.state("vendor");
            assert_eq!((&state["state"], &state["failingSince"]), (&json!("failing"), &since), "{reply:?}");
        }
        let ids: Vec<_> = receiver.received().iter().map(|received| received.id().to_owned()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        // Another attempt follows by itself, or at once.
        receiver.always(NO_CONTENT);
        endpoint.run(&["resume", "vendor"]);
        poll_until("both events", async || receiver.accepted() == [1, 2]).await;
        let state = endpoint.wait_for_state("vendor", "active").await;
        assert_eq!((&state["attempts"], &state["failingSince"]), (&json!(0), &Value::Null));
        drop(serving);
    }

    async fn webhook_retry_after_is_heeded_also_by_the_next_process(endpoint: Endpoint) {
        let receiver = Receiver::start();
        receiver.reply([Reply::Status("503 Service Unavailable", "retry-after: 3000\r\n")]);
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..1);
        let state = endpoint.wait_for_state("vendor", "failing").await;
        let [last, next] = [&state["lastAnswer"]["at"], &state["nextAttempt"]]
            .map(|time| time.as_str().expect("a time").parse::<jiff::Timestamp>().expect("an instant"));
        assert_eq!(next.duration_since(last).as_secs(), 3000);
        assert_eq!(serving.stop().0, Some(0));
        let serving = endpoint.serve();
        poll_until("the delivering instance", async || {
            let (_, ready) = serving.ops("/health/ready").expect("an answer");
            ready.contains("\"state\":\"failing\"")
        }).await;
        assert_eq!(receiver.received().len(), 1);
        endpoint.run(&["resume", "vendor"]);
        poll_until("the event", async || receiver.accepted() == [1]).await;
    }

    async fn webhook_answer_2xx_counts_whatever_its_body(endpoint: Endpoint) {
        let receiver = Receiver::start();
        receiver.reply([Reply::Huge(8 << 20), Reply::CutShort, Reply::Huge(1000), Reply::Status("202 Accepted", "")]);
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..6);
        poll_until("all events", async || receiver.positions().len() == 6).await;
        assert_eq!(receiver.positions(), [1, 2, 3, 4, 5, 6]);
    }

    async fn webhook_redirect_or_gone_pauses_until_it_is_resumed(endpoint: Endpoint) {
        let receiver = Receiver::start();
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        for (account, status, reason) in [
            (0, "410 Gone", "it answers 410: it wants no more events"),
            (1, "302 Found", "it answers 302: redirects are not followed"),
            (2, "308 Permanent Redirect", "it answers 308: redirects are not followed"),
        ] {
            receiver.reply([Reply::Status(status, "location: http://127.0.0.1:1/\r\n")]);
            write_accounts(&serving, account..account + 1);
            let state = endpoint.wait_for_state("vendor", "paused").await;
            assert_eq!(state["reason"], reason);
            assert!(endpoint.run(&[]).contains(&format!("paused: {reason}")));
            endpoint.run(&["resume", "vendor"]);
            let position = i64::try_from(account).expect("a number") + 1;
            poll_until("the event", async || receiver.accepted().last() == Some(&position)).await;
        }
        assert_eq!(receiver.positions(), [1, 1, 2, 2, 3, 3]);
    }

    async fn webhook_refused_event_stops_the_others_until_it_is_skipped(endpoint: Endpoint) {
        let receiver = Receiver::start();
        receiver.reply([Reply::Status("422 Unprocessable Content", "")]);
        endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..3);
        let state = endpoint.wait_for_state("vendor", "failing").await;
        assert_eq!((&state["position"], &state["lastAnswer"]["status"]), (&json!(0), &json!(422)));
        let [last, next] = [&state["lastAnswer"]["at"], &state["nextAttempt"]]
            .map(|time| time.as_str().expect("a time").parse::<jiff::Timestamp>().expect("an instant"));
        assert!((240..=360).contains(&next.duration_since(last).as_secs()), "five minutes");
        assert!(endpoint.run(&["skip", "vendor"]).contains("passes over the event at position 1"));
        poll_until("the others", async || receiver.accepted() == [2, 3]).await;
        assert_eq!(receiver.positions(), [1, 2, 3]);
        let letters = endpoint.run(&["dead-letters", "--json"]);
        let letter: Value = serde_json::from_str(&letters).expect("one");
        assert_eq!((&letter["webhook"], &letter["position"], &letter["status"]), (&json!("vendor"), &json!(1), &json!(422)));
        assert!(endpoint.run(&["dead-letters", "vendor"]).contains("422"));
        assert!(endpoint.run(&["dead-letters", "other"]).contains("No event was passed over"));
        // Delivered again, it is no dead letter.
        endpoint.run(&["replay", "vendor", "--from", "1"]);
        poll_until("the replay", async || receiver.accepted() == [2, 3, 1, 2, 3]).await;
        assert!(endpoint.run(&["dead-letters"]).contains("No event was passed over"));
        poll_until("its position", async || endpoint.state("vendor")["position"] == 3).await;
        assert!(!endpoint.command(&["skip", "vendor"]).status.success());
    }

    async fn webhook_refused_event_is_passed_over_where_its_settings_say_so(endpoint: Endpoint) {
        let receiver = Receiver::start();
        let refused = ["400 Bad Request", "404 Not Found"].map(|status| Reply::Status(status, ""));
        receiver.reply([&[NO_CONTENT][..], &refused, &[NO_CONTENT]].concat());
        endpoint.configure(&[webhook("vendor", &receiver.url(), "on_refusal = \"skip\"")]);
        let serving = endpoint.serve();
        write_accounts(&serving, 0..5);
        poll_until("all events", async || receiver.accepted() == [1, 4, 5]).await;
        assert_eq!(receiver.positions(), [1, 2, 3, 4, 5]);
        let letters = endpoint.run(&["dead-letters", "--json"]);
        let letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let letters: Vec<_> = letters.iter().map(|letter| (&letter["position"], &letter["status"])).collect();
        assert_eq!(letters, [(&json!(2), &json!(400)), (&json!(3), &json!(404))]);
        let (_, metrics) = serving.ops("/metrics").expect("an answer");
        assert!(metrics.contains("sas_webhook_deliveries_total{webhook=\"vendor\",outcome=\"skipped\"} 2"), "{metrics}");
    }
}
