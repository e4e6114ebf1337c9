//! Criteria: what stands before the `=` decides how the value is read.

use jiff::Timestamp;

use crate::annuaire::search::parameter::{self, Kind, Parameter};
use crate::annuaire::search::query::value;
use crate::annuaire::search::query::{malformed, not_found, unknown};
use crate::annuaire::search::{Criterion, Matching};
use crate::fhir::directory_type::DirectoryType;
use crate::issue::Issue;
use crate::issue::catalogue::{ANNUAIRE_CHAIN, ANNUAIRE_MODIFIER};

/// Reads the criteria of a query, one after the other.
pub(super) struct Reader {
    /// When the query is read.
    pub now: Timestamp,
}

/// A criterion as it is written.
#[derive(Clone, Copy)]
struct Written<'a> {
    /// The whole name, for issues.
    whole: &'a str,
    /// Its value.
    value: &'a str,
}

impl Reader {
    /// The criterion that a parameter means; none where it has no value.
    pub fn read(&self, resource_type: DirectoryType, name: &str, value: &str) -> Result<Option<Criterion>, Issue> {
        let written = Written { whole: name, value };
        match name.strip_prefix("_has:") {
            Some(rest) => self.has(resource_type, rest, written),
            None => self.chain_or_plain(resource_type, name, written),
        }
    }

    /// `PractitionerRole:practitioner:role`, behind `_has:`
    fn has(&self, resource_type: DirectoryType, text: &str, written: Written<'_>) -> Result<Option<Criterion>, Issue> {
        let mut parts = text.splitn(3, ':');
        let (Some(source), Some(name), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unknown(resource_type, written.whole, written.whole));
        };
        let link = DirectoryType::parse(source).and_then(|source| parameter::link(source, name));
        let Some(link) = link.filter(|link| link.target == resource_type) else {
            let path = format!("{source}:{name}");
            return Err(unknown(resource_type, written.whole, written.whole)
                .diagnostics(not_found(&path, resource_type.as_str())));
        };
        if rest.starts_with("_has:") {
            return Err(too_far(written));
        }
        let inner = self.chain_or_plain(link.source, rest, written)?;
        Ok(inner.map(|criterion| Criterion::Has {
            source: link.source,
            field: link.field,
            criterion: Box::new(criterion),
        }))
    }

    /// `organization.identifier`, `organization:Organization.identifier`, or without a dot.
    fn chain_or_plain(
        &self,
        resource_type: DirectoryType,
        name: &str,
        written: Written<'_>,
    ) -> Result<Option<Criterion>, Issue> {
        let Some((head, rest)) = name.split_once('.') else {
            return self.plain(resource_type, name, written);
        };
        let (reference, type_name) = split_modifier(head);
        let Some(link) = parameter::link(resource_type, reference) else {
            let is_known = parameter::find(resource_type, reference).is_some();
            let missing = if is_known { name } else { reference };
            return Err(unknown(resource_type, missing, written.whole));
        };
        if let Some(other) = type_name.filter(|type_name| *type_name != link.target.as_str()) {
            return Err(wrong_modifier(resource_type, reference, other, &[link.target.as_str()], written));
        }
        if rest.starts_with("_has:") || rest.contains('.') {
            return Err(too_far(written));
        }
        let inner = self.plain(link.target, rest, written)?;
        Ok(inner.map(|criterion| Criterion::Chain {
            field: link.field,
            target: link.target,
            criterion: Box::new(criterion),
        }))
    }

    /// `identifier`, `name:contains`, `active:missing`
    fn plain(
        &self,
        resource_type: DirectoryType,
        name: &str,
        written: Written<'_>,
    ) -> Result<Option<Criterion>, Issue> {
        let (base, modifier) = split_modifier(name);
        let find = |name| parameter::find(resource_type, name);
        let known = find(base).ok_or_else(|| unknown(resource_type, base, written.whole))?;
        let modifiers = known.modifiers(resource_type);
        if let Some(other) = modifier.filter(|modifier| !modifiers.contains(modifier)) {
            return Err(wrong_modifier(resource_type, base, other, &modifiers, written));
        }
        let (known, modifier) = match modifier {
            // Not FHIR, but what the examples of the directory say.
            Some(part @ ("family" | "given")) => (find(part).unwrap_or(known), None),
            modifier => (known, modifier),
        };
        let items = value::items(written.value).map_err(|()| bad(written, "value < 1024"))?;
        if items.is_empty() {
            return Ok(None);
        }
        if modifier == Some("missing") {
            return missing(known, &items).map(Some).ok_or_else(|| bad(written, "true, false"));
        }
        self.of_kind(resource_type, known, modifier, &items, written)
    }

    fn of_kind(
        &self,
        resource_type: DirectoryType,
        known: &'static Parameter,
        modifier: Option<&str>,
        items: &[&str],
        written: Written<'_>,
    ) -> Result<Option<Criterion>, Issue> {
        let field = known.fields[0];
        Ok(match known.kind {
            Kind::Token if known.name == "_id" => {
                some(value::logical_ids(items).ok_or_else(|| bad(written, "id"))?).map(Criterion::Id)
            }
            Kind::Token => {
                let tokens = value::tokens(field, items).ok_or_else(|| match value::code_set(field) {
                    Some(set) => bad(written, &set.codes.join(", ")),
                    None => bad(written, "system|code, code, system|"),
                })?;
                some(tokens).map(|values| Criterion::Token { field, values, not: modifier == Some("not") })
            }
            Kind::Uri => some(value::uris(items)).map(|values| Criterion::Token { field, values, not: false }),
            Kind::String => Some(Criterion::Text {
                fields: known.fields,
                matching: matching(modifier),
                values: value::texts(items),
            }),
            Kind::Reference => {
                let link = parameter::link(resource_type, known.name);
                let target = link.map(|link| link.target.as_str()).unwrap_or_default();
                let expected = || bad(written, &format!("{target}/id, id"));
                some(value::ids(target, items).ok_or_else(expected)?).map(|ids| Criterion::Reference { field, ids })
            }
            Kind::Date => {
                let expected = "eq|ne|gt|lt|ge|le|sa|eb|ap + 2025-05-27T10:00:00Z";
                let bounds = value::bounds(items, self.now)
                    .ok_or_else(|| malformed(written.whole, expected).diagnostics("Invalid date/time format"))?;
                some(bounds).map(|bounds| match known.name {
                    "_lastUpdated" => Criterion::LastUpdated(bounds),
                    _ => Criterion::Period(field, bounds),
                })
            }
        })
    }
}

/// A name and what follows its first colon.
fn split_modifier(name: &str) -> (&str, Option<&str>) {
    name.split_once(':').map_or((name, None), |(name, modifier)| (name, Some(modifier)))
}

fn some<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

fn matching(modifier: Option<&str>) -> Matching {
    match modifier {
        Some("contains") => Matching::Contains,
        Some("exact") => Matching::Exact,
        _ => Matching::Prefix,
    }
}

fn missing(known: &'static Parameter, items: &[&str]) -> Option<Criterion> {
    let missing = match items {
        ["true"] => true,
        ["false"] => false,
        _ => return None,
    };
    Some(Criterion::Missing { fields: known.fields, missing })
}

fn bad(written: Written<'_>, expected: &str) -> Issue {
    malformed(written.whole, expected).diagnostics(value::BAD_VALUE)
}

fn too_far(written: Written<'_>) -> Issue {
    Issue::new(&ANNUAIRE_CHAIN, format!("http.{}", written.whole)).with("found", written.whole)
}

fn wrong_modifier(
    resource_type: DirectoryType,
    name: &str,
    modifier: &str,
    possible: &[&str],
    written: Written<'_>,
) -> Issue {
    Issue::new(&ANNUAIRE_MODIFIER, format!("http.{}", written.whole))
        .with("found", modifier)
        .with("parameter", name)
        .with("type", resource_type.as_str())
        .with("expected", possible.join(", "))
        .diagnostics(not_found(&format!("{name}:{modifier}"), resource_type.as_str()))
}
