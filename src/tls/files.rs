//! The files that the settings name: read as a whole, then understood.

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

/// A file with what is in it, or why that cannot be read.
struct Read {
    file: PathBuf,
    bytes: Result<Vec<u8>, String>,
}

/// What the files held at one moment.
pub struct Files {
    certificate: Option<Read>,
    key: Option<Read>,
    authorities: Vec<Read>,
    lists: Vec<Read>,
}

impl Files {
    /// Reads them all. What cannot be read is told where it is needed: one file does not stand in for others.
    pub fn read(settings: &Settings) -> Self {
        let one = |place: &Option<PathBuf>| place.as_deref().map(read);
        let all = |place: &Option<PathBuf>| place.as_deref().map_or(vec![], read_all);
        Self {
            certificate: one(&settings.tls_cert),
            key: one(&settings.tls_key),
            authorities: all(&settings.tls_client_ca),
            lists: all(&settings.tls_crl),
        }
    }

    /// Equal for equal names and contents.
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

    /// The server's certificate with its key.
    pub fn identity(&self) -> Result<Option<Identity>, String> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else { return Ok(None) };
        let chain = certificate.items("certificate")?;
        let bytes = key.bytes()?;
        let parsed = PrivateKeyDer::from_pem_slice(bytes).ok();
        let parsed = parsed.or_else(|| PrivateKeyDer::try_from(bytes.to_vec()).ok());
        let parsed = parsed.ok_or_else(|| {
            key.wrong("there is no private key in it that can be read (PKCS#8, PKCS#1 or SEC1, not encrypted)")
        })?;
        Ok(Some(Identity {
            chain,
            key: parsed,
            files: format!("{}, {}", certificate.file.display(), key.file.display()),
        }))
    }

    /// Whom to believe from now on, and what could not be used. Nothing that is in use is given up because
    /// of that: what is in order is added, and a list that is older than the one in use is not taken.
    pub fn authorities_after(&self, settings: &Settings, in_use: &Trust) -> (Option<Authorities>, Vec<String>) {
        let mut refused = vec![];
        let mut certificates: Vec<CertificateDer<'static>> = usable(&self.authorities, "certificate", &mut refused);
        if !refused.is_empty() {
            let kept = in_use.certificates();
            certificates.retain(|certificate| !kept.contains(certificate));
            certificates.extend(kept);
        }
        let new = |certificates: &[_], lists| Authorities::new(certificates.to_vec(), lists, settings.tls_crl_expired);
        if let Err(sentence) = new(&certificates, vec![]) {
            refused.extend(settings.tls_client_ca.iter().map(|place| format!("{}: {sentence}", place.display())));
            certificates = in_use.certificates();
        }
        let now = Timestamp::now();
        let (mut lists, mut wrong) = (vec![], vec![]);
        for read in &self.lists {
            match read.lists(now, |lists| new(&certificates, lists)) {
                Ok(of_file) => lists.extend(of_file),
                Err(sentence) => wrong.push(sentence),
            }
        }
        let mut kept = in_use.ders();
        // The authorities may be others now.
        kept.retain(|list| revocation::check_signature(list, &certificates).is_ok());
        let authorities = revocation::choose(&kept, lists, !wrong.is_empty(), now).and_then(|generations| {
            let place = settings.tls_crl.as_deref().unwrap_or(Path::new("")).display();
            // Without any list, revocation would not be looked at: the authorities in use stay, with their lists.
            if settings.tls_crl.is_some() && generations.lists.is_empty() {
                return Err(format!("{place}: no revocation list can be used with the authorities that were read"));
            }
            wrong.extend(generations.older_than_active.iter().map(|issuer| {
                format!("{place}: the revocation list of {issuer} is older than the one that is in use")
            }));
            new(&certificates, generations.lists)
        });
        refused.extend(wrong);
        match authorities {
            Ok(authorities) => (Some(authorities), refused),
            Err(sentence) => {
                refused.push(sentence);
                (None, refused)
            }
        }
    }

    /// Whom to believe, where authorities are named.
    pub fn authorities(&self, settings: &Settings) -> Result<Option<Authorities>, String> {
        let Some(place) = &settings.tls_client_ca else { return Ok(None) };
        let certificates: Vec<CertificateDer<'static>> = items(&self.authorities, "certificate")?;
        let authorities = |lists| Authorities::new(certificates.clone(), lists, settings.tls_crl_expired);
        authorities(vec![]).map_err(|sentence| format!("{}: {sentence}", place.display()))?;
        let mut lists: Vec<CertificateRevocationListDer<'static>> = vec![];
        let now = Timestamp::now();
        for read in &self.lists {
            // Each alone first: only so is it known in which file one cannot be used.
            lists.extend(read.lists(now, authorities)?);
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

    fn bytes(&self) -> Result<&[u8], String> {
        self.bytes.as_deref().map_err(|sentence| self.wrong(sentence))
    }

    /// The revocation lists in it, of which none is dated in the future `now`, and with which `authorities` can be made.
    fn lists(
        &self,
        now: Timestamp,
        authorities: impl Fn(Vec<CertificateRevocationListDer<'static>>) -> Result<Authorities, String>,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
        let lists: Vec<CertificateRevocationListDer<'static>> = self.items("revocation list")?;
        let dates = lists.iter().try_for_each(|list| revocation::check_date(list, now));
        // Whose list it is comes first.
        authorities(lists.clone()).map(drop).and(dates).map_err(|sentence| self.wrong(&sentence))?;
        Ok(lists)
    }

    /// The items of one kind: in PEM, among whatever else; or one in DER.
    fn items<T: PemObject + From<Vec<u8>> + Item>(&self, kind: &str) -> Result<Vec<T>, String> {
        let bytes = self.bytes()?;
        let is_pem = bytes.windows(BEGIN.len()).any(|window| window == BEGIN);
        let items = if is_pem {
            let items: Result<Vec<T>, _> = T::pem_slice_iter(bytes).collect();
            items.map_err(|error| self.wrong(&format!("this is not PEM: {error}")))?
        } else {
            vec![T::from(bytes.to_vec())]
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

/// Those of the files that are in order; what is wrong with the others is added to `refused`.
fn usable<T: PemObject + From<Vec<u8>> + Item>(files: &[Read], kind: &str, refused: &mut Vec<String>) -> Vec<T> {
    let mut usable = vec![];
    for read in files {
        match read.items(kind) {
            Ok(items) => usable.extend(items),
            Err(sentence) => refused.push(sentence),
        }
    }
    usable
}

fn read(file: &Path) -> Read {
    let bytes = std::fs::read(file).map_err(|error| format!("the file cannot be read: {error}"));
    Read { file: file.to_owned(), bytes }
}

/// A file, or every file of a folder that is not hidden, by name; the folder itself where it has none.
fn read_all(place: &Path) -> Vec<Read> {
    if !place.is_dir() {
        return vec![read(place)];
    }
    let wrong = |sentence| vec![Read { file: place.to_owned(), bytes: Err(sentence) }];
    let entries = std::fs::read_dir(place).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut files: Vec<_> = match entries {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
        Err(error) => return wrong(format!("the folder cannot be read: {error}")),
    };
    files.retain(|file| {
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && !file.is_dir()
    });
    files.sort();
    if files.is_empty() {
        return wrong("there is no file in this folder".to_owned());
    }
    files.iter().map(|file| read(file)).collect()
}
