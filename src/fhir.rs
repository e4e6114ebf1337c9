//! The vocabulary of FHIR R4 (4.0.1): no HTTP, no SQL.
//!
//! <http://hl7.org/fhir/R4/>

pub(crate) mod bundle;
pub(crate) mod code_set;
pub(crate) mod code_system;
pub mod content;
pub mod date;
pub mod directory_type;
pub mod id;
pub mod identifier;
pub mod json;
pub(crate) mod narrative;
pub mod operation_outcome;
pub(crate) mod primitive;
pub mod query;
pub mod resource_type;
pub(crate) mod rest_security;
pub(crate) mod route;
pub(crate) mod subset;
pub(crate) mod top_identifiers;
pub mod version;
