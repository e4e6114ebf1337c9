//! Who looked at what, in the audit log. Never what somebody searched for.

use std::net::IpAddr;

use axum::http::Method;
use axum::response::Response;

use super::state::Console;
use super::visit::Visit;
use crate::audit::{AuditEvent, Caller, HashedIdentifier};
use crate::clock::new_uuid;
use crate::fault::FaultKind;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::identifier::Token;
use crate::fhir::resource_type::ResourceType;

/// What a page is about: an extension of its response.
#[derive(Clone, Debug, Default)]
pub struct Viewed {
    /// The type of a resource, of FHIR or of the directory.
    pub resource_type: Option<&'static str>,
    /// Its id in the database.
    pub id: Option<String>,
    /// The hash of an id that the database has not, as in the event of an exchange.
    pub id_hash: Option<String>,
    /// An identifier that was looked for.
    pub token: Option<Token>,
    /// The identifiers of an exchange.
    pub identifiers: Vec<HashedIdentifier>,
    /// The kind and the id of a fault.
    pub fault: Option<(FaultKind, String)>,
}

impl Viewed {
    /// What the event of an exchange is about.
    pub fn of_event(event: &AuditEvent) -> Self {
        Self {
            resource_type: event.resource_type.as_deref().and_then(name_of_type),
            id: event.id.clone(),
            id_hash: event.id_hash.clone(),
            identifiers: event.identifiers.clone(),
            ..Self::default()
        }
    }

    /// A resource in the database.
    pub fn resource(resource_type: &'static str, id: &str) -> Self {
        Self { resource_type: Some(resource_type), id: Some(id.to_owned()), ..Self::default() }
    }
}

/// The name of a type, of FHIR or of the directory.
fn name_of_type(name: &str) -> Option<&'static str> {
    ResourceType::parse(name)
        .map(ResourceType::as_str)
        .or_else(|| DirectoryType::parse(name).map(DirectoryType::as_str))
}

/// What the audit log calls a request of this method and path; `None` where it shows and changes nothing of persons.
pub fn interaction(method: &Method, path: &str) -> Option<&'static str> {
    let is_post = method == Method::POST;
    match path {
        "/console/faults" => Some("console-fault"),
        path if path == "/console/api/faults" || path.starts_with("/console/api/faults/") => Some("console-fault"),
        "/console/login"
        | "/console/logout"
        | "/console/validate"
        | "/console/api/status"
        | "/console/style.css"
        | "/console/console.js"
        | "/console/icon.svg" => None,
        "/console/webhooks" if is_post => Some("console-webhook"),
        path if path == "/console/rules" || path.starts_with("/console/rules/") => None,
        path if is_post && path.ends_with("/send-again") => Some("console-send-again"),
        _ => Some("console-read"),
    }
}

/// The event of a request that was answered.
pub fn event(
    console: &Console,
    visit: &Visit,
    peer: IpAddr,
    interaction: &'static str,
    response: &Response,
) -> AuditEvent {
    let queue = console.parts.endpoint.writer.audit();
    let caller =
        Caller { name: visit.caller.as_deref().map(str::to_owned), peer: peer.to_string(), ..Caller::default() };
    let mut draft = queue.draft(&new_uuid().hyphenated().to_string(), caller);
    let viewed = response.extensions().get::<Viewed>().cloned().unwrap_or_default();
    draft.set_interaction(interaction, viewed.resource_type);
    if let Some(id) = &viewed.id {
        draft.set_found(id, None);
    }
    if let Some(token) = &viewed.token {
        draft.add_token(token);
    }
    if let Some((kind, id)) = &viewed.fault {
        draft.set_found(id, None);
        draft.set_fault(Some(kind.as_str()));
    }
    draft.add_hashed(viewed.identifiers);
    let event = draft.event(response.status().as_u16(), std::iter::empty());
    AuditEvent { id_hash: event.id_hash.or(viewed.id_hash), ..event }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visit_of_an_exchange_is_about_its_resource_whatever_is_known_of_it() {
        for (name, is_known) in [("Practitioner", true), ("PractitionerRole", true), ("Patient", false)] {
            let exchange = crate::journal::exchange::tests::exchange("a", b"", b"");
            let id_hash = Some("00".to_owned());
            let event = AuditEvent { resource_type: Some(name.to_owned()), id: None, id_hash, ..exchange.event };
            let viewed = Viewed::of_event(&event);
            assert_eq!((viewed.resource_type, viewed.id_hash), (is_known.then_some(name), event.id_hash), "{name}");
        }
    }

    #[test]
    fn console_request_is_audited_by_what_it_does() {
        for (method, path, expected) in [
            (Method::GET, "/console", Some("console-read")),
            (Method::GET, "/console/exchanges/a.har", Some("console-read")),
            (Method::POST, "/console/exchanges", Some("console-read")),
            (Method::GET, "/console/exchanges/a/send-again", Some("console-read")),
            (Method::POST, "/console/exchanges/a/send-again", Some("console-send-again")),
            (Method::GET, "/console/webhooks", Some("console-read")),
            (Method::POST, "/console/webhooks", Some("console-webhook")),
            (Method::GET, "/console/api/status", None),
            (Method::GET, "/console/api/faults", Some("console-fault")),
            (Method::DELETE, "/console/api/faults/a", Some("console-fault")),
            (Method::POST, "/console/faults", Some("console-fault")),
            (Method::GET, "/console/rules", None),
            (Method::POST, "/console/validate", None),
            (Method::POST, "/console/login", None),
            (Method::POST, "/console/logout", None),
            (Method::GET, "/console/style.css", None),
        ] {
            assert_eq!(interaction(&method, path), expected, "{method} {path}");
        }
    }
}
