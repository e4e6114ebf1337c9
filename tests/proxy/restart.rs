//! A rolling restart of the instances fails no request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Client;
use tokio::task::JoinHandle;

use crate::certificates::Kind;
use crate::deployment::{Deployment, account, fhir};
use crate::process::Serving;
use crate::support::polling::poll_until;

/// As many clients ask at once.
const CLIENTS: usize = 8;

/// What the clients did.
#[derive(Default)]
struct Ledger {
    created: AtomicUsize,
    asked: AtomicUsize,
    over: AtomicBool,
}

/// One client's day: an account is created, by PUT or by POST, updated, and read.
async fn ask(client: Client, base: String, ledger: Arc<Ledger>) {
    let json = |request: reqwest::RequestBuilder, body: &str| {
        request.header("content-type", "application/json").body(body.to_owned())
    };
    let mut by_post = false;
    while !ledger.over.load(Ordering::Relaxed) {
        let (account, criterion) = account();
        let url = format!("{base}{criterion}");
        let create = if by_post { client.post(format!("{base}/fhir/Practitioner")) } else { client.put(&url) };
        let created = fhir(json(create, &account)).await;
        assert_eq!(created.status, 201, "by POST: {by_post}; {}", created.resource);
        let changed = fhir(json(client.put(&url), &account.replace("Nadia", "Jeanne"))).await;
        assert_eq!(changed.status, 200, "{}", changed.resource);
        let read = fhir(client.get(&created.location)).await;
        assert_eq!((read.status.as_u16(), &read.resource["name"][0]["given"][0]), (200, &"Jeanne".into()));
        ledger.created.fetch_add(1, Ordering::Relaxed);
        ledger.asked.fetch_add(3, Ordering::Relaxed);
        by_post = !by_post;
    }
}

/// Waits until nginx gives work of both kinds to this instance, which was started anew; fails when a client does.
async fn until_it_answers(instance: &Serving, clients: &[JoinHandle<()>]) {
    let is_at_work = |metrics: &str| ["\"create\"", "\"conditional-update\""].iter().all(|kind| metrics.contains(kind));
    let is_asked = async || {
        assert!(!clients.iter().any(JoinHandle::is_finished), "a request failed");
        instance.ops("/metrics").is_ok_and(|(_, metrics)| is_at_work(&metrics))
    };
    poll_until("nginx gives it work", is_asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_rolling_restart_fails_no_request() {
    // The clients ask as fast as they can, all from one address.
    let unlimited = [("rate=100r/s", "rate=100000r/s")];
    let Some(mut deployment) = Deployment::start_with(&unlimited).await else { return };
    if deployment.instances.len() < 2 {
        return;
    }
    let ledger = Arc::new(Ledger::default());
    let base = deployment.nginx.url("");
    let identity = deployment.identity(Kind::Good);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(ask(deployment.nginx.client(Some(&identity)), base.clone(), ledger.clone())))
        .collect();
    for number in 0..2 {
        until_it_answers(deployment.instances[number].running.as_ref().expect("it runs"), &clients).await;
        let instance = deployment.instances[number].running.take().expect("it runs");
        let stopped = tokio::task::spawn_blocking(|| instance.stop()).await.expect("it stops");
        assert_eq!(stopped.0, Some(0));
        tokio::task::block_in_place(|| deployment.run(number));
        until_it_answers(deployment.instances[number].running.as_ref().expect("it runs"), &clients).await;
    }
    ledger.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no request failed");
    }
    let (created, asked) = (ledger.created.load(Ordering::Relaxed), ledger.asked.load(Ordering::Relaxed));
    let client = deployment.nginx.client(Some(&identity));
    let url = deployment.nginx.url("/fhir/Practitioner?_total=accurate&_count=1");
    assert_eq!(fhir(client.get(url)).await.resource["total"], created, "no account was lost, and none was doubled");
    println!("{asked} requests during two restarts, none failed; {created} accounts");
}
