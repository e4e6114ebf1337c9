//! Rules of the exchange itself: path, query, headers, preconditions, identity of what is written.

use super::rules;
use crate::issue::{IssueType, Level, Repair, Rule};

const HTTP: &str = "HL7 FHIR R4, RESTful API: http://hl7.org/fhir/R4/http.html";
const MIME: &str = "HL7 FHIR R4, RESTful API, Content Types: http://hl7.org/fhir/R4/http.html#mime-type";
const HANDLING: &str = "HL7 FHIR R4, Search, Handling errors: http://hl7.org/fhir/R4/search.html#errors";
const SEARCH: &str = "HL7 FHIR R4, Search: http://hl7.org/fhir/R4/search.html";
const CREATE: &str = "HL7 FHIR R4, Conditional create: http://hl7.org/fhir/R4/http.html#ccreate";
const UPDATE: &str = "HL7 FHIR R4, Update: http://hl7.org/fhir/R4/http.html#update";
const COND_UPDATE: &str = "HL7 FHIR R4, Conditional update: http://hl7.org/fhir/R4/http.html#cond-update";
const CONCURRENCY: &str = "HL7 FHIR R4, Managing Resource Contention: http://hl7.org/fhir/R4/http.html#concurrency";
const SAS_UPDATE: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Mise à jour d'un compte régulateur";
const SAS_BOTH: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Création et Mise à jour; Mise à jour de rendez-vous (INT_R03), Construction de la requête de base";
const SAS_AUTHORITY: &str = "SAS, Gestion des comptes régulateurs (INT_R02), Règles de gestion, Autorité d'affectation";
const SAS_APPOINTMENT: &str = "SAS, Mise à jour de rendez-vous (INT_R03), Construction de la requête de base";
const SAS_OPERATOR: &str = "SAS, Mise à jour de rendez-vous (INT_R03), Exemple de requête, FrAppointmentOperator";
const INTEGRATION: &str = "docs/integration.md; SAS, Gestion des comptes régulateurs (INT_R02)";
const RFC_9110: &str = "RFC 9110, HTTP Semantics: https://www.rfc-editor.org/rfc/rfc9110";
const RFC_9110_MISDIRECTED: &str =
    "RFC 9110, HTTP Semantics: https://www.rfc-editor.org/rfc/rfc9110#name-421-misdirected-request";
const RFC_9112: &str = "RFC 9112, HTTP/1.1: https://www.rfc-editor.org/rfc/rfc9112";
const RFC_6585: &str = "RFC 6585, Additional HTTP Status Codes: https://www.rfc-editor.org/rfc/rfc6585#section-5";
const RFC_6585_RATE: &str = "RFC 6585, Additional HTTP Status Codes: https://www.rfc-editor.org/rfc/rfc6585#section-4";
const RFC_6454: &str = "RFC 6454, The Web Origin Concept: https://www.rfc-editor.org/rfc/rfc6454#section-7";
const RFC_6750: &str = "RFC 6750, Bearer Token Usage: https://www.rfc-editor.org/rfc/rfc6750";
const SECURITY: &str = "HL7 FHIR R4, FHIR Security: http://hl7.org/fhir/R4/security.html";
const SAS_SECURITY: &str = "SAS, Sécurité: https://interop.esante.gouv.fr/ig/fhir/sas/securite.html";

rules! { EXCHANGE:
    HTTP_MALFORMED = "http-malformed", Http, Structure, RFC_9112;
    "La requête HTTP/1.1 est mal formée ; la connexion est fermée.";
    "The HTTP/1.1 request is malformed; the connection is closed.";
    => "Envoyer la requête par une bibliothèque HTTP ; vérifier que le client ne parle ni TLS ni HTTP/2 sur ce port.";
       "Send the request by an HTTP library; check that the client speaks neither TLS nor HTTP/2 at this port.";

    HTTP_HOST = "http-host", Http, Invalid, "RFC 9112, HTTP/1.1, Request Target, Host: https://www.rfc-editor.org/rfc/rfc9112#section-3.2";
    "Une requête HTTP/1.1 doit comporter exactement un en-tête Host, de la forme hôte ou hôte:port.";
    "An HTTP/1.1 request must have exactly one Host header, of the form host or host:port.";
    => "Laisser la bibliothèque HTTP écrire Host ; derrière un relais, n'en transmettre qu'un.";
       "Let the HTTP library write Host; behind a proxy, pass exactly one.";

    HTTP_TRANSFER_CODING = "http-transfer-coding", Http, NotSupported, "RFC 9112, HTTP/1.1, Transfer-Encoding: https://www.rfc-editor.org/rfc/rfc9112#section-6.1";
    "Seul le codage de transfert chunked (Transfer-Encoding) est pris en charge ; envoyer le corps sans autre codage.";
    "Only the transfer coding chunked (Transfer-Encoding) is supported; send the body without another one.";
    => "Retirer gzip ou deflate de Transfer-Encoding, ou envoyer le corps avec Content-Length.";
       "Remove gzip or deflate from Transfer-Encoding, or send the body with Content-Length.";

    HTTP_TIMEOUT = "http-timeout", Http, Timeout, RFC_9110;
    "La requête n'a pas été reçue en entier dans le délai admis de {expected} s ; elle peut être renvoyée.";
    "The request was not received completely within the allowed {expected} s; it may be sent again.";
    => "Envoyer le corps dès les en-têtes, sans pause ; préparer la ressource avant d'ouvrir la requête.";
       "Send the body right behind the headers, without a pause; prepare the resource before the request begins.";

    HTTP_URL_SIZE = "http-url-size", Http, TooLong, RFC_9110;
    "L'URL (chemin et paramètres) dépasse la taille admise de {expected} octets.";
    "The URL (path and parameters) exceeds the accepted size of {expected} bytes.";
    => "Passer la recherche par POST /fhir/Practitioner/_search, avec les paramètres dans le corps.";
       "Search by POST /fhir/Practitioner/_search, with the parameters in the body.";

    HTTP_HEADER_SIZE = "http-header-size", Http, TooLong, RFC_6585;
    "Les en-têtes dépassent la taille ou le nombre admis : {expected}.";
    "The headers exceed the accepted size or number: {expected}.";
    => "Retirer les en-têtes inutiles, surtout les cookies ; ce serveur n'en lit aucun.";
       "Remove headers that are not needed, cookies above all; this server reads none.";

    HTTP_LOGIN = "http-login", Http, Login, SECURITY;
    "Authentification requise : par certificat client ou par jeton (Authorization: Bearer …).";
    "Authentication required: by client certificate or token (Authorization: Bearer …).";
    => "Ajouter l'en-tête Authorization: Bearer et le jeton reçu de l'exploitant, ou présenter un certificat client.";
       "Add the header Authorization: Bearer and the token received from the operator, or present a client certificate.";

    HTTP_AUTHORIZATION = "http-authorization", Http, Login, RFC_6750;
    "L'en-tête Authorization doit être unique et de la forme « Bearer jeton » ; aucun autre schéma n'est accepté.";
    "There must be one Authorization header, of the form “Bearer token”; no other scheme is accepted.";
    => "Remplacer Basic ou tout autre schéma par Bearer, et n'envoyer l'en-tête qu'une fois.";
       "Replace Basic or any other scheme by Bearer, and send the header once.";

    HTTP_TOKEN = "http-token", Http, Login, RFC_6750;
    "Le jeton n'est pas connu de ce serveur ; en demander un à l'exploitant.";
    "The token is not known to this server; ask the operator for one.";
    => "Vérifier que le jeton est celui de ce serveur, entier, sans espace ni guillemets.";
       "Check that the token is the one of this server, whole, without spaces or quotation marks.";

    HTTP_CALLER_UNKNOWN = "http-caller-unknown", Http, Forbidden, SAS_SECURITY;
    "Le certificat client est valable, mais son CN et son OU ne sont pas ceux d'un appelant configuré sur ce serveur.";
    "The client certificate is valid, but its CN and OU are not those of a caller configured on this server.";
    => "Communiquer à l'exploitant le CN et l'OU du certificat, pour qu'il les déclare ([[caller]]).";
       "Tell the operator the certificate's CN and OU, to be listed as a [[caller]].";

    HTTP_CERTIFICATE = "http-certificate", Http, Forbidden, SAS_SECURITY;
    "Le certificat client est refusé ; motif : {found}.";
    "The client certificate is refused; reason: {found}.";
    => "Présenter un certificat en vigueur, émis par une autorité que ce serveur connaît, avec ses certificats intermédiaires.";
       "Present a valid certificate of an authority that this server trusts, with its intermediate certificates.";

    HTTP_FORBIDDEN = "http-forbidden", Http, Forbidden, SECURITY;
    "L'appelant n'est pas habilité à effectuer cette interaction ; droit requis : {expected}.";
    "The caller has no right to this interaction; required right: {expected}.";
    => "Demander à l'exploitant le droit indiqué, ou utiliser le jeton d'un appelant qui l'a.";
       "Ask the operator for the right that is named, or use the token of a caller that has it.";

    HTTP_ORIGIN = "http-origin", Http, Forbidden, RFC_6454;
    "La requête provient d'une page d'un autre site (en-tête Origin ou Sec-Fetch-Site) ; ces requêtes sont refusées.";
    "The request comes from a page of another site (header Origin or Sec-Fetch-Site); such requests are refused.";
    => "Envoyer la requête depuis un serveur, non depuis la page d'un navigateur.";
       "Send the request from a server, not from a page in a browser.";

    FOREIGN_HOST = "foreign-host", Http, Forbidden, RFC_9110_MISDIRECTED;
    "L'hôte demandé (en-tête Host) n'est pas celui de ce serveur ; sans appelants configurés, l'hôte doit être localhost, une adresse IP ou celui de SAS_BASE_URL.";
    "The requested host (header Host) is not that of this server; without configured callers, the host must be localhost, an IP address, or that of SAS_BASE_URL.";
    => "Appeler le serveur par localhost ou son adresse IP, ou mettre SAS_BASE_URL à l'adresse utilisée.";
       "Call the server by localhost or its IP address, or set SAS_BASE_URL to the address in use.";

    HTTP_RATE = "http-rate", Http, Throttled, RFC_6585_RATE;
    "L'appelant envoie trop de requêtes par seconde ; la requête peut être renvoyée telle quelle après Retry-After.";
    "The caller sends too many requests per second; the request may be sent again unchanged after Retry-After.";
    => "Espacer les requêtes et attendre les secondes de Retry-After ; ne pas relancer plusieurs fois la même.";
       "Space the requests out and wait the seconds of Retry-After; do not repeat the same one several times.";

    TOO_BUSY_WRITES = "too-busy-writes", Http, Throttled, RFC_9110;
    "Trop d'écritures sont en cours ou en attente ; la requête peut être renvoyée telle quelle après Retry-After.";
    "Too many writes are in progress or waiting; the request may be sent again unchanged after Retry-After.";

    TOO_BUSY_READS = "too-busy-reads", Http, Throttled, RFC_9110;
    "Trop de lectures sont en cours ou en attente ; la requête peut être renvoyée telle quelle après Retry-After.";
    "Too many reads are in progress or waiting; the request may be sent again unchanged after Retry-After.";

    TOO_BUSY_SEARCHES = "too-busy-searches", Http, Throttled, RFC_9110;
    "Trop de recherches sont en cours ou en attente ; la requête peut être renvoyée telle quelle après Retry-After.";
    "Too many searches are in progress or waiting; the request may be sent again unchanged after Retry-After.";

    TOO_BUSY_VALIDATIONS = "too-busy-validations", Http, Throttled, RFC_9110;
    "Trop de validations sont en cours ou en attente ; la requête peut être renvoyée telle quelle après Retry-After.";
    "Too many validations are in progress or waiting; the request may be sent again unchanged after Retry-After.";

    TOO_BUSY_DIRECTORY = "too-busy-directory", Http, Throttled, RFC_9110;
    "Trop de recherches dans l'annuaire sont en cours ou en attente ; la requête peut être renvoyée telle quelle après Retry-After.";
    "Too many searches of the directory are in progress or waiting; the request may be sent again unchanged after Retry-After.";

    HTTP_DEADLINE = "http-deadline", Http, Timeout, RFC_9110;
    "La réponse n'était pas prête dans le délai admis ; le traitement est arrêté, sauf un enregistrement déjà en cours. Réessayer après Retry-After (un PUT peut être renvoyé tel quel), ou restreindre la recherche.";
    "The response was not ready within the allowed time; processing is stopped, except for a commit in progress. Try again after Retry-After (a PUT may be sent again unchanged), or narrow the search.";

    RESPONSES_UNREAD = "responses-unread", Http, Throttled, RFC_9110;
    "Trop d'octets de réponses ne sont pas encore lus, par cet appelant ou par l'ensemble des appelants ; lire les réponses en attente, puis renvoyer la requête telle quelle après Retry-After.";
    "Too many bytes of responses are still unread, by this caller or by all callers together; read the pending responses, then send the request again unchanged after Retry-After.";
    => "Lire chaque réponse jusqu'au bout, ou fermer sa connexion, avant d'en demander d'autres.";
       "Read each response to its end, or close its connection, before requesting others.";

    DECISION_REFUSED = "decision-refused", Refused, BusinessRule, INTEGRATION;
    "Le logiciel de l'éditeur refuse cette écriture : « {message} ».";
    "The vendor's software refuses this write: “{message}”.";
    => "Corriger ce que le message de l'éditeur indique, puis renvoyer la requête.";
       "Correct what the vendor's message says, then send the request again.";

    DECISION_UNAVAILABLE = "decision-unavailable", Http, Transient, INTEGRATION;
    "Le logiciel de l'éditeur, consulté avant cette écriture, n'a pas donné de réponse ; rien n'a été enregistré, la requête peut être renvoyée.";
    "The vendor's software, which is asked before this write, gave no decision; nothing was stored, and the request may be sent again.";

    EVENT_STREAMS = "event-streams", Http, Throttled, RFC_9110;
    "Trop de requêtes attendent des événements ; maximum au total et par appelant ou adresse : {expected}. Fermer les flux inutiles, puis réessayer après Retry-After ; sans « wait », la réponse est immédiate.";
    "Too many requests wait for events; maximum in total and per caller or address: {expected}. Close streams that are not needed, then try again after Retry-After; without `wait`, the answer is immediate.";
    => "Garder un seul flux par client, et le fermer avant d'en ouvrir un autre.";
       "Keep a single stream per client, and close it before opening another one.";

    EVENTS_GONE = "events-gone", Http, NotFound, INTEGRATION;
    "Cette position n'existe pas dans ce journal : la base a été restaurée, ou la position vient d'une autre base. Journal : {log}, dernière position : {head}. Relire l'état courant, puis reprendre après la dernière position.";
    "This position does not exist in this log: the database was restored, or the position is of another database. Log: {log}, last position: {head}. Read the current state, then resume after the last position.";
    => "Relire les comptes et rendez-vous par une recherche, puis demander les événements après la dernière position indiquée.";
       "Read accounts and appointments by a search, then request the events after the last position that is named.";

    FAULT_INJECTED = "fault-injected", Http, Transient, "docs/faults.md; RFC 9110, HTTP Semantics: https://www.rfc-editor.org/rfc/rfc9110";
    "Ce serveur simule une panne, demandée par un testeur ({found}) ; rien n'a été enregistré.";
    "This server simulates a fault that a tester armed ({found}); nothing was stored.";
    => "Rien à corriger : le client doit réessayer, après Retry-After s'il est présent. Supprimer la panne dans la console (/console/faults) pour y mettre fin.";
       "Nothing to correct: the client should try again, after Retry-After where it is given. End the fault in the console (/console/faults).";

    HTTP_PATH = "http-path", Http, NotSupported, HTTP;
    "Ce chemin n'existe pas sur ce serveur ; chemins possibles : /fhir/Practitioner, /fhir/Appointment, /fhir/metadata, et l'annuaire sous /annuaire/fhir/v2 (Practitioner, PractitionerRole, Organization, HealthcareService, Device, metadata).";
    "This path does not exist on this server; possible paths: /fhir/Practitioner, /fhir/Appointment, /fhir/metadata, and the directory below /annuaire/fhir/v2 (Practitioner, PractitionerRole, Organization, HealthcareService, Device, metadata).";
    => "Corriger l'URL : la base est /fhir, les types Practitioner et Appointment, avec majuscule et sans s final.";
       "Correct the URL: the base is /fhir, the types are Practitioner and Appointment, with a capital and no final s.";

    HTTP_BUNDLE = "http-bundle", NotFhir, NotSupported, "HL7 FHIR R4, RESTful API, Batch/Transaction: http://hl7.org/fhir/R4/http.html#transaction";
    "POST sur l'URL de base n'est pas pris en charge : les Bundles (transaction ou batch) ne sont pas traités ; envoyer chaque entrée dans une requête séparée, avec la méthode et l'URL de son élément request.";
    "POST to the base URL is not supported: Bundles (transaction or batch) are not processed; send each entry as a separate request, with the method and URL of its request element.";
    => "Remplacer la transaction par une requête par ressource : PUT /fhir/Practitioner?identifier=système|valeur.";
       "Replace the transaction by one request per resource: PUT /fhir/Practitioner?identifier=system|value.";

    HTTP_METHOD = "http-method", Http, NotSupported, HTTP;
    "La méthode {found} n'est pas prise en charge sur ce chemin ; méthodes possibles : {expected}.";
    "Method {found} is not supported at this path; possible methods: {expected}.";
    => "Utiliser l'une des méthodes possibles ; un compte se retire par PUT avec active à false, un rendez-vous par status cancelled.";
       "Use one of the possible methods; withdraw an account by PUT with active false, an appointment by status cancelled.";

    HTTP_NOT_FOUND = "http-not-found", Http, NotFound, HTTP;
    "La ressource, ou cette version de la ressource, n'existe pas sur ce serveur.";
    "The resource, or this version of it, does not exist on this server.";
    => "Chercher la ressource par son identifiant : GET /fhir/Practitioner?identifier=système|valeur.";
       "Search for the resource by its identifier: GET /fhir/Practitioner?identifier=system|value.";

    HTTP_ACCEPT = "http-accept", Http, NotSupported, MIME;
    "Le format demandé (Accept ou _format) n'est pas disponible ; format disponible : application/fhir+json (fhirVersion 4.0).";
    "The requested format (Accept or _format) is not available; available: application/fhir+json (fhirVersion 4.0).";
    => "Envoyer Accept: application/fhir+json, ou omettre l'en-tête, et retirer _format.";
       "Send Accept: application/fhir+json, or omit the header, and remove _format.";

    HTTP_CONTENT_TYPE = "http-content-type", Http, NotSupported, MIME;
    "Le Content-Type « {found} » n'est pas pris en charge ; attendu : {expected}.";
    "Content-Type “{found}” is not supported; expected: {expected}.";
    => "Envoyer Content-Type: application/fhir+json (avec curl : --header).";
       "Send Content-Type: application/fhir+json (with curl: --header).";

    HTTP_CONTENT_ENCODING = "http-content-encoding", Http, NotSupported, RFC_9110;
    "Le corps est compressé ou encodé (Content-Encoding) ; l'envoyer sans encodage.";
    "The body is compressed or encoded (Content-Encoding); send it without encoding.";
    => "Désactiver la compression des requêtes dans le client, et retirer Content-Encoding.";
       "Turn the compression of requests off in the client, and remove Content-Encoding.";

    HTTP_BODY_SIZE = "http-body-size", Http, TooLong, RFC_9110;
    "Le corps dépasse la taille admise de {expected} octets.";
    "The body exceeds the accepted size of {expected} bytes.";
    => "Retirer les pièces jointes et les photos, ou demander à l'exploitant d'augmenter SAS_MAX_BODY.";
       "Remove attachments and photos, or ask the operator to raise SAS_MAX_BODY.";

    HTTP_BODY_CHUNKS = "http-body-chunks", Http, TooCostly, RFC_9112;
    "Le corps est découpé en plus de {expected} morceaux (Transfer-Encoding: chunked) ; l'envoyer en morceaux plus grands, ou avec Content-Length.";
    "The body has more than {expected} chunks (Transfer-Encoding: chunked); send it in larger chunks, or with Content-Length.";
    => "Écrire le corps d'un seul coup, ou agrandir le tampon d'écriture du client.";
       "Write the body in one go, or enlarge the write buffer of the client.";

    HTTP_BODY_INCOMPLETE = "http-body-incomplete", NotFhir, Structure, RFC_9110;
    "Le corps n'a pas pu être lu en entier : la connexion a été coupée ou le transfert est mal formé.";
    "The body could not be read completely: the connection broke or the transfer is malformed.";
    => "Vérifier que Content-Length est la longueur en octets, non en caractères, puis renvoyer la requête.";
       "Check that Content-Length is the length in bytes, not in characters, then send the request again.";

    HTTP_HEADER = "http-header", NotFhir, Invalid, HTTP;
    "L'en-tête {found} est mal formé ; attendu : {expected}.";
    "Header {found} is malformed; expected: {expected}.";
    => "Réécrire l'en-tête dans la forme attendue ; une version s'écrit entre guillemets, comme If-Match: W/\"1\".";
       "Rewrite the header in the expected form; a version is in quotation marks, as in If-Match: W/\"1\".";

    HTTP_IF_NONE_EXIST = "http-if-none-exist", NotFhir, Invalid, CREATE;
    "L'en-tête If-None-Exist doit être de la forme identifier=system|value, et rien d'autre.";
    "Header If-None-Exist must have the form identifier=system|value, and nothing else.";
    => "Envoyer If-None-Exist: identifier=système|valeur, une seule fois, avec un seul identifiant.";
       "Send If-None-Exist: identifier=system|value, once, with a single identifier.";

    HTTP_PRECONDITION = "http-precondition", Http, Conflict, CONCURRENCY;
    "La précondition (If-Match ou If-None-Match) n'est pas satisfaite ; version courante : {found} (∅ : la ressource n'existe pas).";
    "The precondition (If-Match or If-None-Match) does not hold; current version: {found} (∅: the resource does not exist).";
    => "Relire la ressource, y reporter la modification, et renvoyer avec l'ETag reçu dans If-Match.";
       "Read the resource again, apply the change to it, and send it with the received ETag in If-Match.";

    HTTP_MULTIPLE_MATCHES = "http-multiple-matches", Http, MultipleMatches, COND_UPDATE;
    "Le critère désigne plusieurs ressources ; préciser le système de l'identifiant (system|value).";
    "The criterion matches several resources; name the identifier's system (system|value).";
    => "Écrire le critère avec son système : identifier=système|valeur.";
       "Write the criterion with its system: identifier=system|value.";

    HTTP_ID_TAKEN = "http-id-taken", Http, Conflict, COND_UPDATE;
    "L'élément « id » du corps est déjà celui d'une autre ressource ; l'omettre.";
    "The body's “id” already belongs to another resource; omit it.";
    => "Retirer id du corps, et laisser le serveur l'attribuer.";
       "Remove id from the body, and let the server assign it.";

    HTTP_UNAVAILABLE = "http-unavailable", Http, Transient, HTTP;
    "Le service est temporairement indisponible ; réessayer après Retry-After (un PUT peut être renvoyé tel quel).";
    "The service is temporarily unavailable; try again after Retry-After (a PUT may be sent again unchanged).";

    HTTP_INTERNAL = "http-internal", Http, Exception, HTTP;
    "Une erreur interne s'est produite ; communiquer à l'exploitant la valeur de l'en-tête X-Request-Id de cette réponse.";
    "An internal error occurred; send the value of this response's X-Request-Id header to the operator.";

    QUERY_ENCODING = "query-encoding", NotFhir, Invalid, SEARCH;
    "Les paramètres contiennent un encodage-pourcent (%XX) invalide, de l'UTF-8 invalide ou un caractère de contrôle.";
    "The query contains an invalid percent-encoding, invalid UTF-8 or a control character.";
    => "Encoder les valeurs par une bibliothèque d'URL : | devient %7C, un espace %20, le tout en UTF-8.";
       "Encode the values by a URL library: | becomes %7C, a space %20, all in UTF-8.";

    QUERY_PARAMETER = "query-parameter", NotFhir, NotSupported, SEARCH;
    "Le paramètre « {found} » n'est pas pris en charge pour cette requête ; paramètres possibles : {expected}.";
    "Parameter “{found}” is not supported for this request; possible parameters: {expected}.";
    => "Retirer le paramètre, ou corriger son nom ; majuscules et minuscules comptent.";
       "Remove the parameter, or correct its name; case matters.";

    QUERY_IGNORED = "query-ignored", Warning, NotSupported, HANDLING;
    "Le paramètre « {found} » n'est pas pris en charge et a été ignoré (Prefer: handling=lenient) ; paramètres possibles : {expected}.";
    "Parameter “{found}” is not supported and was ignored (Prefer: handling=lenient); possible parameters: {expected}.";
    => "Retirer le paramètre : il n'a pas d'effet sur le résultat.";
       "Remove the parameter: it has no effect on the result.";

    QUERY_REPEATED = "query-repeated", NotFhir, Invalid, SEARCH;
    "Le paramètre « {found} » est répété ; une seule occurrence est admise.";
    "Parameter “{found}” is repeated; only one occurrence is allowed.";
    => "N'envoyer le paramètre qu'une fois.";
       "Send the parameter once.";

    QUERY_VALUE = "query-value", NotFhir, Invalid, SEARCH;
    "La valeur du paramètre « {found} » est mal formée ou n'est pas prise en charge ; attendu : {expected}.";
    "The value of parameter “{found}” is malformed or not supported; expected: {expected}.";
    => "Réécrire la valeur du paramètre dans la forme attendue.";
       "Rewrite the parameter's value in the expected form.";

    QUERY_SIZE = "query-size", NotFhir, TooLong, SEARCH;
    "La requête est trop grande : {parameters} paramètres, {criteria} critères et {values} valeurs au plus sont admis ; la répartir sur plusieurs requêtes.";
    "The query is too large: at most {parameters} parameters, {criteria} criteria and {values} values are allowed; split it into several requests.";
    => "Chercher par lots : au plus 256 valeurs à la fois, séparées par des virgules.";
       "Search in batches: at most 256 values at a time, separated by commas.";

    QUERY_IDENTIFIER_MISSING = "query-identifier-missing", NotFhir, Required, COND_UPDATE;
    "Le critère identifier=system|value manque : il désigne la ressource à créer ou à mettre à jour.";
    "The criterion identifier=system|value is missing: it designates the resource to create or update.";
    => "Ajouter à l'URL ?identifier=système|valeur, avec l'identifiant qui est dans le corps.";
       "Add ?identifier=system|value to the URL, with the identifier that is in the body.";

    QUERY_IDENTIFIER_SINGLE = "query-identifier-single", NotFhir, Invalid, COND_UPDATE;
    "Un seul identifiant est admis : ni répétition, ni liste séparée par des virgules.";
    "Exactly one identifier is allowed: no repetition, no comma-separated list.";
    => "Ne garder qu'un identifiant dans l'URL ; les autres sont dans le corps.";
       "Keep one identifier in the URL; the others are in the body.";

    QUERY_IDENTIFIER_FORM = "query-identifier-form", NotFhir, Invalid, SAS_BOTH;
    "L'identifiant du critère doit avoir la forme {expected}, sans partie vide.";
    "The criterion's identifier must have the form {expected}, with no empty part.";
    => "Écrire le système, une barre | (%7C) et la valeur : urn:oid:1.2.250.1.213.3.6|0b9c2a54-….";
       "Write the system, a bar | (%7C) and the value: urn:oid:1.2.250.1.213.3.6|0b9c2a54-….";

    QUERY_IDENTIFIER_SYSTEM = "query-identifier-system", Refused, Value, SAS_AUTHORITY;
    "Le système « {found} » n'identifie pas un compte régulateur ; attendu : urn:oid:1.2.250.1.71.4.2.1 (identifiant national) ou urn:oid:1.2.250.1.213.3.6 (identifiant technique SAS).";
    "System “{found}” does not identify a regulator account; expected: urn:oid:1.2.250.1.71.4.2.1 (national id) or urn:oid:1.2.250.1.213.3.6 (SAS technical id).";
    => "Mettre urn:oid: en minuscules devant l'OID, et l'OID d'un compte : …71.4.2.1 ou …213.3.6.";
       "Put urn:oid: in lower case before the OID, and the OID of an account: …71.4.2.1 or …213.3.6.";

    QUERY_IDENTIFIER_CASE = "query-identifier-case", Warning, NotSupported, SAS_APPOINTMENT;
    "Le critère est écrit « Identifier » ; le paramètre FHIR est « identifier », en minuscules.";
    "The criterion is written “Identifier”; the FHIR parameter is “identifier”, in lower case.";
    => "Écrire identifier en minuscules dans l'URL.";
       "Write identifier in lower case in the URL.";

    BODY_ID_IGNORED = "body-id-ignored", Information, Informational, COND_UPDATE;
    "L'élément « id » du corps est ignoré : le serveur attribue les identifiants de ressource.";
    "The body's “id” is ignored: the server assigns resource ids.";
    => "Retirer id du corps ; l'id attribué est dans l'en-tête Location de la réponse.";
       "Remove id from the body; the assigned id is in the header Location of the response.";

    BODY_ID_MISMATCH = "body-id-mismatch", NotFhir, Invalid, UPDATE;
    "L'élément « id » du corps diffère de l'id de la ressource désignée par la requête.";
    "The body's “id” differs from the id of the resource that the request designates.";
    => "Mettre dans le corps l'id de l'URL, ou retirer id d'une mise à jour par identifier.";
       "Put the id of the URL into the body, or remove id from an update by identifier.";

    BODY_ID_MISSING = "body-id-missing", NotFhir, Required, UPDATE;
    "L'élément « id » manque ; une mise à jour par id doit le comporter, égal à celui de l'URL.";
    "Element “id” is missing; an update by id must contain it, equal to that of the URL.";
    => "Ajouter au corps id avec la valeur de l'URL, ou mettre à jour par ?identifier=système|valeur.";
       "Add id to the body with the value of the URL, or update by ?identifier=system|value.";

    IDENTIFIER_DUPLICATE = "identifier-duplicate", Refused, Duplicate, SAS_BOTH;
    "Cet identifiant appartient déjà à {found} ; rien n'a été modifié. Mettre à jour la ressource qui le possède par PUT avec ?identifier=system|value.";
    "This identifier already belongs to {found}; nothing was changed. Update the resource that has it by PUT with ?identifier=system|value.";
    => "Remplacer POST par PUT avec ?identifier= et cet identifiant, ou retirer du corps l'identifiant de l'autre ressource.";
       "Replace POST by PUT with ?identifier= and this identifier, or remove the other resource's identifier from the body.";

    IDENTIFIER_NOT_IN_BODY = "identifier-not-in-body", Warning, BusinessRule, SAS_UPDATE;
    "L'identifiant du critère, inconnu de ce serveur, ne figure pas dans le corps ; le compte est enregistré sous les identifiants du corps.";
    "The criterion's identifier, unknown to this server, is not in the body; the account is stored under the body's identifiers.";
    => "Mettre dans l'URL un identifiant qui est dans le corps, ou l'ajouter au corps.";
       "Put an identifier of the body into the URL, or add the URL's one to the body.";

    APPOINTMENT_IDENTIFIER_CHANGED = "appointment-identifier-changed", Refused, BusinessRule, SAS_APPOINTMENT;
    "L'identifiant du rendez-vous dans le corps diffère de celui que la requête désigne ; l'identifiant d'un rendez-vous ne peut pas changer.";
    "The appointment's identifier in the body differs from the one that the request designates; the identifier of an appointment cannot change.";
    => "Remettre dans le corps l'identifiant de l'URL ; pour un autre rendez-vous, utiliser son identifiant dans l'URL.";
       "Put the URL's identifier back into the body; for another appointment, use its identifier in the URL.";

    APPOINTMENT_OPERATOR_UNKNOWN = "appointment-operator-unknown", Warning, BusinessRule, SAS_OPERATOR;
    "Le régulateur opérateur du rendez-vous n'a pas de compte sur ce serveur (jamais reçu par INT_R02).";
    "The regulator who is the operator of the appointment has no account on this server (never received by INT_R02).";
    => "Vérifier system et value de l'opérateur ; son compte doit d'abord être reçu par PUT /fhir/Practitioner.";
       "Check system and value of the operator; the account must first be received by PUT /fhir/Practitioner.";

    APPOINTMENT_OPERATOR_REQUIRED = "appointment-operator-required", Refused, BusinessRule, SAS_OPERATOR;
    "Le régulateur opérateur du rendez-vous n'a pas de compte sur ce serveur ; en mode strict, son compte doit avoir été reçu par INT_R02.";
    "The regulator who is the operator of the appointment has no account on this server; in strict mode the account must have been received by INT_R02.";
    => "Envoyer d'abord le compte du régulateur par PUT /fhir/Practitioner, puis renvoyer ce rendez-vous.";
       "Send the regulator's account by PUT /fhir/Practitioner first, then send this appointment again.";

    ALL_GOOD = "all-good", Information, Informational, HTTP;
    "Aucune anomalie.";
    "No issue found.";
}
