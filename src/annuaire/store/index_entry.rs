//! Index entries: the values by which searches find a resource.

use jiff::Timestamp;

use crate::fhir::directory_type::DirectoryType;

/// The field of a value. The numbers are stored: none is ever reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// The day (UTC) of `meta.lastUpdated`, which is no [`IndexEntry`]: the terms get it from the version.
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
    /// Country, district, state and text of an address.
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexEntry {
    /// A code, an identifier or a uri.
    Token {
        field: Field,
        /// Empty where there is none.
        system: String,
        code: String,
    },
    /// A text, not folded.
    Text { field: Field, raw: String },
    /// A reference to another resource of the directory.
    Reference { field: Field, target: DirectoryType, id: String },
    /// A period; either side may be open.
    Period {
        field: Field,
        start: Option<Timestamp>,
        /// The first instant after the period.
        end: Option<Timestamp>,
    },
}

impl IndexEntry {
    pub fn field(&self) -> Field {
        match self {
            Self::Token { field, .. }
            | Self::Text { field, .. }
            | Self::Reference { field, .. }
            | Self::Period { field, .. } => *field,
        }
    }
}
