//! What a fault does to a request.

use std::time::Duration;

/// The kinds of faults, by the names that requests, answers and metrics use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An error instead of an answer; the request has no effect.
    Status,
    /// The answer comes late.
    Delay,
    /// The connection is closed before the request has an effect.
    CutBefore,
    /// The connection is closed once a write is committed, before the first byte of its answer.
    CutAfterCommit,
    /// The connection is closed in the middle of the answer's body.
    CutInAnswer,
    /// The answer is complete for HTTP, and its JSON ends in the middle.
    InvalidJson,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Status, Self::Delay, Self::CutBefore, Self::CutAfterCommit, Self::CutInAnswer, Self::InvalidJson];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Delay => "delay",
            Self::CutBefore => "cut-before",
            Self::CutAfterCommit => "cut-after-commit",
            Self::CutInAnswer => "cut-in-answer",
            Self::InvalidJson => "invalid-json",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it acts before the body of a request is judged.
    pub fn is_early(self) -> bool {
        matches!(self, Self::Status | Self::Delay | Self::CutBefore)
    }

    /// Whether it changes the body of an answer, which an answer to HEAD does not have.
    pub fn needs_body(self) -> bool {
        matches!(self, Self::CutInAnswer | Self::InvalidJson)
    }
}

/// What a fault does, with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This status, and seconds for `Retry-After`.
    Status {
        status: u16,
        retry_after: Option<u32>,
    },
    /// The answer comes so much later.
    Delay(Duration),
    CutBefore,
    CutAfterCommit,
    CutInAnswer,
    InvalidJson,
}

impl Effect {
    /// Its kind.
    pub fn kind(self) -> FaultKind {
        match self {
            Self::Status { .. } => FaultKind::Status,
            Self::Delay(_) => FaultKind::Delay,
            Self::CutBefore => FaultKind::CutBefore,
            Self::CutAfterCommit => FaultKind::CutAfterCommit,
            Self::CutInAnswer => FaultKind::CutInAnswer,
            Self::InvalidJson => FaultKind::InvalidJson,
        }
    }
}
