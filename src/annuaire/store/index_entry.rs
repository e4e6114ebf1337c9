//! What searches find a resource by.

use jiff::Timestamp;

use crate::fhir::directory_type::DirectoryType;

/// What a value is indexed under. The numbers are stored: they are never given to anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// The day (UTC) of `meta.lastUpdated`; made by the mirror itself.
    LastUpdated = 1,
    /// `active`, as the codes `true` and `false`.
    Active = 2,
    /// `identifier`
    Identifier = 3,
    /// `identifier.type.coding`
    IdentifierType = 4,
    /// `meta.extension` data-trace, systeme-information.
    DataInformationSystem = 5,
    /// `meta.extension` data-trace, autorite-enregistrement.
    DataRegistrationAuthority = 6,
    /// `meta.profile`, with and without its `|version`; the url is the code.
    Profile = 7,
    /// `name.family`
    Family = 8,
    /// `name.given`
    Given = 9,
    /// `name.text`, `prefix` and `suffix` of a person; `name` of an organization.
    Name = 10,
    /// `qualification.code.coding`
    QualificationCode = 11,
    /// The number of a smartcard.
    NumberSmartcard = 12,
    /// The type of a smartcard.
    TypeSmartcard = 13,
    /// The address of an MSSanté mailbox.
    MailboxMss = 14,
    /// The type of an MSSanté mailbox.
    MailboxMssType = 15,
    /// `PractitionerRole.practitioner`
    Practitioner = 16,
    /// `PractitionerRole.organization`, `Device.owner`, `HealthcareService.providedBy`
    Organization = 17,
    /// `PractitionerRole.code.coding`
    Role = 18,
    /// `Organization.partOf`
    PartOf = 19,
    /// `type.coding` of an organization or a device.
    Type = 20,
    /// `address.city`
    AddressCity = 21,
    /// `address.postalCode`
    AddressPostalCode = 22,
    /// `address.line`, or the parts of `address._line`, joined.
    AddressLine = 23,
    /// What else an address says: country, district, state, text.
    AddressOther = 24,
    /// The INSEE code of the commune.
    AddressInsee = 25,
    /// The pharmacy licence.
    PharmacyLicence = 26,
    /// The period of an organization.
    Period = 27,
    /// `Device.manufacturer`
    Manufacturer = 28,
    /// `Device.modelNumber`, `Device.deviceName.name`
    Model = 29,
    /// `Device.status`
    Status = 30,
    /// `HealthcareService.characteristic`
    Characteristic = 31,
    /// `HealthcareService.category`
    ServiceCategory = 32,
    /// `HealthcareService.type`
    ServiceType = 33,
}

/// One value of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexEntry {
    /// A code, an identifier or a uri.
    Token {
        /// What it stands in.
        field: Field,
        /// Its system; empty where there is none.
        system: String,
        /// The code or value.
        code: String,
    },
    /// A text, as it stands in the resource.
    Text {
        /// What it stands in.
        field: Field,
        /// As received.
        raw: String,
    },
    /// A reference to another resource of the directory.
    Reference {
        /// What it stands in.
        field: Field,
        /// The type referred to.
        target: DirectoryType,
        /// The id referred to.
        id: String,
    },
    /// From an instant to another, either of which may be open.
    Period {
        /// What it stands in.
        field: Field,
        /// Its first instant.
        start: Option<Timestamp>,
        /// The first instant after.
        end: Option<Timestamp>,
    },
}

impl IndexEntry {
    /// What it stands in.
    pub fn field(&self) -> Field {
        match self {
            Self::Token { field, .. }
            | Self::Text { field, .. }
            | Self::Reference { field, .. }
            | Self::Period { field, .. } => *field,
        }
    }
}
