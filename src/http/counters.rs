//! What this instance has answered in the last day, by the minute, in memory: for people who look at the console.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// Minutes that are kept.
const MINUTES: i64 = 24 * 60;

/// Two buckets an octave, from an eighth of a millisecond to a quarter of an hour.
const BUCKETS: usize = 46;
const FIRST_BUCKET_US: u128 = 125;

/// Answers by class of status: 2xx, 3xx, 4xx, 5xx.
pub(crate) type ByStatus = [u32; 4];

/// Counts answers. Cheap to clone.
#[derive(Clone)]
pub struct Counters {
    slots: Arc<Mutex<VecDeque<Slot>>>,
    clock: Clock,
}

/// A minute with answers.
struct Slot {
    /// Since 1970.
    minute: i64,
    by_status: ByStatus,
    latencies: [u32; BUCKETS],
    /// Their number is that of rules at most.
    refusals: BTreeMap<&'static str, u32>,
}

/// What was answered in some minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    pub by_status: ByStatus,
    /// Milliseconds within which half of all answers were given; `None` without answers.
    pub p50: Option<f64>,
    /// The same of 99 in 100.
    pub p99: Option<f64>,
}

impl Counters {
    /// Counters by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { slots: Arc::default(), clock }
    }

    /// Counts an answer, and the rules that it cites if it is a refusal. Without a duration where it began is not known.
    pub(crate) fn record(&self, status: u16, elapsed: Option<Duration>, rules: impl Iterator<Item = &'static str>) {
        let minute = minute_of(self.clock.now());
        let mut slots = self.lock();
        // A clock that is set back counts in the newest minute.
        if slots.back().is_none_or(|last| last.minute < minute) {
            while slots.front().is_some_and(|first| first.minute <= minute - MINUTES) {
                slots.pop_front();
            }
            slots.push_back(Slot { minute, by_status: [0; 4], latencies: [0; BUCKETS], refusals: BTreeMap::new() });
        }
        let Some(slot) = slots.back_mut() else { return };
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        slot.by_status[class] += 1;
        if let Some(elapsed) = elapsed {
            slot.latencies[bucket(elapsed)] += 1;
        }
        if status >= 400 {
            for rule in rules {
                *slot.refusals.entry(rule).or_default() += 1;
            }
        }
    }

    /// The last `columns` times `minutes` minutes, oldest first, each with its beginning.
    pub(crate) fn columns(&self, columns: i64, minutes: i64) -> Vec<(Timestamp, Counted)> {
        // Columns begin at multiples of their length.
        let end = minute_of(self.clock.now()).div_euclid(minutes) * minutes + minutes;
        let slots = self.lock();
        let of_column = |column: i64| {
            let from = end - (columns - column) * minutes;
            // They are in the order of time.
            let [first, end] = [from, from + minutes].map(|minute| slots.partition_point(|slot| slot.minute < minute));
            let counted = Counted::sum(slots.range(first..end));
            Some((Timestamp::from_second(from * 60).ok()?, counted))
        };
        (0..columns).filter_map(of_column).collect()
    }

    /// How often each rule was cited by refusals in the last `minutes` minutes, most often first.
    pub(crate) fn refusals(&self, minutes: i64) -> Vec<(&'static str, u32)> {
        let after = minute_of(self.clock.now()) - minutes;
        let mut sums = BTreeMap::<_, u32>::new();
        for slot in self.lock().iter().filter(|slot| slot.minute > after) {
            for (rule, number) in &slot.refusals {
                *sums.entry(*rule).or_default() += number;
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        sums
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn sum<'a>(slots: impl Iterator<Item = &'a Slot>) -> Self {
        let (mut by_status, mut latencies) = ([0; 4], [0; BUCKETS]);
        for slot in slots {
            let add = |sums: &mut [u32], more: &[u32]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            add(&mut by_status, &slot.by_status);
            add(&mut latencies, &slot.latencies);
        }
        Self { by_status, p50: quantile(&latencies, 50), p99: quantile(&latencies, 99) }
    }

    pub fn total(&self) -> u32 {
        self.by_status.iter().sum()
    }
}

fn minute_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

/// The bucket of a duration: the first whose upper bound is not below it.
fn bucket(elapsed: Duration) -> usize {
    let is_below = |bucket: &usize| elapsed.as_micros() > upper_bound_us(*bucket);
    (0..BUCKETS - 1).take_while(is_below).count()
}

/// 125, 187, 250, 375, 500 µs and so on.
fn upper_bound_us(bucket: usize) -> u128 {
    let octave = FIRST_BUCKET_US << (bucket / 2);
    if bucket.is_multiple_of(2) { octave } else { octave + octave / 2 }
}

/// The upper bound, in milliseconds, of the bucket that has this percentile.
fn quantile(latencies: &[u32; BUCKETS], percentile: u64) -> Option<f64> {
    let all: u64 = latencies.iter().map(|number| u64::from(*number)).sum();
    let rank = (all * percentile).div_ceil(100).max(1);
    let mut seen = 0;
    let found = latencies.iter().position(|number| {
        seen += u64::from(*number);
        seen >= rank
    })?;
    Some(upper_bound_us(found) as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::fhir::id::Id;

    /// Counters with a clock that begins at minute 1,000 and is set by the other.
    fn counters() -> (Counters, Arc<AtomicI64>) {
        let minute = Arc::new(AtomicI64::new(1_000));
        let of_clock = minute.clone();
        let now = move || Timestamp::from_second(60 * of_clock.load(Ordering::Relaxed) + 30).expect("a time");
        (Counters::new(Clock::new(now, || Id::parse("a").expect("an id"))), minute)
    }

    #[test]
    fn counters_have_statuses_latencies_and_refusals_by_minute() {
        let (counters, minute) = counters();
        for milliseconds in 1..=100 {
            counters.record(200, Some(Duration::from_millis(milliseconds)), std::iter::empty());
        }
        minute.store(1_001, Ordering::Relaxed);
        counters.record(422, Some(Duration::from_micros(90)), ["a", "b"].into_iter());
        counters.record(503, Some(Duration::from_hours(2)), ["b"].into_iter());
        counters.record(304, Some(Duration::from_micros(300)), ["warning"].into_iter());
        let [first, second] = &counters.columns(2, 1)[..] else { panic!("two columns") };
        assert_eq!((first.0.as_second(), first.1.by_status), (60_000, [100, 0, 0, 0]));
        assert_eq!((first.1.p50, first.1.p99), (Some(64.0), Some(128.0)));
        assert_eq!((second.1.by_status, second.1.total()), ([0, 1, 1, 1], 3));
        assert_eq!(second.1.p50, Some(0.375));
        assert_eq!(counters.refusals(1), [("b", 2), ("a", 1)]);
        assert_eq!(counters.columns(1, 15)[0].1.by_status, [100, 1, 1, 1]);
    }

    #[test]
    fn counters_forget_what_is_a_day_old_and_stay_small() {
        let (counters, minute) = counters();
        for now in 1_000..1_000 + 2 * MINUTES {
            minute.store(now, Ordering::Relaxed);
            counters.record(404, None, ["a"].into_iter());
        }
        assert_eq!(counters.lock().len(), usize::try_from(MINUTES).expect("a number"));
        assert!(size_of::<Slot>() * counters.lock().len() < 512 << 10);
        assert_eq!(counters.columns(96, 15).iter().map(|(_, counted)| counted.total()).max(), Some(15));
        assert_eq!(counters.refusals(MINUTES), [("a", 1_440)]);
        // A clock that is set back.
        minute.store(900, Ordering::Relaxed);
        counters.record(404, None, std::iter::empty());
        assert_eq!(counters.lock().len(), usize::try_from(MINUTES).expect("a number"));
    }

    #[test]
    fn counters_without_answers_have_no_latency() {
        let (counters, _) = counters();
        assert!(counters.columns(60, 1).iter().all(|(_, counted)| *counted == Counted::default()));
        assert_eq!(quantile(&[0; BUCKETS], 99), None);
        assert!(upper_bound_us(BUCKETS - 1) > 500_000_000);
    }
}
