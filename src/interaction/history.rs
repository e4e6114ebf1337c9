//! `GET /{type}/{id}/_history`, newest version first, paged. <http://hl7.org/fhir/R4/http.html#history>

use serde_json::value::RawValue;

use super::{Endpoint, Outcome, RequestContext, page};
use crate::audit::AuditDraft;
use crate::error::Error;
use crate::fhir::bundle::{Bundle, Entry, Kind, Request, Response};
use crate::fhir::date::{Range, instant};
use crate::fhir::id::Id;
use crate::fhir::query::Query;
use crate::fhir::query::value::is_blank;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::subset::{Subset, Summary};
use crate::fhir::version::{Version, entity_tag};
use crate::storage::StoredVersion;

/// Where a page continues: with the versions before this one.
const BEFORE: &str = "_before";

/// A request for a page of the versions of a resource.
pub struct History<'a> {
    pub resource_type: ResourceType,
    /// As in the path.
    pub id: &'a str,
    pub query: Query,
}

impl History<'_> {
    /// Reads the page.
    pub async fn run(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let Self { resource_type, id, mut query } = self;
        query.retain(|_, value| !is_blank(value));
        let mut rest = query.clone();
        let mut issues = vec![];
        let count = page::count(&mut rest, &mut issues);
        let since = page::parsed(&mut rest, "_since", "instant", &mut issues, Range::parse);
        let before = page::parsed(&mut rest, BEFORE, "versionId", &mut issues, |text| text.parse::<Version>().ok());
        let subset = page::parse_subset(&mut rest, Summary::OF_READS, &mut issues);
        issues.extend(page::unknown_parameters(&rest, "_count, _since, _elements, _summary, _format, _pretty"));
        if !issues.is_empty() {
            return Err(Error::of(issues));
        }
        let id = Id::parse(id).ok_or(Error::NotFound)?;
        let since = since.map(|range| instant(range.start));
        let storage = endpoint.storage.until(&context.deadline);
        let history = storage.history(resource_type, &id, before, since.as_deref(), count).await?;
        let history = history.ok_or(Error::NotFound)?;
        audit.set_found(id.as_str(), None);
        let url = format!("{}/{resource_type}/{id}", context.base_url);
        let own_url = page::link(&format!("{url}/_history"), query.iter());
        let last = history.versions.last().map(|version| version.version.to_string());
        let next_url = last.filter(|_| history.more).map(|last| {
            let others = query.iter().filter(|(name, _)| *name != BEFORE);
            page::link(&format!("{url}/_history"), others.chain([(BEFORE, last.as_str())]))
        });
        let entries = history.versions.into_iter().map(|version| entry(resource_type, &url, &subset, version));
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Outcome::Bundle(Bundle::new(Kind::History, Some(history.total), own_url, next_url, entries)))
    }
}

fn entry(resource_type: ResourceType, url: &str, subset: &Subset, version: StoredVersion) -> Result<Entry, Error> {
    let created = version.interaction == "create";
    Ok(Entry {
        full_url: Some(url.to_owned()),
        resource: RawValue::from_string(subset.apply(resource_type.as_str(), version.content))
            .map_err(Error::internal)?,
        search: None,
        // A creation by PUT is shown as one by POST: the outcome is the same.
        request: Some(match created {
            true => Request { method: "POST", url: resource_type.to_string() },
            false => Request { method: "PUT", url: format!("{resource_type}/{}", version.id) },
        }),
        response: Some(Response {
            status: if created { "201" } else { "200" },
            etag: entity_tag(version.version),
            last_modified: version.last_updated,
        }),
    })
}
