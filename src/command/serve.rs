//! `sas-endpoint serve`: open, listen, and on SIGTERM or Ctrl-C stop cleanly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::{access, check_base_url, exposures};
use super::{Failure, annuaire, purge, terminal};
use crate::annuaire::copy::Copy;
use crate::annuaire::directory::Directory;
use crate::clock::Clock;
use crate::config::{self, Config, LogFormat};
use crate::error::Error;
use crate::http::bounds::Bounds;
use crate::http::listener::ListenerConfig;
use crate::http::origin::{BaseUrl, Identification};
use crate::http::{self, Served, listener, log_limit, ops};
use crate::interaction::Endpoint;
use crate::interaction::directory::DirectoryCheck;
use crate::interaction::writer::Writer;
use crate::sas::validation::Validator;
use crate::storage::Storage;
use crate::storage::serving::Serving;
use crate::tls::{self, Tls};

/// What is in flight has this long to end once the program was asked to stop, and then the writes
/// that wait: together less than the ten seconds after which Docker kills.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(4);

/// The addresses that are listened on.
struct Places {
    fhir: SocketAddr,
    ops: SocketAddr,
}

/// Serves until the program is asked to stop; every acknowledged write is then on disk.
pub async fn serve(config: &Config) -> Result<(), Failure> {
    for variable in config::unknown_variables() {
        tracing::warn!(variable, "there is no setting of this name");
    }
    let recorder = ops::prometheus_handle();
    let (tls, renewal) = tls::open(&config.tls)?;
    let access = access(config, tls.trust.is_some())?;
    check_base_url(config)?;
    for exposure in exposures(config) {
        tracing::warn!("{exposure}");
    }
    let validator = Validator::new(config.validation)?;
    let set_key = config.record.key()?;
    // Until the process ends.
    let _serving = Serving::of(&config.database_url)?;
    let storage = Storage::open(&config.database_url).await?;
    let key = match set_key {
        Some(key) => key,
        None => {
            let failed = |error: Error| format!("the key of the record of exchanges: {}", error.causes());
            storage.exchanges_key().await.map_err(failed)?
        }
    };
    let is_same = storage.is_noted_key(&key).await?;
    config.record.accept(is_same)?;
    if is_same != Some(true) {
        storage.note_key(&key).await?;
    }
    // Made even where nothing is loaded yet: what another process loads later is then served at once.
    let copy = match Copy::open(&config.annuaire_database_url).await {
        Ok(copy) => Some(copy),
        Err(error) => {
            // It is a help; what is received does not depend on it.
            tracing::error!("the copy of the directory is not served: {error}");
            None
        }
    };
    let listener = listen("SAS_LISTEN", config.listen).await?;
    let ops_listener = listen("SAS_OPS_LISTEN", config.ops_listen).await?;
    // The port that was found, should the setting have left it open.
    let places = Places { fhir: listener.local_addr()?, ops: ops_listener.local_addr()? };
    let base_url = match &config.base_url {
        Some(url) => BaseUrl::Fixed(url.as_str().into()),
        None => BaseUrl::FromProxy(format!("{}://{}/fhir", scheme(&tls), places.fhir).into()),
    };
    let clock = Clock::system();
    let (writer, mut writing) = Writer::start(storage.clone(), clock.clone(), key);
    let directory = copy.map(|copy| Directory::new(copy, base_url.configured(), clock.clone()));
    let copy = || directory.as_ref().map(|directory| directory.copy().clone());
    let endpoint = Endpoint {
        validator: Arc::new(validator),
        storage: storage.clone(),
        writer,
        directory: copy().and_then(|copy| DirectoryCheck::new(copy, config.annuaire_check)),
        clock,
    };
    let (stop, stopping) = watch::channel(false);
    let max_connections = listener::cap_at_file_limit(config.bounds.max_connections);
    let bounds = Bounds { max_connections, ..config.bounds.clone() };
    let service = http::service(Served {
        endpoint: endpoint.clone(),
        directory: directory.clone(),
        identification: Identification {
            base_url: base_url.clone(),
            access: access.clone(),
            proxies: config.proxies.clone(),
            trust: tls.trust.clone(),
        },
        bounds: bounds.clone(),
    });
    let door =
        ListenerConfig { bounds: bounds.clone(), tls: tls.server.clone(), proxies: config.proxies.clone(), access };
    let fhir = listener::serve(listener, service, door, stopping.clone());
    let ops = listener::serve(ops_listener, ops::router(endpoint, tls.clone()), ops::bounds(bounds), stopping.clone());
    let renewing = tokio::spawn(renewal.run());
    let purging = tokio::spawn(purge::purge_hourly(storage.clone(), config.record.clone(), stopping.clone()));
    let synchronising = copy().and_then(|copy| annuaire::keep_up_to_date(copy, config, stopping));
    // Before anybody can be connected.
    let asked_to_stop = asked_to_stop()?;
    let servers = [tokio::spawn(fhir), tokio::spawn(ops)];
    let upkeep = tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_secs(5));
        loop {
            interval.tick().await;
            recorder.inspect(|recorder| recorder.run_upkeep());
        }
    });
    print_banner(config.log_format, &places, scheme(&tls), base_url.configured(), &storage, directory.as_ref());

    tokio::select! {
        () = asked_to_stop => {}
        // Better begun anew by whoever supervises it than answering 500 to every write.
        () = writing.ended() => return Err("the writing task has ended by itself".into()),
    }
    tracing::info!("stopping: no new connection is taken, what is in flight is finished");
    stop.send_replace(true);
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, finished(servers)).await.is_err() {
        tracing::warn!("connections were still open after {SHUTDOWN_TIMEOUT:?}; they are cut");
    }
    upkeep.abort();
    let _ = purging.await;
    renewing.abort();
    if let Some(synchronising) = synchronising {
        // It gives up at once: the next run goes on from there.
        let _ = synchronising.await;
    }
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, writing.finish()).await.is_err() {
        tracing::warn!("the database did not take the writes that waited; they were not acknowledged");
    }
    // Whoever is still reading ends with the process.
    let _ = tokio::time::timeout(Duration::from_secs(1), storage.close()).await;
    log_limit::write_sums();
    tracing::info!("stopped");
    Ok(())
}

/// How clients of the FHIR listener speak to it.
fn scheme(tls: &Tls) -> &'static str {
    if tls.server.is_some() { "https" } else { "http" }
}

async fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{setting}: {address} cannot be listened on: {error}").into())
}

/// Heeds from here on SIGTERM and Ctrl-C, which would otherwise end the process as it stands; the future ends with
/// the first of them.
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
    log_format: LogFormat,
    places: &Places,
    scheme: &str,
    base_url: &str,
    storage: &Storage,
    directory: Option<&Directory>,
) {
    let database = storage.description();
    let annuaire_url = directory.map_or("not served", Directory::base_url);
    let annuaire = directory.map_or("none", |directory| directory.copy().description());
    let Places { fhir, ops } = places;
    tracing::info!(listen = %fhir, ops = %ops, base_url, database, annuaire_url, annuaire, "listening");
    if log_format == LogFormat::Json {
        return;
    }
    let local = format!("{scheme}://{fhir}/fhir");
    let [database, annuaire_url, annuaire, base_url] = [database, annuaire_url, annuaire, base_url].map(terminal::cell);
    println!(
            "sas-endpoint {version}
  FHIR API   {local}   (in answers: {base_url})
  operator   http://{ops}/health/ready   http://{ops}/metrics
  database   {database}
  annuaire   {annuaire_url}   (copy: {annuaire})

Try:
  curl {local}/metadata
  curl '{local}/Practitioner?active=true&_sort=-_lastUpdated'
  curl -X PUT '{local}/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6|x' -H 'Content-Type: application/json' -d '{{\"resourceType\": \"Practitioner\"}}'
",
            version = env!("CARGO_PKG_VERSION"),
        );
}
