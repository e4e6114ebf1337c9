//! No address has all the places: who opens connection after connection leaves some to others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::bounds::counted;
use super::super::origin::proxy;
use super::Door;
use super::lines::Lines;

/// How many connections each address has open.
///
/// Loopback is an address like any other: tunnels and balancers beside us bring strangers from there.
/// What stands in front is named in `SAS_TRUSTED_PROXIES`, and has no share but all that it needs.
pub struct Shares {
    open: Arc<Counts>,
    largest: usize,
    exempt: proxy::Settings,
    refused: Lines,
}

type Counts = Mutex<HashMap<IpAddr, usize>>;

/// One connection of an address, until it is dropped.
pub struct Share(Option<(Arc<Counts>, IpAddr)>);

impl Shares {
    /// What this door gives to each.
    pub fn new(door: &Door) -> Self {
        let largest = door.bounds.share_of_address();
        Self { open: Arc::default(), largest, exempt: door.proxies.clone(), refused: Lines::a_second(1) }
    }

    /// One more connection of this address; `None`, counted and told, where it has as many as it may.
    pub fn take(&self, peer: IpAddr) -> Option<Share> {
        if self.exempt.trusts(peer) {
            return Some(Share(None));
        }
        let address = counted(peer);
        let mut all = lock(&self.open);
        let open = all.entry(address).or_default();
        if *open < self.largest {
            *open += 1;
            return Some(Share(Some((self.open.clone(), address))));
        }
        drop(all);
        metrics::counter!("sas_connections_refused_total").increment(1);
        if let Some(left_out) = self.refused.next() {
            tracing::warn!(
                peer = %peer.to_canonical(),
                max_connections_per_address = self.largest,
                left_out,
                "a connection was closed: its address has as many as it may (SAS_MAX_CONNECTIONS_PER_ADDRESS)"
            );
        }
        None
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((open, address)) = self.0.take() else { return };
        if let Entry::Occupied(mut open) = lock(&open).entry(address) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// A number is whole whoever panicked beside it.
fn lock(open: &Counts) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
