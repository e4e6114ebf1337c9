//! The files of a server with mutual TLS, in a folder for one test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sas_endpoint::tls::Settings;
use sas_endpoint::tls::settings::ClientAuth;
use sas_endpoint::tls::trust::ExpiredCrlPolicy;
use tempfile::TempDir;

use crate::certificates::{self, Authority, Identity};
use crate::support;

/// A folder with `ca.pem`, `crl.pem`, `server.pem` and `server.key`; gone when it is dropped.
pub struct Files {
    folder: TempDir,
    pub authority: Authority,
}

impl Files {
    pub fn new() -> Self {
        let (folder, authority) = (support::folder("tls"), Authority::new());
        let files = Self { folder, authority };
        files.write("ca.pem", files.authority.pem());
        files.write("crl.pem", files.authority.revocation_lists_pem());
        files.write_server(&files.authority.server());
        files
    }

    /// Writes a file as careful people do: it is whole when its name appears.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let (unfinished, file) = (self.path(".unfinished"), self.path(name));
        std::fs::write(&unfinished, content).expect("written");
        std::fs::rename(unfinished, file).expect("renamed");
    }

    pub fn write_server(&self, identity: &Identity) {
        self.write("server.pem", &identity.chain_pem);
        certificates::write_key(&self.path("server.key"), &identity.key_pem).expect("written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything set, looked at all the time.
    pub fn settings(&self) -> Settings {
        Settings {
            tls_cert: Some(self.path("server.pem")),
            tls_key: Some(self.path("server.key")),
            tls_client_ca: Some(self.path("ca.pem")),
            tls_crl: Some(self.path("crl.pem")),
            tls_crl_expired: ExpiredCrlPolicy::Refuse,
            tls_client_auth: ClientAuth::Required,
            tls_reload: Duration::from_millis(10),
        }
    }
}

/// The path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
