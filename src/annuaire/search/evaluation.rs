//! Evaluation: segment by segment, in the order of the versions, until a page is full.

#![expect(clippy::cast_possible_truncation, reason = "a set of u32 has no more members than a usize counts")]

use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use crate::annuaire::search::condition::{Candidates, Condition};
use crate::annuaire::search::link::Link;
use crate::annuaire::search::{Criterion, Matching};
use crate::annuaire::store::resource::SearchableResource;
use crate::annuaire::store::{Snapshot, Stored};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;
use crate::issue::Issue;
use crate::issue::catalogue::ANNUAIRE_TOO_BROAD;
use crate::storage::mirror::{Postings, ReadTransaction, Segment, TermRange};

/// After this time, a page is sent with the matches found so far; the next page continues there.
const PAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum resources verified for the criterion of a chain.
const MAX_CHAIN_CANDIDATES: usize = 20_000;

/// Candidates that are verified together.
const CANDIDATE_BATCH: usize = 128;

/// Some matches.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of their numbers.
    pub matches: Vec<Stored>,
    /// Whether there may be more. Where finding them takes long, a page may be short, or empty.
    pub more: bool,
    /// The number of the last version that was evaluated: the next page begins after it.
    pub seen: u32,
}

/// A search, ready to be evaluated segment by segment.
pub struct Evaluation<'a> {
    pub(super) resource_type: DirectoryType,
    pub(super) criteria: &'a [Criterion],
    pub(super) at: &'a Snapshot,
    /// Each with the numbers of its ranges.
    pub(super) conditions: Vec<(Condition, Vec<usize>)>,
    /// What is looked up, each once.
    pub(super) ranges: Vec<TermRange>,
    pub(super) links: Vec<Link>,
}

/// Whether a search may take long: see [`Condition::is_expensive`].
pub fn is_expensive(criteria: &[Criterion]) -> bool {
    criteria.iter().any(|criterion| match criterion {
        Criterion::Id(_) => false,
        // A prefix may match nearly every resource.
        Criterion::Text { matching: Matching::Prefix, .. } => true,
        criterion => Condition::from_criterion(criterion).is_none_or(|condition| condition.is_expensive()),
    })
}

impl Evaluation<'_> {
    /// Begins after a version number.
    pub async fn begin(&self, transaction: &mut ReadTransaction, after: u32) -> Result<Progress, Error> {
        let batches = self.answers(transaction, after).await?;
        Ok(Progress { batches, rest: Candidates::default(), matches: 0, unverified: 0 })
    }

    /// The next matches, at most `limit`, and whether there may be more.
    pub async fn page(
        &self,
        transaction: &mut ReadTransaction,
        progress: &mut Progress,
        limit: usize,
    ) -> Result<Page, Error> {
        let mut page = Page { matches: vec![], more: false, seen: progress.batches.after };
        let deadline = Instant::now() + PAGE_TIMEOUT;
        while self.advance(transaction, progress).await? {
            // One more than `limit` shows whether there is a next page.
            let wanted = limit + 1 - page.matches.len();
            let together = if progress.rest.unverified.is_empty() { wanted } else { wanted.max(CANDIDATE_BATCH) };
            let now = progress.rest.take_first(together);
            let numbers = Vec::from_iter(&now.exact | &now.unverified);
            let rows = transaction.versions(self.resource_type, &numbers).await?;
            let confirmed = self.confirmed(transaction, &now.unverified, &rows).await?;
            progress.matches += now.exact.len() + confirmed.len();
            for row in rows {
                let matches = now.exact.contains(row.seq) || confirmed.contains(row.seq);
                if matches && page.matches.len() == limit {
                    page.more = true;
                    return Ok(page);
                }
                page.seen = row.seq;
                if matches {
                    page.matches.push(row);
                }
            }
            if Instant::now() > deadline {
                page.more = true;
                return Ok(page);
            }
        }
        Ok(page)
    }

    /// The number of all matches, including those of pages; `None` if it takes the verification of more than
    /// `max_unverified` candidates.
    pub async fn total(
        &self,
        transaction: &mut ReadTransaction,
        mut progress: Progress,
        max_unverified: u64,
    ) -> Result<Option<u64>, Error> {
        while self.advance(transaction, &mut progress).await? {
            if progress.unverified > max_unverified {
                return Ok(None);
            }
            let rest = std::mem::take(&mut progress.rest);
            progress.matches += rest.exact.len() + self.verified(transaction, &rest.unverified).await?.len();
        }
        Ok(Some(progress.matches))
    }

    /// Advances to the next segment with candidates where none are left; false at the end.
    async fn advance(&self, transaction: &mut ReadTransaction, progress: &mut Progress) -> Result<bool, Error> {
        if progress.rest.is_empty() {
            let Some(next) = self.next(transaction, &mut progress.batches).await? else { return Ok(false) };
            progress.unverified += next.unverified.len();
            progress.rest = next;
        }
        Ok(true)
    }

    /// All matches. Fails if it takes the verification of too many resources.
    pub async fn versions(&self, transaction: &mut ReadTransaction) -> Result<RoaringBitmap, Error> {
        let (mut found, mut verified) = (RoaringBitmap::new(), 0);
        let mut answers = self.answers(transaction, 0).await?;
        while let Some(answer) = self.next(transaction, &mut answers).await? {
            verified += answer.unverified.len() as usize;
            if verified > MAX_CHAIN_CANDIDATES {
                return Err(too_broad());
            }
            found |= answer.exact;
            found |= self.verified(transaction, &answer.unverified).await?;
        }
        Ok(found)
    }

    /// The candidates that match.
    async fn verified(
        &self,
        transaction: &mut ReadTransaction,
        candidates: &RoaringBitmap,
    ) -> Result<RoaringBitmap, Error> {
        let mut found = RoaringBitmap::new();
        for some in Vec::from_iter(candidates).chunks(CANDIDATE_BATCH) {
            let rows = transaction.versions(self.resource_type, some).await?;
            found |= self.confirmed(transaction, candidates, &rows).await?;
        }
        Ok(found)
    }

    /// The rows that match all criteria.
    async fn confirmed(
        &self,
        transaction: &mut ReadTransaction,
        candidates: &RoaringBitmap,
        rows: &[Stored],
    ) -> Result<RoaringBitmap, Error> {
        let holds = |resource: &SearchableResource| {
            let mut criteria = self.criteria.iter();
            criteria.all(|criterion| criterion.matches(&resource.indexed, resource.last_updated, &resource.id))
        };
        let candidates = rows.iter().filter(|row| candidates.contains(row.seq));
        let resources = candidates.filter_map(|row| Some((row.seq, SearchableResource::parse(&row.body).ok()?)));
        let mut resources: Vec<_> = resources.filter(|(_, resource)| holds(resource)).collect();
        for link in &self.links {
            resources = link.retain_linked(transaction, resources, self.at).await?;
        }
        Ok(resources.into_iter().map(|(version, _)| version).collect())
    }

    /// The segments after a sequence, not looked up yet.
    async fn answers(&self, transaction: &mut ReadTransaction, after: u32) -> Result<CandidateBatches, Error> {
        let last = self.at.last[crate::annuaire::store::index(self.resource_type)];
        let segments = transaction.segments(self.resource_type, after, last).await?;
        let segment_batch =
            if self.conditions.iter().any(|(condition, _)| condition.is_selective()) { segments.len() } else { 1 };
        Ok(CandidateBatches {
            after,
            last,
            segments,
            asked: 0..0,
            segment_batch,
            postings: Postings::new(),
            closed: RoaringBitmap::new(),
        })
    }

    /// The candidates of the next segment that has some.
    async fn next(
        &self,
        transaction: &mut ReadTransaction,
        answers: &mut CandidateBatches,
    ) -> Result<Option<Candidates>, Error> {
        loop {
            for at in answers.asked.by_ref() {
                let answer = self.answer(&answers.segments[at], &answers.postings);
                let answer = answer.without(&answers.closed).between(answers.after, answers.last);
                if !answer.is_empty() {
                    return Ok(Some(answer));
                }
            }
            let first = answers.asked.end;
            let rest = &answers.segments[first..];
            let now = &rest[..answers.segment_batch.min(MAX_SEGMENTS_IN_MEMORY).min(rest.len())];
            let (Some(begin), Some(end)) = (now.first(), now.last()) else { return Ok(None) };
            answers.postings = if self.ranges.is_empty() {
                Postings::new()
            } else {
                transaction.postings(self.resource_type, now, &self.ranges).await?
            };
            let bounds = (begin.first, end.last);
            answers.closed = transaction.closed(self.resource_type, bounds, self.at.revision).await?;
            answers.asked = first..first + now.len();
            answers.segment_batch = answers.segment_batch.saturating_mul(2);
        }
    }

    fn answer(&self, segment: &Segment, postings: &Postings) -> Candidates {
        let everything = Condition::Everything.answer(segment, postings, &[]);
        let answers = self.conditions.iter().map(|(condition, numbers)| condition.answer(segment, postings, numbers));
        answers.fold(everything, Candidates::and)
    }
}

/// The position of a search. The total continues behind the page, so that nothing is looked up twice.
pub struct Progress {
    batches: CandidateBatches,
    /// Candidates of the current segment that were not taken yet.
    rest: Candidates,
    /// Matches so far.
    matches: u64,
    /// Unverified candidates so far.
    unverified: u64,
}

/// Segments are looked up in batches, of which the first are small: they may fill the page.
struct CandidateBatches {
    after: u32,
    last: u32,
    segments: Vec<Segment>,
    /// Segments of the batch that were not evaluated yet.
    asked: std::ops::Range<usize>,
    /// Segments of the next batch.
    segment_batch: usize,
    postings: Postings,
    closed: RoaringBitmap,
}

/// Maximum segments of a batch: all their postings are in memory.
const MAX_SEGMENTS_IN_MEMORY: usize = 64;

fn too_broad() -> Error {
    Error::from_issues(vec![
        Issue::new(&ANNUAIRE_TOO_BROAD, "http.query").with("expected", MAX_CHAIN_CANDIDATES.to_string()),
    ])
}
