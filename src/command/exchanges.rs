//! `sas-endpoint exchanges`: queries the audit log.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use super::failure::Failure;
use super::terminal;
use crate::audit::{AuditEvent, HashedIdentifier, Key, LookupKey, WriteOutcome};
use crate::config::Config;
use crate::config::exchanges::Exchanges;
use crate::fhir::date::instant;
use crate::fhir::identifier::Token;
use crate::storage::Storage;
use crate::storage::exchanges::AuditQuery;

/// Maximum width of the columns CALLER and RULES, in characters.
const MAX_CELL_WIDTH: usize = 48;

/// Prints the matching records, the newest last.
pub async fn exchanges(arguments: &Exchanges, config: &Config) -> Result<ExitCode, Failure> {
    let configured = config.audit.key()?;
    let storage = Storage::open_existing(&config.database_url).await?;
    let key = match configured {
        Some(key) => Some(key),
        None => storage.kept_exchanges_key().await?,
    };
    // Without a key in the database, no record has a hash: any key finds the same records. This command writes nothing.
    let key = key.map_or_else(|| Key::random().map(|key| Key::from_bytes(key.as_bytes())), Ok)?;
    config.audit.accept(storage.key_fingerprint_matches(&key).await?)?;
    let subject = SubjectFilter::new(arguments, &storage, &key).await?;
    let query = AuditQuery {
        lookup_keys: subject.lookup_keys(),
        since: arguments.since.map(instant),
        until: arguments.until.map(instant),
        // One more than shown tells whether there are more.
        limit: arguments.limit.saturating_add(1),
        ..AuditQuery::default()
    };
    // The argument may be the id as the client sent it, or as log and audit log have it.
    let request_ids = arguments.request_id.as_ref().map(|id| [key.request_id(id), id.clone()]);
    let is_match = |record: &AuditEvent| {
        let has_id = request_ids.as_ref().is_none_or(|ids| ids.contains(&record.request_id));
        has_id && subject.matches(record) && matches_status_and_caller(arguments, record)
    };
    let mut found = storage.exchanges(&query, is_match).await?;
    storage.close().await;
    if found.len() > arguments.limit {
        found.drain(..found.len() - arguments.limit);
        eprintln!("Older exchanges are not shown (--limit {}).", arguments.limit);
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        for record in &found {
            writeln!(out, "{}", terminal::json(&serde_json::to_string(record)?))?;
        }
    } else if found.is_empty() {
        writeln!(out, "No exchange matches.")?;
    } else {
        out.write_all(format_table(&found)?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The arguments --identifier and --resource.
struct SubjectFilter {
    identifier_hashes: Vec<String>,
    /// Resources that have or had the identifier.
    holders: Vec<Resource>,
    resource: Option<Resource>,
}

struct Resource {
    resource_type: String,
    id: String,
    /// Records have this hash instead of an id that a client chose.
    id_hash: String,
}

impl Resource {
    fn new((resource_type, id): (String, String), key: &Key) -> Self {
        Self { id_hash: key.resource(&resource_type, &id), resource_type, id }
    }

    fn lookup_keys(&self) -> impl Iterator<Item = LookupKey> + use<> {
        // Records of earlier releases have every id in clear.
        let in_clear = LookupKey::from_resource(&self.resource_type, &self.id);
        std::iter::once(in_clear).chain(LookupKey::from_hash(&self.id_hash))
    }

    fn is_subject_of(&self, record: &AuditEvent) -> bool {
        record.resource_type.as_ref() == Some(&self.resource_type)
            && (record.id.as_ref() == Some(&self.id) || record.id_hash.as_ref() == Some(&self.id_hash))
    }
}

impl SubjectFilter {
    async fn new(arguments: &Exchanges, storage: &Storage, key: &Key) -> Result<Self, Failure> {
        let (mut identifier_hashes, mut holders) = (vec![], vec![]);
        if let Some(identifier) = &arguments.identifier {
            identifier_hashes.push(key.identifier(identifier));
            // A search may have given the value without its system.
            identifier_hashes.extend(key.token(&Token::Value(identifier.value.clone())));
            holders = storage.holders(identifier).await?;
        }
        let holders = holders.into_iter().map(|holder| Resource::new(holder, key)).collect();
        let resource = arguments.resource.clone().map(|resource| Resource::new(resource, key));
        Ok(Self { identifier_hashes, holders, resource })
    }

    /// The keys by which records are looked up: those of the resource, if one is given, or those of the identifier.
    fn lookup_keys(&self) -> Vec<LookupKey> {
        match &self.resource {
            Some(resource) => resource.lookup_keys().collect(),
            None => {
                let mentions = self.identifier_hashes.iter().filter_map(|hash| LookupKey::from_hash(hash));
                mentions.chain(self.holders.iter().flat_map(Resource::lookup_keys)).collect()
            }
        }
    }

    fn matches(&self, record: &AuditEvent) -> bool {
        let is_about = |resource: &Resource| resource.is_subject_of(record);
        let is_mentioned = |identifier: &HashedIdentifier| {
            identifier.hash.as_ref().is_some_and(|hash| self.identifier_hashes.contains(hash))
        };
        let has_identifier = self.identifier_hashes.is_empty()
            || self.holders.iter().any(is_about)
            || record.identifiers.iter().any(is_mentioned);
        has_identifier && self.resource.as_ref().is_none_or(is_about)
    }
}

fn matches_status_and_caller(arguments: &Exchanges, record: &AuditEvent) -> bool {
    let status = record.status.to_string();
    arguments.status.as_ref().is_none_or(|expected| status.starts_with(expected.trim_end_matches("xx")))
        && arguments.caller.as_ref().is_none_or(|expected| record.caller.name.as_ref() == Some(expected))
}

/// Formats the records as a table, one line each.
fn format_table(records: &[AuditEvent]) -> Result<String, std::fmt::Error> {
    const TITLES: [&str; 8] = ["TIME", "STATUS", "INTERACTION", "RESOURCE", "VERSION", "CALLER", "MS", "RULES"];
    let rows: Vec<_> = records.iter().map(format_row).collect();
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&TITLES.map(str::to_owned)).chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(text)
}

fn format_row(record: &AuditEvent) -> [String; 8] {
    let resource = match (&record.resource_type, &record.id, &record.id_hash) {
        (Some(resource_type), Some(id), _) => format!("{resource_type}/{id}"),
        (Some(resource_type), None, Some(hash)) => format!("{resource_type}/#{hash}"),
        (Some(resource_type), None, None) => resource_type.clone(),
        // The id of an armed fault.
        (None, Some(id), _) if record.fault.is_some() => id.clone(),
        (None, ..) => "-".to_owned(),
    };
    let fault = record.fault.iter().map(|kind| format!("fault:{kind}"));
    let rules: Vec<_> = record.rules.iter().cloned().chain(fault).collect();
    let version = match (record.before, record.after) {
        (before, None) if record.write_outcome.is_some() => {
            let is_failed = record.write_outcome == Some(WriteOutcome::Failed);
            let before = before.map_or("-".to_owned(), |before| before.to_string());
            format!("{before}{}", if is_failed { " (failed)" } else { " → ?" })
        }
        (before, after) if before == after => after.map_or("-".to_owned(), |after| after.to_string()),
        (before, after) => {
            let [before, after] =
                [before, after].map(|version| version.map_or("-".into(), |version| version.to_string()));
            format!("{before} → {after}")
        }
    };
    let caller = &record.caller;
    let cells = [
        record.at.clone(),
        record.status.to_string(),
        record.interaction.clone(),
        resource,
        version,
        // The common name of a certificate that is no caller's identifies nobody; `--json` shows it.
        match &caller.name {
            Some(name) => format!("{} ({})", truncate(name), caller.peer),
            None => caller.peer.clone(),
        },
        format!("{:.1}", record.duration_ms),
        truncate(&rules.join(" ")),
    ];
    cells.map(|cell| terminal::cell(&cell).into_owned())
}

/// Truncates a cell to [`MAX_CELL_WIDTH`]; `--json` prints all of it.
fn truncate(text: &str) -> String {
    let text = terminal::cell(text);
    match text.char_indices().nth(MAX_CELL_WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(stored: &serde_json::Value) -> AuditEvent {
        let mut whole = serde_json::json!({
            "at": "2026-03-01T08:00:00.000Z", "request_id": "1", "peer": "192.0.2.1", "interaction": "update",
            "resource_type": "Practitioner", "status": 503, "duration_ms": 1.0,
        });
        for (name, value) in stored.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).expect("a record")
    }

    fn arguments(arguments: &[&str]) -> Exchanges {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            exchanges: Exchanges,
        }
        <Line as clap::Parser>::parse_from(["exchanges"].iter().chain(arguments)).exchanges
    }

    #[test]
    fn exchanges_caller_column_shows_callers_only() {
        for (stored, shown) in [
            (serde_json::json!({}), "192.0.2.1"),
            (serde_json::json!({ "common_name": "agenda" }), "192.0.2.1"),
            (serde_json::json!({ "common_name": "sas.example.org", "caller": "agenda" }), "agenda (192.0.2.1)"),
            (serde_json::json!({ "caller": "\u{1b}[2J\u{202e}" }), "\\u{1b}[2J\\u{202e} (192.0.2.1)"),
        ] {
            assert_eq!(format_row(&record(&stored))[5], shown);
        }
        let by_caller = arguments(&["--caller", "agenda"]);
        for (stored, is_found) in [
            (serde_json::json!({ "caller": "agenda" }), true),
            (serde_json::json!({ "caller": "other", "common_name": "agenda" }), false),
            (serde_json::json!({ "common_name": "agenda" }), false),
            (serde_json::json!({}), false),
        ] {
            assert_eq!(matches_status_and_caller(&by_caller, &record(&stored)), is_found);
        }
    }

    #[test]
    fn exchanges_version_column_shows_a_failed_write() {
        for (stored, shown) in [
            (serde_json::json!({}), "-"),
            (serde_json::json!({ "before": 2, "after": 2 }), "2"),
            (serde_json::json!({ "before": 2, "after": 3 }), "2 → 3"),
            (serde_json::json!({ "after": 1 }), "- → 1"),
            (serde_json::json!({ "write_outcome": "failed" }), "- (failed)"),
            (serde_json::json!({ "before": 2, "write_outcome": "failed" }), "2 (failed)"),
            (serde_json::json!({ "before": 2, "write_outcome": "unknown" }), "2 → ?"),
        ] {
            assert_eq!(format_row(&record(&stored))[4], shown);
        }
    }

    #[test]
    fn exchanges_of_a_resource_are_found_by_its_id_and_by_its_hash() {
        let key = Key::from_bytes(b"k");
        let dupont = Resource::new(("Practitioner".to_owned(), "dupont".to_owned()), &key);
        for (stored, is_found) in [
            (serde_json::json!({ "id": "dupont" }), true),
            (serde_json::json!({ "id_hash": key.resource("Practitioner", "dupont") }), true),
            (serde_json::json!({ "id_hash": key.resource("Practitioner", "durand") }), false),
            (serde_json::json!({ "id_hash": key.resource("Appointment", "dupont") }), false),
            (serde_json::json!({}), false),
        ] {
            let record = record(&stored);
            assert_eq!(dupont.is_subject_of(&record), is_found, "{record:?}");
            let is_indexed = dupont.lookup_keys().any(|key| record.lookup_keys().contains(&key));
            assert_eq!(is_indexed, is_found, "{record:?}");
        }
    }

    #[test]
    fn exchanges_long_cell_is_truncated() {
        assert_eq!(truncate(&"\u{202e}".repeat(1000)).chars().count(), MAX_CELL_WIDTH + 1);
        assert_eq!(truncate("é a"), "é a");
        assert_eq!(truncate(&"é".repeat(1000)).chars().count(), MAX_CELL_WIDTH + 1);
    }
}
