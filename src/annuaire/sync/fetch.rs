//! Fetching pages ahead of who writes them: a page tells where the next one is, so that one can be
//! asked for while the other is read and kept.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::annuaire::ingest::parsed_batch::{ParseTask, ParsedBatch};
use crate::annuaire::sync::upstream::{Query, Upstream, UpstreamError};

/// The resources that may be waiting to be written: enough to bridge a commit, and some 30 MB.
const MAX_PREFETCHED: usize = 4_096;

/// A page, received; its resources are being read.
pub(super) struct Fetched {
    pub parsing: ParseTask,
    pub next: Option<String>,
    pub total: Option<u64>,
    pub date: Option<Timestamp>,
    pub bytes: u64,
}

/// Why no page follows.
pub(super) struct Stopped {
    pub error: UpstreamError,
    /// Whether the walk can go on from its beginning: the address of its next page is not valid any more.
    pub expired: bool,
}

/// The pages of a walk, in order. Fetching ends when this is dropped.
pub(super) struct Pages {
    pages: mpsc::Receiver<Result<Fetched, Stopped>>,
    _fetching: JoinSet<()>,
}

impl Pages {
    /// Fetches from `next` on, or from the beginning.
    pub(super) fn fetch(upstream: Arc<Upstream>, query: Query, next: Option<String>) -> Self {
        let (sender, pages) = mpsc::channel((MAX_PREFETCHED / usize::from(query.count.max(1))).max(2));
        let mut fetching = JoinSet::new();
        fetching.spawn(fetch_pages(upstream, query, next, sender));
        Self { pages, _fetching: fetching }
    }

    /// The next page; nothing is lost if the future is dropped. `None` if fetching broke away, which
    /// is a fault.
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
    // A hash of each address: a walk over everything has twenty thousand, of hundreds of bytes each.
    let mut followed: HashSet<u64> = address.iter().map(|address| hasher.hash_one(address)).collect();
    loop {
        let page = match fetch_page(&upstream, &query, address.as_deref()).await {
            Ok(page) => page,
            Err(stopped) => {
                // Who does not listen any more does not need to know.
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
