//! The texts of refusals, and what to do about them.

use super::texts::texts;

texts! { RefusalText:
    nobody: "Personne n'a accès à la console"; "Nobody may use the console";
    nobody_todo: "Déclarer un appelant avec le droit « console » et un jeton (commande « sas-endpoint token »), puis redémarrer :";
    "List a caller that has the right “console” and a token (command `sas-endpoint token`), then restart:";
    host: "Hôte inconnu"; "Unknown host";
    host_todo: "Ouvrir la console par un nom local, par une adresse IP, ou par l'hôte de SAS_CONSOLE_URL."; "Open the console by a loopback name, by an IP address, or by the host of SAS_CONSOLE_URL.";
    origin: "Requête d'un autre site"; "Request of another site";
    origin_todo: "La page qui envoie la requête n'est pas de cette console. Recommencer depuis la console."; "The page that sends the request is not of this console. Begin again in the console.";
    csrf: "Formulaire périmé"; "Form out of date";
    csrf_todo: "Le formulaire vient d'une autre session. Recharger la page et recommencer."; "The form is of another session. Reload the page and try again.";
    too_many_logins: "Trop d'essais"; "Too many tries";
    too_many_logins_todo: "Cette adresse a fait plus de 5 essais par seconde. Attendre une seconde."; "This address has tried more than 5 times a second. Wait a second.";
    busy: "Console occupée"; "The console is busy";
    busy_todo: "Trop de requêtes sont en cours. Recommencer dans quelques secondes."; "Too many requests are in progress. Try again in a few seconds.";
    not_found: "Page inconnue"; "No such page";
    not_found_todo: "Cette page n'existe pas."; "This page does not exist.";
    not_whole: "Requête incomplète"; "The request is not whole";
    not_whole_todo: "Le journal n'a pas gardé toute la requête : elle ne peut pas être envoyée de nouveau."; "The journal did not keep the whole request: it cannot be sent again.";
    faults_off: "Pannes désactivées"; "Faults are off";
    faults_off_todo: "Aucune panne ne peut être demandée sur cette instance. SAS_FAULTS=on le permet."; "No fault may be armed on this instance. SAS_FAULTS=on allows it.";
    no_fault: "Panne mal formée"; "The fault is malformed";
    too_many_faults: "Trop de pannes"; "Too many faults";
    too_many_faults_todo: "64 pannes attendent déjà. En supprimer une."; "64 faults are armed already. End one.";
    no_such_fault: "Panne inconnue"; "No such fault";
    no_such_fault_todo: "Cette panne n'existe pas, ou elle est terminée."; "This fault does not exist, or has ended.";
    method: "Méthode refusée"; "Method not allowed";
    method_todo: "Cette page ne se demande pas ainsi."; "This page cannot be requested in this way.";
    body: "Requête illisible"; "The request cannot be read";
    body_todo: "Le corps doit être un formulaire, ou du JSON pour /console/api."; "The body must be a form, or JSON for /console/api.";
    body_size: "Requête trop grande"; "The request is too large";
    body_size_todo: "Le corps dépasse {limit} octets."; "The body exceeds {limit} bytes.";
    body_time: "Requête trop lente"; "The request is too slow";
    body_time_todo: "Le corps n'est pas arrivé à temps."; "The body did not arrive in time.";
    api_token: "Jeton requis"; "Token required";
    api_token_todo: "Envoyer « Authorization: Bearer » avec le jeton d'un appelant qui a le droit « console »."; "Send `Authorization: Bearer` with the token of a caller that has the right `console`.";
    no_database: "La base de données ne répond pas"; "The database does not answer";
    no_database_todo: "Recommencer dans quelques secondes ; le journal du programme en donne la raison."; "Try again in a few seconds; the log of the program has the reason.";
    internal: "Défaut du programme"; "Fault of the program";
    internal_todo: "Le journal du programme en donne la raison."; "The log of the program has the reason.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::texts::tests::check;

    #[test]
    fn refusal_texts_are_complete_in_both_languages() {
        check(ALL);
    }
}
