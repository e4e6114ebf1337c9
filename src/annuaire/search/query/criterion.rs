//! Criteria: the name of a parameter decides how its value is parsed.

use jiff::Timestamp;

use crate::annuaire::search::parameter::{self, Kind, Parameter};
use crate::annuaire::search::query::refusal::{malformed, not_found, unknown};
use crate::annuaire::search::query::value;
use crate::annuaire::search::{Criterion, Matching};
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::name::ParameterName;
use crate::issue::Issue;
use crate::issue::catalogue::{ANNUAIRE_CHAIN, ANNUAIRE_MODIFIER};

/// A parameter as it is written.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    /// The whole name, for issues.
    pub whole: &'a str,
    pub value: &'a str,
    /// When the query is parsed: `ap` is relative to it.
    pub now: Timestamp,
}

/// What a name stands in: a chain has one step, and `_has` has a chain at most.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Query,
    Has,
    Chain,
}

/// Parses the criterion of a parameter; `None` where its value is empty.
pub(super) fn parse_criterion(resource_type: DirectoryType, written: Written<'_>) -> Result<Option<Criterion>, Issue> {
    written.criterion(resource_type, written.whole, Within::Query)
}

impl Written<'_> {
    /// The criterion of a part of the name.
    fn criterion(self, resource_type: DirectoryType, text: &str, within: Within) -> Result<Option<Criterion>, Issue> {
        match (ParameterName::parse(text), within) {
            (Some(ParameterName::Plain { name, modifier }), _) => self.plain(resource_type, name, modifier),
            (Some(ParameterName::Chain { reference, target, inner }), Within::Query | Within::Has) => {
                let Some(link) = parameter::link(resource_type, reference) else {
                    let is_known = parameter::find(resource_type, reference).is_some();
                    let missing = if is_known { text } else { reference };
                    return Err(unknown(resource_type, missing, self.whole));
                };
                if let Some(other) = target.filter(|target| *target != link.target.as_str()) {
                    return Err(self.wrong_modifier(resource_type, reference, other, &[link.target.as_str()]));
                }
                let criterion = self.criterion(link.target, inner, Within::Chain)?.map(Box::new);
                Ok(criterion.map(|criterion| Criterion::Chain { field: link.field, target: link.target, criterion }))
            }
            (Some(ParameterName::Has { source, reference, inner }), Within::Query) => {
                let link = DirectoryType::parse(source).and_then(|source| parameter::link(source, reference));
                let Some(link) = link.filter(|link| link.target == resource_type) else {
                    let path = format!("{source}:{reference}");
                    return Err(unknown(resource_type, self.whole, self.whole)
                        .diagnostics(not_found(&path, resource_type.as_str())));
                };
                let criterion = self.criterion(link.source, inner, Within::Has)?.map(Box::new);
                Ok(criterion.map(|criterion| Criterion::Has { source: link.source, field: link.field, criterion }))
            }
            (None, Within::Query) => Err(unknown(resource_type, self.whole, self.whole)),
            _ => Err(Issue::new(&ANNUAIRE_CHAIN, format!("http.{}", self.whole)).with("found", self.whole)),
        }
    }

    /// `identifier`, `name:contains`, `active:missing`
    fn plain(
        self,
        resource_type: DirectoryType,
        base: &str,
        modifier: Option<&str>,
    ) -> Result<Option<Criterion>, Issue> {
        let find = |name| parameter::find(resource_type, name);
        let known = find(base).ok_or_else(|| unknown(resource_type, base, self.whole))?;
        let modifiers = known.modifiers(resource_type);
        if let Some(other) = modifier.filter(|modifier| !modifiers.contains(modifier)) {
            return Err(self.wrong_modifier(resource_type, base, other, &modifiers));
        }
        let (known, modifier) = match modifier {
            // Not FHIR, but used in the examples of the national directory.
            Some(part @ ("family" | "given")) => (find(part).unwrap_or(known), None),
            modifier => (known, modifier),
        };
        let items = value::items(self.value).map_err(|()| self.bad("value < 1024"))?;
        if items.is_empty() {
            return Ok(None);
        }
        if modifier == Some("missing") {
            return missing(known, &items).map(Some).ok_or_else(|| self.bad("true, false"));
        }
        self.of_kind(resource_type, known, modifier, &items)
    }

    fn of_kind(
        self,
        resource_type: DirectoryType,
        known: &'static Parameter,
        modifier: Option<&str>,
        items: &[&str],
    ) -> Result<Option<Criterion>, Issue> {
        let field = known.fields[0];
        Ok(match known.kind {
            Kind::Token if known.name == "_id" => {
                some(value::logical_ids(items).ok_or_else(|| self.bad("id"))?).map(Criterion::Id)
            }
            Kind::Token => {
                let tokens = value::tokens(field, items).ok_or_else(|| match value::code_set(field) {
                    Some(set) => self.bad(&set.codes.join(", ")),
                    None => self.bad("system|code, code, system|"),
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
                let expected = || self.bad(&format!("{target}/id, id"));
                some(value::ids(target, items).ok_or_else(expected)?).map(|ids| Criterion::Reference { field, ids })
            }
            Kind::Date => {
                let expected = "eq|ne|gt|lt|ge|le|sa|eb|ap + 2025-05-27T10:00:00Z";
                let bounds = value::bounds(items, self.now)
                    .ok_or_else(|| malformed(self.whole, expected).diagnostics("Invalid date/time format"))?;
                some(bounds).map(|bounds| match known.name {
                    "_lastUpdated" => Criterion::LastUpdated(bounds),
                    _ => Criterion::Period(field, bounds),
                })
            }
        })
    }

    fn bad(self, expected: &str) -> Issue {
        malformed(self.whole, expected).diagnostics(value::BAD_VALUE)
    }

    fn wrong_modifier(self, resource_type: DirectoryType, name: &str, modifier: &str, possible: &[&str]) -> Issue {
        Issue::new(&ANNUAIRE_MODIFIER, format!("http.{}", self.whole))
            .with("found", modifier)
            .with("parameter", name)
            .with("type", resource_type.as_str())
            .with("expected", possible.join(", "))
            .diagnostics(not_found(&format!("{name}:{modifier}"), resource_type.as_str()))
    }
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
