//! The vocabulary of FHIR R4 (4.0.1): no HTTP, no SQL.
//!
//! <http://hl7.org/fhir/R4/>

pub mod bundle;
pub mod code_set;
pub mod code_system;
pub mod content;
pub mod date;
pub mod directory_type;
pub mod id;
pub mod identifier;
pub mod json;
pub mod narrative;
pub mod operation_outcome;
pub mod primitive;
pub mod query;
pub mod resource_type;
pub mod rest_security;
pub mod route;
pub mod subset;
pub mod version;
