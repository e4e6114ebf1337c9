//! A toy authority made like IGC-Santé: a root, below it an authority for organisations, and the
//! certificates that it gives away. For tests and for trying things out, never for more.

// Each suite takes what it needs of it.
#![allow(dead_code)]

use std::path::Path;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SerialNumber, SubjectPublicKeyInfo, date_time_ymd,
};
use time::OffsetDateTime;

/// The caller that [`Kind::Good`] names.
pub const COMMON_NAME: &str = "sas-aggregator-demo";
/// Its organizational unit: a prefix and the number of the structure (here the ANS).
pub const ORGANIZATIONAL_UNIT: &str = "318751275100020";

/// What is right or wrong with a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    WrongCommonName,
    WrongOrganizationalUnit,
    /// Without a common name.
    Nameless,
    Expired,
    NotYetValid,
    Revoked,
    /// Meant for servers only.
    ForServers,
    /// Whose key may encrypt and not sign.
    ForEncryption,
    /// Whose common name has a line break in it.
    Unprintable,
    /// Whose organizational unit has a NUL in it.
    UnprintableUnit,
}

/// A certificate with what it is used with.
pub struct Identity {
    /// The certificate, then that of the authority that gave it.
    pub chain: Vec<Vec<u8>>,
    /// The same in PEM.
    pub chain_pem: String,
    pub certificate_pem: String,
    pub key_pem: String,
}

/// A root and the authority for organisations below it.
pub struct Authority {
    pub root: CertifiedIssuer<'static, KeyPair>,
    pub organisations: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Keys are new each time: two authorities of the same name are not the same authority.
    pub fn new() -> Self {
        Self::named("DEMONSTRATION")
    }

    pub fn named(name: &str) -> Self {
        let authority = |title: &str| {
            let mut params = params(&format!("{title} {name}"), -365, 3650);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params
        };
        let root = CertifiedIssuer::self_signed(authority("AC RACINE"), key()).expect("a root");
        let organisations = authority("AC ORGANISATIONS");
        let organisations = CertifiedIssuer::signed_by(organisations, key(), &root).expect("an authority");
        Self { root, organisations }
    }

    /// The certificates of both authorities, in PEM.
    pub fn pem(&self) -> String {
        self.root.pem() + &self.organisations.pem()
    }

    /// For `localhost` and `127.0.0.1`.
    pub fn server(&self) -> Identity {
        let mut params = params("localhost", -1, 365);
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        params.subject_alt_names = CertificateParams::new(names).expect("names").subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.identity(params)
    }

    pub fn client(&self, kind: Kind) -> Identity {
        let (from, until) = match kind {
            Kind::Expired => (-30, -2),
            Kind::NotYetValid => (2, 30),
            _ => (-1, 365),
        };
        let name = match kind {
            Kind::WrongCommonName => "sas-aggregator-somebody",
            Kind::Unprintable => "sas-aggregator-demo\nWARN all is well",
            _ => COMMON_NAME,
        };
        let unit = match kind {
            Kind::WrongOrganizationalUnit => "318751275100021",
            Kind::UnprintableUnit => "318751275100020\0",
            _ => ORGANIZATIONAL_UNIT,
        };
        let mut params = params(name, from, until);
        if kind == Kind::Nameless {
            params.distinguished_name.remove(DnType::CommonName);
        }
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        params.serial_number = Some(serial(kind));
        params.extended_key_usages = vec![match kind {
            Kind::ForServers => ExtendedKeyUsagePurpose::ServerAuth,
            _ => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        if kind == Kind::ForEncryption {
            params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        }
        self.identity(params)
    }

    /// The good client's certificate with this public key, in DER; no private key is needed.
    pub fn client_of_key(&self, public_key_pem: &str) -> Vec<u8> {
        let mut params = params(COMMON_NAME, -1, 365);
        params.distinguished_name.push(DnType::OrganizationalUnitName, ORGANIZATIONAL_UNIT);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = SubjectPublicKeyInfo::from_pem(public_key_pem).expect("a key");
        params.signed_by(&key, &self.organisations).expect("a certificate").der().to_vec()
    }

    /// The list of the authority for organisations, made `from` days from now, holding for `days` days.
    pub fn revocation_list(&self, from: i64, days: i64) -> CertificateRevocationList {
        list(&self.organisations, &[Kind::Revoked], from, from + days)
    }

    /// A list of the same authority on which nobody stands.
    pub fn empty_revocation_list(&self, from: i64, days: i64) -> CertificateRevocationList {
        list(&self.organisations, &[], from, from + days)
    }

    /// The same, made at this moment, in seconds of Unix time.
    pub fn empty_revocation_list_made_at(&self, made: i64) -> CertificateRevocationList {
        let this_update = OffsetDateTime::from_unix_timestamp(made).expect("a moment");
        // Later, as it has to be, by less than a list shows.
        let next_update = this_update + time::Duration::NANOSECOND;
        let params = CertificateRevocationListParams { this_update, next_update, ..list_params(vec![], -1, 9) };
        params.signed_by(&self.organisations).expect("a list")
    }

    /// The list of the root, on which the authority for organisations stands if it is revoked.
    pub fn revocation_list_of_root(&self, revoked: bool) -> CertificateRevocationList {
        let serial = x509_serial(self.organisations.der());
        let mut params = list_params(vec![], -1, 365);
        params.revoked_certs = if revoked { vec![revocation(serial)] } else { vec![] };
        params.signed_by(&self.root).expect("a list")
    }

    /// Both lists, of today, in PEM: some servers (nginx) ask for one of each authority.
    pub fn revocation_lists_pem(&self) -> String {
        let lists = [self.revocation_list(-1, 365), self.revocation_list_of_root(false)];
        lists.map(|list| list.pem().expect("PEM")).concat()
    }

    fn identity(&self, mut params: CertificateParams) -> Identity {
        let key = key();
        if params.key_usages.is_empty() {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.organisations).expect("a certificate");
        Identity {
            chain: vec![certificate.der().to_vec(), self.organisations.der().to_vec()],
            chain_pem: certificate.pem() + &self.organisations.pem(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }
}

/// Writes everything that a server with mutual TLS and its clients need into this folder, in PEM; keys
/// for their owner only.
pub fn write(authority: &Authority, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("ca.pem"), authority.pem())?;
    std::fs::write(folder.join("crl.pem"), authority.revocation_lists_pem())?;
    let clients = [
        ("client-good", Kind::Good),
        ("client-wrong-cn", Kind::WrongCommonName),
        ("client-wrong-ou", Kind::WrongOrganizationalUnit),
        ("client-expired", Kind::Expired),
        ("client-revoked", Kind::Revoked),
    ];
    let clients = clients.map(|(name, kind)| (name, authority.client(kind)));
    for (name, identity) in clients.into_iter().chain([("server", authority.server())]) {
        std::fs::write(folder.join(format!("{name}.pem")), identity.chain_pem)?;
        write_key(&folder.join(format!("{name}.key")), &identity.key_pem)?;
    }
    Ok(())
}

/// Writes a key that only its owner may read.
pub fn write_key(file: &Path, pem: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // A file that is there already would keep the rights that it has.
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(pem.as_bytes())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A certificate of this name, valid over these days from now on.
fn params(name: &str, from: i64, until: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "FR");
    params.distinguished_name.push(DnType::OrganizationName, "DEMONSTRATION");
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (day(from), day(until));
    params
}

fn list(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    revoked: &[Kind],
    from: i64,
    until: i64,
) -> CertificateRevocationList {
    let revoked = revoked.iter().map(|kind| revocation(serial(*kind))).collect();
    list_params(revoked, from, until).signed_by(issuer).expect("a list")
}

fn list_params(revoked_certs: Vec<RevokedCertParams>, from: i64, until: i64) -> CertificateRevocationListParams {
    CertificateRevocationListParams {
        this_update: day(from),
        next_update: day(until),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

fn revocation(serial_number: SerialNumber) -> RevokedCertParams {
    let reason_code = Some(RevocationReason::KeyCompromise);
    RevokedCertParams { serial_number, revocation_time: day(-1), reason_code, invalidity_date: None }
}

fn serial(kind: Kind) -> SerialNumber {
    SerialNumber::from(0x5a50 + kind as u64)
}

fn x509_serial(der: &[u8]) -> SerialNumber {
    use x509_parser::prelude::FromDer;
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).expect("a certificate");
    SerialNumber::from_slice(certificate.raw_serial())
}

/// The first moment of a day, counted from the day on which this process made its first certificate: which of two
/// lists is older does not change at midnight.
fn day(from_today: i64) -> OffsetDateTime {
    static NOW: LazyLock<Timestamp> = LazyLock::new(sas_endpoint::clock::system_time);
    let then = *NOW + SignedDuration::from_hours(24 * from_today);
    let then = then.to_zoned(jiff::tz::TimeZone::UTC).date();
    date_time_ymd(then.year().into(), then.month().unsigned_abs(), then.day().unsigned_abs())
}
