//! Reloads certificates and revocation lists when their files change, and warns before they expire.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::files::Files;
use super::revocation::RevocationList;
use super::settings::Settings;
use super::state::Tls;

/// Warnings are logged when they change, and repeated after this time.
const REMINDER_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// A warning is logged this long before the server's certificate expires: time to obtain a new one.
const EXPIRY_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Watches the files of the TLS settings.
pub struct Renewal {
    settings: Settings,
    tls: Tls,
    /// Of the files at the last check.
    digest: [u8; 32],
    /// The issuers whose metric was last set.
    issuers: Vec<String>,
    logged: Vec<String>,
    logged_at: Timestamp,
}

impl Renewal {
    pub(super) fn new(settings: Settings, tls: Tls, digest: [u8; 32]) -> Self {
        describe_metrics();
        let mut renewal = Self { settings, tls, digest, issuers: vec![], logged: vec![], logged_at: Timestamp::MIN };
        renewal.report(crate::clock::system_time());
        renewal
    }

    /// Checks the files every [`Settings::tls_reload`] and at each SIGHUP, for ever. The signal handler is installed
    /// by this call, not at the first poll: from now on SIGHUP does not end the program.
    pub fn run(self) -> impl Future<Output = ()> + Send {
        self.watch_files(signal(SignalKind::hangup()).ok())
    }

    async fn watch_files(mut self, mut hangups: Option<Signal>) {
        let mut interval = tokio::time::interval(self.settings.tls_reload.max(Duration::from_millis(1)));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        interval.tick().await;
        loop {
            let is_requested = tokio::select! {
                _ = interval.tick() => false,
                () = next_hangup(&mut hangups) => true,
            };
            // Lists are large, and the file system may be remote.
            let check = tokio::task::spawn_blocking(move || {
                self.check_files(is_requested);
                self.report(crate::clock::system_time());
                self
            });
            match check.await {
                Ok(renewal) => self = renewal,
                Err(error) => {
                    tracing::error!("certificates are no longer reloaded: {error}");
                    return;
                }
            }
        }
    }

    /// Reloads files that changed. If the operator requested it with SIGHUP, the result is logged in any case.
    fn check_files(&mut self, is_requested: bool) {
        let files = Files::read(&self.settings);
        let changed = files.digest() != self.digest;
        let all_in_use = self.tls.refused.load().is_empty();
        if !changed && (all_in_use || !is_requested) {
            if is_requested {
                tracing::info!("certificate files (SAS_TLS_…) are unchanged");
            }
            return;
        }
        self.digest = files.digest();
        files.warn_of_readable_key();
        let refused = self.tls.reload(&files, &self.settings);
        if refused.is_empty() {
            metrics::counter!("sas_tls_reloads_total", "outcome" => "taken-up").increment(1);
            tracing::info!("certificate files (SAS_TLS_…) reloaded: new connections use them");
        } else {
            metrics::counter!("sas_tls_reloads_total", "outcome" => "refused").increment(1);
            // Errors are logged again, even if they are the same as before.
            self.logged_at = Timestamp::MIN;
        }
        self.tls.refused.store(Arc::new(refused));
    }

    /// Sets the metrics, and logs files that cannot be used, lists out of date and a certificate that soon expires.
    fn report(&mut self, now: Timestamp) {
        let lists = self.tls.lists();
        let next_update =
            |issuer: &String| metrics::gauge!("sas_tls_crl_next_update_seconds", "issuer" => issuer.clone());
        for list in &lists {
            if let Some(instant) = list.next_update {
                next_update(&list.issuer).set(instant.as_second() as f64);
            }
        }
        let issuers: Vec<String> = lists.iter().map(|list| list.issuer.clone()).collect();
        for gone in self.issuers.iter().filter(|issuer| !issuers.contains(issuer)) {
            // A gauge cannot be removed.
            next_update(gone).set(f64::NAN);
        }
        self.issuers = issuers;
        let refused = self.tls.refused.load_full();
        metrics::gauge!("sas_tls_files_refused").set(refused.len() as f64);
        let mut sentences: Vec<String> =
            lists.iter().filter(|list| list.is_out_of_date(now)).map(out_of_date).collect();
        if let Some(server) = &self.tls.server {
            let not_after = server.not_after();
            metrics::gauge!("sas_tls_certificate_not_after_seconds").set(not_after.as_second() as f64);
            if not_after < now + EXPIRY_WARNING {
                sentences.push(format!("the server certificate (SAS_TLS_CERT) expires at {not_after}"));
            }
        }
        let warnings = sentences.len();
        sentences.extend(refused.iter().map(|sentence| format!("the previous files remain in use: {sentence}")));
        if sentences != self.logged || now >= self.logged_at.saturating_add(REMINDER_INTERVAL).unwrap_or(now) {
            let (warnings, refused) = sentences.split_at(warnings);
            warnings.iter().for_each(|sentence| tracing::warn!("{sentence}"));
            refused.iter().for_each(|sentence| tracing::error!("{sentence}"));
            (self.logged, self.logged_at) = (sentences, now);
        }
    }
}

fn out_of_date(list: &RevocationList) -> String {
    let next_update = list.next_update.map_or("never".to_owned(), |instant| instant.to_string());
    format!("the revocation list of {} is out of date: the next one was due {next_update}", list.issuer)
}

/// Waits for the next SIGHUP; for ever if no signal handler could be installed.
async fn next_hangup(hangups: &mut Option<Signal>) {
    if let Some(hangups) = hangups
        && hangups.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

fn describe_metrics() {
    metrics::describe_counter!("sas_tls_reloads_total", "Reloads of changed certificate files, by outcome");
    metrics::describe_gauge!(
        "sas_tls_files_refused",
        "Certificate files that cannot be used; the previous ones stay in use"
    );
    metrics::describe_gauge!("sas_tls_crl_next_update_seconds", "When the next revocation list is due, in Unix time");
    metrics::describe_gauge!(
        "sas_tls_certificate_not_after_seconds",
        "When the server certificate expires, in Unix time"
    );
}
