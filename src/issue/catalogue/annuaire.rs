//! Rules of the directory's API, which answers what the national Annuaire Santé answers.

use super::rules;
use crate::issue::{IssueType, Level, Rule};

const PAGING: &str =
    "Annuaire Santé, API FHIR v2, pagination: https://ansforge.github.io/annuaire-sante-fhir-documentation/";
const SEARCH: &str = "Annuaire Santé, API FHIR v2, paramètres de recherche: https://ansforge.github.io/annuaire-sante-fhir-documentation/";
const CHAINING: &str = "HL7 FHIR R4, Search, Chained parameters: http://hl7.org/fhir/R4/search.html#chaining";

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
    "La recherche a plus de {expected} valeurs ; répartissez-la sur plusieurs requêtes.";
    "The search has more than {expected} values; spread it over several requests.";

    ANNUAIRE_GONE = "annuaire-gone", Http, NotFound, PAGING;
    "Ce parcours est trop ancien : les versions qu'il avait commencé à lire ne sont plus conservées. Recommencer à la première page.";
    "This walk is too old: the versions it began to read are no longer kept. Begin again at the first page.";

    ANNUAIRE_TOO_BROAD = "annuaire-too-broad", NotFhir, TooLong, CHAINING;
    "La recherche passe par plus de {expected} ressources liées : préciser le critère enchaîné.";
    "The search goes over more than {expected} linked resources: narrow the chained criterion.";
}
