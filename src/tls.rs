//! TLS: the server's certificate, and the validation of client certificates.

pub mod certificate;
mod client_verifier;
mod files;
pub mod rejection;
mod renewal;
pub mod revocation;
pub(crate) mod server;
pub mod settings;
mod state;
pub mod trust;

pub use settings::Settings;
pub use state::Tls;

use std::sync::Arc;

use files::Files;
use server::Server;
use trust::Trust;

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
