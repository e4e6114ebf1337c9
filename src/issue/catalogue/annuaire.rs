//! Rules of the directory's API, which answers what the national Annuaire Santé answers.

use super::rules;
use crate::issue::{IssueType, Level, Rule};

const PAGING: &str =
    "Annuaire Santé, API FHIR v2, pagination: https://ansforge.github.io/annuaire-sante-fhir-documentation/";

const CHAINING: &str = "HL7 FHIR R4, Search, Chained parameters: http://hl7.org/fhir/R4/search.html#chaining";

rules! { ANNUAIRE:
    ANNUAIRE_GONE = "annuaire-gone", Http, NotFound, PAGING;
    "Ce parcours est trop ancien : les versions qu'il avait commencé à lire ne sont plus conservées. Recommencer à la première page.";
    "This walk is too old: the versions it began to read are no longer kept. Begin again at the first page.";

    ANNUAIRE_TOO_BROAD = "annuaire-too-broad", NotFhir, TooLong, CHAINING;
    "La recherche passe par plus de {expected} ressources liées : préciser le critère enchaîné.";
    "The search goes over more than {expected} linked resources: narrow the chained criterion.";
}
