//! Several instances on one Postgres: one of them delivers.

use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, webhook, write_accounts};
use crate::process::Serving;
use crate::receiver::Receiver;
use crate::support::Backend;
use crate::support::polling::poll_until;

/// A dead instance loses the lease within this time.
const TAKEOVER: Duration = Duration::from_secs(15);

fn delivers(serving: &Serving) -> bool {
    serving.ops("/metrics").expect("an answer").1.contains("sas_webhook_deliveries_total{")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_of_two_instances_is_delivered_once_and_taken_over() {
    let Some(endpoint) = Endpoint::new(Backend::Postgres).await else { return };
    let receiver = Receiver::start();
    endpoint.configure(&[webhook("vendor", &receiver.url(), "")]);
    let (one, other) = (endpoint.serve(), endpoint.serve());
    for account in 0..20 {
        let serving = if account % 2 == 0 { &one } else { &other };
        write_accounts(serving, account..account + 1);
    }
    poll_until("all events", async || receiver.positions().len() == 20).await;
    assert_eq!(receiver.positions(), (1..=20).collect::<Vec<_>>());
    poll_until("the position", async || endpoint.state("vendor")["position"] == 20).await;
    assert!(delivers(&one) != delivers(&other), "one delivers");
    let (mut holder, standby) = if delivers(&one) { (one, other) } else { (other, one) };
    holder.kill_and_wait();
    let killed = Instant::now();
    write_accounts(&standby, 20..21);
    poll_until("the event after the death", async || receiver.positions().last() == Some(&21)).await;
    // A busy machine takes its time to look.
    assert!(killed.elapsed() < 2 * TAKEOVER, "{:?}", killed.elapsed());
    // One that is stopped gives the lease back: the next need not wait for its end.
    let next = endpoint.serve();
    assert_eq!(standby.stop().0, Some(0));
    write_accounts(&next, 21..22);
    poll_until("the event after the stop", async || receiver.positions().last() == Some(&22)).await;
    assert_eq!(receiver.positions(), (1..=22).collect::<Vec<_>>());
}
