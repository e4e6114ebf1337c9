//! All texts of the pages but refusals.

pub use super::texts::fill;
use super::texts::texts;

texts! { Text:
    // Every page.
    console: "Console sas-endpoint"; "sas-endpoint console";
    skip_to_content: "Aller au contenu"; "Skip to content";
    to_first_page: "Aller à la page d'accueil de la console"; "Go to the home page of the console";
    pages: "Pages"; "Pages";
    language: "Langue"; "Language";
    log_out: "Se déconnecter"; "Log out";
    logged_in_as: "Connecté : {caller}"; "Logged in: {caller}";
    state: "État"; "State";
    rules: "Règles"; "Rules";
    validate: "Valider"; "Validate";
    webhooks: "Webhooks"; "Webhooks";
    faults: "Pannes"; "Faults";
    unknown: "inconnu"; "unknown";
    never: "jamais"; "never";
    name: "Nom"; "Name";

    // Durations. The first is for less than a minute.
    seconds_ago: "il y a {n} s"; "{n} s ago";
    minutes_ago: "il y a {n} min"; "{n} min ago";
    hours_ago: "il y a {n} h"; "{n} h ago";
    days_ago: "il y a {n} j"; "{n} d ago";

    // /console/login
    login: "Connexion"; "Log in";
    login_explained: "Saisir le jeton d'un appelant qui a le droit « console ». La session dure 12 heures au plus, et se termine après 30 minutes sans requête."; "Enter the token of a caller that has the right “console”. The session lasts at most 12 hours, and ends after 30 minutes without a request.";
    token: "Jeton"; "Token";
    login_refused: "Ce jeton n'est pas celui d'un appelant qui a le droit « console »."; "This is not the token of a caller that has the right “console”.";

    // /console
    home: "État de l'instance"; "State of this instance";
    program: "Programme"; "Program";
    version: "Version"; "Version";
    ready: "Prête"; "Ready";
    ready_yes: "oui : la base de données répond et les écritures sont acceptées"; "yes: the database answers and writes are accepted";
    ready_no_database: "non : la base de données ne répond pas"; "no: the database does not answer";
    ready_no_writing: "non : la base de données a refusé la dernière écriture"; "no: the database refused the last write";
    started: "Dernier démarrage"; "Last start";
    database: "Base de données"; "Database";
    database_sqlite: "Fichier SQLite {path}"; "SQLite file {path}";
    database_postgres: "Base Postgres {database} sur {server}"; "Postgres database {database} on {server}";
    database_postgres_schema: "Base Postgres {database} sur {server}, schéma {schema}"; "Postgres database {database} on {server}, schema {schema}";
    directory: "Annuaire"; "Directory";
    directory_none: "Aucun miroir de l'annuaire n'est ouvert."; "No mirror of the directory is open.";
    directory_failed: "Le miroir de l'annuaire ne répond pas."; "The mirror of the directory does not answer.";
    directory_caption: "Fraîcheur du miroir de l'annuaire, par type de ressource"; "Age of the directory mirror, by resource type";
    resource_type: "Type"; "Type";
    up_to_date_until: "À jour au"; "Up to date as of";
    age: "Âge"; "Age";
    webhooks_caption: "État des webhooks"; "State of the webhooks";
    webhooks_none: "Aucun webhook n'est configuré."; "No webhook is configured.";
    webhooks_pending: "Aucun état n'est encore connu."; "No state is known yet.";
    webhooks_failed: "La base de données ne répond pas : l'état des webhooks est inconnu."; "The database does not answer: the state of the webhooks is unknown.";

    plots: "Réponses de l'API FHIR"; "Answers of the FHIR API";
    plots_since: "De cette instance seulement, depuis {time} ; 24 heures au plus sont gardées en mémoire."; "Of this instance only, since {time}; at most 24 hours are kept in memory.";
    plots_empty: "Aucune réponse dans cet intervalle."; "No answer in this period.";
    plot_statuses: "Réponses par statut"; "Answers by status";
    plot_order: "De bas en haut :"; "From the bottom up:";
    plot_latency: "Latence p50 et p99"; "Latency, p50 and p99";
    plot_rules: "Refus par règle"; "Refusals by rule";
    plot_table: "Les mêmes chiffres en tableau"; "The same figures as a table";
    plot_table_caption: "Réponses par statut, et latence ; heures UTC du début de chaque intervalle"; "Answers by status, and latency; UTC times at which each interval begins";
    colon: " :"; ":";
    decimal_separator: ","; ".";
    refusals: "Derniers refus"; "Last refusals";
    refusals_none: "Aucun refus n'est enregistré."; "No refusal is kept.";
    refusals_failed: "Les derniers refus n'ont pas pu être lus : recharger la page dans quelques secondes."; "The last refusals could not be read: reload the page in a few seconds.";
    refusals_all: "Tous les refus"; "All refusals";
    live_new: "Nouveaux échanges : {n}"; "New exchanges: {n}";
    live_reload: "Des échanges manquent dans cette liste : recharger la page."; "Exchanges are missing from this list: reload the page.";
    live_pause: "Suspendre la mise à jour"; "Pause updates";
    live_resume: "Reprendre la mise à jour"; "Resume updates";
    live_changed: "Des versions ont été ajoutées depuis l'ouverture de cette page : recharger la page."; "Versions have been added since this page was opened: reload it.";

    // /console/webhooks
    webhook_state: "État"; "State";
    webhook_active: "actif"; "active";
    webhook_failing: "en échec"; "failing";
    webhook_paused: "en pause"; "paused";
    webhook_paused_here: "dans la console"; "in the console";
    webhook_reason: "Motif de la pause"; "Why it is paused";
    webhook_lag: "Retard (versions)"; "Lag (versions)";
    webhook_position: "Position"; "Position";
    webhook_last_answer: "Dernière réponse"; "Last answer";
    webhook_answer_none: "aucune réponse"; "no answer";
    webhook_failing_since: "En échec depuis"; "Failing since";
    webhook_attempts: "Tentatives en échec"; "Failed attempts";
    webhook_next_attempt: "Prochaine tentative"; "Next attempt";
    webhook_not_started: "Aucune instance n'a encore servi ce webhook."; "No instance has served this webhook yet.";
    webhook_pause: "Mettre en pause"; "Pause";
    webhook_resume: "Reprendre"; "Resume";
    webhook_test: "Envoyer un test"; "Send a test";
    webhook_skip: "Ignorer le premier événement en attente"; "Skip the next event";
    webhook_skip_explained: "L'événement n'est pas livré ; il est gardé parmi les événements ignorés (commande « webhooks dead-letters »)."; "The event is not delivered; it is kept among the skipped events (command “webhooks dead-letters”).";
    webhook_replay: "Livrer de nouveau"; "Replay";
    webhook_replay_from: "À partir de (position, date ou âge : 42, 2026-11-01T08:00, 24h)"; "From (position, date or age: 42, 2026-11-01T08:00, 24h)";
    webhook_more: "Ignorer ou livrer de nouveau"; "Skip or replay";
    webhook_done_pause: "« {name} » est en pause."; "“{name}” is paused.";
    webhook_done_resume: "« {name} » reprend ses livraisons."; "“{name}” resumes its deliveries.";
    webhook_done_skip: "« {name} » ignore l'événement à la position {position}."; "“{name}” skips the event at position {position}.";
    webhook_done_replay: "« {name} » livre de nouveau, à partir de la position {position}."; "“{name}” delivers again, from position {position} on.";
    webhook_accepted: "Le récepteur de « {name} » accepte le test ({status})."; "The receiver of “{name}” accepts the test ({status}).";
    webhook_refused: "Le récepteur de « {name} » répond {status} au test."; "The receiver of “{name}” answers the test with {status}.";
    webhook_silent: "Le récepteur de « {name} » ne répond pas au test."; "The receiver of “{name}” does not answer the test.";
    webhook_error_not_started: "Aucune instance n'a encore servi « {name} » avec cette base de données."; "No instance has served “{name}” with this database yet.";
    webhook_error_nothing_to_skip: "« {name} » a tout livré : il n'y a pas d'événement à ignorer."; "“{name}” has delivered everything: there is no event to skip.";
    webhook_error_beyond_end: "L'historique des versions s'arrête avant la position {position}."; "The log of versions ends before position {position}.";
    webhook_error_from: "Point de départ illisible ; attendu : une position, une date, une date avec l'heure, ou un âge (42, 2026-11-01, 2026-11-01T08:00, 24h)."; "The start cannot be read; expected: a position, a date, a date with a time, or an age (42, 2026-11-01, 2026-11-01T08:00, 24h).";
    webhook_error_unknown: "Ce webhook ou cette action n'existe pas."; "There is no such webhook, or no such action.";
    webhook_error_settings: "Les secrets ou les autorités de certification de « {name} » sont illisibles ; le journal du programme en donne la raison."; "The secrets or certificate authorities of “{name}” cannot be read; the program's log gives the reason.";
    webhook_error_database: "La base de données n'a pas répondu à temps ; l'action a peut-être été faite."; "The database did not answer in time; the action may have been done.";

    // /console/exchanges
    exchanges: "Échanges"; "Exchanges";
    exchanges_caption: "Échanges, les plus récents d'abord ; heures en UTC"; "Exchanges, newest first; times in UTC";
    exchanges_none: "Aucun échange ne correspond."; "No exchange matches.";
    exchanges_older: "Échanges plus anciens"; "Older exchanges";
    exchange: "Échange"; "Exchange";
    exchange_time: "Heure"; "Time";
    exchange_time_utc: "Heure (UTC)"; "Time (UTC)";
    exchange_status: "Statut"; "Status";
    exchange_request: "Requête"; "Request";
    exchange_answer: "Réponse"; "Answer";
    exchange_rules: "Règles"; "Rules";
    exchange_caller: "Appelant"; "Caller";
    exchange_peer: "Adresse"; "Address";
    exchange_duration: "Durée"; "Duration";
    exchange_interaction: "Interaction"; "Interaction";
    exchange_resource: "Ressource"; "Resource";
    exchange_issues: "Constats"; "Findings";
    exchange_others: "Autres échanges avec le même identifiant de requête"; "Other exchanges with the same request id";
    exchange_unreadable: "Requête HTTP illisible"; "HTTP request that cannot be read";
    exchange_unrecognised: "(expéditeur non reconnu : rien d'autre n'est gardé)"; "(unrecognised sender: nothing else is kept)";
    filter_identifier: "Identifiant ou ressource"; "Identifier or resource";
    filter_since: "Depuis (UTC)"; "Since (UTC)";
    filter_until: "Avant (UTC)"; "Before (UTC)";
    filter_none: "Tous les échanges"; "All exchanges";
    filter_status_wrong: "Statut illisible : « {value} ». Attendu : 422, 4xx ou 400-599."; "The status “{value}” cannot be read. Expected: 422, 4xx, or 400-599.";
    filter_identifier_wrong: "Identifiant illisible : « {value} ». Attendu : système|valeur, valeur, ou Type/id."; "The identifier “{value}” cannot be read. Expected: system|value, a value, or Type/id.";
    journal_off: "Le journal des échanges est désactivé (SAS_JOURNAL=off) : cette page montre ce que la trace d'audit garde des échanges, sans corps ni en-têtes."; "The journal is off (SAS_JOURNAL=off): this page shows what the audit log has, without bodies or headers.";
    journal_failed: "Le journal des échanges ne s'ouvre pas ; le journal du programme en donne la raison. Cette page montre ce que la trace d'audit garde des échanges."; "The journal cannot be opened; the program's log gives the reason. This page shows what the audit log has.";
    filter_time_wrong: "Heure illisible : « {value} ». Attendu : 2026-11-26, 2026-11-26T08:00, ou 24h."; "The time “{value}” cannot be read. Expected: 2026-11-26, 2026-11-26T08:00, or 24h.";
    journal_off_kept: "Les échanges d'avant sa désactivation gardent leur contenu jusqu'à leur échéance : ouvrir une ligne, ou chercher un texte."; "Exchanges from before it was switched off keep their content until they expire: open a row, or search for a text.";
    exchanges_interrupted: "La lecture s'est arrêtée faute de temps : elle reprend avec « Échanges plus anciens »."; "Reading has stopped for lack of time: it goes on with “Older exchanges”.";
    decision: "Décision"; "Decision";
    decision_created: "Aucune ressource n'avait cet identifiant : une ressource a été créée, à la version {after}."; "No resource had the identifier: one was created, at version {after}.";
    decision_created_new: "Une ressource a été créée, à la version {after}."; "A resource was created, at version {after}.";
    decision_updated: "La ressource était à la version {before} ; elle est maintenant à la version {after}."; "The resource was at version {before}; it is now at version {after}.";
    decision_kept: "La ressource avait déjà ce contenu : elle reste à la version {after}."; "The resource already had this content: it stays at version {after}.";
    decision_refused_as_is: "Rien n'a été écrit : la ressource reste à la version {after}."; "Nothing was written: the resource stays at version {after}.";
    decision_refused: "Rien n'a été écrit."; "Nothing was written.";
    decision_unknown: "Le résultat de l'écriture n'était pas connu au moment de la réponse."; "The outcome of the write was not known when the answer was sent.";
    decision_by_id: "L'id dans l'URL désigne {resource}."; "The id in the URL designates {resource}.";
    decision_by_criterion: "L'identifiant de la requête désigne {resource}."; "The identifier of the request designates {resource}.";
    decision_by_body_intrn: "Aucune ressource n'a l'identifiant de la requête ; l'INTRN du corps désigne {resource}, à laquelle cet identifiant est rattaché."; "No resource has the identifier of the request; the INTRN in the body designates {resource}, to which that identifier is attached.";
    decision_by_body_after_release: "{resource} a libéré l'identifiant de la requête et détient un identifiant du corps : la requête répète ce changement."; "{resource} has released the identifier of the request and holds an identifier of the body: the request repeats that change.";
    decision_about: "La requête concerne {resource}."; "The request is about {resource}.";
    decision_a_resource: "une ressource"; "a resource";
    decision_changed: "Éléments modifiés : {elements}."; "Elements changed: {elements}.";
    decision_nothing_else: "aucun"; "none";
    near_misses: "Une autre ressource était peut-être visée"; "Another resource may have been meant";
    near_misses_incomplete: "La recherche est incomplète : le temps imparti (200 ms) n'a pas suffi."; "The search is incomplete: the time limit (200 ms) was reached.";
    near_misses_bounded: "Tous les identifiants proches n'ont pas été cherchés : celui-ci est trop long."; "Not every similar identifier was looked for: this one is too long.";
    near_miss_case: "elle a cet identifiant avec une autre casse ({identifier})"; "it holds this identifier in another case ({identifier})";
    near_miss_prefix: "elle a cet identifiant avec un autre préfixe ({identifier})"; "it holds this identifier with another prefix ({identifier})";
    near_miss_system: "elle a cette valeur dans un autre système ({identifier})"; "it holds this value in another system ({identifier})";
    near_miss_encoding: "elle a cet identifiant une fois décodé ({identifier})"; "it holds this identifier once decoded ({identifier})";
    near_miss_character: "elle a un identifiant qui diffère d'un caractère ({identifier})"; "it holds an identifier that differs by a character ({identifier})";
    near_miss_person: "elle a été écrite avec le même nom et la même adresse électronique"; "it was written with the same name and e-mail address";
    neighbours: "Échanges sur la même ressource"; "Exchanges about the same resource";
    neighbour_before: "Précédent"; "Previous";
    neighbour_difference: "Ce qui diffère du précédent"; "What differs from the previous one";
    exchange_resource_page: "La ressource et ses versions"; "The resource and its versions";
    neighbour_behind: "Suivant"; "Next";
    decision_rules: "Règles citées : {rules}."; "Rules cited: {rules}.";
    issue_place: "ligne {line}, colonne {column} du corps reçu"; "line {line}, column {column} of the body as sent";
    headers: "En-têtes"; "Headers";
    header_not_kept: "(valeur non gardée)"; "(the value is not kept)";
    body_none: "Sans corps."; "No body.";
    body_not_read: "Le corps n'a pas été lu."; "The body was not read.";
    body_not_kept: "Ni en-têtes ni corps ne sont gardés."; "Neither headers nor body are kept.";
    body_withheld: "Le corps ({length} octets) n'est pas gardé : il peut contenir des données d'un patient."; "The body ({length} bytes) is not kept: it may contain data about a patient.";
    body_cut: "Les {kept} premiers octets, sur {length}."; "The first {kept} bytes of {length}.";
    body_indented: "Le corps reçu tient sur une ligne ; il est montré ici avec des retours à la ligne."; "The body was sent as one line; it is shown here with line breaks.";
    curl: "La même requête avec curl"; "The same request with curl";
    curl_explained: "Pour un interpréteur POSIX. La variable TOKEN contient le jeton de l'appelant, s'il en faut un."; "For a POSIX shell. The variable TOKEN contains the caller's token, if one is needed.";
    curl_file: "Télécharger d'abord le corps, ci-dessous."; "Download the body first, below.";
    copy: "Copier"; "Copy";
    downloads: "Télécharger"; "Download";
    download_body: "Corps de la requête"; "Body of the request";

    // /console/exchanges/ID/send-again
    send_again: "Envoyer de nouveau"; "Send again";
    send_again_explained: "La requête passe de nouveau par l'API FHIR, en votre nom."; "The request passes through the FHIR API again, on your behalf.";
    send_again_replaces: "Elle concerne {resource}, actuellement à la version {version}, qui peut être remplacée."; "It is about {resource}, which is at version {version} now and may be replaced.";
    send_again_creates: "Aucune ressource ne serait remplacée : une nouvelle peut être créée."; "No resource would be replaced: a new one may be created.";
    send_again_reads: "Elle n'écrit rien."; "It writes nothing.";
    send_again_several: "Plusieurs ressources ont cet identifiant : la requête sera refusée."; "Several resources have the identifier: the request will be refused.";
    send_again_unknown: "La base de données n'a pas répondu à temps : ce qui serait remplacé est inconnu."; "The database did not answer in time: what would be replaced is unknown.";
    send_again_left_out: "En-têtes non envoyés, car leurs valeurs ne sont pas gardées : {names}."; "Headers that are not sent, as their values are not kept: {names}.";
    send_again_back: "Revenir à l'échange"; "Back to the exchange";
    sent_again: "Requête envoyée de nouveau"; "Request sent again";
    sent_again_status: "Statut :"; "Status:";
    sent_again_new: "Le nouvel échange"; "The new exchange";
    sent_again_former: "Réponse d'origine"; "Original answer";
    sent_again_difference: "Ce qui diffère"; "What differs";
    sent_again_answer: "Nouvelle réponse"; "New answer";
    resent_of: "Répétition de"; "Repeat of";

    // POST /console/exchanges
    text_search: "Texte dans les corps"; "Text in the bodies";
    text_search_submit: "Chercher dans les corps"; "Search the bodies";
    text_search_found: "Échanges trouvés : {hits}, parmi les {searched} lus, en remontant jusqu'au {time}."; "Exchanges found: {hits}, among the {searched} that were read, back to {time}.";
    text_search_time: "Le temps imparti (1 s) n'a pas suffi pour tout lire."; "The time limit (1 s) was reached before everything was read.";
    text_search_found_all: "Échanges trouvés : {hits} ; tous ont été lus ({searched})."; "Exchanges found: {hits}; all were read ({searched}).";
    text_search_more: "Chercher plus loin"; "Search further back";
    text_search_empty: "Aucun texte à chercher."; "There is no text to search for.";
    text_search_off: "Aucun journal des échanges n'est tenu : il n'y a pas de corps où chercher."; "No journal is kept: there are no bodies to search.";

    // /console/rules
    rules_search: "Chercher une règle"; "Search the rules";
    rules_search_hint: "Identifiant, mots du message, de la correction ou de la source"; "Id, words of the message, of the repair or of the source";
    search: "Chercher"; "Search";
    show_all: "Toutes les règles"; "All rules";
    rules_found: "Règles trouvées : {n} sur {all}"; "Rules found: {n} of {all}";
    rule_level: "Effet"; "Effect";
    rule_source: "Source"; "Source";
    source_is: "Source :"; "Source:";
    repair: "Correction proposée :"; "Suggested repair:";
    example: "Exemple"; "Example";
    example_breaks: "Un corps qui enfreint la règle, là où il diffère :"; "A body that breaks the rule, where it differs:";
    example_keeps: "Un corps qui la respecte :"; "A body that follows it:";
    example_try: "l'ouvrir dans Valider"; "open it in Validate";
    example_command: "Une commande à laquelle la règle s'applique :"; "A command that the rule applies to:";
    level_not_fhir: "refus (400) : non conforme à FHIR R4"; "refused (400): not FHIR R4";
    level_refused: "refus (422) : profil ou règle SAS"; "refused (422): profile or SAS rule";
    level_http: "refus au niveau HTTP, ou erreur du serveur"; "refused at the HTTP level, or an error of the server";
    level_warning: "avertissement"; "warning";
    level_information: "information"; "information";

    // /console/validate
    validate_explained: "La ressource est validée comme par $validate. Rien n'est enregistré."; "The resource is validated as $validate would. Nothing is stored.";
    validate_profile: "Type et profil"; "Type and profile";
    profile_claimed: "{type} — profils déclarés par la ressource"; "{type} — profiles that the resource claims";
    profile_named: "{type} — {profile}"; "{type} — {profile}";
    profile_base: "{type} — FHIR R4 seul"; "{type} — FHIR R4 only";
    validate_body: "Ressource (JSON)"; "Resource (JSON)";
    validate_file: "Ou un fichier, à choisir ici ou à déposer sur le champ"; "Or a file, to be chosen here or dropped on the field";
    validate_file_too_large: "Ce fichier est trop grand."; "This file is too large.";
    validate_submit: "Valider"; "Validate";
    validate_example_breaks: "Exemple : ce corps enfreint la règle"; "Example: this body breaks the rule";
    validate_example_keeps: "Exemple : ce corps respecte la règle"; "Example: this body follows the rule";
    validate_result: "Résultat"; "Result";
    validate_accepted: "Aucune erreur. Les règles d'identité, qui dépendent de ce qui est enregistré, sont vérifiées à l'écriture."; "No error. The identity rules, which depend on what is stored, are checked on writing.";
    validate_errors: "La ressource serait refusée."; "The resource would be refused.";
    validate_counts: "Erreurs : {errors}. Avertissements et informations : {others}."; "Errors: {errors}. Warnings and information: {others}.";
    validate_issues: "Constats"; "Findings";
    validate_issues_left_out: "{n} autres constats ne sont pas affichés."; "{n} more findings are not shown.";
    validate_lines: "Ressource reçue, ligne par ligne"; "The resource as received, line by line";
    validate_line_cut: "Les lignes longues sont coupées ; la coupure est marquée par […]."; "Long lines are cut; […] marks the cut.";
    validate_lines_left_out: "{n} lignes ne sont pas affichées."; "{n} lines are not shown.";
    validate_not_kept: "Le champ est vide : la ressource est trop grande, ou contient des caractères invisibles."; "The field is empty: the resource is too large, or contains invisible characters.";
    rule: "Règle"; "Rule";
    severity_error: "Erreur"; "Error";
    severity_warning: "Avertissement"; "Warning";
    severity_information: "Information"; "Information";

    // Accounts, appointments, and what both have.
    accounts: "Comptes"; "Accounts";
    account: "Compte"; "Account";
    accounts_search: "Identifiant, id, nom ou adresse électronique"; "Identifier, id, name or e-mail address";
    accounts_scanned: "Recherche par nom ou adresse parmi {n} comptes ; la page suivante continue la recherche."; "Searched by name or e-mail address among {n} accounts; the next page continues the search.";
    accounts_scanned_all: "Recherche par nom ou adresse parmi {n} comptes, jusqu'au dernier."; "Searched by name or e-mail address among {n} accounts, up to the last.";
    account_active: "actif"; "active";
    account_inactive: "inactif"; "inactive";
    appointments: "Rendez-vous"; "Appointments";
    appointment: "Rendez-vous"; "Appointment";
    appointments_search: "Identifiant ou id"; "Identifier or id";
    appointment_date: "Début (date FHIR, heure de Paris)"; "Start (FHIR date, time in Paris)";
    appointment_start: "Début"; "Start";
    state_any: "tous"; "any";
    resources_all: "Sans filtre"; "No filter";
    resources_caption: "Les plus récemment modifiés d'abord ; heures en UTC"; "Most recently changed first; times in UTC";
    resources_none: "Aucune ressource ne correspond."; "No resource matches.";
    resources_next: "Page suivante"; "Next page";
    resource_state: "État"; "State";
    resource_updated: "Dernière modification"; "Last change";
    resource_identifiers: "Identifiants"; "Identifiers";
    resource_exchanges: "Tous les échanges de cette ressource"; "All exchanges about this resource";
    resource_content: "Contenu actuel"; "Current content";
    identifiers_caption: "Les identifiants tels qu'ils sont comparés"; "The identifiers as they are compared";
    identifiers_none: "Cette ressource n'a pas d'identifiant."; "This resource has no identifier.";
    identifiers_more: "Seuls les {n} premiers sont affichés."; "Only the first {n} are shown.";
    identifier_system: "Système"; "System";
    identifier_value: "Valeur"; "Value";
    identifier_claim: "Lien avec cette ressource"; "Relation to this resource";
    identifier_held: "détenu"; "held";
    identifier_released: "libéré"; "released";
    identifier_mentioned: "mentionné"; "mentioned";
    identifier_holder: "Autre détenteur actuel"; "Other current holder";
    identifier_moved: "{identifier} vient de {from}."; "{identifier} was taken over from {from}.";
    versions: "Versions et événements"; "Versions and events";
    version_content: "Contenu de cette version"; "Content of this version";
    version_content_of: "Contenu de la version {version}"; "Content of version {version}";
    version_current: "Revenir à la version actuelle"; "Back to the current version";
    versions_older: "Versions plus anciennes"; "Older versions";
    version_events: "position {position} : {events}"; "position {position}: {events}";
    version_first: "La première version."; "The first version.";
    version_not_compared: "La version précédente n'est pas comparée : le contenu est trop grand."; "The previous version is not compared: the content is too large.";
    difference_none: "Aucune ligne ne diffère."; "No line differs.";
    difference_added: "ajouté :"; "added:";
    difference_removed: "supprimé :"; "removed:";
    difference_cut: "Seuls les {n} premiers Kio de chaque texte sont comparés."; "Only the first {n} KiB of each text are compared.";

    // /console/directory
    directory_search: "Chercher dans l'annuaire"; "Search the directory";
    directory_by: "Par"; "By";
    directory_by_name: "nom"; "name";
    directory_by_identifier: "RPPS ou autre identifiant"; "RPPS or another identifier";
    directory_by_city: "ville d'une structure"; "city of an organization";
    directory_by_mailbox: "adresse MSSanté"; "MSSanté mailbox";
    directory_found: "Résultats"; "Results";
    directory_more: "Les {n} premiers ; il y en a peut-être d'autres."; "The first {n}; there may be more.";
    directory_same_search: "La même recherche dans l'API :"; "The same search in the API:";
    directory_same_resource: "La même ressource dans l'API :"; "The same resource in the API:";
    directory_entry: "Ressource de l'annuaire"; "Resource of the directory";
    directory_empty: "Le miroir de l'annuaire est vide."; "The mirror of the directory is empty.";
    directory_state: "État du miroir"; "State of the mirror";
    directory_not_counted: "Les ressources n'ont pas pu être comptées à temps."; "The resources could not be counted in time.";
    directory_active: "Actives"; "Active";
    directory_inactive: "Inactives"; "Inactive";
    directory_inactive_one: "inactive"; "inactive";
    directory_runs: "Synchronisations et chargements"; "Synchronisations and loads";
    directory_runs_caption: "Les plus récents d'abord"; "Newest first";
    directory_runs_none: "Aucune synchronisation ni aucun chargement."; "No synchronisation or load.";
    run_began: "Début"; "Start";
    run_work: "Opération et source"; "Operation and source";
    run_sync: "synchronisation"; "synchronisation";
    run_load: "chargement"; "load";
    run_outcome: "Résultat"; "Outcome";
    run_changes: "Changements"; "Changes";
    run_succeeded: "succès"; "succeeded";
    run_failed: "échec"; "failed";
    run_unfinished: "en cours ou interrompu"; "in progress or interrupted";
    directory_rejected: "Ressources mises de côté"; "Resources set aside";
    directory_rejected_caption: "Ressources illisibles, les plus récentes d'abord ; heures en UTC"; "Resources that cannot be read, newest first; times in UTC";
    directory_rejected_none: "Aucune ressource n'est mise de côté."; "No resource is set aside.";
    directory_rejected_name: "Id, ou position dans la source"; "Id, or position in the source";
    directory_rejected_reason: "Motif"; "Reason";
    directory_rejected_more: "Seules les {n} plus récentes sont affichées."; "Only the newest {n} are shown.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::texts::tests::check;

    #[test]
    fn console_texts_are_complete_in_both_languages() {
        check(ALL);
    }
}
