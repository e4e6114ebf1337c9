//! Rules of the format: JSON, the R4 structure and the invariants of R4 data types.

use super::rules;
use crate::issue::{IssueType, Level, Rule};

const JSON: &str = "HL7 FHIR R4, JSON Representation: http://hl7.org/fhir/R4/json.html";
const DATATYPES: &str = "HL7 FHIR R4, Data Types: http://hl7.org/fhir/R4/datatypes.html";
const RESOURCE: &str = "HL7 FHIR R4, Resource Definitions: http://hl7.org/fhir/R4/resource.html";
const IDENTIFIER: &str = "HL7 FHIR R4, Data Types, Identifier: http://hl7.org/fhir/R4/datatypes.html#Identifier (limite de ce serveur / a limit of this server)";
const TERMINOLOGIES: &str = "HL7 FHIR R4, Required bindings: http://hl7.org/fhir/R4/terminologies.html#required";
const CODE_SYSTEMS: &str =
    "HL7 FHIR R4, Code Systems: http://hl7.org/fhir/R4/terminologies-systems.html; FR Core, fr-v2-0203";
const NARRATIVE: &str = "HL7 FHIR R4, Narrative, txt-1, txt-2: http://hl7.org/fhir/R4/narrative.html";
const ORGANIZATION: &str = "HL7 FHIR R4, Organization, org-1 to org-3: http://hl7.org/fhir/R4/organization.html";
const EXTENSIBILITY: &str = "HL7 FHIR R4, Extensibility, ext-1: http://hl7.org/fhir/R4/extensibility.html";
const PATIENTS: &str = "SAS : aucune donnée de patient dans les flux / no data of patients in the flows; INS: https://esante.gouv.fr/produits-services/referentiel-ins";
const REFERENCES: &str = "HL7 FHIR R4, References, ref-1: http://hl7.org/fhir/R4/references.html";
const DOMAIN_RESOURCE: &str = "HL7 FHIR R4, DomainResource, dom-2 to dom-5: http://hl7.org/fhir/R4/domainresource.html";

rules! { STRUCTURE:
    JSON_EMPTY = "json-empty", NotFhir, Invalid, JSON;
    "Le corps est vide ; une ressource FHIR en JSON est attendue.";
    "The body is empty; a FHIR resource in JSON is expected.";

    JSON_ENCODING = "json-encoding", NotFhir, Structure, JSON;
    "Le corps n'est pas encodé en UTF-8.";
    "The body is not encoded in UTF-8.";

    JSON_SYNTAX = "json-syntax", NotFhir, Structure, JSON;
    "Le JSON est mal formé à la ligne {line}, colonne {column}.";
    "The JSON is malformed at line {line}, column {column}.";

    JSON_ROOT = "json-root", NotFhir, Structure, JSON;
    "La racine du JSON doit être un objet.";
    "The root of the JSON must be an object.";

    JSON_DEPTH = "json-depth", NotFhir, Structure, JSON;
    "Le JSON est imbriqué sur plus de {expected} niveaux.";
    "The JSON is nested deeper than {expected} levels.";

    JSON_TOO_LARGE = "json-too-large", NotFhir, TooCostly, "HL7 FHIR R4, JSON Representation: http://hl7.org/fhir/R4/json.html (limite de ce serveur / a limit of this server)";
    "Le JSON est trop grand ; ce serveur admet au plus {values} valeurs, {characters} caractères par nom d'élément, et 4300 chiffres avant la virgule d'un nombre.";
    "The JSON is too large; this server allows at most {values} values, {characters} characters for an element's name, and 4300 digits before the decimal point of a number.";

    JSON_DUPLICATE_KEY = "json-duplicate-key", NotFhir, Structure, JSON;
    "L'élément « {found} » est donné deux fois dans le même objet.";
    "Element “{found}” is given twice in the same object.";

    JSON_NULL = "json-null", NotFhir, Structure, JSON;
    "La valeur est null ; omettre l'élément.";
    "The value is null; omit the element.";

    JSON_EMPTY_VALUE = "json-empty-value", NotFhir, Structure, JSON;
    "La valeur est vide ; omettre une chaîne, un tableau ou un objet vide.";
    "The value is empty; omit an empty string, array or object.";

    JSON_CONTROL_CHARACTER = "json-control-character", NotFhir, Value, DATATYPES;
    "La chaîne contient un caractère de contrôle ; seuls tabulation, retour chariot et saut de ligne sont admis.";
    "The string contains a control character; only tab, carriage return and line feed are allowed.";

    RESOURCE_TYPE_MISSING = "resource-type-missing", NotFhir, Structure, RESOURCE;
    "L'élément resourceType manque ; attendu : {expected}.";
    "Element resourceType is missing; expected: {expected}.";

    RESOURCE_TYPE_MISMATCH = "resource-type-mismatch", NotFhir, Structure, RESOURCE;
    "Le resourceType « {found} » n'est pas celui attendu ici : {expected}.";
    "resourceType “{found}” is not the one expected here: {expected}.";

    FHIR_UNKNOWN_ELEMENT = "fhir-unknown-element", NotFhir, Structure, RESOURCE;
    "L'élément « {found} » n'existe pas à cet endroit en FHIR R4.";
    "Element “{found}” does not exist here in FHIR R4.";

    FHIR_REQUIRED_ELEMENT = "fhir-required-element", NotFhir, Required, RESOURCE;
    "L'élément « {expected} », obligatoire en FHIR R4, manque.";
    "Element “{expected}”, mandatory in FHIR R4, is missing.";

    FHIR_JSON_TYPE = "fhir-json-type", NotFhir, Structure, JSON;
    "Le type JSON est {found} ; attendu : {expected}.";
    "The JSON type is {found}; expected: {expected}.";

    FHIR_PRIMITIVE = "fhir-primitive", NotFhir, Value, DATATYPES;
    "La valeur n'a pas la forme du type FHIR « {expected} » ; forme : {form}.";
    "The value does not have the form of the FHIR type “{expected}”; form: {form}.";

    FHIR_CODE = "fhir-code", NotFhir, CodeInvalid, TERMINOLOGIES;
    "Le code « {found} » n'est pas admis ; codes possibles : {expected}.";
    "Code “{found}” is not allowed; possible codes: {expected}.";

    FHIR_CODE_MISSING = "fhir-code-missing", NotFhir, CodeInvalid, TERMINOLOGIES;
    "L'élément « {expected} » n'a pas de valeur ; un code de son jeu de valeurs est obligatoire, une extension ne suffit pas.";
    "Element “{expected}” has no value; a code of its value set is required, an extension is not enough.";

    FHIR_LANGUAGE = "fhir-language", NotFhir, CodeInvalid, "HL7 FHIR R4, Common language codes: http://hl7.org/fhir/R4/valueset-languages.html, BCP 47";
    "« {found} » n'est pas une langue de BCP 47 (système urn:ietf:bcp:47), par exemple fr, fr-FR, en.";
    "“{found}” is not a language of BCP 47 (system urn:ietf:bcp:47), such as fr, fr-FR, en.";

    FHIR_ABSOLUTE_URI = "fhir-absolute-uri", NotFhir, Value, DATATYPES;
    "L'URI est relatif ; un URI absolu est attendu, par exemple https://example.org/a ou urn:oid:1.2.250.1.71.4.2.1.";
    "The URI is relative; an absolute URI is expected, such as https://example.org/a or urn:oid:1.2.250.1.71.4.2.1.";

    FHIR_REFERENCE = "fhir-reference", NotFhir, Value, REFERENCES;
    "La référence contient un caractère d'espacement ; formes admises : Type/id, https://…, urn:uuid:…, #id.";
    "The reference contains white space; allowed forms: Type/id, https://…, urn:uuid:…, #id.";

    FHIR_REFERENCE_TYPE = "fhir-reference-type", NotFhir, Structure, REFERENCES;
    "La cible de la référence est de type « {found} » ; attendu ici : {expected}.";
    "The target of the reference is of type “{found}”; expected here: {expected}.";

    FHIR_ATTACHMENT_SIZE = "fhir-attachment-size", NotFhir, Value, "HL7 FHIR R4, Data Types, Attachment: http://hl7.org/fhir/R4/datatypes.html#Attachment";
    "La taille n'est pas le nombre d'octets des données de la pièce jointe.";
    "The size is not the number of bytes of the attachment's data.";

    FHIR_CONTAINED_ID = "fhir-contained-id", NotFhir, Structure, "HL7 FHIR R4, References, Contained Resources: http://hl7.org/fhir/R4/references.html#contained";
    "Une autre ressource contenue a déjà cet id.";
    "Another contained resource already has this id.";

    FHIR_CHOICE = "fhir-choice", NotFhir, Structure, DATATYPES;
    "L'élément à choix {expected}[x] doit être donné sous une seule forme.";
    "The choice element {expected}[x] must be given in exactly one form.";

    IDENTIFIER_COUNT = "identifier-count", Refused, TooLong, IDENTIFIER;
    "La ressource a {found} identifiants ; {expected} au plus sont admis.";
    "The resource has {found} identifiers; at most {expected} are allowed.";

    IDENTIFIER_LENGTH = "identifier-length", Refused, TooLong, IDENTIFIER;
    "Le système ou la valeur de l'identifiant dépasse {expected} caractères.";
    "The identifier's system or value is longer than {expected} characters.";

    FHIR_CODE_UNKNOWN = "fhir-code-unknown", Refused, CodeInvalid, CODE_SYSTEMS;
    "Le code « {found} » n'existe pas dans le système {expected}.";
    "Code “{found}” does not exist in the system {expected}.";

    FHIR_CODING_CODE = "fhir-coding-code", Refused, CodeInvalid, CODE_SYSTEMS;
    "Le codage n'a pas de code du système {expected} qu'il nomme.";
    "The coding has no code of the system {expected} that it names.";

    FHIR_ELE_1 = "fhir-ele-1", Refused, Invariant, "HL7 FHIR R4, Element, ele-1: http://hl7.org/fhir/R4/element.html";
    "L'élément n'a ni valeur ni extension ; un id seul ne suffit pas.";
    "The element has neither value nor extension; an id alone is not enough.";

    FHIR_EXT_1 = "fhir-ext-1", Refused, Invariant, EXTENSIBILITY;
    "Une extension doit avoir soit une valeur, soit des sous-extensions, mais pas les deux.";
    "An extension must have either a value or sub-extensions, but not both.";

    FHIR_PER_1 = "fhir-per-1", Refused, Invariant, "HL7 FHIR R4, Data Types, Period, per-1: http://hl7.org/fhir/R4/datatypes.html#Period";
    "La fin de la période précède son début.";
    "The period's end is before its start.";

    FHIR_CPT_2 = "fhir-cpt-2", Refused, Invariant, "HL7 FHIR R4, Data Types, ContactPoint, cpt-2: http://hl7.org/fhir/R4/datatypes.html#ContactPoint";
    "Un contact qui a une valeur doit indiquer son système (email, phone…).";
    "A contact point with a value must have a system (email, phone…).";

    FHIR_ATT_1 = "fhir-att-1", Refused, Invariant, "HL7 FHIR R4, Data Types, Attachment, att-1: http://hl7.org/fhir/R4/datatypes.html#Attachment";
    "Une pièce jointe qui a des données doit indiquer son contentType.";
    "An attachment with data must have a contentType.";

    FHIR_QTY_3 = "fhir-qty-3", Refused, Invariant, "HL7 FHIR R4, Data Types, Quantity, qty-3: http://hl7.org/fhir/R4/datatypes.html#Quantity";
    "Une quantité dont l'unité est codée doit indiquer le système du code.";
    "A quantity with a coded unit must have the code's system.";

    FHIR_QUANTITY_UNIT = "fhir-quantity-unit", Refused, Invariant, "HL7 FHIR R4, Data Types, age-1, cnt-3, dis-1, drt-1: http://hl7.org/fhir/R4/datatypes.html#QuantityVariations";
    "Un âge, une durée, une distance ou un nombre doit avoir une unité codée en UCUM (http://unitsofmeasure.org) ; un âge est positif, l'unité d'un nombre est 1.";
    "An age, a duration, a distance or a count must have a unit coded in UCUM (http://unitsofmeasure.org); an age is positive, the unit of a count is 1.";

    FHIR_SQTY_1 = "fhir-sqty-1", Refused, Invariant, "HL7 FHIR R4, Data Types, SimpleQuantity, sqty-1: http://hl7.org/fhir/R4/datatypes.html#SimpleQuantity";
    "Une quantité simple ne doit pas avoir de comparateur (comparator).";
    "A simple quantity must not have a comparator.";

    FHIR_RNG_2 = "fhir-rng-2", Refused, Invariant, "HL7 FHIR R4, Data Types, Range, rng-2: http://hl7.org/fhir/R4/datatypes.html#Range";
    "La borne inférieure de l'intervalle (low) dépasse sa borne supérieure (high).";
    "The lower bound of the range (low) is above its upper bound (high).";

    FHIR_TIMING = "fhir-timing", Refused, Invariant, "HL7 FHIR R4, Data Types, Timing, tim-1 to tim-10: http://hl7.org/fhir/R4/datatypes.html#Timing";
    "Les éléments de la répétition ne sont pas compatibles : durée et période ont une unité et sont positives ou nulles, un maximum a sa base, offset demande when, timeOfDay l'exclut.";
    "The elements of the repetition are not compatible: duration and period have a unit and are not negative, a maximum has its base, offset requires when, timeOfDay excludes it.";

    FHIR_EXPRESSION = "fhir-expression", Refused, Invariant, "HL7 FHIR R4, Metadata Types, Expression, exp-1: http://hl7.org/fhir/R4/metadatatypes.html#Expression";
    "Une Expression doit avoir l'élément expression ou reference.";
    "An Expression must have the element expression or reference.";

    FHIR_DATA_REQUIREMENT = "fhir-data-requirement", Refused, Invariant, "HL7 FHIR R4, Metadata Types, DataRequirement, drq-1, drq-2: http://hl7.org/fhir/R4/metadatatypes.html#DataRequirement";
    "Un filtre doit avoir soit path, soit searchParam, mais pas les deux.";
    "A filter must have either path or searchParam, but not both.";

    FHIR_TRIGGER = "fhir-trigger", Refused, Invariant, "HL7 FHIR R4, Metadata Types, TriggerDefinition, trd-1 to trd-3: http://hl7.org/fhir/R4/metadatatypes.html#TriggerDefinition";
    "Le déclencheur n'a pas les éléments de son type : name, timing ou data, et une condition seulement avec data.";
    "The trigger does not have the elements of its type: name, timing or data, and a condition only with data.";

    FHIR_TXT_1 = "fhir-txt-1", Refused, Invariant, NARRATIVE;
    "Le texte narratif contient un élément, un attribut ou un lien interdit : ni script, ni style, ni formulaire, ni contenu actif.";
    "The narrative contains an element, an attribute or a link that is not allowed: no script, style sheet, form or active content.";

    FHIR_TXT_2 = "fhir-txt-2", Refused, Invariant, NARRATIVE;
    "Le texte narratif n'a aucun contenu visible ; un texte ou une image est attendu.";
    "The narrative has no visible content; a text or an image is expected.";

    FHIR_ORG_1 = "fhir-org-1", Refused, Invariant, ORGANIZATION;
    "Une organisation doit avoir un nom ou un identifiant.";
    "An organization must have a name or an identifier.";

    FHIR_ORG_HOME = "fhir-org-home", Refused, Invariant, ORGANIZATION;
    "Le contact et l'adresse d'une organisation ne doivent pas avoir l'usage « home ».";
    "The telecom and address of an organization must not have the use “home”.";

    FHIR_RAT_1 = "fhir-rat-1", Refused, Invariant, "HL7 FHIR R4, Data Types, Ratio, rat-1: http://hl7.org/fhir/R4/datatypes.html#Ratio";
    "Un ratio doit avoir un numérateur et un dénominateur, ou aucun des deux et une extension.";
    "A ratio must have both numerator and denominator, or neither and an extension.";

    FHIR_REF_1 = "fhir-ref-1", Refused, Invariant, REFERENCES;
    "La référence locale (#id) ne désigne aucune ressource contenue.";
    "The local reference (#id) designates no contained resource.";

    FHIR_DOM_2 = "fhir-dom-2", Refused, Invariant, DOMAIN_RESOURCE;
    "Une ressource contenue ne peut pas en contenir d'autres.";
    "A contained resource must not contain others.";

    FHIR_DOM_3 = "fhir-dom-3", Refused, Invariant, DOMAIN_RESOURCE;
    "La ressource contenue n'est référencée par aucun élément (#id).";
    "The contained resource is referenced by no element (#id).";

    FHIR_DOM_4 = "fhir-dom-4", Refused, Invariant, DOMAIN_RESOURCE;
    "Une ressource contenue ne doit avoir ni meta.versionId ni meta.lastUpdated.";
    "A contained resource must have neither meta.versionId nor meta.lastUpdated.";

    FHIR_DOM_5 = "fhir-dom-5", Refused, Invariant, DOMAIN_RESOURCE;
    "Une ressource contenue ne doit pas avoir d'étiquette de sécurité (meta.security).";
    "A contained resource must not have a security label (meta.security).";

    FHIR_MODIFIER_EXTENSION = "fhir-modifier-extension", Warning, NotSupported, "HL7 FHIR R4, Extensibility, Modifier Extensions: http://hl7.org/fhir/R4/extensibility.html#modifierExtension";
    "Une extension qui change le sens de l'élément (modifierExtension) est conservée, mais ce serveur ne l'interprète pas.";
    "An extension that changes the meaning of the element (modifierExtension) is kept, but this server does not interpret it.";

    FHIR_IMPLICIT_RULES = "fhir-implicit-rules", Warning, NotSupported, "HL7 FHIR R4, Resource, implicitRules: http://hl7.org/fhir/R4/resource-definitions.html#Resource.implicitRules";
    "Les règles implicites (implicitRules) sont conservées, mais ce serveur ne les interprète pas.";
    "The implicit rules (implicitRules) are kept, but this server does not interpret them.";

    FHIR_CODING_SYSTEM = "fhir-coding-system", Warning, Value, "HL7 FHIR R4, Data Types, Coding: http://hl7.org/fhir/R4/datatypes.html#Coding";
    "Le système du codage est un URI relatif ; un URI absolu est attendu.";
    "The coding's system is a relative URI; an absolute URI is expected.";

    IDENTIFIER_USE_OLD = "identifier-use-old", Warning, BusinessRule, "HL7 FHIR R4, Data Types, Identifier.use: http://hl7.org/fhir/R4/datatypes-definitions.html#Identifier.use";
    "L'identifiant qui désigne la ressource a l'usage « old » ; il continue de la désigner.";
    "The identifier that designates the resource has the use “old”; it still designates it.";

    RESOURCE_SUBSETTED = "resource-subsetted", Refused, BusinessRule, "HL7 FHIR R4, Search, _summary, _elements: http://hl7.org/fhir/R4/search.html#summary";
    "La ressource a l'étiquette SUBSETTED : elle est partielle, et son enregistrement effacerait les autres éléments. Envoyer la ressource complète, sans cette étiquette.";
    "The resource has the tag SUBSETTED: it is partial, and storing it would erase the other elements. Send the complete resource, without this tag.";

    CONTAINED_PATIENT = "contained-patient", Refused, BusinessRule, PATIENTS;
    "Une ressource contenue décrit un patient ou l'un de ses proches (Patient, RelatedPerson) ; les flux du SAS ne comportent aucune donnée de patient.";
    "A contained resource describes a patient or a person related to one (Patient, RelatedPerson); the SAS flows contain no patient data.";

    PATIENT_IDENTIFIER = "patient-identifier", Refused, BusinessRule, PATIENTS;
    "L'identifiant est celui d'un patient (INS, urn:oid:1.2.250.1.213.1.4.*) ; les flux du SAS ne comportent aucune donnée de patient.";
    "The identifier is a patient's (INS, urn:oid:1.2.250.1.213.1.4.*); the SAS flows contain no patient data.";
}
