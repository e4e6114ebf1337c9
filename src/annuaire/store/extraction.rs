//! Extracts the index entries of a resource: one for each value of each searched element.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::annuaire::store::index_entry::{Field, IndexEntry};
use crate::annuaire::store::lenient_json::{Address, Concept, Extension, Period, Reference, Resource, Telecom};
use crate::fhir::code_set::{BOOLEANS, DEVICE_STATUS};
use crate::fhir::date::Range;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::id::Id;

/// The system of `systeme-information` codes, which the data writes without a system.
pub const INFORMATION_SYSTEM: &str =
    "https://interop.esante.gouv.fr/ig/fhir/annuaire/CodeSystem/as-cs-type-systeme-information";
/// The types of e-mail addresses; `MSSANTE` is that of mailboxes.
pub const EMAIL_TYPE: &str = "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie";
/// The types of mailboxes in the data; the implementation guide writes [`EMAIL_TYPE`] instead.
pub const MAILBOX_TYPE: &str = "https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL";

const AS: &str = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/";
const FR_CORE: &str = "https://hl7.fr/ig/fhir/core/StructureDefinition/";
const ADDRESS_PART: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-";
const ORGANIZATION_PERIOD: &str = "http://hl7.org/fhir/StructureDefinition/organization-period";

/// All index entries of a resource, sorted, without duplicates.
pub(super) fn indexed(resource_type: DirectoryType, resource: &Resource<'_>) -> Vec<IndexEntry> {
    let mut index = Index(Vec::with_capacity(64));
    index.common(resource);
    match resource_type {
        DirectoryType::Practitioner => index.practitioner(resource),
        DirectoryType::PractitionerRole => index.practitioner_role(resource),
        DirectoryType::Organization => index.organization(resource),
        DirectoryType::HealthcareService => index.healthcare_service(resource),
        DirectoryType::Device => index.device(resource),
    }
    index.0.sort_unstable();
    index.0.dedup();
    index.0
}

struct Index(Vec<IndexEntry>);

impl Index {
    fn common(&mut self, resource: &Resource<'_>) {
        for part in extensions(&resource.meta.extension, AS, "as-ext-data-trace").flat_map(|trace| trace.parts.iter()) {
            match part.url.as_deref() {
                Some("systeme-information") => {
                    self.token(Field::DataInformationSystem, Some(INFORMATION_SYSTEM), part.value_code.as_deref());
                }
                Some("autorite-enregistrement") => self.concept(Field::DataRegistrationAuthority, &part.value_concept),
                _ => {}
            }
        }
        for profile in resource.meta.profile.iter().flatten() {
            self.token(Field::Profile, None, Some(profile));
            self.token(Field::Profile, None, profile.split_once('|').map(|(url, _)| url));
        }
        for identifier in resource.identifier.iter() {
            self.token(Field::Identifier, identifier.system.as_deref(), identifier.value.as_deref());
            self.concept(Field::IdentifierType, &identifier.concept_type);
        }
        // A device has `status` instead, and no search parameter `active`.
        if let Some(active) = *resource.active {
            self.token(Field::Active, Some(BOOLEANS.system), Some(if active { "true" } else { "false" }));
        }
    }

    fn practitioner(&mut self, resource: &Resource<'_>) {
        for name in &resource.name.people {
            self.text(Field::Family, name.family.as_deref());
            name.given.iter().for_each(|given| self.text(Field::Given, given.as_deref()));
            self.text(Field::Name, name.text.as_deref());
            name.prefix.iter().chain(name.suffix.iter()).for_each(|part| self.text(Field::Name, part.as_deref()));
        }
        for qualification in resource.qualification.iter() {
            self.concept(Field::QualificationCode, &qualification.code);
        }
        for part in extensions(&resource.extension, AS, "as-ext-smartcard").flat_map(|card| card.parts.iter()) {
            match part.url.as_deref() {
                Some("number") => self.text(Field::NumberSmartcard, part.value_string.as_deref()),
                Some("type") => self.concept(Field::TypeSmartcard, &part.value_concept),
                _ => {}
            }
        }
        self.mailboxes(&resource.telecom);
    }

    fn practitioner_role(&mut self, resource: &Resource<'_>) {
        self.reference(Field::Practitioner, DirectoryType::Practitioner, &resource.practitioner);
        self.reference(Field::Organization, DirectoryType::Organization, &resource.organization);
        self.concepts(Field::Role, &resource.code.0.0);
        self.mailboxes(&resource.telecom);
    }

    fn organization(&mut self, resource: &Resource<'_>) {
        self.text(Field::Name, resource.name.text.as_deref());
        self.concepts(Field::Type, &resource.concept_type.0.0);
        self.reference(Field::PartOf, DirectoryType::Organization, &resource.part_of);
        self.mailboxes(&resource.telecom);
        resource.address.iter().for_each(|address| self.address(address));
        for licence in extensions(&resource.extension, AS, "as-ext-organization-pharmacy-licence") {
            self.text(Field::PharmacyLicence, licence.value_string.as_deref());
        }
        for period in extensions(&resource.extension, ORGANIZATION_PERIOD, "") {
            self.period(Field::Period, &period.value_period);
        }
    }

    fn healthcare_service(&mut self, resource: &Resource<'_>) {
        self.reference(Field::Organization, DirectoryType::Organization, &resource.provided_by);
        self.concepts(Field::Characteristic, &resource.characteristic.0.0);
        self.concepts(Field::ServiceCategory, &resource.category.0.0);
        self.concepts(Field::ServiceType, &resource.concept_type.0.0);
    }

    fn device(&mut self, resource: &Resource<'_>) {
        self.reference(Field::Organization, DirectoryType::Organization, &resource.owner);
        self.concepts(Field::Type, &resource.concept_type.0.0);
        self.token(Field::Status, Some(DEVICE_STATUS.system), resource.status.as_deref());
        self.text(Field::Manufacturer, resource.manufacturer.as_deref());
        self.text(Field::Model, resource.model_number.as_deref());
        resource.device_name.iter().for_each(|device| self.text(Field::Model, device.name.as_deref()));
    }

    /// Only the telecoms whose e-mail type is MSSanté are mailboxes.
    fn mailboxes(&mut self, telecoms: &[Telecom<'_>]) {
        for telecom in telecoms {
            let mut kinds = extensions(&telecom.extension, FR_CORE, "fr-core-contact-point-email-type");
            if !kinds.any(|kind| kind.value_coding.code.as_deref() == Some("MSSANTE")) {
                continue;
            }
            self.text(Field::MailboxMss, telecom.value.as_deref());
            let metadata = extensions(&telecom.extension, AS, "as-ext-mailbox-mss-metadata");
            for part in metadata.flat_map(|metadata| metadata.parts.iter()) {
                if part.url.as_deref() == Some("type") {
                    self.concept(Field::MailboxMssType, &part.value_concept);
                }
            }
        }
    }

    fn address(&mut self, address: &Address<'_>) {
        self.text(Field::AddressCity, address.city.as_deref());
        self.text(Field::AddressPostalCode, address.postal_code.as_deref());
        for other in [&address.country, &address.district, &address.state, &address.text] {
            self.text(Field::AddressOther, other.as_deref());
        }
        address.line.iter().for_each(|line| self.text(Field::AddressLine, line.as_deref()));
        for line in address.line_parts.iter() {
            let parts: Vec<&str> = line.extension.iter().filter_map(address_part).collect();
            self.text(Field::AddressLine, Some(&parts.join(" ")));
        }
        for commune in extensions(&address.extension, FR_CORE, "fr-core-address-insee-code") {
            self.text(Field::AddressInsee, commune.value_coding.code.as_deref());
        }
    }

    fn text(&mut self, field: Field, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.0.push(IndexEntry::Text { field, raw: text.to_owned() });
        }
    }

    fn token(&mut self, field: Field, system: Option<&str>, code: Option<&str>) {
        if let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) {
            let system = system_of(field, system.unwrap_or_default().trim());
            self.0.push(IndexEntry::Token { field, system: system.to_owned(), code: code.to_owned() });
        }
    }

    fn concept(&mut self, field: Field, concept: &Concept<'_>) {
        concept.coding.iter().for_each(|coding| self.token(field, coding.system.as_deref(), coding.code.as_deref()));
    }

    fn concepts(&mut self, field: Field, concepts: &[Concept<'_>]) {
        for concept in concepts {
            self.concept(field, concept);
        }
    }

    /// A reference to a resource of the directory, relative or absolute. A reference to a contained resource has no
    /// entry.
    fn reference(&mut self, field: Field, target: DirectoryType, reference: &Reference<'_>) {
        let Some(url) = reference.reference.as_deref() else { return };
        let url = url.split_once("/_history/").map_or(url, |(url, _)| url);
        let Some((before, id)) = url.rsplit_once('/') else { return };
        let type_name = before.rsplit_once('/').map_or(before, |(_, name)| name);
        if type_name == target.as_str() && Id::is_legal(id) {
            self.0.push(IndexEntry::Reference { field, target, id: id.to_owned() });
        }
    }

    /// A period; a limit that cannot be parsed counts as open.
    fn period(&mut self, field: Field, period: &Period<'_>) {
        let range = |date: Option<&str>| Range::parse_in(date?, &TimeZone::UTC);
        let start: Option<Timestamp> = range(period.start.as_deref()).map(|range| range.start);
        let end = range(period.end.as_deref()).map(|range| range.end);
        if start.is_some() || end.is_some() {
            self.0.push(IndexEntry::Period { field, start, end });
        }
    }
}

/// The system under which a token is indexed, and searched.
pub(in crate::annuaire) fn system_of(field: Field, system: &str) -> &str {
    match (field, system) {
        (Field::MailboxMssType, EMAIL_TYPE) => MAILBOX_TYPE,
        (Field::Active, "http://hl7.org/fhir/ValueSet/special-values") => BOOLEANS.system,
        _ => system,
    }
}

/// The extensions with this URL, given in two parts.
fn extensions<'a, 'b>(
    all: &'b [Extension<'a>],
    base: &'static str,
    name: &'static str,
) -> impl Iterator<Item = &'b Extension<'a>> {
    all.iter().filter(move |extension| {
        extension.url.as_deref().and_then(|url| url.strip_prefix(base)).is_some_and(|rest| rest == name)
    })
}

fn address_part<'b>(extension: &'b Extension<'_>) -> Option<&'b str> {
    let url = extension.url.as_deref()?;
    let is_part = url.starts_with(ADDRESS_PART) || url.strip_prefix(AS) == Some("as-ext-lieu-dit");
    extension.value_string.as_deref().map(str::trim).filter(|text| is_part && !text.is_empty())
}

#[cfg(test)]
mod tests;
