//! The exit statuses of `annuaire …`.

use std::process::ExitCode;

use crate::annuaire::ingest::run_log::RunRecord;

/// The status of a run that suppressed deletions.
const DELETIONS_SUPPRESSED: u8 = 3;

/// The status of a process that could not begin because of another (`EX_TEMPFAIL` of `sysexits.h`).
pub const BUSY: u8 = 75;

/// The status of a run that came to its end.
pub fn status_of(record: &RunRecord) -> ExitCode {
    if record.held_back { ExitCode::from(DELETIONS_SUPPRESSED) } else { ExitCode::SUCCESS }
}
