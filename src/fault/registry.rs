//! The faults that are armed on one instance. They end with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::kind::{Effect, FaultKind};
use super::parse::{Fault, Match, MatchOn};
use crate::access::caller::Callers;
use crate::clock::{Clock, new_uuid};
use crate::fhir::date::instant;
use crate::interaction::WRITES;

/// Maximum faults of an instance.
const MAX_FAULTS: usize = 64;

/// Whether faults may be armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody may arm one.
    Off,
    /// On a test target.
    On,
    /// Where callers of the FHIR API are configured, which may be in service.
    BesideCallers,
}

impl Mode {
    /// What the operator is to know of it, if anything.
    pub fn warning(self) -> Option<&'static str> {
        (self == Self::BesideCallers).then_some(
            "SAS_FAULTS=on beside callers of the FHIR API: callers with the right console can make their requests fail",
        )
    }
}

/// Why a fault is not armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    #[error("faults are off: SAS_FAULTS=on allows them")]
    Off,
    #[error("{MAX_FAULTS} faults are armed already: end one")]
    TooMany,
    #[error("match.caller: no caller of the FHIR API has this name")]
    UnknownCaller,
}

/// The faults of an instance. Cheap to clone.
#[derive(Clone)]
pub struct Faults(Arc<Registry>);

struct Registry {
    mode: Mode,
    /// The callers of the FHIR API: a fault for any other would never act.
    callers: Callers,
    clock: Clock,
    /// How many have requests left, so that a request pays one load where there is none.
    armed: AtomicUsize,
    faults: Mutex<Vec<Armed>>,
}

#[derive(Clone, Debug)]
struct Armed {
    id: String,
    fault: Fault,
    left: u32,
    until: Timestamp,
}

/// A fault that acts on one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    id: String,
    pub effect: Effect,
}

impl Acting {
    /// The kind of the fault.
    pub fn kind(&self) -> FaultKind {
        self.effect.kind()
    }
}

/// A fault as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFault {
    pub id: String,
    pub effect: Effect,
    pub matches: Match,
    pub count: u32,
    /// How many requests it will act on yet.
    pub left: u32,
    pub until: Timestamp,
}

impl Faults {
    /// No fault yet, for these callers of the FHIR API.
    pub fn new(mode: Mode, callers: Callers, clock: Clock) -> Self {
        Self(Arc::new(Registry { mode, callers, clock, armed: AtomicUsize::new(0), faults: Mutex::default() }))
    }

    /// None, and none may be armed.
    pub fn off() -> Self {
        Self::new(Mode::Off, Callers::default(), Clock::system())
    }

    /// Whether faults may be armed.
    pub fn mode(&self) -> Mode {
        self.0.mode
    }

    /// Whether a fault may act on a request.
    pub fn is_armed(&self) -> bool {
        self.0.armed.load(Ordering::Relaxed) > 0
    }

    /// Arms a fault.
    ///
    /// # Errors
    /// [`ArmError`]
    pub fn arm(&self, fault: Fault) -> Result<ListedFault, ArmError> {
        if self.0.mode == Mode::Off {
            return Err(ArmError::Off);
        }
        if fault.matches.caller.as_ref().is_some_and(|caller| !self.0.callers.has_name(caller)) {
            return Err(ArmError::UnknownCaller);
        }
        let now = self.0.clock.now();
        let until = now.checked_add(fault.lifetime).unwrap_or(Timestamp::MAX);
        let id = new_uuid().hyphenated().to_string();
        let armed = Armed { id, left: fault.count, fault, until };
        let listed = armed.listed();
        self.change(|faults| {
            if faults.len() >= MAX_FAULTS {
                // Those that have acted are shown as long as there is room.
                faults.retain(|armed| armed.left > 0);
            }
            if faults.len() >= MAX_FAULTS {
                return Err(ArmError::TooMany);
            }
            faults.push(armed);
            Ok(listed)
        })
    }

    /// Those that have not ended, in the order in which they were armed.
    pub fn list(&self) -> Vec<ListedFault> {
        self.change(|faults| faults.iter().map(Armed::listed).collect())
    }

    /// The one with this id.
    pub fn find(&self, id: &str) -> Option<ListedFault> {
        self.list().into_iter().find(|fault| fault.id == id)
    }

    /// Ends the one with this id; `None` where there is none.
    pub fn end(&self, id: &str) -> Option<ListedFault> {
        self.change(|faults| {
            let at = faults.iter().position(|armed| armed.id == id)?;
            Some(faults.remove(at).listed())
        })
    }

    /// Whether an armed fault has an identifier to match: those of a request need not be read otherwise.
    pub fn matches_identifiers(&self) -> bool {
        self.change(|faults| faults.iter().any(|armed| armed.left > 0 && armed.fault.matches.identifier.is_some()))
    }

    /// The first fault that matches the request, which is one of those that it acts on from now on.
    pub fn take(&self, request: &MatchOn<'_>) -> Option<Acting> {
        self.change(|faults| {
            let armed = faults.iter_mut().find(|armed| armed.acts_on(request))?;
            armed.left -= 1;
            Some(Acting { id: armed.id.clone(), effect: armed.fault.effect })
        })
    }

    /// The fault could not act on its request: it acts on another one.
    pub fn give_back(&self, acting: &Acting) {
        self.change(|faults| {
            if let Some(armed) = faults.iter_mut().find(|armed| armed.id == acting.id) {
                armed.left = (armed.left + 1).min(armed.fault.count);
            }
        });
    }

    /// Drops what has expired, and changes the rest.
    fn change<R>(&self, change: impl FnOnce(&mut Vec<Armed>) -> R) -> R {
        let now = self.0.clock.now();
        let mut faults = lock(&self.0.faults);
        faults.retain(|armed| now < armed.until);
        let changed = change(&mut faults);
        let armed = faults.iter().filter(|armed| armed.left > 0).count();
        self.0.armed.store(armed, Ordering::Relaxed);
        changed
    }
}

fn lock(faults: &Mutex<Vec<Armed>>) -> MutexGuard<'_, Vec<Armed>> {
    faults.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Armed {
    fn acts_on(&self, request: &MatchOn<'_>) -> bool {
        let kind = self.fault.effect.kind();
        let is_possible = match kind {
            FaultKind::CutAfterCommit => WRITES.contains(&request.interaction),
            kind => !(kind.needs_body() && request.has_no_body),
        };
        self.left > 0 && is_possible && self.fault.matches.fits(request)
    }

    fn listed(&self) -> ListedFault {
        let Fault { effect, ref matches, count, .. } = self.fault;
        ListedFault { id: self.id.clone(), effect, matches: matches.clone(), count, left: self.left, until: self.until }
    }
}

impl ListedFault {
    /// The JSON of the console's API.
    pub fn json(&self) -> Value {
        let mut json = Map::new();
        json.insert("id".to_owned(), json!(self.id));
        json.insert("kind".to_owned(), json!(self.effect.kind().as_str()));
        match self.effect {
            Effect::Status { status, retry_after } => {
                json.insert("status".to_owned(), json!(status));
                json.extend(retry_after.map(|seconds| ("retryAfter".to_owned(), json!(seconds))));
            }
            Effect::Delay(delay) => {
                let delay = jiff::SignedDuration::try_from(delay).unwrap_or_default();
                json.insert("delay".to_owned(), json!(format!("{delay:#}")));
            }
            _ => {}
        }
        if self.matches != Match::default() {
            json.insert("match".to_owned(), json!(self.matches));
        }
        json.insert("count".to_owned(), json!(self.count));
        json.insert("left".to_owned(), json!(self.left));
        json.insert("until".to_owned(), json!(instant(self.until)));
        Value::Object(json)
    }
}

impl Serialize for ListedFault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
