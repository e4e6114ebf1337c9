//! `sas-endpoint`: receives the flows of the French SAS (Service d'Accès aux Soins) over FHIR R4.
//!
//! The rooms, in the order in which a request meets them: [`http`] takes it in, [`interaction`]
//! carries it out, [`profile`] and [`sas`] judge it, [`storage`] keeps it. [`tls`] and [`access`] say who
//! asks and what they may do, [`audit`] what is kept of it. [`fhir`], [`issue`], [`error`], [`deadline`] and [`clock`] are
//! vocabulary: everybody uses them, they use nobody above them.

pub mod command;
pub mod config;

pub mod http;

pub mod interaction;

pub mod profile;
pub mod sas;

pub mod storage;

pub mod annuaire;

pub mod telemetry;

pub mod access;
pub mod audit;
pub mod tls;

pub mod clock;
pub mod deadline;
pub mod error;
pub mod fhir;
pub mod issue;

#[cfg(test)]
mod house_tests;
