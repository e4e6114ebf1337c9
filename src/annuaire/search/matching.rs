//! Whether a resource matches a criterion: the verification of candidates, and the definition of what a search means.

use jiff::Timestamp;

use crate::annuaire::search::{Criterion, Matching, Token};
use crate::annuaire::store::index_entry::{Field, IndexEntry};
use crate::annuaire::store::text_folding::fold_case_and_accents;
use crate::fhir::query::date::Interval;

impl Criterion {
    /// Whether the resource with these values matches.
    ///
    /// [`Chain`](Criterion::Chain) and [`Has`](Criterion::Has) are about other resources: here they match any.
    pub fn matches(&self, indexed: &[IndexEntry], last_updated: Timestamp, id: &str) -> bool {
        let mut values = indexed.iter();
        match self {
            Self::Id(ids) => ids.iter().any(|known| known == id),
            Self::LastUpdated(bounds) => bounds.iter().any(|bound| bound.matches(last_updated)),
            Self::Period(wanted, bounds) => values.any(|value| match value {
                IndexEntry::Period { field, start, end } if field == wanted => {
                    let period = Interval { start: *start, end: *end };
                    bounds.iter().any(|bound| bound.matches_period(period))
                }
                _ => false,
            }),
            Self::Token { field: wanted, values: tokens, not } => {
                let found = values.any(|value| match value {
                    IndexEntry::Token { field, system, code } if field == wanted => {
                        tokens.iter().any(|token| token.matches(system, code))
                    }
                    _ => false,
                });
                found != *not
            }
            Self::Text { fields, matching, values: texts } => values.any(|value| match value {
                IndexEntry::Text { field, raw } if fields.contains(field) => {
                    texts.iter().any(|text| matching.holds(raw, text))
                }
                _ => false,
            }),
            Self::Reference { field: wanted, ids } => values.any(|value| match value {
                IndexEntry::Reference { field, id, .. } if field == wanted => ids.contains(id),
                _ => false,
            }),
            Self::Missing { fields, missing } => {
                // Every resource has `meta.lastUpdated`, though it is not among the values.
                let found = fields.contains(&Field::LastUpdated) || values.any(|value| fields.contains(&value.field()));
                found != *missing
            }
            Self::Chain { .. } | Self::Has { .. } => true,
        }
    }
}

impl Token {
    pub fn matches(&self, system: &str, code: &str) -> bool {
        match self {
            Self::Code(wanted) => wanted == code,
            Self::Both { system: wanted, code: wanted_code } => wanted == system && wanted_code == code,
            Self::System(wanted) => wanted == system,
        }
    }
}

impl Matching {
    /// Whether the text of a resource matches the value of a query.
    pub fn holds(self, text: &str, value: &str) -> bool {
        match self {
            Self::Prefix => fold_case_and_accents(text).starts_with(&*fold_case_and_accents(value)),
            Self::Contains => fold_case_and_accents(text).contains(&*fold_case_and_accents(value)),
            Self::Exact => text == value,
        }
    }
}

#[cfg(test)]
mod tests;
