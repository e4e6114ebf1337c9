//! Plans the walk of a type: full, delta, or the rest of an interrupted one.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::annuaire::ingest::sync_state::{SyncCursor, SyncPhase, SyncState};

/// Maximum age of a mark for a delta: the directory has the changes of the last 30 days only.
const MAX_MARK_AGE: SignedDuration = SignedDuration::from_hours(25 * 24);

/// Maximum age of the last full walk: only a full walk finds removals. Less than a month, so that a monthly schedule
/// finds it due.
const MAX_FULL_SYNC_AGE: SignedDuration = SignedDuration::from_hours(28 * 24);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    #[default]
    Due,
    Full,
    Since(Date),
}

/// The walk that is due: a new one, or the interrupted one.
pub fn plan_sync(state: &SyncState, asked: SyncMode, now: Timestamp) -> SyncCursor {
    let interrupted = state.cursor.as_ref().filter(|walk| is_recent(walk.began.unwrap_or(now), now));
    let stage = match asked {
        SyncMode::Full => SyncPhase::Full,
        SyncMode::Since(since) => SyncPhase::Delta { since, completes: None },
        // A full walk with suppressed deletions would most often suppress them again: deltas continue until deletions
        // are allowed or the next full walk is due.
        SyncMode::Due => {
            match (state.high_water_mark, state.last_full_sync.max(state.held_back.map(|held_back| held_back.at))) {
                (Some(mark), Some(whole)) if is_recent(mark, now) && now.duration_since(whole) <= MAX_FULL_SYNC_AGE => {
                    SyncPhase::changes_since(mark, None)
                }
                _ => SyncPhase::Full,
            }
        }
    };
    let continues = |walk: &&SyncCursor| match asked {
        // An interrupted full walk is resumed before a delta: it does more.
        SyncMode::Due => walk.phase.is_full() || !stage.is_full(),
        SyncMode::Full => walk.phase.is_full(),
        SyncMode::Since(_) => walk.phase == stage,
    };
    interrupted.filter(continues).cloned().unwrap_or_else(|| SyncCursor::over(stage))
}

fn is_recent(instant: Timestamp, now: Timestamp) -> bool {
    now.duration_since(instant) <= MAX_MARK_AGE
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::annuaire::ingest::sync_state::DeletionsSuppressed;

    fn now() -> Timestamp {
        "2026-03-10T05:30:00Z".parse().expect("an instant")
    }

    fn days_ago(days: i64) -> Timestamp {
        now() - (days * 24).hours()
    }

    fn marked(mark: i64, whole: i64) -> SyncState {
        SyncState {
            high_water_mark: Some(days_ago(mark)),
            last_full_sync: Some(days_ago(whole)),
            ..SyncState::empty("https://h")
        }
    }

    fn changes(since: Date) -> SyncPhase {
        SyncPhase::Delta { since, completes: None }
    }

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    #[test]
    fn plan_delta_reaches_a_day_before_the_mark() {
        assert_eq!(plan_sync(&marked(1, 1), SyncMode::Due, now()), SyncCursor::over(changes(day("2026-03-08"))));
        let mut state = marked(1, 1);
        state.high_water_mark = Some("2026-03-10T00:10:00Z".parse().expect("an instant"));
        assert_eq!(plan_sync(&state, SyncMode::Due, now()).phase, changes(day("2026-03-09")));
    }

    #[test]
    fn plan_full_is_due_without_a_mark_with_an_old_one_and_monthly() {
        for (state, full) in [
            (SyncState::empty("https://h"), true),
            (marked(25, 25), false),
            (marked(26, 26), true),
            (marked(1, 28), false),
            (marked(1, 29), true),
        ] {
            assert_eq!(plan_sync(&state, SyncMode::Due, now()).phase == SyncPhase::Full, full, "{state:?}");
        }
    }

    #[test]
    fn plan_deletions_suppressed_deltas_follow_for_a_month() {
        for (whole, held_back, full) in [(None, 1, false), (Some(40), 1, false), (Some(40), 29, true), (None, 29, true)]
        {
            let held_back = DeletionsSuppressed { unseen: 1, of: 2, at: days_ago(held_back) };
            let state = SyncState { last_full_sync: whole.map(days_ago), held_back: Some(held_back), ..marked(1, 1) };
            assert_eq!(plan_sync(&state, SyncMode::Due, now()).phase == SyncPhase::Full, full, "{state:?}");
        }
    }

    #[test]
    fn plan_requested_mode_wins() {
        assert_eq!(plan_sync(&marked(1, 1), SyncMode::Full, now()), SyncCursor::over(SyncPhase::Full));
        let since = day("2025-01-01");
        assert_eq!(
            plan_sync(&SyncState::empty("https://h"), SyncMode::Since(since), now()),
            SyncCursor::over(changes(since))
        );
    }

    #[test]
    fn plan_interrupted_walk_is_resumed_where_it_does_what_is_requested() {
        let since = day("2026-03-01");
        let under_way = |stage, days| SyncCursor {
            began: Some(days_ago(days)),
            next: Some("https://h/_page?id=u".to_owned()),
            ..SyncCursor::over(stage)
        };
        let completing = SyncPhase::Delta { since, completes: Some(days_ago(1)) };
        for (stage, days, asked, continued) in [
            (SyncPhase::Full, 1, SyncMode::Due, true),
            (SyncPhase::Full, 1, SyncMode::Full, true),
            (SyncPhase::Full, 26, SyncMode::Due, false),
            (SyncPhase::Full, 1, SyncMode::Since(since), false),
            (completing, 1, SyncMode::Full, true),
            (completing, 1, SyncMode::Since(since), false),
            (changes(since), 1, SyncMode::Due, true),
            (changes(since), 1, SyncMode::Since(since), true),
            (changes(since), 1, SyncMode::Since(day("2026-03-02")), false),
            (changes(since), 1, SyncMode::Full, false),
        ] {
            let walk = under_way(stage, days);
            let state = SyncState { cursor: Some(walk.clone()), ..marked(2, 2) };
            assert_eq!(plan_sync(&state, asked, now()) == walk, continued, "{walk:?} {asked:?}");
        }
        // A delta is not resumed where a full walk is due.
        let state = SyncState { cursor: Some(under_way(changes(since), 1)), ..marked(2, 29) };
        assert_eq!(plan_sync(&state, SyncMode::Due, now()), SyncCursor::over(SyncPhase::Full));
    }
}
