//! Limits those who wait for events, in total and for each client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::admission::Client;
use crate::http::http_error::HttpError;

/// Maximum of one caller, or of one address of unauthenticated clients.
const MAX_STREAMS_PER_CLIENT: usize = 32;

/// How many wait.
#[derive(Clone)]
pub struct StreamLimit(Arc<Shared>);

struct Shared {
    max: usize,
    by_client: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    all: usize,
    by_client: HashMap<Client, usize>,
}

/// One who waits, until it is dropped.
pub struct StreamPermit {
    limit: StreamLimit,
    client: Client,
}

impl StreamLimit {
    /// At most so many at once.
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Shared { max, by_client: Mutex::default() }))
    }

    /// Counts one more of a client.
    ///
    /// # Errors
    /// [`HttpError::TooManyEventStreams`] if there are too many.
    pub fn acquire(&self, client: Client) -> Result<StreamPermit, HttpError> {
        self.change(|streams| {
            let of_client = streams.by_client.get(&client).copied().unwrap_or_default();
            if streams.all >= self.0.max || of_client >= MAX_STREAMS_PER_CLIENT {
                return Err(HttpError::TooManyEventStreams { limit: self.0.max, per_client: MAX_STREAMS_PER_CLIENT });
            }
            streams.all += 1;
            streams.by_client.insert(client.clone(), of_client + 1);
            Ok(())
        })?;
        metrics::gauge!("sas_event_streams").increment(1);
        Ok(StreamPermit { limit: self.clone(), client })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Streams) -> T) -> T {
        // A panic elsewhere does not invalidate the counters.
        change(&mut self.0.by_client.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.limit.change(|streams| {
            streams.all -= 1;
            if let Some(of_client) = streams.by_client.get_mut(&self.client) {
                *of_client -= 1;
                if *of_client == 0 {
                    streams.by_client.remove(&self.client);
                }
            }
        });
        metrics::gauge!("sas_event_streams").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn event_streams_are_limited_in_total_and_for_each_client() {
        let client = |last: u8| Client::Address(Ipv4Addr::new(192, 0, 2, last).into());
        let limit = StreamLimit::new(MAX_STREAMS_PER_CLIENT + 1);
        let mut held: Vec<_> = (0..MAX_STREAMS_PER_CLIENT).map(|_| limit.acquire(client(1)).expect("free")).collect();
        assert!(limit.acquire(client(1)).is_err(), "too many of one");
        let other = limit.acquire(client(2)).expect("free");
        assert!(limit.acquire(client(3)).is_err(), "too many");
        drop(other);
        limit.acquire(client(3)).expect("free");
        held.pop();
        limit.acquire(client(1)).expect("free again");
    }
}
