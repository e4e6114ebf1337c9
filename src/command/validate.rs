//! `sas-endpoint validate FILE…|-`: validates resources without a server. Stored resources and the mirror of the directory
//! are not consulted.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use super::failure::Failure;
use super::terminal;
use crate::config::{CliLanguage, Validate};
use crate::fhir::operation_outcome::operation_outcome;
use crate::issue::{Issue, Language};
use crate::sas::deviation::Validation;
use crate::sas::validation::Validator;

/// Prints the issues of each file. The exit status is the highest of: 0 accepted, 1 refused, 2 cannot be read.
pub fn validate(arguments: &Validate, validation: Validation) -> Result<ExitCode, Failure> {
    let validator = Validator::new(validation)?;
    let language = match arguments.language {
        CliLanguage::Fr => Language::French,
        CliLanguage::En => Language::English,
    };
    let mut out = std::io::stdout().lock();
    let mut status = 0;
    for file in &arguments.files {
        let body = match read(file) {
            Ok(body) => body,
            Err(error) => {
                eprintln!("{}: {error}", terminal::cell(&file.to_string_lossy()));
                status = 2;
                continue;
            }
        };
        let result = validator.validate_any(&body);
        if !result.is_accepted() {
            status = status.max(1);
        }
        if arguments.json {
            writeln!(out, "{}", terminal::json(&format!("{:#}", operation_outcome(&result.issues, language))))?;
        } else {
            print(&mut out, file, &result.issues, result.is_accepted(), language)?;
        }
    }
    Ok(ExitCode::from(status))
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut body = vec![];
    std::io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}

fn print(
    out: &mut impl Write,
    file: &Path,
    issues: &[Issue],
    accepted: bool,
    language: Language,
) -> std::io::Result<()> {
    let verdict = match (language, accepted) {
        (Language::French, true) => "accepté",
        (Language::French, false) => "refusé",
        (Language::English, true) => "accepted",
        (Language::English, false) => "refused",
    };
    writeln!(out, "{}: {verdict}", terminal::cell(&file.to_string_lossy()))?;
    for issue in issues {
        let position = issue.position().map(|at| format!("{}:{} ", at.line, at.column)).unwrap_or_default();
        writeln!(out, "  {:11} {position}{}", issue.rule.severity().code(), terminal::cell(&issue.expression))?;
        writeln!(out, "              {}", terminal::cell(&issue.text(language)))?;
        writeln!(out, "              [{}] {}", issue.rule.id, issue.rule.source)?;
    }
    Ok(())
}
