//! Every rule this endpoint applies. `sas-endpoint rules` prints this list.
//!
//! Sentences may hold placeholders (`{found}`, `{expected}`) filled by [`Issue::with`](super::Issue::with).

mod annuaire;
mod appointment;
mod exchange;
mod practitioner;
mod structure;

pub use {annuaire::*, appointment::*, exchange::*, practitioner::*, structure::*};

use super::Rule;

/// Declares rules and the slice that lists them all.
macro_rules! rules {
    ($all:ident: $( $name:ident = $id:literal, $level:ident, $code:ident, $source:expr;
        $french:literal; $english:literal; )+) => {
        $(
            #[doc = concat!("The rule `", $id, "`.")]
            pub static $name: Rule = Rule {
                id: $id,
                level: Level::$level,
                code: IssueType::$code,
                french: $french,
                english: $english,
                source: $source,
            };
        )+
        pub(super) static $all: &[&Rule] = &[$(&$name),+];
    };
}
use rules;

/// All rules, in the order in which a request meets them.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    of_exchange().chain(of_content()).chain(of_annuaire())
}

/// The rules of the directory: of its API, and of those who are cited without being in it.
pub fn of_annuaire() -> impl Iterator<Item = &'static Rule> {
    ANNUAIRE.iter().copied()
}

/// The rules of the exchange: path, query, headers, identity of what is written.
pub fn of_exchange() -> impl Iterator<Item = &'static Rule> {
    EXCHANGE.iter().copied()
}

/// The rules of a resource taken alone.
pub fn of_content() -> impl Iterator<Item = &'static Rule> {
    [STRUCTURE, PRACTITIONER, APPOINTMENT].into_iter().flatten().copied()
}

/// The rule with this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}
