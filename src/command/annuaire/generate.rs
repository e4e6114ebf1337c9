//! `annuaire generate`: a directory that nobody is in.

use std::io::{BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::annuaire::invented;
use crate::command::failure::Failure;
use crate::config::annuaire::Generate;

/// What is written at once.
const BUFFER: usize = 256 << 10;

/// Writes the directory to standard output.
pub fn generate(arguments: &Generate) -> Result<ExitCode, Failure> {
    let date = match arguments.date {
        Some(date) => date,
        None => today()?,
    };
    let Generate { practitioners, seed, delta, .. } = *arguments;
    let directory = invented::Generate { practitioners, seed, date, delta };
    let mut out = BufWriter::with_capacity(BUFFER, std::io::stdout().lock());
    match directory.write(&mut out).and_then(|()| out.flush()) {
        // Who only wanted to see the first lines has seen them.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}

/// In France, where the directory is.
fn today() -> Result<Date, jiff::Error> {
    Ok(crate::clock::system_time().to_zoned(TimeZone::get("Europe/Paris")?).date())
}
