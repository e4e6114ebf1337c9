//! Whatever the sequence of requests: no identifier has two holders, no acknowledged account
//! disappears, replaying the last request changes nothing. Decided and applied as the writing task
//! does, over a registry that stands for the whole database.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::batch::{apply_decision, is_rolled_back, state_keys};
use super::*;
use crate::audit::Caller;
use crate::fhir::identifier::{IDNPS, INTRN, Identifier, Token};
use crate::fhir::json::parse;
use crate::fhir::resource_type::ResourceType;
use crate::sas::deviation::Validation;
use crate::sas::identity::{Target, decide};
use crate::storage::Additions;
use crate::storage::registry::{Entry, Hold, Registry};

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
    fn job(&mut self, request: &Request) -> Job {
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
        let trace = Trace::begin(Timestamp::UNIX_EPOCH, String::new(), Caller::default(), Key::from_bytes(b"key"));
        let deadline = Deadline::none();
        Job { write, content, status: None, start: None, trace, deadline, rules: vec![] }
    }

    /// Carries a request out, or tells that it was refused.
    fn send(&mut self, request: &Request) -> Option<Stored> {
        let job = self.job(request);
        // As in the database: what the write names, and nothing else, is known to the decision.
        let wanted = state_keys(std::iter::once(&job.write));
        let is_wanted = |entry: &&Entry| {
            let by_id = wanted.ids.iter().any(|(_, id)| *id == entry.id);
            by_id
                || entry.identifiers.iter().any(|(own, hold)| match hold {
                    Hold::Held => {
                        wanted.identifiers.iter().any(|(_, named)| named == own)
                            || wanted.values.iter().any(|(_, value)| *value == own.value)
                    }
                    Hold::Mentioned => wanted.values.iter().any(|(_, value)| *value == own.value),
                    Hold::Released => false,
                })
        };
        let mut registry = Registry::new(self.entries.values().filter(is_wanted).cloned());
        let decision = decide(&registry, &job.write).ok()?;
        let stored = apply_decision(&mut registry, &job, decision, Timestamp::UNIX_EPOCH, &mut Additions::default());
        for entry in registry.changed().into_iter().chain(registry.changed_identifiers()) {
            self.entries.insert(entry.id.clone(), entry.clone());
        }
        if !matches!(job.write.target, Target::New(Some(_))) || stored.effect != Effect::Keep {
            for own in &job.write.identifiers {
                let hold = self.entries[&stored.id].identifiers.get(own);
                assert_eq!(hold, Some(&Hold::Held), "an accepted account answers to its identifiers");
            }
            self.acknowledged.insert(stored.id.clone(), (stored.version, job.write.content_hash.clone()));
            for own in job.write.identifiers.iter().filter(|own| own.is_intrn()) {
                self.technical_ids.entry(own.clone()).or_insert_with(|| stored.id.clone());
            }
        }
        Some(stored)
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
            for (identifier, hold) in &entry.identifiers {
                if *hold == Hold::Held {
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
                (_, Some(first), Some(replayed)) => {
                    prop_assert_eq!((replayed.effect, replayed.id, replayed.version), (Effect::Keep, first.id, first.version));
                }
                (_, first, replayed) => prop_assert_eq!(first.is_none(), replayed.is_none(), "{:?}", request),
            }
        }
    }
}

/// An account of its own for each name.
fn creation(name: u8) -> Job {
    let (technical, target) = (Some(name), Named::Technical(name));
    let mut world = World { ids: name.into(), ..World::default() };
    world.job(&Request { target, national: None, technical, active: true, name })
}

/// What a record would say now: the hash of the id, the versions, and the outcome.
fn told(trace: &Trace) -> (Option<String>, Option<Version>, Option<Version>, Option<WriteOutcome>) {
    let record = trace.record(503, std::iter::empty(), None);
    assert_eq!(record.id, None, "ids of this suite are not those of a server");
    (record.id_hash, record.before, record.after, record.write_outcome)
}

#[tokio::test]
async fn record_of_a_batch_tells_what_is_committed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/batch.db", folder.path().display());
    let storage = Storage::open(&url).await.expect("a database");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.expect("another connection");
    let mut world = World::default();
    let mut job = |target, technical, name| {
        world.job(&Request { target, national: None, technical: Some(technical), active: true, name })
    };
    let stored = [job(Named::Technical(0), 0, 0)];
    let clock = Clock::system();
    commit_together(&storage, &clock, &stored, &[]).await.expect("committed");
    let jobs = [
        job(Named::Technical(0), 0, 1),
        job(Named::Technical(0), 0, 2),
        job(Named::Technical(1), 1, 0),
        job(Named::Technical(1), 1, 1),
        job(Named::Technical(1), 1, 1),
        job(Named::Id(2), 2, 0),
        Job { deadline: Deadline::after(Duration::ZERO), ..job(Named::Technical(0), 0, 3) },
        // Refused: the body holds another account's identifier.
        job(Named::Post { if_none_exist: false }, 1, 3),
        job(Named::Id(2), 1, 3),
    ];
    let key = Key::from_bytes(b"key");
    let id = |id: &str| Some(key.resource("", id));
    let first = || id("new-1");
    let failed = Some(WriteOutcome::Failed);

    let full = "CREATE TRIGGER full_disk BEFORE INSERT ON resource_version BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(full).execute(&mut other).await.expect("a trigger");
    commit_together(&storage, &clock, &jobs, &[]).await.expect_err("full");
    let of_failed: Vec<_> = jobs.iter().map(|job| told(&job.trace)).collect();
    let (existing, none) = ((first(), Some(1), None, failed), (None, None, None, failed));
    let expected = [&existing, &existing, &none, &none, &none, &none, &existing, &none, &none];
    assert_eq!(of_failed.iter().collect::<Vec<_>>(), expected);
    assert!(jobs.iter().all(|job| !job.trace.is_recorded()));

    sqlx::query("DROP TRIGGER full_disk").execute(&mut other).await.expect("room");
    let answers = commit_together(&storage, &clock, &jobs, &[]).await.expect("committed");
    let of_committed: Vec<_> = jobs.iter().map(|job| told(&job.trace)).collect();
    let (second, by_id) = (answers[2].as_ref().expect("stored").id.to_string(), id("by-id-2"));
    let expected = [
        (first(), Some(1), Some(2), None),
        (first(), Some(2), Some(3), None),
        (id(&second), None, Some(1), None),
        (id(&second), Some(1), Some(2), None),
        (id(&second), Some(2), Some(2), None),
        (by_id.clone(), None, Some(1), None),
        (first(), Some(1), None, failed),
        (None, None, None, None),
        (by_id, Some(1), Some(1), None),
    ];
    assert_eq!(of_committed, expected);
    storage.close().await;
}

#[test]
fn database_error_says_whether_a_write_is_rolled_back() {
    use sqlx::error::{DatabaseError, ErrorKind};

    #[derive(Debug)]
    struct Answered(Option<&'static str>);
    impl std::fmt::Display for Answered {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?}", self.0)
        }
    }
    impl std::error::Error for Answered {}
    impl DatabaseError for Answered {
        fn message(&self) -> &str {
            "answered"
        }
        fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
            self.0.map(Into::into)
        }
        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }
        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }
    let is_known = |code| is_rolled_back(&sqlx::Error::Database(Box::new(Answered(code))));
    // Full, busy, a constraint; of PostgreSQL full, cancelled, read-only, a constraint.
    for code in ["13", "5", "1299", "778", "53100", "57014", "25006", "23505"] {
        assert!(is_known(Some(code)), "{code}");
    }
    // A failed sync; of PostgreSQL a broken connection, a shutdown, a fault.
    for code in ["10", "1034", "1290", "08006", "57P01", "58030", "XX000"] {
        assert!(!is_known(Some(code)), "{code}");
    }
    assert!(!is_known(None) && is_rolled_back(&sqlx::Error::PoolTimedOut));
    for error in [sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()), sqlx::Error::WorkerCrashed] {
        assert!(!is_rolled_back(&error), "{error}");
    }
}

#[tokio::test]
async fn a_write_that_was_asked_to_come_back_is_not_carried_out_later() {
    const SHORT: Duration = Duration::from_millis(50);
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/writer.db", folder.path().display());
    let storage = Storage::open(&url).await.expect("a database");
    let key = storage.exchanges_key().await.expect("a key");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.expect("another connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock");
    let (writer, writing) = Writer::start(storage.clone(), Clock::system(), key);

    // The first is being committed, for as long as the file is locked; the second waits behind it.
    let mut traces = vec![];
    for name in [0, 1] {
        let job = Job { deadline: Deadline::after(SHORT), ..creation(name) };
        traces.push(job.trace.clone());
        let answer = writer.write(job).await;
        assert!(matches!(answer, Err(Error::DeadlineExceeded)), "{answer:?}");
    }
    // As far as is known when the client is answered: the second is not begun any more.
    let with = |outcome| (None, None, None, Some(outcome));
    assert_eq!(traces.iter().map(told).collect::<Vec<_>>(), [WriteOutcome::Unknown, WriteOutcome::Failed].map(with));
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    let third = writer.write(creation(2)).await.expect("stored");
    assert_eq!(third.effect, Effect::Create);
    assert_eq!(told(&traces[0]), (None, None, None, Some(WriteOutcome::Failed)));

    let mut found = async |name: u8| {
        let sql = "SELECT COUNT(*) FROM identifier WHERE value = $1";
        let found: i64 =
            sqlx::query_scalar(sql).bind(technical(name).value).fetch_one(&mut other).await.expect("a row");
        found
    };
    assert_eq!((found(0).await, found(1).await, found(2).await), (0, 0, 1));
    writing.finish().await;
    storage.close().await;
}

#[tokio::test]
async fn a_writing_task_that_panics_is_seen_to_have_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::open(&format!("sqlite://{}/ended.db", folder.path().display())).await.expect("a database");
    let key = storage.exchanges_key().await.expect("a key");
    let clock = Clock::new(|| panic!("a clock without hands"), || Id::parse("a").expect("an id"));
    let (writer, mut writing) = Writer::start(storage.clone(), clock, key);
    writer.write(creation(0)).await.expect_err("nobody writes");
    writing.ended().await;
    assert!(!writer.is_ready());
}
