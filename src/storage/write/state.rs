//! The state that a batch depends on, as it is read.

use std::collections::BTreeMap;

use crate::fhir::date::parse_instant;
use crate::fhir::id::Id;
use crate::fhir::identifier::Identifier;
use crate::fhir::resource_type::ResourceType;
use crate::storage::registry::{Claim, Entry, Identifiers};

/// One row of the state that a batch reads: a resource and, if it has any, one of its identifiers.
pub(super) type StateRow = (
    String,
    String,
    i64,
    String,
    String,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// The statement that reads the state, with the lists of keys in the form of one database: the resources with these ids
/// or identifiers, each with all its identifiers.
///
/// `NOT IN ('released', 'mentioned')` means *held* without the partial index `identifier_holder`, all of which Postgres
/// would read while the table is small.
///
/// On Postgres, `system || ''` keeps the plan from the index `identifier_system`: all rows of a system would be read. Instead,
/// those of a value are.
///
/// SQLite keeps the order of a `CROSS JOIN`: from the lists to the tables, by their keys. With `(type, id) IN (…)`, it
/// would scan both tables for every batch.
macro_rules! select_state {
    (before: $before:literal, system: $system:literal, ids: $ids:literal, identifiers: $identifiers:literal, values: $values:literal) => {
        concat!(
            $before,
            "SELECT r.resource_type, r.id, r.version, r.last_updated, r.content_hash, r.active, r.status, r.start, \
                    i.system, i.value, i.hold \
             FROM ( \
                 SELECT k.column1, k.column2 FROM ",
            $ids,
            " UNION \
                 SELECT n.resource_type, n.resource_id FROM ",
            $identifiers,
            " CROSS JOIN identifier n \
                 WHERE n.resource_type = k.column1 AND ",
            $system,
            " = k.column2 AND n.value = k.column3 \
                   AND n.hold NOT IN ('released', 'mentioned') \
                 UNION \
                 SELECT n.resource_type, n.resource_id FROM ",
            $values,
            " CROSS JOIN identifier n \
                 WHERE n.resource_type = k.column1 AND n.value = k.column2 AND n.hold <> 'released' \
             ) AS found \
             CROSS JOIN resource r \
             LEFT JOIN identifier i ON i.resource_type = r.resource_type AND i.resource_id = r.id \
             WHERE r.resource_type = found.column1 AND r.id = found.column2"
        )
    };
}
pub(super) use select_state;

/// Groups the rows by resource. A row of an unknown type is skipped.
pub(super) fn entries(rows: Vec<StateRow>) -> impl Iterator<Item = Entry> {
    let mut entries: BTreeMap<(ResourceType, Id), Entry> = BTreeMap::new();
    for (resource_type, id, version, last_updated, content_hash, active, status, start, system, value, claim) in rows {
        let (Some(resource_type), Some(id)) = (ResourceType::parse(&resource_type), Id::parse(&id)) else { continue };
        let Some(last_updated) = parse_instant(&last_updated) else { continue };
        let entry = entries.entry((resource_type, id.clone())).or_insert_with(|| Entry {
            resource_type,
            id,
            version,
            last_updated,
            content_hash,
            active: active != 0,
            status,
            start: start.as_deref().and_then(parse_instant),
            identifiers: Identifiers::new(),
        });
        if let (Some(system), Some(value), Some(claim)) = (system, value, claim.as_deref().and_then(Claim::parse)) {
            entry.identifiers.insert(Identifier { system, value }, claim);
        }
    }
    entries.into_values()
}
