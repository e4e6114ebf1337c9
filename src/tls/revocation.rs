//! Lists of revoked certificates, and until when they hold.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// How far the clock of an authority may be ahead of ours.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A list that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// The authority that signed it, as it names itself.
    pub issuer: String,
    /// When it was made.
    pub this_update: Timestamp,
    /// When its authority promised the next one; not every list says so.
    pub next_update: Option<Timestamp>,
}

impl RevocationList {
    fn parse(der: &[u8]) -> Result<Self, String> {
        let (_, list) = CertificateRevocationList::from_der(der).map_err(|_| "a revocation list cannot be read")?;
        // X.509 knows moments that cannot be calculated with: the last half day of the year 9999.
        let instant = |seconds: i64| {
            let last = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
            Timestamp::from_second(seconds).unwrap_or(last)
        };
        Ok(Self {
            issuer: list.issuer().to_string(),
            this_update: instant(list.last_update().timestamp()),
            next_update: list.next_update().map(|time| instant(time.timestamp())),
        })
    }

    /// Whether the next one should be here.
    pub fn is_out_of_date(&self, now: Timestamp) -> bool {
        self.next_update.is_some_and(|next_update| next_update <= now)
    }
}

/// Whether a list was signed by whom it names. Where that is none of these authorities it cannot be known
/// here: a client may send the certificate of its issuer along, and the signature is looked at then.
///
/// # Errors
/// In a sentence.
pub fn check_signature(
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

/// Whether a list was made by now. One that is dated in the future would make each genuine list until then look older
/// than itself, and so keep certificates in use that were revoked since.
///
/// # Errors
/// In a sentence.
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

/// Which of two generations of lists counts, authority by authority.
pub struct Generations {
    /// What is in use from now on.
    pub lists: Vec<CertificateRevocationListDer<'static>>,
    /// The authorities whose list is older than the one in use, which stays: nobody who was revoked comes
    /// back because somebody put an old list there.
    pub older_than_active: Vec<String>,
}

/// Chooses between the lists `in_use` and those that were `read`. An authority of whom none was read
/// has none any more; with `keep`, because something could not be read, it keeps those in use. One in use that
/// is dated in the future `now`, because the clock was set back, gives way to any other.
///
/// # Errors
/// In a sentence, where one cannot be read.
pub fn choose(
    in_use: &[CertificateRevocationListDer<'static>],
    read: Vec<CertificateRevocationListDer<'static>>,
    keep: bool,
    now: Timestamp,
) -> Result<Generations, String> {
    let of_issuers = |lists: &[CertificateRevocationListDer<'static>]| {
        let mut of_issuers: BTreeMap<String, (Timestamp, Vec<_>)> = BTreeMap::new();
        for der in lists {
            let list = RevocationList::parse(der)?;
            let is_in_the_future = check_date(der, now).is_err();
            let made = if is_in_the_future { Timestamp::MIN } else { list.this_update };
            let (newest, ders) = of_issuers.entry(list.issuer).or_insert((made, vec![]));
            *newest = made.max(*newest);
            ders.push(der.clone());
        }
        Ok::<_, String>(of_issuers)
    };
    let (in_use, mut chosen, mut older_than_active) = (of_issuers(in_use)?, of_issuers(&read)?, vec![]);
    for (issuer, (newest, ders)) in in_use {
        match chosen.get(&issuer) {
            Some((read, _)) if *read < newest => {
                older_than_active.push(issuer.clone());
                chosen.insert(issuer, (newest, ders));
            }
            None if keep => {
                chosen.insert(issuer, (newest, ders));
            }
            _ => {}
        }
    }
    Ok(Generations { lists: chosen.into_values().flat_map(|(_, ders)| ders).collect(), older_than_active })
}

/// What the lists say of themselves, and the lists, both newest first: of several lists of one
/// authority, the first one is asked.
pub fn newest_first(
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<(Vec<RevocationList>, Vec<CertificateRevocationListDer<'static>>), String> {
    let parsed = lists.into_iter().map(|der| Ok((RevocationList::parse(&der)?, der)));
    let mut parsed = parsed.collect::<Result<Vec<_>, String>>()?;
    parsed.sort_by_key(|(list, _)| std::cmp::Reverse(list.this_update));
    Ok(parsed.into_iter().unzip())
}
