//! Certificate revocation lists: their dates, their signatures, and which of several is used.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// How far the clock of an authority may be ahead of this machine's.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The issuer and dates of a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// The distinguished name of the issuer.
    pub issuer: String,
    pub this_update: Timestamp,
    /// When the next list is due, if this one says so.
    pub next_update: Option<Timestamp>,
}

impl RevocationList {
    fn parse(der: &[u8]) -> Result<Self, String> {
        let (_, list) = CertificateRevocationList::from_der(der).map_err(|_| "a revocation list cannot be read")?;
        // X.509 allows times beyond `Timestamp::MAX`: the last half day of the year 9999.
        let instant = |seconds: i64| {
            let nearest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
            Timestamp::from_second(seconds).unwrap_or(nearest)
        };
        Ok(Self {
            issuer: list.issuer().to_string(),
            this_update: instant(list.last_update().timestamp()),
            next_update: list.next_update().map(|time| instant(time.timestamp())),
        })
    }

    /// Whether the next list is overdue.
    pub fn is_out_of_date(&self, now: Timestamp) -> bool {
        self.next_update.is_some_and(|next_update| next_update <= now)
    }
}

/// Checks that a list is signed by the issuer that it names. A list of an issuer that is not among `authorities` passes:
/// a client may send the issuer's certificate, and the signature is verified then.
///
/// # Errors
/// A sentence that names the issuer.
pub(crate) fn check_signature(
    list: &CertificateRevocationListDer<'_>,
    authorities: &[CertificateDer<'_>],
) -> Result<(), String> {
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| "a revocation list cannot be read")?;
    let provider = aws_lc_rs::default_provider();
    let is_signed_by = |authority: &X509Certificate<'_>| {
        let key = &authority.public_key().subject_public_key.data;
        let signature = &list.signature_value.data;
        let mut algorithms = provider.signature_verification_algorithms.all.iter();
        algorithms.any(|algorithm| algorithm.verify_signature(key, list.tbs_cert_list.as_ref(), signature).is_ok())
    };
    let parsed = authorities.iter().filter_map(|authority| X509Certificate::from_der(authority).ok());
    let issuers = parsed.map(|(_, authority)| authority);
    let mut issuers = issuers.filter(|authority| authority.subject().as_raw() == list.issuer().as_raw()).peekable();
    if issuers.peek().is_none() || issuers.any(|authority| is_signed_by(&authority)) {
        return Ok(());
    }
    Err(format!("there is a revocation list in it that {} did not sign", list.issuer()))
}

/// Checks that a list is not dated in the future. Until its date it would supersede newer lists, and certificates
/// revoked in these would stay valid.
///
/// # Errors
/// A sentence that names the issuer.
pub fn check_date(list: &CertificateRevocationListDer<'_>, now: Timestamp) -> Result<(), String> {
    let RevocationList { issuer, this_update, .. } = RevocationList::parse(list)?;
    match now.duration_until(this_update) > MAX_CLOCK_SKEW {
        true => Err(format!(
            "the revocation list of {issuer} is dated in the future ({this_update}): compare this machine's clock, or \
             fetch the list again"
        )),
        false => Ok(()),
    }
}

/// The result of [`merge`].
pub struct MergedLists {
    /// The lists to use from now on.
    pub lists: Vec<CertificateRevocationListDer<'static>>,
    /// The issuers whose list in the files is older than the one in use. The latter stays: an old file must not make
    /// revoked certificates valid again.
    pub older_than_active: Vec<String>,
}

/// Chooses, for each issuer, between the lists in use and those read from files. An issuer without a list in the files
/// has none from now on, unless `keep_missing` (a file could not be read). A list in use that is dated in the future,
/// because the clock was set back, is replaced by any other.
///
/// # Errors
/// A sentence, if a list cannot be parsed.
pub fn merge(
    in_use: &[CertificateRevocationListDer<'static>],
    read: &[CertificateRevocationListDer<'static>],
    keep_missing: bool,
    now: Timestamp,
) -> Result<MergedLists, String> {
    let by_issuer = |lists: &[CertificateRevocationListDer<'static>]| {
        let mut by_issuer: BTreeMap<String, (Timestamp, Vec<_>)> = BTreeMap::new();
        for der in lists {
            let list = RevocationList::parse(der)?;
            let is_in_the_future = check_date(der, now).is_err();
            let date = if is_in_the_future { Timestamp::MIN } else { list.this_update };
            let (newest, ders) = by_issuer.entry(list.issuer).or_insert((date, vec![]));
            *newest = date.max(*newest);
            ders.push(der.clone());
        }
        Ok::<_, String>(by_issuer)
    };
    let (in_use, mut chosen, mut older_than_active) = (by_issuer(in_use)?, by_issuer(read)?, vec![]);
    for (issuer, (newest, ders)) in in_use {
        match chosen.get(&issuer) {
            Some((read, _)) if *read < newest => {
                older_than_active.push(issuer.clone());
                chosen.insert(issuer, (newest, ders));
            }
            None if keep_missing => {
                chosen.insert(issuer, (newest, ders));
            }
            _ => {}
        }
    }
    Ok(MergedLists { lists: chosen.into_values().flat_map(|(_, ders)| ders).collect(), older_than_active })
}

/// Parses the lists, and sorts both forms newest first: rustls consults the first list of an issuer.
pub(crate) fn parse_newest_first(
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<(Vec<RevocationList>, Vec<CertificateRevocationListDer<'static>>), String> {
    let parsed = lists.into_iter().map(|der| Ok((RevocationList::parse(&der)?, der)));
    let mut parsed = parsed.collect::<Result<Vec<_>, String>>()?;
    parsed.sort_by_key(|(list, _)| std::cmp::Reverse(list.this_update));
    Ok(parsed.into_iter().unzip())
}
