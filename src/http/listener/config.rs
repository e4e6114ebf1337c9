//! The settings of a listener.

use crate::access::Access;
use crate::http::bounds::Bounds;
use crate::http::origin::proxy;
use crate::http::refused_heads::RefusedHeads;
use crate::tls::server::Server;

/// The settings of a listener.
pub struct ListenerConfig {
    /// Timeouts, and maximum connections.
    pub bounds: Bounds,
    /// The server side of TLS handshakes; `None` for unencrypted connections.
    pub tls: Option<Server>,
    /// The trusted proxies, whose connections are not limited per address.
    pub proxies: proxy::Settings,
    /// The callers, whose connections are evicted last.
    pub access: Access,
    /// Records refused heads; `None` where nothing is recorded.
    pub refused_heads: Option<RefusedHeads>,
}

impl From<Bounds> for ListenerConfig {
    /// An unencrypted listener without callers and proxies.
    fn from(bounds: Bounds) -> Self {
        Self { bounds, tls: None, proxies: proxy::Settings::default(), access: Access::open(), refused_heads: None }
    }
}
