//! When a request must be answered at the latest, and the permit that it holds until its work has really ended.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// The work was not done by its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlineExceeded;

/// A failure of work that has a deadline.
pub trait Limited: From<DeadlineExceeded> {
    /// Whether it may come of stopping the work at its deadline.
    fn may_be_interruption(&self) -> bool;
}

/// The instant at which work on behalf of a request ends, finished or not.
///
/// It carries the request's permit: every copy holds it, so that a connection which still executes a statement of
/// a request that was given up keeps the permit until the statement has ended.
#[derive(Clone, Debug, Default)]
pub struct Deadline {
    /// `None`: no limit, as for commands and background tasks.
    at: Option<Instant>,
    _permit: Option<Arc<dyn Any + Send + Sync>>,
}

impl Deadline {
    /// No limit and no permit.
    pub fn none() -> Self {
        Self::default()
    }

    /// A deadline so far from now, or none where that is beyond what the clock can tell.
    pub fn after(duration: Duration) -> Self {
        Self { at: Instant::now().checked_add(duration), _permit: None }
    }

    /// The same, holding this permit.
    #[must_use]
    pub fn holding(self, permit: impl Any + Send + Sync) -> Self {
        Self { _permit: Some(Arc::new(permit)), ..self }
    }

    /// The earlier of this deadline and one so far from now; it holds the same permit.
    #[must_use]
    pub fn at_most(&self, duration: Duration) -> Self {
        let sooner = Instant::now().checked_add(duration);
        let at = match (self.at, sooner) {
            (Some(at), Some(sooner)) => Some(at.min(sooner)),
            (at, sooner) => at.or(sooner),
        };
        Self { at, ..self.clone() }
    }

    /// The same, without the permit.
    #[must_use]
    pub fn without_permit(&self) -> Self {
        Self { at: self.at, _permit: None }
    }

    /// The instant; `None` where there is no limit.
    pub fn instant(&self) -> Option<Instant> {
        self.at
    }

    /// The later of two deadlines, without a permit.
    #[must_use]
    pub fn later(self, other: &Self) -> Self {
        let at = self.at.zip(other.at).map(|(one, other)| one.max(other));
        Self { at, _permit: None }
    }

    /// Whether it is over.
    pub(crate) fn has_passed(&self) -> bool {
        self.at.is_some_and(|at| at <= Instant::now())
    }

    /// Does the work, unless the deadline has passed.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] where the work has not ended by then: it is dropped. A database that stopped a statement
    /// at the deadline is reported as that, too.
    pub async fn limit<T, E: Limited>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if self.has_passed() {
            return Err(DeadlineExceeded.into());
        }
        let outcome = match self.at {
            Some(at) => tokio::time::timeout_at(at, work).await.unwrap_or_else(|_| Err(DeadlineExceeded.into())),
            None => work.await,
        };
        match outcome {
            Err(error) if error.may_be_interruption() && self.has_passed() => Err(DeadlineExceeded.into()),
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Failure {
        TooLate,
        Interrupted,
        Other,
    }

    impl From<DeadlineExceeded> for Failure {
        fn from(_: DeadlineExceeded) -> Self {
            Self::TooLate
        }
    }

    impl Limited for Failure {
        fn may_be_interruption(&self) -> bool {
            *self == Self::Interrupted
        }
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_passed_work_is_dropped_and_reported() {
        let six_seconds = || Deadline::after(Duration::from_secs(6));
        let deadline = six_seconds();
        assert_eq!(deadline.limit(std::future::pending::<Result<(), _>>()).await, Err(Failure::TooLate));
        assert_eq!(deadline.limit(async { Ok::<_, Failure>(1) }).await, Err(Failure::TooLate), "it is not begun");
        for (failure, expected) in [(Failure::Interrupted, Failure::TooLate), (Failure::Other, Failure::Other)] {
            let stopped_at_the_deadline = async {
                tokio::time::advance(Duration::from_secs(6)).await;
                Err::<(), _>(failure)
            };
            assert_eq!(six_seconds().limit(stopped_at_the_deadline).await, Err(expected));
        }
        let stopped_before = async { Err::<(), _>(Failure::Interrupted) };
        assert_eq!(six_seconds().limit(stopped_before).await, Err(Failure::Interrupted));
        assert_eq!(Deadline::none().limit(async { Ok::<_, Failure>(1) }).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_at_most_takes_the_earlier_and_keeps_the_permit() {
        let permits = Arc::new(Semaphore::new(1));
        let permit = permits.clone().try_acquire_owned().expect("a permit");
        let now = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(6)).holding(permit);
        let sooner = deadline.at_most(Duration::from_secs(1));
        assert_eq!(sooner.instant(), Some(now + Duration::from_secs(1)));
        assert_eq!(deadline.at_most(Duration::from_secs(9)).instant(), Some(now + Duration::from_secs(6)));
        assert_eq!(deadline.clone().later(&sooner).instant(), deadline.instant());
        assert_eq!(deadline.clone().later(&Deadline::none()).instant(), None);
        drop(deadline);
        let without = sooner.without_permit();
        assert_eq!((permits.available_permits(), without.instant()), (0, sooner.instant()), "a copy holds the permit");
        drop(sooner);
        assert_eq!(permits.available_permits(), 1);
    }
}
