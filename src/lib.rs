pub mod clock;
pub mod error;
pub mod fhir;
pub mod interaction;
pub mod issue;
pub mod profile;
pub mod sas;
pub mod storage;
