//! Fits the number of connections to the process's limit of open files: each connection needs one.

use crate::http::ops::MAX_OPS_CONNECTIONS;

/// Files reserved for databases, logs, certificates and the ops listener.
const RESERVED: u64 = 256 + MAX_OPS_CONNECTIONS as u64;

/// Raises the process's limit of open files as far as it may, and returns the number of connections it allows: `wanted`,
/// or fewer with a warning.
pub fn cap_at_file_limit(wanted: usize) -> usize {
    let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) else { return wanted };
    // However low the limit is, half of it is for connections.
    let possible = usize::try_from(limit.saturating_sub(RESERVED).max(limit / 2)).unwrap_or(usize::MAX);
    if possible < wanted {
        tracing::warn!(
            "SAS_MAX_CONNECTIONS is {wanted}, but this process may open only {limit} files: limiting connections to \
             {possible}; raise the limit with LimitNOFILE=, --ulimit nofile= or ulimit -n"
        );
    }
    wanted.min(possible)
}
