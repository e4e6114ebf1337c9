//! The search parameters and references of the directory. Queries are parsed by these tables, and the
//! CapabilityStatement lists them.
//!
//! The parameters are those of the national API, and some that it does not have, marked as local.

use crate::annuaire::store::index_entry::Field;
use crate::fhir::directory_type::DirectoryType;
use DirectoryType::{Device, HealthcareService, Organization, Practitioner, PractitionerRole};

/// The type of a search parameter: <http://hl7.org/fhir/R4/search.html#ptypes>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Token,
    String,
    Reference,
    Date,
    Uri,
}

impl Kind {
    /// The FHIR code: <http://hl7.org/fhir/R4/valueset-search-param-type.html>
    pub fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::String => "string",
            Self::Reference => "reference",
            Self::Date => "date",
            Self::Uri => "uri",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub types: &'static [DirectoryType],
    /// A value in one of these fields suffices.
    pub fields: &'static [Field],
    /// Whether the national API does not have it.
    pub is_local: bool,
    definition: Definition,
    pub documentation: &'static str,
}

/// Where a parameter is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Definition {
    /// In R4, under this name.
    Base(&'static str),
    /// In R4, for each type, as `Type-name`.
    Each,
    /// In the implementation guide of the directory, under this name.
    Guide(&'static str),
    None,
}

impl Parameter {
    /// The canonical URL of its definition for this type, where there is one.
    pub fn definition(&self, resource_type: DirectoryType) -> Option<String> {
        match self.definition {
            Definition::Base(name) => Some(format!("http://hl7.org/fhir/SearchParameter/{name}")),
            Definition::Each => Some(format!("http://hl7.org/fhir/SearchParameter/{resource_type}-{}", self.name)),
            Definition::Guide(name) => {
                Some(format!("https://interop.esante.gouv.fr/ig/fhir/annuaire/SearchParameter/{name}"))
            }
            Definition::None => None,
        }
    }

    /// The modifiers that it may have, without the colon, including `missing`.
    pub fn modifiers(&self, resource_type: DirectoryType) -> Vec<&'static str> {
        let own: &[_] = match self.kind {
            // `_id:not` has no use in a directory.
            Kind::Token if self.name == "_id" => &[],
            Kind::Token => &["not"],
            Kind::String if self.name == "name" && resource_type == Practitioner => {
                &["contains", "exact", "text", "family", "given"]
            }
            Kind::String => &["contains", "exact", "text"],
            Kind::Reference | Kind::Date | Kind::Uri => &[],
        };
        let target = link(resource_type, self.name).map(|link| link.target.as_str());
        own.iter().copied().chain(target).chain(["missing"]).collect()
    }
}

const ALL: &[DirectoryType] = &DirectoryType::ALL;
const LOCAL: bool = true;
const NATIONAL: bool = false;

/// Declares the table of parameters.
macro_rules! parameters {
    ($( $name:literal $kind:ident $types:expr, [$($field:ident),+], $definition:expr, $local:expr, $documentation:literal; )+) => {
        /// Every search parameter; of each type in the order of the national documentation.
        pub static PARAMETERS: &[Parameter] = &[$( Parameter {
            name: $name,
            kind: Kind::$kind,
            types: $types,
            fields: &[$(Field::$field),+],
            is_local: $local,
            definition: $definition,
            documentation: $documentation,
        } ),+];
    };
}

use Definition::{Base, Each, Guide, None as Undefined};

// `_id` has a criterion of its own. Its field, which every resource has, is for `:missing`.
parameters! {
    "_id" Token ALL, [LastUpdated], Base("Resource-id"), NATIONAL, "Logical id.";
    "_lastUpdated" Date ALL, [LastUpdated], Base("Resource-lastUpdated"), NATIONAL,
        "meta.lastUpdated: when the resource last changed in the directory. Without a zone, a date is meant in UTC. Prefixes: eq, ne, gt, lt, ge, le, sa, eb, ap.";
    "_profile" Uri &[HealthcareService], [Profile], Base("Resource-profile"), NATIONAL,
        "meta.profile, any of them, with or without its version: distinguishes health care activities from social equipment.";
    "identifier" Token ALL, [Identifier], Each, NATIONAL,
        "Business identifiers (RPPS, IDNPS, FINESS, SIREN, SIRET, ARHGOS…): value, system|value, or system| for any of that system.";
    "identifier-type" Token &[Practitioner, Organization], [IdentifierType], Undefined, NATIONAL,
        "Type of an identifier: IDNPS, RPPS, IDNST, FINEG, FINEJ, SIREN, SIRET, RPPSRG.";
    "active" Token &[Practitioner, PractitionerRole, Organization, HealthcareService], [Active], Each, NATIONAL,
        "Whether it is in use: true or false; without this parameter, both.";
    "family" String &[Practitioner], [Family], Base("individual-family"), NATIONAL, "Family name, as practised.";
    "given" String &[Practitioner], [Given], Base("individual-given"), NATIONAL, "Given name, as practised.";
    "name" String &[Practitioner], [Family, Given, Name], Each, NATIONAL,
        "Any part of a name: text, family, given, prefix, suffix. name:family and name:given are read as family and given.";
    "name" String &[Organization], [Name], Each, NATIONAL, "Name of the structure; not its alias.";
    "qualification-code" Token &[Practitioner], [QualificationCode], Guide("as-sp-qualification-code"), NATIONAL,
        "Any coding of a qualification: diploma, category, profession, specialty.";
    "number-smartcard" String &[Practitioner], [NumberSmartcard], Guide("as-sp-number-smartcard"), NATIONAL,
        "Number of a smartcard (CPx).";
    "type-smartcard" Token &[Practitioner], [TypeSmartcard], Guide("as-sp-type-smartcard"), NATIONAL,
        "Type of a smartcard: CPS, CPF…";
    "mailbox-mss" String &[Practitioner, PractitionerRole, Organization], [MailboxMss], Guide("as-sp-mailbox-mss"), NATIONAL,
        "Address of an MSSanté mailbox; no phone number, no ordinary e-mail address.";
    "mailbox-mss-type" Token &[Practitioner, PractitionerRole, Organization], [MailboxMssType], Guide("as-sp-mailbox-mss-type"), LOCAL,
        "Type of an MSSanté mailbox: PER, CAB, ORG, APP; under the system TRE_R257, or TRE_R256 as the guide writes it. Only here: the national API refuses it.";
    "practitioner" Reference &[PractitionerRole], [Practitioner], Each, NATIONAL, "The professional whose role it is.";
    "organization" Reference &[PractitionerRole], [Organization], Each, NATIONAL, "Where the role is practised.";
    "organization" Reference &[HealthcareService], [Organization], Each, NATIONAL, "providedBy: who provides the service.";
    "organization" Reference &[Device], [Organization], Each, NATIONAL, "owner: whose device it is.";
    "role" Token &[PractitionerRole], [Role], Each, NATIONAL,
        "Kind of activity, mode, function, or section of the register of pharmacists.";
    "partof" Reference &[Organization], [PartOf], Each, NATIONAL, "The legal entity to which a geographical entity belongs.";
    "type" Token &[Organization], [Type], Each, NATIONAL,
        "Legal or geographical entity, sector of activity, category, legal status, NAF code…";
    "type" Token &[Device], [Type], Each, NATIONAL, "Type of heavy equipment.";
    "address" String &[Organization], [AddressCity, AddressPostalCode, AddressLine, AddressOther], Each, NATIONAL,
        "Any part of an address.";
    "address-city" String &[Organization], [AddressCity], Each, NATIONAL, "City.";
    "address-postalcode" String &[Organization], [AddressPostalCode], Each, NATIONAL,
        "Postal code; its first two digits are a department.";
    "address-line" String &[Organization], [AddressLine], Guide("as-sp-address-line"), NATIONAL,
        "Street: line, or the parts in the extensions of _line, in their order, joined by spaces.";
    "address-insee" String &[Organization], [AddressInsee], Guide("as-sp-insee-code"), LOCAL,
        "INSEE code of the commune. Only here: the national API does not list it.";
    "pharmacy-licence" String &[Organization], [PharmacyLicence], Guide("as-sp-pharmacy-licence"), NATIONAL,
        "Licence of a pharmacy.";
    "period" Date &[Organization], [Period], Guide("as-sp-organization-period"), LOCAL,
        "Period of activity, compared as a range by the prefixes of R4: eq, ne, gt, lt, ge, le, sa, eb, ap; an open side has no end. Only here: the national API does not list it.";
    "characteristic" Token &[HealthcareService], [Characteristic], Each, NATIONAL,
        "Form of a health care activity, or type of activity of social equipment.";
    "service-category" Token &[HealthcareService], [ServiceCategory], Each, NATIONAL, "Modality of a health care activity.";
    "service-type" Token &[HealthcareService], [ServiceType], Each, NATIONAL,
        "Regulated activity, or discipline of social equipment.";
    "manufacturer" String &[Device], [Manufacturer], Each, NATIONAL, "Manufacturer.";
    "model" String &[Device], [Model], Each, NATIONAL, "Model number or name of the device.";
    "status" Token &[Device], [Status], Each, NATIONAL, "Whether it is in use: active or inactive.";
    "data-information-system" Token ALL, [DataInformationSystem], Guide("as-sp-data-information-system"), NATIONAL,
        "Information system that the resource comes from: RPPS, FINESS, CG, MSS.";
    "data-registration-authority" Token ALL, [DataRegistrationAuthority], Guide("as-sp-data-registration-authority"), NATIONAL,
        "Authority that registered it.";
}

/// The parameters of a type.
pub fn for_type(resource_type: DirectoryType) -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS.iter().filter(move |parameter| parameter.types.contains(&resource_type))
}

pub fn find(resource_type: DirectoryType, name: &str) -> Option<&'static Parameter> {
    for_type(resource_type).find(|parameter| parameter.name == name)
}

/// A reference from one type to another, for searches, chains, `_has`, `_include` and `_revinclude`.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    pub source: DirectoryType,
    /// The search parameter of the reference.
    pub name: &'static str,
    pub field: Field,
    pub target: DirectoryType,
}

pub static LINKS: [Link; 5] = [
    Link { source: PractitionerRole, name: "practitioner", field: Field::Practitioner, target: Practitioner },
    Link { source: PractitionerRole, name: "organization", field: Field::Organization, target: Organization },
    Link { source: Organization, name: "partof", field: Field::PartOf, target: Organization },
    Link { source: Device, name: "organization", field: Field::Organization, target: Organization },
    Link { source: HealthcareService, name: "organization", field: Field::Organization, target: Organization },
];

/// The reference of a parameter, if it is one.
pub fn link(source: DirectoryType, name: &str) -> Option<&'static Link> {
    LINKS.iter().find(|link| link.source == source && link.name == name)
}

impl Link {
    /// The value of `_include` and `_revinclude`: `PractitionerRole:organization`.
    pub fn path(&self) -> String {
        format!("{}:{}", self.source, self.name)
    }
}

/// The values of `_include` in searches of a type; `*` stands for all.
pub fn includes(resource_type: DirectoryType) -> Vec<String> {
    let mut paths: Vec<_> = LINKS.iter().filter(|link| link.source == resource_type).map(Link::path).collect();
    if !paths.is_empty() {
        paths.insert(0, "*".to_owned());
    }
    paths
}

/// The values of `_revinclude` in searches of a type.
pub fn reverse_includes(resource_type: DirectoryType) -> Vec<String> {
    LINKS.iter().filter(|link| link.target == resource_type).map(Link::path).collect()
}

#[cfg(test)]
mod tests;
