//! What a criterion asks of the index, and what the index answers.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use roaring::RoaringBitmap;

use crate::annuaire::search::{Criterion, Matching, Token};
use crate::annuaire::store::index_entry::Field;
use crate::annuaire::store::term;
use crate::annuaire::store::text_folding::fold_case_and_accents;
use crate::fhir::query::date::{DateBound, Interval};
use crate::storage::mirror::{Postings, Segment, TermRange};

/// A criterion, in terms of the index.
pub enum Condition {
    /// Some row of the ranges.
    Any {
        ranges: Vec<TermRange>,
        /// Whether that is all the criterion asks; if not, the resource must be looked at.
        exact: bool,
        /// Whether it must not be so.
        negated: bool,
    },
    /// A row of each range, for one of the values.
    All { values: Vec<Vec<TermRange>>, exact: bool },
    /// A day within the intervals.
    Days { range: TermRange, intervals: Vec<Interval> },
    /// One of these versions.
    Versions(RoaringBitmap),
    /// Nothing is asked.
    Everything,
    /// Nothing is asked of the index; every resource must be looked at.
    ScanAll,
}

/// What the index answers of a segment.
#[derive(Default)]
pub struct Candidates {
    /// These match.
    pub exact: RoaringBitmap,
    /// These may match.
    pub unverified: RoaringBitmap,
}

/// More ranges than this take a while.
const MAX_CHEAP_RANGES: usize = 100;

const MILLISECONDS_A_DAY: i64 = 86_400_000;

impl Condition {
    /// What a criterion asks; `None` for those whose versions must be found first: ids, chains.
    pub fn from_criterion(criterion: &Criterion) -> Option<Self> {
        Some(match criterion {
            Criterion::Id(_) | Criterion::Chain { .. } | Criterion::Has { .. } => return None,
            Criterion::LastUpdated(bounds) => days(bounds),
            Criterion::Period(field, _) => {
                Self::Any { ranges: vec![term::present(*field)], exact: false, negated: false }
            }
            Criterion::Token { field, values, not } => tokens(*field, values, *not),
            Criterion::Text { fields, matching, values } => texts(fields, *matching, values),
            Criterion::Reference { field, ids } => Self::Any {
                ranges: ids.iter().map(|id| term::reference(*field, id)).collect(),
                exact: true,
                negated: false,
            },
            // Every resource has been updated; the index has the day, and no marker beside it.
            Criterion::Missing { fields, missing } if fields.contains(&Field::LastUpdated) => match missing {
                true => Self::Versions(RoaringBitmap::new()),
                false => Self::Everything,
            },
            Criterion::Missing { fields, missing } => Self::Any {
                ranges: fields.iter().map(|field| term::present(*field)).collect(),
                exact: true,
                negated: *missing,
            },
        })
    }

    /// A reference to one of these.
    pub fn referring(field: Field, ids: &[String]) -> Self {
        let ranges = ids.iter().map(|id| term::reference(field, id)).collect();
        Self::Any { ranges, exact: true, negated: false }
    }

    /// Some row of the ranges, and something that only the resource tells.
    pub fn unverified(ranges: Vec<TermRange>) -> Self {
        Self::Any { ranges, exact: false, negated: false }
    }

    /// What must be looked up, in the order in which [`Condition::answer`] expects it.
    pub fn ranges(&self) -> Vec<TermRange> {
        match self {
            Self::Any { ranges, .. } => ranges.clone(),
            Self::All { values, .. } => values.iter().flatten().cloned().collect(),
            Self::Days { range, .. } => vec![range.clone()],
            Self::Versions(_) | Self::Everything | Self::ScanAll => vec![],
        }
    }

    /// Whether answering may take long: resources must be looked at one by one, or much be looked up.
    pub fn is_expensive(&self) -> bool {
        match self {
            Self::Any { exact, ranges, .. } => !exact || ranges.len() > MAX_CHEAP_RANGES,
            Self::All { exact, .. } => !exact,
            Self::Days { intervals, .. } => {
                let bounds = intervals.iter().flat_map(|interval| [interval.start, interval.end]).flatten();
                bounds.into_iter().any(|bound| bound.as_millisecond() % MILLISECONDS_A_DAY != 0)
            }
            Self::ScanAll => true,
            Self::Versions(_) | Self::Everything => false,
        }
    }

    /// Whether few versions of the whole mirror will match, so that all segments must be looked at.
    pub fn is_selective(&self) -> bool {
        let selective = [Field::Identifier, Field::Practitioner, Field::Organization, Field::PartOf];
        match self {
            Self::Any { ranges, negated: false, .. } => {
                ranges.iter().all(|range| selective.iter().any(|field| range.from.first() == Some(&(*field as u8))))
            }
            Self::Versions(_) => true,
            _ => false,
        }
    }

    /// What a segment answers; `numbers` are those of its ranges among the postings.
    pub fn answer(&self, segment: &Segment, postings: &Postings, numbers: &[usize]) -> Candidates {
        let all = || {
            // By its ends: number by number, it would take longer than everything else.
            let mut all = RoaringBitmap::new();
            all.insert_range(segment.first..=segment.last);
            all
        };
        let posting = |n: &usize| postings.get(&(segment.id, *n));
        let answer = |found: RoaringBitmap, exact: bool| match exact {
            true => Candidates { exact: found, unverified: RoaringBitmap::new() },
            false => Candidates { exact: RoaringBitmap::new(), unverified: found },
        };
        match self {
            Self::Everything => answer(all(), true),
            Self::ScanAll => answer(all(), false),
            Self::Versions(versions) => answer(versions & all(), true),
            Self::Any { exact, negated, .. } => {
                let mut found = RoaringBitmap::new();
                for posting in numbers.iter().filter_map(posting) {
                    found |= &posting.versions;
                }
                answer(if *negated { all() - found } else { found }, *exact)
            }
            Self::All { values, exact } => {
                let mut found = RoaringBitmap::new();
                let mut rest = numbers;
                for pieces in values {
                    let (numbers, later) = rest.split_at(pieces.len().min(rest.len()));
                    rest = later;
                    let mut each = numbers.iter().map(posting);
                    let first = each.next().map_or_else(|| Some(all()), |first| Some(first?.versions.clone()));
                    let both = each.try_fold(first.unwrap_or_default(), |both, other| Some(both & &other?.versions));
                    found |= both.unwrap_or_default();
                }
                answer(found, *exact)
            }
            Self::Days { intervals, .. } => {
                let (mut exact, mut unverified) = (RoaringBitmap::new(), RoaringBitmap::new());
                for (term, versions) in numbers.iter().filter_map(posting).flat_map(|posting| &posting.terms) {
                    match covers(intervals, term) {
                        Some(true) => exact |= versions,
                        Some(false) => unverified |= versions,
                        None => {}
                    }
                }
                Candidates { exact, unverified }
            }
        }
    }
}

impl Candidates {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.unverified.is_empty()
    }

    /// Takes the first ones away, at most `count`.
    pub fn take_first(&mut self, count: usize) -> Self {
        let all = &self.exact | &self.unverified;
        let nth = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
        let Some(last) = all.select(nth).or(all.max()) else { return Self::default() };
        let mut first = Self { exact: self.exact.clone(), unverified: self.unverified.clone() };
        for (first, rest) in [(&mut first.exact, &mut self.exact), (&mut first.unverified, &mut self.unverified)] {
            rest.remove_range(..=last);
            *first -= &*rest;
        }
        first
    }

    /// What matches both.
    pub fn and(self, other: Self) -> Self {
        let all = (&self.exact | &self.unverified) & (&other.exact | &other.unverified);
        let exact = self.exact & other.exact;
        Self { unverified: all - &exact, exact }
    }

    /// Those after a number, up to another.
    pub fn between(mut self, after: u32, last: u32) -> Self {
        for set in [&mut self.exact, &mut self.unverified] {
            set.remove_range(..=after);
            if let Some(next) = last.checked_add(1) {
                set.remove_range(next..);
            }
        }
        self
    }

    /// Without these.
    pub fn without(self, others: &RoaringBitmap) -> Self {
        Self { exact: self.exact - others, unverified: self.unverified - others }
    }
}

fn tokens(field: Field, values: &[Token], negated: bool) -> Condition {
    let range = |value: &Token| match value {
        Token::Code(code) => term::code(field, code),
        Token::Both { system, code } => term::code_of(field, system, code),
        Token::System(system) => term::any_of(field, system),
    };
    let is_exact = |value: &Token| match value {
        Token::Code(text) | Token::System(text) => term::is_exactly_indexable(text),
        Token::Both { system, code } => term::is_exactly_indexable(system) && term::is_exactly_indexable(code),
    };
    if values.iter().all(is_exact) {
        return Condition::Any { ranges: values.iter().map(range).collect(), exact: true, negated };
    }
    if negated {
        // What shares its first two hundred bytes with the value may well not have it.
        return Condition::All { values: vec![vec![]], exact: false };
    }
    Condition::Any { ranges: values.iter().map(range).collect(), exact: false, negated }
}

fn texts(fields: &[Field], matching: Matching, values: &[String]) -> Condition {
    let is_exact = values
        .iter()
        .all(|value| term::is_exactly_indexable(value) && term::is_exactly_indexable(&fold_case_and_accents(value)));
    let of_fields = |range: &dyn Fn(Field, &str) -> TermRange| {
        values.iter().flat_map(|value| fields.iter().map(|field| range(*field, value)).collect::<Vec<_>>()).collect()
    };
    match matching {
        Matching::Exact => Condition::Any { ranges: of_fields(&term::exact), exact: is_exact, negated: false },
        Matching::Prefix => {
            let prefix = |field: Field, value: &str| term::prefix(field, &fold_case_and_accents(value));
            Condition::Any { ranges: of_fields(&prefix), exact: is_exact, negated: false }
        }
        Matching::Contains => {
            let Some(first) = fields.first() else { return Condition::Everything };
            if values.iter().any(|value| fold_case_and_accents(value).is_empty()) {
                // Accents alone: every text contains nothing.
                let ranges = fields.iter().map(|field| term::present(*field)).collect();
                return Condition::Any { ranges, exact: true, negated: false };
            }
            let group = term::group(*first);
            let short =
                is_exact && values.iter().all(|value| fold_case_and_accents(value).chars().count() <= term::GRAM);
            let values = values.iter().map(|value| term::grams_of(group, &fold_case_and_accents(value))).collect();
            Condition::All { values, exact: short && fields.len() == term::size_of_group(*first) }
        }
    }
}

fn days(bounds: &[DateBound]) -> Condition {
    let intervals: Vec<_> = bounds.iter().flat_map(DateBound::intervals).collect();
    let first = intervals.iter().map(|interval| interval.start).min().flatten().map(term::day);
    let last = intervals.iter().map(|interval| interval.end);
    let last = if last.clone().any(|end| end.is_none()) { None } else { last.flatten().max().map(term::day) };
    Condition::Days { range: term::days(first, last), intervals }
}

/// Whether all of the term's day lies in an interval, or some of it; `None` if nothing does.
fn covers(intervals: &[Interval], term: &[u8]) -> Option<bool> {
    let day: jiff::civil::Date = term::value(term)?.parse().ok()?;
    let midnight = |day: jiff::civil::Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let next = day.checked_add(1.day()).ok().and_then(midnight);
    // The last day has no midnight after it.
    let (first, next) = (midnight(day)?, next.unwrap_or(Timestamp::MAX));
    let whole = |interval: &Interval| {
        interval.start.is_none_or(|start| start <= first) && interval.end.is_none_or(|end| next <= end)
    };
    let some = |interval: &Interval| {
        interval.start.is_none_or(|start| start < next) && interval.end.is_none_or(|end| first < end)
    };
    if intervals.iter().any(whole) { Some(true) } else { intervals.iter().any(some).then_some(false) }
}
