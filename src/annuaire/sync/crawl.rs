//! A walk over one type, from its position to its end.

use std::time::Duration;

use tokio::time::Instant;

use crate::annuaire::ingest::parsed_batch::IngestedPage;
use crate::annuaire::ingest::progress::{Length, Step};
use crate::annuaire::ingest::sync_state::{DeletionsSuppressed, MAX_REMOVED, SyncCursor, SyncPhase, SyncState};
use crate::annuaire::store::Marks;
use crate::annuaire::sync::fetch::{Fetched, Pages, Stopped};
use crate::annuaire::sync::plan::{SyncMode, plan_sync};
use crate::annuaire::sync::upstream::{Query, UpstreamError};
use crate::annuaire::sync::{Failure, Request, Run};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// A batch of this age is committed, however few resources it has.
const MAX_BATCH_AGE: Duration = Duration::from_secs(3);

/// Maximum restarts of a walk in a run, where the URL of the next page has expired or fails.
const MAX_RESTARTS: u32 = 3;

/// The resources since the last commit.
struct Batch {
    resources: u64,
    began: Option<Instant>,
}

impl Batch {
    const EMPTY: Self = Self { resources: 0, began: None };

    fn add(&mut self, resources: u64) {
        self.resources += resources;
        self.began.get_or_insert_with(Instant::now);
    }

    fn deadline(&self) -> Option<Instant> {
        self.began.map(|began| began + MAX_BATCH_AGE)
    }

    fn is_full(&self, batch: u64) -> bool {
        self.resources >= batch || self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }
}

impl Run<'_> {
    /// Synchronises a type: the walk that is due, and the one that completes it.
    pub(super) async fn bring_up_to_date(
        &mut self,
        resource_type: DirectoryType,
        request: &Request,
    ) -> Result<(), Failure> {
        let mut state = SyncState::load_for(self.mirror, resource_type, self.upstream.base()).await?;
        let is_to_be_swept = request.allow_deletions && state.held_back.is_some();
        let asked = if is_to_be_swept { SyncMode::Full } else { request.asked };
        self.max_removed = if request.allow_deletions { 1.0 } else { MAX_REMOVED };
        let mut walk = Some(plan_sync(&state, asked, self.settings.clock.now()));
        let mut restarts = 0;
        while let Some(mut current) = walk {
            let stopped = self.follow(resource_type, &mut state, &mut current).await;
            self.progress.end();
            walk = match stopped? {
                None => state.cursor.clone(),
                Some(Stopped { error, expired: true }) if restarts < MAX_RESTARTS => {
                    restarts += 1;
                    tracing::warn!(resource_type = %resource_type, restarts, "{error}; restarting from the first page");
                    Some(SyncCursor::over(current.phase))
                }
                Some(Stopped { error, .. }) => return Err(error.into()),
            };
        }
        Ok(())
    }

    /// Follows a walk to its end or until it is stopped, and commits everything received.
    async fn follow(
        &mut self,
        resource_type: DirectoryType,
        state: &mut SyncState,
        walk: &mut SyncCursor,
    ) -> Result<Option<Stopped>, Error> {
        let query = Query { resource_type, since: walk.phase.since(), count: self.settings.count };
        self.writer.mark_as(walk.phase.marks());
        let mut pages = Pages::fetch(self.upstream.clone(), query, walk.next.clone());
        self.announce(resource_type, walk);
        let mut batch = Batch::EMPTY;
        loop {
            let Some(page) = next_page_in_time(&mut pages, &batch).await else {
                self.save_and_commit(resource_type, state, walk, &mut batch).await?;
                continue;
            };
            let before = walk.clone();
            match page.ok_or_else(|| Error::internal("the task that fetches pages panicked"))? {
                Ok(page) => batch.add(self.store_page(resource_type, walk, page).await?),
                Err(stopped) => {
                    // Without a page there is nothing to commit, and the state of another directory must stay.
                    if walk.began.is_some() {
                        self.save_and_commit(resource_type, state, walk, &mut batch).await?;
                    }
                    return Ok(Some(stopped));
                }
            }
            if walk.next.is_none() {
                let Some(error) = self.find_cut(resource_type, &before, walk).await? else {
                    self.complete(resource_type, state, walk).await?;
                    return Ok(None);
                };
                // The next run asks for the last page again. If resources are still missing, it walks again from the
                // beginning: they may be missing from any page.
                let expired = before.cut_short;
                let walk = SyncCursor { cut_short: before.next.is_some(), ..before };
                self.save_and_commit(resource_type, state, &walk, &mut batch).await?;
                return Ok(Some(Stopped { error, expired }));
            }
            if batch.is_full(self.settings.batch) {
                self.save_and_commit(resource_type, state, walk, &mut batch).await?;
            }
        }
    }

    /// Stores a page, and advances the walk. Returns the number of resources received.
    async fn store_page(
        &mut self,
        resource_type: DirectoryType,
        walk: &mut SyncCursor,
        page: Fetched,
    ) -> Result<u64, Error> {
        let Fetched { parsing, next, total, date, bytes } = page;
        let batch = parsing.await.map_err(Error::internal)?;
        if walk.began.is_none() {
            match walk.phase.marks() {
                Marks::Full => self.writer.forget_seen(resource_type).await?,
                Marks::Delta => self.writer.forget_marks(resource_type, Marks::Delta).await?,
            }
        }
        let IngestedPage { count, unmarked } = batch.store(&mut self.writer, resource_type).await?;
        if walk.began.is_none() {
            walk.began = Some(date.unwrap_or_else(|| self.settings.clock.now()));
            walk.total = total;
            self.announce(resource_type, walk);
        }
        // The total may be on a later page only: all pages show one state.
        walk.total = walk.total.or(total);
        let resources = count.received();
        walk.next = next;
        walk.received += resources;
        walk.unmarked += unmarked;
        self.record.count(resource_type.as_str(), walk.phase.kind()).add(count);
        self.record.bytes += bytes;
        self.progress.advance(Step { resources, bytes });
        Ok(resources)
    }

    /// Why a walk at its end is incomplete: it saw fewer resources than the directory announced. `before` is the walk
    /// before its last page.
    async fn find_cut(
        &mut self,
        resource_type: DirectoryType,
        before: &SyncCursor,
        walk: &SyncCursor,
    ) -> Result<Option<UpstreamError>, Error> {
        let (base, name) = (self.upstream.base().to_owned(), walk_name(resource_type, walk));
        let Some(total) = walk.total else {
            // A delta that completes a full walk is protected by the maximum share of its sweep.
            let is_delta = matches!(walk.phase, SyncPhase::Delta { completes: None, .. });
            let is_doubtful = is_delta && before.next.is_some() && walk.received == before.received;
            return Ok(is_doubtful.then_some(UpstreamError::MaybeCutShort { base, walk: name }));
        };
        let received = self.writer.count_marks(resource_type, walk.phase.marks()).await? + walk.unmarked;
        Ok((received < total).then_some(UpstreamError::CutShort { base, walk: name, received, total }))
    }

    fn announce(&self, resource_type: DirectoryType, walk: &SyncCursor) {
        let name = walk_name(resource_type, walk);
        let length = walk.total.map_or(Length::Unknown, Length::Resources);
        self.progress.begin(&name, length, Step { resources: walk.received, bytes: 0 });
    }

    async fn save_and_commit(
        &mut self,
        resource_type: DirectoryType,
        state: &mut SyncState,
        walk: &SyncCursor,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        state.cursor = Some(walk.clone());
        *batch = Batch::EMPTY;
        self.commit(resource_type, state).await
    }

    /// Completes a walk: sweep and marks are committed with the last page.
    async fn complete(
        &mut self,
        resource_type: DirectoryType,
        state: &mut SyncState,
        walk: &SyncCursor,
    ) -> Result<(), Error> {
        let began = walk.began.unwrap_or_else(|| self.settings.clock.now());
        state.cursor = match walk.phase {
            SyncPhase::Full => Some(SyncCursor::over(SyncPhase::changes_since(began, Some(began)))),
            SyncPhase::Delta { completes: Some(whole), .. } => {
                self.sweep(resource_type, state).await?;
                // Without a total, changes may be missing: the next run asks for them again.
                state.high_water_mark = Some(if walk.total.is_some() { began } else { whole });
                if state.held_back.is_none() {
                    state.last_full_sync = Some(whole);
                }
                None
            }
            SyncPhase::Delta { since, completes: None } => {
                state.advance_mark(since, began);
                None
            }
        };
        self.commit(resource_type, state).await
    }

    /// Removes what neither the full walk nor its delta saw. Not before the delta: the full walk may have missed a
    /// resource that changed meanwhile, and it must not disappear.
    async fn sweep(&mut self, resource_type: DirectoryType, state: &mut SyncState) -> Result<(), Error> {
        let swept = self.writer.sweep(resource_type, self.max_removed).await?;
        self.record.count(resource_type.as_str(), "full").add_swept(swept);
        state.held_back = DeletionsSuppressed::by(swept, self.settings.clock.now());
        if let Some(held_back) = state.held_back {
            let warning =
                format!("{}; {}", held_back.sentence(resource_type), DeletionsSuppressed::remedy(resource_type));
            tracing::error!("{warning}");
            self.record.warnings.push(warning);
            self.record.held_back = true;
        }
        Ok(())
    }
}

/// The walk in messages.
fn walk_name(resource_type: DirectoryType, walk: &SyncCursor) -> String {
    match walk.phase {
        SyncPhase::Full => resource_type.to_string(),
        SyncPhase::Delta { since, .. } => format!("{resource_type} since {since}"),
    }
}

/// The next page; `None` when the batch must be committed before it.
async fn next_page_in_time(pages: &mut Pages, batch: &Batch) -> Option<Option<Result<Fetched, Stopped>>> {
    match batch.deadline() {
        None => Some(pages.next().await),
        Some(deadline) => tokio::time::timeout_at(deadline, pages.next()).await.ok(),
    }
}
