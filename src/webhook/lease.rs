//! The lease of the instance that delivers. One that has died loses it by itself.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::deadline::Deadline;
use crate::storage::Storage;

/// How long it lasts without a renewal, by the database's clock.
const LEASE_DURATION: Duration = Duration::from_secs(12);
/// Between two attempts to take or to renew it. With the duration: how long after a death another instance delivers.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3);
/// The holder stops so long before the lease ends, so that the next one does not deliver at the same time.
const SAFETY_MARGIN: Duration = Duration::from_secs(3);
/// A database that does not answer in this time renews nothing.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Until when this instance may deliver, by its own clock.
#[derive(Clone)]
pub struct Lease(watch::Receiver<Instant>);

impl Lease {
    /// A lease that nobody has yet, and what [`keep_lease`] needs.
    pub fn new() -> (watch::Sender<Instant>, Self) {
        let (held_until, lease) = watch::channel(Instant::now());
        (held_until, Self(lease))
    }

    /// Waits until this instance has it.
    pub async fn acquired(&mut self) {
        if self.0.wait_for(|until| *until > Instant::now()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this instance no longer has it.
    pub async fn lost(&mut self) {
        loop {
            let until = *self.0.borrow_and_update();
            if until <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(until) => {}
                // Without a sender nobody renews it: it ends at that time.
                _ = self.0.changed() => {}
            }
        }
    }
}

/// Takes the lease as soon as it is free, and renews it, without end.
pub async fn keep_lease(storage: &Storage, holder: &str, held_until: watch::Sender<Instant>) {
    loop {
        let asked = Instant::now();
        let deadline = Deadline::after(RENEWAL_TIMEOUT);
        let storage = storage.until(&deadline);
        match deadline.limit(storage.take_webhook_lease(holder, LEASE_DURATION)).await {
            Ok(true) => drop(held_until.send_replace(asked + LEASE_DURATION - SAFETY_MARGIN)),
            Ok(false) => drop(held_until.send_replace(asked)),
            // What was granted lasts.
            Err(_) => {}
        }
        sleep(RENEWAL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn webhook_lease_is_lost_when_it_is_not_renewed() {
        let (held_until, mut lease) = Lease::new();
        let began = Instant::now();
        let granted = |seconds| began + Duration::from_secs(seconds);
        held_until.send_replace(granted(9));
        lease.acquired().await;
        let renew = async {
            sleep_until(granted(5)).await;
            held_until.send_replace(granted(14));
        };
        tokio::join!(lease.lost(), renew);
        assert_eq!(began.elapsed().as_secs(), 14);
        held_until.send_replace(granted(30));
        lease.acquired().await;
        // Another instance has it.
        held_until.send_replace(Instant::now());
        lease.lost().await;
        assert_eq!(began.elapsed().as_secs(), 14);
    }
}
