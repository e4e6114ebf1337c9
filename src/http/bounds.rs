//! The limits and timeouts of requests and connections.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::clock::duration::duration_parser;
use crate::storage::{READ_TIMEOUT, SEARCH_TIMEOUT, WRITE_TIMEOUT};

/// The limits and timeouts of requests and connections.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Bounds {
    /// Maximum length of a URL, in bytes or with a unit (8KiB); longer ones get 414
    #[arg(long, env = "SAS_MAX_URL", global = true, value_name = "SIZE", default_value = "32KiB", value_parser = size_of_head)]
    pub max_url: usize,

    /// Maximum size of all headers of a request together; larger ones get 431
    #[arg(long, env = "SAS_MAX_HEADERS", global = true, value_name = "SIZE", default_value = "32KiB", value_parser = size_of_head)]
    pub max_headers: usize,

    /// Maximum number of headers of a request; requests with more get 431
    #[arg(long, env = "SAS_MAX_HEADER_COUNT", global = true, value_name = "NUMBER", default_value = "64", value_parser = count)]
    pub max_header_count: usize,

    /// Maximum size of a request body, in bytes or with a unit (512KiB); larger ones get 413
    #[arg(long, env = "SAS_MAX_BODY", global = true, value_name = "SIZE", default_value = "1MiB", value_parser = size_of_body)]
    pub max_body: usize,

    /// Maximum time to receive the head of a request, from its first byte; beyond it 408
    #[arg(long, env = "SAS_HEADER_TIMEOUT", global = true, value_name = "DURATION", default_value = "10s", value_parser = timeout())]
    pub header_timeout: Duration,

    /// Maximum time to receive the body of a request; beyond it 408
    #[arg(long, env = "SAS_BODY_TIMEOUT", global = true, value_name = "DURATION", default_value = "20s", value_parser = timeout())]
    pub body_timeout: Duration,

    /// Maximum time a connection may be idle between two requests
    #[arg(long, env = "SAS_IDLE_TIMEOUT", global = true, value_name = "DURATION", default_value = "75s", value_parser = timeout())]
    pub idle_timeout: Duration,

    /// Maximum open connections; beyond it, the one idle longest is closed for each new one, unauthenticated ones first
    #[arg(long, env = "SAS_MAX_CONNECTIONS", global = true, value_name = "NUMBER", default_value = "4096", value_parser = count)]
    pub max_connections: usize,

    /// Maximum open connections per IP address, or per IPv6 /64 network (default: 128); further ones are closed at once
    ///
    /// The default is at most a quarter of --max-connections, and exactly that quarter for loopback addresses. The limit
    /// does not apply to --trusted-proxies.
    #[arg(long, env = "SAS_MAX_CONNECTIONS_PER_ADDRESS", global = true, value_name = "NUMBER", value_parser = count)]
    pub max_connections_per_address: Option<usize>,

    /// Maximum size of all responses together that clients have not read yet, in bytes or with a unit (64MiB); beyond it 503
    ///
    /// Each caller, or each IP address of unauthenticated clients, may use a quarter of it. A single page always fits.
    #[arg(long, env = "SAS_MAX_RESPONSE_BYTES", global = true, value_name = "SIZE", default_value = "64MiB", value_parser = size_of_responses)]
    pub max_response_bytes: usize,

    /// Maximum writes in progress: creates and updates, conditional or not
    ///
    /// For each of the five kinds of requests, up to 256 more requests wait for at most a second; further ones get 503. A
    /// request is in progress from when its body is read until its database connection is released.
    #[arg(long, env = "SAS_MAX_WRITES", global = true, value_name = "NUMBER", default_value = "256", value_parser = count)]
    pub max_writes: usize,

    /// Maximum reads in progress, by id or version, and histories of one resource: of accounts, appointments and the directory
    #[arg(long, env = "SAS_MAX_READS", global = true, value_name = "NUMBER", default_value = "128", value_parser = count)]
    pub max_reads: usize,

    /// Maximum searches of accounts and appointments in progress, and histories of a type or of all
    #[arg(long, env = "SAS_MAX_SEARCHES", global = true, value_name = "NUMBER", default_value = "16", value_parser = count)]
    pub max_searches: usize,

    /// Maximum $validate operations in progress
    #[arg(long, env = "SAS_MAX_VALIDATIONS", global = true, value_name = "NUMBER", default_value = "16", value_parser = count)]
    pub max_validations: usize,

    /// Maximum searches of the directory in progress
    #[arg(long, env = "SAS_MAX_DIRECTORY", global = true, value_name = "NUMBER", default_value = "16", value_parser = count)]
    pub max_directory: usize,

    /// Maximum requests that wait for events, as long polls or streams; 32 of them per caller, or per IP address of
    /// unauthenticated clients
    #[arg(long, env = "SAS_MAX_EVENT_STREAMS", global = true, value_name = "NUMBER", default_value = "1024", value_parser = count)]
    pub max_event_streams: usize,

    /// Removed: there is a limit for each kind of request.
    #[arg(long, env = "SAS_MAX_IN_FLIGHT", global = true, hide = true, value_parser = replaced_by_limits_of_kinds)]
    pub max_in_flight: Option<Infallible>,

    /// Not configurable: clients rely on these deadlines.
    #[arg(skip)]
    pub timeouts: Timeouts,

    /// Maximum requests per second per caller, or per IP address of unauthenticated clients; beyond it 429. 0 disables it
    #[arg(long, env = "SAS_RATE", global = true, value_name = "NUMBER", default_value_t = 500)]
    pub rate: u32,
}

/// How long a request may take, from when it requests its permit until its response is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub write: Duration,
    /// For searches, and for all requests that are neither a write nor a read.
    pub search: Duration,
    /// For reads by id or version, and for histories.
    pub read: Duration,
    /// For the wait for a permit.
    pub permit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let permit = Duration::from_secs(1);
        Self { write: WRITE_TIMEOUT, search: SEARCH_TIMEOUT, read: READ_TIMEOUT, permit }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_url: 32 << 10,
            max_headers: 32 << 10,
            max_header_count: 64,
            max_body: 1 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(75),
            max_connections: 4096,
            max_connections_per_address: None,
            max_writes: 256,
            max_reads: 128,
            max_searches: 16,
            max_validations: 16,
            max_directory: 16,
            max_event_streams: 1024,
            max_in_flight: None,
            timeouts: Timeouts::default(),
            max_response_bytes: 64 << 20,
            rate: 500,
        }
    }
}

impl Bounds {
    /// Maximum open connections of this address.
    pub(crate) fn max_connections_of(&self, address: IpAddr) -> usize {
        let quarter = (self.max_connections / 4).max(1);
        let default = match address.to_canonical().is_loopback() {
            true => quarter,
            false => quarter.min(MAX_CONNECTIONS_PER_ADDRESS),
        };
        self.max_connections_per_address.unwrap_or(default)
    }
}

/// The default for addresses that are not loopback.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 128;

/// The address that limits per address count by. For IPv6 that is its /64 network, all of whose addresses one client can
/// use.
pub(crate) fn rate_limit_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn size_of_body(text: &str) -> Result<usize, String> {
    size(text, ByteSize::mib(64))
}

fn size_of_responses(text: &str) -> Result<usize, String> {
    size(text, ByteSize::gib(64))
}

/// URL and headers share a buffer of the connection.
fn size_of_head(text: &str) -> Result<usize, String> {
    size(text, ByteSize::kib(128))
}

fn size(text: &str, max: ByteSize) -> Result<usize, String> {
    let size: ByteSize = text.parse().map_err(|_| "expected a number of bytes, or a size such as 512KiB".to_owned())?;
    let allowed = (ByteSize::kib(1)..=max).contains(&size).then_some(size.as_u64());
    let bytes = allowed.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("expected between 1KiB and {}KiB", max.as_u64() >> 10))
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=1_000_000).contains(count));
    count.ok_or_else(|| "expected a number from 1 to 1000000".to_owned())
}

/// Refuses a removed setting: ignoring it in silence would leave the operator without the limit that was set.
fn replaced_by_limits_of_kinds(_: &str) -> Result<Infallible, String> {
    Err("SAS_MAX_IN_FLIGHT no longer exists: set SAS_MAX_WRITES, SAS_MAX_READS, SAS_MAX_SEARCHES, SAS_MAX_VALIDATIONS \
         and SAS_MAX_DIRECTORY instead"
        .to_owned())
}

fn timeout() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    duration_parser(Duration::from_millis(1)..=Duration::from_hours(24), "10s or 2m, up to a day")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_key_of_ipv6_is_its_network() {
        for (address, expected) in
            [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::")]
        {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(rate_limit_key(address).to_string(), expected);
        }
    }
}
