//! The texts of refusals, and what to do about them.

use super::texts::texts;

texts! { RefusalText:
    nobody: "Personne n'a accès à la console"; "Nobody may use the console";
    nobody_todo: "Déclarer un appelant avec le droit « console » et un jeton (commande « sas-endpoint token »), puis redémarrer :";
    "Configure a caller that has the right “console” and a token (command “sas-endpoint token”), then restart:";
    host: "Hôte inconnu"; "Unknown host";
    host_todo: "Ouvrir la console à un nom local, à une adresse IP, ou à l'hôte de SAS_CONSOLE_URL."; "Open the console at a loopback name, an IP address, or the host of SAS_CONSOLE_URL.";
    origin: "Requête d'un autre site"; "Request from another site";
    origin_todo: "La page qui envoie la requête n'appartient pas à cette console. Recommencer depuis la console."; "The page that sent the request does not belong to this console. Start again in the console.";
    csrf: "Formulaire périmé"; "Form out of date";
    csrf_todo: "Le formulaire vient d'une autre session. Recharger la page et recommencer."; "The form comes from another session. Reload the page and try again.";
    too_many_logins: "Trop de tentatives"; "Too many attempts";
    too_many_logins_todo: "Cette adresse a fait plus de 5 tentatives par seconde. Attendre une seconde."; "This address has made more than 5 attempts in a second. Wait a second.";
    busy: "Console occupée"; "The console is busy";
    busy_todo: "Trop de requêtes sont en cours. Recommencer dans quelques secondes."; "Too many requests are in progress. Try again in a few seconds.";
    not_found: "Page inconnue"; "No such page";
    not_found_todo: "Cette page n'existe pas."; "This page does not exist.";
    not_whole: "Requête incomplète"; "Incomplete request";
    not_whole_todo: "Le journal des échanges n'a pas gardé toute la requête : elle ne peut pas être envoyée de nouveau."; "The journal did not keep the whole request: it cannot be sent again.";
    faults_off: "Pannes désactivées"; "Faults are off";
    faults_off_todo: "Aucune panne ne peut être simulée sur cette instance. SAS_FAULTS=on le permet."; "No fault may be armed on this instance. SAS_FAULTS=on allows it.";
    no_fault: "Panne mal formée"; "The fault is malformed";
    too_many_faults: "Trop de pannes"; "Too many faults";
    too_many_faults_todo: "64 pannes attendent déjà. En supprimer une."; "64 faults are armed already. End one.";
    no_such_fault: "Panne inconnue"; "No such fault";
    no_such_fault_todo: "Cette panne n'existe pas, ou elle est terminée."; "This fault does not exist, or has ended.";
    method: "Méthode refusée"; "Method not allowed";
    method_todo: "Cette page n'accepte pas cette méthode HTTP."; "This page does not accept this HTTP method.";
    body: "Requête illisible"; "The request cannot be read";
    body_todo: "Le corps doit être un formulaire, ou du JSON pour /console/api."; "The body must be a form, or JSON for /console/api.";
    body_size: "Requête trop grande"; "The request is too large";
    body_size_todo: "Le corps dépasse {limit} octets."; "The body exceeds {limit} bytes.";
    body_time: "Requête trop lente"; "The request is too slow";
    body_time_todo: "Le corps n'est pas arrivé à temps."; "The body did not arrive in time.";
    api_token: "Jeton requis"; "Token required";
    api_token_todo: "Envoyer « Authorization: Bearer » avec le jeton d'un appelant qui a le droit « console »."; "Send `Authorization: Bearer` with the token of a caller that has the right `console`.";
    no_database: "La base de données ne répond pas"; "The database does not answer";
    no_database_todo: "Recommencer dans quelques secondes ; le journal du programme en donne la raison."; "Try again in a few seconds; the program's log gives the reason.";
    internal: "Erreur interne"; "Internal error";
    internal_todo: "Le journal du programme en donne la raison."; "The program's log gives the reason.";
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
