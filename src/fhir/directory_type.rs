//! The resource types of the national directory.

use std::fmt;

/// A resource type of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectoryType {
    /// A legal entity, or a place of care.
    Organization,
    /// A professional.
    Practitioner,
    /// An activity of a professional at an organization.
    PractitionerRole,
    /// An activity or a social equipment of an organization.
    HealthcareService,
    /// Heavy equipment.
    Device,
}

impl DirectoryType {
    /// Every type, in the order of synchronisation: referenced types first.
    pub const ALL: [Self; 5] =
        [Self::Organization, Self::Practitioner, Self::PractitionerRole, Self::HealthcareService, Self::Device];

    /// The name in `resourceType`, in paths and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::Practitioner => "Practitioner",
            Self::PractitionerRole => "PractitionerRole",
            Self::HealthcareService => "HealthcareService",
            Self::Device => "Device",
        }
    }

    /// The type with this name, case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|directory_type| directory_type.as_str() == name)
    }
}

impl fmt::Display for DirectoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
