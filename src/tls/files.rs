//! Reads and parses the files that the TLS settings name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::revocation;
use super::server::Identity;
use super::settings::Settings;
use super::trust::{Authorities, Trust};

/// A file with its contents, or the reason why it cannot be read.
struct SourceFile {
    file: PathBuf,
    bytes: Result<Vec<u8>, String>,
}

/// The contents of all files at one moment.
pub struct Files {
    certificate: Option<SourceFile>,
    key: Option<SourceFile>,
    authorities: Vec<SourceFile>,
    lists: Vec<SourceFile>,
}

impl Files {
    /// Reads all files. A file that cannot be read is an error only where its contents are needed.
    pub fn read(settings: &Settings) -> Self {
        let one = |path: &Option<PathBuf>| path.as_deref().map(read);
        let all = |path: &Option<PathBuf>| path.as_deref().map_or(vec![], read_all);
        Self {
            certificate: one(&settings.tls_cert),
            key: one(&settings.tls_key),
            authorities: all(&settings.tls_client_ca),
            lists: all(&settings.tls_crl),
        }
    }

    /// A hash of the names and contents of all files.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let single = self.certificate.iter().chain(&self.key);
        for read in single.chain(&self.authorities).chain(&self.lists) {
            digest.update(read.file.as_os_str().as_encoded_bytes());
            digest.update([0]);
            let (Ok(content) | Err(content)) = read.bytes.as_deref().map_err(String::as_bytes);
            digest.update(Sha256::digest(content));
        }
        digest.finalize().into()
    }

    /// The server's certificate with its key; `None` if either is not configured.
    pub fn identity(&self) -> Result<Option<Identity>, String> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else { return Ok(None) };
        let chain = certificate.items("certificate")?;
        let bytes = key.bytes()?;
        let parsed = PrivateKeyDer::from_pem_slice(bytes).ok();
        let parsed = parsed.or_else(|| PrivateKeyDer::try_from(bytes.to_vec()).ok());
        let parsed = parsed.ok_or_else(|| {
            key.error("there is no private key in it that can be read (PKCS#8, PKCS#1 or SEC1, not encrypted)")
        })?;
        Ok(Some(Identity {
            chain,
            key: parsed,
            files: format!("{}, {}", certificate.file.display(), key.file.display()),
        }))
    }

    /// The authorities and lists to use from now on, and one sentence for each file that cannot be used. An invalid
    /// file removes nothing that is in use: the valid ones are added, and a list older than the one in use is ignored.
    pub fn reload_authorities(&self, settings: &Settings, in_use: &Trust) -> (Option<Authorities>, Vec<String>) {
        let mut refused = vec![];
        let mut certificates: Vec<CertificateDer<'static>> = usable(&self.authorities, "certificate", &mut refused);
        if !refused.is_empty() {
            let kept = in_use.certificates();
            certificates.retain(|certificate| !kept.contains(certificate));
            certificates.extend(kept);
        }
        let new = |certificates: &[_], lists| Authorities::new(certificates.to_vec(), lists, settings.tls_crl_expired);
        if let Err(sentence) = new(&certificates, vec![]) {
            refused.extend(settings.tls_client_ca.iter().map(|path| format!("{}: {sentence}", path.display())));
            certificates = in_use.certificates();
        }
        let now = crate::clock::system_time();
        let (mut lists, mut errors) = (vec![], vec![]);
        for read in &self.lists {
            match read.lists(now, |lists| new(&certificates, lists)) {
                Ok(parsed) => lists.extend(parsed),
                Err(sentence) => errors.push(sentence),
            }
        }
        let mut kept = in_use.crl_ders();
        // The authorities may have changed.
        kept.retain(|list| revocation::check_signature(list, &certificates).is_ok());
        let authorities = revocation::merge(&kept, &lists, !errors.is_empty(), now).and_then(|merged| {
            let path = settings.tls_crl.as_deref().unwrap_or(Path::new("")).display();
            // Without any list, revocation would not be checked: the authorities in use stay, with their lists.
            if settings.tls_crl.is_some() && merged.lists.is_empty() {
                return Err(format!("{path}: no revocation list can be used with the authorities that were read"));
            }
            errors.extend(
                merged
                    .older_than_active
                    .iter()
                    .map(|issuer| format!("{path}: the revocation list of {issuer} is older than the one in use")),
            );
            new(&certificates, merged.lists)
        });
        refused.extend(errors);
        match authorities {
            Ok(authorities) => (Some(authorities), refused),
            Err(sentence) => {
                refused.push(sentence);
                (None, refused)
            }
        }
    }

    /// The authorities with their lists; `None` without `SAS_TLS_CLIENT_CA`.
    pub fn authorities(&self, settings: &Settings) -> Result<Option<Authorities>, String> {
        let Some(path) = &settings.tls_client_ca else { return Ok(None) };
        let certificates: Vec<CertificateDer<'static>> = items(&self.authorities, "certificate")?;
        let authorities = |lists| Authorities::new(certificates.clone(), lists, settings.tls_crl_expired);
        authorities(vec![]).map_err(|sentence| format!("{}: {sentence}", path.display()))?;
        let mut lists: Vec<CertificateRevocationListDer<'static>> = vec![];
        let now = crate::clock::system_time();
        for read in &self.lists {
            // Each file is checked alone, so that the error can name it.
            lists.extend(read.lists(now, authorities)?);
        }
        authorities(lists).map(Some)
    }

    /// Warns if every user of the machine may read the private key. The key is used nevertheless.
    pub fn warn_of_readable_key(&self) {
        let Some(key) = &self.key else { return };
        if std::fs::metadata(&key.file).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0) {
            tracing::warn!(file = %key.file.display(), "every user of this machine can read the private key; run chmod o-rwx on it");
        }
    }
}

impl SourceFile {
    fn error(&self, sentence: &str) -> String {
        format!("{}: {sentence}", self.file.display())
    }

    fn bytes(&self) -> Result<&[u8], String> {
        self.bytes.as_deref().map_err(|sentence| self.error(sentence))
    }

    /// Parses revocation lists. Each must be dated before `now`, and `authorities` must accept them.
    fn lists(
        &self,
        now: Timestamp,
        authorities: impl Fn(Vec<CertificateRevocationListDer<'static>>) -> Result<Authorities, String>,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
        let lists: Vec<CertificateRevocationListDer<'static>> = self.items("revocation list")?;
        let dates = lists.iter().try_for_each(|list| revocation::check_date(list, now));
        // The error of an unknown signer is reported rather than that of a date.
        authorities(lists.clone()).map(drop).and(dates).map_err(|sentence| self.error(&sentence))?;
        Ok(lists)
    }

    /// Parses the items of one kind: all those in PEM, ignoring other kinds; or one in DER.
    fn items<T: PemObject + From<Vec<u8>> + Item>(&self, kind: &str) -> Result<Vec<T>, String> {
        let bytes = self.bytes()?;
        let is_pem = bytes.windows(BEGIN.len()).any(|window| window == BEGIN);
        let items = if is_pem {
            let items: Result<Vec<T>, _> = T::pem_slice_iter(bytes).collect();
            items.map_err(|error| self.error(&format!("this is not PEM: {error}")))?
        } else {
            vec![T::from(bytes.to_vec())]
        };
        if items.is_empty() {
            return Err(self.error(&format!("there is no {kind} in it")));
        }
        if items.iter().any(|item| !item.is_well_formed()) {
            return Err(self.error(&format!("there is a {kind} in it that cannot be read")));
        }
        Ok(items)
    }
}

/// The beginning of every PEM item.
const BEGIN: &[u8] = b"-----BEGIN ";

/// A certificate or a revocation list.
trait Item {
    fn is_well_formed(&self) -> bool;
}

impl Item for CertificateDer<'_> {
    fn is_well_formed(&self) -> bool {
        x509_parser::parse_x509_certificate(self).is_ok_and(|(rest, _)| rest.is_empty())
    }
}

impl Item for CertificateRevocationListDer<'_> {
    fn is_well_formed(&self) -> bool {
        x509_parser::parse_x509_crl(self).is_ok_and(|(rest, _)| rest.is_empty())
    }
}

fn items<T: PemObject + From<Vec<u8>> + Item>(files: &[SourceFile], kind: &str) -> Result<Vec<T>, String> {
    let items: Result<Vec<_>, _> = files.iter().map(|file| file.items(kind)).collect();
    Ok(items?.into_iter().flatten().collect())
}

/// Parses the files that are valid, and adds the errors of the others to `refused`.
fn usable<T: PemObject + From<Vec<u8>> + Item>(files: &[SourceFile], kind: &str, refused: &mut Vec<String>) -> Vec<T> {
    let mut usable = vec![];
    for file in files {
        match file.items(kind) {
            Ok(items) => usable.extend(items),
            Err(sentence) => refused.push(sentence),
        }
    }
    usable
}

fn read(file: &Path) -> SourceFile {
    let bytes = std::fs::read(file).map_err(|error| format!("the file cannot be read: {error}"));
    SourceFile { file: file.to_owned(), bytes }
}

/// Reads a file, or all files of a folder in the order of their names, hidden ones excepted. An empty folder yields one
/// [`SourceFile`] with an error.
fn read_all(path: &Path) -> Vec<SourceFile> {
    if !path.is_dir() {
        return vec![read(path)];
    }
    let error = |sentence| vec![SourceFile { file: path.to_owned(), bytes: Err(sentence) }];
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut files: Vec<_> = match entries {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
        Err(io_error) => return error(format!("the folder cannot be read: {io_error}")),
    };
    files.retain(|file| {
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && !file.is_dir()
    });
    files.sort();
    if files.is_empty() {
        return error("there is no file in this folder".to_owned());
    }
    files.iter().map(|file| read(file)).collect()
}
