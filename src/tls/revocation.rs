//! Lists of revoked certificates, and until when they hold.

use jiff::Timestamp;
use rustls::pki_types::CertificateRevocationListDer;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

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
        let instant = |seconds: i64| Timestamp::from_second(seconds).unwrap_or_default();
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
