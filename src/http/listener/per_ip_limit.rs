//! Limits the open connections of each IP address, so that one client cannot take all of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::ListenerConfig;
use crate::http::bounds::{Bounds, rate_limit_key};
use crate::http::log_limit::LogRateLimit;
use crate::http::origin::proxy;

/// Counts the open connections of each address.
///
/// Loopback addresses are limited too: tunnels and load balancers on this machine forward unknown clients.
/// `SAS_TRUSTED_PROXIES` are not: each forwards many clients.
pub struct PerIpLimit {
    open: Arc<Counts>,
    bounds: Bounds,
    exempt: proxy::Settings,
    refused_log: LogRateLimit,
}

type Counts = Mutex<HashMap<IpAddr, usize>>;

/// Permits one connection of an address, until it is dropped.
pub struct PerIpPermit(Option<(Arc<Counts>, IpAddr)>);

impl PerIpLimit {
    pub fn new(config: &ListenerConfig) -> Self {
        let (bounds, exempt) = (config.bounds.clone(), config.proxies.clone());
        Self { open: Arc::default(), bounds, exempt, refused_log: LogRateLimit::per_second(1) }
    }

    /// Permits one more connection of this address. If it has reached its limit, returns `None`, logs and counts that.
    pub fn try_acquire(&self, peer: IpAddr) -> Option<PerIpPermit> {
        if self.exempt.trusts(peer) {
            return Some(PerIpPermit(None));
        }
        let (address, max_connections_per_address) = (rate_limit_key(peer), self.bounds.max_connections_of(peer));
        let mut all = lock(&self.open);
        let open = all.entry(address).or_default();
        if *open < max_connections_per_address {
            *open += 1;
            return Some(PerIpPermit(Some((self.open.clone(), address))));
        }
        drop(all);
        metrics::counter!("sas_connections_refused_total").increment(1);
        if let Some(left_out) = self.refused_log.next() {
            tracing::warn!(
                peer = %peer.to_canonical(),
                max_connections_per_address,
                left_out,
                "connection closed: its address has reached SAS_MAX_CONNECTIONS_PER_ADDRESS"
            );
        }
        None
    }
}

impl Drop for PerIpPermit {
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

/// A panic elsewhere does not invalidate a counter.
fn lock(open: &Counts) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many connections this address may have open.
    fn count_permits(limit: &PerIpLimit, peer: &str) -> usize {
        let peer = peer.parse().expect("an address");
        let held: Vec<_> = std::iter::from_fn(|| limit.try_acquire(peer)).take(5000).collect();
        held.len()
    }

    #[test]
    fn per_ip_limit_depends_on_loopback_proxy_and_setting() {
        let trusted_proxies = vec!["192.0.2.7/32".parse().expect("a network")];
        let proxies = proxy::Settings { trusted_proxies, ..proxy::Settings::default() };
        let limit = |max_connections, max_connections_per_address| {
            let bounds = Bounds { max_connections, max_connections_per_address, ..Bounds::default() };
            PerIpLimit::new(&ListenerConfig { proxies: proxies.clone(), ..bounds.into() })
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
            let found = [limit(4096, None), limit(8, None), limit(4096, Some(3))].map(|it| count_permits(&it, peer));
            assert_eq!(found, [by_default, of_few, as_set], "{peer}");
        }
    }

    #[test]
    fn per_ip_limit_permits_are_released_with_their_connections() {
        let limit = PerIpLimit::new(&Bounds::default().into());
        for _ in 0..2 {
            assert_eq!(count_permits(&limit, "192.0.2.1"), 128);
        }
        // Addresses of one IPv6 network count together.
        let held: Vec<_> = (0..128).map(|_| limit.try_acquire("2001:db8::1".parse().expect("an address"))).collect();
        assert!(held.iter().all(Option::is_some));
        assert_eq!((count_permits(&limit, "2001:db8::2"), count_permits(&limit, "2001:db8:0:1::1")), (0, 128));
        drop(held);
        assert!(lock(&limit.open).is_empty());
    }
}
