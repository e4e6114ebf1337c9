use super::*;
use crate::annuaire::ingest::run_log::Part;
use crate::annuaire::store::ChangeCounts;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn schedule(text: &str) -> Schedule {
    text.parse().expect("a schedule")
}

#[test]
fn a_schedule_is_a_time_of_day_or_an_interval() {
    for (text, written) in [
        ("daily at 05:30", "daily at 05:30"),
        ("daily at 00:00", "daily at 00:00"),
        ("every 6h", "every 6h"),
        ("every 1h 30m", "every 1h 30m"),
        ("every PT90M", "every 1h 30m"),
    ] {
        assert_eq!(schedule(text).to_string(), written);
    }
    for text in
        ["", "daily", "daily at 25:00", "daily at 5", "daily at 05:30:10", "hourly", "every", "every day", "every 1d x"]
    {
        let error = text.parse::<Schedule>().expect_err(text);
        assert!(error.contains("daily at 05:30"), "{text}: {error}");
    }
    for text in ["every 59s", "every 0s", "every -6h"] {
        assert!(text.parse::<Schedule>().expect_err(text).contains("at least 1m"), "{text}");
    }
}

#[test]
fn a_time_of_day_is_kept_through_summer_and_winter() {
    let daily = schedule("daily at 05:30");
    for (after, next) in [
        ("2026-03-10T04:29:59Z", "2026-03-10T04:30:00Z"),
        ("2026-03-10T04:30:00Z", "2026-03-11T04:30:00Z"),
        // Summer time begins on 29 March 2026, and ends on 25 October.
        ("2026-03-28T12:00:00Z", "2026-03-29T03:30:00Z"),
        ("2026-10-24T12:00:00Z", "2026-10-25T04:30:00Z"),
        // Late in the evening it is already the next day in France.
        ("2026-07-01T22:30:00Z", "2026-07-02T03:30:00Z"),
    ] {
        assert_eq!(daily.next(instant(after)), instant(next), "after {after}");
    }
}

#[test]
fn a_time_that_is_skipped_comes_later_and_one_that_is_repeated_comes_once() {
    let daily = schedule("daily at 02:30");
    let walk: Vec<_> =
        std::iter::successors(Some(daily.next(instant("2026-03-28T00:00:00Z"))), |at| Some(daily.next(*at)))
            .take(3)
            .map(|at| at.to_string())
            .collect();
    assert_eq!(walk, ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
    let first = daily.next(instant("2026-10-24T12:00:00Z"));
    assert_eq!(first, instant("2026-10-25T00:30:00Z"));
    assert_eq!(daily.next(first), instant("2026-10-26T01:30:00Z"));
}

#[test]
fn an_interval_counts_from_the_last_beginning() {
    assert_eq!(schedule("every 6h").next(instant("2026-03-29T00:10:00Z")), instant("2026-03-29T06:10:00Z"));
}

/// A run that began then; `None`: it was cut off.
fn run(began: &str, types: &[DirectoryType], succeeded: Option<bool>) -> RunRecord {
    let mut record = RunRecord::new(Work::Sync, "https://h".to_owned(), instant(began));
    let part = |of: &DirectoryType| Part {
        resource_type: of.to_string(),
        kind: "delta".to_owned(),
        count: ChangeCounts::default(),
    };
    record.parts = types.iter().map(part).collect();
    if let Some(succeeded) = succeeded {
        record.end(succeeded, String::new(), instant(began));
    }
    record
}

#[test]
fn a_run_is_due_by_what_the_last_ones_did() {
    let daily = schedule("daily at 05:30");
    let now = instant("2026-03-10T12:00:00Z");
    let all = DirectoryType::ALL;
    let good = |began| run(began, &all, Some(true));
    let mut load = good("2026-03-10T11:00:00Z");
    load.work = Work::Load;
    for (records, at) in [
        (vec![], now),
        (vec![good("2026-03-10T04:30:00Z")], instant("2026-03-11T04:30:00Z")),
        // It was missed: at once.
        (vec![good("2026-03-09T04:30:00Z")], instant("2026-03-10T04:30:00Z")),
        (vec![run("2026-03-10T04:30:00Z", &all, Some(false)), good("2026-03-09T04:30:00Z")], now),
        (vec![run("2026-03-10T04:30:00Z", &all[..1], None), good("2026-03-09T04:30:00Z")], now),
        // By hand, over one type.
        (
            vec![run("2026-03-10T09:00:00Z", &all[..1], Some(true)), good("2026-03-10T04:30:00Z")],
            instant("2026-03-11T04:30:00Z"),
        ),
        (vec![load], now),
    ] {
        assert_eq!(plan_sync(&daily, &records, now), at, "{records:?}");
    }
}

#[test]
fn schedule_directory_cut_short_time_and_again_is_asked_less_often() {
    let minutes = [0, 1, 2, 5, 6, 1_000].map(|incomplete| retry_delay(incomplete).as_secs() / 60);
    assert_eq!(minutes, [15, 30, 60, 480, 480, 480]);
}
