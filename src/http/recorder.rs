//! Copies each exchange for the journal, and links refusals to it.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use axum::response::Response;
use bytes::Bytes;

use super::cited_rules::CitedRules;
use super::injection::Cut;
use super::origin::ResentOf;
use super::path::SentTarget;
use crate::audit::AuditEvent;
use crate::interaction::WRITES;
use crate::issue::catalogue::{APPOINTMENT_PATIENT, CONTAINED_PATIENT, PATIENT_IDENTIFIER};
use crate::journal::JournalQueue;
use crate::journal::exchange::{self, Exchange, Header, Message};
use crate::journal::patient::mentions_patient;

/// Of an answer, this much is kept.
const MAX_ANSWER: usize = 256 << 10;
/// Of each body of the directory, this much is kept: pages of it are the same for every client.
const MAX_DIRECTORY_BODY: usize = 16 << 10;

/// Headers of a request whose values are kept, beside `content-*` and `if-*`. Of others, a client may send credentials or
/// names in them.
const KEPT_HEADERS: [HeaderName; 9] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::EXPECT,
    header::HOST,
    header::ORIGIN,
    header::USER_AGENT,
    HeaderName::from_static("prefer"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-correlation-id"),
];
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Parameters of a query that may be credentials.
const CREDENTIALS: [&str; 5] = ["access_token", "token", "key", "apikey", "password"];

/// Parts of the names of parameters that are about a patient.
const PATIENT_TYPES: [&str; 2] = ["patient", "relatedperson"];

/// In place of their values.
const REMOVED: &str = "removed";

/// Rules that refuse a body because of a patient in it.
const PATIENTS: [&str; 3] = [APPOINTMENT_PATIENT.id, CONTAINED_PATIENT.id, PATIENT_IDENTIFIER.id];

/// Keeps exchanges in the journal. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    queue: JournalQueue,
    links: Option<Links>,
}

/// How refusals are linked to the console.
#[derive(Clone)]
pub(crate) struct Links {
    /// The URL of the console, without a trailing slash.
    pub console: Arc<str>,
    /// Whether clients on other machines may reach it.
    pub is_public: bool,
}

impl Recorder {
    /// Keeps exchanges in this queue.
    pub(crate) fn new(queue: JournalQueue, links: Option<Links>) -> Self {
        Self { queue, links }
    }

    /// Copies the head of a request, and makes room for its body.
    pub(super) fn begin(request: &mut Request) {
        let sent = request.extensions().get::<SentTarget>();
        let uri = sent.map_or_else(|| request.uri(), |sent| &sent.0);
        let target = uri.path_and_query().map_or_else(|| uri.path(), |target| target.as_str());
        let headers = request.headers();
        let is_announced = headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        let copy = Copy {
            version: if request.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            method: request.method().clone(),
            target: without_secrets(target),
            resent_of: request.extensions().get().map(|ResentOf(request_id)| request_id.clone()),
            headers: headers.iter().map(|(name, value)| copy_header(name, value)).collect(),
            is_announced,
            body: OnceLock::new(),
        };
        request.extensions_mut().insert(RequestCopy(Arc::new(copy)));
    }

    /// Keeps an exchange, with all that it contains or only with what the audit log says of it. A refusal gets a link if its
    /// client is `near`: on this machine.
    pub(super) fn keep(
        &self,
        RequestCopy(copy): &RequestCopy,
        event: AuditEvent,
        cited: &CitedRules,
        response: Option<&mut Response>,
        extent: Extent,
    ) {
        let Extent { with_content, near } = extent;
        let answer_body = response.as_ref().and_then(|response| response.extensions().get::<AnswerBody>().cloned());
        let (max_request, max_answer) = max_bodies(&event.interaction);
        let has_answer = with_content && max_answer > 0 && copy.method != Method::HEAD;
        let answer_body = answer_body.map(|body| body.0).filter(|_| has_answer);
        let length = |body: Option<&Bytes>, max: usize| body.map_or(0, |body| body.len().min(max));
        let size = 4096
            + copy.target.len()
            + length(copy.body.get().filter(|_| with_content), max_request)
            + length(answer_body.as_ref(), max_answer);
        // Bodies are read and copied where there is room for them only.
        self.queue.push(size, move || {
            let request_body = match with_content {
                true => copy.request_body(max_request, &event, cited),
                false => exchange::Body::NotRead,
            };
            let answer_body =
                answer_body.map_or_else(exchange::Body::default, |body| exchange::Body::beginning(&body, max_answer));
            let mut headers = vec![];
            if let Some(response) = response {
                if with_content && event.status >= 400 {
                    self.link(response.headers_mut(), &event.request_id, near);
                }
                // Where an armed fault closes the connection, nothing is answered.
                if Cut::of(response) != Some(Cut::BeforeHead) {
                    headers = response.headers().iter().map(|(name, value)| Header::new(name, value)).collect();
                }
            }
            let (target, request_headers, headers) = match with_content {
                true => (copy.target.clone(), copy.headers.clone(), headers),
                false => (String::new(), vec![], vec![]),
            };
            Exchange {
                event,
                version: copy.version.to_owned(),
                method: copy.method.to_string(),
                target,
                resent_of: copy.resent_of.clone(),
                request: Message { headers: request_headers, body: request_body },
                answer: Message { headers, body: answer_body },
            }
        });
    }

    /// Keeps the refusal of a head that never became a request; it may have had credentials, and is not kept itself. Returns the
    /// value of `Link` for the answer, if it has one.
    pub(super) fn keep_refused_head(&self, event: AuditEvent, body: &Bytes, extent: Extent) -> Option<HeaderValue> {
        let Extent { with_content, near } = extent;
        let mut link = None;
        self.queue.push(4096 + body.len(), || {
            let mut answer = Message::default();
            if with_content {
                link = self.link_to(&event.request_id, near);
                answer.body = exchange::Body::beginning(body, MAX_ANSWER);
            }
            Exchange {
                event,
                version: "HTTP/1.1".to_owned(),
                method: String::new(),
                target: String::new(),
                resent_of: None,
                request: Message { headers: vec![], body: exchange::Body::NotRead },
                answer,
            }
        });
        link
    }

    fn link(&self, headers: &mut HeaderMap, request_id: &str, near: bool) {
        if let Some(link) = self.link_to(request_id, near) {
            headers.append(header::LINK, link);
        }
    }

    fn link_to(&self, request_id: &str, near: bool) -> Option<HeaderValue> {
        let Links { console, is_public } = self.links.as_ref()?;
        let link = format!("<{console}/exchanges/{request_id}>; rel=\"describedby\"");
        HeaderValue::from_str(&link).ok().filter(|_| near || *is_public)
    }
}

/// How much of an exchange is kept.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Target, headers and bodies too; without, what the audit log says.
    pub with_content: bool,
    /// Whether the client is on this machine.
    pub near: bool,
}

/// The copy of a request: an extension of it.
#[derive(Clone)]
pub(super) struct RequestCopy(Arc<Copy>);

struct Copy {
    version: &'static str,
    method: Method,
    target: String,
    resent_of: Option<String>,
    headers: Vec<Header>,
    /// Whether the client has sent a body, or will.
    is_announced: bool,
    /// Once it has been read.
    body: OnceLock<Bytes>,
}

impl Copy {
    /// What is kept of the body, at most so much.
    fn request_body(&self, max: usize, event: &AuditEvent, cited: &CitedRules) -> exchange::Body {
        // An accepted write was judged. Of any other body, another rule may have been the first to refuse it.
        let is_accepted = WRITES.contains(&event.interaction.as_str()) && event.status < 300;
        let is_withheld = |body: &Bytes| {
            !is_accepted && (cited.rules().any(|rule| PATIENTS.contains(&rule)) || mentions_patient(body))
        };
        match self.body.get() {
            _ if max == 0 => exchange::Body::None,
            Some(body) if is_withheld(body) => exchange::Body::Withheld { length: body.len() },
            Some(body) => exchange::Body::beginning(body, max),
            None if self.is_announced => exchange::Body::NotRead,
            None => exchange::Body::None,
        }
    }
}

/// The most bytes that are kept of the bodies of a request and of its answer.
fn max_bodies(interaction: &str) -> (usize, usize) {
    match interaction {
        "events" => (0, 0),
        directory if directory.starts_with("annuaire-") => (MAX_DIRECTORY_BODY, MAX_DIRECTORY_BODY),
        _ => (usize::MAX, MAX_ANSWER),
    }
}

/// Notes the body of a request, once it has been read, for the journal.
pub(super) fn note_body(extensions: &axum::http::Extensions, body: &Bytes) {
    if let Some(RequestCopy(copy)) = extensions.get() {
        // A request has one body.
        let _ = copy.body.set(body.clone());
    }
}

/// Notes the form of a search, likewise.
pub(super) fn note_form(extensions: &axum::http::Extensions, form: &Bytes) {
    if extensions.get::<RequestCopy>().is_some() {
        let text = parameters_without_secrets(&String::from_utf8_lossy(form), false);
        note_body(extensions, &Bytes::from(text));
    }
}

/// The body of an answer: an extension of it.
#[derive(Clone)]
pub(super) struct AnswerBody(pub Bytes);

fn copy_header(name: &HeaderName, value: &HeaderValue) -> Header {
    let text = name.as_str();
    let is_kept =
        KEPT_HEADERS.contains(name) || *name == TRACEPARENT || text.starts_with("content-") || text.starts_with("if-");
    if is_kept { Header::new(name, value) } else { Header { name: text.to_owned(), value: None } }
}

/// The target without values that may be credentials or name patients.
fn without_secrets(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    // `/fhir/Patient?family=…`
    let is_about_patient = mentions_patient(path.as_bytes());
    format!("{path}?{}", parameters_without_secrets(query, is_about_patient))
}

/// Parameters, with `removed` instead of values that may be credentials or name patients, or of all.
fn parameters_without_secrets(query: &str, all: bool) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, value)) if all || is_secret(name, value) => format!("{name}={REMOVED}"),
        _ => parameter.to_owned(),
    });
    parameters.collect::<Vec<_>>().join("&")
}

/// Whether a kept target, or the text of a kept form, is without a value that the client sent.
pub(crate) fn has_lost_values(kept: &str) -> bool {
    let mut parameters = kept.split(['?', '&']).filter_map(|parameter| parameter.split_once('='));
    parameters.any(|(_, value)| value == REMOVED)
}

/// Whether a value may be a credential, or is about a patient: by the name of its parameter (`patient`, `patient.name`,
/// `actor:Patient.name`), or by itself (`Patient/1`, an INS).
fn is_secret(name: &str, value: &str) -> bool {
    let name = decoded(name);
    CREDENTIALS.iter().any(|credential| name.eq_ignore_ascii_case(credential))
        || name.split(['.', ':']).any(|part| PATIENT_TYPES.iter().any(|name| part.eq_ignore_ascii_case(name)))
        || decoded(value).split([',', '$']).any(|value| mentions_patient(value.as_bytes()))
}

/// A name or a value of a form.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_kept_without_credentials_and_patients() {
        for (target, expected) in [
            ("/fhir/Practitioner?identifier=s|v", "/fhir/Practitioner?identifier=s|v"),
            ("/fhir/metadata", "/fhir/metadata"),
            ("/a?token=s3cret&x=1", "/a?token=removed&x=1"),
            ("/a?x=1&Access_Token=s3cret=", "/a?x=1&Access_Token=removed"),
            ("/a?%74oken=s3cret&key=s3cret", "/a?%74oken=removed&key=removed"),
            ("/a?apikey=s3cret&password=s3cret&tokens=1", "/a?apikey=removed&password=removed&tokens=1"),
            ("/a?token", "/a?token"),
            ("/a?patient=1&x=1", "/a?patient=removed&x=1"),
            ("/a?Patient.name=Dupont&patient%3APatient=1", "/a?Patient.name=removed&patient%3APatient=removed"),
            ("/a?_has:Appointment:patient:name=x", "/a?_has:Appointment:patient:name=removed"),
            ("/a?actor:Patient.name=x&actor=Practitioner/1", "/a?actor:Patient.name=removed&actor=Practitioner/1"),
            ("/fhir/Patient?family=Dupont&x", "/fhir/Patient?family=removed&x"),
            ("/a?actor=Location/1,Patient/1", "/a?actor=removed"),
            ("/a?actor=https%3A%2F%2Fh%2FRelatedPerson%2f1", "/a?actor=removed"),
            ("/a?identifier=urn:oid:1.2.250.1.213.1.4.8%7C1", "/a?identifier=removed"),
            (
                "/a?identifier=urn:oid:1.2.250.1.71.4.2.1%7C1&patients=2",
                "/a?identifier=urn:oid:1.2.250.1.71.4.2.1%7C1&patients=2",
            ),
        ] {
            assert_eq!(without_secrets(target), expected, "{target}");
            assert_eq!(has_lost_values(&without_secrets(target)), expected != target, "{target}");
        }
    }

    #[test]
    fn header_of_a_request_is_kept_with_its_value_only_if_it_has_neither_names_nor_credentials() {
        let kept = "accept accept-language content-type content-length content-encoding if-match if-none-match if-none-exist \
            if-modified-since prefer host origin user-agent expect x-request-id x-correlation-id traceparent";
        let others = "authorization proxy-authorization cookie x-api-key forwarded x-forwarded-for x-ssl-client-cert referer \
            tracestate from accept-encoding";
        let names = kept.split_whitespace().map(|name| (name, true));
        for (name, is_kept) in names.chain(others.split_whitespace().map(|name| (name, false))) {
            let name: HeaderName = name.parse().expect("a name");
            let copy = copy_header(&name, &HeaderValue::from_static("value"));
            assert_eq!((copy.name.as_str(), copy.value.is_some()), (name.as_str(), is_kept));
        }
    }

    /// What is kept of both bodies of an exchange.
    fn kept(method: &str, interaction: &str, sent: Option<usize>, answered: usize) -> (exchange::Body, exchange::Body) {
        let queue = JournalQueue::default();
        let mut request =
            Request::builder().method(method).uri("/x").body(axum::body::Body::empty()).expect("a request");
        if let Some(sent) = sent {
            request.headers_mut().insert(header::CONTENT_LENGTH, sent.into());
        }
        Recorder::begin(&mut request);
        if let Some(sent @ 1..) = sent {
            note_body(request.extensions(), &vec![b'x'; sent].into());
        }
        let copy: &RequestCopy = request.extensions().get().expect("a copy");
        let mut event = crate::journal::exchange::tests::exchange("a", b"", b"").event;
        (event.interaction, event.status) = (interaction.to_owned(), 400);
        let mut response = Response::default();
        response.extensions_mut().insert(AnswerBody(vec![b'y'; answered].into()));
        let extent = Extent { with_content: true, near: true };
        Recorder::new(queue.clone(), None).keep(copy, event, &CitedRules::default(), Some(&mut response), extent);
        let exchange = queue.with_request_id("a").pop().expect("it is kept");
        (exchange.request.body.clone(), exchange.answer.body.clone())
    }

    #[test]
    fn exchange_is_kept_with_as_much_of_its_bodies_as_its_interaction_allows() {
        let many = 300 << 10;
        for (method, interaction, expected) in [
            ("PUT", "update", [many, MAX_ANSWER]),
            ("GET", "annuaire-search", [MAX_DIRECTORY_BODY; 2]),
            ("HEAD", "read", [many, 0]),
        ] {
            let (request, answer) = kept(method, interaction, Some(many), many);
            assert_eq!([&request, &answer].map(|body| body.bytes().len()), expected, "{interaction}");
            assert_eq!(request.length(), Some(many));
        }
        assert_eq!(kept("GET", "events", Some(many), many), (exchange::Body::None, exchange::Body::None));
        // Refused before it was read.
        let (request, answer) = kept("PUT", "update", Some(0), 7);
        assert_eq!((request, answer.length()), (exchange::Body::None, Some(7)));
        let mut unread = Request::new(axum::body::Body::empty());
        unread.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
        Recorder::begin(&mut unread);
        let RequestCopy(copy) = unread.extensions().get().expect("a copy");
        let event = crate::journal::exchange::tests::exchange("a", b"", b"").event;
        assert_eq!(copy.request_body(usize::MAX, &event, &CitedRules::default()), exchange::Body::NotRead);
    }
}
