//! `_include` and `_revinclude`: the resources included in a page. <http://hl7.org/fhir/R4/search.html#include>

use std::collections::{BTreeMap, HashSet};

use crate::annuaire::api::references::References;
use crate::annuaire::search::parameter::LINKS;
use crate::annuaire::search::{Criterion, Include, Search, Total};
use crate::annuaire::store::{Mirror, Snapshot, Stored};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// Maximum included resources of a page.
pub const MAX_INCLUDED: usize = 2000;
/// Maximum references that `:iterate` follows from a match.
const MAX_INCLUDE_STEPS: usize = 16;

/// The included resources of a page.
pub struct Included {
    /// Without duplicates, and without the matches of the page.
    pub resources: Vec<Stored>,
    /// Whether these are all included resources.
    pub is_complete: bool,
    /// Where they are not: approximately by what factor the matches have too many; at least 2.
    pub excess: usize,
}

/// The resources included with these matches, in at most `free_bytes` bytes. Where the bounds are exceeded, the result is
/// partial for one match, and useless for several: the caller tries fewer matches.
pub async fn resolve_includes(
    mirror: &Mirror,
    at: &Snapshot,
    includes: &[Include],
    matches: &[Stored],
    free_bytes: usize,
) -> Result<Included, Error> {
    let known = matches.iter().map(|found| (found.resource_type, found.id.clone())).collect();
    let has_one_match = matches.len() == 1;
    let mut resolver = IncludeResolver {
        mirror,
        at,
        known,
        has_one_match,
        free_resources: MAX_INCLUDED,
        free_bytes,
        is_complete: true,
        excess: 2,
    };
    let iterated: Vec<_> = includes.iter().filter(|include| include.iterate).copied().collect();
    let mut resources = vec![];
    let mut last = resolver.follow(matches, includes).await?;
    let mut steps = 1;
    while !last.is_empty() && !iterated.is_empty() && !resolver.is_useless() {
        if steps == MAX_INCLUDE_STEPS {
            // The last resources may refer to more.
            resolver.is_complete = false;
            break;
        }
        let new = resolver.follow(&last, &iterated).await?;
        resources.append(&mut last);
        last = new;
        steps += 1;
    }
    resources.append(&mut last);
    Ok(Included { resources, is_complete: resolver.is_complete, excess: resolver.excess })
}

struct IncludeResolver<'a> {
    mirror: &'a Mirror,
    at: &'a Snapshot,
    /// Resources that are on the page, or were looked up.
    known: HashSet<(DirectoryType, String)>,
    has_one_match: bool,
    /// How many more resources may be included.
    free_resources: usize,
    /// How many more bytes the included resources may have.
    free_bytes: usize,
    /// Whether nothing was left out so far.
    is_complete: bool,
    excess: usize,
}

impl IncludeResolver<'_> {
    /// Whether the result is useless, because it is partial for several matches.
    fn is_useless(&self) -> bool {
        !self.is_complete && !self.has_one_match
    }

    /// The resources one reference away from these.
    async fn follow(&mut self, from: &[Stored], includes: &[Include]) -> Result<Vec<Stored>, Error> {
        let mut new = vec![];
        for (target, mut ids) in self.referred(from, includes) {
            self.is_complete &= ids.len() <= self.free_resources;
            ids.truncate(self.free_resources);
            if !ids.is_empty() && !self.is_useless() {
                let found = self.mirror.by_ids(self.at, target, &ids).await?;
                self.take_fitting(found, &mut new);
            }
        }
        for include in includes.iter().filter(|include| include.reverse) {
            let of_target = from.iter().filter(|stored| stored.resource_type == include.target);
            let ids: Vec<_> = of_target.map(|stored| stored.id.clone()).collect();
            if ids.is_empty() || self.is_useless() {
                continue;
            }
            let found = self.referring(include, ids).await?;
            self.take_fitting(found, &mut new);
        }
        Ok(new)
    }

    /// The unknown resources that refer to these ids: all of them, or more than may be included.
    async fn referring(&mut self, include: &Include, ids: Vec<String>) -> Result<Vec<Stored>, Error> {
        let criteria = [Criterion::Reference { field: include.field, ids }];
        let (mut new, mut after) = (vec![], 0);
        loop {
            let limit = self.free_resources + 1 - new.len();
            let page = self.mirror.page(include.source, &criteria, self.at, after, limit).await?;
            let known = &mut self.known;
            let found = page.matches.into_iter();
            new.extend(found.filter(|one| known.insert((one.resource_type, one.id.clone()))));
            // A page that took too long is short, and more may follow.
            if !page.more {
                return Ok(new);
            }
            if new.len() > self.free_resources {
                if !self.has_one_match {
                    // Counting is cheap, and saves several tries with too many matches.
                    let total = self.mirror.total(include.source, &criteria, self.at, Total::Wanted).await?;
                    let total = total.unwrap_or_default();
                    let total = usize::try_from(total).unwrap_or(usize::MAX);
                    self.excess = self.excess.max(total.div_ceil(MAX_INCLUDED));
                }
                return Ok(new);
            }
            after = page.seen;
        }
    }

    /// The unknown ids that these resources refer to, by type, without duplicates.
    fn referred(&mut self, from: &[Stored], includes: &[Include]) -> BTreeMap<DirectoryType, Vec<String>> {
        let mut referred: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for stored in from {
            let followed = || includes.iter().filter(|one| !one.reverse && one.source == stored.resource_type);
            if followed().next().is_none() {
                continue;
            }
            let references = References::parse(&stored.body);
            for include in followed() {
                let Some((target, id)) = references.target(stored.resource_type, include.field) else { continue };
                if target == include.target && self.known.insert((target, id.to_owned())) {
                    referred.entry(target).or_default().push(id.to_owned());
                }
            }
        }
        referred
    }

    /// Takes resources in the order of their sequences while they are within the bounds.
    fn take_fitting(&mut self, mut found: Vec<Stored>, new: &mut Vec<Stored>) {
        found.sort_unstable_by_key(|stored| stored.seq);
        for stored in found {
            if self.free_resources == 0 || self.free_bytes < stored.body.len() {
                self.is_complete = false;
                return;
            }
            self.free_resources -= 1;
            self.free_bytes -= stored.body.len();
            new.push(stored);
        }
    }
}

/// The searches that return all of the resources of which a match includes only some.
pub fn suggest_searches(search: &Search, id: &str) -> String {
    let backwards = search.includes.iter().filter(|one| one.reverse && one.target == search.resource_type);
    let links =
        backwards.filter_map(|one| LINKS.iter().find(|link| (link.source, link.field) == (one.source, one.field)));
    let searches: Vec<_> = links.map(|link| format!("{}?{}={id}", link.source, link.name)).collect();
    if searches.is_empty() { format!("{}?_id={id}", search.resource_type) } else { searches.join(", ") }
}
