//! No address has all the places: who opens connection after connection leaves some to others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::bounds::{Bounds, counted};
use super::super::log_limit::Lines;
use super::super::origin::proxy;
use super::Door;

/// How many connections each address has open.
///
/// Loopback has a share too: tunnels and balancers on this machine bring strangers from there. Proxies of
/// `SAS_TRUSTED_PROXIES` have none: each brings many clients.
pub struct Shares {
    open: Arc<Counts>,
    bounds: Bounds,
    exempt: proxy::Settings,
    refused: Lines,
}

type Counts = Mutex<HashMap<IpAddr, usize>>;

/// One connection of an address, until it is dropped.
pub struct Share(Option<(Arc<Counts>, IpAddr)>);

impl Shares {
    /// What this door gives to each.
    pub fn new(door: &Door) -> Self {
        let (bounds, exempt) = (door.bounds.clone(), door.proxies.clone());
        Self { open: Arc::default(), bounds, exempt, refused: Lines::a_second(1) }
    }

    /// One more connection of this address; `None`, counted and told, where it has as many as it may.
    pub fn take(&self, peer: IpAddr) -> Option<Share> {
        if self.exempt.trusts(peer) {
            return Some(Share(None));
        }
        let (address, max_connections_per_address) = (counted(peer), self.bounds.share_of_address(peer));
        let mut all = lock(&self.open);
        let open = all.entry(address).or_default();
        if *open < max_connections_per_address {
            *open += 1;
            return Some(Share(Some((self.open.clone(), address))));
        }
        drop(all);
        metrics::counter!("sas_connections_refused_total").increment(1);
        if let Some(left_out) = self.refused.next() {
            tracing::warn!(
                peer = %peer.to_canonical(),
                max_connections_per_address,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many connections this address may have open.
    fn taken(shares: &Shares, peer: &str) -> usize {
        let peer = peer.parse().expect("an address");
        let held: Vec<_> = std::iter::from_fn(|| shares.take(peer)).take(5000).collect();
        held.len()
    }

    #[test]
    fn share_of_address_depends_on_loopback_proxy_and_setting() {
        let trusted_proxies = vec!["192.0.2.7/32".parse().expect("a network")];
        let proxies = proxy::Settings { trusted_proxies, ..proxy::Settings::default() };
        let shares = |max_connections, max_connections_per_address| {
            let bounds = Bounds { max_connections, max_connections_per_address, ..Bounds::default() };
            Shares::new(&Door { proxies: proxies.clone(), ..bounds.into() })
        };
        for (peer, by_default, of_few, as_set) in [
            ("192.0.2.1", 128, 2, 3),
            ("::ffff:192.0.2.1", 128, 2, 3),
            ("2001:db8::1", 128, 2, 3),
            ("127.0.0.1", 1024, 2, 3),
            ("127.8.9.1", 1024, 2, 3),
            ("::ffff:127.0.0.1", 1024, 2, 3),
            ("::1", 1024, 2, 3),
            ("192.0.2.7", 5000, 5000, 5000),
        ] {
            let found = [shares(4096, None), shares(8, None), shares(4096, Some(3))].map(|it| taken(&it, peer));
            assert_eq!(found, [by_default, of_few, as_set], "{peer}");
        }
    }

    #[test]
    fn share_of_address_is_free_again_with_its_connections() {
        let shares = Shares::new(&Bounds::default().into());
        for _ in 0..2 {
            assert_eq!(taken(&shares, "192.0.2.1"), 128);
        }
        // Addresses of one IPv6 network count together.
        let held: Vec<_> = (0..128).map(|_| shares.take("2001:db8::1".parse().expect("an address"))).collect();
        assert!(held.iter().all(Option::is_some));
        assert_eq!((taken(&shares, "2001:db8::2"), taken(&shares, "2001:db8:0:1::1")), (0, 128));
        drop(held);
        assert!(lock(&shares.open).is_empty());
    }
}
