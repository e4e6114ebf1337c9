//! The certificates, authorities and revocation lists in use.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::files::Files;
use super::revocation::RevocationList;
use super::server::Server;
use super::settings::Settings;
use super::trust::Trust;

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

impl Tls {
    /// Uses these files for new handshakes, and returns one sentence for each that cannot be used. An invalid file
    /// does not prevent the use of the others.
    pub(super) fn reload(&self, files: &Files, settings: &Settings) -> Vec<String> {
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

    /// The revocation lists in use; none if revocation is not checked.
    pub fn lists(&self) -> Vec<RevocationList> {
        self.trust.as_ref().map(super::trust::Trust::lists).unwrap_or_default()
    }
}
