//! Bulkheads: each kind of work has its own permits, so that a flood of one kind does not stop the others.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bounds::{Bounds, Timeouts};
use crate::deadline::Deadline;
use crate::error::{Error, Workload};

/// Maximum requests of a kind that wait for a permit; further ones are refused at once.
const MAX_WAITING: usize = 256;

/// The permits of all kinds. Cheap to clone.
#[derive(Clone)]
pub struct Permits(Arc<[Bulkhead; 5]>);

struct Bulkhead {
    workload: Workload,
    timeout: Duration,
    permits: Arc<Semaphore>,
    waiting: Semaphore,
    /// Maximum wait for a permit: long enough for a burst, too short for a flood.
    permit_timeout: Duration,
}

/// A permit; a gauge counts those that are held.
struct Permit {
    _permit: OwnedSemaphorePermit,
    workload: Workload,
}

impl Permits {
    /// The permits that `bounds` configures.
    pub fn new(bounds: &Bounds) -> Self {
        let permits = |workload| match workload {
            Workload::Writes => bounds.max_writes,
            Workload::Reads => bounds.max_reads,
            Workload::Searches => bounds.max_searches,
            Workload::Validations => bounds.max_validations,
            Workload::Directory => bounds.max_directory,
        };
        Self(Arc::new(Workload::ALL.map(|workload| Bulkhead {
            workload,
            timeout: timeout(workload, bounds.timeouts),
            permit_timeout: bounds.timeouts.permit,
            permits: Arc::new(Semaphore::new(permits(workload).min(Semaphore::MAX_PERMITS))),
            waiting: Semaphore::new(MAX_WAITING),
        })))
    }

    /// Acquires a permit, and returns a deadline that holds it. The deadline counts from this call, wait included.
    ///
    /// # Errors
    /// [`Error::TooBusy`] if too many requests wait already, or no permit becomes free within the timeout.
    pub(crate) async fn permit(&self, workload: Workload) -> Result<Deadline, Error> {
        self.permit_until(workload, Deadline::after(self.0[workload as usize].timeout)).await
    }

    /// The same for a request that has a deadline already.
    pub(crate) async fn permit_until(&self, workload: Workload, deadline: Deadline) -> Result<Deadline, Error> {
        let permit = self.0[workload as usize].acquire().await.ok_or(Error::TooBusy(workload))?;
        Ok(deadline.holding(permit))
    }
}

impl Bulkhead {
    async fn acquire(&self) -> Option<Permit> {
        let free = self.permits.clone().try_acquire_owned().ok();
        let permit = match free {
            Some(permit) => permit,
            None => {
                let _waiting = self.waiting.try_acquire().ok()?;
                tokio::time::timeout(self.permit_timeout, self.permits.clone().acquire_owned()).await.ok()?.ok()?
            }
        };
        Some(Permit::new(permit, self.workload))
    }
}

impl Permit {
    fn new(permit: OwnedSemaphorePermit, workload: Workload) -> Self {
        metrics::gauge!("sas_requests_in_progress", "kind" => workload.as_str()).increment(1);
        Self { _permit: permit, workload }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        metrics::gauge!("sas_requests_in_progress", "kind" => self.workload.as_str()).decrement(1);
    }
}

/// Maximum duration of a request of this kind, from when it asks for its permit.
fn timeout(workload: Workload, timeouts: Timeouts) -> Duration {
    match workload {
        Workload::Writes => timeouts.write,
        Workload::Reads => timeouts.read,
        Workload::Searches | Workload::Validations | Workload::Directory => timeouts.search,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn bulkheads() -> Permits {
        let one = Bounds { max_writes: 1, max_reads: 1, max_searches: 1, max_validations: 1, ..Bounds::default() };
        Permits::new(&Bounds { max_directory: 1, ..one })
    }

    #[tokio::test(start_paused = true)]
    async fn bulkhead_full_refuses_its_kind_after_a_second_and_no_other() {
        let bulkheads = bulkheads();
        for workload in Workload::ALL {
            let held = bulkheads.permit(workload).await.expect("a permit");
            let asked = Instant::now();
            let refused = bulkheads.permit(workload).await.expect_err("none is free");
            assert!(matches!(refused, Error::TooBusy(kind) if kind == workload));
            assert_eq!(asked.elapsed(), Timeouts::default().permit);
            for other in Workload::ALL.into_iter().filter(|other| *other != workload) {
                bulkheads.permit(other).await.expect("a permit of another kind");
            }
            drop(held);
            bulkheads.permit(workload).await.expect("it is free again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bulkhead_full_serves_a_burst_and_refuses_what_is_more_at_once() {
        let bulkheads = bulkheads();
        let held = bulkheads.permit(Workload::Searches).await.expect("a permit");
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let bulkheads = bulkheads.clone();
                tokio::spawn(async move { bulkheads.permit(Workload::Searches).await.map(drop) })
            })
            .collect();
        while bulkheads.0[Workload::Searches as usize].waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let asked = Instant::now();
        assert!(bulkheads.permit(Workload::Searches).await.is_err(), "one more than may wait");
        assert_eq!(asked.elapsed(), Duration::ZERO);
        drop(held);
        for burst in waiting {
            burst.await.expect("it ends").expect("served");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bulkhead_time_spent_waiting_counts_towards_the_deadline() {
        let bulkheads = bulkheads();
        let held = bulkheads.permit(Workload::Reads).await.expect("a permit");
        let (waiting, asked) = (bulkheads.clone(), Instant::now());
        let waiting = tokio::spawn(async move { waiting.permit(Workload::Reads).await });
        while bulkheads.0[Workload::Reads as usize].waiting.available_permits() == MAX_WAITING {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Timeouts::default().permit / 2).await;
        drop(held);
        let deadline = waiting.await.expect("it ends").expect("a permit");
        assert_eq!(deadline.instant(), Some(asked + Timeouts::default().read));
    }
}
