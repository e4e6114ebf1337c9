//! The source of the current time and of new resource ids, which tests replace.

pub(crate) mod duration;
pub(crate) mod http_date;

use std::sync::Arc;

use jiff::Timestamp;

use crate::fhir::id::Id;

/// The system's time, for what no test sets: ages that commands print, the validity of certificates.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
pub fn system_time() -> Timestamp {
    Timestamp::now()
}

/// A UUID of version 7, for ids that no test sets: those of requests.
#[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
pub fn new_uuid() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

/// The source of the current time and of new resource ids. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    new_id: Arc<dyn Fn() -> Id + Send + Sync>,
}

impl Clock {
    /// The system clock, and UUIDs of version 7: they increase with time, which keeps indexes compact, and reveal nothing
    /// about a person.
    pub fn system() -> Self {
        Self::new(system_time, || new_uuid().into())
    }

    /// A clock that calls these functions.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        new_id: impl Fn() -> Id + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), new_id: Arc::new(new_id) }
    }

    /// The current time, truncated to milliseconds, the precision that is stored.
    pub fn now(&self) -> Timestamp {
        let now = (self.now)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// A unique id.
    pub(crate) fn new_id(&self) -> Id {
        (self.new_id)()
    }
}
