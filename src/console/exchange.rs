//! `/console/exchanges/ID`: an exchange as it was, each issue beside its line.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::exchanges::{self, ExchangeRow, READ_TIMEOUT};
use super::issue_lines::{IssueAtLine, IssueLines};
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::source::Source;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::audit::{AuditEvent, WriteOutcome};
use crate::deadline::Deadline;
use crate::issue::catalogue;
use crate::journal::curl::{CurlCommand, curl};
use crate::journal::exchange::{Body, Exchange, Header, Message};
use crate::journal::har::har;
use crate::journal::reader::Found;

#[derive(Template)]
#[template(path = "exchange.html")]
struct ExchangePage {
    layout: Layout,
    request_id: String,
    target: String,
    facts: Vec<(&'static str, String)>,
    decision: Vec<String>,
    issues: Vec<IssueView>,
    request: MessageView,
    answer: MessageView,
    curl: Option<CurlCommand>,
    /// The query of links to downloads, with the number of the exchange.
    query: String,
    has_downloads: bool,
    has_body: bool,
    others: Vec<ExchangeRow>,
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
}

struct MessageView {
    headers: Vec<Header>,
    /// Why the body is missing or cut.
    note: Option<String>,
    lines: IssueLines,
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
        (Ok(Some(found)), None) => show_found(&console, &visit, &found),
        (Ok(Some(found)), Some(format)) => download(&console, id, &found.exchange, format),
        (Ok(None), None) => show_event(&console, &visit, id).await,
        (Ok(None), Some(_)) => Refusal::NotFound.respond(&visit, false),
        (Err(error), _) => exchanges::unavailable(&visit, &error),
    }
}

fn show_found(console: &Console, visit: &Visit, found: &Found) -> Response {
    let text = visit.text();
    let exchange = &found.exchange;
    let issues = issues_of(exchange, text);
    let marks: Vec<_> = issues.iter().map(|(mark, _)| mark.clone()).collect();
    let request = MessageView::new(&exchange.request, &marks, text);
    let shown: BTreeSet<_> =
        request.lines.lines.iter().flat_map(|line| &line.issues).map(|issue| issue.number).collect();
    let issues = (1..).zip(issues).map(|(number, (_, view))| IssueView { is_shown: shown.contains(&number), ..view });
    let query = found.number.map_or_else(String::new, |number| format!("?number={number}"));
    let file = format!("{}.body", exchange.event.request_id);
    let page = ExchangePage {
        layout: Layout::new(visit, "/console/exchanges", text.exchange),
        request_id: exchange.event.request_id.clone(),
        target: format!("{} {}", exchange.method, exchange.target),
        facts: facts(&exchange.event, text),
        decision: decision(&exchange.event, text),
        issues: issues.collect(),
        request,
        answer: MessageView::new(&exchange.answer, &[], text),
        curl: curl(exchange, &console.parts.fhir_origin, &file),
        query,
        has_downloads: true,
        has_body: !exchange.request.body.bytes().is_empty(),
        others: found.others.iter().map(|row| ExchangeRow::new(row, text)).collect(),
    };
    page::respond(StatusCode::OK, &page)
}

/// What the audit log still has of an exchange that the journal has not.
async fn show_event(console: &Console, visit: &Visit, id: &str) -> Response {
    let text = visit.text();
    let event = match exchanges::audit_event(console, id).await {
        Ok(Some(event)) => event,
        Ok(None) => return Refusal::NotFound.respond(visit, false),
        Err(error) => return exchanges::unavailable(visit, &error),
    };
    let rules = event.rules.iter().map(|rule| IssueView::of_rule(rule));
    let page = ExchangePage {
        layout: Layout::new(visit, "/console/exchanges", text.exchange),
        request_id: event.request_id.clone(),
        target: event.interaction.clone(),
        facts: facts(&event, text),
        decision: decision(&event, text),
        issues: rules.collect(),
        request: MessageView::not_kept(text),
        answer: MessageView::not_kept(text),
        curl: None,
        query: String::new(),
        has_downloads: false,
        has_body: false,
        others: vec![],
    };
    page::respond(StatusCode::OK, &page)
}

/// The exchange as a file.
fn download(console: &Console, id: &str, exchange: &Exchange, format: &str) -> Response {
    let (media_type, content) = match format {
        "har" => ("application/json", format!("{:#}\n", har(exchange, &console.parts.fhir_origin)).into_bytes()),
        "json" => ("application/json", format!("{:#}\n", json(exchange)).into_bytes()),
        _ => ("application/octet-stream", exchange.request.body.bytes().to_vec()),
    };
    let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, media_type)], content).into_response();
    // An id has letters, digits and hyphens.
    let disposition = format!("attachment; filename=\"{id}.{format}\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// The exchange as JSON: the audit event, and both messages.
fn json(exchange: &Exchange) -> Value {
    let message = |message: &Message| {
        serde_json::json!({
            "headers": message.headers,
            "body": String::from_utf8_lossy(message.body.bytes()),
            "isWhole": message.body.is_whole(),
        })
    };
    serde_json::json!({
        "event": exchange.event,
        "method": exchange.method,
        "target": exchange.target,
        "version": exchange.version,
        "request": message(&exchange.request),
        "answer": message(&exchange.answer),
    })
}

/// When, how long, which caller, which resource, and the outcome.
fn facts(event: &AuditEvent, text: &Text) -> Vec<(&'static str, String)> {
    let resource = match (&event.resource_type, &event.id) {
        (Some(resource_type), Some(id)) => format!("{resource_type}/{id}"),
        (Some(resource_type), None) => resource_type.clone(),
        (None, _) => String::new(),
    };
    let caller = event.caller.name.iter().chain(&event.caller.common_name).next().cloned().unwrap_or_default();
    let facts = [
        (text.exchange_status, event.status.to_string()),
        (text.exchange_time, event.at.clone()),
        (text.exchange_duration, format!("{} ms", event.duration_ms)),
        (text.exchange_interaction, event.interaction.clone()),
        (text.exchange_resource, resource),
        (text.exchange_caller, caller),
        (text.exchange_peer, event.caller.peer.clone()),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// What became of the resource, in words.
fn decision(event: &AuditEvent, text: &Text) -> Vec<String> {
    let is_write = ["create", "update", "conditional-update"].contains(&event.interaction.as_str());
    if !is_write {
        return vec![];
    }
    let version = |version: i64| version.to_string();
    let mut sentences = vec![match (event.before, event.after) {
        (None, Some(after)) if event.interaction == "conditional-update" => {
            fill(text.decision_created, &[("after", &version(after))])
        }
        (None, Some(after)) => fill(text.decision_created_new, &[("after", &version(after))]),
        (Some(before), Some(after)) if before == after && event.status < 400 => {
            fill(text.decision_kept, &[("after", &version(after))])
        }
        (Some(before), Some(after)) if before == after => {
            fill(text.decision_refused_as_is, &[("after", &version(after))])
        }
        (Some(before), Some(after)) => {
            fill(text.decision_updated, &[("before", &version(before)), ("after", &version(after))])
        }
        _ if event.write_outcome == Some(WriteOutcome::Unknown) => text.decision_unknown.to_owned(),
        _ => text.decision_refused.to_owned(),
    }];
    if !event.rules.is_empty() {
        sentences.push(fill(text.decision_rules, &[("rules", &event.rules.join(", "))]));
    }
    sentences
}

/// The issues of the answer, each with its place in the body of the request.
fn issues_of(exchange: &Exchange, text: &Text) -> Vec<(IssueAtLine, IssueView)> {
    let outcome: Value = serde_json::from_slice(exchange.answer.body.bytes()).unwrap_or_default();
    if outcome["resourceType"] != "OperationOutcome" {
        return vec![];
    }
    let issues = outcome["issue"].as_array().map_or(&[][..], Vec::as_slice);
    let language = outcome["language"].as_str().unwrap_or_default();
    issues.iter().enumerate().map(|(index, issue)| IssueView::of_issue(index, issue, language, text)).collect()
}

/// The positions of <http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line> and `-col`.
fn extension(issue: &Value, name: &str) -> Option<u32> {
    let extensions = issue["extension"].as_array()?;
    let url = format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{name}");
    let found = extensions.iter().find(|extension| extension["url"] == url.as_str())?;
    found["valueInteger"].as_u64().and_then(|value| value.try_into().ok())
}

impl IssueView {
    fn of_issue(index: usize, issue: &Value, language: &str, text: &Text) -> (IssueAtLine, Self) {
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
            is_shown: false,
            source: source(&rule),
            rule,
        };
        let at_line =
            IssueAtLine { number: index + 1, place, text: view.text.clone(), language: language.to_owned(), class };
        (at_line, view)
    }

    /// A rule that was cited, of which nothing more is known.
    fn of_rule(rule: &str) -> Self {
        Self {
            class: "info",
            severity: String::new(),
            rule: rule.to_owned(),
            expression: String::new(),
            text: String::new(),
            language: String::new(),
            place: None,
            is_shown: false,
            source: source(rule),
        }
    }
}

fn source(rule: &str) -> Option<Source> {
    catalogue::all().find(|known| known.id == rule).map(|known| Source::of(known.source))
}

impl MessageView {
    fn new(message: &Message, marks: &[IssueAtLine], text: &Text) -> Self {
        let length = |length: usize| length.to_string();
        let note = match &message.body {
            Body::None => Some(text.body_none.to_owned()),
            Body::NotRead => Some(text.body_not_read.to_owned()),
            Body::Withheld { length: of } => Some(fill(text.body_withheld, &[("length", &length(*of))])),
            Body::Kept { bytes, length: of } if bytes.len() < *of => {
                Some(fill(text.body_cut, &[("kept", &length(bytes.len())), ("length", &length(*of))]))
            }
            Body::Kept { .. } => None,
        };
        let body = String::from_utf8_lossy(message.body.bytes());
        Self { headers: message.headers.clone(), note, lines: IssueLines::new(&body, marks, text) }
    }

    fn not_kept(text: &Text) -> Self {
        Self { headers: vec![], note: Some(text.body_not_kept.to_owned()), lines: IssueLines::default() }
    }
}
