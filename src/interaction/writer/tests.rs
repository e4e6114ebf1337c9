//! Whatever the sequence of requests: no identifier has two holders, no acknowledged account
//! disappears, replaying the last request changes nothing. Decided and applied as the writing task
//! does, over a registry that stands for the whole database.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::*;
use crate::fhir::identifier::{IDNPS, INTRN};
use crate::fhir::json::parse;
use crate::record::Caller;
use crate::sas::deviation::Validation;
use crate::storage::registry::Hold;

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
            validation: Validation::Tolerant,
        };
        let trace = Trace::begin(Timestamp::UNIX_EPOCH, String::new(), Caller::default(), Key::of_bytes(b"key"));
        let deadline = Deadline::none();
        Job { write, content, status: None, start: None, trace, deadline, rules: vec![] }
    }

    /// Carries a request out, or tells that it was refused.
    fn send(&mut self, request: &Request) -> Option<Stored> {
        let job = self.job(request);
        // As in the database: what the write names, and nothing else, is known to the decision.
        let wanted = wanted(std::iter::once(&job.write));
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
        let stored = carry_out(&mut registry, &job, decision, Timestamp::UNIX_EPOCH, &mut Additions::default());
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
    for name in [0, 1] {
        let job = Job { deadline: Deadline::after(SHORT), ..creation(name) };
        let answer = writer.write(job).await;
        assert!(matches!(answer, Err(Error::DeadlineExceeded)), "{answer:?}");
    }
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    let third = writer.write(creation(2)).await.expect("stored");
    assert_eq!(third.effect, Effect::Create);

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
