//! Time and new ids come from here, so that tests can make their own.

use std::sync::Arc;

use jiff::Timestamp;

use crate::fhir::id::Id;

/// Where the time and new resource ids come from.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    new_id: Arc<dyn Fn() -> Id + Send + Sync>,
}

impl Clock {
    /// The system's time, and UUIDs of version 7: they grow with time, which keeps indexes compact,
    /// and say nothing of the person.
    pub fn system() -> Self {
        Self::new(Timestamp::now, || uuid::Uuid::now_v7().into())
    }

    /// A clock of these functions.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        new_id: impl Fn() -> Id + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), new_id: Arc::new(new_id) }
    }

    /// The current instant, cut to the millisecond that is stored.
    pub fn now(&self) -> Timestamp {
        let now = (self.now)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// An id that no resource has.
    pub fn new_id(&self) -> Id {
        (self.new_id)()
    }
}
