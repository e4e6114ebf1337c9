//! `annuaire status`: the contents and age of the mirror, and its last runs.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use jiff::SignedDuration;

use super::report::{duration, instant, number};
use crate::annuaire::ingest::run_log::{RunRecord, Work};
use crate::annuaire::ingest::sync_state::DeletionsSuppressed;
use crate::annuaire::status::{self, MAX_COUNTED, TypeStatus};
use crate::annuaire::store::Mirror;
use crate::command::failure::Failure;
use crate::command::terminal;
use crate::config::annuaire::Status;

/// Prints the state of the mirror.
pub async fn status(arguments: &Status, mirror: &Mirror) -> Result<ExitCode, Failure> {
    let status = status::status(mirror, arguments.hash, crate::clock::system_time()).await?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", terminal::json(&serde_json::to_string_pretty(&status)?))?;
    } else {
        out.write_all(terminal::lines(&for_people(&status)?).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn for_people(status: &status::Status) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{}\n", status.database)?;
    writeln!(text, "{:18} {:>11} {:>11}   {:38} last full", "", "active", "inactive", "up to date as of")?;
    status.types.iter().try_for_each(|of| type_line(&mut text, of))?;
    status.types.iter().try_for_each(|of| remarks(&mut text, of))?;
    if status.types.iter().any(|of| of.hash.is_some()) {
        writeln!(text, "\nContent hashes:")?;
    }
    for of in &status.types {
        of.hash.iter().try_for_each(|hash| writeln!(text, "  {:18} {hash}", of.resource_type.as_str()))?;
    }
    writeln!(text, "\nLast runs:{}", if status.runs.is_empty() { " none" } else { "" })?;
    status.runs.iter().try_for_each(|record| run_line(&mut text, record))?;
    let at_least = if status.rejected_count >= MAX_COUNTED { "at least " } else { "" };
    writeln!(text, "\nRejected because they cannot be parsed: {at_least}{}", number(status.rejected_count as u64))?;
    for rejected in &status.rejected {
        let of = rejected.resource_type.unwrap_or("?");
        writeln!(text, "  {}  {of} {}: {}", rejected.at, rejected.name, rejected.reason)?;
    }
    Ok(text)
}

fn type_line(text: &mut String, of: &TypeStatus) -> std::fmt::Result {
    let (active, inactive) = (number(of.active), number(of.inactive));
    let mark = match (of.state.high_water_mark, of.age_seconds) {
        (Some(mark), Some(age)) => format!("{} ({})", instant(mark), ago(age)),
        _ => "never synchronised".to_owned(),
    };
    let whole = of.state.last_full_sync.map_or("-".to_owned(), instant);
    writeln!(text, "{:18} {active:>11} {inactive:>11}   {mark:38} {whole}", of.resource_type.as_str())
}

fn ago(seconds: i64) -> String {
    if seconds < 1 { "just now".to_owned() } else { format!("{} ago", duration(SignedDuration::from_secs(seconds))) }
}

/// What is out of the ordinary.
fn remarks(text: &mut String, of: &TypeStatus) -> std::fmt::Result {
    if let Some(walk) = &of.state.cursor {
        let (kind, received) = (walk.phase.kind(), number(walk.received));
        let total = walk.total.map(|total| format!(" of {}", number(total))).unwrap_or_default();
        let is = match walk.cut_short {
            true => "was truncated by the directory",
            false => "is in progress, or was interrupted,",
        };
        let continued = "`annuaire sync` resumes it";
        writeln!(
            text,
            "\n{}: a {kind} synchronisation {is} after {received}{total} resources; {continued}.",
            of.resource_type
        )?;
    }
    if let Some(held_back) = of.state.held_back {
        let (sentence, remedy) = (held_back.sentence(of.resource_type), DeletionsSuppressed::remedy(of.resource_type));
        writeln!(text, "\nWARNING ({}): {sentence}; {remedy}.", instant(held_back.at))?;
    }
    Ok(())
}

fn run_line(text: &mut String, record: &RunRecord) -> std::fmt::Result {
    let work = match record.work {
        Work::Sync => "sync",
        Work::Load => "load",
    };
    let took = duration(record.last.duration_since(record.began));
    let outcome = match &record.outcome {
        Some(outcome) if outcome.succeeded => outcome.sentence.clone(),
        Some(outcome) => format!("FAILED: {}", outcome.sentence),
        None => "in progress, or interrupted".to_owned(),
    };
    writeln!(text, "  {}  {work} from {} ({took}): {outcome}", instant(record.began), record.source)
}
