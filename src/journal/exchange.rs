//! An exchange as it was: the request, the answer, and what the audit log says of it.

use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::audit::AuditEvent;

/// An exchange as it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exchange {
    /// Who asked, what, about which resource, with which outcome.
    pub event: AuditEvent,
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub version: String,
    pub method: String,
    /// Path and query, without the values of parameters that are credentials or about patients.
    pub target: String,
    /// The request id of the exchange that was sent again.
    pub resent_of: Option<String>,
    pub request: Message,
    pub answer: Message,
}

/// Headers and body of a request or of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub headers: Vec<Header>,
    pub body: Body,
}

/// A header, of which the value is kept or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
}

impl Header {
    /// A header with its value.
    pub(crate) fn new(name: &HeaderName, value: &HeaderValue) -> Self {
        Self { name: name.as_str().to_owned(), value: Some(String::from_utf8_lossy(value.as_bytes()).into_owned()) }
    }
}

/// A body, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Body {
    /// There was none, or none is kept of this kind of request.
    #[default]
    None,
    /// Its beginning, and how long it was.
    Kept { bytes: Bytes, length: usize },
    /// The request was refused before its body was read, or while it was.
    NotRead,
    /// It has what may not be kept, as a patient.
    Withheld { length: usize },
}

impl Body {
    /// The first `limit` bytes of a body.
    pub fn beginning(body: &Bytes, limit: usize) -> Self {
        match body.len() {
            0 => Self::None,
            length if length <= limit => Self::Kept { bytes: body.clone(), length },
            // A slice would keep the whole in memory.
            length => Self::Kept { bytes: Bytes::copy_from_slice(&body[..limit]), length },
        }
    }

    /// What is kept.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Kept { bytes, .. } => bytes,
            Self::None | Self::NotRead | Self::Withheld { .. } => &[],
        }
    }

    /// What is kept, to be shared.
    pub fn shared(&self) -> Bytes {
        match self {
            Self::Kept { bytes, .. } => bytes.clone(),
            Self::None | Self::NotRead | Self::Withheld { .. } => Bytes::new(),
        }
    }

    /// What is kept as text; `None` where it is no UTF-8. Of a character that the end of the kept part has cut, nothing is left.
    pub fn text(&self) -> Option<&str> {
        let bytes = self.bytes();
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) if error.error_len().is_none() && !self.is_whole() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        }
    }

    /// The length in bytes of the body as sent; `None` where it is unknown.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::None => Some(0),
            Self::NotRead => None,
            Self::Kept { length, .. } | Self::Withheld { length } => Some(*length),
        }
    }

    /// Why the body, or a part of it, is missing; `None` where it is not.
    pub fn why_not_kept(&self) -> Option<&'static str> {
        match self {
            Self::NotRead => Some("the body was not read"),
            Self::Withheld { .. } => Some("the body is not kept, as it may have a patient"),
            body if body.is_whole() => None,
            _ => Some("the rest of the body is not kept"),
        }
    }

    /// Whether all of the body is kept, or there was none.
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Kept { bytes, length } => bytes.len() == *length,
            Self::None => true,
            Self::NotRead | Self::Withheld { .. } => false,
        }
    }
}

/// Interactions that only read.
const READS: [&str; 6] = ["read", "vread", "history", "search", "capabilities", "events"];

impl Exchange {
    /// Whether it is a successful read or search, which is deleted before others.
    pub fn is_successful_read(&self) -> bool {
        let interaction = self.event.interaction.as_str();
        let reads = interaction.starts_with("annuaire-") || READS.iter().any(|read| interaction.starts_with(read));
        reads && self.event.status < 400
    }

    /// What it takes in memory, about, in bytes.
    pub fn size(&self) -> usize {
        let headers = |message: &Message| {
            let values = message.headers.iter();
            values.map(|header| 64 + header.name.len() + header.value.as_ref().map_or(0, String::len)).sum::<usize>()
        };
        let bodies = self.request.body.bytes().len() + self.answer.body.bytes().len();
        // An identifier is its system and its hash, each a text of its own.
        1024 + 160 * self.event.identifiers.len()
            + self.target.len()
            + headers(&self.request)
            + headers(&self.answer)
            + bodies
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::audit::Caller;

    /// An exchange with this id and these bodies.
    pub fn exchange(request_id: &str, request: &'static [u8], answer: &'static [u8]) -> Exchange {
        let body = |body| Message { headers: vec![], body: Body::beginning(&Bytes::from_static(body), usize::MAX) };
        Exchange {
            event: AuditEvent {
                at: "2026-11-26T08:00:00.000Z".to_owned(),
                request_id: request_id.to_owned(),
                caller: Caller::default(),
                interaction: "conditional-update".to_owned(),
                resource_type: Some("Practitioner".to_owned()),
                id: None,
                id_hash: None,
                before: None,
                after: None,
                matched_by: None,
                write_outcome: None,
                status: 201,
                rules: vec![],
                fault: None,
                identifiers: vec![],
                identifiers_left_out: 0,
                duration_ms: 1.5,
            },
            version: "HTTP/1.1".to_owned(),
            method: "PUT".to_owned(),
            target: "/fhir/Practitioner?identifier=s|v".to_owned(),
            resent_of: None,
            request: body(request),
            answer: body(answer),
        }
    }

    #[test]
    fn exchange_is_a_successful_read_by_interaction_and_status() {
        for (interaction, status, expected) in [
            ("read", 200, true),
            ("search-type", 200, true),
            ("history-type", 200, true),
            ("annuaire-search", 304, true),
            ("events", 200, true),
            ("read", 404, false),
            ("create", 201, false),
            ("conditional-update", 200, false),
            ("validate", 200, false),
            ("none", 200, false),
        ] {
            let mut exchange = exchange("a", b"", b"");
            (exchange.event.interaction, exchange.event.status) = (interaction.to_owned(), status);
            assert_eq!(exchange.is_successful_read(), expected, "{interaction} {status}");
        }
    }

    #[test]
    fn body_beginning_is_cut_at_the_limit_and_keeps_the_length() {
        let body = Body::beginning(&Bytes::from_static(b"abcdef"), 4);
        assert_eq!(body, Body::Kept { bytes: Bytes::from_static(b"abcd"), length: 6 });
        assert!(!body.is_whole());
        assert_eq!((body.text(), body.length()), (Some("abcd"), Some(6)));
        assert_eq!(Body::beginning(&Bytes::new(), 4), Body::None);
    }

    #[test]
    fn body_is_text_unless_it_is_no_utf_8_where_it_was_not_cut() {
        for (bytes, limit, expected) in [
            (&b"\xC3\xA9x"[..], 9, Some("\u{e9}x")),
            (b"x\xC3\xA9", 2, Some("x")),
            (b"x\xC3", 9, None),
            (b"x\xFFabc", 3, None),
        ] {
            assert_eq!(Body::beginning(&Bytes::from_static(bytes), limit).text(), expected, "{bytes:?}");
        }
    }
}
