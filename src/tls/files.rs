//! The files that the settings name: read as a whole, then understood.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::server::Identity;
use super::settings::Settings;
use super::trust::Authorities;

/// A file with what is in it.
struct Read {
    file: PathBuf,
    bytes: Vec<u8>,
}

/// What the files held at one moment.
pub struct Files {
    certificate: Option<Read>,
    key: Option<Read>,
    authorities: Vec<Read>,
    lists: Vec<Read>,
}

impl Files {
    /// Reads them all.
    pub fn read(settings: &Settings) -> Result<Self, String> {
        let one = |place: &Option<PathBuf>| place.as_ref().map(|file| read(file)).transpose();
        let all = |place: &Option<PathBuf>| place.as_ref().map_or(Ok(vec![]), |place| read_all(place));
        Ok(Self {
            certificate: one(&settings.tls_cert)?,
            key: one(&settings.tls_key)?,
            authorities: all(&settings.tls_client_ca)?,
            lists: all(&settings.tls_crl)?,
        })
    }

    /// Equal for equal names and contents.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let single = self.certificate.iter().chain(&self.key);
        for read in single.chain(&self.authorities).chain(&self.lists) {
            digest.update(read.file.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(Sha256::digest(&read.bytes));
        }
        digest.finalize().into()
    }

    /// The server's certificate with its key.
    pub fn identity(&self) -> Result<Option<Identity>, String> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else { return Ok(None) };
        let chain = certificate.items("certificate")?;
        let parsed = PrivateKeyDer::from_pem_slice(&key.bytes).ok();
        let parsed = parsed.or_else(|| PrivateKeyDer::try_from(key.bytes.clone()).ok());
        let parsed = parsed.ok_or_else(|| {
            key.wrong("there is no private key in it that can be read (PKCS#8, PKCS#1 or SEC1, not encrypted)")
        })?;
        Ok(Some(Identity {
            chain,
            key: parsed,
            files: format!("{}, {}", certificate.file.display(), key.file.display()),
        }))
    }

    /// Whom to believe, where authorities are named.
    pub fn authorities(&self, settings: &Settings) -> Result<Option<Authorities>, String> {
        let Some(place) = &settings.tls_client_ca else { return Ok(None) };
        let certificates: Vec<CertificateDer<'static>> = items(&self.authorities, "certificate")?;
        let authorities = |lists| Authorities::new(certificates.clone(), lists, settings.tls_crl_expired);
        authorities(vec![]).map_err(|sentence| format!("{}: {sentence}", place.display()))?;
        let mut lists: Vec<CertificateRevocationListDer<'static>> = vec![];
        for read in &self.lists {
            // Each alone first: only so is it known in which file one cannot be used.
            let of_file: Vec<CertificateRevocationListDer<'static>> = read.items("revocation list")?;
            authorities(of_file.clone()).map_err(|sentence| read.wrong(&sentence))?;
            lists.extend(of_file);
        }
        authorities(lists).map(Some)
    }

    /// A key that everybody on the machine can read is no secret; it is used all the same.
    pub fn warn_of_readable_key(&self) {
        let Some(key) = &self.key else { return };
        if std::fs::metadata(&key.file).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0) {
            tracing::warn!(file = %key.file.display(), "everybody on this machine may read the private key (chmod o-rwx)");
        }
    }
}

impl Read {
    fn wrong(&self, sentence: &str) -> String {
        format!("{}: {sentence}", self.file.display())
    }

    /// The items of one kind: in PEM, among whatever else; or one in DER.
    fn items<T: PemObject + From<Vec<u8>> + Item>(&self, kind: &str) -> Result<Vec<T>, String> {
        let is_pem = self.bytes.windows(BEGIN.len()).any(|window| window == BEGIN);
        let items = if is_pem {
            let items: Result<Vec<T>, _> = T::pem_slice_iter(&self.bytes).collect();
            items.map_err(|error| self.wrong(&format!("this is not PEM: {error}")))?
        } else {
            vec![T::from(self.bytes.clone())]
        };
        if items.is_empty() {
            return Err(self.wrong(&format!("there is no {kind} in it")));
        }
        if items.iter().any(|item| !item.can_be_read()) {
            return Err(self.wrong(&format!("there is a {kind} in it that cannot be read")));
        }
        Ok(items)
    }
}

/// What every item in PEM begins with.
const BEGIN: &[u8] = b"-----BEGIN ";

/// Something that X.509 defines.
trait Item {
    fn can_be_read(&self) -> bool;
}

impl Item for CertificateDer<'_> {
    fn can_be_read(&self) -> bool {
        x509_parser::parse_x509_certificate(self).is_ok_and(|(rest, _)| rest.is_empty())
    }
}

impl Item for CertificateRevocationListDer<'_> {
    fn can_be_read(&self) -> bool {
        x509_parser::parse_x509_crl(self).is_ok_and(|(rest, _)| rest.is_empty())
    }
}

fn items<T: PemObject + From<Vec<u8>> + Item>(files: &[Read], kind: &str) -> Result<Vec<T>, String> {
    let items: Result<Vec<_>, _> = files.iter().map(|read| read.items(kind)).collect();
    Ok(items?.into_iter().flatten().collect())
}

fn read(file: &Path) -> Result<Read, String> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Read { file: file.to_owned(), bytes }),
        Err(error) => Err(format!("{}: the file cannot be read: {error}", file.display())),
    }
}

/// A file, or every file of a folder that is not hidden, by name.
fn read_all(place: &Path) -> Result<Vec<Read>, String> {
    if !place.is_dir() {
        return read(place).map(|read| vec![read]);
    }
    let unreadable = |error| format!("{}: the folder cannot be read: {error}", place.display());
    let entries: Result<Vec<_>, _> = std::fs::read_dir(place).map_err(unreadable)?.collect();
    let mut files: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && !file.is_dir()
    });
    files.sort();
    if files.is_empty() {
        return Err(format!("{}: there is no file in this folder", place.display()));
    }
    files.iter().map(|file| read(file)).collect()
}
