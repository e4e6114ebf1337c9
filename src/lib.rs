pub mod fhir;
pub mod issue;
pub mod profile;
pub mod sas;
