//! The code systems and extensions of the directory.

/// A table of the Nomenclature des Objets de Santé.
macro_rules! tables {
    ($( $name:ident = $table:literal $rest:literal; )+) => {
        $( pub const $name: &str =
            concat!("https://mos.esante.gouv.fr/NOS/TRE_", $table, $rest, "/FHIR/TRE-", $table, $rest); )+
    };
}

/// A definition of the guide of the directory.
macro_rules! definitions {
    ($( $name:ident = $id:literal; )+) => {
        $( pub const $name: &str =
            concat!("https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/", $id); )+
    };
}

/// A definition of the French core guide.
macro_rules! core {
    ($( $name:ident = $rest:literal; )+) => {
        $( pub const $name: &str = concat!("https://hl7.fr/ig/fhir/core/", $rest); )+
    };
}

/// A part of an address.
macro_rules! address_parts {
    ($( $name:ident = $part:literal; )+) => {
        $( pub const $name: &str = concat!("http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-", $part); )+
    };
}

tables! {
    PROFESSION = "G15" "-ProfessionSante";
    SECTEUR = "R02" "-SecteurActivite";
    TYPE_SAVOIR_FAIRE = "R04" "-TypeSavoirFaire";
    SECTION_PHARMACIENS = "R06" "-SectionTableauCNOP";
    CATEGORIE_PROFESSIONNELLE = "R09" "-CategorieProfessionnelle";
    COMMUNE = "R13" "-Commune";
    TYPE_DIPLOME = "R14" "-TypeDiplome";
    FONCTION = "R21" "-Fonction";
    GENRE_ACTIVITE = "R22" "-GenreActivite";
    MODE_EXERCICE = "R23" "-ModeExercice";
    SPECIALITE = "R38" "-SpecialiteOrdinale";
    COMPETENCE = "R39" "-Competence";
    DIPLOME = "R48" "-DiplomeEtatFrancais";
    AUTORITE = "R60" "-AutoriteEnregistrement";
    CATEGORIE_ETABLISSEMENT = "R66" "-CategorieEtablissement";
    STATUT_JURIDIQUE = "R72" "-FinessStatutJuridique";
    ESPIC = "R73" "-ESPIC";
    NAF = "R75" "-InseeNAFrev2Niveau5";
    ROLE_PRISE_CHARGE = "R85" "-RolePriseCharge";
    TYPE_CARTE = "R87" "-TypeCarte";
    TYPE_ACTIVITE = "R209" "-TypeActivite";
    TYPE_MESSAGERIE = "R256" "-TypeMessagerie";
    TYPE_BAL = "R257" "-TypeBAL";
    EQUIPEMENT = "R272" "-EquipementMaterielLourd";
    ACTIVITE_REGULEE = "R274" "-ActiviteSanitaireRegulee";
    MODALITE = "R275" "-ModaliteActivite";
    FORME = "R276" "-FormeActivite";
    DISCIPLINE = "R280" "-DisciplineEquipementSocial";
    CLIENTELE = "R279" "-Clientele";
}

definitions! {
    DP_PRACTITIONER = "as-dp-practitioner";
    DP_ROLE = "as-dp-practitionerrole";
    DP_ORGANIZATION = "as-dp-organization";
    DP_ACTIVITY = "as-dp-healthcareservice-healthcare-activity";
    DP_SOCIAL = "as-dp-healthcareservice-social-equipment";
    DP_DEVICE = "as-dp-device";
    DATA_TRACE = "as-ext-data-trace";
    SMARTCARD = "as-ext-smartcard";
    MAILBOX = "as-ext-mailbox-mss-metadata";
    ORGANIZATION_TYPES = "as-ext-organization-types";
    PHARMACY_LICENCE = "as-ext-organization-pharmacy-licence";
    AUTHORIZATION = "as-ext-authorization";
    INSTALLATION = "as-ext-installation";
    CAPACITY = "as-ext-supported-capacity";
    LIEU_DIT = "as-ext-lieu-dit";
}

core! {
    CORE_PRACTITIONER = "StructureDefinition/fr-core-practitioner";
    CORE_ROLE = "StructureDefinition/fr-core-practitioner-role";
    CORE_ORGANIZATION = "StructureDefinition/fr-core-organization";
    EMAIL_TYPE = "StructureDefinition/fr-core-contact-point-email-type";
    INSEE_CODE = "StructureDefinition/fr-core-address-insee-code";
    IDENTIFIER_TYPE = "CodeSystem/fr-core-cs-v2-0203";
    ORGANIZATION_TYPE = "CodeSystem/fr-core-cs-v2-3307";
}

address_parts! {
    HOUSE_NUMBER = "houseNumber";
    NUMBER_SUFFIX = "buildingNumberSuffix";
    STREET_TYPE = "streetNameType";
    STREET_NAME = "streetNameBase";
    ADDITIONAL_LOCATOR = "additionalLocator";
    POST_BOX = "postBox";
}

pub const PERIOD: &str = "http://hl7.org/fhir/StructureDefinition/organization-period";

pub const IDNPS: &str = "urn:oid:1.2.250.1.71.4.2.1";
pub const IDNST: &str = "urn:oid:1.2.250.1.71.4.2.2";
/// For professionals, and for their activities.
pub const RPPS: &str = "https://rpps.esante.gouv.fr";
pub const RPPS_RANG: &str = "https://rppsrang.esante.gouv.fr";
pub const FINESS: &str = "https://finess.esante.gouv.fr";
pub const SIRENE: &str = "https://sirene.fr";
pub const ARHGOS: &str = "https://arhgos.ars.sante.fr";
