//! `sas-endpoint`: receives the flows of the French SAS (Service d'Accès aux Soins) over FHIR R4.
//!
//! The modules, in the order in which a request passes them: [`http`] receives it, [`interaction`] answers it, [`profile`]
//! and [`sas`] validate it, [`storage`] stores it, and [`feed`] hands what is stored to the vendor's software, which [`decision`] asks
//! before an account is written, and to which [`webhook`] posts each event. [`tls`] and [`access`] authenticate and authorise the sender, [`audit`]
//! keeps the audit log, [`fault`] has what testers arm, [`annuaire`] is the mirror of the national directory, and
//! [`console`] shows people an instance in a browser. Every module may use [`fhir`], [`issue`],
//! [`error`], [`deadline`] and [`clock`], which use no module above them.
//!
//! What the program, `tests/` and `benches/` name is `pub`, with the types that its signature or its fields show. All else is
//! `pub(crate)`, or in a module that is not `pub`, where `pub` means the crate.

pub mod command;
pub mod config;

pub mod console;

pub mod http;

pub mod interaction;

pub mod decision;
pub mod fault;
pub mod feed;

pub mod journal;
mod webhook;

mod profile;
pub mod sas;

pub mod storage;

pub mod annuaire;

mod telemetry;

pub mod access;
pub mod audit;
pub mod tls;

mod background;
mod characters;
pub mod clock;
pub mod deadline;
pub mod error;
pub mod fhir;
pub mod issue;

#[cfg(test)]
mod house_tests;
