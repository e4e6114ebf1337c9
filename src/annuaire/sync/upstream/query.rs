//! The query of a walk over a directory.

use jiff::civil::Date;

use crate::fhir::directory_type::DirectoryType;

/// Which resources a walk goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Their type.
    pub resource_type: DirectoryType,
    /// Only those that changed on that day or later.
    pub since: Option<Date>,
    /// How many are on a page.
    pub count: u16,
}
