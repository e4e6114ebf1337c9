//! A walk over one type, from wherever it stands to its end.

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

/// A batch is committed when it is this old, however few resources it has.
const BATCH_AGE: Duration = Duration::from_secs(3);

/// How often a walk begins again in a run: the address of its next page had expired, or leads nowhere.
const RESTARTS: u32 = 3;

/// What was added since the last commit.
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
        self.began.map(|began| began + BATCH_AGE)
    }

    fn is_full(&self, batch: u64) -> bool {
        self.resources >= batch || self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }
}

impl Run<'_> {
    /// Brings a type up to date: the walk that is due, and the one that completes it.
    pub(super) async fn bring_up_to_date(&mut self, of: DirectoryType, request: &Request) -> Result<(), Failure> {
        let mut state = SyncState::read(self.mirror, of, self.upstream.base()).await?;
        let is_to_be_swept = request.allow_deletions && state.held_back.is_some();
        let asked = if is_to_be_swept { SyncMode::Full } else { request.asked };
        self.max_removed = if request.allow_deletions { 1.0 } else { MAX_REMOVED };
        let mut walk = Some(plan_sync(&state, asked, self.settings.clock.now()));
        let mut restarts = 0;
        while let Some(mut current) = walk {
            let stopped = self.follow(of, &mut state, &mut current).await;
            self.progress.end();
            walk = match stopped? {
                None => state.cursor.clone(),
                Some(Stopped { trouble, expired: true }) if restarts < RESTARTS => {
                    restarts += 1;
                    tracing::warn!(resource_type = %of, restarts, "{trouble}; restarting from the first page");
                    Some(SyncCursor::over(current.phase))
                }
                Some(Stopped { trouble, .. }) => return Err(trouble.into()),
            };
        }
        Ok(())
    }

    /// Follows a walk to its end, or until it is stopped; everything that came is then committed.
    async fn follow(
        &mut self,
        of: DirectoryType,
        state: &mut SyncState,
        walk: &mut SyncCursor,
    ) -> Result<Option<Stopped>, Error> {
        let query = Query { resource_type: of, since: walk.phase.since(), count: self.settings.count };
        self.writer.mark_as(walk.phase.marks());
        let mut pages = Pages::of(self.upstream.clone(), query, walk.next.clone());
        self.announce(of, walk);
        let mut batch = Batch::EMPTY;
        loop {
            let Some(page) = in_time(&mut pages, &batch).await else {
                self.note_and_commit(of, state, walk, &mut batch).await?;
                continue;
            };
            // What the walk was before its last page.
            let before = walk.clone();
            match page.ok_or_else(|| Error::internal("the task that fetches pages panicked"))? {
                Ok(page) => batch.add(self.take(of, walk, page).await?),
                Err(stopped) => {
                    // Without a page nothing has changed, not even what was known of another directory.
                    if walk.began.is_some() {
                        self.note_and_commit(of, state, walk, &mut batch).await?;
                    }
                    return Ok(Some(stopped));
                }
            }
            if walk.next.is_none() {
                let Some(trouble) = self.missing(of, &before, walk).await? else {
                    self.complete(of, state, walk).await?;
                    return Ok(None);
                };
                // The next run asks for the last page again, and walks over everything again if that does not help:
                // what is missing may be missing from any page.
                let expired = before.cut_short;
                let walk = SyncCursor { cut_short: before.next.is_some(), ..before };
                self.note_and_commit(of, state, &walk, &mut batch).await?;
                return Ok(Some(Stopped { trouble, expired }));
            }
            if batch.is_full(self.settings.batch) {
                self.note_and_commit(of, state, walk, &mut batch).await?;
            }
        }
    }

    /// Adds a page, and moves the walk behind it. Says how many resources it had.
    async fn take(&mut self, of: DirectoryType, walk: &mut SyncCursor, page: Fetched) -> Result<u64, Error> {
        let Fetched { reading, next, total, date, bytes } = page;
        let readings = reading.await.map_err(Error::internal)?;
        if walk.began.is_none() {
            match walk.phase.marks() {
                Marks::Full => self.writer.forget_seen(of).await?,
                Marks::Delta => self.writer.forget_marks(of, Marks::Delta).await?,
            }
        }
        let IngestedPage { count, unmarked } = readings.keep(&mut self.writer, of).await?;
        if walk.began.is_none() {
            walk.began = Some(date.unwrap_or_else(|| self.settings.clock.now()));
            walk.total = total;
            self.announce(of, walk);
        }
        // Where only a later page tells it: all pages show one state.
        walk.total = walk.total.or(total);
        let resources = count.received();
        walk.next = next;
        walk.received += resources;
        walk.unmarked += unmarked;
        self.record.count(of.as_str(), walk.phase.kind()).add(count);
        self.record.bytes += bytes;
        self.progress.advance(Step { resources, bytes });
        Ok(resources)
    }

    /// Why a walk that came to its end has not met all that the directory announced on its first page; all pages show
    /// one state. `before` is the walk before its last page.
    async fn missing(
        &mut self,
        of: DirectoryType,
        before: &SyncCursor,
        walk: &SyncCursor,
    ) -> Result<Option<UpstreamError>, Error> {
        let (base, name) = (self.upstream.base().to_owned(), name(of, walk));
        let Some(total) = walk.total else {
            // What follows a walk over everything is held to the share that its sweep removes.
            let is_delta = matches!(walk.phase, SyncPhase::Delta { completes: None, .. });
            let is_doubtful = is_delta && before.next.is_some() && walk.received == before.received;
            return Ok(is_doubtful.then_some(UpstreamError::MaybeCutShort { base, walk: name }));
        };
        let received = self.writer.count_marks(of, walk.phase.marks()).await? + walk.unmarked;
        Ok((received < total).then_some(UpstreamError::CutShort { base, walk: name, received, total }))
    }

    fn announce(&self, of: DirectoryType, walk: &SyncCursor) {
        let name = name(of, walk);
        let length = walk.total.map_or(Length::Unknown, Length::Resources);
        self.progress.begin(&name, length, Step { resources: walk.received, bytes: 0 });
    }

    async fn note_and_commit(
        &mut self,
        of: DirectoryType,
        state: &mut SyncState,
        walk: &SyncCursor,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        state.cursor = Some(walk.clone());
        *batch = Batch::EMPTY;
        self.commit(of, state).await
    }

    /// The last page came: what follows from that is committed together with it.
    async fn complete(&mut self, of: DirectoryType, state: &mut SyncState, walk: &SyncCursor) -> Result<(), Error> {
        let began = walk.began.unwrap_or_else(|| self.settings.clock.now());
        state.cursor = match walk.phase {
            SyncPhase::Full => Some(SyncCursor::over(SyncPhase::changes_since(began, Some(began)))),
            SyncPhase::Delta { completes: Some(whole), .. } => {
                self.sweep(of, state).await?;
                // Without a total nobody knows that all changes came: the next run asks for them again.
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
        self.commit(of, state).await
    }

    /// Removes what neither the walk over everything nor the one over later changes saw. Only now: a
    /// resource that changed under the first may have been left out of it, and must not vanish meanwhile.
    async fn sweep(&mut self, of: DirectoryType, state: &mut SyncState) -> Result<(), Error> {
        let swept = self.writer.sweep(of, self.max_removed).await?;
        self.record.count(of.as_str(), "full").add_swept(swept);
        state.held_back = DeletionsSuppressed::by(swept, self.settings.clock.now());
        if let Some(held_back) = state.held_back {
            let warning = format!("{}; {}", held_back.sentence(of), DeletionsSuppressed::remedy(of));
            tracing::error!("{warning}");
            self.record.warnings.push(warning);
            self.record.held_back = true;
        }
        Ok(())
    }
}

/// What a walk goes over, for people.
fn name(of: DirectoryType, walk: &SyncCursor) -> String {
    match walk.phase {
        SyncPhase::Full => of.to_string(),
        SyncPhase::Delta { since, .. } => format!("{of} since {since}"),
    }
}

/// The next page; `None` when it is time to commit what there is, however long the next page takes.
async fn in_time(pages: &mut Pages, batch: &Batch) -> Option<Option<Result<Fetched, Stopped>>> {
    match batch.deadline() {
        None => Some(pages.next().await),
        Some(deadline) => tokio::time::timeout_at(deadline, pages.next()).await.ok(),
    }
}
