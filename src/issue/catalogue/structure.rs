//! Rules of the format: JSON, the R4 structure and the invariants of R4 data types.

use super::rules;
use crate::issue::{IssueType, Level, Repair, Rule};

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
    => "Envoyer la ressource elle-même dans le corps de la requête, en JSON (avec curl : --data @fichier.json).";
       "Send the resource itself in the body of the request, as JSON (with curl: --data @file.json).";

    JSON_ENCODING = "json-encoding", NotFhir, Structure, JSON;
    "Le corps n'est pas encodé en UTF-8.";
    "The body is not encoded in UTF-8.";
    => "Convertir le corps en UTF-8 avant l'envoi, par exemple : iconv -f latin1 -t utf-8 fichier.json.";
       "Convert the body to UTF-8 before sending it, for example: iconv -f latin1 -t utf-8 file.json.";

    JSON_SYNTAX = "json-syntax", NotFhir, Structure, JSON;
    "Le JSON est mal formé à la ligne {line}, colonne {column}.";
    "The JSON is malformed at line {line}, column {column}.";
    => "Corriger le JSON à cet endroit (virgule en trop, guillemet ou accolade manquants), ou laisser une bibliothèque JSON l'écrire.";
       "Correct the JSON at this place (a comma too many, a missing quotation mark or brace), or let a JSON library write it.";

    JSON_ROOT = "json-root", NotFhir, Structure, JSON;
    "La racine du JSON doit être un objet.";
    "The root of the JSON must be an object.";
    => "Envoyer une seule ressource : un objet { … } qui a un resourceType, sans tableau autour.";
       "Send a single resource: an object { … } that has a resourceType, without an array around it.";

    JSON_DEPTH = "json-depth", NotFhir, Structure, JSON;
    "Le JSON est imbriqué sur plus de {expected} niveaux.";
    "The JSON is nested deeper than {expected} levels.";
    => "Réduire l'imbrication, en général celle des extensions : aucune ressource du SAS ne demande plus de quelques niveaux.";
       "Reduce the nesting, most often that of extensions: no SAS resource needs more than a few levels.";

    JSON_TOO_LARGE = "json-too-large", NotFhir, TooCostly, "HL7 FHIR R4, JSON Representation: http://hl7.org/fhir/R4/json.html (limite de ce serveur / a limit of this server)";
    "Le JSON est trop grand ; ce serveur admet au plus {values} valeurs, {characters} caractères par nom d'élément, et 4300 chiffres avant la virgule d'un nombre.";
    "The JSON is too large; this server allows at most {values} values, {characters} characters for an element's name, and 4300 digits before the decimal point of a number.";
    => "Retirer du corps ce qui n'est pas du SAS ; vérifier qu'aucune liste ni aucun nom d'élément ne grandit à chaque envoi.";
       "Remove from the body what SAS does not ask for; check that no list and no element name grows with each request.";

    JSON_DUPLICATE_KEY = "json-duplicate-key", NotFhir, Structure, JSON;
    "L'élément « {found} » est donné deux fois dans le même objet.";
    "Element “{found}” is given twice in the same object.";
    => "Garder une seule des deux occurrences de l'élément ; s'il est répétable, mettre les valeurs dans un tableau.";
       "Keep only one of the two occurrences of the element; if it may repeat, put the values into one array.";

    JSON_NULL = "json-null", NotFhir, Structure, JSON;
    "La valeur est null ; omettre l'élément.";
    "The value is null; omit the element.";
    => "Retirer du JSON le nom et la valeur de l'élément ; ne pas sérialiser les champs absents.";
       "Remove both the name and the value of the element from the JSON; do not serialise absent fields.";

    JSON_EMPTY_VALUE = "json-empty-value", NotFhir, Structure, JSON;
    "La valeur est vide ; omettre une chaîne, un tableau ou un objet vide.";
    "The value is empty; omit an empty string, array or object.";
    => "Donner une valeur à l'élément, ou le retirer entièrement, nom compris.";
       "Give the element a value, or remove it entirely, name included.";

    JSON_CONTROL_CHARACTER = "json-control-character", NotFhir, Value, DATATYPES;
    "La chaîne contient un caractère de contrôle ; seuls tabulation, retour chariot et saut de ligne sont admis.";
    "The string contains a control character; only tab, carriage return and line feed are allowed.";
    => "Retirer de la chaîne les caractères U+0000 à U+001F, sauf tabulation et fins de ligne.";
       "Remove the characters U+0000 to U+001F from the string, except tabs and line ends.";

    RESOURCE_TYPE_MISSING = "resource-type-missing", NotFhir, Structure, RESOURCE;
    "L'élément resourceType manque ; attendu : {expected}.";
    "Element resourceType is missing; expected: {expected}.";
    => "Ajouter au premier niveau de l'objet \"resourceType\": \"Practitioner\" ou \"Appointment\", selon l'URL.";
       "Add \"resourceType\": \"Practitioner\" or \"Appointment\" at the first level of the object, as the URL demands.";

    RESOURCE_TYPE_MISMATCH = "resource-type-mismatch", NotFhir, Structure, RESOURCE;
    "Le resourceType « {found} » n'est pas celui attendu ici : {expected}.";
    "resourceType “{found}” is not the one expected here: {expected}.";
    => "Envoyer un Practitioner à /fhir/Practitioner et un Appointment à /fhir/Appointment, avec le resourceType du même nom.";
       "Send a Practitioner to /fhir/Practitioner and an Appointment to /fhir/Appointment, with the resourceType of that name.";

    FHIR_UNKNOWN_ELEMENT = "fhir-unknown-element", NotFhir, Structure, RESOURCE;
    "L'élément « {found} » n'existe pas à cet endroit en FHIR R4.";
    "Element “{found}” does not exist here in FHIR R4.";
    => "Corriger le nom de l'élément (les majuscules comptent), le déplacer là où FHIR R4 le définit, ou en faire une extension.";
       "Correct the element's name (case matters), move it to where FHIR R4 defines it, or make it an extension.";

    FHIR_REQUIRED_ELEMENT = "fhir-required-element", NotFhir, Required, RESOURCE;
    "L'élément « {expected} », obligatoire en FHIR R4, manque.";
    "Element “{expected}”, mandatory in FHIR R4, is missing.";
    => "Ajouter l'élément manquant dans l'objet désigné.";
       "Add the missing element to the object at this place.";

    FHIR_JSON_TYPE = "fhir-json-type", NotFhir, Structure, JSON;
    "Le type JSON est {found} ; attendu : {expected}.";
    "The JSON type is {found}; expected: {expected}.";
    => "Écrire la valeur dans le type attendu : [ … ] autour de ce qui est répétable, true et les nombres sans guillemets.";
       "Write the value in the expected type: [ … ] around what may repeat, true and numbers without quotation marks.";

    FHIR_PRIMITIVE = "fhir-primitive", NotFhir, Value, DATATYPES;
    "La valeur n'a pas la forme du type FHIR « {expected} » ; forme : {form}.";
    "The value does not have the form of the FHIR type “{expected}”; form: {form}.";
    => "Réécrire la valeur dans la forme attendue ; une heure porte des secondes et un fuseau, comme 2026-03-04T14:00:00+01:00.";
       "Rewrite the value in the expected form; a time has seconds and a zone, as in 2026-03-04T14:00:00+01:00.";

    FHIR_CODE = "fhir-code", NotFhir, CodeInvalid, TERMINOLOGIES;
    "Le code « {found} » n'est pas admis ; codes possibles : {expected}.";
    "Code “{found}” is not allowed; possible codes: {expected}.";
    => "Remplacer le code par l'un des codes possibles, en respectant les minuscules.";
       "Replace the code by one of the possible ones, in exactly that case.";

    FHIR_CODE_MISSING = "fhir-code-missing", NotFhir, CodeInvalid, TERMINOLOGIES;
    "L'élément « {expected} » n'a pas de valeur ; un code de son jeu de valeurs est obligatoire, une extension ne suffit pas.";
    "Element “{expected}” has no value; a code of its value set is required, an extension is not enough.";
    => "Donner à l'élément un code de son jeu de valeurs, en plus de l'extension.";
       "Give the element a code of its value set, besides the extension.";

    FHIR_LANGUAGE = "fhir-language", NotFhir, CodeInvalid, "HL7 FHIR R4, Common language codes: http://hl7.org/fhir/R4/valueset-languages.html, BCP 47";
    "« {found} » n'est pas une langue de BCP 47 (système urn:ietf:bcp:47), par exemple fr, fr-FR, en.";
    "“{found}” is not a language of BCP 47 (system urn:ietf:bcp:47), such as fr, fr-FR, en.";
    => "Écrire un code de langue en deux ou trois lettres, avec un pays au besoin après un tiret : fr, fr-FR.";
       "Write a language code of two or three letters, with a country behind a hyphen if needed: fr, fr-FR.";

    FHIR_ABSOLUTE_URI = "fhir-absolute-uri", NotFhir, Value, DATATYPES;
    "L'URI est relatif ; un URI absolu est attendu, par exemple https://example.org/a ou urn:oid:1.2.250.1.71.4.2.1.";
    "The URI is relative; an absolute URI is expected, such as https://example.org/a or urn:oid:1.2.250.1.71.4.2.1.";
    => "Mettre un schéma devant : urn:oid: devant un OID, https:// devant une adresse.";
       "Put a scheme in front: urn:oid: before an OID, https:// before an address.";

    FHIR_REFERENCE = "fhir-reference", NotFhir, Value, REFERENCES;
    "La référence contient un caractère d'espacement ; formes admises : Type/id, https://…, urn:uuid:…, #id.";
    "The reference contains white space; allowed forms: Type/id, https://…, urn:uuid:…, #id.";
    => "Écrire la référence sans espace, sous la forme Type/id ; un nom en clair va dans display.";
       "Write the reference without spaces, as Type/id; a name in words goes into display.";

    FHIR_REFERENCE_TYPE = "fhir-reference-type", NotFhir, Structure, REFERENCES;
    "La cible de la référence est de type « {found} » ; attendu ici : {expected}.";
    "The target of the reference is of type “{found}”; expected here: {expected}.";
    => "Désigner une ressource de l'un des types attendus, et donner à type ce même nom, ou le retirer.";
       "Refer to a resource of one of the expected types, and give type that same name, or remove it.";

    FHIR_ATTACHMENT_SIZE = "fhir-attachment-size", NotFhir, Value, "HL7 FHIR R4, Data Types, Attachment: http://hl7.org/fhir/R4/datatypes.html#Attachment";
    "La taille n'est pas le nombre d'octets des données de la pièce jointe.";
    "The size is not the number of bytes of the attachment's data.";
    => "Retirer size, ou lui donner le nombre d'octets après décodage de la base64.";
       "Remove size, or set it to the number of bytes after base64 decoding.";

    FHIR_CONTAINED_ID = "fhir-contained-id", NotFhir, Structure, "HL7 FHIR R4, References, Contained Resources: http://hl7.org/fhir/R4/references.html#contained";
    "Une autre ressource contenue a déjà cet id.";
    "Another contained resource already has this id.";
    => "Donner à chaque ressource contenue un id différent, et reprendre cet id dans les références #id.";
       "Give each contained resource an id of its own, and use that id in the references #id.";

    FHIR_CHOICE = "fhir-choice", NotFhir, Structure, DATATYPES;
    "L'élément à choix {expected}[x] doit être donné sous une seule forme.";
    "The choice element {expected}[x] must be given in exactly one form.";
    => "Ne garder qu'une forme de l'élément, par exemple valueString seule, et retirer les autres.";
       "Keep one form of the element, such as valueString alone, and remove the others.";

    IDENTIFIER_COUNT = "identifier-count", Refused, TooLong, IDENTIFIER;
    "La ressource a {found} identifiants ; {expected} au plus sont admis.";
    "The resource has {found} identifiers; at most {expected} are allowed.";
    => "Retirer les identifiants en trop, en gardant ceux de la personne ou du rendez-vous.";
       "Remove the identifiers beyond the limit; keep those of the person or the appointment.";

    IDENTIFIER_LENGTH = "identifier-length", Refused, TooLong, IDENTIFIER;
    "Le système ou la valeur de l'identifiant dépasse {expected} caractères.";
    "The identifier's system or value is longer than {expected} characters.";
    => "Raccourcir le système ou la valeur ; un texte libre va dans un autre élément, comme text ou display.";
       "Shorten the system or the value; free text goes into another element, such as text or display.";

    FHIR_CODE_UNKNOWN = "fhir-code-unknown", Refused, CodeInvalid, CODE_SYSTEMS;
    "Le code « {found} » n'existe pas dans le système {expected}.";
    "Code “{found}” does not exist in the system {expected}.";
    => "Remplacer le code par un code de ce système, ou corriger system s'il nomme un autre système que celui du code.";
       "Replace the code by one of this system, or correct system if it names another one than the code's.";

    FHIR_CODING_CODE = "fhir-coding-code", Refused, CodeInvalid, CODE_SYSTEMS;
    "Le codage n'a pas de code du système {expected} qu'il nomme.";
    "The coding has no code of the system {expected} that it names.";
    => "Ajouter code au codage, avec un code de son système, ou retirer le codage et garder text.";
       "Add code to the coding, with a code of its system, or remove the coding and keep text.";

    FHIR_ELE_1 = "fhir-ele-1", Refused, Invariant, "HL7 FHIR R4, Element, ele-1: http://hl7.org/fhir/R4/element.html";
    "L'élément n'a ni valeur ni extension ; un id seul ne suffit pas.";
    "The element has neither value nor extension; an id alone is not enough.";
    => "Donner une valeur à l'élément, ou retirer aussi son id.";
       "Give the element a value, or remove its id as well.";

    FHIR_EXT_1 = "fhir-ext-1", Refused, Invariant, EXTENSIBILITY;
    "Une extension doit avoir soit une valeur, soit des sous-extensions, mais pas les deux.";
    "An extension must have either a value or sub-extensions, but not both.";
    => "Garder dans l'extension soit value…, soit extension, et retirer l'autre.";
       "Keep either value… or extension in the extension, and remove the other.";

    FHIR_PER_1 = "fhir-per-1", Refused, Invariant, "HL7 FHIR R4, Data Types, Period, per-1: http://hl7.org/fhir/R4/datatypes.html#Period";
    "La fin de la période précède son début.";
    "The period's end is before its start.";
    => "Échanger start et end, ou retirer end tant que la période dure.";
       "Exchange start and end, or remove end while the period goes on.";

    FHIR_CPT_2 = "fhir-cpt-2", Refused, Invariant, "HL7 FHIR R4, Data Types, ContactPoint, cpt-2: http://hl7.org/fhir/R4/datatypes.html#ContactPoint";
    "Un contact qui a une valeur doit indiquer son système (email, phone…).";
    "A contact point with a value must have a system (email, phone…).";
    => "Ajouter system au contact ; pour un régulateur : \"system\": \"email\".";
       "Add system to the contact point; for a regulator: \"system\": \"email\".";

    FHIR_ATT_1 = "fhir-att-1", Refused, Invariant, "HL7 FHIR R4, Data Types, Attachment, att-1: http://hl7.org/fhir/R4/datatypes.html#Attachment";
    "Une pièce jointe qui a des données doit indiquer son contentType.";
    "An attachment with data must have a contentType.";
    => "Ajouter contentType à la pièce jointe, par exemple image/png.";
       "Add contentType to the attachment, such as image/png.";

    FHIR_QTY_3 = "fhir-qty-3", Refused, Invariant, "HL7 FHIR R4, Data Types, Quantity, qty-3: http://hl7.org/fhir/R4/datatypes.html#Quantity";
    "Une quantité dont l'unité est codée doit indiquer le système du code.";
    "A quantity with a coded unit must have the code's system.";
    => "Ajouter system à la quantité, http://unitsofmeasure.org pour UCUM, ou remplacer code par unit.";
       "Add system to the quantity, http://unitsofmeasure.org for UCUM, or replace code by unit.";

    FHIR_QUANTITY_UNIT = "fhir-quantity-unit", Refused, Invariant, "HL7 FHIR R4, Data Types, age-1, cnt-3, dis-1, drt-1: http://hl7.org/fhir/R4/datatypes.html#QuantityVariations";
    "Un âge, une durée, une distance ou un nombre doit avoir une unité codée en UCUM (http://unitsofmeasure.org) ; un âge est positif, l'unité d'un nombre est 1.";
    "An age, a duration, a distance or a count must have a unit coded in UCUM (http://unitsofmeasure.org); an age is positive, the unit of a count is 1.";
    => "Mettre system à http://unitsofmeasure.org et code à l'unité : a, mo, d, min, km, ou 1 pour un nombre.";
       "Set system to http://unitsofmeasure.org and code to the unit: a, mo, d, min, km, or 1 for a count.";

    FHIR_SQTY_1 = "fhir-sqty-1", Refused, Invariant, "HL7 FHIR R4, Data Types, SimpleQuantity, sqty-1: http://hl7.org/fhir/R4/datatypes.html#SimpleQuantity";
    "Une quantité simple ne doit pas avoir de comparateur (comparator).";
    "A simple quantity must not have a comparator.";
    => "Retirer comparator ; une borne ouverte s'exprime en omettant low ou high.";
       "Remove comparator; an open bound is expressed by omitting low or high.";

    FHIR_RNG_2 = "fhir-rng-2", Refused, Invariant, "HL7 FHIR R4, Data Types, Range, rng-2: http://hl7.org/fhir/R4/datatypes.html#Range";
    "La borne inférieure de l'intervalle (low) dépasse sa borne supérieure (high).";
    "The lower bound of the range (low) is above its upper bound (high).";
    => "Échanger low et high.";
       "Exchange low and high.";

    FHIR_TIMING = "fhir-timing", Refused, Invariant, "HL7 FHIR R4, Data Types, Timing, tim-1 to tim-10: http://hl7.org/fhir/R4/datatypes.html#Timing";
    "Les éléments de la répétition ne sont pas compatibles : durée et période ont une unité et sont positives ou nulles, un maximum a sa base, offset demande when, timeOfDay l'exclut.";
    "The elements of the repetition are not compatible: duration and period have a unit and are not negative, a maximum has its base, offset requires when, timeOfDay excludes it.";
    => "Ajouter l'unité (periodUnit, durationUnit) à chaque durée ou période, et une borne de base (period, duration) à chaque maximum.";
       "Add the unit (periodUnit, durationUnit) to each duration or period, and its base (period, duration) to each maximum.";

    FHIR_EXPRESSION = "fhir-expression", Refused, Invariant, "HL7 FHIR R4, Metadata Types, Expression, exp-1: http://hl7.org/fhir/R4/metadatatypes.html#Expression";
    "Une Expression doit avoir l'élément expression ou reference.";
    "An Expression must have the element expression or reference.";
    => "Ajouter expression, le texte à évaluer, ou reference, l'adresse où il se trouve.";
       "Add expression, the text to evaluate, or reference, the address where it is found.";

    FHIR_DATA_REQUIREMENT = "fhir-data-requirement", Refused, Invariant, "HL7 FHIR R4, Metadata Types, DataRequirement, drq-1, drq-2: http://hl7.org/fhir/R4/metadatatypes.html#DataRequirement";
    "Un filtre doit avoir soit path, soit searchParam, mais pas les deux.";
    "A filter must have either path or searchParam, but not both.";
    => "Garder dans le filtre soit path, soit searchParam, et retirer l'autre.";
       "Keep either path or searchParam in the filter, and remove the other.";

    FHIR_TRIGGER = "fhir-trigger", Refused, Invariant, "HL7 FHIR R4, Metadata Types, TriggerDefinition, trd-1 to trd-3: http://hl7.org/fhir/R4/metadatatypes.html#TriggerDefinition";
    "Le déclencheur n'a pas les éléments de son type : name, timing ou data, et une condition seulement avec data.";
    "The trigger does not have the elements of its type: name, timing or data, and a condition only with data.";
    => "Ajouter l'élément qu'exige le type : name à named-event, timing à periodic, data aux types en data-….";
       "Add the element that the type requires: name for named-event, timing for periodic, data for the types data-….";

    FHIR_TXT_1 = "fhir-txt-1", Refused, Invariant, NARRATIVE;
    "Le texte narratif contient un élément, un attribut ou un lien interdit : ni script, ni style, ni formulaire, ni contenu actif.";
    "The narrative contains an element, an attribute or a link that is not allowed: no script, style sheet, form or active content.";
    => "Ne garder dans text.div que du texte mis en forme (p, b, ul, table, a, img), ou retirer text.";
       "Keep only formatted text (p, b, ul, table, a, img) in text.div, or remove text.";

    FHIR_TXT_2 = "fhir-txt-2", Refused, Invariant, NARRATIVE;
    "Le texte narratif n'a aucun contenu visible ; un texte ou une image est attendu.";
    "The narrative has no visible content; a text or an image is expected.";
    => "Écrire au moins un mot dans text.div, ou retirer text.";
       "Write at least one word in text.div, or remove text.";

    FHIR_ORG_1 = "fhir-org-1", Refused, Invariant, ORGANIZATION;
    "Une organisation doit avoir un nom ou un identifiant.";
    "An organization must have a name or an identifier.";
    => "Ajouter name ou identifier à l'organisation.";
       "Add name or identifier to the organization.";

    FHIR_ORG_HOME = "fhir-org-home", Refused, Invariant, ORGANIZATION;
    "Le contact et l'adresse d'une organisation ne doivent pas avoir l'usage « home ».";
    "The telecom and address of an organization must not have the use “home”.";
    => "Remplacer l'usage home par work, ou retirer use.";
       "Replace the use home by work, or remove use.";

    FHIR_RAT_1 = "fhir-rat-1", Refused, Invariant, "HL7 FHIR R4, Data Types, Ratio, rat-1: http://hl7.org/fhir/R4/datatypes.html#Ratio";
    "Un ratio doit avoir un numérateur et un dénominateur, ou aucun des deux et une extension.";
    "A ratio must have both numerator and denominator, or neither and an extension.";
    => "Ajouter celui qui manque, numerator ou denominator.";
       "Add the one that is missing, numerator or denominator.";

    FHIR_REF_1 = "fhir-ref-1", Refused, Invariant, REFERENCES;
    "La référence locale (#id) ne désigne aucune ressource contenue.";
    "The local reference (#id) designates no contained resource.";
    => "Ajouter à contained une ressource qui a cet id, ou désigner la ressource par Type/id ou identifier.";
       "Add a resource with this id to contained, or refer to the resource by Type/id or identifier.";

    FHIR_DOM_2 = "fhir-dom-2", Refused, Invariant, DOMAIN_RESOURCE;
    "Une ressource contenue ne peut pas en contenir d'autres.";
    "A contained resource must not contain others.";
    => "Remonter la ressource imbriquée dans le contained de la ressource envoyée.";
       "Move the nested resource up into contained of the resource that is sent.";

    FHIR_DOM_3 = "fhir-dom-3", Refused, Invariant, DOMAIN_RESOURCE;
    "La ressource contenue n'est référencée par aucun élément (#id).";
    "The contained resource is referenced by no element (#id).";
    => "Ajouter une référence #id à la ressource contenue, ou retirer cette ressource.";
       "Add a reference #id to the contained resource, or remove that resource.";

    FHIR_DOM_4 = "fhir-dom-4", Refused, Invariant, DOMAIN_RESOURCE;
    "Une ressource contenue ne doit avoir ni meta.versionId ni meta.lastUpdated.";
    "A contained resource must have neither meta.versionId nor meta.lastUpdated.";
    => "Retirer versionId et lastUpdated du meta de la ressource contenue.";
       "Remove versionId and lastUpdated from meta of the contained resource.";

    FHIR_DOM_5 = "fhir-dom-5", Refused, Invariant, DOMAIN_RESOURCE;
    "Une ressource contenue ne doit pas avoir d'étiquette de sécurité (meta.security).";
    "A contained resource must not have a security label (meta.security).";
    => "Retirer security du meta de la ressource contenue ; l'étiquette va dans le meta de la ressource envoyée.";
       "Remove security from meta of the contained resource; the label goes into meta of the resource that is sent.";

    FHIR_MODIFIER_EXTENSION = "fhir-modifier-extension", Warning, NotSupported, "HL7 FHIR R4, Extensibility, Modifier Extensions: http://hl7.org/fhir/R4/extensibility.html#modifierExtension";
    "Une extension qui change le sens de l'élément (modifierExtension) est conservée, mais ce serveur ne l'interprète pas.";
    "An extension that changes the meaning of the element (modifierExtension) is kept, but this server does not interpret it.";
    => "Retirer modifierExtension, ou en faire une extension ordinaire si le sens de l'élément ne change pas.";
       "Remove modifierExtension, or make it an ordinary extension if the element's meaning does not change.";

    FHIR_IMPLICIT_RULES = "fhir-implicit-rules", Warning, NotSupported, "HL7 FHIR R4, Resource, implicitRules: http://hl7.org/fhir/R4/resource-definitions.html#Resource.implicitRules";
    "Les règles implicites (implicitRules) sont conservées, mais ce serveur ne les interprète pas.";
    "The implicit rules (implicitRules) are kept, but this server does not interpret them.";
    => "Retirer implicitRules ; un profil se déclare dans meta.profile.";
       "Remove implicitRules; a profile is claimed in meta.profile.";

    FHIR_CODING_SYSTEM = "fhir-coding-system", Warning, Value, "HL7 FHIR R4, Data Types, Coding: http://hl7.org/fhir/R4/datatypes.html#Coding";
    "Le système du codage est un URI relatif ; un URI absolu est attendu.";
    "The coding's system is a relative URI; an absolute URI is expected.";
    => "Remplacer system par l'URL complète du système de codage, ou urn:oid: et son OID.";
       "Replace system by the full URL of the code system, or by urn:oid: and its OID.";

    IDENTIFIER_USE_OLD = "identifier-use-old", Warning, BusinessRule, "HL7 FHIR R4, Data Types, Identifier.use: http://hl7.org/fhir/R4/datatypes-definitions.html#Identifier.use";
    "L'identifiant qui désigne la ressource a l'usage « old » ; il continue de la désigner.";
    "The identifier that designates the resource has the use “old”; it still designates it.";
    => "Retirer use de l'identifiant courant ; un identifiant qui n'a plus cours peut être retiré.";
       "Remove use from the current identifier; an identifier that is no longer in use can be removed.";

    RESOURCE_SUBSETTED = "resource-subsetted", Refused, BusinessRule, "HL7 FHIR R4, Search, _summary, _elements: http://hl7.org/fhir/R4/search.html#summary";
    "La ressource a l'étiquette SUBSETTED : elle est partielle, et son enregistrement effacerait les autres éléments. Envoyer la ressource complète, sans cette étiquette.";
    "The resource has the tag SUBSETTED: it is partial, and storing it would erase the other elements. Send the complete resource, without this tag.";
    => "Lire la ressource sans _summary ni _elements, la modifier, et l'envoyer entière, sans l'étiquette SUBSETTED.";
       "Read the resource without _summary and _elements, change it, and send it whole, without the tag SUBSETTED.";

    CONTAINED_PATIENT = "contained-patient", Refused, BusinessRule, PATIENTS;
    "Une ressource contenue décrit un patient ou l'un de ses proches (Patient, RelatedPerson) ; les flux du SAS ne comportent aucune donnée de patient.";
    "A contained resource describes a patient or a person related to one (Patient, RelatedPerson); the SAS flows contain no patient data.";
    => "Retirer de contained le patient ou son proche, et les références vers lui.";
       "Remove the patient or related person from contained, and the references to it.";

    PATIENT_IDENTIFIER = "patient-identifier", Refused, BusinessRule, PATIENTS;
    "L'identifiant est celui d'un patient (INS, urn:oid:1.2.250.1.213.1.4.*) ; les flux du SAS ne comportent aucune donnée de patient.";
    "The identifier is a patient's (INS, urn:oid:1.2.250.1.213.1.4.*); the SAS flows contain no patient data.";
    => "Retirer l'identifiant INS ; si c'est l'identifiant du rendez-vous, mettre une valeur propre à l'agenda.";
       "Remove the INS identifier; if it identifies the appointment, use a value of the calendar's own.";
}
