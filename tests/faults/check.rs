//! Compares the whole database with the acknowledged writes: by SQL, and by search.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, FromRow};

use crate::ledger::Line;
use crate::platform::Memory;
use crate::process::exchange;

/// A resource by type and id.
type Place = (String, String);

/// Notes in the ledger everything that is not as it should be. Nobody writes meanwhile.
pub async fn check(url: &str, address: &str, memory: &mut Memory) {
    let versions: Vec<(String, String, i64, String)> =
        all(url, "SELECT resource_type, id, version, content FROM resource_version ORDER BY 1, 2, 3").await;
    let resources: Vec<(String, String, i64)> = all(url, "SELECT resource_type, id, version FROM resource").await;
    let mut history: BTreeMap<Place, Vec<(i64, String)>> = BTreeMap::new();
    for (resource_type, id, version, content) in versions {
        history.entry((resource_type, id)).or_default().push((version, content));
    }
    let Memory { acknowledged, markers, line, .. } = memory;

    // Nothing acknowledged is lost.
    let mut ids: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for reported in &*acknowledged {
        let place = (reported.resource_type.to_owned(), reported.id.clone());
        let stored = history.get(&place).into_iter().flatten().find(|(version, _)| *version == reported.version);
        if stored.is_none_or(|(_, content)| *content != reported.content) {
            line.lost.push(format!("{}/{} version {}", reported.resource_type, reported.id, reported.version));
        }
        ids.entry((reported.resource_type, &reported.key)).or_default().insert(&reported.id);
    }
    line.doubled.extend(ids.iter().filter(|(_, ids)| ids.len() > 1).map(|(key, ids)| format!("{key:?} is {ids:?}")));

    // Every resource is whole, and every content was sent once.
    let sent: BTreeSet<&str> = markers.iter().map(String::as_str).collect();
    let mut met = BTreeSet::new();
    for ((resource_type, id), versions) in &history {
        let numbers: Vec<_> = versions.iter().map(|(version, _)| *version).collect();
        if !numbers.iter().copied().eq((1..).take(numbers.len())) {
            line.half_written.push(format!("{resource_type}/{id} has the versions {numbers:?}"));
        }
        for (version, content) in versions {
            let resource: Value = serde_json::from_str(content).unwrap_or_default();
            let own = (resource["id"].as_str(), resource["meta"]["versionId"].as_str());
            let marker = resource["comment"].as_str().or(resource["name"][0]["family"].as_str()).unwrap_or_default();
            if own != (Some(id), Some(&version.to_string())) || !sent.contains(marker) {
                line.half_written.push(format!("{resource_type}/{id} version {version} is {content}"));
            }
            if !met.insert(marker.to_owned()) {
                line.doubled.push(format!("{resource_type}/{id} version {version} repeats {marker}"));
            }
        }
    }
    let newest = history.iter().filter_map(|(place, versions)| Some((place.clone(), versions.last()?.0)));
    let newest: BTreeMap<_, _> = newest.collect();
    let current: BTreeMap<Place, i64> =
        resources.into_iter().map(|(resource_type, id, version)| ((resource_type, id), version)).collect();
    let differing = newest.iter().filter(|(place, version)| current.get(*place) != Some(*version));
    line.half_written.extend(differing.map(|(place, _)| format!("{place:?} is not at its newest version")));
    let missing = current.keys().filter(|place| !newest.contains_key(*place));
    line.half_written.extend(missing.map(|place| format!("{place:?} has no version")));

    check_identifiers(url, current.len(), line).await;
    if url.starts_with("sqlite:") {
        let reported: Vec<(String,)> = all(url, "PRAGMA integrity_check").await;
        line.half_written
            .extend(reported.into_iter().filter(|(reported,)| reported != "ok").map(|(reported,)| reported));
    }
    search(address, &ids, line);
}

/// Every resource is held by its identifier, and every identifier by one resource.
async fn check_identifiers(url: &str, resources: usize, line: &mut Line) {
    let holders: Vec<(String, String, String)> =
        all(url, "SELECT resource_type, system || '|' || value, resource_id FROM identifier WHERE hold = 'held'").await;
    let mut held: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (resource_type, identifier, id) in holders {
        held.entry((resource_type, identifier)).or_default().push(id);
    }
    line.doubled.extend(held.iter().filter(|(_, ids)| ids.len() > 1).map(|(key, ids)| format!("{key:?} is {ids:?}")));
    if held.values().flatten().collect::<BTreeSet<_>>().len() != resources {
        line.half_written.push("a resource without identifier".to_owned());
    }
}

/// Asks for every identifier: one resource answers to each.
fn search(address: &str, ids: &BTreeMap<(&str, &str), BTreeSet<&str>>, line: &mut Line) {
    for resource_type in ["Practitioner", "Appointment"] {
        let keys: Vec<_> = ids.iter().filter(|((of, _), _)| *of == resource_type).collect();
        for some in keys.chunks(40) {
            let values: Vec<_> = some.iter().map(|((_, key), _)| *key).collect();
            let path = format!("/fhir/{resource_type}?_count=1000&identifier={}", values.join(","));
            let answer = exchange(address, &format!("GET {path} HTTP/1.1\r\n"), "");
            let bundle: Value = match answer {
                Ok((200, text)) => serde_json::from_str(&text).unwrap_or_default(),
                other => {
                    line.broken.push(format!("a search was answered {other:?}"));
                    continue;
                }
            };
            let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
            for ((_, key), ids) in some {
                let (system, value) = key.split_once('|').unwrap_or_default();
                let holds = |entry: &&Value| {
                    let identifier = &entry["resource"]["identifier"][0];
                    identifier["system"] == system && identifier["value"] == value
                };
                let found: Vec<_> =
                    entries.iter().filter(holds).map(|entry| entry["resource"]["id"].as_str()).collect();
                match found[..] {
                    [Some(id)] if ids.contains(id) => {}
                    [] => line.lost.push(format!("{resource_type} {key} is not found")),
                    _ => line.doubled.push(format!("{resource_type} {key} finds {found:?}")),
                }
            }
        }
    }
}

/// The rows of a statement that both databases know.
async fn all<T>(url: &str, sql: &'static str) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    if url.starts_with("sqlite:") {
        let options = SqliteConnectOptions::from_str(url).expect("an address");
        let mut connection = options.connect().await.expect("the database opens");
        let rows = sqlx::query_as(sql).fetch_all(&mut connection).await.expect("rows");
        connection.close().await.expect("closed");
        rows
    } else {
        let options = PgConnectOptions::from_str(url).expect("an address");
        let mut connection = options.connect().await.expect("the database answers");
        let rows = sqlx::query_as(sql).fetch_all(&mut connection).await.expect("rows");
        connection.close().await.expect("closed");
        rows
    }
}
