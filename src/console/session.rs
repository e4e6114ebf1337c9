//! The sessions of those who have logged in. They end with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::access::token::{self, TokenHash};

/// How long a session lasts.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(12);

/// How long a session lasts without a request.
const MAX_IDLE: SignedDuration = SignedDuration::from_mins(30);

/// Maximum sessions of one caller: the one idle longest ends for another. So one caller ends no other's session, and the number of
/// callers bounds all.
const MAX_SESSIONS_PER_CALLER: usize = 16;

/// A session, as a request sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The name of the caller.
    pub caller: Arc<str>,
    /// The token of the forms of this session.
    pub csrf: Arc<str>,
    since: Timestamp,
    last_seen: Timestamp,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        // A clock that was set back prolongs no session.
        let is_beyond = |since: Timestamp, max: SignedDuration| now.duration_since(since).abs() >= max;
        is_beyond(self.since, MAX_AGE) || is_beyond(self.last_seen, MAX_IDLE)
    }
}

/// All sessions, by the hash of their ids.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<TokenHash, Session>>);

impl Sessions {
    /// Begins a session; returns its id, which only the cookie has.
    pub fn begin(&self, caller: &str, now: Timestamp) -> Result<String, getrandom::Error> {
        let (id, csrf) = (token::generate()?, token::generate()?);
        let session = Session { caller: caller.into(), csrf: csrf.into(), since: now, last_seen: now };
        let mut sessions = self.lock();
        sessions.retain(|_, session| !session.is_over(now));
        let of_caller = || sessions.iter().filter(|(_, session)| *session.caller == *caller);
        if of_caller().count() >= MAX_SESSIONS_PER_CALLER {
            let idle_longest = of_caller().min_by_key(|(_, session)| session.last_seen).map(|(hash, _)| *hash);
            idle_longest.map(|hash| sessions.remove(&hash));
        }
        sessions.insert(TokenHash::from_token(&id), session);
        Ok(id)
    }

    /// The session with this id, which a request uses now.
    pub fn resume(&self, id: &str, now: Timestamp) -> Option<Session> {
        let hash = TokenHash::from_token(id);
        let mut sessions = self.lock();
        if sessions.get(&hash)?.is_over(now) {
            sessions.remove(&hash);
            return None;
        }
        let session = sessions.get_mut(&hash)?;
        session.last_seen = now;
        Some(session.clone())
    }

    /// The session with this id, which is not used now.
    pub fn peek(&self, id: &str, now: Timestamp) -> Option<Session> {
        self.lock().get(&TokenHash::from_token(id)).filter(|session| !session.is_over(now)).cloned()
    }

    /// Ends the session with this id.
    pub fn end(&self, id: &str) {
        self.lock().remove(&TokenHash::from_token(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenHash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).expect("a time")
    }

    #[test]
    fn session_ends_after_30_idle_minutes_and_after_12_hours() {
        let sessions = Sessions::default();
        let id = sessions.begin("alice", at(0)).expect("random bits");
        assert_eq!(sessions.resume(&id, at(29)).map(|session| session.caller), Some("alice".into()));
        assert!(sessions.resume(&id, at(58)).is_some(), "the request before counts");
        assert!(sessions.peek(&id, at(87)).is_some() && sessions.peek(&id, at(88)).is_none());
        assert_eq!(sessions.resume(&id, at(88)), None);
        assert_eq!(sessions.resume(&id, at(59)), None, "it has ended for good");
        let id = sessions.begin("alice", at(0)).expect("random bits");
        for minutes in (0..12 * 60).step_by(29) {
            assert!(sessions.resume(&id, at(minutes)).is_some(), "{minutes}");
        }
        assert_eq!(sessions.resume(&id, at(12 * 60)), None);
    }

    #[test]
    fn session_is_not_prolonged_by_a_clock_that_is_set_back() {
        let sessions = Sessions::default();
        let id = sessions.begin("alice", at(0)).expect("random bits");
        assert!(sessions.resume(&id, at(-1)).is_some(), "a small correction");
        assert_eq!(sessions.resume(&id, at(-60)), None);
    }

    #[test]
    fn session_ids_and_form_tokens_differ_and_ids_are_not_kept() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin("a", at(0)).expect("bits"), sessions.begin("a", at(0)).expect("bits"));
        let csrf = |id: &str| sessions.resume(id, at(0)).expect("a session").csrf;
        assert!(one != other && csrf(&one) != csrf(&other));
        assert!(!format!("{:?}", sessions.lock()).contains(&one));
        sessions.end(&one);
        assert_eq!((sessions.resume(&one, at(0)), sessions.resume("", at(0))), (None, None));
        assert!(sessions.resume(&other, at(0)).is_some());
    }

    #[test]
    fn sessions_of_a_caller_are_bounded_and_the_one_idle_longest_ends() {
        let sessions = Sessions::default();
        let begin = |caller: &str, minute| sessions.begin(caller, at(minute)).expect("random bits");
        let other = begin("bob", 0);
        let ids: Vec<_> = (0..16).map(|minute| begin("alice", minute)).collect();
        assert!(sessions.resume(&ids[0], at(16)).is_some(), "now it is used");
        begin("alice", 17);
        assert_eq!(sessions.resume(&ids[1], at(17)), None);
        for id in [&ids[0], &ids[2], &ids[15], &other] {
            assert!(sessions.resume(id, at(17)).is_some());
        }
        assert_eq!(sessions.lock().len(), 17);
        begin("alice", 17 + 12 * 60);
        assert_eq!(sessions.lock().len(), 1, "those that are over are forgotten");
    }
}
