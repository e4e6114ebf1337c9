//! How much of everything a client may ask for.

use std::time::Duration;

/// The bounds that every request is held to.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The longest that the head of a request may take to arrive, from its first byte on.
    pub header_timeout: Duration,
    /// The longest that the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_body: 1 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(75),
        }
    }
}
