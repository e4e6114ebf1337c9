//! The state of a walk over the matches of a search, in a token in the link `next`.
//!
//! The token holds everything that the next page needs: no instance keeps state, and any instance on the mirror can
//! answer. It ends with an HMAC, so that clients cannot forge it.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::annuaire::store::Snapshot;
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::Query;
use crate::issue::Issue;
use crate::issue::catalogue::ANNUAIRE_PAGE;

/// Prefix of the tokens. The national directory uses it for tokens that hold the whole state.
const TOKEN_PREFIX: char = 'u';
/// Bytes of the HMAC that are kept: half of it, as RFC 2104 allows.
const TAG_BYTES: usize = 16;
/// Longer content is compressed: a form of sixty codes repeats the URL of their system sixty times.
const MAX_PLAIN_BYTES: usize = 300;
/// Maximum bytes of the content before compression.
const MAX_INFLATED_BYTES: u64 = 4 << 20;

/// The position of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCursor {
    pub resource_type: DirectoryType,
    pub parameters: Query,
    /// The state of the mirror that every page of the walk sees.
    pub snapshot: Snapshot,
    /// When the walk began, to the millisecond: approximate dates are relative to it.
    pub began: Timestamp,
    /// The number of matches, where the pages state it.
    pub total: Option<u64>,
    /// The sequence of the last match of the pages so far.
    pub after: u32,
}

/// The content of a token: positions instead of names keep it short.
type Fields = (u8, i64, [u32; 5], i64, Option<u64>, u32, Query);

impl PageCursor {
    pub(crate) fn to_token(&self, key: &[u8; 32]) -> Result<String, Error> {
        let resource_type = DirectoryType::ALL.iter().position(|known| *known == self.resource_type);
        let fields: Fields = (
            resource_type.and_then(|position| u8::try_from(position).ok()).unwrap_or_default(),
            self.snapshot.revision,
            self.snapshot.last,
            self.began.as_millisecond(),
            self.total,
            self.after,
            self.parameters.clone(),
        );
        let plain = serde_json::to_vec(&fields).map_err(Error::internal)?;
        let mut bytes = vec![u8::from(plain.len() > MAX_PLAIN_BYTES)];
        if plain.len() > MAX_PLAIN_BYTES {
            let mut deflated = DeflateEncoder::new(bytes, Compression::best());
            deflated.write_all(&plain).map_err(Error::internal)?;
            bytes = deflated.finish().map_err(Error::internal)?;
        } else {
            bytes.extend(plain);
        }
        let tag = mac(key, &bytes).finalize().into_bytes();
        bytes.extend(&tag[..TAG_BYTES]);
        Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Decodes a token. Refuses any text that was not made with this key.
    pub fn from_token(token: &str, key: &[u8; 32]) -> Result<Self, Error> {
        parse_token(token, key).ok_or_else(|| {
            let issue = Issue::new(&ANNUAIRE_PAGE, "http.id");
            Error::from_issues(vec![issue.diagnostics("The url can't be processed. Maybe it is too old or corrupted.")])
        })
    }
}

fn parse_token(token: &str, key: &[u8; 32]) -> Option<PageCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(TOKEN_PREFIX)?).ok()?;
    let (bytes, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
    mac(key, bytes).verify_truncated_left(tag).ok()?;
    let (deflated, content) = bytes.split_first()?;
    let fields: Fields = match deflated {
        0 => serde_json::from_slice(content).ok()?,
        _ => {
            let mut plain = vec![];
            DeflateDecoder::new(content).take(MAX_INFLATED_BYTES).read_to_end(&mut plain).ok()?;
            serde_json::from_slice(&plain).ok()?
        }
    };
    let (resource_type, revision, last, began, total, after, parameters) = fields;
    Some(PageCursor {
        resource_type: *DirectoryType::ALL.get(usize::from(resource_type))?,
        parameters,
        snapshot: Snapshot { revision, last },
        began: Timestamp::from_millisecond(began).ok()?,
        total,
        after,
    })
}

fn mac(key: &[u8; 32], bytes: &[u8]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to the block size of its hash. With the padding done here, nothing can fail.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(bytes);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(values: usize) -> PageCursor {
        let value =
            "https://mos.esante.gouv.fr/NOS/TRE_R66-CategorieEtablissement/FHIR/TRE-R66-CategorieEtablissement|";
        PageCursor {
            resource_type: DirectoryType::Organization,
            parameters: [("type".to_owned(), (0..values).map(|code| format!("{value}{code},")).collect())]
                .into_iter()
                .collect(),
            snapshot: Snapshot { revision: 7, last: [1, 2, 3, 4, u32::MAX] },
            began: "2026-03-01T08:00:00.123Z".parse().expect("an instant"),
            total: Some(466_040),
            after: 12,
        }
    }

    #[test]
    fn page_cursor_token_is_decoded_with_its_key_only() {
        for walk in [walk(0), walk(1), walk(66), PageCursor { total: None, ..walk(2) }] {
            let token = walk.to_token(&[7; 32]).expect("a token");
            assert!(token.starts_with('u') && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            assert_eq!(PageCursor::from_token(&token, &[7; 32]).expect("ours"), walk);
            assert!(PageCursor::from_token(&token, &[8; 32]).is_err());
        }
    }

    #[test]
    fn page_cursor_long_query_is_compressed() {
        let token = walk(66).to_token(&[7; 32]).expect("a token");
        assert!(token.len() < 1000, "{}", token.len());
    }

    #[test]
    fn page_cursor_token_changed_is_refused() {
        let token = walk(1).to_token(&[7; 32]).expect("a token");
        for end in 0..token.len() {
            assert!(PageCursor::from_token(&token[..end], &[7; 32]).is_err(), "{end}");
        }
        for at in 0..token.len() {
            for letter in ["A", "z", "_", "=", "+"] {
                let mut touched = token.clone();
                touched.replace_range(at..=at, letter);
                assert_eq!(PageCursor::from_token(&touched, &[7; 32]).is_ok(), touched == token, "{at} {letter}");
            }
        }
        for text in ["u", "", "d0f0f1a2", "é", "uAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &format!("{token}A"), &token[1..]] {
            assert!(PageCursor::from_token(text, &[7; 32]).is_err(), "{text}");
        }
    }
}
