//! Rules of a regulator account: profile FrPractitionerRegul and the narrative of INT_R02.

use super::rules;
use crate::issue::{IssueType, Level, Repair, Rule};

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
    => "Mettre dans identifier celui du régulateur : type IDNPS ou INTRN, avec system et value.";
       "Put the regulator's own id into identifier: type IDNPS or INTRN, with system and value.";

    PRACTITIONER_IDENTIFIER_ACCOUNT = "practitioner-identifier-account", Refused, Required, AUTHORITY;
    "Aucun des identifiants ne désigne un compte ; attendu : un identifiant de système urn:oid:1.2.250.1.71.4.2.1 (national) ou urn:oid:1.2.250.1.213.3.6 (technique SAS).";
    "None of the identifiers designates an account; expected: an identifier of system urn:oid:1.2.250.1.71.4.2.1 (national) or urn:oid:1.2.250.1.213.3.6 (SAS technical).";
    => "Ajouter, à côté des identifiants locaux, l'identifiant national ou l'identifiant technique SAS du régulateur.";
       "Add the regulator's national id or SAS technical id beside the local identifiers.";

    PRACTITIONER_IDENTIFIER_IDNST = "practitioner-identifier-idnst", Refused, BusinessRule, AUTHORITY;
    "Le système urn:oid:1.2.250.1.71.4.2.2 est celui des structures ; l'identifiant national d'une personne a pour système urn:oid:1.2.250.1.71.4.2.1.";
    "System urn:oid:1.2.250.1.71.4.2.2 is that of structures; a person's national id has the system urn:oid:1.2.250.1.71.4.2.1.";
    => "Remplacer …71.4.2.2 par …71.4.2.1 dans system, et vérifier que value est celle de la personne.";
       "Replace …71.4.2.2 by …71.4.2.1 in system, and check that value is the person's.";

    PRACTITIONER_IDENTIFIER_TYPE = "practitioner-identifier-type", Refused, Required, ID_TYPE;
    "Le type de l'identifiant manque ; attendu : un codage http://interopsante.org/fhir/CodeSystem/fr-v2-0203 (IDNPS ou INTRN).";
    "The identifier's type is missing; expected: a coding of http://interopsante.org/fhir/CodeSystem/fr-v2-0203 (IDNPS or INTRN).";
    => "Ajouter type à l'identifiant : IDNPS avec urn:oid:1.2.250.1.71.4.2.1, INTRN avec urn:oid:1.2.250.1.213.3.6.";
       "Add type to the identifier: IDNPS with urn:oid:1.2.250.1.71.4.2.1, INTRN with urn:oid:1.2.250.1.213.3.6.";

    PRACTITIONER_IDENTIFIER_SYSTEM = "practitioner-identifier-system", Refused, Required, AUTHORITY;
    "Le système de l'identifiant manque.";
    "The identifier's system is missing.";
    => "Ajouter system à l'identifiant : urn:oid:1.2.250.1.71.4.2.1 (IDNPS) ou urn:oid:1.2.250.1.213.3.6 (INTRN).";
       "Add system to the identifier: urn:oid:1.2.250.1.71.4.2.1 (IDNPS) or urn:oid:1.2.250.1.213.3.6 (INTRN).";

    PRACTITIONER_IDENTIFIER_VALUE = "practitioner-identifier-value", Refused, Required, FR_CORE;
    "La valeur de l'identifiant manque.";
    "The identifier's value is missing.";
    => "Ajouter value à l'identifiant, ou retirer l'identifiant vide.";
       "Add value to the identifier, or remove the empty identifier.";

    PRACTITIONER_IDENTIFIER_IDNPS_TYPE = "practitioner-identifier-idnps-type", Refused, Value, ID_TYPE;
    "Un identifiant national (urn:oid:1.2.250.1.71.4.2.1) doit être de type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS ; trouvé : {codings}.";
    "A national id (urn:oid:1.2.250.1.71.4.2.1) must have the type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS; found: {codings}.";
    => "Mettre dans type.coding le code IDNPS ; pour un identifiant technique, corriger system en urn:oid:1.2.250.1.213.3.6.";
       "Put the code IDNPS into type.coding; for a technical id, correct system to urn:oid:1.2.250.1.213.3.6.";

    PRACTITIONER_IDENTIFIER_INTRN_TYPE = "practitioner-identifier-intrn-type", Refused, Value, ID_TYPE;
    "Un identifiant technique SAS (urn:oid:1.2.250.1.213.3.6) doit être de type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#INTRN ; trouvé : {codings}.";
    "A SAS technical id (urn:oid:1.2.250.1.213.3.6) must have the type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#INTRN; found: {codings}.";
    => "Mettre dans type.coding le code INTRN ; pour un identifiant national, corriger system en urn:oid:1.2.250.1.71.4.2.1.";
       "Put the code INTRN into type.coding; for a national id, correct system to urn:oid:1.2.250.1.71.4.2.1.";

    PRACTITIONER_IDENTIFIER_IDNPS_SYSTEM = "practitioner-identifier-idnps-system", Refused, BusinessRule, AUTHORITY;
    "Un identifiant de type IDNPS doit avoir le système urn:oid:1.2.250.1.71.4.2.1 ; trouvé : « {found} ».";
    "An identifier of type IDNPS must have the system urn:oid:1.2.250.1.71.4.2.1; found: “{found}”.";
    => "Mettre system à urn:oid:1.2.250.1.71.4.2.1, ou donner à l'identifiant un autre type.";
       "Set system to urn:oid:1.2.250.1.71.4.2.1, or give the identifier another type.";

    PRACTITIONER_IDENTIFIER_IDNPS_SINGLE = "practitioner-identifier-idnps-single", Refused, Value, PROFILE;
    "Plusieurs identifiants nationaux (urn:oid:1.2.250.1.71.4.2.1) ; un compte en a au plus un.";
    "Several national ids (urn:oid:1.2.250.1.71.4.2.1); an account has at most one.";
    => "Garder le seul identifiant national en vigueur et retirer l'autre.";
       "Keep only the national id that is in force, and remove the other one.";

    PRACTITIONER_IDENTIFIER_INTRN_SINGLE = "practitioner-identifier-intrn-single", Refused, Value, PROFILE;
    "Plusieurs identifiants techniques SAS (urn:oid:1.2.250.1.213.3.6) ; un compte en a au plus un.";
    "Several SAS technical ids (urn:oid:1.2.250.1.213.3.6); an account has at most one.";
    => "Garder le seul identifiant technique attribué par le SAS à ce compte et retirer l'autre.";
       "Keep only the technical id that SAS assigned to this account, and remove the other one.";

    PRACTITIONER_IDENTIFIER_IDNPS_FORM = "practitioner-identifier-idnps-form", Warning, Value, TRE_G08;
    "L'identifiant national n'a pas une forme connue : préfixe 8 et RPPS (11 chiffres), 0 et ADELI, 3 et FINESS/registre, 1, 4, 5 ou 6 et structure/registre.";
    "The national id does not have a known form: prefix 8 and RPPS (11 digits), 0 and ADELI, 3 and FINESS/registry, 1, 4, 5 or 6 and structure/registry.";
    => "Mettre le préfixe du type devant le numéro : 8 devant un RPPS, 0 devant un ADELI.";
       "Put the prefix of the type before the number: 8 before an RPPS, 0 before an ADELI.";

    PRACTITIONER_IDENTIFIER_INTRN_FORM = "practitioner-identifier-intrn-form", Warning, Value, UPDATE;
    "L'identifiant technique SAS n'a pas la forme d'un UUID.";
    "The SAS technical id does not have the form of a UUID.";
    => "Reprendre l'UUID reçu du SAS, par exemple 0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11.";
       "Use the UUID received from SAS, such as 0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11.";

    PRACTITIONER_ACTIVE = "practitioner-active", Refused, Required, HABILITATION;
    "L'élément active (habilitation) manque ; attendu : true ou false.";
    "Element active (habilitation) is missing; expected: true or false.";
    => "Ajouter \"active\": true si le régulateur est habilité, false pour retirer l'habilitation.";
       "Add \"active\": true if the regulator may regulate, false to withdraw the habilitation.";

    PRACTITIONER_NAME = "practitioner-name", Refused, Required, CREATION;
    "Le nom du régulateur manque ; attendu : name avec family et un given.";
    "The regulator's name is missing; expected: name with family and one given.";
    => "Ajouter \"name\": [{ \"family\": \"AUBERT\", \"given\": [\"Nadia\"] }].";
       "Add \"name\": [{ \"family\": \"AUBERT\", \"given\": [\"Nadia\"] }].";

    PRACTITIONER_NAME_FAMILY = "practitioner-name-family", Refused, Required, PROFILE;
    "Le nom de famille (family) manque.";
    "The family name (family) is missing.";
    => "Ajouter family au nom ; un nom tout entier dans text ne suffit pas.";
       "Add family to the name; a whole name in text is not enough.";

    PRACTITIONER_NAME_GIVEN = "practitioner-name-given", Refused, Required, PROFILE;
    "Le nom doit comporter exactement un prénom (given) ; trouvé : {count}. Écrire un prénom composé dans une seule chaîne.";
    "The name must have exactly one given name; found: {count}. Write a compound given name in a single string.";
    => "Mettre exactement une chaîne dans given : [\"Anne Marie\"], et non [\"Anne\", \"Marie\"].";
       "Put exactly one string into given: [\"Anne Marie\"], not [\"Anne\", \"Marie\"].";

    PRACTITIONER_NAME_PREFIX = "practitioner-name-prefix", Refused, Value, FR_CORE;
    "Le nom comporte plusieurs civilités (prefix) ; une au plus est admise.";
    "The name has several prefixes; at most one is allowed.";
    => "Garder dans prefix la seule civilité (M, MME) ; un titre comme DR va dans suffix.";
       "Keep only the form of address (M, MME) in prefix; a title such as DR goes into suffix.";

    PRACTITIONER_TELECOM = "practitioner-telecom", Refused, Required, CREATION;
    "L'adresse électronique du régulateur manque ; attendu : telecom de système email.";
    "The regulator's e-mail address is missing; expected: a telecom of system email.";
    => "Ajouter \"telecom\": [{ \"system\": \"email\", \"value\": \"nadia.aubert@example.org\" }].";
       "Add \"telecom\": [{ \"system\": \"email\", \"value\": \"nadia.aubert@example.org\" }].";

    PRACTITIONER_TELECOM_EMAIL = "practitioner-telecom-email", Refused, Value, PROFILE;
    "Le contact est de système « {found} » ; chaque telecom d'un régulateur doit être de système « email ».";
    "The contact point has the system “{found}”; every telecom of a regulator must have the system “email”.";
    => "Retirer ce contact de telecom (téléphone, fax…), ou mettre system à email si value est une adresse électronique.";
       "Remove this contact point (phone, fax…) from telecom, or set system to email if value is an e-mail address.";

    PRACTITIONER_TELECOM_VALUE = "practitioner-telecom-value", Refused, Required, FR_CORE;
    "La valeur du contact manque ; attendu : une adresse électronique.";
    "The contact point's value is missing; expected: an e-mail address.";
    => "Ajouter à value l'adresse électronique, ou retirer le contact vide.";
       "Put the e-mail address into value, or remove the empty contact point.";

    PRACTITIONER_TELECOM_FORM = "practitioner-telecom-form", Warning, Value, OURS;
    "L'adresse électronique n'a pas la forme texte@texte.";
    "The e-mail address does not have the form text@text.";
    => "Vérifier l'adresse dans value : ni mailto:, ni nom, ni espace, et un seul @.";
       "Check the address in value: no mailto:, no name, no space, and a single @.";

    PRACTITIONER_META_SOURCE = "practitioner-meta-source", Refused, Value, SOURCE;
    "La source est « {found} » ; attendu : urn:oid:1.2.250.1.213.3.6.";
    "The source is “{found}”; expected: urn:oid:1.2.250.1.213.3.6.";
    => "Mettre urn:oid:1.2.250.1.213.3.6 dans meta.source : la source est le SAS, non le logiciel qui envoie.";
       "Put urn:oid:1.2.250.1.213.3.6 into meta.source: the source is SAS, not the software that sends.";

    PRACTITIONER_META_SOURCE_MISSING = "practitioner-meta-source-missing", Warning, Required, SOURCE;
    "L'élément meta.source manque ; attendu : urn:oid:1.2.250.1.213.3.6.";
    "Element meta.source is missing; expected: urn:oid:1.2.250.1.213.3.6.";
    => "Ajouter \"meta\": { \"source\": \"urn:oid:1.2.250.1.213.3.6\" }.";
       "Add \"meta\": { \"source\": \"urn:oid:1.2.250.1.213.3.6\" }.";
}
