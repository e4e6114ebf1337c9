//! docker-compose.yml: two instances on one Postgres behind nginx, which ends TLS.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use serde_json::Value;

use crate::certificates::{Authority, Kind};
use crate::composition::Composition;
use crate::deployment::{account, fhir};
use crate::engine::Engine;
use crate::installation::{CONSOLE_HOST, CONSOLE_TOKEN, Installation, assert_no_person, identifier_of, pasted, quoted};
use crate::load::{Ledger, Load, Pace};
use crate::nginx::client;
use crate::support::polling::poll_until;

/// nginx's, in its image.
const GROUP: u32 = 101;
const INSTANCES: [&str; 2] = ["endpoint-a", "endpoint-b"];

/// The pause of deploy/README.md between one instance and the other. nginx does not use a failed one for two seconds.
const PAUSE: Duration = Duration::from_secs(5);

/// The pause above nginx's rate: just nginx's `fail_timeout`, as a longer one would test nothing more.
const SHORT_PAUSE: Duration = Duration::from_secs(2);

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
    let composition = installation.up(engine, &["docker-compose.yml"]);
    Some((installation, composition))
}

async fn put(installation: &Installation, (text, criterion): &(String, String)) -> crate::deployment::Answer {
    let client = installation.client(Some(Kind::Good));
    let request = client.put(installation.url(criterion)).header("content-type", "application/json");
    fhir(request.body(text.clone())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_answer_as_documented_and_log_no_person() {
    let Some(engine) = Engine::start() else { return };
    let installation = Installation::for_containers(GROUP);
    installation.add_console();
    let composition = installation.up(engine, &["docker-compose.yml", "deploy/docker-compose.console.yml"]);
    console_is_reached_with_a_token_and_nothing_else_of_its_listener(&installation).await;
    fault_is_armed_through_the_console_and_acts_on_one_request(&installation).await;
    let statuses = installation.run_pasted(&pasted("deploy/README.md", "try $(as good)"));
    assert_eq!(statuses, ["200", "401", "403", "403", "403", "403"]);
    for authority in [Authority::new(), Authority::named("OTHER")] {
        let foreign = client(&installation.authority, installation.address(), Some(&authority.client(Kind::Good)));
        assert_eq!(fhir(foreign.get(installation.url("/fhir/Practitioner"))).await.status, 403);
    }

    // The demo's caller has no right to appointments, as deploy/README.md says.
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
    nginx_reloaded_believes_the_authorities_installed(&installation, &composition).await;
    assert_no_person(&composition.logs());
}

/// Each instance has its own faults: one of the next requests meets it.
async fn fault_is_armed_through_the_console_and_acts_on_one_request(installation: &Installation) {
    let client = console_client(installation);
    let url = format!("https://{CONSOLE_HOST}:{}/console/api/faults", installation.address().port());
    let arm = client.post(&url).header("content-type", "application/json").bearer_auth(CONSOLE_TOKEN);
    let fault = r#"{"kind": "status", "status": 418, "match": {"interaction": "conditional-update"}}"#;
    let armed = arm.body(fault).send().await.expect("an answer");
    assert_eq!(armed.status(), 201, "{:?}", armed.text().await);
    let mut met = 0;
    for _ in 0..4 * INSTANCES.len() {
        let answer = put(installation, &account()).await;
        met += usize::from(answer.status == 418);
        assert!([200, 201, 418].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    assert_eq!(met, 1);
}

fn console_client(installation: &Installation) -> reqwest::Client {
    // The demo's certificate is of another name, and a request for it needs none.
    let client = reqwest::Client::builder().resolve(CONSOLE_HOST, installation.address()).redirect(Policy::none());
    client.tls_danger_accept_invalid_certs(true).build().expect("a client")
}

async fn console_is_reached_with_a_token_and_nothing_else_of_its_listener(installation: &Installation) {
    let client = console_client(installation);
    let url = |path: &str| format!("https://{CONSOLE_HOST}:{}{path}", installation.address().port());
    let refused = client.get(url("/console")).send().await.expect("an answer");
    assert_eq!(refused.status(), 303);
    let form = format!("token={CONSOLE_TOKEN}");
    let log_in = client.post(url("/console/login")).header("content-type", "application/x-www-form-urlencoded");
    let welcome = log_in.body(form).send().await.expect("an answer");
    assert_eq!(welcome.status(), 303, "{:?}", welcome.text().await);
    let cookie = welcome.headers()["set-cookie"].to_str().expect("visible ASCII").split(';').next().expect("a cookie");
    for (path, status) in [("/console", 200), ("/console/exchanges", 200), ("/metrics", 404), ("/health/ready", 404)] {
        let page = client.get(url(path)).header("cookie", cookie).send().await.expect("an answer");
        assert_eq!(page.status(), status, "{path}");
    }
}

/// The commands of deploy/README.md, with the demo's authorities in the place of IGC-Santé's files.
async fn nginx_reloaded_believes_the_authorities_installed(installation: &Installation, composition: &Composition) {
    let authority = Authority::named("OTHER");
    for (name, issuer) in [("ACR-EL", &authority.root), ("ACI-EL-ORG", &authority.organisations)] {
        std::fs::write(installation.project().join(format!("{name}.cer")), issuer.der()).expect("written");
    }
    let etc = installation.file("etc");
    installation.run(
        &quoted("deploy/README.md", "for f in ACR-EL.cer").replace("/etc/sas-endpoint", &etc.display().to_string()),
    );
    std::fs::write(etc.join("trust/crl/other.pem"), authority.revocation_lists_pem()).expect("written");
    let identity = authority.client(Kind::Good);
    let of_other = client(&installation.authority, installation.address(), Some(&identity));
    // What an instance refuses has details, what nginx refuses has none. That instances take the authorities up by
    // themselves, within 30 s, is shown by tests/tls.
    let is_passed_on = async || {
        let answer = fhir(of_other.get(installation.url("/fhir/Practitioner"))).await;
        answer.status == 200 || answer.resource["issue"][0]["details"].is_object()
    };
    assert!(!is_passed_on().await, "nginx was not told");
    let reload = quoted("deploy/README.md", "nginx -s reload");
    let command: Vec<_> = reload.strip_prefix("docker compose exec nginx ").expect("a command").split(' ').collect();
    let reloaded = composition.exec("nginx", &command, Stdio::null());
    assert!(reloaded.status.success(), "{reloaded:?}");
    // Its former workers may still take a connection.
    poll_until("the other authority's client is passed on", is_passed_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_restarted_killed_and_recreated_under_load_loses_no_write() {
    let Some((installation, mut composition)) = up() else { return };
    let below = write_during(&installation, &mut composition, Pace::BelowTheRateLimit).await;
    below.assert_kept(&installation.accounts().await);
    both_recreated_are_found_again_within_5_seconds(&installation, &mut composition).await;
    // Last: nginx holds its burst against the address for some seconds.
    let (before, above) =
        (installation.accounts().await, write_during(&installation, &mut composition, Pace::AboveTheRateLimit).await);
    let mut since = installation.accounts().await;
    since.retain(|account| !before.contains(account));
    above.assert_kept(&since);
    assert_no_person(&composition.logs());
}

/// The id of the log, which both instances answer.
async fn log(installation: &Installation) -> String {
    let client = installation.client(Some(Kind::Good));
    let mut logs = BTreeSet::new();
    for _ in 0..2 * INSTANCES.len() {
        let mut page = Value::Null;
        poll_until("a page of events", async || {
            let answer = client.get(installation.url("/events?limit=1")).send().await.expect("an answer");
            let is_page = answer.status() == 200;
            page = serde_json::from_str(&answer.text().await.expect("a whole answer")).expect("JSON");
            is_page
        })
        .await;
        logs.insert(page["log"].as_str().expect("a log").to_owned());
    }
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs.pop_first().expect("one")
}

/// Writes at this pace while each step is taken; asserts that nothing failed but what nginx refuses for its rate.
async fn write_during(installation: &Installation, composition: &mut Composition, pace: Pace) -> Ledger {
    let load = Load::start(|| installation.client(Some(Kind::Good)), &installation.url(""), pace);
    let pause = if pace == Pace::AboveTheRateLimit { SHORT_PAUSE } else { PAUSE };
    let mut taken: Vec<(&str, Instant)> = vec![];
    for (what, step) in STEPS {
        load.wait_for_more(80).await;
        taken.push((what, Instant::now()));
        tokio::task::block_in_place(|| step(composition));
        load.wait_past(Instant::now() + pause).await;
    }
    let ledger = load.end().await;
    let throttled = ledger.answered.iter().filter(|answered| answered.is_throttled()).count();
    let failed = ledger.answered.iter().filter(|answered| !answered.is_written() && !answered.is_throttled());
    let failed = failed.map(|answered| {
        let step = taken.iter().rev().find(|(_, began)| *began <= answered.at);
        (step.map(|(what, began)| (what, answered.at - *began)), &answered.result)
    });
    let puts = ledger.answered.len();
    assert_eq!(failed.collect::<Vec<_>>(), [], "{pace:?}: of {puts} PUTs");
    assert_eq!(throttled > 0, pace == Pace::AboveTheRateLimit, "{throttled} of {puts} PUTs throttled");
    println!("{pace:?}: {puts} PUTs, {throttled} of them throttled, none failed");
    ledger
}

/// nginx knows them by addresses, of IP and of hardware, which they keep.
async fn both_recreated_are_found_again_within_5_seconds(installation: &Installation, composition: &mut Composition) {
    let client = || installation.client(Some(Kind::Good));
    let load = Load::start(client, &installation.url(""), Pace::BelowTheRateLimit);
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
    let answered = load.end().await.answered;
    let failed = answered.iter().filter(|answered| !answered.is_written());
    let last = failed.map(|answered| answered.at.saturating_duration_since(healthy)).max();
    assert!(
        last.is_none_or(|last| last < Duration::from_secs(5)),
        "the last failure came {last:?} after both were healthy"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stopped_returns_503_and_its_dump_restores_with_pinned_files() {
    let Some(engine) = Engine::start() else { return };
    let installation = Installation::for_containers(GROUP);
    installation.pin();
    let composition = installation.up(engine, &["docker-compose.yml"]);
    let (kept, later) = (account(), account());
    assert_eq!(put(&installation, &kept).await.status, 201);
    let dump = installation.file("sas.dump");
    let dumped = composition.exec("postgres", &in_postgres("pg_dump -U"), Stdio::null());
    assert!(dumped.status.success(), "{dumped:?}");
    std::fs::write(&dump, dumped.stdout).expect("written");
    assert_eq!(put(&installation, &later).await.status, 201);
    let former_log = log(&installation).await;

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
    assert_eq!(log(&installation).await, former_log, "a restart is no restore");

    // `docker compose stop endpoint-a endpoint-b nginx`, `pg_restore`, `docker compose up --detach --wait`
    let others = ["endpoint-a", "endpoint-b", "nginx"];
    for name in others {
        composition.stop(name);
    }
    let restored = composition.exec("postgres", &in_postgres("pg_restore"), File::open(&dump).expect("a dump").into());
    assert!(restored.status.success(), "{restored:?}");
    for name in others {
        composition.start(name);
        composition.wait_until_healthy(name);
    }
    assert_eq!(put(&installation, &kept).await.status, 200, "what the dump holds is there");
    assert_eq!(put(&installation, &later).await.status, 201, "what was written after it is not");
    assert_ne!(log(&installation).await, former_log, "a restored database is another log");
    let client = installation.client(Some(Kind::Good));
    let gone = fhir(client.get(installation.url(&format!("/events?log={former_log}")))).await;
    assert_eq!(gone.status, 410, "{}", gone.resource);
    assert_eq!(gone.resource["issue"][0]["details"]["coding"][0]["code"], "events-gone");
    let logs = composition.logs();
    assert_no_person(&logs);
    assert!([&kept, &later].iter().all(|account| !logs.contains(identifier_of(account))), "{logs}");
}

/// The command of deploy/README.md in which this stands, as it is run in the container.
fn in_postgres(among: &str) -> Vec<String> {
    let command = quoted("deploy/README.md", among);
    let command = command.strip_prefix("docker compose exec -T postgres ").expect("a command for the container");
    let command = command.split(['<', '>']).next().expect("what stands before its files");
    command.split_whitespace().map(str::to_owned).collect()
}
