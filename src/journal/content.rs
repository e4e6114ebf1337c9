//! The stored form of what a list does not show: zstd of a line of JSON, then the body of the request, then that of the
//! answer.

use std::io::{self, Read};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::exchange::{Body, Exchange, Header, Message};
use crate::audit::AuditEvent;

/// Fast: a writer must keep up with what comes in.
const LEVEL: i32 = 1;

/// Maximum bytes of a content that is read again: the largest body that a setting allows, and an answer.
const MAX_CONTENT: u64 = 80 << 20;

/// The line of JSON.
#[derive(Serialize, Deserialize)]
struct Head {
    event: AuditEvent,
    version: String,
    method: String,
    target: String,
    #[serde(rename = "resentOf", skip_serializing_if = "Option::is_none", default)]
    resent_of: Option<String>,
    request: HeadOfMessage,
    answer: HeadOfMessage,
}

#[derive(Serialize, Deserialize)]
struct HeadOfMessage {
    headers: Vec<Header>,
    body: HeadOfBody,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum HeadOfBody {
    None,
    Kept { kept: usize, length: usize },
    NotRead,
    Withheld { length: usize },
}

/// The stored form of an exchange.
pub(super) fn compress(exchange: &Exchange) -> io::Result<Vec<u8>> {
    let head = Head {
        event: exchange.event.clone(),
        version: exchange.version.clone(),
        method: exchange.method.clone(),
        target: exchange.target.clone(),
        resent_of: exchange.resent_of.clone(),
        request: HeadOfMessage::of(&exchange.request),
        answer: HeadOfMessage::of(&exchange.answer),
    };
    let mut content = serde_json::to_vec(&head)?;
    content.push(b'\n');
    content.extend_from_slice(exchange.request.body.bytes());
    content.extend_from_slice(exchange.answer.body.bytes());
    zstd::bulk::compress(&content, LEVEL)
}

/// The exchange of a stored form; an error where another program wrote it.
pub(crate) fn decompress(stored: &[u8]) -> io::Result<Exchange> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut content = vec![];
    zstd::stream::read::Decoder::new(stored)?.take(MAX_CONTENT).read_to_end(&mut content)?;
    let end = content.iter().position(|byte| *byte == b'\n').ok_or_else(malformed)?;
    let Head { event, version, method, target, resent_of, request, answer } = serde_json::from_slice(&content[..end])?;
    let content = Bytes::from(content);
    let mut bodies = content.slice(end + 1..);
    let request = request.message(&mut bodies).ok_or_else(malformed)?;
    let answer = answer.message(&mut bodies).ok_or_else(malformed)?;
    Ok(Exchange { event, version, method, target, resent_of, request, answer })
}

impl HeadOfMessage {
    fn of(message: &Message) -> Self {
        let body = match &message.body {
            Body::None => HeadOfBody::None,
            Body::Kept { bytes, length } => HeadOfBody::Kept { kept: bytes.len(), length: *length },
            Body::NotRead => HeadOfBody::NotRead,
            Body::Withheld { length } => HeadOfBody::Withheld { length: *length },
        };
        Self { headers: message.headers.clone(), body }
    }

    /// The message, whose body is the beginning of `bodies`.
    fn message(self, bodies: &mut Bytes) -> Option<Message> {
        let body = match self.body {
            HeadOfBody::None => Body::None,
            HeadOfBody::NotRead => Body::NotRead,
            HeadOfBody::Withheld { length } => Body::Withheld { length },
            HeadOfBody::Kept { kept, length } => {
                (kept <= bodies.len()).then(|| Body::Kept { bytes: bodies.split_to(kept), length })?
            }
        };
        Some(Message { headers: self.headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::exchange::tests::exchange;

    #[test]
    fn content_stored_is_read_again_as_it_was() {
        for (request, answer) in [(&b""[..], &b""[..]), (b"{\n}\r\n", b"\0\xFF"), (b"\xEF\xBB\xBFx", b"")] {
            let mut kept = exchange("a", request, answer);
            kept.request.headers = vec![
                Header { name: "accept".to_owned(), value: Some("*/*".to_owned()) },
                Header { name: "authorization".to_owned(), value: None },
            ];
            assert_eq!(decompress(&compress(&kept).expect("stored")).expect("read"), kept);
            for body in [Body::NotRead, Body::Withheld { length: 7 }] {
                kept.request.body = body;
                assert_eq!(decompress(&compress(&kept).expect("stored")).expect("read"), kept);
            }
        }
    }

    #[test]
    fn content_of_another_form_is_an_error() {
        let cut = |text: &[u8]| zstd::bulk::compress(text, LEVEL).expect("compressed");
        for wrong in [vec![], b"x".to_vec(), cut(b""), cut(b"{}\n"), cut(b"no line")] {
            assert!(decompress(&wrong).is_err());
        }
    }
}
