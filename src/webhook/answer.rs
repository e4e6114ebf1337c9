//! How a receiver answered, and what that means for the event.

use std::time::Duration;

use reqwest::StatusCode;

/// What happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `None` if there was none.
    pub status: Option<u16>,
    /// Why it is no success, as the end of a sentence about the receiver.
    pub error: Option<String>,
    pub verdict: Verdict,
}

/// What becomes of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// The same may succeed later; not before this, if the receiver asks for it.
    TryAgain(Option<Duration>),
    /// The same would be refused again.
    Refused,
    /// Nothing more is to be sent there.
    Pause,
}

impl Answer {
    /// No answer, for this reason.
    pub fn none(error: String) -> Self {
        Self { status: None, error: Some(error), verdict: Verdict::TryAgain(None) }
    }

    /// An answer with this status, and this `Retry-After`.
    pub fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let verdict = verdict(status, retry_after);
        let remark = match status {
            StatusCode::GONE => ": it wants no more events",
            _ if status.is_redirection() => ": redirects are not followed",
            _ => "",
        };
        let error = (verdict != Verdict::Delivered).then(|| format!("it answers {}{remark}", status.as_u16()));
        Self { status: Some(status.as_u16()), error, verdict }
    }

    /// What is reported of it.
    pub fn sentence(&self) -> &str {
        self.error.as_deref().unwrap_or("it accepts the event")
    }
}

fn verdict(status: StatusCode, retry_after: Option<Duration>) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Delivered,
        300..=399 | 410 => Verdict::Pause,
        // Request Timeout, Conflict, Too Early, Too Many Requests.
        408 | 409 | 425 | 429 => Verdict::TryAgain(retry_after),
        400..=499 => Verdict::Refused,
        _ => Verdict::TryAgain(retry_after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_answer_status_decides_what_becomes_of_the_event() {
        let asked = Some(Duration::from_secs(7));
        for (statuses, expected) in [
            (&[200, 201, 202, 204, 299][..], Verdict::Delivered),
            (&[300, 301, 302, 304, 307, 308, 410], Verdict::Pause),
            (&[408, 409, 425, 429, 500, 501, 502, 503, 504, 599, 101, 600, 999], Verdict::TryAgain(asked)),
            (&[400, 401, 403, 404, 405, 413, 415, 422, 499], Verdict::Refused),
        ] {
            for status in statuses {
                let answer = Answer::of_status(StatusCode::from_u16(*status).expect("a status"), asked);
                assert_eq!((answer.verdict, answer.status), (expected, Some(*status)), "{status}");
                assert_eq!(answer.error.is_none(), expected == Verdict::Delivered, "{status}");
            }
        }
        assert_eq!(Answer::none("it is away".to_owned()).verdict, Verdict::TryAgain(None));
    }
}
