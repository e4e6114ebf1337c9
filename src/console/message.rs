//! A request or an answer as a page shows it.

use super::issue_lines::{IssueAtLine, IssueLines};
use super::text::{Text, fill};
use crate::journal::exchange::{Body, Header, Message};

/// The headers and the body of a request or of an answer, as a page shows them.
pub struct MessageView {
    pub headers: Vec<Header>,
    /// Why the body is missing or cut.
    pub note: Option<String>,
    pub lines: IssueLines,
}

impl MessageView {
    /// The message, with these issues beside its lines.
    pub fn new(message: &Message, marks: &[IssueAtLine], text: &Text) -> Self {
        let length = |length: usize| length.to_string();
        let note = match &message.body {
            Body::None => Some(text.body_none.to_owned()),
            Body::NotRead => Some(text.body_not_read.to_owned()),
            Body::Withheld { length: of } => Some(fill(text.body_withheld, &[("length", &length(*of))])),
            Body::Kept { bytes, length: of } if bytes.len() < *of => {
                Some(fill(text.body_cut, &[("kept", &length(bytes.len())), ("length", &length(*of))]))
            }
            Body::Kept { .. } => None,
        };
        let body = String::from_utf8_lossy(message.body.bytes());
        Self { headers: message.headers.clone(), note, lines: IssueLines::new(&body, marks, text) }
    }

    /// A message of which nothing is kept.
    pub fn not_kept(text: &Text) -> Self {
        Self { headers: vec![], note: Some(text.body_not_kept.to_owned()), lines: IssueLines::default() }
    }
}
