pub mod fhir;
pub mod issue;
