//! Rules of the directory's API, which answers what the national Annuaire Santé answers; and of what is
//! received elsewhere and cites somebody of the directory.

use super::rules;
use crate::issue::{IssueType, Level, Repair, Rule};

const PAGING: &str =
    "Annuaire Santé, API FHIR v2, pagination: https://ansforge.github.io/annuaire-sante-fhir-documentation/";
const SEARCH: &str = "Annuaire Santé, API FHIR v2, paramètres de recherche: https://ansforge.github.io/annuaire-sante-fhir-documentation/";
const CHAINING: &str = "HL7 FHIR R4, Search, Chained parameters: http://hl7.org/fhir/R4/search.html#chaining";
const ERRORS: &str =
    "Annuaire Santé, API FHIR v2, codes de retour: https://ansforge.github.io/annuaire-sante-fhir-documentation/";
const INCLUDES: &str = "HL7 FHIR R4, Search, Including other resources: http://hl7.org/fhir/R4/search.html#include";
const IDENTITY: &str =
    "Annuaire Santé, API FHIR v2, Practitioner: https://ansforge.github.io/annuaire-sante-fhir-documentation/";
const RFC_9110: &str =
    "RFC 9110, HTTP Semantics, 503: https://www.rfc-editor.org/rfc/rfc9110#name-503-service-unavailable";

rules! { ANNUAIRE:
    ANNUAIRE_PARAMETER = "annuaire-parameter", NotFhir, NotSupported, SEARCH;
    "Le paramètre « {found} » n'existe pas pour {type} ; paramètres possibles : {expected}.";
    "There is no parameter “{found}” for {type}; possible parameters: {expected}.";
    => "Retirer le paramètre, ou le remplacer par l'un des paramètres possibles.";
       "Remove the parameter, or replace it by one of the possible ones.";

    ANNUAIRE_MODIFIER = "annuaire-modifier", NotFhir, NotSupported, SEARCH;
    "Le modificateur « {found} » n'existe pas pour le paramètre « {parameter} » de {type} ; modificateurs possibles : {expected}.";
    "There is no modifier “{found}” for parameter “{parameter}” of {type}; possible modifiers: {expected}.";
    => "Retirer le modificateur après « : », ou le remplacer par l'un des modificateurs possibles.";
       "Remove the modifier behind the colon, or replace it by one of the possible ones.";

    ANNUAIRE_VALUE = "annuaire-value", NotFhir, Value, SEARCH;
    "La valeur du paramètre « {found} » est mal formée ; attendu : {expected}.";
    "The value of parameter “{found}” is malformed; expected: {expected}.";
    => "Réécrire la valeur du paramètre dans la forme attendue.";
       "Rewrite the parameter's value in the expected form.";

    ANNUAIRE_REPEATED = "annuaire-repeated", NotFhir, Invalid, SEARCH;
    "Le paramètre « {found} » a deux valeurs différentes ; une seule est admise.";
    "Parameter “{found}” has two different values; only one is allowed.";
    => "N'envoyer le paramètre qu'une fois.";
       "Send the parameter once.";

    ANNUAIRE_CHAIN = "annuaire-chain", NotFhir, NotSupported, CHAINING;
    "Le paramètre « {found} » enchaîne trop de références : une seule est admise, deux avec _has.";
    "Parameter “{found}” chains too many references: one is allowed, two with _has.";
    => "Faire deux recherches : d'abord les ressources liées, puis celles qui les citent, par leurs id.";
       "Make two searches: first the linked resources, then those that refer to them, by their ids.";

    ANNUAIRE_INCLUDE = "annuaire-include", NotFhir, NotSupported, SEARCH;
    "« {found} » n'est pas une valeur admise de {parameter} pour {type} ; valeurs possibles : {expected}.";
    "“{found}” is not an allowed value of {parameter} for {type}; possible values: {expected}.";
    => "Remplacer la valeur par l'une des valeurs possibles, de la forme Type:paramètre.";
       "Replace the value by one of the possible ones, of the form Type:parameter.";

    ANNUAIRE_SIZE = "annuaire-size", NotFhir, TooLong, SEARCH;
    "La requête est trop grande : {parameters} paramètres, {values} valeurs en tout et {list} par liste au plus sont admis ; la répartir sur plusieurs requêtes.";
    "The query is too large: at most {parameters} parameters, {values} values in all and {list} in a list are allowed; split it into several requests.";
    => "Chercher par lots : au plus 256 valeurs par liste.";
       "Search in batches: at most 256 values in a list.";

    ANNUAIRE_GONE = "annuaire-gone", Http, NotFound, PAGING;
    "Ce lien « next » a expiré : les versions de la première page ne sont plus conservées. Recommencer la recherche.";
    "This “next” link has expired: the versions of the first page are no longer kept. Repeat the search.";
    => "Recommencer la recherche à la première page, et lire les pages suivantes sans longue pause.";
       "Repeat the search from the first page, and read the following pages without a long pause.";

    ANNUAIRE_TOO_COSTLY = "annuaire-too-costly", NotFhir, TooCostly, SEARCH;
    "Cette recherche est trop coûteuse ; préciser les critères, ou en donner moins.";
    "This search is too costly; narrow the criteria, or give fewer of them.";
    => "Ajouter un critère précis, comme identifier, ou les premières lettres de family.";
       "Add a precise criterion, such as identifier, or the first letters of family.";

    ANNUAIRE_TOO_BROAD = "annuaire-too-broad", NotFhir, TooLong, CHAINING;
    "Le critère enchaîné désigne plus de {expected} ressources ; le préciser.";
    "The chained criterion matches more than {expected} resources; narrow it.";
    => "Ajouter au critère enchaîné une ville, un code postal ou un nom plus long.";
       "Add a city, a postal code or a longer name to the chained criterion.";

    ANNUAIRE_PAGE = "annuaire-page", NotFhir, Invalid, PAGING;
    "Ce lien « next » n'est pas valide : il a été modifié ou tronqué, ou il provient d'un autre serveur. Recommencer la recherche.";
    "This “next” link is not valid: it was modified or truncated, or comes from another server. Repeat the search.";
    => "Utiliser l'URL du lien next telle quelle, sans la décoder ni la reconstruire.";
       "Use the URL of the next link as it is, without decoding or rebuilding it.";

    ANNUAIRE_PAGE_MISSING = "annuaire-page-missing", NotFhir, Required, PAGING;
    "Le paramètre id manque ; demander la page suivante par le lien « next » de la page précédente, sans le modifier.";
    "Parameter id is missing; request the following page by the “next” link of the previous page, unchanged.";
    => "Suivre l'URL entière du lien next, paramètres compris.";
       "Follow the whole URL of the next link, parameters included.";

    ANNUAIRE_PAGE_LENGTH = "annuaire-page-length", NotFhir, TooLong, PAGING;
    "Cette recherche est trop longue pour un lien « next » ; répartir ses valeurs sur plusieurs recherches.";
    "This search is too long for a “next” link; split its values into several searches.";
    => "Chercher moins de valeurs à la fois, par exemple cent identifiants par requête.";
       "Search for fewer values at a time, such as a hundred identifiers per request.";

    ANNUAIRE_TYPE = "annuaire-type", Http, NotSupported, ERRORS;
    "Le type « {found} » n'est pas un type de ressource de l'annuaire ; types possibles : Practitioner, PractitionerRole, Organization, HealthcareService, Device.";
    "Type “{found}” is not a resource type of the directory; possible types: Practitioner, PractitionerRole, Organization, HealthcareService, Device.";
    => "Corriger le type dans l'URL : l'un des types possibles, avec ses majuscules et sans s final.";
       "Correct the type in the URL: one of the possible types, with its capitals and no final s.";

    ANNUAIRE_EMPTY = "annuaire-empty", Http, Transient, RFC_9110;
    "Le miroir local de l'annuaire est vide ; l'alimenter par « sas-endpoint annuaire sync » ou « sas-endpoint annuaire load FICHIER ».";
    "The local directory mirror is empty; fill it by “sas-endpoint annuaire sync” or “sas-endpoint annuaire load FILE”.";
    => "Demander à l'exploitant d'alimenter le miroir, puis renvoyer la requête telle quelle.";
       "Ask the operator to fill the mirror, then send the request again unchanged.";

    ANNUAIRE_INCLUDES = "annuaire-includes", Warning, TooCostly, INCLUDES;
    "Les ressources liées à {found} ne sont pas toutes incluses : une page en inclut {most} au plus. Pour toutes les lire : {expected}.";
    "Not all resources linked to {found} are included: a page includes at most {most}. To read them all: {expected}.";
    => "Réduire _count, ou lire les ressources liées par la recherche indiquée.";
       "Reduce _count, or read the linked resources by the search that is named.";

    ANNUAIRE_UNKNOWN = "annuaire-unknown", Warning, BusinessRule, IDENTITY;
    "Aucun professionnel de l'annuaire n'a cet identifiant national, selon le miroir à jour au {date} (il y a {days} jour(s)).";
    "No professional of the directory has this national identifier, according to the mirror as of {date} ({days} day(s) ago).";
    => "Vérifier le numéro et son préfixe (8 et RPPS) ; pour un professionnel récent, attendre la mise à jour du miroir.";
       "Check the number and its prefix (8 and RPPS); for a recent professional, wait for the mirror's update.";

    ANNUAIRE_INACTIVE = "annuaire-inactive", Warning, BusinessRule, IDENTITY;
    "Le professionnel qui a cet identifiant national n'est plus actif dans l'annuaire, selon le miroir à jour au {date} (il y a {days} jour(s)).";
    "The professional with this national identifier is no longer active in the directory, according to the mirror as of {date} ({days} day(s) ago).";
    => "Vérifier le numéro ; si le professionnel n'exerce plus, retirer l'habilitation (active à false).";
       "Check the number; if the professional no longer practises, withdraw the habilitation (active false).";

    ANNUAIRE_UNKNOWN_REFUSED = "annuaire-unknown-refused", Refused, BusinessRule, IDENTITY;
    "Aucun professionnel de l'annuaire n'a cet identifiant national, selon le miroir à jour au {date} (il y a {days} jour(s)) ; ce serveur est configuré pour le refuser (SAS_ANNUAIRE_CHECK=refuse).";
    "No professional of the directory has this national identifier, according to the mirror as of {date} ({days} day(s) ago); this server is configured to refuse it (SAS_ANNUAIRE_CHECK=refuse).";
    => "Vérifier le numéro et son préfixe (8 et RPPS) ; pour un professionnel récent, demander la mise à jour du miroir.";
       "Check the number and its prefix (8 and RPPS); for a recent professional, ask for an update of the mirror.";

    ANNUAIRE_INACTIVE_REFUSED = "annuaire-inactive-refused", Refused, BusinessRule, IDENTITY;
    "Le professionnel qui a cet identifiant national n'est plus actif dans l'annuaire, selon le miroir à jour au {date} (il y a {days} jour(s)) ; ce serveur est configuré pour le refuser (SAS_ANNUAIRE_CHECK=refuse).";
    "The professional with this national identifier is no longer active in the directory, according to the mirror as of {date} ({days} day(s) ago); this server is configured to refuse it (SAS_ANNUAIRE_CHECK=refuse).";
    => "Vérifier le numéro ; citer un professionnel en exercice, ou faire corriger l'Annuaire Santé.";
       "Check the number; name a professional in practice, or have the Annuaire Santé corrected.";
}
