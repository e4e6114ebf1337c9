//! TLS: the server's certificate, and the validation of client certificates.

pub mod certificate;
mod client_verifier;
mod files;
pub mod renewal;
pub mod revocation;
pub mod server;
pub mod settings;
pub mod trust;

pub use settings::Settings;

use std::sync::Arc;

use arc_swap::ArcSwap;
use files::Files;
use server::Server;
use trust::Trust;

/// What the TLS settings configure. Cheap to clone; every clone sees reloaded files.
#[derive(Clone, Default)]
pub struct Tls {
    /// The server side of handshakes; `None` without a server certificate: connections are not encrypted.
    pub server: Option<Server>,
    /// Validates client certificates, of handshakes and in headers of proxies; `None` without `SAS_TLS_CLIENT_CA`.
    pub trust: Option<Trust>,
    /// The current errors of the files, one sentence each. Files read before them remain in use.
    pub refused: Arc<ArcSwap<Vec<String>>>,
}

/// Reads all files. The [`renewal::Renewal`] reloads them while the program runs.
///
/// # Errors
/// A sentence that names the setting or the file.
pub fn open(settings: &Settings) -> Result<(Tls, renewal::Renewal), String> {
    settings.check()?;
    let files = Files::read(settings);
    files.warn_of_readable_key();
    let trust = files.authorities(settings)?.map(Trust::new);
    if trust.is_some() && settings.tls_crl.is_none() {
        tracing::warn!("SAS_TLS_CRL is not set: revoked client certificates are not recognised");
    }
    let server = match files.identity()? {
        Some(identity) => Some(Server::new(identity, trust.as_ref(), settings.tls_client_auth)?),
        None => None,
    };
    let tls = Tls { server, trust, refused: Arc::default() };
    let renewal = renewal::Renewal::new(settings.clone(), tls.clone(), files.digest());
    Ok((tls, renewal))
}

impl Tls {
    /// Uses these files for new handshakes, and returns one sentence for each that cannot be used. An invalid file
    /// does not prevent the use of the others.
    fn reload(&self, files: &Files, settings: &Settings) -> Vec<String> {
        let mut refused = vec![];
        if let Some(trust) = &self.trust {
            let (authorities, errors) = files.reload_authorities(settings, trust);
            refused.extend(errors);
            if let Some(authorities) = authorities {
                trust.replace(authorities);
            }
        }
        if let Some(server) = &self.server {
            let identity = files.identity().unwrap_or_else(|sentence| {
                refused.push(sentence);
                None
            });
            refused.extend(server.reload(identity, settings.tls_client_auth).err());
        }
        refused
    }
}
