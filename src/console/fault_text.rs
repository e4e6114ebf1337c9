//! The texts about faults.

use super::texts::texts;

texts! { FaultText:
    beside_callers: "SAS_FAULTS=on : des pannes peuvent être simulées sur cette instance, alors que des appelants y sont configurés."; "SAS_FAULTS=on: faults may be armed on this instance, though callers are configured.";
    explained: "Une panne fait échouer les prochaines requêtes qui y correspondent, pour voir ce que fait un client. Elle s'arrête d'elle-même et disparaît avec l'instance. Derrière nginx et plusieurs instances, une coupure d'un GET ou d'un PUT reste invisible : nginx envoie la requête une seconde fois."; "A fault makes the next requests that match it fail, to show what a client does then. It ends by itself, and with the instance. Behind nginx with several instances, a cut GET or PUT goes unnoticed: nginx sends the request a second time.";
    armed: "Pannes en attente"; "Armed faults";
    none: "Aucune panne en attente."; "No fault is armed.";
    left: "{left} requête(s) sur {count}, jusqu'au {until}"; "{left} of {count} request(s) left, until {until}";
    id: "Identifiant de la panne"; "Id of the fault";
    end: "Supprimer"; "End";
    add: "Simuler une panne"; "Arm a fault";
    kind: "Effet"; "Kind";
    status: "Statut (400 à 599)"; "Status (400 to 599)";
    retry_after: "Retry-After, en secondes (facultatif)"; "Retry-After, in seconds (optional)";
    delay: "Retard (60s au plus)"; "Delay (60s at most)";
    any: "toutes"; "any";
    interaction: "Interaction"; "Interaction";
    resource_type: "Type de ressource (facultatif)"; "Resource type (optional)";
    caller: "Appelant (facultatif)"; "Caller (optional)";
    identifier: "Identifiant, système|valeur (facultatif)"; "Identifier, system|value (optional)";
    count: "Nombre de requêtes"; "Number of requests";
    lifetime: "Durée (1h au plus)"; "Duration (1h at most)";
    submit: "Simuler"; "Arm";
    done_added: "La panne {kind} attend la prochaine requête qui y correspond."; "The fault {kind} waits for the next request that matches.";
    done_ended: "La panne {kind} est terminée."; "The fault {kind} has ended.";
    kinds: "Ce que montre chaque panne"; "What each fault shows";
    of_status: "Le client lit le statut et l'OperationOutcome, attend le temps de Retry-After, puis réessaie (attente progressive). Rien n'est enregistré."; "The client reads the status and the OperationOutcome, waits for the time of Retry-After, then tries again (back-off). Nothing is stored.";
    of_delay: "Le client a un délai d'attente, ne répète pas sa requête avant la fin de ce délai, et n'est pas bloqué."; "The client has a timeout, does not repeat the request before it passes, and does not hang.";
    of_cut_before: "Le client réessaie une requête dont il ignore le sort. Rien n'est enregistré : le second essai crée le compte."; "The client repeats a request of which it does not know the outcome. Nothing is stored: the second try creates the account.";
    of_cut_after_commit: "Le client réessaie une écriture dont la réponse est perdue, alors qu'elle est enregistrée. Un client idempotent obtient un compte, une version."; "The client repeats a write whose answer is lost though it is stored. An idempotent client ends with one account, one version.";
    of_cut_in_answer: "Le client compare Content-Length à ce qu'il a reçu, et ne prend pas une moitié de réponse pour une réponse entière. Dans un parcours page à page, il reprend à la même page."; "The client compares Content-Length with what arrived, and does not take half an answer for a whole one. In a walk through pages, it resumes at the same page.";
    of_invalid_json: "Le client traite un JSON incomplet comme un échec à réessayer, sans perdre ce qui précède."; "The client treats incomplete JSON as a failure to be tried again, and loses nothing of what came before.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::texts::tests::check;

    #[test]
    fn fault_texts_are_complete_in_both_languages() {
        check(ALL);
    }
}
