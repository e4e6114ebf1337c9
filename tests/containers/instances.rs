//! docker-compose.yml: two instances on one Postgres behind nginx, which ends TLS.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::certificates::{Authority, Kind};
use crate::composition::Composition;
use crate::deployment::{account, fhir};
use crate::engine::Engine;
use crate::installation::{Installation, assert_no_person, identifier_of, pasted};
use crate::load::Load;
use crate::nginx::client;
use crate::support::polling::poll_until;

/// nginx's, in its image.
const GROUP: u32 = 101;
const INSTANCES: [&str; 2] = ["endpoint-a", "endpoint-b"];

/// The paper's, between one instance and the other: nginx leaves one that failed alone for two seconds.
const PAUSE: Duration = Duration::from_secs(5);

/// What happens to one instance at a time under load: its name, and what does it.
type Step = (&'static str, fn(&mut Composition));

const STEPS: [Step; 4] = [
    ("endpoint-a restarted", |composition| {
        composition.stop("endpoint-a");
        composition.start("endpoint-a");
        composition.wait_until_healthy("endpoint-a");
    }),
    ("endpoint-b killed", |composition| {
        composition.kill("endpoint-b");
        composition.wait_until_healthy("endpoint-b");
    }),
    ("endpoint-a recreated", |composition| {
        composition.make("endpoint-a");
        composition.wait_until_healthy("endpoint-a");
    }),
    ("endpoint-b recreated", |composition| {
        composition.make("endpoint-b");
        composition.wait_until_healthy("endpoint-b");
    }),
];

/// `None`, which is said, where no container can run.
fn up() -> Option<(Installation, Composition)> {
    let engine = Engine::start()?;
    let installation = Installation::for_containers(GROUP);
    let composition = installation.up(engine, "docker-compose.yml");
    Some((installation, composition))
}

async fn put(installation: &Installation, (text, criterion): &(String, String)) -> crate::deployment::Answer {
    let client = installation.client(Some(Kind::Good));
    let request = client.put(installation.url(criterion)).header("content-type", "application/json");
    fhir(request.body(text.clone())).await
}

/// Asked for alone: a page does not wait for its number.
async fn total(installation: &Installation) -> usize {
    let url = installation.url("/fhir/Practitioner?_summary=count");
    let bundle = fhir(installation.client(Some(Kind::Good)).get(url)).await.resource;
    let total = bundle["total"].as_u64().unwrap_or_else(|| panic!("no total: {bundle}"));
    usize::try_from(total).expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_answer_as_the_paper_says_and_log_no_person() {
    let Some((installation, composition)) = up() else { return };
    let statuses = installation.run_pasted(&pasted("deploy/README.md", "try $(as good)"));
    assert_eq!(statuses, ["200", "401", "403", "403", "403", "403"]);
    let foreign = Authority::new().client(Kind::Good);
    let foreign = client(&installation.authority, installation.address(), Some(&foreign));
    assert_eq!(fhir(foreign.get(installation.url("/fhir/Practitioner"))).await.status, 403);

    // The demo's caller has no right to appointments, as the paper says.
    let statuses = installation.run_pasted(&pasted("README.md", "curl -i -X PUT"));
    assert_eq!(statuses, ["201", "200", "403", "422"]);
    let created = put(&installation, &account()).await;
    assert!(created.location.starts_with(&installation.url("/fhir/Practitioner/")), "{}", created.location);

    for instance in INSTANCES {
        let records = composition.program(instance, &["exchanges", "--since", "1h"]);
        assert!(records.contains("conditional-update"), "{records}");
        assert_no_person(&records);
        composition.program(instance, &["purge"]);
    }
    nginx_beyond_its_rate_answers_429_and_nothing_else_fails(&installation).await;
    assert_no_person(&composition.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_restarted_killed_and_made_anew_under_load_loses_no_write() {
    let Some((installation, mut composition)) = up() else { return };
    let load = Load::start(|| installation.client(Some(Kind::Good)), &installation.url(""));
    let mut steps: Vec<(&str, Instant)> = vec![];
    for (what, step) in STEPS {
        load.wait_for_more(80).await;
        steps.push((what, Instant::now()));
        tokio::task::block_in_place(|| step(&mut composition));
        load.wait_past(Instant::now() + PAUSE).await;
    }
    let (answered, accounts) = load.end().await;
    let failed = answered.iter().filter(|answered| !answered.is_written()).map(|answered| {
        let step = steps.iter().rev().find(|(_, began)| *began <= answered.at);
        (step.map(|(what, began)| (what, answered.at - *began)), &answered.result)
    });
    assert_eq!(failed.collect::<Vec<_>>(), [], "of {} PUTs", answered.len());
    assert_eq!(total(&installation).await, accounts, "no account was lost, and none was doubled");
    println!("{} PUTs while instances were restarted, killed and recreated, none failed", answered.len());
    both_made_anew_are_found_again_within_5_seconds(&installation, &mut composition).await;
}

/// nginx knows them by addresses, of IP and of hardware, which they keep.
async fn both_made_anew_are_found_again_within_5_seconds(installation: &Installation, composition: &mut Composition) {
    let load = Load::start(|| installation.client(Some(Kind::Good)), &installation.url(""));
    load.wait_for_more(80).await;
    tokio::task::block_in_place(|| {
        for instance in INSTANCES {
            composition.make(instance);
        }
        for instance in INSTANCES {
            composition.wait_until_healthy(instance);
        }
    });
    let healthy = Instant::now();
    load.wait_past(healthy + Duration::from_secs(8)).await;
    let (answered, _) = load.end().await;
    let failed = answered.iter().filter(|answered| !answered.is_written());
    let last = failed.map(|answered| answered.at.saturating_duration_since(healthy)).max();
    assert!(
        last.is_none_or(|last| last < Duration::from_secs(5)),
        "the last failure came {last:?} after both were healthy"
    );
}

async fn nginx_beyond_its_rate_answers_429_and_nothing_else_fails(installation: &Installation) {
    let before = total(installation).await;
    let client = installation.client(Some(Kind::Good));
    let mut requests = tokio::task::JoinSet::new();
    let (clients, each) = (64, 10);
    for _ in 0..clients {
        let (client, url) = (client.clone(), installation.url(""));
        requests.spawn(async move {
            let mut answers = vec![];
            for _ in 0..each {
                let (text, criterion) = account();
                let request = client.put(format!("{url}{criterion}")).header("content-type", "application/json");
                let answer = request.body(text).send().await.expect("an answer");
                answers.push((answer.status().as_u16(), answer.headers().contains_key("retry-after")));
            }
            answers
        });
    }
    let answers = requests.join_all().await.concat();
    let count = |wanted: (u16, bool)| answers.iter().filter(|answer| **answer == wanted).count();
    let (created, throttled) = (count((201, false)), count((429, true)));
    assert_eq!(created + throttled, clients * each, "{answers:?}");
    assert!(created >= 200 && throttled > 0, "{created} created, {throttled} throttled");
    assert_eq!(total(installation).await, before + created);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stopped_is_told_and_its_dump_restores() {
    let Some((installation, composition)) = up() else { return };
    let (kept, later) = (account(), account());
    assert_eq!(put(&installation, &kept).await.status, 201);
    // `docker compose exec -T postgres pg_dump -U sas -Fc sas > sas.dump`
    let dump = installation.file("sas.dump");
    let dumped = composition.exec("postgres", &["pg_dump", "-U", "sas", "-Fc", "sas"], Stdio::null());
    assert!(dumped.status.success(), "{dumped:?}");
    std::fs::write(&dump, dumped.stdout).expect("written");
    assert_eq!(put(&installation, &later).await.status, 201);

    composition.stop("postgres");
    let client = installation.client(Some(Kind::Good));
    let request = client.put(installation.url(&later.1)).header("content-type", "application/json");
    let refused = request.body(later.0.clone()).send().await.expect("an answer");
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"), "{refused:?}");
    let began = Instant::now();
    composition.start("postgres");
    poll_until("writes are taken again", async || put(&installation, &later).await.status == 200).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());

    // `docker compose stop endpoint-a endpoint-b nginx`, `pg_restore`, `docker compose up --detach --wait`
    let others = ["endpoint-a", "endpoint-b", "nginx"];
    others.iter().for_each(|name| composition.stop(name));
    let restore = ["pg_restore", "-U", "sas", "-d", "sas", "--clean", "--if-exists"];
    let restored = composition.exec("postgres", &restore, File::open(&dump).expect("a dump").into());
    assert!(restored.status.success(), "{restored:?}");
    for name in others {
        composition.start(name);
        composition.wait_until_healthy(name);
    }
    // Repeated where it is refused for a moment (503), as clients do: the instances connect to Postgres again.
    let mut answer = put(&installation, &kept).await;
    poll_until("writes are taken after the restoration", async || {
        if answer.status == 503 {
            println!("after the restoration: {}", answer.resource);
            answer = put(&installation, &kept).await;
        }
        answer.status != 503
    })
    .await;
    assert_eq!(answer.status, 200, "what the dump holds is there: {}", answer.resource);
    assert_eq!(put(&installation, &later).await.status, 201, "what was written after it is not");
    let logs = composition.logs();
    assert_no_person(&logs);
    assert!([&kept, &later].iter().all(|account| !logs.contains(identifier_of(account))), "{logs}");
}
