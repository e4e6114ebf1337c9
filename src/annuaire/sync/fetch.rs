//! Fetches pages ahead of their storage: a page has the URL of the next one, which is fetched while the page is parsed
//! and stored.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::annuaire::ingest::parsed_batch::{ParseTask, ParsedBatch};
use crate::annuaire::sync::upstream::{Query, Upstream, UpstreamError};

/// Maximum fetched resources that wait to be stored: enough for the time of a commit, and some 30 MB.
const MAX_PREFETCHED: usize = 4_096;

/// A received page, whose resources are being parsed.
pub(super) struct Fetched {
    pub parsing: ParseTask,
    pub next: Option<String>,
    pub total: Option<u64>,
    pub date: Option<Timestamp>,
    pub bytes: u64,
}

pub(super) struct Stopped {
    pub error: UpstreamError,
    /// Whether the URL of the next page has expired, so that the walk must restart.
    pub expired: bool,
}

/// The pages of a walk, in order. Dropping it ends the fetching.
pub(super) struct Pages {
    pages: mpsc::Receiver<Result<Fetched, Stopped>>,
    _fetching: JoinSet<()>,
}

impl Pages {
    /// Fetches pages from `next`, or from the beginning.
    pub(super) fn fetch(upstream: Arc<Upstream>, query: Query, next: Option<String>) -> Self {
        let (sender, pages) = mpsc::channel((MAX_PREFETCHED / usize::from(query.count.max(1))).max(2));
        let mut fetching = JoinSet::new();
        fetching.spawn(fetch_pages(upstream, query, next, sender));
        Self { pages, _fetching: fetching }
    }

    /// The next page. It is safe to drop the future. `None` if the fetching task panicked.
    pub(super) async fn next(&mut self) -> Option<Result<Fetched, Stopped>> {
        self.pages.recv().await
    }
}

async fn fetch_pages(
    upstream: Arc<Upstream>,
    query: Query,
    mut address: Option<String>,
    pages: mpsc::Sender<Result<Fetched, Stopped>>,
) {
    let hasher = RandomState::new();
    // Hashes instead of URLs: a full walk has twenty thousand URLs of hundreds of bytes.
    let mut followed: HashSet<u64> = address.iter().map(|address| hasher.hash_one(address)).collect();
    loop {
        let page = match fetch_page(&upstream, &query, address.as_deref()).await {
            Ok(page) => page,
            Err(stopped) => {
                // The receiver may be dropped already.
                let _ = pages.send(Err(stopped)).await;
                return;
            }
        };
        address = page.next.clone();
        let repeats = address.as_ref().is_some_and(|next| !followed.insert(hasher.hash_one(next)));
        if repeats {
            let _ = pages.send(Err(Stopped { error: upstream.endless(), expired: false })).await;
            return;
        }
        if pages.send(Ok(page)).await.is_err() || address.is_none() {
            return;
        }
    }
}

async fn fetch_page(upstream: &Upstream, query: &Query, address: Option<&str>) -> Result<Fetched, Stopped> {
    let received = match address {
        None => upstream.first(query).await,
        Some(next) => upstream.following(next).await,
    };
    let page = received.map_err(|error| {
        let expired = address.is_some() && error.is_expired();
        Stopped { error, expired }
    })?;
    let (next, total) = (page.content.next.clone(), page.content.total);
    let name = format!("a page of {}", query.resource_type);
    let content = page.content;
    let parsing = tokio::task::spawn_blocking(move || ParsedBatch::of_page(&content, &name));
    Ok(Fetched { parsing, next, total, date: page.date, bytes: page.bytes })
}
