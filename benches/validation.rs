//! What a body costs before the database: read, judged, and made into what is stored. As a whole,
//! and part by part, so that a change of the whole can be told from a change of one part.
//!
//! This bounds what one core can receive; the goal is 30 µs for parse and validation of a Practitioner of 2.5 kB.

#[path = "shared/mod.rs"]
mod shared;

use std::fmt;
use std::time::Instant;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use jiff::Timestamp;
use sas_endpoint::annuaire::store::resource::ParsedResource;
use sas_endpoint::fhir::content::Content;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::json::{Received, parse};
use sas_endpoint::fhir::resource_type::ResourceType;
use sas_endpoint::sas::deviation::Validation;
use sas_endpoint::sas::validation::Validator;
use shared::bodies;
use shared::goals::Goals;
use shared::measured::Measured;

const TYPES: [ResourceType; 2] = [ResourceType::Practitioner, ResourceType::Appointment];

fn main() {
    for resource_type in TYPES {
        let body = Body::new(resource_type);
        let judged = validator().validate(resource_type, body.text.as_bytes());
        assert!(judged.issues.is_empty(), "{:?}", judged.issues);
        println!("{body}: {} bytes", body.text.len());
    }
    println!("\n{}", parse_and_validate());
    divan::main();
}

/// The median of parse and validation, beside its goal.
fn parse_and_validate() -> Goals {
    const REPETITIONS: usize = 20_000;
    let (validator, body) = (validator(), Body::new(ResourceType::Practitioner));
    let latencies = (0..REPETITIONS).map(|_| {
        let start = Instant::now();
        black_box(validator.validate(body.resource_type, black_box(body.text.as_bytes())));
        start.elapsed()
    });
    let median = Measured::of(latencies.collect()).percentile(0.5).as_secs_f64() * 1e6;
    let what = format!("parse + validate {body} of {} bytes, median", body.text.len());
    let mut goals = Goals::default();
    goals.judged(&what, format!("{median:.1} µs"), "≤ 30 µs", median <= 30.0);
    goals
}

/// Everything that happens to a body that is accepted, but for the write itself.
#[divan::bench(args = TYPES.map(Body::new))]
fn whole(bencher: Bencher, body: &Body) {
    let validator = validator();
    bencher.counter(BytesCount::of_str(&body.text)).bench(|| {
        let judged = validator.validate(body.resource_type, black_box(body.text.as_bytes()));
        stored(&judged.received.expect("legal"))
    });
}

/// Strict JSON.
#[divan::bench(args = TYPES.map(Body::new))]
fn part_1_parse(bencher: Bencher, body: &Body) {
    bencher.bench(|| parse(black_box(body.text.as_bytes()), body.resource_type.as_str()));
}

/// FHIR R4, SAS profiles, SAS rules.
#[divan::bench(args = TYPES.map(Body::new))]
fn part_2_validate(bencher: Bencher, body: &Body) {
    let validator = validator();
    let received = body.received();
    bencher.bench(|| validator.issues(body.resource_type, black_box(&received.value), vec![], None));
}

/// The text that is stored, and the hash by which repetitions are known.
#[divan::bench(args = TYPES.map(Body::new))]
fn part_3_content(bencher: Bencher, body: &Body) {
    let received = body.received();
    bencher.bench(|| stored(black_box(&received)));
}

/// A resource of the directory, from its text to what is kept and indexed: millions are loaded.
#[divan::bench(args = 0..5)]
fn directory(bencher: Bencher, line: usize) {
    let text = include_str!("../tests/fixtures/annuaire.ndjson").lines().nth(line).expect("one of each type");
    bencher.counter(BytesCount::of_str(text)).bench(|| ParsedResource::parse(black_box(text)).expect("a resource"));
}

fn stored(received: &Received) -> String {
    let id = Id::parse("0198c0de-0000-7000-8000-000000000001").expect("an id");
    Content::new(received).stamp(&id, 1, Timestamp::UNIX_EPOCH)
}

fn validator() -> Validator {
    Validator::new(Validation::Tolerant).expect("the profiles compile")
}

struct Body {
    resource_type: ResourceType,
    text: String,
}

impl Body {
    fn new(resource_type: ResourceType) -> Self {
        Self { resource_type, text: bodies::body(resource_type) }
    }

    fn received(&self) -> Received {
        parse(self.text.as_bytes(), self.resource_type.as_str()).expect("legal")
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resource_type.fmt(f)
    }
}
