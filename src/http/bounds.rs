//! How much of everything a client may ask for.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use jiff::SignedDuration;

use crate::storage::{READ_TIMEOUT, SEARCH_TIMEOUT, WRITE_TIMEOUT};

/// The bounds that every request is held to.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Bounds {
    /// The longest URL that is read (beyond: 414), as bytes or with a unit (8KiB)
    #[arg(long, env = "SAS_MAX_URL", global = true, value_name = "SIZE", default_value = "32KiB", value_parser = size_of_head)]
    pub max_url: usize,

    /// The most that the headers of a request may take together (beyond: 431)
    #[arg(long, env = "SAS_MAX_HEADERS", global = true, value_name = "SIZE", default_value = "32KiB", value_parser = size_of_head)]
    pub max_headers: usize,

    /// The most headers that a request may have (beyond: 431)
    #[arg(long, env = "SAS_MAX_HEADER_COUNT", global = true, value_name = "NUMBER", default_value = "64", value_parser = count)]
    pub max_header_count: usize,

    /// The largest body that is read (beyond: 413), as bytes or with a unit (512KiB)
    #[arg(long, env = "SAS_MAX_BODY", global = true, value_name = "SIZE", default_value = "1MiB", value_parser = size_of_body)]
    pub max_body: usize,

    /// The longest that the head of a request may take to arrive, from its first byte on
    #[arg(long, env = "SAS_HEADER_TIMEOUT", global = true, value_name = "DURATION", default_value = "10s", value_parser = timeout)]
    pub header_timeout: Duration,

    /// The longest that the body of a request may take to arrive (beyond: 408)
    #[arg(long, env = "SAS_BODY_TIMEOUT", global = true, value_name = "DURATION", default_value = "20s", value_parser = timeout)]
    pub body_timeout: Duration,

    /// How long a connection may be idle between two requests
    #[arg(long, env = "SAS_IDLE_TIMEOUT", global = true, value_name = "DURATION", default_value = "75s", value_parser = timeout)]
    pub idle_timeout: Duration,

    /// Maximum open connections; beyond it the one idle longest is closed for a new one, unauthenticated ones first
    #[arg(long, env = "SAS_MAX_CONNECTIONS", global = true, value_name = "NUMBER", default_value = "4096", value_parser = count)]
    pub max_connections: usize,

    /// Maximum open connections per address, or per IPv6 network of 64 bits (beyond: closed at once); 128 if not set
    ///
    /// Not set, it is at most a quarter of SAS_MAX_CONNECTIONS, and that quarter for loopback addresses.
    /// SAS_TRUSTED_PROXIES have no such bound: behind each of them are many.
    #[arg(long, env = "SAS_MAX_CONNECTIONS_PER_ADDRESS", global = true, value_name = "NUMBER", value_parser = count)]
    pub max_connections_per_address: Option<usize>,

    /// Maximum size of all answers together that clients have yet to read (beyond: 503), as bytes or with a unit (64MiB)
    ///
    /// One caller has a quarter of it; one address where no caller is recognised. One page, however large, always fits.
    #[arg(long, env = "SAS_MAX_RESPONSE_BYTES", global = true, value_name = "SIZE", default_value = "64MiB", value_parser = size_of_responses)]
    pub max_response_bytes: usize,

    /// Maximum writes in progress: creates and updates, conditional or not
    ///
    /// For each of the five kinds of requests, up to 256 more wait for at most a second; beyond: 503. A request counts
    /// from when its body is read, until its connection to the database is free.
    #[arg(long, env = "SAS_MAX_WRITES", global = true, value_name = "NUMBER", default_value = "256", value_parser = count)]
    pub max_writes: usize,

    /// Maximum reads in progress: by id, by version, and histories, of accounts, appointments and the directory
    #[arg(long, env = "SAS_MAX_READS", global = true, value_name = "NUMBER", default_value = "128", value_parser = count)]
    pub max_reads: usize,

    /// Maximum searches of accounts and appointments in progress
    #[arg(long, env = "SAS_MAX_SEARCHES", global = true, value_name = "NUMBER", default_value = "16", value_parser = count)]
    pub max_searches: usize,

    /// Maximum $validate operations in progress
    #[arg(long, env = "SAS_MAX_VALIDATIONS", global = true, value_name = "NUMBER", default_value = "16", value_parser = count)]
    pub max_validations: usize,

    /// Maximum searches of the directory in progress
    #[arg(long, env = "SAS_MAX_DIRECTORY", global = true, value_name = "NUMBER", default_value = "16", value_parser = count)]
    pub max_directory: usize,

    /// Replaced by a limit for each kind of request.
    #[arg(long, env = "SAS_MAX_IN_FLIGHT", global = true, hide = true, value_parser = replaced_by_limits_of_kinds)]
    pub max_in_flight: Option<Infallible>,

    /// The deadlines of requests; no setting: clients rely on them.
    #[arg(skip)]
    pub timeouts: Timeouts,

    /// The most requests a second of one caller, or of one address where nobody is recognised (beyond: 429); 0 for no limit
    #[arg(long, env = "SAS_RATE", global = true, value_name = "NUMBER", default_value_t = 500)]
    pub rate: u32,
}

/// How long a request may take, from when it asks for its permit until its answer is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A write.
    pub write: Duration,
    /// A search, and whatever else is neither a write nor a read by id.
    pub search: Duration,
    /// A read by id or version, or of a history.
    pub read: Duration,
    /// Waiting for a permit.
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
            max_in_flight: None,
            timeouts: Timeouts::default(),
            max_response_bytes: 64 << 20,
            rate: 500,
        }
    }
}

impl Bounds {
    /// How many connections this address may have open at the same time.
    pub fn max_connections_of(&self, address: IpAddr) -> usize {
        let quarter = (self.max_connections / 4).max(1);
        let default = match address.to_canonical().is_loopback() {
            true => quarter,
            false => quarter.min(MAX_CONNECTIONS_PER_ADDRESS),
        };
        self.max_connections_per_address.unwrap_or(default)
    }
}

/// How many connections an address has that is not of this machine, unless something else is set.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 128;

/// Whom a bound for each address counts for: of IPv6, the network, as who has one address there has all.
pub fn rate_limit_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
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

fn size(text: &str, largest: ByteSize) -> Result<usize, String> {
    let size: ByteSize = text.parse().map_err(|_| "expected a number of bytes, or a size such as 512KiB".to_owned())?;
    let sane = (ByteSize::kib(1)..=largest).contains(&size).then_some(size.as_u64());
    let bytes = sane.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("expected between 1KiB and {}KiB", largest.as_u64() >> 10))
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

fn timeout(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|duration: SignedDuration| Duration::try_from(duration).ok());
    let duration = duration.filter(|duration| (Duration::from_millis(1)..=DAY).contains(duration));
    duration.ok_or_else(|| "expected a duration such as 10s or 2m, up to a day".to_owned())
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        for (address, expected) in
            [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::")]
        {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(rate_limit_key(address).to_string(), expected);
        }
    }
}
