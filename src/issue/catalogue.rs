//! All rules. `sas-endpoint rules` prints this list.
//!
//! Messages may contain placeholders (`{found}`, `{expected}`), see [`Issue::with`](super::Issue::with).

mod annuaire;
mod appointment;
mod exchange;
mod practitioner;
mod structure;

pub(crate) use {annuaire::*, appointment::*, exchange::*, practitioner::*, structure::*};

use super::Rule;

/// Declares rules, and the slice of all of them. The repair stands behind `=>`.
macro_rules! rules {
    ($all:ident: $( $name:ident = $id:literal, $level:ident, $code:ident, $source:expr;
        $french:literal; $english:literal; $(=> $french_repair:literal; $english_repair:literal;)? )+) => {
        $(
            #[doc = concat!("The rule `", $id, "`.")]
            pub static $name: Rule = Rule {
                id: $id,
                level: Level::$level,
                code: IssueType::$code,
                french: $french,
                english: $english,
                repair: rules!(@repair $($french_repair, $english_repair)?),
                source: $source,
            };
        )+
        pub(super) static $all: &[&Rule] = &[$(&$name),+];
    };
    (@repair $french:literal, $english:literal) => {
        Some(Repair { french: $french, english: $english })
    };
    (@repair) => {
        None
    };
}
use rules;

/// All rules, in the order in which they are checked.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    request_rules().chain(content_rules()).chain(annuaire_rules())
}

/// The rules of the directory's API, and of national identifiers that the directory does not know.
pub(crate) fn annuaire_rules() -> impl Iterator<Item = &'static Rule> {
    ANNUAIRE.iter().copied()
}

/// The rules of requests: path, query, headers, identity of the resource.
pub fn request_rules() -> impl Iterator<Item = &'static Rule> {
    EXCHANGE.iter().copied()
}

/// The rules of a single resource.
pub fn content_rules() -> impl Iterator<Item = &'static Rule> {
    [STRUCTURE, PRACTITIONER, APPOINTMENT].into_iter().flatten().copied()
}

/// The rule with this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}
