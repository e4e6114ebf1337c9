//! `sas-endpoint serve`: open, listen, and on SIGTERM or Ctrl-C stop cleanly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::{access, check_base_url, check_console, exposures};
use super::console::console_parts;
use super::failure::Failure;
use super::journal::{Journal, JournalTask};
use super::{annuaire, purge, terminal};
use crate::access::Access;
use crate::annuaire::api::Directory;
use crate::annuaire::store::Mirror;
use crate::audit::Key;
use crate::clock::Clock;
use crate::config::console::Switch;
use crate::config::{self, Config, LogFormat};
use crate::console::{self, Live};
use crate::decision::Decision;
use crate::error::Error;
use crate::fault::Faults;
use crate::http::bounds::Bounds;
use crate::http::events::EventFeed;
use crate::http::listener::ListenerConfig;
use crate::http::origin::{BaseUrl, Identification};
use crate::http::{self, AppParts, Counters, Permits, RefusedHeads, listener, log_limit, ops};
use crate::interaction::Endpoint;
use crate::interaction::directory::DirectoryCheck;
use crate::journal::JournalReader;
use crate::sas::validation::Validator;
use crate::storage::serving::Serving;
use crate::storage::write_queue::{WriteQueue, WriteTask};
use crate::storage::{Storage, StorageError};
use crate::tls::{self, Tls};
use crate::webhook::{Deliverer, DelivererParts, Statuses};

/// Time for the requests in progress after SIGTERM, and then for the writes that wait: together less than the ten
/// seconds after which Docker kills.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(4);

/// Time for the exchanges that wait for the journal.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The addresses of both listeners.
#[derive(Clone, Copy)]
struct Addresses {
    fhir: SocketAddr,
    ops: SocketAddr,
}

/// Serves until the program is asked to stop; every acknowledged write is then on disk.
pub async fn serve(config: &Config) -> Result<(), Failure> {
    // Before anything is refused: a misspelt variable may be why.
    warn_about_unknown_variables();
    let prometheus = ops::prometheus_handle();
    let (tls, renewal) = tls::open(&config.tls)?;
    let access = access(config, tls.trust.is_some())?;
    check_addresses(config)?;
    let validator = Validator::new(config.validation)?;
    let decision = config.decision.as_ref().map(Decision::new).transpose()?;
    let configured_key = config.audit.key()?;
    // Until the process ends.
    let _serving = Serving::of(&config.database_url)?;
    let storage = Storage::open(&config.database_url).await?;
    let key = open_exchanges_key(config, &storage, configured_key).await?;
    let mirror = open_mirror(config).await;
    let journal = Journal::open(config).await;
    let listeners = Listeners::bind(config).await?;
    let base_url = base_url(config, &tls, listeners.addresses.fhir);
    let clock = Clock::system();
    let (writer, mut writing) = WriteQueue::start(storage.clone(), clock.clone(), key);
    let (stop, stopping) = watch::channel(false);
    let feed = EventFeed::open(storage.clone(), writer.committed(), stopping.clone()).await?;
    let deliverer = webhooks(config, &storage, &feed, &base_url, &clock).await?;
    let directory = mirror.clone().map(|mirror| Directory::new(mirror, base_url.configured(), clock.clone()));
    let endpoint = Endpoint {
        validator: Arc::new(validator),
        storage: storage.clone(),
        writer,
        directory: mirror.clone().and_then(|mirror| DirectoryCheck::new(mirror, config.annuaire_check)),
        decision,
        clock: clock.clone(),
    };
    let audit = endpoint.writer.audit().clone();
    let asked_to_stop = asked_to_stop()?;
    let addresses = listeners.addresses;
    let identification = identification(config, &base_url, access, &tls);
    let (directory_of_app, recorder) = (directory.clone(), journal.recorder(config, addresses.ops));
    let (bounds, faults) = (bounds(config), faults(config, &clock));
    let parts = AppParts { endpoint, directory: directory_of_app, feed, identification, bounds, recorder, faults };
    let tasks = Tasks {
        servers: listeners.serve(config, parts, &tls, deliverer.statuses(), journal.reader(), &stopping)?,
        webhooks: deliverer.start(stopping.clone()),
        journal: journal.start(config, &clock, audit),
        metrics_upkeep: tokio::spawn(run_metrics_upkeep(prometheus)),
        renewal: tokio::spawn(renewal.run()),
        purge: tokio::spawn(purge::purge_hourly(storage.clone(), config.audit.clone(), stopping.clone())),
        synchronisation: mirror.and_then(|mirror| annuaire::keep_up_to_date(mirror, config, stopping)),
    };
    print_banner(config, &addresses, scheme(&tls), base_url.configured(), &storage, directory.as_ref());
    tokio::select! {
        () = asked_to_stop => {}
        // A supervisor restarts the process; otherwise every write would get 500.
        () = writing.ended() => return Err("the writing task has ended by itself".into()),
    }
    tracing::info!("stopping: new connections are refused, requests in progress are completed");
    stop.send_replace(true);
    tasks.finish().await;
    finish_writing(writing, &storage).await;
    Ok(())
}

/// The faults that testers arm, of which there is none yet.
fn faults(config: &Config, clock: &Clock) -> Faults {
    Faults::new(config.fault_mode(), config.callers.of_fhir(), clock.clone())
}

/// The configured bounds, within the limit of open files.
fn bounds(config: &Config) -> Bounds {
    let max_connections = listener::cap_at_file_limit(config.bounds.max_connections);
    Bounds { max_connections, ..config.bounds.clone() }
}

/// Commits the writes that wait, closes the database, and ends the log.
async fn finish_writing(writing: WriteTask, storage: &Storage) {
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, writing.finish()).await.is_err() {
        tracing::warn!("queued writes were dropped unacknowledged: the database did not accept them before the stop");
    }
    // Reads that are still in progress end with the process.
    let _ = tokio::time::timeout(Duration::from_secs(1), storage.close()).await;
    log_limit::write_sums();
    tracing::info!("stopped");
}

/// The webhooks of the settings.
async fn webhooks(
    config: &Config,
    storage: &Storage,
    feed: &EventFeed,
    base_url: &BaseUrl,
    clock: &Clock,
) -> Result<Deliverer, Failure> {
    let parts = DelivererParts {
        storage: storage.clone(),
        head: feed.head.clone(),
        log: feed.log.clone(),
        base_url: base_url.configured().clone(),
        clock: clock.clone(),
    };
    Deliverer::open(parts, &config.webhooks).await
}

/// The key of the hashes in the audit log: the configured one, or the one that the database stores. Refuses a configured key
/// that did not make the existing hashes.
async fn open_exchanges_key(config: &Config, storage: &Storage, configured: Option<Key>) -> Result<Key, Failure> {
    let key = match configured {
        Some(key) => key,
        None => {
            let failed = |error: StorageError| {
                format!("the key of the audit log (SAS_EXCHANGES_KEY): {}", Error::from(error).causes())
            };
            storage.exchanges_key().await.map_err(failed)?
        }
    };
    let is_same = storage.key_fingerprint_matches(&key).await?;
    config.audit.accept(is_same)?;
    if is_same != Some(true) {
        storage.set_key_fingerprint(&key).await?;
    }
    Ok(key)
}

/// The directory mirror. It is created if it is missing: what another process loads later is then served at once.
async fn open_mirror(config: &Config) -> Option<Mirror> {
    match Mirror::open(&config.annuaire_database_url).await {
        Ok(mirror) => Some(mirror),
        Err(error) => {
            // Writes do not depend on it.
            tracing::error!("the directory mirror is not served: {error}");
            None
        }
    }
}

/// The sockets of both listeners.
struct Listeners {
    fhir: TcpListener,
    ops: TcpListener,
    addresses: Addresses,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, Failure> {
        let fhir = listen("SAS_LISTEN", config.listen).await?;
        let ops = listen("SAS_OPS_LISTEN", config.ops_listen).await?;
        // With the port that was assigned where the setting has port 0.
        let addresses = Addresses { fhir: fhir.local_addr()?, ops: ops.local_addr()? };
        Ok(Self { fhir, ops, addresses })
    }

    /// Serves both until `stopping`.
    fn serve(
        self,
        config: &Config,
        parts: AppParts,
        tls: &Tls,
        webhooks: Statuses,
        journal: JournalReader,
        stopping: &watch::Receiver<bool>,
    ) -> Result<[JoinHandle<()>; 2], Failure> {
        let AppParts { endpoint, bounds, identification, faults, .. } = &parts;
        let counters = Counters::new(endpoint.clock.clone());
        let refused_heads = RefusedHeads {
            audit: endpoint.writer.audit().clone(),
            recorder: parts.recorder.clone(),
            counters: counters.clone(),
            is_open: identification.access.callers.is_none(),
            is_behind_proxy: !identification.proxies.trusted_proxies.is_empty(),
        };
        let listener = ListenerConfig {
            bounds: bounds.clone(),
            tls: tls.server.clone(),
            proxies: identification.proxies.clone(),
            access: identification.access.clone(),
            refused_heads: Some(refused_heads),
        };
        let ops_bounds = ops::bounds(bounds.clone());
        let permits = Permits::new(bounds);
        let live = Live::new(stopping.clone());
        let console = console_parts(config, &parts, &permits, journal, counters.clone(), live);
        let ops_router = ops::router(endpoint.clone(), tls.clone(), webhooks, faults.clone());
        let service = http::service_with(parts, permits, counters);
        let ops_router = match console {
            Some(console) => ops_router.merge(console::router(console, service.clone())?),
            None => ops_router,
        };
        let fhir = listener::serve(self.fhir, service, listener, stopping.clone());
        let ops = listener::serve(self.ops, ops_router, ops_bounds, stopping.clone());
        Ok([tokio::spawn(fhir), tokio::spawn(ops)])
    }
}

/// What runs until the server stops, but for the writing task.
struct Tasks {
    servers: [JoinHandle<()>; 2],
    webhooks: Option<JoinHandle<()>>,
    journal: Option<JournalTask>,
    metrics_upkeep: JoinHandle<()>,
    renewal: JoinHandle<()>,
    purge: JoinHandle<()>,
    synchronisation: Option<JoinHandle<()>>,
}

impl Tasks {
    /// Waits for requests in progress, at most [`SHUTDOWN_TIMEOUT`], and ends the other tasks.
    async fn finish(self) {
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, finished(self.servers)).await.is_err() {
            tracing::warn!("closing connections that are still open after {SHUTDOWN_TIMEOUT:?}");
        }
        if let Some(webhooks) = self.webhooks {
            // It has a timeout of its own, which began with the stop.
            let _ = webhooks.await;
        }
        if let Some(journal) = self.journal {
            // After the last request.
            journal.finish(JOURNAL_TIMEOUT).await;
        }
        self.metrics_upkeep.abort();
        let _ = self.purge.await;
        self.renewal.abort();
        if let Some(synchronisation) = self.synchronisation {
            // It stops at once: the next run resumes from its last commit.
            let _ = synchronisation.await;
        }
    }
}

async fn run_metrics_upkeep(prometheus: Option<&'static PrometheusHandle>) {
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        prometheus.inspect(|prometheus| prometheus.run_upkeep());
    }
}

/// Refuses addresses at which clients cannot use this server, or not safely, and warns about others.
fn check_addresses(config: &Config) -> Result<(), Failure> {
    check_base_url(config)?;
    check_console(config)?;
    for exposure in exposures(config) {
        tracing::warn!("{exposure}");
    }
    Ok(())
}

fn warn_about_unknown_variables() {
    for variable in config::unknown_variables() {
        tracing::warn!(variable, "unknown setting: it is ignored");
    }
}

fn base_url(config: &Config, tls: &Tls, address: SocketAddr) -> BaseUrl {
    match &config.base_url {
        Some(url) => BaseUrl::Fixed(url.as_str().into()),
        None => BaseUrl::FromProxy(format!("{}://{address}/fhir", scheme(tls)).into()),
    }
}

fn identification(config: &Config, base_url: &BaseUrl, access: Access, tls: &Tls) -> Identification {
    let (proxies, trust) = (config.proxies.clone(), tls.trust.clone());
    Identification { base_url: base_url.clone(), access, proxies, trust }
}

/// The scheme by which clients reach the FHIR listener.
fn scheme(tls: &Tls) -> &'static str {
    if tls.server.is_some() { "https" } else { "http" }
}

async fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| format!("{setting}: cannot listen on {address}: {error}").into())
}

/// Handles SIGTERM and Ctrl-C from this call on: they no longer end the process at once. The future completes with the first
/// of them.
fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Waits until both servers have answered what they had taken.
async fn finished(servers: [JoinHandle<()>; 2]) {
    for server in servers {
        let _ = server.await;
    }
}

/// Says where everything is, and what to try.
fn print_banner(
    config: &Config,
    addresses: &Addresses,
    scheme: &str,
    base_url: &str,
    storage: &Storage,
    directory: Option<&Directory>,
) {
    let database = storage.description().to_string();
    let annuaire_url = directory.map_or("not served", Directory::base_url);
    let annuaire = directory.map_or("none".to_owned(), |directory| directory.mirror().description().to_string());
    let Addresses { fhir, ops } = addresses;
    tracing::info!(listen = %fhir, ops = %ops, base_url, database, annuaire_url, annuaire, "listening");
    if config.log_format == LogFormat::Json {
        return;
    }
    let local = format!("{scheme}://{fhir}/fhir");
    let console = match config.console.console {
        Switch::On => format!("   http://{ops}/console"),
        Switch::Off => String::new(),
    };
    let [database, annuaire_url, annuaire, base_url] =
        [&database, annuaire_url, &annuaire, base_url].map(terminal::cell);
    println!(
            "sas-endpoint {version}
  FHIR API   {local}   (in answers: {base_url})
  operator   http://{ops}/health/ready   http://{ops}/metrics{console}
  database   {database}
  annuaire   {annuaire_url}   (mirror: {annuaire})

Try:
  curl {local}/metadata
  curl '{local}/Practitioner?active=true&_sort=-_lastUpdated'
  curl -X PUT '{local}/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|x' -H 'Content-Type: application/json' -d '{{\"resourceType\": \"Practitioner\"}}'
",
            version = env!("CARGO_PKG_VERSION"),
        );
}
