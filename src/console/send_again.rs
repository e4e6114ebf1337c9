//! `/console/exchanges/ID/send-again`: a request that was kept is sent again, once the person has seen what it would replace.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::audit::Viewed;
use super::difference::Difference;
use super::exchanges::{self, READ_TIMEOUT};
use super::message::MessageView;
use super::near_misses::criterion;
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::state::{Console, ConsoleAccess};
use super::text::fill;
use super::visit::Visit;
use crate::access::principal::{AuthFailure, Principal};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::http::has_lost_values;
use crate::http::origin::{OnBehalfOf, ResentOf, client_address};
use crate::journal::exchange::{self, Exchange, Message};
use crate::journal::reader::Found;
use crate::sas::identity::Target;

/// Maximum bytes of an answer that are shown.
const MAX_ANSWER: usize = 256 << 10;

/// Maximum time for an answer: longer than any deadline of a request.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Headers that the new request has of its own.
const OWN_HEADERS: [&str; 5] = ["content-length", "expect", "traceparent", "x-correlation-id", "x-request-id"];

#[derive(Template)]
#[template(path = "send_again.html")]
struct SendAgainPage {
    layout: Layout,
    request_id: String,
    target: String,
    /// The query of links to the exchange, with its number.
    query: String,
    /// What would be replaced.
    replaced: String,
    /// The headers whose values were not kept.
    left_out: Option<String>,
}

#[derive(Template)]
#[template(path = "sent_again.html")]
struct SentAgainPage {
    layout: Layout,
    request_id: String,
    target: String,
    query: String,
    former_status: u16,
    former: MessageView,
    status: u16,
    answer: MessageView,
    difference: Option<Difference>,
    /// The request id of the new exchange.
    new_id: String,
}

/// The question.
pub async fn ask(State(console): State<Arc<Console>>, request: Request) -> Response {
    let (visit, path) = (Visit::of(&request), request.uri().path().to_owned());
    let found = match find(&console, &visit, &path).await {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let (text, exchange) = (visit.text(), &found.exchange);
    let page = SendAgainPage {
        layout: Layout::new(&visit, "/console/exchanges", text.send_again),
        request_id: exchange.event.request_id.clone(),
        target: format!("{} {}", exchange.method, exchange.target),
        query: query(&found),
        replaced: replaced(&console, exchange, &visit).await,
        left_out: left_out(exchange).map(|names| fill(text.send_again_left_out, &[("names", &names)])),
    };
    viewed(page::respond(StatusCode::OK, &page), exchange)
}

/// Sends it, and shows both answers.
pub async fn send(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let (parts, _) = request.into_parts();
    let found = match find(&console, &visit, parts.uri.path()).await {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let exchange = &found.exchange;
    let sender =
        OnBehalfOf { peer: client_address(&parts, &console.parts.proxies), principal: principal(&console, &visit) };
    let sent = send_as(&console, exchange, sender).await;
    let Some((status, headers, answer)) = sent else { return Refusal::Internal.respond(&visit, false) };
    let text = visit.text();
    let view = |message: &Message| MessageView::new(message, &[], text);
    let new_id = headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let compared = [&exchange.answer.body, &answer];
    let is_comparable = compared.iter().all(|body| body.is_whole() && !body.bytes().is_empty());
    let compared = compared.map(exchange::Body::shared);
    let compare = move || {
        let [before, after] = [&compared[0], &compared[1]].map(|body| String::from_utf8_lossy(body));
        is_comparable.then(|| Difference::new(&before, &after, text))
    };
    let page = SentAgainPage {
        layout: Layout::new(&visit, "/console/exchanges", text.sent_again),
        request_id: exchange.event.request_id.clone(),
        target: format!("{} {}", exchange.method, exchange.target),
        query: query(&found),
        former_status: exchange.event.status,
        former: view(&exchange.answer),
        status: status.as_u16(),
        answer: view(&Message {
            headers: headers.iter().map(|(name, value)| exchange::Header::new(name, value)).collect(),
            body: answer,
        }),
        difference: tokio::task::spawn_blocking(compare).await.ok().flatten(),
        new_id,
    };
    viewed(page::respond(StatusCode::OK, &page), exchange)
}

/// The exchange of a request, if it can be sent again; otherwise the response.
async fn find(console: &Console, visit: &Visit, path: &str) -> Result<Found, Box<Response>> {
    let id = path.split('/').nth(3).unwrap_or_default();
    let number = visit.query("number").and_then(|number| number.parse().ok());
    match console.parts.journal.find(id, number, &Deadline::after(READ_TIMEOUT)).await {
        Ok(Some(found)) if can_be_sent(&found.exchange) => Ok(found),
        Ok(Some(_)) => Err(Box::new(Refusal::NotWhole.respond(visit, false))),
        Ok(None) => Err(Box::new(Refusal::NotFound.respond(visit, false))),
        Err(error) => Err(Box::new(exchanges::unavailable(visit, &error))),
    }
}

/// Whether a request was kept whole: its target, with every value, and its body. Requests for events may be without end.
pub fn can_be_sent(exchange: &Exchange) -> bool {
    let mut headers = exchange.request.headers.iter().filter(|header| header.name == "content-type");
    let is_form = headers.any(|header| header.value.as_deref().is_some_and(|value| value.contains("urlencoded")));
    let form = if is_form { exchange.request.body.bytes() } else { &[] };
    let has_lost = has_lost_values(&exchange.target) || has_lost_values(&String::from_utf8_lossy(form));
    !exchange.target.is_empty()
        && !has_lost
        && exchange.request.body.is_whole()
        && exchange.event.interaction != "events"
}

/// The names of the headers whose values were not kept.
fn left_out(exchange: &Exchange) -> Option<String> {
    let headers = exchange.request.headers.iter().filter(|header| header.value.is_none());
    let names: Vec<_> = headers.map(|header| header.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn query(found: &Found) -> String {
    found.number.map_or_else(String::new, |number| format!("?number={number}"))
}

fn viewed(mut response: Response, exchange: &Exchange) -> Response {
    response.extensions_mut().insert(Viewed::of_event(&exchange.event));
    response
}

/// Who sends it: on a test target anyone, elsewhere the person who has logged in, with the rights of that caller.
fn principal(console: &Console, visit: &Visit) -> Principal {
    let ConsoleAccess::Callers(callers) = &console.parts.access else { return Principal::Anyone };
    let caller = visit.caller.as_deref().and_then(|name| callers.by_name(name));
    // Who has a session is a caller, until the process ends.
    caller.map_or(Principal::Unauthenticated(AuthFailure::NoCredentials), |caller| Principal::Caller(caller.clone()))
}

/// Passes the request through the routes of the FHIR listener. `None` where that is impossible.
async fn send_as(
    console: &Console,
    exchange: &Exchange,
    sender: OnBehalfOf,
) -> Option<(StatusCode, axum::http::HeaderMap, exchange::Body)> {
    let body = exchange.request.body.shared();
    let mut request = Request::builder().method(&*exchange.method).uri(&*exchange.target);
    for kept in exchange.request.headers.iter().filter(|header| !OWN_HEADERS.contains(&&*header.name)) {
        if let (Ok(name), Some(value)) = (kept.name.parse::<HeaderName>(), &kept.value) {
            request = request.header(name, value);
        }
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_LENGTH, body.len());
    }
    let resent_of = ResentOf(exchange.event.request_id.clone());
    let request = request.extension(sender).extension(resent_of).body(Body::from(body)).ok()?;
    let answering = async {
        let Ok(response) = console.fhir.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, beginning(body).await)
    };
    tokio::time::timeout(TIMEOUT, answering).await.ok()
}

/// The beginning of an answer; all of it, unless it is long.
async fn beginning(mut body: Body) -> exchange::Body {
    let (length, mut bytes) = (body.size_hint().exact(), vec![]);
    while bytes.len() < MAX_ANSWER
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    let length = length.map_or(bytes.len(), |length| usize::try_from(length).unwrap_or(usize::MAX));
    bytes.truncate(MAX_ANSWER);
    match bytes.is_empty() {
        true => exchange::Body::None,
        false => exchange::Body::Kept { bytes: bytes.into(), length },
    }
}

/// What the request would write, as the state stands.
async fn replaced(console: &Console, exchange: &Exchange, visit: &Visit) -> String {
    let (text, event) = (visit.text(), &exchange.event);
    let target = match event.interaction.as_str() {
        "conditional-update" => criterion(&exchange.target).map(Target::Identifier),
        "update" => {
            let path = exchange.target.split('?').next().unwrap_or_default();
            path.trim_end_matches('/').rsplit('/').next().and_then(Id::parse).map(Target::Id)
        }
        "create" => return text.send_again_creates.to_owned(),
        _ => return text.send_again_reads.to_owned(),
    };
    let resource_type = event.resource_type.as_deref().and_then(ResourceType::parse);
    let Some((resource_type, target)) = resource_type.zip(target) else { return text.send_again_creates.to_owned() };
    let body = serde_json::from_slice(exchange.request.body.bytes()).unwrap_or_default();
    let deadline = Deadline::after(READ_TIMEOUT);
    match console.parts.endpoint.designated(resource_type, target, &body, &deadline).await {
        Ok(Some((id, version))) => {
            let resource = format!("{resource_type}/{id}");
            fill(text.send_again_replaces, &[("resource", &resource), ("version", &version.to_string())])
        }
        Ok(None) => text.send_again_creates.to_owned(),
        Err(Error::MultipleMatches { .. }) => text.send_again_several.to_owned(),
        Err(_) => text.send_again_unknown.to_owned(),
    }
}
