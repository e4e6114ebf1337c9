//! Parsing of resources in batches, on the threads for blocking work.

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::annuaire::ingest::searchset_page::SearchsetPage;
use crate::annuaire::store::ChangeCounts;
use crate::annuaire::store::resource::{ParsedResource, Unreadable};
use crate::annuaire::store::{Rejected, Writer};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// Parsed resources, in their order, and rejected ones.
#[derive(Default)]
pub(in crate::annuaire) struct ParsedBatch {
    pub prepared: Vec<ParsedResource>,
    /// The included resources of a page.
    pub included: Vec<ParsedResource>,
    pub rejected: Vec<Rejected>,
    /// The rejected resources whose type and id could be parsed.
    pub unreadable: Vec<(DirectoryType, String)>,
    /// How many rejected resources are no JSON.
    pub malformed: usize,
}

pub(in crate::annuaire) struct IngestedPage {
    pub count: ChangeCounts,
    /// Matches of the page that were rejected and are not in the mirror: no mark counts them.
    pub unmarked: u64,
}

pub(in crate::annuaire) type ParseTask = JoinHandle<ParsedBatch>;

impl ParsedBatch {
    /// Parses the resources of a page.
    pub(in crate::annuaire) fn of_page(content: &SearchsetPage, page: &str) -> Self {
        let mut batch = Self::default();
        for (index, json) in content.resources.iter().enumerate() {
            batch.parse(json.get(), || format!("entry {} of {page}", index + 1));
        }
        // An included resource that cannot be parsed is ignored, not rejected: no walk counts it.
        batch.included = content.included.iter().filter_map(|json| ParsedResource::parse(json.get()).ok()).collect();
        batch
    }

    /// Parses one more resource, found at `place`.
    pub(in crate::annuaire) fn parse(&mut self, json: &str, place: impl FnOnce() -> String) {
        match ParsedResource::parse(json) {
            Ok(prepared) => self.prepared.push(prepared),
            Err(unreadable) => self.reject(unreadable, place()),
        }
    }

    /// Parses a line of a file: a resource, or a page of a search.
    pub(in crate::annuaire) fn parse_line(&mut self, line: &[u8], place: impl FnOnce() -> String) {
        let unreadable = match std::str::from_utf8(line).map(ParsedResource::parse) {
            Ok(Ok(prepared)) => return self.prepared.push(prepared),
            Ok(Err(unreadable)) => unreadable,
            Err(_) => unreadable("it is not UTF-8"),
        };
        let place = place();
        // A line may be a page only if it has no type of the directory.
        match SearchsetPage::parse(&Bytes::copy_from_slice(line)) {
            Ok(content) if unreadable.resource_type.is_none() => {
                let page = Self::of_page(&content, &place);
                self.prepared.extend(page.prepared.into_iter().chain(page.included));
                self.rejected.extend(page.rejected);
                self.unreadable.extend(page.unreadable);
            }
            _ => self.reject(unreadable, place),
        }
    }

    /// Rejects a line without parsing it.
    pub(in crate::annuaire) fn skip(&mut self, reason: &str, place: String) {
        self.reject(unreadable(reason), place);
    }

    fn reject(&mut self, unreadable: Unreadable, place: String) {
        let is_malformed = unreadable.is_malformed();
        let Unreadable { resource_type, id, reason } = unreadable;
        self.unreadable.extend(resource_type.zip(id.clone()));
        self.malformed += usize::from(is_malformed);
        let name = match id {
            Some(id) => format!("{id} ({place})"),
            None => place,
        };
        self.rejected.push(Rejected { resource_type, name, reason, at: String::new() });
    }

    /// Adds the resources of a page to the mirror, and marks the matches as seen.
    pub(in crate::annuaire) async fn store(
        self,
        writer: &mut Writer,
        resource_type: DirectoryType,
    ) -> Result<IngestedPage, Error> {
        let mut count = ChangeCounts { rejected: self.rejected.len() as u64, ..ChangeCounts::default() };
        // An entry without a resource, or with one of another type, is no match.
        let of_type = self.rejected.iter().filter(|rejected| rejected.resource_type == Some(resource_type));
        let unreadable = of_type.count() + self.malformed;
        for rejected in self.rejected {
            writer.reject(rejected).await?;
        }
        let marked = writer.mark_seen(&self.unreadable).await?;
        count.add(writer.add(self.included, false).await?);
        count.add(writer.add(self.prepared, true).await?);
        Ok(IngestedPage { count, unmarked: unreadable.saturating_sub(marked) as u64 })
    }
}

fn unreadable(reason: &str) -> Unreadable {
    Unreadable { resource_type: None, id: None, reason: reason.to_owned() }
}
