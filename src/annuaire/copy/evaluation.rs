//! Searching: segment by segment, in the order of the versions, until a page is full.

use std::time::Instant;

use roaring::RoaringBitmap;

use super::condition::{Answer, Condition};
use super::database::PATIENCE;
use super::reading::{Postings, Reading, Segment};
use super::term::Range;
use super::{Page, Snapshot, Stored};
use crate::annuaire::indexed::{Field, Indexed};
use crate::annuaire::resource::{DirectoryType, Prepared};
use crate::annuaire::search::Criterion;
use crate::error::Error;
use crate::issue::Issue;
use crate::issue::catalogue::ANNUAIRE_TOO_BROAD;

/// A chain may go over this many resources.
const MOST_LINKS: usize = 50_000;

/// How many candidates are looked at together.
const CANDIDATES: usize = 256;

/// A search, ready to be evaluated segment by segment.
pub struct Evaluation<'a> {
    resource_type: DirectoryType,
    criteria: &'a [Criterion],
    at: &'a Snapshot,
    conditions: Vec<Condition>,
    ranges: Vec<Range>,
}

/// Whether a search may take long: see [`Condition::is_demanding`].
pub fn is_demanding(criteria: &[Criterion]) -> bool {
    criteria.iter().any(|criterion| match criterion {
        Criterion::Id(_) => false,
        criterion => Condition::of(criterion).is_none_or(|condition| condition.is_demanding()),
    })
}

impl<'a> Evaluation<'a> {
    /// Prepares a search: what it refers to is found first.
    pub async fn prepare(
        reading: &mut Reading,
        resource_type: DirectoryType,
        criteria: &'a [Criterion],
        at: &'a Snapshot,
    ) -> Result<Self, Error> {
        let mut conditions = vec![];
        for criterion in criteria {
            conditions.push(match Condition::of(criterion) {
                Some(condition) => condition,
                None => linked(reading, resource_type, criterion, at).await?,
            });
        }
        let ranges = conditions.iter().flat_map(Condition::ranges).collect();
        Ok(Self { resource_type, criteria, at, conditions, ranges })
    }

    /// The matches after a version number, up to `limit`, and whether there may be more.
    pub async fn page(&self, reading: &mut Reading, after: u32, limit: usize) -> Result<Page, Error> {
        let mut page = Page { matches: vec![], more: false, seen: after };
        let deadline = Instant::now() + PATIENCE;
        let mut answers = self.answers(reading, after).await?;
        while let Some(answer) = self.next(reading, &mut answers).await? {
            let mut sure = answer.sure;
            let candidates: Vec<_> = (&sure | &answer.maybe).into_iter().collect();
            let mut rest = candidates.as_slice();
            while !rest.is_empty() {
                // One more than asked for: whether there is a next page.
                let wanted = limit + 1 - page.matches.len();
                let (now, later) = rest.split_at(rest.len().min(if answer.maybe.is_empty() {
                    wanted
                } else {
                    CANDIDATES.max(wanted)
                }));
                rest = later;
                for row in reading.versions(self.resource_type, now).await? {
                    if !sure.remove(row.seq) && !self.holds(&row) {
                        page.seen = row.seq;
                        continue;
                    }
                    if page.matches.len() == limit {
                        page.more = true;
                        return Ok(page);
                    }
                    page.seen = row.seq;
                    page.matches.push(row);
                }
                if Instant::now() > deadline {
                    page.more = true;
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }

    /// The number of matches.
    pub async fn total(&self, reading: &mut Reading) -> Result<u64, Error> {
        let mut total = 0;
        let mut answers = self.answers(reading, 0).await?;
        while let Some(answer) = self.next(reading, &mut answers).await? {
            total += answer.sure.len();
            let candidates: Vec<_> = answer.maybe.into_iter().collect();
            for candidates in candidates.chunks(CANDIDATES) {
                let rows = reading.versions(self.resource_type, candidates).await?;
                total += rows.iter().filter(|row| self.holds(row)).count() as u64;
            }
        }
        Ok(total)
    }

    /// All matches, without their bodies; fails beyond [`MOST_LINKS`].
    async fn sequences(&self, reading: &mut Reading) -> Result<Vec<u32>, Error> {
        let mut found = vec![];
        let mut answers = self.answers(reading, 0).await?;
        while let Some(answer) = self.next(reading, &mut answers).await? {
            let mut sequences = answer.sure;
            let candidates: Vec<_> = answer.maybe.into_iter().collect();
            for candidates in candidates.chunks(CANDIDATES) {
                let rows = reading.versions(self.resource_type, candidates).await?;
                sequences.extend(rows.iter().filter(|row| self.holds(row)).map(|row| row.seq));
            }
            found.extend(sequences);
            if found.len() > MOST_LINKS {
                return Err(too_broad());
            }
        }
        Ok(found)
    }

    /// What the segments after a version number answer, yet to be asked.
    async fn answers(&self, reading: &mut Reading, after: u32) -> Result<Answers, Error> {
        let last = self.at.last[super::index(self.resource_type)];
        let segments = reading.segments(self.resource_type, after, last).await?;
        let wave = if self.conditions.iter().any(Condition::is_selective) { segments.len() } else { 1 };
        Ok(Answers {
            after,
            last,
            segments,
            asked: 0..0,
            wave,
            postings: Postings::new(),
            closed: RoaringBitmap::new(),
        })
    }

    /// What the next segment answers that has something to say, in order.
    async fn next(&self, reading: &mut Reading, answers: &mut Answers) -> Result<Option<Answer>, Error> {
        loop {
            for at in answers.asked.by_ref() {
                let answer = self.answer(&answers.segments[at], &answers.postings)?;
                let answer = answer.without(&answers.closed).between(answers.after, answers.last);
                if !answer.sure.is_empty() || !answer.maybe.is_empty() {
                    return Ok(Some(answer));
                }
            }
            let first = answers.asked.end;
            let rest = &answers.segments[first..];
            let now = &rest[..answers.wave.min(MOST_SEGMENTS).min(rest.len())];
            let (Some(begin), Some(end)) = (now.first(), now.last()) else { return Ok(None) };
            answers.postings = match self.ranges.is_empty() {
                true => Postings::new(),
                false => reading.postings(self.resource_type, now, &self.ranges).await?,
            };
            let bounds = (begin.first, end.last);
            answers.closed = reading.closed(self.resource_type, bounds, self.at.revision).await?;
            answers.asked = first..first + now.len();
            answers.wave = answers.wave.saturating_mul(2);
        }
    }

    fn answer(&self, segment: &Segment, postings: &Postings) -> Result<Answer, Error> {
        let mut answer = Condition::Everything.answer(segment, postings, 0)?;
        let mut first = 0;
        for condition in &self.conditions {
            answer = answer.and(condition.answer(segment, postings, first)?);
            first += condition.ranges().len();
        }
        Ok(answer)
    }

    /// Whether the criteria hold for a resource that was only perhaps found.
    fn holds(&self, row: &Stored) -> bool {
        Prepared::read(&row.body).is_ok_and(|resource| {
            self.criteria
                .iter()
                .all(|criterion| criterion.matches(&resource.indexed, resource.last_updated, &resource.id))
        })
    }
}

/// What segments answer: asked in waves, the first ones small, for a page may need no more.
struct Answers {
    after: u32,
    last: u32,
    segments: Vec<Segment>,
    /// Those of the wave that were not looked at yet.
    asked: std::ops::Range<usize>,
    /// How many are in the next wave.
    wave: usize,
    postings: Postings,
    closed: RoaringBitmap,
}

/// Segments looked at together: their postings are held in memory at once.
const MOST_SEGMENTS: usize = 64;

/// What a criterion about other resources asks of this one: those are found first.
async fn linked(
    reading: &mut Reading,
    resource_type: DirectoryType,
    criterion: &Criterion,
    at: &Snapshot,
) -> Result<Condition, Error> {
    match criterion {
        Criterion::Id(ids) => Ok(Condition::Versions(reading.sequences_of(resource_type, ids, at.revision).await?)),
        Criterion::Chain { field, target, criterion } => {
            let targets = Box::pin(found(reading, *target, criterion, at)).await?;
            let ids = reading.ids(*target, &targets).await?;
            Ok(Condition::referring(*field, ids))
        }
        Criterion::Has { source, field, criterion } => {
            let sources = Box::pin(found(reading, *source, criterion, at)).await?;
            let mut ids = vec![];
            for sources in sources.chunks(CANDIDATES) {
                for row in reading.versions(*source, sources).await? {
                    ids.extend(Prepared::read(&row.body).ok().and_then(|source| target(&source, *field)));
                }
            }
            ids.sort();
            ids.dedup();
            let mut versions = RoaringBitmap::new();
            for ids in ids.chunks(1_000) {
                versions |= reading.sequences_of(resource_type, ids, at.revision).await?;
            }
            Ok(Condition::Versions(versions))
        }
        _ => Ok(Condition::Everything),
    }
}

/// The resources of a type for which a criterion holds.
async fn found(
    reading: &mut Reading,
    resource_type: DirectoryType,
    criterion: &Criterion,
    at: &Snapshot,
) -> Result<Vec<u32>, Error> {
    let criteria = std::slice::from_ref(criterion);
    let evaluation = Evaluation::prepare(reading, resource_type, criteria, at).await?;
    evaluation.sequences(reading).await
}

/// The id that a resource's reference is to.
fn target(resource: &Prepared, field: Field) -> Option<String> {
    resource.indexed.iter().find_map(|value| match value {
        Indexed::Reference { field: found, id, .. } if *found == field => Some(id.clone()),
        _ => None,
    })
}

fn too_broad() -> Error {
    Error::of(vec![Issue::new(&ANNUAIRE_TOO_BROAD, "http.query").with("expected", MOST_LINKS.to_string())])
}
