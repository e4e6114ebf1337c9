//! TLS and the certificates of clients: what they say, and whether they are to be believed.

pub mod certificate;
mod files;
mod judge;
pub mod renewal;
pub mod revocation;
pub mod server;
pub mod settings;
pub mod trust;

pub use settings::Settings;

use files::Files;
use server::Server;
use trust::{Authorities, Trust};

/// What the settings made: the parts that they speak of.
#[derive(Clone, Default)]
pub struct Tls {
    /// Our side of handshakes, where we have a certificate. Without, connections are not encrypted.
    pub server: Option<Server>,
    /// Whom we believe, where authorities are named: in handshakes, and of what a proxy passes on.
    pub trust: Option<Trust>,
}

/// Reads all files. Returned with it is what keeps it up to date.
///
/// # Errors
/// In a sentence that names the setting or the file, and what is wrong with it.
pub fn open(settings: &Settings) -> Result<(Tls, renewal::Renewal), String> {
    settings.check()?;
    let files = Files::read(settings)?;
    files.warn_of_readable_key();
    let trust = files.authorities(settings)?.map(Trust::new);
    if trust.is_some() && settings.tls_crl.is_none() {
        tracing::warn!("SAS_TLS_CRL is not set: revoked client certificates are not recognised");
    }
    let server = match files.identity()? {
        Some(identity) => Some(Server::new(identity, trust.as_ref(), settings.tls_client_auth)?),
        None => None,
    };
    let tls = Tls { server, trust };
    let renewal = renewal::Renewal::new(settings.clone(), tls.clone(), files.digest());
    Ok((tls, renewal))
}

impl Tls {
    /// Takes up what these files hold, for handshakes to come. Where anything is wrong, all stays as it was.
    fn take_up(&self, files: &Files, settings: &Settings) -> Result<(), String> {
        let authorities: Option<Authorities> = files.authorities(settings)?;
        let identity = files.identity()?;
        // The names of the roots that a handshake asks for are those of the new ones.
        let renewed = authorities.map(Trust::new);
        let config = identity.map(|identity| {
            server::Current::new(identity, renewed.as_ref(), self.trust.as_ref(), settings.tls_client_auth)
        });
        if let (Some(server), Some(current)) = (&self.server, config.transpose()?) {
            server.take_up(current);
        }
        if let (Some(trust), Some(renewed)) = (&self.trust, renewed) {
            trust.take_up(renewed);
        }
        Ok(())
    }
}
