//! Why a command failed, and how that is reported.

use std::process::ExitCode;

use super::terminal;

/// Why a command failed, as a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Prints an error of the command line, or `--help`, and returns the exit status.
pub fn report_usage_error(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", terminal::lines(&error.to_string()));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints to standard error why the program ends.
pub fn report_failure(failure: &dyn std::fmt::Display) {
    eprintln!("sas-endpoint: {}", terminal::lines(&failure.to_string()));
}
