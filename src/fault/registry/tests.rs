//! Counts, times and order of armed faults.

use std::sync::atomic::AtomicI64;

use super::*;
use crate::access::caller::{Caller, Credential};
use crate::access::right::Right;
use crate::access::token::TokenHash;
use crate::fhir::id::Id;
use crate::fhir::identifier::Identifier;

/// A caller “bob” of the FHIR API.
fn callers() -> Callers {
    let mut callers = Callers::default();
    let bob = Caller { name: "bob".to_owned(), rights: vec![Right::Read] };
    callers.add(bob, Credential::Token(TokenHash::from_token("bob-0123456789"))).expect("the only one");
    callers
}

/// Faults with a clock that the test sets, in seconds.
fn faults() -> (Faults, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(0));
    let of_clock = seconds.clone();
    let now = move || Timestamp::from_second(of_clock.load(Ordering::Relaxed)).expect("a time");
    (Faults::new(Mode::On, callers(), Clock::new(now, || Id::parse("a").expect("an id"))), seconds)
}

fn arm(faults: &Faults, json: &str) -> ListedFault {
    faults.arm(Fault::parse(json.as_bytes()).expect("a fault")).expect("armed")
}

const WRITE: MatchOn<'static> = MatchOn {
    interaction: "conditional-update",
    resource_type: Some("Practitioner"),
    caller: None,
    identifiers: &[],
    has_no_body: false,
};

#[test]
fn fault_first_armed_that_matches_acts_as_often_as_it_is_to() {
    let (faults, _) = faults();
    assert!(!faults.is_armed());
    assert_eq!(faults.take(&WRITE), None);
    let appointments = arm(&faults, r#"{"kind": "cut-before", "match": {"type": "Appointment"}}"#);
    let twice = arm(&faults, r#"{"kind": "cut-before", "count": 2}"#);
    let once = arm(&faults, r#"{"kind": "delay", "delay": "1500ms"}"#);
    assert!(faults.is_armed());
    for expected in [&twice, &twice, &once] {
        assert_eq!(faults.take(&WRITE).expect("a fault").id, expected.id);
    }
    assert_eq!(faults.take(&WRITE), None);
    assert_eq!(faults.list().iter().map(|fault| fault.left).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(faults.find(&once.id).expect("listed").json()["delay"], "1s 500ms");
    assert_eq!(faults.end(&appointments.id).map(|fault| fault.id), Some(appointments.id.clone()));
    assert!(faults.end(&appointments.id).is_none());
    assert!(!faults.is_armed());
}

#[test]
fn fault_that_could_not_act_is_given_back_once() {
    let (faults, _) = faults();
    arm(&faults, r#"{"kind": "cut-after-commit"}"#);
    let acting = faults.take(&WRITE).expect("a fault");
    assert!(!faults.is_armed());
    faults.give_back(&acting);
    faults.give_back(&acting);
    assert_eq!(faults.list()[0].left, 1);
    assert!(faults.take(&WRITE).is_some() && faults.take(&WRITE).is_none());
    // Ended meanwhile.
    faults.end(&acting.id);
    faults.give_back(&acting);
    assert!(!faults.is_armed() && faults.list().is_empty());
}

#[test]
fn fault_ends_with_its_time() {
    let (faults, seconds) = faults();
    let fault = arm(&faults, r#"{"kind": "cut-before", "count": 9, "for": "1m"}"#);
    seconds.store(59, Ordering::Relaxed);
    assert!(faults.take(&WRITE).is_some());
    seconds.store(60, Ordering::Relaxed);
    assert!(faults.take(&WRITE).is_none() && !faults.is_armed());
    assert!(faults.list().is_empty() && faults.end(&fault.id).is_none());
}

#[test]
fn faults_are_64_at_most_of_which_those_that_have_acted_make_room() {
    let (faults, _) = faults();
    let first = arm(&faults, r#"{"kind": "cut-before"}"#);
    for _ in 1..MAX_FAULTS {
        arm(&faults, r#"{"kind": "cut-before"}"#);
    }
    let another = || faults.arm(Fault::parse(br#"{"kind": "cut-before"}"#).expect("a fault"));
    assert_eq!(another(), Err(ArmError::TooMany));
    assert!(faults.take(&WRITE).is_some());
    assert_eq!(faults.find(&first.id).expect("listed").left, 0);
    assert!(another().is_ok());
    assert!(faults.find(&first.id).is_none() && faults.list().len() == MAX_FAULTS);
}

#[test]
fn faults_that_are_off_cannot_be_armed() {
    let fault = Fault::parse(br#"{"kind": "cut-before"}"#).expect("a fault");
    let refused = Faults::off().arm(fault).expect_err("off");
    assert!(refused.to_string().contains("SAS_FAULTS"));
}

#[test]
fn fault_acts_only_on_requests_that_it_can_act_on() {
    let (faults, _) = faults();
    arm(&faults, r#"{"kind": "cut-after-commit"}"#);
    arm(&faults, r#"{"kind": "invalid-json"}"#);
    let read = MatchOn { interaction: "read", ..WRITE };
    assert!(faults.take(&MatchOn { has_no_body: true, ..read }).is_none());
    assert_eq!(faults.take(&read).expect("a fault").kind(), FaultKind::InvalidJson);
    assert!(faults.take(&read).is_none());
    assert_eq!(faults.take(&WRITE).expect("a fault").kind(), FaultKind::CutAfterCommit);
}

#[test]
fn fault_identifiers_are_wanted_only_while_one_is_to_be_matched() {
    let (faults, _) = faults();
    arm(&faults, r#"{"kind": "cut-before"}"#);
    assert!(!faults.matches_identifiers());
    arm(&faults, r#"{"kind": "delay", "delay": "1s", "match": {"identifier": "s|2"}}"#);
    assert!(faults.matches_identifiers());
    faults.take(&WRITE).expect("the first");
    assert!(faults.take(&WRITE).is_none());
    let identifiers = [Identifier::new("s", "2")];
    assert!(faults.take(&MatchOn { identifiers: &identifiers, ..WRITE }).is_some());
    assert!(!faults.matches_identifiers());
}

#[test]
fn fault_taken_by_many_at_once_never_acts_once_more() {
    let (faults, _) = faults();
    arm(&faults, r#"{"kind": "cut-before", "count": 100}"#);
    let taken: usize = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let faults = faults.clone();
                scope.spawn(move || (0..200).filter(|_| faults.take(&WRITE).is_some()).count())
            })
            .collect();
        takers.into_iter().map(|taker| taker.join().expect("no panic")).sum()
    });
    assert_eq!((taken, faults.list()[0].left, faults.is_armed()), (100, 0, false));
}

#[test]
fn fault_taken_by_many_at_once_never_acts_after_its_time() {
    let (faults, seconds) = faults();
    arm(&faults, r#"{"kind": "cut-before", "count": 10000, "for": "1m"}"#);
    let taken = std::thread::scope(|scope| {
        let takers = [(); 4].map(|()| {
            scope.spawn(|| {
                let (mut in_time, mut late) = (0, 0);
                for _ in 0..2_000 {
                    // One of them sees its hundredth, and the time has come for all.
                    if in_time == 100 {
                        seconds.store(60, Ordering::SeqCst);
                    }
                    let has_ended = seconds.load(Ordering::SeqCst) == 60;
                    match faults.take(&WRITE) {
                        Some(_) if has_ended => late += 1,
                        Some(_) => in_time += 1,
                        None => {}
                    }
                }
                (in_time, late)
            })
        });
        takers.map(|taker| taker.join().expect("no panic"))
    });
    assert!(taken.iter().any(|(in_time, _)| *in_time >= 100), "{taken:?}");
    assert!(taken.iter().all(|(_, late)| *late == 0), "{taken:?}");
    assert!(!faults.is_armed() && faults.list().is_empty());
}

#[test]
fn fault_for_an_unknown_caller_is_refused() {
    let (faults, _) = faults();
    let of = |caller: &str| {
        Fault::parse(format!(r#"{{"kind": "cut-before", "match": {{"caller": "{caller}"}}}}"#).as_bytes())
    };
    assert_eq!(faults.arm(of("bobby").expect("a fault")), Err(ArmError::UnknownCaller));
    faults.arm(of("bob").expect("a fault")).expect("armed");
    assert!(faults.take(&WRITE).is_none());
    assert!(faults.take(&MatchOn { caller: Some("bob"), ..WRITE }).is_some());
}
