//! For any sequence of requests: no identifier has two holders, no acknowledged account disappears, replaying the
//! last request changes nothing. Writes are decided as the writing task decides them, over a registry that stands for
//! the whole database.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::*;
use crate::audit::{AuditDraft, Caller};
use crate::deadline::Deadline;
use crate::decision::Decision;
use crate::decision::file::parse_decision;
use crate::error::Error;
use crate::fhir::content::Content;
use crate::fhir::id::Id;
use crate::fhir::identifier::{IDNPS, INTRN, Identifier, Token};
use crate::fhir::json::parse;
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::interaction::create::Create;
use crate::interaction::{Endpoint, Preconditions, RequestContext, ResourceWrite};
use crate::issue::Language;
use crate::sas::deviation::Validation;
use crate::sas::identity::{Effect, Target, Write};
use crate::sas::validation::Validator;
use crate::storage::registry::{Claim, Entry, Registry};
use crate::storage::write_set::{StateKeys, WriteSet};
use jiff::Timestamp;

/// A request on accounts, over a handful of identifiers so that they collide.
#[derive(Clone, Debug)]
struct Request {
    target: Named,
    national: Option<u8>,
    technical: Option<u8>,
    active: bool,
    name: u8,
}

#[derive(Clone, Debug)]
enum Named {
    Post { if_none_exist: bool },
    National(u8),
    Technical(u8),
    Id(u8),
}

fn national(number: u8) -> Identifier {
    Identifier::new(IDNPS, &format!("81000000000{number}"))
}

fn technical(number: u8) -> Identifier {
    Identifier::new(INTRN, &format!("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a1{number}"))
}

fn request() -> impl Strategy<Value = Request> {
    let target = prop_oneof![
        any::<bool>().prop_map(|if_none_exist| Named::Post { if_none_exist }),
        (0..4_u8).prop_map(Named::National),
        (0..3_u8).prop_map(Named::Technical),
        (0..3_u8).prop_map(Named::Id),
    ];
    let identifiers = prop_oneof![
        (0..4_u8).prop_map(|n| (Some(n), None)),
        (0..3_u8).prop_map(|t| (None, Some(t))),
        (0..4_u8, 0..3_u8).prop_map(|(n, t)| (Some(n), Some(t))),
    ];
    (target, identifiers, prop::bool::weighted(0.7), 0..2_u8)
        .prop_map(|(target, (national, technical), active, name)| Request { target, national, technical, active, name })
}

/// The database, and what was acknowledged so far.
#[derive(Default)]
struct World {
    entries: BTreeMap<Id, Entry>,
    ids: u32,
    acknowledged: BTreeMap<Id, (Version, String)>,
    technical_ids: BTreeMap<Identifier, Id>,
}

impl World {
    fn write(&mut self, request: &Request) -> ResourceWrite {
        let identifiers: Vec<_> =
            request.national.map(national).into_iter().chain(request.technical.map(technical)).collect();
        let elements: Vec<_> =
            identifiers.iter().map(|own| json!({ "system": own.system, "value": own.value })).collect();
        let body = json!({ "name": request.name, "active": request.active, "identifier": elements });
        let received = parse(body.to_string().as_bytes(), "Practitioner").expect("legal JSON");
        let content = Content::new(&received);
        self.ids += 1;
        let target = match request.target {
            Named::Post { if_none_exist } => Target::New(if_none_exist.then(|| Token::Exact(identifiers[0].clone()))),
            Named::National(number) => Target::Identifier(Token::Exact(national(number))),
            Named::Technical(number) => Target::Identifier(Token::Exact(technical(number))),
            Named::Id(number) => Target::Id(Id::parse(&format!("by-id-{number}")).expect("an id")),
        };
        let write = Write {
            resource_type: ResourceType::Practitioner,
            target,
            identifiers,
            active: request.active,
            operator: None,
            content_hash: content.hash().to_owned(),
            body_id: None,
            new_id: Id::parse(&format!("new-{}", self.ids)).expect("an id"),
            if_match: None,
            if_none_match: None,
            if_unmodified_since: None,
            validation: Validation::Tolerant,
        };
        let audit = AuditDraft::new(Timestamp::UNIX_EPOCH, String::new(), Caller::default(), Key::from_bytes(b"key"));
        let deadline = Deadline::none();
        ResourceWrite { write, content, status: None, start: None, audit, deadline, is_unasked: false, rules: vec![] }
    }

    /// Carries a request out: the effect, the id and the version; `None` where it is refused.
    fn send(&mut self, request: &Request) -> Option<(Effect, Id, Version)> {
        let write = self.write(request);
        // As in the database: the decision knows what the write names, and nothing else.
        let mut wanted = StateKeys::default();
        write.add_state_keys(&mut wanted);
        let is_wanted = |entry: &&Entry| {
            let by_id = wanted.ids.iter().any(|(_, id)| *id == entry.id);
            by_id
                || entry.identifiers.iter().any(|(own, claim)| match claim {
                    Claim::Held => {
                        wanted.identifiers.iter().any(|(_, named)| named == own)
                            || wanted.values.iter().any(|(_, value)| *value == own.value)
                    }
                    Claim::Mentioned => wanted.values.iter().any(|(_, value)| *value == own.value),
                    Claim::Released => false,
                })
        };
        let mut registry = Registry::new(self.entries.values().filter(is_wanted).cloned());
        let decided = write.decide(&mut registry, Timestamp::UNIX_EPOCH, &mut WriteSet::default()).ok()?;
        let Decided { id, after: version, .. } = decided;
        let effect = decided.answer.effect;
        for entry in registry.changed().into_iter().chain(registry.changed_identifiers()) {
            self.entries.insert(entry.id.clone(), entry.clone());
        }
        let write = &write.write;
        if !matches!(write.target, Target::New(Some(_))) || effect != Effect::Keep {
            for own in &write.identifiers {
                let claim = self.entries[&id].identifiers.get(own);
                assert_eq!(claim, Some(&Claim::Held), "an accepted account answers to its identifiers");
            }
            self.acknowledged.insert(id.clone(), (version, write.content_hash.clone()));
            for own in write.identifiers.iter().filter(|own| own.is_intrn()) {
                self.technical_ids.entry(own.clone()).or_insert_with(|| id.clone());
            }
        }
        Some((effect, id, version))
    }

    fn state(&self) -> Vec<Entry> {
        self.entries.values().cloned().collect()
    }

    fn check(&self) {
        let state = self.state();
        assert_eq!(state.len(), self.acknowledged.len(), "no acknowledged account disappears");
        let mut holders = BTreeMap::new();
        for entry in &state {
            let (version, hash) = &self.acknowledged[&entry.id];
            assert_eq!((entry.version, &entry.content_hash), (*version, hash), "what was acknowledged is what is kept");
            for (identifier, claim) in &entry.identifiers {
                if *claim == Claim::Held {
                    let other = holders.insert(identifier.clone(), entry.id.clone());
                    assert_eq!(other, None, "{identifier:?} has two holders");
                }
            }
        }
        for (technical, id) in &self.technical_ids {
            assert_eq!(holders.get(technical), Some(id), "an INTRN designates one account for ever");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn identity_holds_whatever_the_sequence_of_requests(requests in prop::collection::vec(request(), 1..25)) {
        let mut world = World::default();
        for request in &requests {
            let before = world.state();
            let first = world.send(request);
            world.check();
            if first.is_none() {
                prop_assert_eq!(&world.state(), &before, "a refused request changes nothing");
            }
            let after = world.state();
            let replayed = world.send(request);
            prop_assert_eq!(&world.state(), &after, "replaying {:?} changes nothing", request);
            match (request.target.clone(), first, replayed) {
                (Named::Post { if_none_exist: false }, _, replayed) => {
                    prop_assert!(replayed.is_none(), "a repeated creation is refused");
                }
                (_, Some((_, id, version)), Some(replayed)) => {
                    prop_assert_eq!(replayed, (Effect::Keep, id, version));
                }
                (_, first, replayed) => prop_assert_eq!(first.is_none(), replayed.is_none(), "{:?}", request),
            }
        }
    }
}

#[test]
fn write_batch_ends_at_its_limit_of_bytes_and_has_one_write_at_least() {
    let length = |sizes: &[usize]| length_of_batch(sizes.iter().copied());
    assert_eq!(length(&[1, 2, 3]), 3);
    assert_eq!(length(&[MAX_BATCH_BYTES - 1, 1, 1]), 2);
    assert_eq!(length(&[MAX_BATCH_BYTES, 1]), 1);
    assert_eq!(length(&[MAX_BATCH_BYTES + 1, 1]), 1);
}

/// How long a client waits that gives up.
const SHORT: Duration = Duration::from_millis(50);

/// An account of its own for each name.
fn creation(name: u8) -> ResourceWrite {
    let (technical, target) = (Some(name), Named::Technical(name));
    let mut world = World { ids: name.into(), ..World::default() };
    world.write(&Request { target, national: None, technical, active: true, name })
}

/// A write as in the queue, and the side of its sender.
fn queued(write: ResourceWrite) -> (Queued<ResourceWrite>, PendingWrite<ResourceWrite>) {
    let (report, reported) = watch::channel(WriteReport::failed());
    let (answer, answered) = oneshot::channel();
    (Queued { write, report, answer }, PendingWrite { report: reported, answer: answered })
}

/// What is known of a write now: the id, the versions, and the outcome.
type Known = (Option<String>, Option<Version>, Option<Version>, Option<WriteOutcome>);

fn known(pending: &PendingWrite<ResourceWrite>) -> Known {
    let WriteReport { resource, outcome, .. } = pending.report.borrow().clone();
    (resource.id, resource.before, resource.after, outcome)
}

#[tokio::test]
async fn write_report_of_a_batch_says_what_is_committed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/batch.db", folder.path().display());
    let storage = Storage::open(&url).await.expect("a database");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.expect("another connection");
    let mut world = World::default();
    let mut write = |target, technical, name| {
        world.write(&Request { target, national: None, technical: Some(technical), active: true, name })
    };
    let (stored, _) = queued(write(Named::Technical(0), 0, 0));
    let clock = Clock::system();
    commit_together(&storage, &clock, &[stored], &[]).await.expect("committed");
    let writes = [
        write(Named::Technical(0), 0, 1),
        write(Named::Technical(0), 0, 2),
        write(Named::Technical(1), 1, 0),
        write(Named::Technical(1), 1, 1),
        write(Named::Technical(1), 1, 1),
        write(Named::Id(2), 2, 0),
        ResourceWrite { deadline: Deadline::after(Duration::ZERO), ..write(Named::Technical(0), 0, 3) },
        // Refused: the body holds another account's identifier.
        write(Named::Post { if_none_exist: false }, 1, 3),
        write(Named::Id(2), 1, 3),
    ];
    let (batch, pending): (Vec<_>, Vec<_>) = writes.into_iter().map(queued).unzip();
    let id = |id: &str| Some(id.to_owned());
    let first = || id("new-1");
    let failed = Some(WriteOutcome::Failed);

    let full = "CREATE TRIGGER full_disk BEFORE INSERT ON resource_version BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(full).execute(&mut other).await.expect("a trigger");
    commit_together(&storage, &clock, &batch, &[]).await.map(|answers| answers.len()).expect_err("full");
    let (existing, none): (Known, Known) = ((first(), Some(1), None, failed), (None, None, None, failed));
    let expected = [&existing, &existing, &none, &none, &none, &none, &existing, &none, &none];
    assert_eq!(pending.iter().map(known).collect::<Vec<_>>(), expected.map(Clone::clone));
    assert!(pending.iter().all(|pending| !pending.report.borrow().is_audited));

    sqlx::query("DROP TRIGGER full_disk").execute(&mut other).await.expect("room");
    let answers = commit_together(&storage, &clock, &batch, &[]).await.expect("committed");
    let Ok(answered) = &answers[2] else { panic!("the third is stored") };
    let answered = answered.id.to_string();
    let reported: Vec<_> = pending.iter().map(known).collect();
    let (second, by_id) = (reported[2].0.clone(), id("by-id-2"));
    assert_eq!(second, id(&answered));
    let expected = [
        (first(), Some(1), Some(2), None),
        (first(), Some(2), Some(3), None),
        (second.clone(), None, Some(1), None),
        (second.clone(), Some(1), Some(2), None),
        (second, Some(2), Some(2), None),
        (by_id.clone(), None, Some(1), None),
        (first(), Some(1), None, failed),
        (None, None, None, None),
        (by_id, Some(1), Some(1), None),
    ];
    assert_eq!(reported, expected);
    let is_audited = pending.iter().map(|pending| pending.report.borrow().is_audited);
    assert!(is_audited.eq([true, true, true, true, false, true, false, false, false]), "changes are");
    storage.close().await;
}

#[tokio::test]
async fn write_queue_given_up_write_is_not_carried_out_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/writer.db", folder.path().display());
    let storage = Storage::open(&url).await.expect("a database");
    let key = storage.exchanges_key().await.expect("a key");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.expect("another connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock");
    let (queue, task) = WriteQueue::start(storage.clone(), Clock::system(), key);

    // The first is being committed, for as long as the file is locked; the second waits behind it.
    let mut given_up = vec![];
    let mut reports = vec![];
    for name in [0, 1] {
        let deadline = Deadline::after(SHORT);
        let mut pending = queue.submit(ResourceWrite { deadline: deadline.clone(), ..creation(name) }).expect("queued");
        let answer = deadline.limit(async { Ok(pending.answer().await?) }).await;
        assert!(matches!(answer, Err(Error::DeadlineExceeded)));
        reports.push(pending.close());
        given_up.push(pending);
    }
    // As far as is known when the client is answered: the second is not begun any more.
    assert_eq!(reports, [WriteReport::unknown(), WriteReport::failed()]);
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    let third = queue.submit(creation(2)).expect("queued").answer().await.expect("committed");
    assert_eq!(third.effect, Effect::Create);
    assert_eq!(known(&given_up[0]), (None, None, None, Some(WriteOutcome::Failed)));

    let mut found = async |name: u8| {
        let sql = "SELECT COUNT(*) FROM identifier WHERE value = $1";
        let found: i64 =
            sqlx::query_scalar(sql).bind(technical(name).value).fetch_one(&mut other).await.expect("a row");
        found
    };
    assert_eq!((found(0).await, found(1).await, found(2).await), (0, 0, 1));
    task.finish().await;
    storage.close().await;
}

#[tokio::test]
async fn write_dropped_while_it_waits_is_audited_with_what_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/dropped.db", folder.path().display());
    let storage = Storage::open(&url).await.expect("a database");
    let key = storage.exchanges_key().await.expect("a key");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.expect("another connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock");
    let clock = Clock::system();
    let (writer, task) = WriteQueue::start(storage.clone(), clock.clone(), key.clone());
    let validator = Arc::new(Validator::new(Validation::Tolerant).expect("sound schemas"));
    let endpoint = Endpoint { validator, storage: storage.clone(), writer, directory: None, decision: None, clock };
    let context =
        RequestContext { base_url: "http://h/fhir".into(), language: Language::English, deadline: Deadline::none() };

    // The first is being committed, for as long as the file is locked; the second waits behind it.
    let mut outcomes = vec![];
    for _ in 0..2 {
        let mut audit = AuditDraft::new(Timestamp::UNIX_EPOCH, String::new(), Caller::default(), key.clone());
        let create = Create {
            resource_type: ResourceType::Practitioner,
            query: Query::default(),
            if_none_exist: None,
            preconditions: Preconditions::default(),
            body: include_str!("../../../tests/fixtures/regulator.json").into(),
        };
        let prepared = create.prepare(&endpoint, &context, &mut audit).await.expect("a valid body");
        let answered = tokio::time::timeout(SHORT, prepared.commit(&endpoint, &context, &mut audit)).await;
        assert!(answered.is_err(), "the client goes away first");
        let event = audit.event(499, std::iter::empty());
        assert!(!event.identifiers.is_empty());
        outcomes.push(event.write_outcome);
    }
    assert_eq!(outcomes, [WriteOutcome::Unknown, WriteOutcome::Failed].map(Some));
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    task.finish().await;
    storage.close().await;
}

/// Where the state changed after the software was not asked, as there was nothing to ask about.
#[tokio::test]
async fn write_of_an_account_that_nobody_was_asked_about_is_not_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::open(&format!("sqlite://{}/unasked.db", folder.path().display())).await.expect("a database");
    let key = storage.exchanges_key().await.expect("a key");
    let clock = Clock::system();
    let (writer, task) = WriteQueue::start(storage.clone(), clock.clone(), key.clone());
    let validator = Arc::new(Validator::new(Validation::Tolerant).expect("sound schemas"));
    let table = "url = \"https://h/\"\nsecret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"".parse().expect("TOML");
    let settings = parse_decision(toml::Value::Table(table)).expect("settings");
    let decision = Some(Decision::new(&settings).expect("a client"));
    let endpoint = Endpoint { validator, storage: storage.clone(), writer, directory: None, decision, clock };
    let context =
        RequestContext { base_url: "http://h/fhir".into(), language: Language::English, deadline: Deadline::none() };
    let mut audit = AuditDraft::new(Timestamp::UNIX_EPOCH, String::new(), Caller::default(), key);
    for is_asked in [false, true] {
        let create = Create {
            resource_type: ResourceType::Practitioner,
            query: Query::default(),
            if_none_exist: None,
            preconditions: Preconditions::default(),
            body: include_str!("../../../tests/fixtures/regulator.json").into(),
        };
        let prepared = create.prepare(&endpoint, &context, &mut audit).await.expect("a valid body");
        let prepared = if is_asked { prepared.accepted() } else { prepared };
        let committed = prepared.commit(&endpoint, &context, &mut audit).await;
        assert_eq!((committed.is_ok(), matches!(committed, Err(Error::Undecided))), (is_asked, !is_asked));
    }
    task.finish().await;
    storage.close().await;
}

#[tokio::test]
async fn write_queue_task_that_panics_is_reported_as_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::open(&format!("sqlite://{}/ended.db", folder.path().display())).await.expect("a database");
    let key = storage.exchanges_key().await.expect("a key");
    let clock = Clock::new(|| panic!("a clock without hands"), || Id::parse("a").expect("an id"));
    let (queue, mut task) = WriteQueue::start(storage.clone(), clock, key);
    let answer = queue.submit(creation(0)).expect("queued").answer().await;
    assert!(matches!(answer, Err(WriteError::QueueClosed)));
    task.ended().await;
    assert!(!queue.is_ready());
}
