//! The settings of TLS.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::trust::ExpiredCrlPolicy;
use crate::clock::duration::duration_parser;

/// The files of certificates and revocation lists, and whether clients need a certificate.
#[derive(Clone, Debug, Args)]
// Another room's `Settings` would be a group of the same name.
#[group(skip)]
pub struct Settings {
    /// The server's certificate chain, in PEM; enables TLS (1.2 and 1.3)
    #[arg(long, env = "SAS_TLS_CERT", global = true, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the server's certificate, in PEM or DER (PKCS#8, PKCS#1, SEC1), not encrypted
    #[arg(long, env = "SAS_TLS_KEY", global = true, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Authorities that issue client certificates: roots, and intermediates that clients need not send; PEM or DER
    ///
    /// They also validate client certificates that a trusted proxy forwards (SAS_PROXY_CERTIFICATE).
    #[arg(long, env = "SAS_TLS_CLIENT_CA", global = true, value_name = "FILE OR FOLDER")]
    pub tls_client_ca: Option<PathBuf>,

    /// Revocation lists of these authorities, in PEM or DER; without any, revocation is not checked
    #[arg(long, env = "SAS_TLS_CRL", global = true, value_name = "FILE OR FOLDER")]
    pub tls_crl: Option<PathBuf>,

    /// Whether to refuse client certificates whose issuer's revocation list is past its next update
    #[arg(long, env = "SAS_TLS_CRL_EXPIRED", global = true, value_enum, default_value_t = ExpiredCrlPolicy::Refuse)]
    pub tls_crl_expired: ExpiredCrlPolicy,

    /// Whether every client needs a certificate; one that a client presents is validated in any case
    #[arg(long, env = "SAS_TLS_CLIENT_AUTH", global = true, value_enum, default_value_t = ClientAuth::Required)]
    pub tls_client_auth: ClientAuth,

    /// Interval between checks of these files for changes; SIGHUP checks them at once
    #[arg(long, env = "SAS_TLS_RELOAD", global = true, value_name = "DURATION", default_value = "30s", value_parser = duration_parser(Duration::from_millis(10)..=Duration::from_hours(24), "30s or 5m"))]
    pub tls_reload: Duration,
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// Connections without one are refused
    Required,
    /// Clients without one authenticate with a token, or read what is open
    Optional,
}

impl Settings {
    /// Checks that the settings do not contradict each other.
    ///
    /// # Errors
    /// A sentence that names the settings.
    pub fn check(&self) -> Result<(), String> {
        let required = self.tls_client_auth == ClientAuth::Required;
        let sentence = match (&self.tls_cert, &self.tls_key, &self.tls_client_ca, &self.tls_crl) {
            (Some(_), None, ..) => {
                "SAS_TLS_CERT is set without SAS_TLS_KEY: set SAS_TLS_KEY to the private key of the certificate"
            }
            (None, Some(_), ..) => {
                "SAS_TLS_KEY is set without SAS_TLS_CERT: set SAS_TLS_CERT to the certificate of the key"
            }
            (_, _, None, Some(_)) => {
                "SAS_TLS_CRL is set without SAS_TLS_CLIENT_CA: set SAS_TLS_CLIENT_CA to the authorities of the lists"
            }
            (Some(_), _, None, _) if required => {
                "SAS_TLS_CERT is set without SAS_TLS_CLIENT_CA: no client certificate could be verified; \
                 set SAS_TLS_CLIENT_CA, or SAS_TLS_CLIENT_AUTH=optional to accept clients without a certificate"
            }
            _ => return Ok(()),
        };
        Err(sentence.to_owned())
    }
}
