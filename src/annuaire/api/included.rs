//! `_include` and `_revinclude`: what comes along with the matches of a page.
//!
//! <http://hl7.org/fhir/R4/search.html#include>

use std::collections::{BTreeMap, HashSet};

use crate::annuaire::api::references::References;
use crate::annuaire::search::parameter::LINKS;
use crate::annuaire::search::{Criterion, Include, Search, Total};
use crate::annuaire::store::{Mirror, Snapshot, Stored};
use crate::error::Error;
use crate::fhir::directory_type::DirectoryType;

/// The most resources that come along with the matches of a page.
pub const MAX_INCLUDED: usize = 2000;
/// How far `:iterate` goes from a match.
const MAX_INCLUDE_PAGES: usize = 16;

/// What comes along.
pub struct Included {
    /// Each once, none of them a match of the page.
    pub resources: Vec<Stored>,
    /// Whether that is all of it.
    pub whole: bool,
    /// Where it is not: how many times too much there is, about; at least twice.
    pub excess: usize,
}

/// What comes along with these matches, in at most `room` bytes. Where it is more than a page carries,
/// that is what fits with one match, and of no use with several: fewer matches are to be tried then.
pub async fn included(
    mirror: &Mirror,
    at: &Snapshot,
    includes: &[Include],
    matches: &[Stored],
    room: usize,
) -> Result<Included, Error> {
    let known = matches.iter().map(|found| (found.resource_type, found.id.clone())).collect();
    let alone = matches.len() == 1;
    let mut gathering = Gathering { mirror, at, known, alone, free: MAX_INCLUDED, room, whole: true, excess: 2 };
    let iterated: Vec<_> = includes.iter().filter(|include| include.iterate).copied().collect();
    let mut resources = vec![];
    let mut last = gathering.follow(matches, includes).await?;
    let mut steps = 1;
    while !last.is_empty() && !iterated.is_empty() && !gathering.gives_up() {
        if steps == MAX_INCLUDE_PAGES {
            // There may be more where the last ones lead.
            gathering.whole = false;
            break;
        }
        let new = gathering.follow(&last, &iterated).await?;
        resources.append(&mut last);
        last = new;
        steps += 1;
    }
    resources.append(&mut last);
    Ok(Included { resources, whole: gathering.whole, excess: gathering.excess })
}

struct Gathering<'a> {
    mirror: &'a Mirror,
    at: &'a Snapshot,
    /// What is on the page, or was asked for.
    known: HashSet<(DirectoryType, String)>,
    /// Whether there is one match only.
    alone: bool,
    /// How many more may come along.
    free: usize,
    /// How many more bytes they may have.
    room: usize,
    /// Whether everything was taken so far.
    whole: bool,
    excess: usize,
}

impl Gathering<'_> {
    /// Whether what is missing makes the rest useless.
    fn gives_up(&self) -> bool {
        !self.whole && !self.alone
    }

    /// What is one step away from these resources.
    async fn follow(&mut self, from: &[Stored], includes: &[Include]) -> Result<Vec<Stored>, Error> {
        let mut new = vec![];
        for (target, mut ids) in self.referred(from, includes) {
            self.whole &= ids.len() <= self.free;
            ids.truncate(self.free);
            if !ids.is_empty() && !self.gives_up() {
                let found = self.mirror.by_ids(self.at, target, &ids).await?;
                self.take_fitting(found, &mut new);
            }
        }
        for include in includes.iter().filter(|include| include.reverse) {
            let of_target = from.iter().filter(|stored| stored.resource_type == include.target);
            let ids: Vec<_> = of_target.map(|stored| stored.id.clone()).collect();
            if ids.is_empty() || self.gives_up() {
                continue;
            }
            let found = self.referring(include, ids).await?;
            self.take_fitting(found, &mut new);
        }
        Ok(new)
    }

    /// What refers to these ids and is not known yet: all of it, or more than may come along.
    async fn referring(&mut self, include: &Include, ids: Vec<String>) -> Result<Vec<Stored>, Error> {
        let criteria = [Criterion::Reference { field: include.field, ids }];
        let (mut new, mut after) = (vec![], 0);
        loop {
            let limit = self.free + 1 - new.len();
            let page = self.mirror.page(include.source, &criteria, self.at, after, limit).await?;
            let known = &mut self.known;
            let found = page.matches.into_iter();
            new.extend(found.filter(|one| known.insert((one.resource_type, one.id.clone()))));
            // A page may be short for other reasons than that there is no more.
            if !page.more {
                return Ok(new);
            }
            if new.len() > self.free {
                if !self.alone {
                    // Counting is cheap, and spares several trials with too many matches.
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

    /// The ids that these resources refer to, by type, each once, of those that are not known yet.
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

    /// Takes these, in the order of their numbers, as long as they fit.
    fn take_fitting(&mut self, mut found: Vec<Stored>, new: &mut Vec<Stored>) {
        found.sort_unstable_by_key(|stored| stored.seq);
        for stored in found {
            if self.free == 0 || self.room < stored.body.len() {
                self.whole = false;
                return;
            }
            self.free -= 1;
            self.room -= stored.body.len();
            new.push(stored);
        }
    }
}

/// The searches that give all of what comes along with a match only in part.
pub fn instead(search: &Search, id: &str) -> String {
    let backwards = search.includes.iter().filter(|one| one.reverse && one.target == search.resource_type);
    let links =
        backwards.filter_map(|one| LINKS.iter().find(|link| (link.source, link.field) == (one.source, one.field)));
    let searches: Vec<_> = links.map(|link| format!("{}?{}={id}", link.source, link.name)).collect();
    if searches.is_empty() { format!("{}?_id={id}", search.resource_type) } else { searches.join(", ") }
}
