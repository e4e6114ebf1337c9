//! The directory's search API over the mirror: searches, their pages, reads.
//!
//! Section 4 of what the national directory answers: <https://ansforge.github.io/annuaire-sante-fhir-documentation/>

mod capabilities;
mod included;
mod interaction;
mod page_cursor;
mod references;
mod searchset;

use std::sync::Arc;

use crate::annuaire::search::Page;
use crate::annuaire::search::query::{self, SearchQuery};
use crate::annuaire::search::{Search, Total};
use crate::annuaire::store::{Mirror, Snapshot};
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::fhir::bundle::request_target;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::id::Id;
use crate::fhir::rest_security::Authentication;
use crate::fhir::subset::Subset;
use crate::issue::catalogue::{ANNUAIRE_INCLUDES, ANNUAIRE_PAGE_LENGTH, ANNUAIRE_PAGE_MISSING};
use crate::issue::{Issue, Language};
use included::{Included, MAX_INCLUDED, resolve_includes, suggest_searches};
pub(crate) use interaction::{Interaction, ROUTES};
pub(crate) use page_cursor::PageCursor;
use searchset::Searchset;

/// Path of the API, below the path of the endpoint.
const PATH: &str = "/annuaire/fhir/v2";

/// Maximum bytes of the resources of a page, unless one resource alone is larger.
const MAX_RESOURCE_BYTES: usize = 32 << 20;
/// Maximum bytes of an entry without its resource: URL, search mode, and the tag of a subset.
const MAX_ENTRY_OVERHEAD: usize = 512;
/// Maximum bytes of a page without its entries: links with the query or a token, and one issue for each parameter.
const MAX_LINKS: usize = 256 << 10;

/// Maximum bytes of a page.
pub(crate) const MAX_PAGE_BYTES: usize =
    MAX_RESOURCE_BYTES + (query::MAX_COUNT + MAX_INCLUDED) * MAX_ENTRY_OVERHEAD + MAX_LINKS;

/// The API of a mirror of the directory.
#[derive(Clone)]
pub struct Directory {
    mirror: Mirror,
    base_url: Arc<str>,
    clock: Clock,
    max_url: usize,
}

/// By how many bytes the links of later pages may exceed that of the first page: the version number in the token grows,
/// and the token compresses less.
const MAX_LINK_GROWTH: usize = 64;

impl Directory {
    /// The API over a mirror; its base URL is derived from that of the endpoint.
    pub fn new(mirror: Mirror, endpoint_base_url: &str, clock: Clock) -> Self {
        Self { mirror, base_url: base_url(endpoint_base_url).into(), clock, max_url: usize::MAX }
    }

    /// The same API, which returns no link longer than `max_url` bytes: the server would refuse it.
    #[must_use]
    pub(crate) fn with_max_url(self, max_url: usize) -> Self {
        Self { max_url, ..self }
    }

    /// The same API, with the base URL derived from that of the endpoint.
    #[must_use]
    pub(crate) fn with_base_url(&self, endpoint_base_url: &str) -> Self {
        Self { base_url: base_url(endpoint_base_url).into(), ..self.clone() }
    }

    /// The same API for a read by id, until this deadline. It uses the connections of lookups, so it does not wait for
    /// searches.
    #[must_use]
    pub(crate) fn for_lookups(&self, deadline: &Deadline) -> Self {
        Self { mirror: self.mirror.for_lookups(deadline), ..self.clone() }
    }

    /// The same API, until this deadline.
    #[must_use]
    pub fn until(&self, deadline: &Deadline) -> Self {
        Self { mirror: self.mirror.until(deadline), ..self.clone() }
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// The first page of a search, as the text of a searchset. `own_url` is the link `self`.
    pub async fn search(
        &self,
        resource_type: DirectoryType,
        query: SearchQuery,
        own_url: &str,
        language: Language,
    ) -> Result<String, Error> {
        let SearchQuery { parameters, ignored } = query;
        let began = self.clock.now();
        let search = query::parse(resource_type, &parameters, began)?;
        let snapshot = self.mirror.snapshot().await?.ok_or(Error::EmptyDirectory)?;
        let (page, total) = self.first_page(&search, &snapshot).await?;
        let walk = PageCursor { resource_type, parameters, snapshot, began, total, after: 0 };
        self.searchset(walk, &search, page, own_url, ignored, language).await
    }

    /// Decodes the token of `_page?id=…`.
    pub fn resume(&self, id: &str) -> Result<PageCursor, Error> {
        if id.trim().is_empty() {
            let issue = Issue::new(&ANNUAIRE_PAGE_MISSING, "http.id");
            return Err(Error::from_issues(vec![issue.diagnostics("Parameter id required to fetch the next page")]));
        }
        PageCursor::from_token(id, self.mirror.page_key())
    }

    /// The next page of a walk. Fails with [`Error::Gone`] where versions that the walk sees may have been purged.
    pub(crate) async fn next_page(&self, walk: PageCursor, own_url: &str, language: Language) -> Result<String, Error> {
        let search = query::parse(walk.resource_type, &walk.parameters, walk.began)?;
        let page =
            self.mirror.page(search.resource_type, &search.criteria, &walk.snapshot, walk.after, search.count).await?;
        self.searchset(walk, &search, page, own_url, vec![], language).await
    }

    /// The current version of a resource, as the text of the requested subset.
    pub async fn read(&self, resource_type: DirectoryType, id: &str, subset: &Subset) -> Result<String, Error> {
        let found = match Id::parse(id) {
            Some(_) => self.mirror.read(resource_type, id).await?,
            None => None,
        };
        match found {
            Some(stored) => Ok(subset.apply(resource_type.as_str(), stored.body)),
            None if self.mirror.snapshot().await?.is_none() => Err(Error::EmptyDirectory),
            None => Err(Error::NotInDirectory { id: id.chars().take(80).collect() }),
        }
    }

    /// The CapabilityStatement, as text.
    pub fn capabilities(&self, authentication: Authentication) -> String {
        capabilities::capabilities(&self.base_url, authentication).to_string()
    }

    /// The first page, and the total where it is wanted and counted in time.
    async fn first_page(&self, search: &Search, at: &Snapshot) -> Result<(Page, Option<u64>), Error> {
        if search.count == 0 {
            let page = Page { matches: vec![], more: false, seen: 0 };
            let total = self.total(search, at).await?;
            // Without a page, a response without the total would say nothing.
            let is_missing = total.is_none() && search.total != Total::None;
            return if is_missing { Err(Error::DeadlineExceeded) } else { Ok((page, total)) };
        }
        self.mirror.first_page(search.resource_type, &search.criteria, at, search.count, search.total).await
    }

    async fn total(&self, search: &Search, at: &Snapshot) -> Result<Option<u64>, Error> {
        // A search without a page (`_count=0`) asks for the total.
        let wanted = search.count == 0 && search.total == Total::BestEffort;
        let effort = if wanted { Total::Wanted } else { search.total };
        self.mirror.total(search.resource_type, &search.criteria, at, effort).await
    }

    /// The text of a page with its included resources.
    async fn searchset(
        &self,
        walk: PageCursor,
        search: &Search,
        mut page: Page,
        own_url: &str,
        mut issues: Vec<Issue>,
        language: Language,
    ) -> Result<String, Error> {
        let included = self.complete(&walk.snapshot, search, &mut page).await?;
        let everything = page.matches.iter().chain(&included.resources);
        let id = self.clock.new_id();
        let mut searchset = Searchset::begin(&self.base_url, id.as_str(), walk.total, everything);
        for found in &page.matches {
            searchset.push("match", found, &search.subset);
        }
        let for_included = search.subset.for_included();
        for resource in &included.resources {
            searchset.push("include", resource, &for_included);
        }
        if let (false, Some(found)) = (included.is_complete, page.matches.first()) {
            let issue = Issue::new(&ANNUAIRE_INCLUDES, "Bundle.entry").with("most", MAX_INCLUDED.to_string());
            let issue = issue.with("found", format!("{}/{}", found.resource_type, found.id));
            issues.push(issue.with("expected", suggest_searches(search, &found.id)));
        }
        if !issues.is_empty() {
            searchset.push_outcome(&issues, language);
        }
        let next_url = if page.more { Some(self.next_url(walk, page.seen)?) } else { None };
        Ok(searchset.end(next_url.as_deref(), own_url))
    }

    /// The URL of the page after the match with this sequence.
    fn next_url(&self, mut walk: PageCursor, after: u32) -> Result<String, Error> {
        let growth = if walk.after == 0 { MAX_LINK_GROWTH } else { 0 };
        walk.after = after;
        let url = format!("{}/_page?id={}", self.base_url, walk.to_token(self.mirror.page_key())?);
        if request_target(&url).len().saturating_add(growth) > self.max_url {
            return Err(Error::from_issues(vec![Issue::new(&ANNUAIRE_PAGE_LENGTH, "http.query")]));
        }
        Ok(url)
    }

    /// The included resources of a page. Where matches or their included resources exceed the bounds, the page is cut,
    /// and the rest goes to the next page.
    async fn complete(&self, at: &Snapshot, search: &Search, page: &mut Page) -> Result<Included, Error> {
        let mut size = 0;
        let fitting = page.matches.iter().take_while(|found| {
            size += found.body.len();
            size <= MAX_RESOURCE_BYTES
        });
        let mut most = fitting.count().max(1);
        loop {
            if most < page.matches.len() {
                page.matches.truncate(most);
                page.more = true;
                page.seen = page.matches.last().map_or(page.seen, |last| last.seq);
            }
            let size: usize = page.matches.iter().map(|found| found.body.len()).sum();
            let room = MAX_RESOURCE_BYTES.saturating_sub(size);
            let included = resolve_includes(&self.mirror, at, &search.includes, &page.matches, room).await?;
            if included.is_complete || page.matches.len() <= 1 {
                return Ok(included);
            }
            most = (page.matches.len() / included.excess).max(1);
        }
    }
}

/// The base URL derived from that of the endpoint: `https://host/x/fhir` and `https://host/x` give
/// `https://host/x/annuaire/fhir/v2`.
fn base_url(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{host}{}{PATH}", path.strip_suffix("/fhir").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_is_derived_from_that_of_the_endpoint() {
        for (endpoint, directory) in [
            ("http://127.0.0.1:8080/fhir", "http://127.0.0.1:8080/annuaire/fhir/v2"),
            ("https://sas.example.org/ans/fhir", "https://sas.example.org/ans/annuaire/fhir/v2"),
            ("https://sas.example.org/ans", "https://sas.example.org/ans/annuaire/fhir/v2"),
            ("https://sas.example.org", "https://sas.example.org/annuaire/fhir/v2"),
            ("https://fhir", "https://fhir/annuaire/fhir/v2"),
        ] {
            assert_eq!(base_url(endpoint), directory);
        }
    }
}
