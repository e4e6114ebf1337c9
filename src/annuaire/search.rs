//! Searching: a query is read into criteria by a table of parameters, and these are evaluated over the index.

mod condition;
mod evaluation;
mod execution;
mod link;
mod matching;
pub mod parameter;
mod preparation;
pub mod query;

use crate::annuaire::store::index_entry::Field;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::date::DateBound;
use crate::fhir::subset::Subset;

pub use evaluation::Page;
pub use execution::Counts;

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// What is searched.
    pub resource_type: DirectoryType,
    /// All of these hold.
    pub criteria: Vec<Criterion>,
    /// The most matches on a page.
    pub count: usize,
    /// Whether the number of matches is wanted.
    pub total: Total,
    /// The part of each resource that is asked for.
    pub subset: Subset,
    /// What comes along.
    pub includes: Vec<Include>,
}

/// `_total`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Nothing was said: told unless it takes more than a second.
    BestEffort,
    /// `none`: never told.
    None,
    /// `estimate` or `accurate`: always exact, left out past a second.
    Wanted,
}

/// One parameter of a search; where it has several values, one of them suffices.
#[derive(Clone, Debug, PartialEq)]
pub enum Criterion {
    /// `_id`
    Id(Vec<String>),
    /// `_lastUpdated`: of `meta.lastUpdated`.
    LastUpdated(Vec<DateBound>),
    /// Of a period.
    Period(Field, Vec<DateBound>),
    /// A token, or with `not` none of them.
    Token {
        /// Where.
        field: Field,
        /// Which.
        values: Vec<Token>,
        /// `:not`: resources without any of the values.
        not: bool,
    },
    /// A text in any of the fields.
    Text {
        /// Where.
        fields: &'static [Field],
        /// How it is compared.
        matching: Matching,
        /// As written in the query.
        values: Vec<String>,
    },
    /// A reference, by the id it refers to.
    Reference {
        /// Where.
        field: Field,
        /// The ids.
        ids: Vec<String>,
    },
    /// `:missing`: nothing (or, if `false`, something) stands in any of the fields.
    Missing {
        /// Where.
        fields: &'static [Field],
        /// Whether it must be missing.
        missing: bool,
    },
    /// `organization.identifier=…`: the reference is to a resource for which the criterion holds.
    Chain {
        /// The reference.
        field: Field,
        /// The type it refers to.
        target: DirectoryType,
        /// What must hold there.
        criterion: Box<Criterion>,
    },
    /// `_has:PractitionerRole:practitioner:role=…`: some resource refers here for which the criterion holds.
    Has {
        /// The type that refers here.
        source: DirectoryType,
        /// Its reference.
        field: Field,
        /// What must hold there.
        criterion: Box<Criterion>,
    },
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The text begins with the value; case and accents do not count.
    Prefix,
    /// `:contains`: the value stands anywhere in the text; case and accents do not count.
    Contains,
    /// `:exact`: they are equal to the letter.
    Exact,
}

/// A token as searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// `code`, or `|code`: whatever the system.
    Code(String),
    /// `system|code`: both in the same coding.
    Both {
        /// The system.
        system: String,
        /// The code.
        code: String,
    },
    /// `system|`: any code of it.
    System(String),
}

/// `_include` or `_revinclude`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include {
    /// The type that refers.
    pub source: DirectoryType,
    /// Its reference.
    pub field: Field,
    /// The type it refers to.
    pub target: DirectoryType,
    /// `_revinclude`: what refers to a match comes along, rather than what a match refers to.
    pub reverse: bool,
    /// `:iterate`: of what came along too.
    pub iterate: bool,
}
