//! Certificates and lists change while the program runs: files are looked at again and again.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Tls;
use super::files::Files;
use super::revocation::RevocationList;
use super::settings::Settings;

/// What is soon over, or over, is told at each change and then once a day.
const REMINDER: SignedDuration = SignedDuration::from_hours(24);

/// Our own certificate is soon over when it ends within this time: a fortnight, to have another made.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Keeps what was opened up to date.
pub struct Renewal {
    settings: Settings,
    tls: Tls,
    /// Of the files as they were last looked at.
    digest: [u8; 32],
    /// The authorities whose list was last told of.
    issuers: Vec<String>,
    told: Vec<String>,
    told_at: Timestamp,
}

impl Renewal {
    pub(super) fn new(settings: Settings, tls: Tls, digest: [u8; 32]) -> Self {
        describe();
        let mut renewal = Self { settings, tls, digest, issuers: vec![], told: vec![], told_at: Timestamp::MIN };
        renewal.tell(Timestamp::now());
        renewal
    }

    /// Looks at the files every [`Settings::tls_reload`] and at each SIGHUP, for ever. From this call on, whenever
    /// the task is first polled, SIGHUP does not end the program.
    pub fn run(self) -> impl Future<Output = ()> + Send {
        self.watch_files(signal(SignalKind::hangup()).ok())
    }

    async fn watch_files(mut self, mut hangups: Option<Signal>) {
        let mut interval = tokio::time::interval(self.settings.tls_reload.max(Duration::from_millis(1)));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        interval.tick().await;
        loop {
            let asked = tokio::select! {
                _ = interval.tick() => false,
                () = next(&mut hangups) => true,
            };
            // Off the threads that serve: lists are large, and files may be far away.
            let look = tokio::task::spawn_blocking(move || {
                self.look(asked);
                self.tell(Timestamp::now());
                self
            });
            match look.await {
                Ok(renewal) => self = renewal,
                Err(error) => {
                    tracing::error!("certificates are no longer kept up to date: {error}");
                    return;
                }
            }
        }
    }

    /// Takes up what changed; `asked`: somebody waits for an answer.
    fn look(&mut self, asked: bool) {
        let files = Files::read(&self.settings);
        let changed = files.digest() != self.digest;
        let all_in_use = self.tls.refused.load().is_empty();
        if !changed && (all_in_use || !asked) {
            if asked {
                tracing::info!("the files of SAS_TLS_… have not changed");
            }
            return;
        }
        self.digest = files.digest();
        files.warn_of_readable_key();
        let refused = self.tls.reload(&files, &self.settings);
        if refused.is_empty() {
            metrics::counter!("sas_tls_reloads_total", "outcome" => "taken-up").increment(1);
            tracing::info!("the files of SAS_TLS_… changed and are in use for new connections");
        } else {
            metrics::counter!("sas_tls_reloads_total", "outcome" => "refused").increment(1);
            // Whoever asks is told at once, even what was told before.
            self.told_at = Timestamp::MIN;
        }
        self.tls.refused.store(Arc::new(refused));
    }

    /// Tells what cannot be used, and what is over or soon will be.
    fn tell(&mut self, now: Timestamp) {
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
            // Nobody waits for a list of theirs any more.
            next_update(gone).set(f64::NAN);
        }
        self.issuers = issuers;
        let refused = self.tls.refused.load_full();
        metrics::gauge!("sas_tls_files_refused").set(refused.len() as f64);
        let mut sentences: Vec<String> = lists.iter().filter(|list| list.is_out_of_date(now)).map(outdated).collect();
        if let Some(server) = &self.tls.server {
            let not_after = server.not_after();
            metrics::gauge!("sas_tls_certificate_not_after_seconds").set(not_after.as_second() as f64);
            if not_after < now + SOON {
                sentences.push(format!("the server's certificate (SAS_TLS_CERT) is valid until {not_after}"));
            }
        }
        let outdated = sentences.len();
        sentences.extend(refused.iter().map(|sentence| format!("what was read before stays in use: {sentence}")));
        if sentences != self.told || now >= self.told_at.saturating_add(REMINDER).unwrap_or(now) {
            let (outdated, refused) = sentences.split_at(outdated);
            outdated.iter().for_each(|sentence| tracing::warn!("{sentence}"));
            refused.iter().for_each(|sentence| tracing::error!("{sentence}"));
            (self.told, self.told_at) = (sentences, now);
        }
    }
}

impl Tls {
    /// The revocation lists in use; none where revocation is not looked at.
    pub fn lists(&self) -> Vec<RevocationList> {
        self.trust.as_ref().map(|trust| trust.lists()).unwrap_or_default()
    }
}

fn outdated(list: &RevocationList) -> String {
    let next_update = list.next_update.map_or("never".to_owned(), |instant| instant.to_string());
    format!("the revocation list of {} is out of date: the next one was due {next_update}", list.issuer)
}

/// The next SIGHUP; never, where they cannot be listened for.
async fn next(hangups: &mut Option<Signal>) {
    if let Some(hangups) = hangups
        && hangups.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

fn describe() {
    metrics::describe_counter!("sas_tls_reloads_total", "Files of certificates that changed, taken up or refused");
    metrics::describe_gauge!(
        "sas_tls_files_refused",
        "What is wrong with files of certificates: other ones stay in use"
    );
    metrics::describe_gauge!("sas_tls_crl_next_update_seconds", "When the next revocation list is due, in Unix time");
    metrics::describe_gauge!("sas_tls_certificate_not_after_seconds", "When our certificate ends, in Unix time");
}
