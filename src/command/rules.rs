//! `sas-endpoint rules`: prints the catalogue of rules, as text or JSON.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::Failure;
use crate::config::Rules;
use crate::issue::Rule;
use crate::issue::catalogue;

/// Prints every rule.
pub fn rules(arguments: &Rules) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let rules: Value = catalogue::all().map(json).collect();
        writeln!(out, "{rules:#}")?;
        return Ok(ExitCode::SUCCESS);
    }
    for rule in catalogue::all() {
        writeln!(out, "{}  ({}, {})", rule.id, rule.level.as_str(), rule.code.code())?;
        writeln!(out, "    fr  {}", rule.french)?;
        writeln!(out, "    en  {}", rule.english)?;
        writeln!(out, "    source  {}\n", rule.source)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn json(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "level": rule.level.as_str(),
        "severity": rule.severity().code(),
        "code": rule.code.code(),
        "fr": rule.french,
        "en": rule.english,
        "source": rule.source,
    })
}
