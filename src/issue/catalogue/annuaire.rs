//! Rules of the directory's API, which answers what the national Annuaire Santé answers; and of what is
//! received elsewhere and cites somebody of the directory.

use super::rules;
use crate::issue::{IssueType, Level, Rule};

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

    ANNUAIRE_MODIFIER = "annuaire-modifier", NotFhir, NotSupported, SEARCH;
    "Le modificateur « {found} » n'existe pas pour le paramètre « {parameter} » de {type} ; modificateurs possibles : {expected}.";
    "There is no modifier “{found}” for parameter “{parameter}” of {type}; possible modifiers: {expected}.";

    ANNUAIRE_VALUE = "annuaire-value", NotFhir, Value, SEARCH;
    "La valeur du paramètre « {found} » est mal formée ; attendu : {expected}.";
    "The value of parameter “{found}” is malformed; expected: {expected}.";

    ANNUAIRE_REPEATED = "annuaire-repeated", NotFhir, Invalid, SEARCH;
    "Le paramètre « {found} » a deux valeurs différentes ; une seule est admise.";
    "Parameter “{found}” has two different values; only one is allowed.";

    ANNUAIRE_CHAIN = "annuaire-chain", NotFhir, NotSupported, CHAINING;
    "Le paramètre « {found} » suit trop de liens : un seul est admis, deux avec _has.";
    "Parameter “{found}” follows too many links: one is allowed, two with _has.";

    ANNUAIRE_INCLUDE = "annuaire-include", NotFhir, NotSupported, SEARCH;
    "« {found} » n'est pas un lien que {parameter} puisse suivre depuis {type} ; liens possibles : {expected}.";
    "“{found}” is no link that {parameter} can follow from {type}; possible links: {expected}.";

    ANNUAIRE_SIZE = "annuaire-size", NotFhir, TooLong, SEARCH;
    "La requête est trop grande : {parameters} paramètres, {values} valeurs en tout et {list} par liste au plus sont admis ; répartissez-la sur plusieurs requêtes.";
    "The query is too large: at most {parameters} parameters, {values} values in all and {list} in a list are allowed; spread it over several requests.";

    ANNUAIRE_GONE = "annuaire-gone", Http, NotFound, PAGING;
    "Ce parcours est trop ancien : les versions qu'il avait commencé à lire ne sont plus conservées. Recommencer à la première page.";
    "This walk is too old: the versions it began to read are no longer kept. Begin again at the first page.";

    ANNUAIRE_TOO_COSTLY = "annuaire-too-costly", NotFhir, TooCostly, SEARCH;
    "Cette recherche demande trop de travail : préciser ses critères, ou en donner moins.";
    "This search takes too much work: narrow its criteria, or give fewer of them.";

    ANNUAIRE_TOO_BROAD = "annuaire-too-broad", NotFhir, TooLong, CHAINING;
    "La recherche passe par plus de {expected} ressources liées : préciser le critère enchaîné.";
    "The search goes over more than {expected} linked resources: narrow the chained criterion.";

    ANNUAIRE_PAGE = "annuaire-page", NotFhir, Invalid, PAGING;
    "Ce lien « next » n'est pas valable : il a été modifié ou coupé, ou il vient d'un autre serveur. Recommencer à la première page.";
    "This “next” link is not valid: it was altered or cut, or comes from another server. Begin again at the first page.";

    ANNUAIRE_PAGE_MISSING = "annuaire-page-missing", NotFhir, Required, PAGING;
    "Le paramètre id manque : une page suivante se demande par le lien « next » de la précédente, tel quel.";
    "Parameter id is missing: a following page is asked for by the “next” link of the one before, as it is.";

    ANNUAIRE_PAGE_LENGTH = "annuaire-page-length", NotFhir, TooLong, PAGING;
    "Cette recherche est trop longue pour que le lien « next » la porte ; répartissez ses valeurs sur plusieurs recherches.";
    "This search is too long for the “next” link to carry it; spread its values over several searches.";

    ANNUAIRE_TYPE = "annuaire-type", Http, NotSupported, ERRORS;
    "Le type « {found} » n'est pas dans l'annuaire ; types possibles : Practitioner, PractitionerRole, Organization, HealthcareService, Device.";
    "Type “{found}” is not in the directory; possible types: Practitioner, PractitionerRole, Organization, HealthcareService, Device.";

    ANNUAIRE_EMPTY = "annuaire-empty", Http, Transient, RFC_9110;
    "La copie locale de l'annuaire est encore vide : elle se remplit par « sas-endpoint annuaire sync » ou « sas-endpoint annuaire load FICHIER », et sert dès la première page enregistrée.";
    "The local copy of the directory is still empty: “sas-endpoint annuaire sync” or “sas-endpoint annuaire load FILE” fills it, and it is served from the first page stored.";

    ANNUAIRE_INCLUDES = "annuaire-includes", Warning, TooCostly, INCLUDES;
    "Plus de ressources sont liées à {found} qu'une page n'en porte ({most} ressources incluses au plus) : il en manque ici. Pour toutes les lire : {expected}.";
    "More resources are linked to {found} than a page carries (at most {most} included resources): some are missing here. To read them all: {expected}.";

    ANNUAIRE_UNKNOWN = "annuaire-unknown", Warning, BusinessRule, IDENTITY;
    "Aucun professionnel de l'annuaire ne porte cet identifiant national, selon la copie à jour au {date} (il y a {days} jour(s)).";
    "No professional of the directory has this national identifier, by the copy as of {date} ({days} day(s) ago).";

    ANNUAIRE_INACTIVE = "annuaire-inactive", Warning, BusinessRule, IDENTITY;
    "Le professionnel qui porte cet identifiant national n'est plus actif dans l'annuaire, selon la copie à jour au {date} (il y a {days} jour(s)).";
    "The professional with this national identifier is no longer active in the directory, by the copy as of {date} ({days} day(s) ago).";

    ANNUAIRE_UNKNOWN_REFUSED = "annuaire-unknown-refused", Refused, BusinessRule, IDENTITY;
    "Aucun professionnel de l'annuaire ne porte cet identifiant national, selon la copie à jour au {date} (il y a {days} jour(s)) ; ce serveur le refuse (SAS_ANNUAIRE_CHECK=refuse).";
    "No professional of the directory has this national identifier, by the copy as of {date} ({days} day(s) ago); this server refuses that (SAS_ANNUAIRE_CHECK=refuse).";

    ANNUAIRE_INACTIVE_REFUSED = "annuaire-inactive-refused", Refused, BusinessRule, IDENTITY;
    "Le professionnel qui porte cet identifiant national n'est plus actif dans l'annuaire, selon la copie à jour au {date} (il y a {days} jour(s)) ; ce serveur le refuse (SAS_ANNUAIRE_CHECK=refuse).";
    "The professional with this national identifier is no longer active in the directory, by the copy as of {date} ({days} day(s) ago); this server refuses that (SAS_ANNUAIRE_CHECK=refuse).";
}
