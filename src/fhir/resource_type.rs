//! The resource types this endpoint receives.

use std::fmt;

/// A resource type served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// A regulator account: INT_R02. <http://hl7.org/fhir/R4/practitioner.html>
    Practitioner,
    /// An appointment made by a regulator: INT_R03. <http://hl7.org/fhir/R4/appointment.html>
    Appointment,
}

impl ResourceType {
    /// Every type, in the order of the CapabilityStatement.
    pub const ALL: [Self; 2] = [Self::Practitioner, Self::Appointment];

    /// The name in `resourceType`, in paths and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Practitioner => "Practitioner",
            Self::Appointment => "Appointment",
        }
    }

    /// The type with this name, case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource_type| resource_type.as_str() == name)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
