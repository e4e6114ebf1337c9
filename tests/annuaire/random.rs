//! Random searches over a random directory find what a naive filter over its JSON finds: now, and at every
//! earlier instant that is kept.

use std::collections::BTreeMap;

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use sas_endpoint::annuaire::search::Total;
use sas_endpoint::annuaire::search::query::parse;
use sas_endpoint::annuaire::store::Snapshot;
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::{Value, json};

use crate::mirror::{TestMirror, prepared};
use crate::naive::{TEXTS, TOKENS, holds, instant_of, path};
use crate::on_both_databases;
use crate::support::Backend;

/// Numbers that look random, the same on each run.
struct Dice(u64);

impl Dice {
    /// <https://prng.di.unimi.it/splitmix64.c>
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("less than a usize")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    /// Up to `most` of them.
    fn some(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> Value) -> Value {
        (0..self.roll(most + 1)).map(|_| make(self)).collect()
    }
}

const SYSTEMS: [&str; 4] = ["urn:a", "urn:b", "urn:a:b", ""];

/// How many resources of each type there may be: ids come back.
const IDS: usize = 30;

/// Long ones differ where the index no longer tells them apart.
fn codes() -> Vec<String> {
    let mut codes: Vec<_> = ["1", "2", "10", "SA05", "sa05", "é"].map(str::to_owned).into();
    codes.extend([196, 197, 199, 200, 201, 300].map(|length| "x".repeat(length)));
    codes
}

fn words() -> Vec<String> {
    let words = [
        "Martin",
        "MARTIN",
        "martinez",
        "Élodie",
        "elodie",
        "E\u{301}lo",
        "Saint-Étienne",
        "saint etienne",
        "Œuvre",
        "ΟΔΟΣ",
        "οδος",
        "a",
        "ab",
        "abc",
        "abcd",
        "bcda",
        "a b",
        "\u{301}",
        "75016",
        "78000",
        "75",
        "%_*",
        "Dupont, Martin",
        r"a\b|c$,",
        "ẞ",
    ];
    let mut words: Vec<_> = words.map(str::to_owned).into();
    words.extend([196, 199, 200, 201].map(|length| "y".repeat(length)));
    words.extend([99, 100, 101].map(|length| "é".repeat(length)));
    words
}

fn coding(dice: &mut Dice) -> Value {
    let mut coding = json!({ "code": dice.pick(&codes()) });
    let system = *dice.pick(&SYSTEMS);
    if !system.is_empty() {
        coding["system"] = json!(system);
    }
    coding
}

fn concept(dice: &mut Dice) -> Value {
    json!({ "coding": dice.some(2, coding) })
}

fn word(dice: &mut Dice) -> Value {
    json!(dice.pick(&words()))
}

fn identifier(dice: &mut Dice) -> Value {
    let coding = coding(dice);
    let mut identifier = json!({ "value": coding["code"], "type": concept(dice) });
    if coding.get("system").is_some() {
        identifier["system"] = coding["system"].clone();
    }
    identifier
}

const EMAIL_TYPE: &str = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type";
const DATA_TRACE: &str = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-data-trace";

fn telecom(dice: &mut Dice) -> Value {
    let value = format!("{}@{}.mssante.fr", dice.pick(&words()), dice.pick(&["medecin", "aura"]));
    let mut telecom = json!({ "system": "email", "value": value });
    if dice.chance(60) {
        let code = *dice.pick(&["MSSANTE", "MSSANTE", "MEL"]);
        telecom["extension"] = json!([{ "url": EMAIL_TYPE, "valueCoding": { "system": "urn:r256", "code": code } }]);
    }
    telecom
}

fn address(dice: &mut Dice) -> Value {
    json!({ "city": word(dice), "postalCode": dice.pick(&["75016", "75001", "78000", "7"]), "country": word(dice) })
}

fn person(dice: &mut Dice) -> Value {
    json!({ "text": word(dice), "family": word(dice), "given": dice.some(2, word), "prefix": ["DR"] })
}

fn reference(dice: &mut Dice, to: &str) -> Value {
    // Some lead nowhere.
    let base = *dice.pick(&["", "", "https://annuaire.example.org/fhir/"]);
    json!({ "reference": format!("{base}{to}/{}", dice.roll(IDS + 3)) })
}

fn profile(dice: &mut Dice) -> Value {
    json!(dice.pick(&PROFILES))
}

const PROFILES: [&str; 4] = ["urn:profile:a", "urn:profile:a|1.0", "urn:profile:b|1.0", "urn:profile:c"];

/// An instant around a step of the history, written in some zone.
fn instant(dice: &mut Dice, step: usize) -> String {
    let step = if dice.chance(10) { 0 } else { step };
    let first: Timestamp = "2024-12-30T22:10:00Z".parse().expect("an instant");
    let [step, milliseconds] =
        [step, dice.roll(20_000_000)].map(|number| i64::try_from(number).expect("a small number"));
    let since = SignedDuration::from_hours(7 * step) + SignedDuration::from_millis(milliseconds);
    let zone = TimeZone::fixed(Offset::constant(*dice.pick(&[0, 1, 2, -5])));
    (first + since).to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// A resource of any shape; of most elements, some have none.
fn resource(dice: &mut Dice, of: DirectoryType, step: usize) -> Value {
    let mut resource = json!({
        "resourceType": of.as_str(),
        "id": dice.roll(IDS).to_string(),
        "meta": { "lastUpdated": instant(dice, step), "profile": dice.some(2, profile) },
        "identifier": dice.some(2, identifier),
    });
    if dice.chance(50) {
        let part = json!({ "url": "systeme-information", "valueCode": dice.pick(&["RPPS", "FINESS"]) });
        resource["meta"]["extension"] = json!([{ "url": DATA_TRACE, "extension": [part] }]);
    }
    let mut set = |name: &str, percent: usize, make: &mut dyn FnMut(&mut Dice) -> Value| {
        if dice.chance(percent) {
            resource[name] = make(dice);
        }
    };
    set("active", 90, &mut |dice| json!(dice.chance(70)));
    match of {
        DirectoryType::Practitioner => {
            set("name", 80, &mut |dice| dice.some(2, person));
            set("qualification", 80, &mut |dice| dice.some(3, |dice| json!({ "code": concept(dice) })));
            set("telecom", 50, &mut |dice| dice.some(2, telecom));
        }
        DirectoryType::PractitionerRole => {
            set("practitioner", 90, &mut |dice| reference(dice, "Practitioner"));
            set("organization", 80, &mut |dice| reference(dice, "Organization"));
            set("code", 80, &mut |dice| dice.some(2, concept));
            set("telecom", 50, &mut |dice| dice.some(2, telecom));
        }
        DirectoryType::Organization => {
            set("name", 80, &mut word);
            set("type", 80, &mut |dice| dice.some(2, concept));
            set("partOf", 40, &mut |dice| reference(dice, "Organization"));
            set("address", 70, &mut |dice| dice.some(2, address));
            set("telecom", 50, &mut |dice| dice.some(2, telecom));
        }
        DirectoryType::HealthcareService => {
            set("providedBy", 80, &mut |dice| reference(dice, "Organization"));
            set("type", 60, &mut |dice| dice.some(2, concept));
            set("category", 60, &mut |dice| dice.some(2, concept));
            set("characteristic", 60, &mut |dice| dice.some(2, concept));
        }
        DirectoryType::Device => {
            set("owner", 80, &mut |dice| reference(dice, "Organization"));
            set("type", 80, &mut concept);
            set("status", 90, &mut |dice| json!(dice.pick(&["active", "inactive"])));
            set("manufacturer", 60, &mut word);
            set("modelNumber", 60, &mut word);
        }
    }
    resource
}

/// What a directory has, by type and id.
type Content = BTreeMap<String, Value>;

/// A later version takes the place of an earlier one.
fn put(content: &mut Content, resource: &Value) {
    let known = content.get(&path(resource));
    if known.is_none_or(|known| instant_of(known) <= instant_of(resource)) {
        content.insert(path(resource), resource.clone());
    }
}

/// Writes a history of commits; for each, the snapshot and what the directory had then.
async fn history(test: &TestMirror, dice: &mut Dice) -> Vec<(Snapshot, Vec<Value>)> {
    let (mut content, mut states) = (Content::new(), vec![]);
    for step in 0..14 {
        let mut writer = test.writer().await;
        for _ in 0..=dice.roll(3) {
            let many = 1 + dice.roll(14);
            let mut make = || {
                let of = *dice.pick(&DirectoryType::ALL);
                resource(dice, of, step)
            };
            let resources: Vec<_> = (0..many).map(|_| make()).collect();
            for resource in &resources {
                put(&mut content, resource);
            }
            writer.add(prepared(&resources), dice.chance(50)).await.expect("added");
        }
        if dice.chance(40) {
            let of = *dice.pick(&DirectoryType::ALL);
            let gone = |path: &String, dice: &mut Dice| path.starts_with(&format!("{of}/")) && dice.chance(40);
            content.retain(|path, _| !gone(path, dice));
            let kept: Vec<_> = content.values().filter(|kept| kept["resourceType"] == of.as_str()).cloned().collect();
            writer.forget_seen(of).await.expect("forgotten");
            writer.add(prepared(&kept), true).await.expect("added");
            assert!(writer.sweep(of, 1.0).await.expect("swept").removed);
        }
        writer.commit().await.expect("committed");
        states.push((test.now().await, content.values().cloned().collect()));
    }
    states
}

/// One or several values, separated by commas.
fn values(dice: &mut Dice, make: &mut dyn FnMut(&mut Dice) -> String) -> String {
    let many = *dice.pick(&[1, 1, 1, 2, 3]);
    let mut values: Vec<_> = (0..many).map(|_| make(dice)).collect();
    if dice.chance(5) {
        values.push(String::new());
    }
    values.join(",")
}

fn token(dice: &mut Dice, name: &str) -> String {
    let (system, code) = match name {
        "active" => ("http://hl7.org/fhir/special-values", (*dice.pick(&["true", "false"])).to_owned()),
        "status" => ("http://hl7.org/fhir/device-status", (*dice.pick(&["active", "inactive"])).to_owned()),
        "data-information-system" => (
            "https://interop.esante.gouv.fr/ig/fhir/annuaire/CodeSystem/as-cs-type-systeme-information",
            (*dice.pick(&["RPPS", "FINESS", "CG"])).to_owned(),
        ),
        _ => (*dice.pick(&SYSTEMS[..3]), dice.pick(&codes()).clone()),
    };
    match dice.roll(6) {
        0 | 1 => code,
        2 => format!("|{code}"),
        3 => format!("{system}|"),
        4 => format!(" {system} | {code} "),
        _ => format!("{system}|{code}"),
    }
}

fn text(dice: &mut Dice, name: &str) -> String {
    let mut text = dice.pick(&words()).clone();
    if name == "mailbox-mss" && dice.chance(50) {
        text = (*dice.pick(&["@", "@medecin.mssante.fr", "tin@aura", ".fr"])).to_owned();
    }
    if dice.chance(50) {
        let characters: Vec<_> = text.chars().collect();
        let begin = dice.roll(characters.len());
        let length = 1 + dice.roll(characters.len() - begin);
        text = characters[begin..begin + length].iter().collect();
    }
    let text = if dice.chance(20) { text.to_uppercase() } else { text };
    text.chars().flat_map(|letter| r"\,|$".contains(letter).then_some('\\').into_iter().chain([letter])).collect()
}

fn date(dice: &mut Dice) -> String {
    let step = dice.roll(14);
    let instant = instant(dice, step);
    let prefix = *dice.pick(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]);
    match dice.roll(8) {
        0 => format!("{prefix}{}", &instant[..4]),
        1 => format!("{prefix}{}", &instant[..7]),
        2 | 3 => format!("{prefix}{}", &instant[..10]),
        4 => format!("{prefix}{}", &instant[..16]),
        5 => format!("{prefix}{}", &instant[..19]),
        6 => format!("{prefix}{}{}", &instant[..16], &instant[23..]),
        _ => format!("{prefix}{instant}"),
    }
}

/// A parameter about the resource itself.
fn plain(dice: &mut Dice, of: DirectoryType) -> (String, String) {
    let tokens: Vec<_> = TOKENS.iter().filter(|(types, _)| types.contains(&of)).map(|(_, name)| *name).collect();
    let texts: Vec<_> = TEXTS.iter().filter(|(types, _)| types.contains(&of)).map(|(_, name)| *name).collect();
    let links: Vec<_> = LINKS.iter().filter(|(source, ..)| *source == of).collect();
    let missing =
        |dice: &mut Dice, name: &str| (format!("{name}:missing"), (*dice.pick(&["true", "false"])).to_owned());
    match dice.roll(12) {
        0 => ("_id".to_owned(), values(dice, &mut |dice| dice.roll(IDS + 2).to_string())),
        1 | 2 => ("_lastUpdated".to_owned(), values(dice, &mut date)),
        3 if of == DirectoryType::HealthcareService => {
            ("_profile".to_owned(), values(dice, &mut |dice| (*dice.pick(&PROFILES)).to_owned()))
        }
        4 => {
            let names = [&tokens[..], &texts, &["_id", "_lastUpdated"]].concat();
            let name = *dice.pick(&names);
            missing(dice, name)
        }
        5 if !links.is_empty() => {
            let (_, name, target) = **dice.pick(&links);
            if dice.chance(20) {
                return missing(dice, name);
            }
            let whole = *dice.pick(&["", "Type/"]);
            let whole = whole.replace("Type", target.as_str());
            (name.to_owned(), values(dice, &mut |dice| format!("{whole}{}", dice.roll(IDS + 3))))
        }
        6..=8 if !texts.is_empty() => {
            let name = *dice.pick(&texts);
            let mut modifiers = vec!["", ":contains", ":contains", ":exact", ":text"];
            if (of, name) == (DirectoryType::Practitioner, "name") {
                modifiers.extend([":family", ":given"]);
            }
            (format!("{name}{}", dice.pick(&modifiers)), values(dice, &mut |dice| text(dice, name)))
        }
        _ => {
            let name = *dice.pick(&tokens);
            (format!("{name}{}", dice.pick(&["", "", ":not"])), values(dice, &mut |dice| token(dice, name)))
        }
    }
}

const LINKS: [(DirectoryType, &str, DirectoryType); 5] = [
    (DirectoryType::PractitionerRole, "practitioner", DirectoryType::Practitioner),
    (DirectoryType::PractitionerRole, "organization", DirectoryType::Organization),
    (DirectoryType::Organization, "partof", DirectoryType::Organization),
    (DirectoryType::HealthcareService, "organization", DirectoryType::Organization),
    (DirectoryType::Device, "organization", DirectoryType::Organization),
];

/// A parameter, perhaps about a resource that is linked to it.
fn parameter(dice: &mut Dice, of: DirectoryType) -> (String, String) {
    match dice.roll(8) {
        0 | 1 => chained(dice, of),
        2 => {
            let links: Vec<_> = LINKS.iter().filter(|(_, _, target)| *target == of).collect();
            if links.is_empty() {
                return plain(dice, of);
            }
            let (source, name, _) = **dice.pick(&links);
            let (rest, value) = if dice.chance(30) { chained(dice, source) } else { plain(dice, source) };
            (format!("_has:{source}:{name}:{rest}"), value)
        }
        _ => plain(dice, of),
    }
}

fn chained(dice: &mut Dice, of: DirectoryType) -> (String, String) {
    let links: Vec<_> = LINKS.iter().filter(|(source, ..)| *source == of).collect();
    if links.is_empty() {
        return plain(dice, of);
    }
    let (_, name, target) = **dice.pick(&links);
    let (rest, value) = match (target, dice.roll(3)) {
        (_, 0) => ("identifier".to_owned(), values(dice, &mut |dice| token(dice, "identifier"))),
        (DirectoryType::Organization, 1) => {
            ("address-postalcode".to_owned(), values(dice, &mut |dice| text(dice, "address-postalcode")))
        }
        _ => plain(dice, target),
    };
    let head = if dice.chance(20) { format!("{name}:{target}") } else { name.to_owned() };
    (format!("{head}.{rest}"), value)
}

/// A search: the state it is about, the type, the parameters, the size of a page.
type Case = (usize, DirectoryType, Vec<(String, String)>, usize);

fn cases(dice: &mut Dice, states: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    let pools: Vec<(DirectoryType, Vec<_>)> =
        DirectoryType::ALL.into_iter().map(|of| (of, (0..600).map(|_| parameter(dice, of)).collect())).collect();
    let of_type = select(pools).prop_flat_map(|(of, pool)| (Just(of), prop::collection::vec(select(pool), 0..4)));
    (states, of_type, 1..9_usize).prop_map(|(state, (of, parameters), size)| (state, of, parameters, size))
}

/// Fails where a search does not find what the naive filter finds.
async fn check(test: &TestMirror, states: &[(Snapshot, Vec<Value>)], case: &Case) -> Result<(), TestCaseError> {
    let (state, of, parameters, size) = case;
    let (at, all) = &states[*state];
    let matches = |resource: &&Value| {
        resource["resourceType"] == of.as_str()
            && parameters.iter().all(|(name, value)| holds(all, resource, name, value))
    };
    let mut expected: Vec<_> =
        all.iter().filter(matches).map(|resource| resource["id"].as_str().expect("an id")).collect();
    let query = parameters.iter().cloned().collect();
    let search = parse(*of, &query, Timestamp::UNIX_EPOCH).expect("a query");
    let (mut found, mut after, mut bodies) = (vec![], 0, vec![]);
    loop {
        let page = test.mirror.page(*of, &search.criteria, at, after, *size).await.expect("a page");
        prop_assert!(page.matches.len() <= *size);
        for stored in page.matches {
            prop_assert!(stored.seq > after, "walks go forwards");
            after = stored.seq;
            found.push(stored.id);
            bodies.push(stored.body);
        }
        if !page.more {
            break;
        }
        after = page.seen;
    }
    let total = test.mirror.total(*of, &search.criteria, at, Total::Wanted).await.expect("a total");
    prop_assert_eq!(total, Some(expected.len() as u64));
    for body in bodies {
        let body: Value = serde_json::from_str(&body).expect("JSON");
        prop_assert!(all.contains(&body), "the version of that instant");
    }
    found.sort_unstable();
    expected.sort_unstable();
    prop_assert_eq!(found, expected);
    Ok(())
}

/// So many random searches over these states.
fn search(test: &TestMirror, states: &[(Snapshot, Vec<Value>)], which: std::ops::Range<usize>, seed: u64, many: u32) {
    let mut dice = Dice(seed);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig { cases: many, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let run = runner.run(&cases(&mut dice, which), |case| {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(check(test, states, &case)))
    });
    match run {
        Ok(()) => {}
        Err(TestError::Fail(why, (state, of, parameters, size))) => {
            panic!("seed {seed}, state {state}, pages of {size}: {of}?{parameters:?}: {why}")
        }
        Err(abort) => panic!("{abort}"),
    }
}

async fn given(backend: Backend) -> Option<Backend> {
    TestMirror::empty(backend).await.map(|_| backend)
}

on_both_databases! { given;
    async fn search_random_queries_find_what_a_naive_filter_finds(backend: Backend) {
        let (seeds, many) = if backend == Backend::Sqlite { (1..=3, 250) } else { (4..=4, 120) };
        for seed in seeds {
            let test = TestMirror::empty(backend).await.expect("a mirror");
            let mut dice = Dice(seed);
            let states = history(&test, &mut dice).await;
            search(&test, &states, 0..states.len(), seed, many);
            // What the old snapshots knew is dropped; the newest is as it was.
            test.writer().await.purge(Timestamp::MAX).await.expect("purged");
            search(&test, &states, states.len() - 1..states.len(), seed + 1000, many / 3);
        }
    }
}
