//! `annuaire verify` and `annuaire reindex`: whether the index is what the resources say, and making it so.

use std::process::ExitCode;

use super::exit_status::BUSY;
use super::report::number;
use crate::annuaire::store::{Extent, IndexCheck, Mirror};
use crate::command::failure::Failure;
use crate::command::terminal;
use crate::config::annuaire::Verify;
use crate::fhir::directory_type::DirectoryType;

/// The exit status of `verify` where the index is not what the resources say.
const INDEX_DAMAGED: u8 = 4;

/// Checks the index, and prints what was found, a line a type.
pub async fn verify(arguments: &Verify, mirror: &Mirror) -> Result<ExitCode, Failure> {
    let extent = if arguments.all { Extent::All } else { Extent::Sample };
    println!("{}\n", terminal::cell(&mirror.description().to_string()));
    let mut is_sound = true;
    for resource_type in DirectoryType::ALL {
        let check = mirror.verify(resource_type, extent).await?;
        println!("{}", terminal::lines(&line(resource_type, &check)));
        is_sound &= check.is_sound();
    }
    if is_sound {
        println!("\nThe index agrees with the resources that were checked.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nThe index does not agree with the resources: `annuaire reindex` rebuilds it.");
    Ok(ExitCode::from(INDEX_DAMAGED))
}

fn line(resource_type: DirectoryType, check: &IndexCheck) -> String {
    let IndexCheck { checked, resources, covered, .. } = *check;
    let mut faults = vec![];
    for (count, fault) in [
        (check.missing, "not found by all of their values"),
        (check.spurious, "found by values that they do not have"),
        (check.wrong_state, "taken for current or superseded wrongly"),
        (check.unreadable, "unreadable entries or resources"),
    ] {
        if count > 0 {
            faults.push(format!("{} {fault}", number(count)));
        }
    }
    if covered != resources {
        faults.push(format!("the index covers {} of {} resources", number(covered), number(resources)));
    }
    if !check.examples.is_empty() {
        faults.push(format!("for example {}", check.examples.join(", ")));
    }
    let verdict = if faults.is_empty() { "ok".to_owned() } else { format!("DAMAGED: {}", faults.join("; ")) };
    format!("{:18} {:>11} checked of {:>11}   {verdict}", resource_type.as_str(), number(checked), number(resources))
}

/// Rebuilds the index, whatever its format.
pub async fn reindex(mirror: &Mirror) -> Result<ExitCode, Failure> {
    let Some(mut writer) = mirror.writer().await? else {
        eprintln!("another process is writing to the directory mirror: try again when it has finished");
        return Ok(ExitCode::from(BUSY));
    };
    let mut versions = 0;
    let mut written = |resource_type: DirectoryType, more: u64| {
        versions += more;
        tracing::info!(%resource_type, versions, "reindexed");
    };
    writer.reindex(&mut written).await?;
    println!(
        "{}: the index was rebuilt from {} versions of resources.",
        terminal::cell(&mirror.description().to_string()),
        number(versions)
    );
    Ok(ExitCode::SUCCESS)
}
