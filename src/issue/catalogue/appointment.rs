//! Rules of an appointment: profiles FrAppointmentSAS and sas-sos-appointment, narrative of INT_R03.

use super::rules;
use crate::issue::{IssueType, Level, Repair, Rule};

const PROFILE: &str = "SAS, profil FrAppointmentSAS: https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition-FrAppointmentSAS.html";
const SOS: &str = "SAS, profil sas-sos-appointment: https://interop.esante.gouv.fr/ig/fhir/sas/StructureDefinition-sas-sos-appointment.html";
const EXAMPLE: &str = "SAS, Mise à jour de rendez-vous (INT_R03), Exemple de requête";
const GUIDE: &str =
    "SAS, guide d'implémentation, Gestion de rendez-vous (INT_R03): https://interop.esante.gouv.fr/ig/fhir/sas/";
const R4: &str = "HL7 FHIR R4, Appointment: http://hl7.org/fhir/R4/appointment.html";
const INVARIANTS: &str = "HL7 FHIR R4, Appointment, Constraints: http://hl7.org/fhir/R4/appointment.html#invs";

rules! { APPOINTMENT:
    PROFILE_ALIAS = "profile-alias", Warning, Invalid, EXAMPLE;
    "Le profil « {found} » est une ancienne adresse ou une adresse non publiée ; attendu : http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS.";
    "Profile “{found}” is a former or unpublished address; expected: http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS.";
    => "Remplacer l'adresse dans meta.profile par l'adresse attendue.";
       "Replace the address in meta.profile by the expected one.";

    PROFILE_NOT_PUBLISHED = "profile-not-published", Refused, Value, PROFILE;
    "Le profil « {found} » n'est pas publié ; attendu : http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS.";
    "Profile “{found}” is not published; expected: http://sas.fr/fhir/StructureDefinition/FrAppointmentSAS.";
    => "Remplacer l'adresse dans meta.profile par l'adresse attendue, ou retirer meta.profile.";
       "Replace the address in meta.profile by the expected one, or remove meta.profile.";

    PROFILE_UNKNOWN = "profile-unknown", Warning, NotSupported, PROFILE;
    "Le profil « {found} » est inconnu de ce serveur ; la ressource est validée selon {expected}.";
    "Profile “{found}” is unknown to this server; the resource is validated against {expected}.";
    => "Corriger l'adresse du profil dans meta.profile, ou l'en retirer.";
       "Correct the profile's address in meta.profile, or remove it.";

    APPOINTMENT_IDENTIFIER = "appointment-identifier", Refused, Required, PROFILE;
    "Un rendez-vous doit avoir exactement un identifiant ; trouvé : {count}.";
    "An appointment must have exactly one identifier; found: {count}.";
    => "Garder dans identifier le seul identifiant donné par l'agenda au rendez-vous, et l'ajouter s'il manque.";
       "Keep in identifier only the one that the calendar gave to the appointment; add it if it is missing.";

    APPOINTMENT_IDENTIFIER_SYSTEM = "appointment-identifier-system", Refused, Required, PROFILE;
    "Le système de l'identifiant manque ; attendu : l'OID (urn:oid:…) ou l'URL de l'éditeur.";
    "The identifier's system is missing; expected: the vendor's OID (urn:oid:…) or URL.";
    => "Ajouter system à l'identifiant, le même pour tous les rendez-vous de l'éditeur.";
       "Add system to the identifier, the same for all appointments of the vendor.";

    APPOINTMENT_IDENTIFIER_VALUE = "appointment-identifier-value", Refused, Required, PROFILE;
    "La valeur de l'identifiant manque ; attendu : une valeur propre à ce rendez-vous, par exemple un UUID.";
    "The identifier's value is missing; expected: a value unique to this appointment, such as a UUID.";
    => "Ajouter value à l'identifiant, et garder la même à chaque mise à jour du rendez-vous.";
       "Add value to the identifier, and keep the same one in each update of the appointment.";

    APPOINTMENT_OPERATOR = "appointment-operator", Refused, Required, EXAMPLE;
    "L'opérateur manque ; attendu : exactement une extension http://interopsante.org/fhir/StructureDefinition/FrAppointmentOperator qui désigne le régulateur.";
    "The operator is missing; expected: exactly one extension http://interopsante.org/fhir/StructureDefinition/FrAppointmentOperator that designates the regulator.";
    => "Ajouter cette extension, avec valueReference.identifier du régulateur reçu par INT_R02 (type, system, value).";
       "Add this extension, with valueReference.identifier of the regulator received by INT_R02 (type, system, value).";

    APPOINTMENT_OPERATOR_SINGLE = "appointment-operator-single", Refused, Value, PROFILE;
    "L'opérateur est donné plusieurs fois ; une seule extension FrAppointmentOperator est admise.";
    "The operator is given several times; only one extension FrAppointmentOperator is allowed.";
    => "Garder la seule extension FrAppointmentOperator du régulateur qui prend le rendez-vous.";
       "Keep only the extension FrAppointmentOperator of the regulator who books the appointment.";

    APPOINTMENT_OPERATOR_REFERENCE = "appointment-operator-reference", Refused, Required, PROFILE;
    "L'extension FrAppointmentOperator doit comporter une valueReference, et rien d'autre.";
    "Extension FrAppointmentOperator must have a valueReference, and nothing else.";
    => "Remplacer la valeur de l'extension par valueReference, avec un identifier.";
       "Replace the extension's value by valueReference, with an identifier.";

    APPOINTMENT_OPERATOR_IDENTIFIER = "appointment-operator-identifier", Refused, Required, EXAMPLE;
    "La référence à l'opérateur doit comporter un identifiant complet (type, system, value) : celui reçu par INT_R02.";
    "The operator's reference must have a complete identifier (type, system, value): the one received by INT_R02.";
    => "Copier dans valueReference.identifier le type, le system et la value du compte reçu par INT_R02.";
       "Copy type, system and value of the account received by INT_R02 into valueReference.identifier.";

    APPOINTMENT_OPERATOR_TYPE = "appointment-operator-type", Refused, CodeInvalid, EXAMPLE;
    "Le type de l'identifiant de l'opérateur doit comporter un seul codage, http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS ou #INTRN.";
    "The type of the operator's identifier must have a single coding, http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS or #INTRN.";
    => "Mettre dans type.coding un seul codage : IDNPS pour un identifiant national, INTRN pour un identifiant technique.";
       "Put a single coding into type.coding: IDNPS for a national id, INTRN for a technical id.";

    APPOINTMENT_OPERATOR_TYPE_SYSTEM = "appointment-operator-type-system", Refused, Value, EXAMPLE;
    "Le système « {found} » ne correspond pas au type de l'identifiant de l'opérateur ; attendu : IDNPS avec urn:oid:1.2.250.1.71.4.2.1, INTRN avec urn:oid:1.2.250.1.213.3.6.";
    "System “{found}” does not match the type of the operator's identifier; expected: IDNPS with urn:oid:1.2.250.1.71.4.2.1, INTRN with urn:oid:1.2.250.1.213.3.6.";
    => "Corriger system ou le code de type, pour que les deux désignent le même genre d'identifiant.";
       "Correct system or the code of type, so that both designate the same kind of id.";

    APPOINTMENT_EXTENSION = "appointment-extension", Refused, Value, SOS;
    "Un rendez-vous SOS (sas-sos-appointment) n'admet aucune autre extension que FrAppointmentOperator.";
    "An SOS appointment (sas-sos-appointment) allows no extension other than FrAppointmentOperator.";
    => "Retirer les autres extensions, ou déclarer le profil FrAppointmentSAS si le rendez-vous n'est pas de SOS Médecins.";
       "Remove the other extensions, or claim the profile FrAppointmentSAS if the appointment is not one of SOS Médecins.";

    APPOINTMENT_ORIENTATION = "appointment-orientation", Refused, CodeInvalid, PROFILE;
    "La catégorie d'orientation, au plus une, doit comporter un codage admis : 001, 002, 003 (categorie-orientation-sas-codesystem) ou 604, 603, 124 (TRE_R66).";
    "The orientation category, at most one, must have an allowed coding: 001, 002, 003 (categorie-orientation-sas-codesystem) or 604, 603, 124 (TRE_R66).";
    => "Garder une seule extension de catégorie, avec un code admis et le système de ce code.";
       "Keep a single category extension, with an allowed code and that code's system.";

    APPOINTMENT_START = "appointment-start", Refused, Required, PROFILE;
    "Le début du rendez-vous (start) manque.";
    "The appointment's start is missing.";
    => "Ajouter start, avec secondes et fuseau : 2026-03-04T14:00:00+01:00.";
       "Add start, with seconds and zone: 2026-03-04T14:00:00+01:00.";

    APPOINTMENT_END = "appointment-end", Refused, Required, PROFILE;
    "La fin du rendez-vous (end) manque.";
    "The appointment's end is missing.";
    => "Ajouter end, avec secondes et fuseau : 2026-03-04T14:15:00+01:00.";
       "Add end, with seconds and zone: 2026-03-04T14:15:00+01:00.";

    APPOINTMENT_PERIOD = "appointment-period", Refused, BusinessRule, R4;
    "La fin du rendez-vous précède son début.";
    "The appointment's end is before its start.";
    => "Échanger start et end, ou corriger leurs fuseaux : +01:00 l'hiver et +02:00 l'été en métropole.";
       "Exchange start and end, or correct their zones: +01:00 in winter and +02:00 in summer in mainland France.";

    APPOINTMENT_STATUS_UNUSED = "appointment-status-unused", Information, Informational, GUIDE;
    "Le statut « {found} » n'est pas exploité par la plateforme, qui lit pending, booked, fulfilled, noshow et cancelled.";
    "Status “{found}” is not used by the platform, which reads pending, booked, fulfilled, noshow and cancelled.";
    => "Donner le statut que la plateforme exploite : booked pour pris, fulfilled pour honoré, noshow pour non honoré.";
       "Use the status that the platform reads: booked for made, fulfilled for kept, noshow for not kept.";

    APPOINTMENT_PARTICIPANT_STATUS = "appointment-participant-status", Refused, CodeInvalid, PROFILE;
    "Le statut du participant est « {found} » ; attendu : accepted (ou needs-action).";
    "The participant's status is “{found}”; expected: accepted (or needs-action).";
    => "Mettre status du participant à accepted ; une annulation se dit par le status du rendez-vous (cancelled).";
       "Set the participant's status to accepted; a cancellation is told by the appointment's status (cancelled).";

    APPOINTMENT_PARTICIPANT_NEEDS_ACTION = "appointment-participant-needs-action", Warning, CodeInvalid, PROFILE;
    "Le statut needs-action est refusé sous FrAppointmentSAS par les validateurs jusqu'à la version 1.2.0 ; attendu : accepted.";
    "Status needs-action is refused under FrAppointmentSAS by validators up to version 1.2.0; expected: accepted.";
    => "Mettre status du participant à accepted.";
       "Set the participant's status to accepted.";

    APPOINTMENT_PARTICIPANT_REFUSED = "appointment-participant-refused", Warning, CodeInvalid, EXAMPLE;
    "Le statut « refused », repris d'un ancien exemple de la page, n'est pas un code FHIR ; attendu : accepted.";
    "Status “refused”, taken from a former example of the page, is not a FHIR code; expected: accepted.";
    => "Mettre status du participant à accepted, comme l'exemple actuel de la page.";
       "Set the participant's status to accepted, as the current example of the page does.";

    APPOINTMENT_ACTOR_MISSING = "appointment-actor-missing", Warning, Required, EXAMPLE;
    "Le participant n'a pas d'acteur ; le professionnel de santé effecteur est attendu.";
    "The participant has no actor; the health professional who provides the consultation is expected.";
    => "Ajouter au participant actor.identifier : type IDNPS, system urn:oid:1.2.250.1.71.4.2.1, value nationale.";
       "Add actor.identifier to the participant: type IDNPS, system urn:oid:1.2.250.1.71.4.2.1, the national value.";

    APPOINTMENT_ACTOR_IDENTIFIER = "appointment-actor-identifier", Refused, Value, PROFILE;
    "L'identifiant d'un acteur doit être national : type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS, system urn:oid:1.2.250.1.71.4.2.1, et une value.";
    "An actor's identifier must be national: type http://interopsante.org/fhir/CodeSystem/fr-v2-0203#IDNPS, system urn:oid:1.2.250.1.71.4.2.1, and a value.";
    => "Remplacer l'identifiant de l'acteur par l'identifiant national du professionnel effecteur, par exemple 8 et son RPPS.";
       "Replace the actor's identifier by the national id of the professional who sees the patient, such as 8 and the RPPS number.";

    APPOINTMENT_ACTOR_FORM = "appointment-actor-form", Warning, Value, EXAMPLE;
    "L'identifiant national du professionnel effecteur est attendu préfixé : 8 et RPPS (11 chiffres) ou 0 et ADELI (9 caractères).";
    "The national id of the professional who provides the consultation is expected with its prefix: 8 and RPPS (11 digits) or 0 and ADELI (9 characters).";
    => "Mettre 8 devant le RPPS de 11 chiffres, ou 0 devant l'ADELI, dans actor.identifier.value.";
       "Put 8 before the RPPS number of 11 digits, or 0 before the ADELI number, in actor.identifier.value.";

    APPOINTMENT_PATIENT = "appointment-patient", Refused, BusinessRule, GUIDE;
    "La référence désigne un patient ou l'un de ses proches (Patient, RelatedPerson) ; un rendez-vous du SAS ne comporte aucune donnée de patient.";
    "The reference designates a patient or a person related to one (Patient, RelatedPerson); a SAS appointment contains no patient data.";
    => "Retirer le participant ou la référence qui désigne le patient ; seul l'effecteur est participant.";
       "Remove the participant or the reference that designates the patient; only the professional is a participant.";

    APPOINTMENT_SPECIALTY = "appointment-specialty", Warning, CodeInvalid, PROFILE;
    "La spécialité n'a pas de code ; attendu : un code de fr-practitioner-specialty.";
    "The specialty has no code; expected: a code of fr-practitioner-specialty.";
    => "Ajouter coding à specialty, ou retirer specialty s'il n'y a qu'un texte.";
       "Add coding to specialty, or remove specialty if there is only a text.";

    FHIR_APP_1 = "fhir-app-1", Refused, Invariant, INVARIANTS;
    "Un participant doit avoir un type ou un acteur (app-1).";
    "A participant must have a type or an actor (app-1).";
    => "Ajouter actor (ou type) au participant, ou retirer le participant.";
       "Add actor (or type) to the participant, or remove the participant.";

    FHIR_APP_4 = "fhir-app-4", Refused, Invariant, INVARIANTS;
    "Un motif d'annulation (cancelationReason) n'est admis qu'avec le statut cancelled ou noshow (app-4).";
    "A cancelationReason is allowed only with the status cancelled or noshow (app-4).";
    => "Retirer cancelationReason, ou mettre status à cancelled ou noshow.";
       "Remove cancelationReason, or set status to cancelled or noshow.";
}
