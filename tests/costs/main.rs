//! What a body costs is in proportion to its size, and bounded, whatever its shape.
//!
//! Costs are counted, not timed: allocations and bytes are the same on each machine and in each build. A program
//! of its own, since the counting allocator is one for the whole process. CPU time is measured by the scenario
//! `bodies` of `make faults`.

#[path = "../support/shapes.rs"]
mod shapes;

use std::hint::black_box;
use std::sync::LazyLock;

use allocation_counter::{AllocationInfo, measure};
use jiff::Timestamp;
use sas_endpoint::fhir::content::Content;
use sas_endpoint::fhir::id::Id;
use sas_endpoint::fhir::operation_outcome::operation_outcome;
use sas_endpoint::fhir::resource_type::ResourceType;
use sas_endpoint::issue::{Issue, Language, MAX_ISSUES};
use sas_endpoint::sas::deviation::Validation;
use sas_endpoint::sas::validation::Validator;
use shapes::{SHAPES, Shape};

/// A quarter of the largest body that is read: it shows as much, in less time.
const LARGE: usize = 256 << 10;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| Validator::new(Validation::Tolerant).expect("the profiles compile"));

/// Everything that is done with a body before it is stored, or refused in sentences.
fn cost(shape: &Shape, body: &str) -> (AllocationInfo, Vec<Issue>) {
    let resource_type = ResourceType::parse(shape.resource_type).expect("a type");
    let id = Id::parse("a1").expect("an id");
    LazyLock::force(&VALIDATOR);
    let mut issues = vec![];
    let info = measure(|| {
        let validated = VALIDATOR.validate(resource_type, body.as_bytes());
        black_box(operation_outcome(&validated.issues, Language::French).to_string());
        if let Some(received) = &validated.received {
            black_box(Content::new(received).stamp(&id, 1, Timestamp::UNIX_EPOCH));
        }
        issues = validated.issues;
    });
    (info, issues)
}

#[test]
fn cost_of_a_hostile_body_grows_with_its_size() {
    // Warmed up: what is made once for all bodies is not of the first one.
    cost(&SHAPES[0], &SHAPES[0].body(10_000, 100));
    for shape in &SHAPES {
        let [one, two, four] = [1, 2, 4].map(|times| {
            let body = shape.body(4 * LARGE, times * 500);
            let (AllocationInfo { count_total, bytes_total, bytes_max, .. }, _) = cost(shape, &body);
            [body.len() as u64, count_total, bytes_total, bytes_max]
        });
        for (measure, index) in [("bytes at once", 3), ("bytes", 2), ("allocations", 1)] {
            // Twice as much at twice the size, or three times where a table has just grown; were it the square, four.
            let added = |larger: [u64; 4], smaller: [u64; 4]| larger[index].saturating_sub(smaller[index]) as f64;
            let (first, second) = (added(two, one), added(four, two));
            let allowed = 3.0 * first + 200_000.0;
            assert!(second <= allowed, "{}: {measure}: {one:?}, {two:?}, {four:?}", shape.name);
        }
    }
}

#[test]
fn cost_of_a_large_hostile_body_is_bounded() {
    for shape in &SHAPES {
        for body in [shape.of_bytes(LARGE), shape.within_bounds(LARGE)] {
            assert!(body.len() <= LARGE, "{}: {}", shape.name, body.len());
            let (AllocationInfo { count_total, bytes_total, bytes_max, .. }, issues) = cost(shape, &body);
            assert!(bytes_max <= 16 << 20, "{}: {bytes_max} bytes at once", shape.name);
            assert!(bytes_total <= 32 << 20, "{}: {bytes_total} bytes", shape.name);
            assert!(count_total <= 300_000, "{}: {count_total} allocations", shape.name);
            let reported: usize = issues.iter().map(|issue| issue.text(Language::French).len()).sum();
            assert!(issues.len() <= 4 * MAX_ISSUES && reported <= 256 << 10, "{}: {} issues", shape.name, issues.len());
            assert!(issues.iter().any(Issue::is_error), "{} is accepted", shape.name);
        }
    }
}
