//! `/console/api/faults`: arms, lists and ends faults, for programs.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::audit::Viewed;
use super::gate::ApiContent;
use super::refusal::Refusal;
use super::state::Console;
use super::visit::Visit;
use crate::fault::{ArmError, Fault, Faults, ListedFault, Mode};

/// Arms the fault of this JSON.
pub async fn arm(State(console): State<Arc<Console>>, request: Request) -> Response {
    let content = request.extensions().get::<ApiContent>().map(|ApiContent(content)| content.clone());
    match armed(&console.parts.faults, &content.unwrap_or_default()) {
        Ok(fault) => {
            let mut response = respond(StatusCode::CREATED, &fault.json());
            let location = HeaderValue::from_str(&format!("/console/api/faults/{}", fault.id));
            response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
            note(response, &fault)
        }
        Err(refusal) => refuse(&request, &refusal),
    }
}

/// Those that have not ended.
pub async fn list(State(console): State<Arc<Console>>, request: Request) -> Response {
    match allowed(&console.parts.faults) {
        Ok(faults) => {
            let faults = faults.list().iter().map(ListedFault::json).collect::<Vec<_>>();
            respond(StatusCode::OK, &json!({ "faults": faults }))
        }
        Err(refusal) => refuse(&request, &refusal),
    }
}

/// One of them.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let found = allowed(&console.parts.faults).and_then(|faults| faults.find(id(&request)).ok_or(Refusal::NoSuchFault));
    match found {
        Ok(fault) => note(respond(StatusCode::OK, &fault.json()), &fault),
        Err(refusal) => refuse(&request, &refusal),
    }
}

/// Ends one of them.
pub async fn end(State(console): State<Arc<Console>>, request: Request) -> Response {
    match ended(&console.parts.faults, id(&request)) {
        Ok(fault) => note(StatusCode::NO_CONTENT.into_response(), &fault),
        Err(refusal) => refuse(&request, &refusal),
    }
}

/// The last segment of the path. An id has letters, digits and hyphens, so that nothing is to be decoded.
fn id(request: &Request) -> &str {
    request.uri().path().rsplit('/').next().unwrap_or_default()
}

/// The fault of this JSON, armed.
pub(super) fn armed(faults: &Faults, json: &[u8]) -> Result<ListedFault, Refusal> {
    let fault = Fault::parse(json);
    // Where faults are off, what is wrong with one does not matter.
    let faults = allowed(faults)?;
    faults.arm(fault.map_err(Refusal::NoFault)?).map_err(|error| match error {
        ArmError::Off => Refusal::FaultsOff,
        ArmError::TooMany => Refusal::TooManyFaults,
        error @ ArmError::UnknownCaller => Refusal::NoFault(error.to_string()),
    })
}

/// The fault with this id, which has ended.
pub(super) fn ended(faults: &Faults, id: &str) -> Result<ListedFault, Refusal> {
    allowed(faults)?.end(id).ok_or(Refusal::NoSuchFault)
}

fn allowed(faults: &Faults) -> Result<&Faults, Refusal> {
    if faults.mode() == Mode::Off { Err(Refusal::FaultsOff) } else { Ok(faults) }
}

/// The response, whose audit event names the fault.
pub(super) fn note(mut response: Response, fault: &ListedFault) -> Response {
    let fault = Some((fault.effect.kind(), fault.id.clone()));
    response.extensions_mut().insert(Viewed { fault, ..Viewed::default() });
    response
}

fn respond(status: StatusCode, json: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{json}\n")).into_response()
}

fn refuse(request: &Request, refusal: &Refusal) -> Response {
    refusal.respond(&Visit::of(request), true)
}
