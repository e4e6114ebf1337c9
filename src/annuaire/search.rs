//! Searches: a table of parameters turns a query into criteria, which are evaluated over the index.

mod condition;
mod evaluation;
mod execution;
mod link;
mod matching;
pub(crate) mod parameter;
mod preparation;
pub mod query;

use crate::annuaire::store::index_entry::Field;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::date::DateBound;
use crate::fhir::subset::Subset;

pub(crate) use evaluation::Page;
pub(crate) use execution::Counts;

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    pub resource_type: DirectoryType,
    /// All criteria must match.
    pub criteria: Vec<Criterion>,
    /// Maximum matches of a page.
    pub count: usize,
    pub total: Total,
    pub subset: Subset,
    pub includes: Vec<Include>,
}

/// `_total`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Without `_total`: stated unless counting takes more than a second.
    BestEffort,
    /// `none`: never stated.
    None,
    /// `estimate` or `accurate`: exact, or left out if counting takes more than a second.
    Wanted,
}

/// One parameter of a search. One of several values suffices.
#[derive(Clone, Debug, PartialEq)]
pub enum Criterion {
    /// `_id`
    Id(Vec<String>),
    /// `_lastUpdated`: of `meta.lastUpdated`.
    LastUpdated(Vec<DateBound>),
    /// A date that is compared with a period.
    Period(Field, Vec<DateBound>),
    /// One of the tokens; with `not`, none of them.
    Token { field: Field, values: Vec<Token>, not: bool },
    /// A text in any of the fields.
    Text { fields: &'static [Field], matching: Matching, values: Vec<String> },
    /// A reference to one of the ids.
    Reference { field: Field, ids: Vec<String> },
    /// `:missing`: none of the fields has a value, or, if `false`, one has.
    Missing { fields: &'static [Field], missing: bool },
    /// `organization.identifier=…`: the reference is to a resource that matches the criterion.
    Chain { field: Field, target: DirectoryType, criterion: Box<Criterion> },
    /// `_has:PractitionerRole:practitioner:role=…`: a resource that matches the criterion refers to this one.
    Has { source: DirectoryType, field: Field, criterion: Box<Criterion> },
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The text begins with the value; case and accents are ignored.
    Prefix,
    /// `:contains`: the text contains the value; case and accents are ignored.
    Contains,
    /// `:exact`: the text equals the value.
    Exact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// `code`, or `|code`: of any system, as at the national directory.
    Code(String),
    /// `system|code`: both in the same coding.
    Both { system: String, code: String },
    /// `system|`: any code of the system.
    System(String),
}

/// `_include` or `_revinclude`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include {
    pub source: DirectoryType,
    pub field: Field,
    pub target: DirectoryType,
    /// `_revinclude`: resources that refer to a match, instead of those that a match refers to.
    pub reverse: bool,
    /// `:iterate`: from included resources too.
    pub iterate: bool,
}
