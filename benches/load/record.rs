//! What the audit log costs a write of one connection, on SQLite.
//!
//! No setting turns it off. So the endpoint's own statements write accounts in this process, by turns with their audit
//! event and without it; the difference of the medians, with the making of the event, is compared with the median of
//! the same write over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sas_endpoint::audit::{AuditDraft, AuditEvent, Caller, Key, ResourceRef};
use sas_endpoint::clock::{new_uuid, system_time};
use sas_endpoint::fhir::content::Content;
use sas_endpoint::fhir::date::instant;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::identifier::{INTRN, Identifier};
use sas_endpoint::fhir::json::parse;
use sas_endpoint::fhir::resource_type::ResourceType;
use sas_endpoint::sas::identity::identifiers;
use sas_endpoint::storage::registry::{Claim, Entry};
use sas_endpoint::storage::{NewVersion, StateKeys, Storage, WriteSet};
use serde_json::Value;

use super::shared::accounts::{Accounts, Request};
use super::shared::goals::{Goals, milliseconds};
use super::shared::measured::Measured;
use super::shared::server::Server;
use super::shared::{Failure, client};
use super::sqlite;

/// Creations before the clock starts.
const WARMING_UP: usize = 200;

pub async fn measure(duration: Duration) -> Result<Goals, Failure> {
    let database = sqlite().await?;
    let server = Server::start(&database.url).await?;
    let over_http = client::put(server.address, server.process(), &mut Accounts::default(), 1, duration)?;
    drop(server);
    let database = sqlite().await?;
    let storage = Storage::open(&database.url).await?;
    let [with, without] = by_turns(&storage, duration).await?;
    storage.close().await;

    let [with, without, whole] = [with, without, over_http].map(|measured| measured.percentile(0.5));
    let cost = with.saturating_sub(without);
    let share = 100.0 * cost.as_secs_f64() / whole.as_secs_f64();
    let text = |latency| format!("{} ms", milliseconds(latency));
    let mut goals = Goals::default();
    goals.told("conditional PUT over 1 connection, p50", text(whole), "");
    goals.told("  its transaction with the audit event, p50", text(with), "");
    goals.told("  the same without it, p50", text(without), "");
    goals.judged("cost of the audit log, of the conditional PUT", format!("{share:.1} %"), "≤ 5 %", share <= 5.0);
    Ok(goals)
}

/// Writes with and without an event, each a creation and an update by turns.
async fn by_turns(storage: &Storage, duration: Duration) -> Result<[Measured; 2], Failure> {
    let key = Key::from_bytes(&[7; 32]);
    let mut request = Request::new();
    let mut latencies = [vec![], vec![]];
    let mut account: Option<Account> = None;
    let start = Instant::now();
    for number in 0.. {
        // Creation and update with the event, creation and update without it.
        let (has_event, creates) = (number % 4 < 2, number % 2 == 0);
        if start.elapsed() > 2 * duration {
            break;
        }
        request.set(number as u64 / 2, number as u64);
        let previous = account.take().filter(|_| !creates);
        let (next, keys) = Account::new(request.body(), previous)?;
        let began = Instant::now();
        let event = has_event.then(|| next.event(&key));
        let NextVersion { entry, version } = next.version.clone();
        let write = storage.write(&keys, &[], move |registry| {
            registry.record(entry);
            WriteSet { versions: vec![version], events: event.into_iter().collect() }
        });
        write.await?;
        if number >= WARMING_UP {
            latencies[usize::from(!has_event)].push(began.elapsed());
        }
        account = Some(next);
    }
    Ok(latencies.map(Measured::of))
}

/// An account as it is written next.
pub struct Account {
    body: Value,
    intrn: String,
    pub version: NextVersion,
}

#[derive(Clone)]
pub struct NextVersion {
    pub entry: Entry,
    pub version: NewVersion,
}

impl Account {
    /// A new account, or the next version of the previous one; with the keys of the state that the write reads.
    pub fn new(body: &[u8], previous: Option<Self>) -> Result<(Self, StateKeys), Failure> {
        let received = parse(body, "Practitioner").map_err(|_| "a body that is refused")?;
        let (content, now) = (Content::new(&received), system_time());
        let own = identifiers(&received.value);
        let previous = previous.map(|account| account.version.entry);
        let id = previous.as_ref().map_or_else(|| Id::from(new_uuid()), |previous| previous.id.clone());
        let number = previous.map_or(1, |previous| previous.version + 1);
        let resource_type = ResourceType::Practitioner;
        let held = |own: &Identifier| if own.is_account_key() { Claim::Held } else { Claim::Mentioned };
        let claims: BTreeMap<_, _> = own.iter().map(|own| (own.clone(), held(own))).collect();
        let keys = own.iter().filter(|own| own.is_account_key()).map(|own| (resource_type, own.clone())).collect();
        let version = NewVersion {
            resource_type,
            id: id.clone(),
            version: number,
            last_updated: instant(now),
            interaction: if number == 1 { "create" } else { "update" },
            content: content.stamp(&id, number, now),
            change: String::new(),
        };
        let entry = Entry {
            resource_type,
            id,
            version: number,
            last_updated: now,
            content_hash: content.hash().to_owned(),
            active: true,
            status: None,
            start: None,
            identifiers: claims,
        };
        let intrn = own.into_iter().find(|own| own.system == INTRN).ok_or("no INTRN")?.value;
        let version = NextVersion { entry, version };
        Ok((Self { body: received.value, intrn, version }, StateKeys { identifiers: keys, ..StateKeys::default() }))
    }

    /// The audit event of the write, as the endpoint makes it.
    pub fn event(&self, key: &Key) -> AuditEvent {
        let caller = Caller { peer: "127.0.0.1".to_owned(), ..Caller::default() };
        let mut draft = AuditDraft::new(system_time(), new_uuid().to_string(), caller, key.clone());
        draft.set_interaction("update", Some("Practitioner"));
        draft.add_query([("identifier", format!("{INTRN}|{}", self.intrn).as_str())].into_iter());
        draft.add_body(&self.body);
        let NextVersion { entry, .. } = &self.version;
        let before = (entry.version > 1).then(|| entry.version - 1);
        let resource =
            ResourceRef { id: Some(entry.id.to_string()), before, after: Some(entry.version), matched_by: None };
        draft.event_of_change(&resource, if before.is_none() { 201 } else { 200 }, std::iter::empty())
    }
}
