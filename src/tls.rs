//! TLS and the certificates of clients: what they say, and whether they are to be believed.

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

/// What the settings made: the parts that they speak of.
#[derive(Clone, Default)]
pub struct Tls {
    /// Our side of handshakes, where we have a certificate. Without, connections are not encrypted.
    pub server: Option<Server>,
    /// Whom we believe, where authorities are named: in handshakes, and of what a proxy passes on.
    pub trust: Option<Trust>,
    /// What is wrong with the files, in sentences, as long as it is: what was read before stays in use instead.
    pub refused: Arc<ArcSwap<Vec<String>>>,
}

/// Reads all files. Returned with it is what keeps it up to date.
///
/// # Errors
/// In a sentence that names the setting or the file, and what is wrong with it.
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
    /// Takes up what these files hold, for handshakes to come. What cannot be used is told and leaves the
    /// rest alone: the server's key has nothing to do with whom we believe, nor one list with another.
    fn reload(&self, files: &Files, settings: &Settings) -> Vec<String> {
        let mut refused = vec![];
        if let Some(trust) = &self.trust {
            let (renewed, wrong) = files.authorities_after(settings, trust);
            refused.extend(wrong);
            if let Some(renewed) = renewed {
                trust.reload(Trust::new(renewed));
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
