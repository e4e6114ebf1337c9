//! Each connection is an open file: as many as are wanted must be allowed.

use super::super::ops::MAX_OPS_CONNECTIONS;

/// What databases, logs, certificates and the operator's listener may open besides.
const RESERVED: u64 = 256 + MAX_OPS_CONNECTIONS as u64;

/// How many connections there may be: as many as wanted, or what the process's limit of open files
/// leaves, which is told. The limit is raised as far as the process may.
pub fn connections_within_file_limit(wanted: usize) -> usize {
    let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) else { return wanted };
    // Some must remain, however low the limit is.
    let possible = usize::try_from(limit.saturating_sub(RESERVED).max(limit / 2)).unwrap_or(usize::MAX);
    if possible < wanted {
        tracing::warn!(
            "SAS_MAX_CONNECTIONS is {wanted}, and this process may open {limit} files: {possible} connections are \
             accepted at a time (raise the limit: LimitNOFILE=, --ulimit nofile=, ulimit -n)"
        );
    }
    wanted.min(possible)
}
