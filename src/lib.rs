//! `sas-endpoint`: receives the flows of the French SAS (Service d'Accès aux Soins) over FHIR R4.
//!
//! The rooms, in the order in which a request meets them: [`http`] takes it in, [`interaction`]
//! carries it out, [`profile`] and [`sas`] judge it, [`storage`] keeps it. [`tls`] and [`access`] say who
//! asks and what they may do, [`audit`] what is kept of it. [`fhir`], [`issue`], [`error`], [`deadline`] and [`clock`] are
//! vocabulary: everybody uses them, they use nobody above them.

#![forbid(unsafe_code)]

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
    use std::path::{Path, PathBuf};

    /// Each room with the rooms it may use.
    const DIRECTION: [(&str, &[&str]); 17] = [
        ("issue", &[]),
        ("fhir", &["issue"]),
        ("clock", &["fhir"]),
        ("error", &["deadline", "fhir", "issue"]),
        ("deadline", &[]),
        ("audit", &["clock", "fhir"]),
        ("profile", &["fhir", "issue"]),
        ("storage", &["audit", "clock", "deadline", "error", "fhir"]),
        ("annuaire", &["clock", "deadline", "error", "fhir", "issue", "storage"]),
        ("sas", &["error", "fhir", "issue", "profile", "storage"]),
        (
            "interaction",
            &["annuaire", "audit", "clock", "deadline", "error", "fhir", "issue", "profile", "sas", "storage"],
        ),
        ("telemetry", &[]),
        ("tls", &["clock"]),
        ("access", &["error", "tls"]),
        (
            "http",
            &[
                "access",
                "annuaire",
                "audit",
                "clock",
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
        ("config", &["access", "annuaire", "audit", "clock", "fhir", "http", "sas", "tls"]),
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

    /// A file of this crate, or all files below a folder, with their text.
    fn source_files(path: PathBuf) -> Vec<(PathBuf, String)> {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a folder");
            return entries.flat_map(|entry| source_files(entry.expect("an entry").path())).collect();
        }
        std::fs::read_to_string(&path).map(|text| (path, text)).into_iter().collect()
    }

    /// The code of a file, without comments.
    fn code(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| !line.trim_start().starts_with("//"))
    }

    /// The same within `annuaire`.
    const DIRECTION_IN_ANNUAIRE: [(&str, &[&str]); 7] = [
        ("store", &[]),
        ("search", &["store"]),
        ("ingest", &["store"]),
        ("load", &["ingest", "store"]),
        ("sync", &["ingest", "store"]),
        ("api", &["search", "store"]),
        ("invented", &[]),
    ];

    #[test]
    fn imports_go_one_way() {
        check_imports("crate::", &DIRECTION);
        check_imports("crate::annuaire::", &DIRECTION_IN_ANNUAIRE);
    }

    /// Fails where a room below `parent` uses another than it may.
    fn check_imports(parent: &str, direction: &[(&str, &[&str])]) {
        let folder = parent.replacen("crate::", "src/", 1).replace("::", "/");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for (room, allowed) in direction {
            let files = [folder.join(format!("{room}.rs")), folder.join(room)].into_iter().flat_map(source_files);
            for (file, text) in files.filter(|(file, _)| file.file_name().is_some_and(|name| name != "tests.rs")) {
                let code: String = code(&text).collect();
                let uses = code.split(parent).skip(1);
                for used in uses.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()) {
                    assert!(used == *room || allowed.contains(&used), "{} uses {used}", file.display());
                }
            }
        }
    }

    #[test]
    fn sqlx_is_named_in_storage_only() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let names = |text: &str| code(text).any(|line| line.contains("sqlx::") || line.contains("use sqlx"));
        let is_in_storage = |file: &Path| file.starts_with("storage") || file == Path::new("storage.rs");
        for (file, text) in source_files(source.clone()) {
            let file = file.strip_prefix(&source).expect("below src");
            if file != Path::new("lib.rs") && !is_in_storage(file) {
                assert!(!names(&text), "{} names sqlx", file.display());
            }
        }
    }
}
