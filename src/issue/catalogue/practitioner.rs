//! Rules of a regulator account: profile FrPractitionerRegul and the narrative of INT_R02.

use super::rules;
use crate::issue::{IssueType, Level, Rule};

const PROFILE: &str = "SAS, profil FrPractitionerRegul: https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition-FrPractitionerRegul.html";
const FR_CORE: &str = "FR Core 1.1.0, profil FrPractitioner (parent de FrPractitionerRegul)";
const NATIONAL_ID: &str =
    "SAS, Gestion des comptes régulateurs (INT_R02), Règles de gestion, Identifiant national du régulateur";
const AUTHORITY: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Règles de gestion, Autorité d'affectation";
const ID_TYPE: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Règles de gestion, Type d'identifiant";
const HABILITATION: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Règles de gestion, Habilitation";
const SOURCE: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Règles de gestion, Source de la requête";
const CREATION: &str =
    "SAS, Gestion des comptes régulateurs (INT_R02), Création de compte régulateur, Exemple de requête";
const UPDATE: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Mise à jour d'un compte régulateur";
const OURS: &str = "Recommandation de ce serveur (le SAS ne fixe pas de forme) / a recommendation of this server";
const TRE_G08: &str = "ANS, TRE_G08-TypeIdentifiantPersonne (identifiant national préfixé)";

rules! { PRACTITIONER:
    PRACTITIONER_IDENTIFIER = "practitioner-identifier", Refused, Required, NATIONAL_ID;
    "Aucun identifiant ; attendu : un identifiant national (urn:oid:1.2.250.1.71.4.2.1) ou technique SAS (urn:oid:1.2.250.1.213.3.6).";
    "No identifier; expected: a national id (urn:oid:1.2.250.1.71.4.2.1) or a SAS technical id (urn:oid:1.2.250.1.213.3.6).";

    PRACTITIONER_IDENTIFIER_ACCOUNT = "practitioner-identifier-account", Refused, Required, AUTHORITY;
    "Aucun des identifiants ne désigne un compte ; attendu : un identifiant de système urn:oid:1.2.250.1.71.4.2.1 (national) ou urn:oid:1.2.250.1.213.3.6 (technique SAS).";
    "None of the identifiers designates an account; expected: an identifier of system urn:oid:1.2.250.1.71.4.2.1 (national) or urn:oid:1.2.250.1.213.3.6 (SAS technical).";

    PRACTITIONER_IDENTIFIER_IDNST = "practitioner-identifier-idnst", Refused, BusinessRule, AUTHORITY;
    "Le système urn:oid:1.2.250.1.71.4.2.2 est celui des structures ; l'identifiant national d'une personne a pour système urn:oid:1.2.250.1.71.4.2.1.";
    "System urn:oid:1.2.250.1.71.4.2.2 is that of structures; a person's national id has the system urn:oid:1.2.250.1.71.4.2.1.";

    PRACTITIONER_IDENTIFIER_TYPE = "practitioner-identifier-type", Refused, Required, ID_TYPE;
    "Le type de l'identifiant manque ; attendu : un codage http://interopsante.org/fhir/CodeSystem/fr-v2-0203 (IDNPS ou INTRN).";
    "The identifier's type is missing; expected: a coding of http://interopsante.org/fhir/CodeSystem/fr-v2-0203 (IDNPS or INTRN).";

    PRACTITIONER_IDENTIFIER_SYSTEM = "practitioner-identifier-system", Refused, Required, AUTHORITY;
    "Le système de l'identifiant manque.";
    "The identifier's system is missing.";

    PRACTITIONER_IDENTIFIER_VALUE = "practitioner-identifier-value", Refused, Required, FR_CORE;
    "La valeur de l'identifiant manque.";
    "The identifier's value is missing.";

    PRACTITIONER_IDENTIFIER_IDNPS_TYPE = "practitioner-identifier-idnps-type", Refused, Value, ID_TYPE;
    "Un identifiant national (urn:oid:1.2.250.1.71.4.2.1) doit être de type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS ; trouvé : {codings}.";
    "A national id (urn:oid:1.2.250.1.71.4.2.1) must have the type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS; found: {codings}.";

    PRACTITIONER_IDENTIFIER_INTRN_TYPE = "practitioner-identifier-intrn-type", Refused, Value, ID_TYPE;
    "Un identifiant technique SAS (urn:oid:1.2.250.1.213.3.6) doit être de type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#INTRN ; trouvé : {codings}.";
    "A SAS technical id (urn:oid:1.2.250.1.213.3.6) must have the type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#INTRN; found: {codings}.";

    PRACTITIONER_IDENTIFIER_IDNPS_SYSTEM = "practitioner-identifier-idnps-system", Refused, BusinessRule, AUTHORITY;
    "Un identifiant de type IDNPS doit avoir le système urn:oid:1.2.250.1.71.4.2.1 ; trouvé : « {found} ».";
    "An identifier of type IDNPS must have the system urn:oid:1.2.250.1.71.4.2.1; found: “{found}”.";

    PRACTITIONER_IDENTIFIER_IDNPS_SINGLE = "practitioner-identifier-idnps-single", Refused, Value, PROFILE;
    "Plusieurs identifiants nationaux (urn:oid:1.2.250.1.71.4.2.1) ; un compte en a au plus un.";
    "Several national ids (urn:oid:1.2.250.1.71.4.2.1); an account has at most one.";

    PRACTITIONER_IDENTIFIER_INTRN_SINGLE = "practitioner-identifier-intrn-single", Refused, Value, PROFILE;
    "Plusieurs identifiants techniques SAS (urn:oid:1.2.250.1.213.3.6) ; un compte en a au plus un.";
    "Several SAS technical ids (urn:oid:1.2.250.1.213.3.6); an account has at most one.";

    PRACTITIONER_IDENTIFIER_IDNPS_FORM = "practitioner-identifier-idnps-form", Warning, Value, TRE_G08;
    "L'identifiant national n'a pas une forme connue : préfixe 8 et RPPS (11 chiffres), 0 et ADELI, 3 et FINESS/registre, 1, 4, 5 ou 6 et structure/registre.";
    "The national id does not have a known form: prefix 8 and RPPS (11 digits), 0 and ADELI, 3 and FINESS/registry, 1, 4, 5 or 6 and structure/registry.";

    PRACTITIONER_IDENTIFIER_INTRN_FORM = "practitioner-identifier-intrn-form", Warning, Value, UPDATE;
    "L'identifiant technique SAS n'a pas la forme d'un UUID.";
    "The SAS technical id does not have the form of a UUID.";

    PRACTITIONER_ACTIVE = "practitioner-active", Refused, Required, HABILITATION;
    "L'élément active (habilitation) manque ; attendu : true ou false.";
    "Element active (habilitation) is missing; expected: true or false.";

    PRACTITIONER_NAME = "practitioner-name", Refused, Required, CREATION;
    "Le nom du régulateur manque ; attendu : name avec family et un given.";
    "The regulator's name is missing; expected: name with family and one given.";

    PRACTITIONER_NAME_FAMILY = "practitioner-name-family", Refused, Required, PROFILE;
    "Le nom de famille (family) manque.";
    "The family name (family) is missing.";

    PRACTITIONER_NAME_GIVEN = "practitioner-name-given", Refused, Required, PROFILE;
    "Le nom doit comporter exactement un prénom (given) ; trouvé : {count}. Écrire un prénom composé dans une seule chaîne.";
    "The name must have exactly one given name; found: {count}. Write a compound given name in a single string.";

    PRACTITIONER_NAME_PREFIX = "practitioner-name-prefix", Refused, Value, FR_CORE;
    "Le nom comporte plusieurs civilités (prefix) ; une au plus est admise.";
    "The name has several prefixes; at most one is allowed.";

    PRACTITIONER_TELECOM = "practitioner-telecom", Refused, Required, CREATION;
    "L'adresse électronique du régulateur manque ; attendu : telecom de système email.";
    "The regulator's e-mail address is missing; expected: a telecom of system email.";

    PRACTITIONER_TELECOM_EMAIL = "practitioner-telecom-email", Refused, Value, PROFILE;
    "Le contact est de système « {found} » ; chaque telecom d'un régulateur doit être de système « email ».";
    "The contact point has the system “{found}”; every telecom of a regulator must have the system “email”.";

    PRACTITIONER_TELECOM_VALUE = "practitioner-telecom-value", Refused, Required, FR_CORE;
    "La valeur du contact manque ; attendu : une adresse électronique.";
    "The contact point's value is missing; expected: an e-mail address.";

    PRACTITIONER_TELECOM_FORM = "practitioner-telecom-form", Warning, Value, OURS;
    "L'adresse électronique n'a pas la forme texte@texte.";
    "The e-mail address does not have the form text@text.";

    PRACTITIONER_META_SOURCE = "practitioner-meta-source", Refused, Value, SOURCE;
    "La source est « {found} » ; attendu : urn:oid:1.2.250.1.213.3.6.";
    "The source is “{found}”; expected: urn:oid:1.2.250.1.213.3.6.";

    PRACTITIONER_META_SOURCE_MISSING = "practitioner-meta-source-missing", Warning, Required, SOURCE;
    "L'élément meta.source manque ; attendu : urn:oid:1.2.250.1.213.3.6.";
    "Element meta.source is missing; expected: urn:oid:1.2.250.1.213.3.6.";
}
