//! The settings of TLS.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::trust::ExpiredCrlPolicy;

/// Where certificates and lists are, and what is asked of clients.
#[derive(Clone, Debug, Args)]
// Another room's `Settings` would be a group of the same name.
#[group(skip)]
pub struct Settings {
    /// The server's certificate and those between it and its root, in PEM; with it, connections are encrypted (TLS 1.2, 1.3)
    #[arg(long, env = "SAS_TLS_CERT", global = true, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM or DER (PKCS#8, PKCS#1, SEC1), not encrypted
    #[arg(long, env = "SAS_TLS_KEY", global = true, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// The authorities that vouch for clients: roots, and those below them that clients need not send; PEM or DER
    ///
    /// Also asked about certificates that a reverse proxy passes on.
    #[arg(long, env = "SAS_TLS_CLIENT_CA", global = true, value_name = "FILE OR FOLDER")]
    pub tls_client_ca: Option<PathBuf>,

    /// The revocation lists of these authorities, PEM or DER; without, revocation is not looked at
    #[arg(long, env = "SAS_TLS_CRL", global = true, value_name = "FILE OR FOLDER")]
    pub tls_crl: Option<PathBuf>,

    /// What becomes of certificates whose authority's revocation list is past its next update
    #[arg(long, env = "SAS_TLS_CRL_EXPIRED", global = true, value_enum, default_value_t = ExpiredCrlPolicy::Refuse)]
    pub tls_crl_expired: ExpiredCrlPolicy,

    /// Whether every client needs a certificate; one that is presented is verified in any case
    #[arg(long, env = "SAS_TLS_CLIENT_AUTH", global = true, value_enum, default_value_t = ClientAuth::Required)]
    pub tls_client_auth: ClientAuth,

    /// How often these files are looked at; SIGHUP has them looked at now
    #[arg(long, env = "SAS_TLS_RELOAD", global = true, value_name = "DURATION", default_value = "30s", value_parser = interval)]
    pub tls_reload: Duration,
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// Without one, there is no connection.
    Required,
    /// Without one, a caller is recognised by its token, or reads what is open.
    Optional,
}

impl Settings {
    /// Whether the settings agree with one another.
    ///
    /// # Errors
    /// In a sentence.
    pub fn check(&self) -> Result<(), String> {
        let required = self.tls_client_auth == ClientAuth::Required;
        let sentence = match (&self.tls_cert, &self.tls_key, &self.tls_client_ca, &self.tls_crl) {
            (Some(_), None, ..) => {
                "SAS_TLS_CERT is set without SAS_TLS_KEY: a certificate is of no use without its key"
            }
            (None, Some(_), ..) => {
                "SAS_TLS_KEY is set without SAS_TLS_CERT: a key is of no use without its certificate"
            }
            (_, _, None, Some(_)) => {
                "SAS_TLS_CRL is set without SAS_TLS_CLIENT_CA: no authority is known whose list it could be"
            }
            (Some(_), _, None, _) if required => {
                "SAS_TLS_CERT is set without SAS_TLS_CLIENT_CA: no client certificate could be verified; \
                 name the authorities, or say SAS_TLS_CLIENT_AUTH=optional to do without client certificates"
            }
            _ => return Ok(()),
        };
        Err(sentence.to_owned())
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|duration: jiff::SignedDuration| Duration::try_from(duration).ok());
    let sane = Duration::from_millis(10)..=Duration::from_secs(24 * 60 * 60);
    duration
        .filter(|duration| sane.contains(duration))
        .ok_or_else(|| "expected a duration such as 30s or 5m".to_owned())
}
