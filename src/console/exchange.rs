//! `/console/exchanges/ID`: an exchange as it was, each issue beside its line.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::audit::Viewed;
use super::decision::{decision, reference};
use super::difference::Difference;
use super::exchange_row::{ExchangeRow, request_line, time_of};
use super::exchanges::{self, READ_TIMEOUT};
use super::issue_lines::IssueAtLine;
use super::message::MessageView;
use super::near_misses::{self, NearMisses};
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::resources::link_to;
use super::send_again::can_be_sent;
use super::source::Source;
use super::state::Console;
use super::text::{Text, fill};
use super::time::milliseconds;
use super::visit::Visit;
use crate::audit::AuditEvent;
use crate::deadline::Deadline;
use crate::issue::catalogue;
use crate::journal::curl::{CurlCommand, curl};
use crate::journal::exchange::{Exchange, Message};
use crate::journal::har::har;
use crate::journal::reader::Found;
use crate::storage::journal::JournalRow;

#[derive(Template)]
#[template(path = "exchange.html")]
struct ExchangePage {
    layout: Layout,
    request_id: String,
    target: String,
    facts: Vec<Fact>,
    decision: Vec<String>,
    near_misses: Option<NearMisses>,
    issues: Vec<IssueView>,
    request: MessageView,
    answer: MessageView,
    curl: Option<CurlCommand>,
    /// The query of links to downloads, with the number of the exchange.
    query: String,
    has_downloads: bool,
    has_body: bool,
    can_be_sent: bool,
    /// The request id of the exchange that was sent again.
    resent_of: Option<String>,
    /// The page of the resource.
    resource: Option<String>,
    /// The exchanges about the same resource before and after this one.
    neighbours: [Option<ExchangeRow>; 2],
    /// What differs from the one before.
    difference: Option<Difference>,
    others: Vec<ExchangeRow>,
}

struct Fact {
    name: &'static str,
    value: String,
    /// Where the value is a time, the same as stored.
    at: Option<String>,
}

/// An issue of the answer.
pub struct IssueView {
    pub class: &'static str,
    pub severity: String,
    pub rule: String,
    pub expression: String,
    pub text: String,
    /// The language of the text: that of the answer.
    pub language: String,
    /// The place in the body as sent.
    pub place: Option<String>,
    /// Whether its line is shown.
    pub is_shown: bool,
    pub source: Option<Source>,
    /// What to change, in the language of the page.
    pub repair: Option<&'static str>,
}

/// The page.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    // An id has letters, digits and hyphens, so that nothing is to be decoded.
    let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let (id, format) = match name.rsplit_once('.') {
        Some((id, format @ ("har" | "json" | "body"))) => (id, Some(format)),
        _ => (name.as_str(), None),
    };
    let number = visit.query("number").and_then(|number| number.parse().ok());
    let found = console.parts.journal.find(id, number, &Deadline::after(READ_TIMEOUT)).await;
    match (found, format) {
        (Ok(Some(found)), None) => show_found(&console, &visit, &found).await,
        (Ok(Some(found)), Some(format)) => {
            let (id, format, origin) = (id.to_owned(), format.to_owned(), console.parts.fhir_origin.clone());
            // Bodies may be large.
            let made = tokio::task::spawn_blocking(move || download(&origin, &id, &found.exchange, &format)).await;
            made.unwrap_or_else(|_| Refusal::Internal.respond(&visit, false))
        }
        (Ok(None), None) => show_event(&console, &visit, id).await,
        (Ok(None), Some(_)) => Refusal::NotFound.respond(&visit, false),
        (Err(error), _) => exchanges::unavailable(&visit, &error),
    }
}

async fn show_found(console: &Console, visit: &Visit, found: &Found) -> Response {
    let text = visit.text();
    let exchange = &found.exchange;
    let deadline = Deadline::after(READ_TIMEOUT);
    let issues = issues_of(exchange, visit);
    let marks: Vec<_> = issues.iter().map(|(mark, _)| mark.clone()).collect();
    let request = MessageView::new(&exchange.request, &marks, text);
    let shown: BTreeSet<_> =
        request.lines.lines.iter().flat_map(|line| &line.issues).map(|issue| issue.number).collect();
    let issues = (1..).zip(issues).map(|(number, (_, view))| IssueView { is_shown: shown.contains(&number), ..view });
    let query = found.number.map_or_else(String::new, |number| format!("?number={number}"));
    let file = format!("{}.body", exchange.event.request_id);
    let [before, behind] = neighbours(console, found, &deadline).await;
    let page = ExchangePage {
        layout: Layout::new(visit, "/console/exchanges", text.exchange),
        request_id: exchange.event.request_id.clone(),
        target: request_line(&exchange.method, &exchange.target, text),
        facts: facts(&exchange.event, text),
        decision: decision(console, &exchange.event, text, &deadline).await,
        near_misses: near_misses::find(console, exchange, text).await,
        issues: issues.collect(),
        request,
        answer: MessageView::new(&exchange.answer, &[], text),
        curl: curl(exchange, &console.parts.fhir_origin, &file),
        query,
        has_downloads: true,
        has_body: !exchange.request.body.bytes().is_empty(),
        can_be_sent: can_be_sent(exchange),
        resent_of: exchange.resent_of.clone(),
        resource: resource_page(&exchange.event),
        difference: match &before {
            Some(before) => difference(console, exchange, before, text, &deadline).await,
            None => None,
        },
        neighbours: [before, behind].map(|row| row.map(|row| ExchangeRow::new(&row, text))),
        others: found.others.iter().map(|row| ExchangeRow::new(row, text)).collect(),
    };
    viewed(page::respond(StatusCode::OK, &page), &exchange.event)
}

/// What the audit log still has of an exchange that the journal has not.
async fn show_event(console: &Console, visit: &Visit, id: &str) -> Response {
    let text = visit.text();
    let event = match exchanges::audit_event(console, id).await {
        Ok(Some(event)) => event,
        Ok(None) => return Refusal::NotFound.respond(visit, false),
        Err(error) => return exchanges::unavailable(visit, &error),
    };
    let rules = event.rules.iter().map(|rule| IssueView::of_rule(rule, visit));
    let page = ExchangePage {
        layout: Layout::new(visit, "/console/exchanges", text.exchange),
        request_id: event.request_id.clone(),
        target: event.interaction.clone(),
        facts: facts(&event, text),
        decision: decision(console, &event, text, &Deadline::after(READ_TIMEOUT)).await,
        near_misses: None,
        issues: rules.collect(),
        request: MessageView::not_kept(text),
        answer: MessageView::not_kept(text),
        curl: None,
        query: String::new(),
        has_downloads: false,
        has_body: false,
        can_be_sent: false,
        resent_of: None,
        resource: resource_page(&event),
        neighbours: [None, None],
        difference: None,
        others: vec![],
    };
    viewed(page::respond(StatusCode::OK, &page), &event)
}

/// Adds what the page is about, for the audit log.
fn viewed(mut response: Response, event: &AuditEvent) -> Response {
    response.extensions_mut().insert(Viewed::of_event(event));
    response
}

/// The exchanges about the same resource, as far as they are found in time.
async fn neighbours(console: &Console, found: &Found, deadline: &Deadline) -> [Option<JournalRow>; 2] {
    let keys = found.exchange.event.resource_keys();
    if keys.is_empty() {
        return [None, None];
    }
    console.parts.journal.neighbours(&keys, found.number, deadline).await.unwrap_or_default()
}

/// What differs from another exchange: in their requests, or, where these have no bodies, in their answers.
async fn difference(
    console: &Console,
    exchange: &Exchange,
    before: &JournalRow,
    text: &'static Text,
    deadline: &Deadline,
) -> Option<Difference> {
    let found = console.parts.journal.find(&before.request_id, Some(before.id), deadline).await.ok()??;
    let bodies = |of: fn(&Exchange) -> &Message| {
        let [before, after] = [&*found.exchange, exchange].map(|exchange| of(exchange).body.shared());
        (!before.is_empty() && !after.is_empty()).then_some((before, after))
    };
    let (before, after) = bodies(|exchange| &exchange.request).or_else(|| bodies(|exchange| &exchange.answer))?;
    let compare = move || {
        let [before, after] = [&before, &after].map(|body| String::from_utf8_lossy(body));
        Difference::new(&before, &after, text)
    };
    tokio::task::spawn_blocking(compare).await.ok()
}

/// The page of the resource of an event.
fn resource_page(event: &AuditEvent) -> Option<String> {
    reference(event).as_deref().and_then(link_to)
}

/// The exchange as a file.
fn download(fhir_origin: &str, id: &str, exchange: &Exchange, format: &str) -> Response {
    let (media_type, content) = match format {
        "har" => ("application/json", format!("{:#}\n", har(exchange, fhir_origin)).into_bytes()),
        "json" => ("application/json", format!("{:#}\n", json(exchange)).into_bytes()),
        _ => ("application/octet-stream", exchange.request.body.bytes().to_vec()),
    };
    let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, media_type)], content).into_response();
    // An id has letters, digits and hyphens.
    let disposition = format!("attachment; filename=\"{id}.{format}\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    viewed(response, &exchange.event)
}

/// The exchange as JSON: the audit event, and both messages. A body that is no UTF-8 is in base64.
fn json(exchange: &Exchange) -> Value {
    let message = |message: &Message| {
        let body = &message.body;
        let mut of_message = serde_json::json!({
            "headers": message.headers,
            "body": body.text(),
            "length": body.length(),
            "isWhole": body.is_whole(),
        });
        if body.text().is_none() {
            of_message["bodyBase64"] = STANDARD.encode(body.bytes()).into();
        }
        if let Some(why) = body.why_not_kept() {
            of_message["notKept"] = why.into();
        }
        of_message
    };
    serde_json::json!({
        "event": exchange.event,
        "method": exchange.method,
        "target": exchange.target,
        "version": exchange.version,
        "resentOf": exchange.resent_of,
        "request": message(&exchange.request),
        "answer": message(&exchange.answer),
    })
}

/// When, how long, which caller, which resource, and the outcome.
fn facts(event: &AuditEvent, text: &Text) -> Vec<Fact> {
    let resource = reference(event).or_else(|| event.resource_type.clone()).unwrap_or_default();
    let caller = event.caller.name.iter().chain(&event.caller.common_name).next().cloned().unwrap_or_default();
    let facts = [
        (text.exchange_status, event.status.to_string()),
        (text.exchange_time_utc, time_of(&event.at)),
        (text.exchange_duration, milliseconds(event.duration_ms, text)),
        (text.exchange_interaction, event.interaction.clone()),
        (text.exchange_resource, resource),
        (text.exchange_caller, caller),
        (text.exchange_peer, event.caller.peer.clone()),
        (text.faults, event.fault.clone().unwrap_or_default()),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let at = |name| (name == text.exchange_time_utc).then(|| event.at.clone());
    facts.map(|(name, value)| Fact { name, value, at: at(name) }).collect()
}

/// The issues of the answer, each with its place in the body of the request.
fn issues_of(exchange: &Exchange, visit: &Visit) -> Vec<(IssueAtLine, IssueView)> {
    let outcome: Value = serde_json::from_slice(exchange.answer.body.bytes()).unwrap_or_default();
    if outcome["resourceType"] != "OperationOutcome" {
        return vec![];
    }
    let issues = outcome["issue"].as_array().map_or(&[][..], Vec::as_slice);
    let language = outcome["language"].as_str().unwrap_or_default();
    issues.iter().enumerate().map(|(index, issue)| IssueView::of_issue(index, issue, language, visit)).collect()
}

/// The positions of <http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line> and `-col`.
fn extension(issue: &Value, name: &str) -> Option<u32> {
    let extensions = issue["extension"].as_array()?;
    let url = format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{name}");
    let found = extensions.iter().find(|extension| extension["url"] == url.as_str())?;
    found["valueInteger"].as_u64().and_then(|value| value.try_into().ok())
}

impl IssueView {
    fn of_issue(index: usize, issue: &Value, language: &str, visit: &Visit) -> (IssueAtLine, Self) {
        let text = visit.text();
        let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rule = of(&issue["details"]["coding"][0]["code"]);
        let place = extension(issue, "line").zip(extension(issue, "col"));
        let (class, severity) = match issue["severity"].as_str() {
            Some("error" | "fatal") => ("bad", text.severity_error),
            Some("warning") => ("warn", text.severity_warning),
            _ => ("info", text.severity_information),
        };
        let view = Self {
            class,
            severity: severity.to_owned(),
            expression: of(&issue["expression"][0]),
            text: of(&issue["details"]["text"]),
            language: language.to_owned(),
            place: place.map(|(line, column)| {
                fill(text.issue_place, &[("line", &line.to_string()), ("column", &column.to_string())])
            }),
            ..Self::of_rule(&rule, visit)
        };
        let at_line =
            IssueAtLine { number: index + 1, place, text: view.text.clone(), language: language.to_owned(), class };
        (at_line, view)
    }

    /// A rule that was cited, of which nothing more is known.
    fn of_rule(rule: &str, visit: &Visit) -> Self {
        let known = catalogue::find(rule);
        let repair = known.and_then(|rule| rule.repair);
        Self {
            class: "info",
            severity: String::new(),
            rule: rule.to_owned(),
            expression: String::new(),
            text: String::new(),
            language: String::new(),
            place: None,
            is_shown: false,
            source: known.map(|rule| Source::of(rule.source)),
            repair: repair.map(|repair| repair.sentence(visit.language)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::journal::exchange::{Body, tests::exchange};

    #[test]
    fn exchange_as_json_says_how_long_a_body_was_and_why_it_is_missing() {
        let cut = Body::beginning(&Bytes::from_static(b"abcd"), 2);
        let binary = Body::beginning(&Bytes::from_static(b"\xFF"), 2);
        let mut kept = exchange("a", b"", b"");
        for (body, expected) in [
            (Body::None, serde_json::json!({ "body": "", "length": 0, "isWhole": true })),
            (binary, serde_json::json!({ "body": null, "bodyBase64": "/w==", "length": 1, "isWhole": true })),
            (
                cut,
                serde_json::json!({
                    "body": "ab", "length": 4, "isWhole": false, "notKept": "the rest of the body is not kept",
                }),
            ),
            (
                Body::NotRead,
                serde_json::json!({
                    "body": "", "length": null, "isWhole": false, "notKept": "the body was not read",
                }),
            ),
            (
                Body::Withheld { length: 7 },
                serde_json::json!({
                    "body": "", "length": 7, "isWhole": false, "notKept": "the body is not kept, as it may have a patient",
                }),
            ),
        ] {
            kept.request.body = body;
            let mut request = json(&kept)["request"].take();
            request.as_object_mut().expect("an object").remove("headers");
            assert_eq!(request, expected);
        }
    }
}
