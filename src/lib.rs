//! `sas-endpoint`: receives the flows of the French SAS (Service d'Accès aux Soins) over FHIR R4.
//!
//! The rooms, in the order in which a request meets them: [`http`] takes it in, [`interaction`]
//! carries it out, [`profile`] and [`sas`] judge it, [`storage`] keeps it. [`tls`] and [`access`] say who
//! asks and what they may do, [`audit`] what is kept of it. [`fhir`], [`issue`], [`error`], [`deadline`] and [`clock`] are
//! vocabulary: everybody uses them, they use nobody above them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod command;
pub mod config;

pub mod http;

pub mod interaction;

pub mod profile;
pub mod sas;

pub mod storage;

pub mod annuaire;

pub mod telemetry;

pub mod access;
pub mod audit;
pub mod tls;

pub mod clock;
pub mod deadline;
pub mod error;
pub mod fhir;
pub mod issue;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Each room with the rooms it may use.
    const DIRECTION: [(&str, &[&str]); 17] = [
        ("issue", &[]),
        ("fhir", &["issue"]),
        ("clock", &["fhir"]),
        ("error", &["fhir", "issue"]),
        ("deadline", &["error"]),
        ("audit", &["clock", "fhir"]),
        ("profile", &["fhir", "issue"]),
        ("storage", &["audit", "deadline", "error", "fhir"]),
        ("annuaire", &["clock", "deadline", "error", "fhir", "issue", "storage"]),
        ("sas", &["error", "fhir", "issue", "profile", "storage"]),
        (
            "interaction",
            &["annuaire", "audit", "clock", "deadline", "error", "fhir", "issue", "profile", "sas", "storage"],
        ),
        ("telemetry", &[]),
        ("tls", &[]),
        ("access", &["error", "tls"]),
        (
            "http",
            &[
                "access",
                "annuaire",
                "audit",
                "deadline",
                "error",
                "fhir",
                "interaction",
                "issue",
                "sas",
                "storage",
                "telemetry",
                "tls",
            ],
        ),
        ("config", &["access", "annuaire", "audit", "fhir", "http", "sas", "tls"]),
        (
            "command",
            &[
                "access",
                "annuaire",
                "audit",
                "clock",
                "config",
                "error",
                "fhir",
                "http",
                "interaction",
                "issue",
                "sas",
                "storage",
                "telemetry",
                "tls",
            ],
        ),
    ];

    #[test]
    fn imports_go_one_way() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (room, allowed) in DIRECTION {
            let mut files = vec![source.join(format!("{room}.rs")), source.join(room)];
            while let Some(file) = files.pop() {
                if file.is_dir() {
                    files.extend(
                        std::fs::read_dir(file).expect("a folder").map(|entry| entry.expect("an entry").path()),
                    );
                } else if file.file_name().is_some_and(|name| name != "tests.rs") && file.exists() {
                    let text = std::fs::read_to_string(&file).expect("a source file");
                    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                    for used in code
                        .split("crate::")
                        .skip(1)
                        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next())
                    {
                        assert!(used == room || allowed.contains(&used), "{} uses {used}", file.display());
                    }
                }
            }
        }
    }
}
