//! Conditions: what a criterion looks up in the index, and the candidates that a segment has.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use roaring::RoaringBitmap;

use crate::annuaire::search::{Criterion, Matching, Token};
use crate::annuaire::store::index_entry::Field;
use crate::annuaire::store::term;
use crate::annuaire::store::text_folding::fold_case_and_accents;
use crate::fhir::query::date::{DateBound, Interval};
use crate::storage::mirror::{Postings, Segment, TermRange};

/// A criterion as a lookup in the index.
pub enum Condition {
    /// A term in one of the ranges.
    Any {
        ranges: Vec<TermRange>,
        /// Whether the term decides the criterion. If not, the resource must be verified.
        exact: bool,
        /// Whether the versions without such a term match.
        negated: bool,
    },
    /// For one of the values, a term in each of its ranges.
    All {
        values: Vec<Vec<TermRange>>,
        exact: bool,
    },
    /// A day that the intervals have a part of.
    Days {
        range: TermRange,
        intervals: Vec<Interval>,
    },
    Versions(RoaringBitmap),
    Everything,
    /// The index cannot help: every resource must be verified.
    ScanAll,
}

/// The versions of a segment that may match.
#[derive(Default)]
pub struct Candidates {
    pub exact: RoaringBitmap,
    /// The resource must be verified.
    pub unverified: RoaringBitmap,
}

/// Looking up more ranges counts as expensive.
const MAX_CHEAP_RANGES: usize = 100;

const MILLISECONDS_A_DAY: i64 = 86_400_000;

impl Condition {
    /// The condition of a criterion; `None` for ids and chains, whose versions must be found first.
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
            // Every resource has `meta.lastUpdated`; the index has no marker for it.
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

    /// A reference to one of the ids.
    pub fn referring(field: Field, ids: &[String]) -> Self {
        let ranges = ids.iter().map(|id| term::reference(field, id)).collect();
        Self::Any { ranges, exact: true, negated: false }
    }

    /// A term in one of the ranges; the resource must be verified.
    pub fn unverified(ranges: Vec<TermRange>) -> Self {
        Self::Any { ranges, exact: false, negated: false }
    }

    /// The ranges to look up, in the order that [`Condition::answer`] expects.
    pub fn ranges(&self) -> Vec<TermRange> {
        match self {
            Self::Any { ranges, .. } => ranges.clone(),
            Self::All { values, .. } => values.iter().flatten().cloned().collect(),
            Self::Days { range, .. } => vec![range.clone()],
            Self::Versions(_) | Self::Everything | Self::ScanAll => vec![],
        }
    }

    /// Whether the condition may take long: it verifies resources one by one, or looks up many ranges.
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

    /// Whether few versions of the mirror match, so that a page needs all segments.
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

    /// The candidates of a segment. `numbers` are the numbers of this condition's ranges in the postings.
    pub fn answer(&self, segment: &Segment, postings: &Postings, numbers: &[usize]) -> Candidates {
        let all = || {
            // As one range: inserting number by number would dominate the search.
            let mut all = RoaringBitmap::new();
            all.insert_range(segment.first..=segment.last);
            all
        };
        let posting = |n: &usize| postings.get(&(segment.id, *n));
        let answer = |found: RoaringBitmap, exact: bool| {
            let (exact, unverified) = if exact { (found, RoaringBitmap::new()) } else { (RoaringBitmap::new(), found) };
            Candidates { exact, unverified }
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
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.unverified.is_empty()
    }

    /// Removes the first candidates, at most `count`, and returns them.
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

    /// The candidates of both conditions.
    pub fn and(self, other: Self) -> Self {
        let all = (&self.exact | &self.unverified) & (&other.exact | &other.unverified);
        let exact = self.exact & other.exact;
        Self { unverified: all - &exact, exact }
    }

    /// The candidates after `after`, up to `last`.
    pub fn between(mut self, after: u32, last: u32) -> Self {
        for set in [&mut self.exact, &mut self.unverified] {
            set.remove_range(..=after);
            if let Some(next) = last.checked_add(1) {
                set.remove_range(next..);
            }
        }
        self
    }

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
        // A text may share its first two hundred bytes with the value and still not have it.
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
                // The value is accents alone, which fold to the empty text: every text contains it.
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

/// Whether an interval has all of the term's day (`Some(true)`) or a part of it; `None` if none has.
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
