//! Parses `_include` and `_revinclude`.

use crate::annuaire::search::parameter::{self, LINKS, Link};
use crate::annuaire::search::query::refusal::{not_found, unknown};
use crate::annuaire::search::{Include, Search};
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::name::split_modifier;
use crate::issue::Issue;
use crate::issue::catalogue::ANNUAIRE_INCLUDE;

/// Whether the parameter is one of the two, with any modifier.
pub(super) fn is_include(name: &str) -> bool {
    matches!(split_modifier(name).0, "_include" | "_revinclude")
}

/// Adds the includes of a parameter; an empty value adds none.
pub(super) fn parse_include(name: &str, value: &str, search: &mut Search) -> Result<(), Issue> {
    let whole = name;
    let (name, modifier) = split_modifier(name);
    let iterate = match modifier {
        None | Some("") => false,
        // `recurse` is what DSTU2 and STU3 called it.
        Some("iterate" | "recurse") => true,
        Some(_) => return Err(unknown(search.resource_type, whole, whole)),
    };
    let reverse = name == "_revinclude";
    let value = value.trim();
    if value.is_empty() {
        return Ok(());
    }
    let links: Vec<&Link> = LINKS.iter().filter(|link| starts(link, search.resource_type, reverse, iterate)).collect();
    let found: Vec<&Link> = match value {
        "*" if !reverse => links,
        path => links.into_iter().filter(|link| link.path() == path).collect(),
    };
    if found.is_empty() {
        return Err(wrong(name, value, search.resource_type, reverse));
    }
    for link in found {
        add(link, reverse, iterate, &mut search.includes);
    }
    Ok(())
}

/// Whether the link starts at a match, or, with `:iterate`, at any included resource.
fn starts(link: &Link, resource_type: DirectoryType, reverse: bool, iterate: bool) -> bool {
    let end = if reverse { link.target } else { link.source };
    iterate || end == resource_type
}

/// Adds a link without duplicates; with and without `:iterate`, it is iterated.
fn add(link: &Link, reverse: bool, iterate: bool, includes: &mut Vec<Include>) {
    let include = Include { source: link.source, field: link.field, target: link.target, reverse, iterate };
    let same = |known: &&mut Include| Include { iterate, ..**known } == include;
    match includes.iter_mut().find(same) {
        Some(known) => known.iterate |= iterate,
        None => includes.push(include),
    }
}

fn wrong(name: &str, value: &str, resource_type: DirectoryType, reverse: bool) -> Issue {
    let possible =
        if reverse { parameter::reverse_includes(resource_type) } else { parameter::includes(resource_type) };
    let possible = if possible.is_empty() { "∅".to_owned() } else { possible.join(", ") };
    Issue::new(&ANNUAIRE_INCLUDE, format!("http.{name}"))
        .with("found", value)
        .with("parameter", name)
        .with("type", resource_type.as_str())
        .with("expected", possible)
        .diagnostics(not_found(value, resource_type.as_str()))
}
