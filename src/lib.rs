//! `sas-endpoint`: receives the flows of the French SAS (Service d'Accès aux Soins) over FHIR R4.
//!
//! The rooms, in the order in which a request meets them: [`http`] takes it in, [`interaction`]
//! carries it out, [`profile`] and [`sas`] judge it, [`storage`] keeps it. [`fhir`], [`issue`],
//! [`error`] and [`clock`] are vocabulary: everybody uses them, they use nobody above them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod command;
pub mod config;

pub mod http;

pub mod interaction;

pub mod profile;
pub mod sas;

pub mod storage;

pub mod clock;
pub mod error;
pub mod fhir;
pub mod issue;
