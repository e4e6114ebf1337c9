//! Admits a request of the console, or refuses it: one place for all pages, so that a new page is not open by mistake.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;

use super::audit;
use super::cookie;
use super::form::{CSRF, Form};
use super::refusal::Refusal;
use super::return_path;
use super::state::{Console, ConsoleAccess};
use super::visit::Visit;
use crate::access::token::TokenHash;
use crate::fault::Mode;
use crate::http::body::{self, DrainLimits, Expected};
use crate::http::bounds::Bounds;
use crate::http::origin::authorization::{self, BearerCredentials};
use crate::http::origin::{browser, client_address, host};

/// Maximum bytes of a form, but for a resource in it.
const MAX_FORM: usize = 64 << 10;

/// What is read of the body of a refused request, so that a browser shows the answer instead of a reset connection.
const DRAINED: DrainLimits = DrainLimits { max_bytes: MAX_FORM, timeout: Duration::from_secs(1) };

/// What is served at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Area {
    /// Style and script, which hold nothing of this instance.
    Asset,
    Login,
    /// For programs, with a token.
    Api,
    /// For people, with a session.
    Page,
}

impl Area {
    fn of(path: &str) -> Self {
        match path {
            "/console/style.css" | "/console/console.js" | "/console/icon.svg" => Self::Asset,
            "/console/login" => Self::Login,
            "/console/api" => Self::Api,
            path if path.starts_with("/console/api/") => Self::Api,
            _ => Self::Page,
        }
    }
}

/// Middleware: admits a request, with its [`Visit`] and its [`Form`].
pub async fn admit(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let (mut parts, mut body) = request.into_parts();
    let area = Area::of(parts.uri.path());
    let mut visit = Visit::new(&parts);
    visit.warns_of_faults = console.parts.faults.mode() == Mode::BesideCallers;
    let peer = client_address(&parts, &console.parts.proxies);
    let interaction = audit::interaction(&parts.method, parts.uri.path());
    let mut response = match check(&console, area, &mut parts, &mut body, &mut visit).await {
        Ok(permit) => {
            parts.extensions.insert(visit.clone());
            let is_change = !matches!(parts.method, Method::GET | Method::HEAD);
            let look = Look { visit: visit.clone(), peer, interaction };
            let answered = answer(console.clone(), next, Request::from_parts(parts, body), permit, look);
            match is_change {
                // Where the person leaves the page, what was begun is completed and recorded nevertheless.
                true => {
                    let answered = tokio::spawn(answered).await;
                    answered.unwrap_or_else(|_| Refusal::Internal.respond(&visit, area == Area::Api))
                }
                false => answered.await,
            }
        }
        Err(refusal) => {
            let is_read = body::drain(body, DRAINED).await;
            let mut response = refusal.respond(&visit, area == Area::Api);
            if !is_read {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    };
    let language = HeaderValue::from_static(visit.language.tag());
    response.headers_mut().entry(header::CONTENT_LANGUAGE).or_insert(language);
    if let Some(cookie) = visit.chosen.and_then(|language| cookie::set_language(language.tag())) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Who asks, and for what.
struct Look {
    visit: Visit,
    peer: IpAddr,
    interaction: Option<&'static str>,
}

/// Answers an admitted request, and records it. The permit is held until its event is queued.
async fn answer(
    console: Arc<Console>,
    next: Next,
    request: Request,
    permit: Option<OwnedSemaphorePermit>,
    look: Look,
) -> Response {
    let response = next.run(request).await;
    let is_there = !matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
    if let Some(interaction) = look.interaction.filter(|_| is_there) {
        let event = audit::event(&console, &look.visit, look.peer, interaction, &response);
        console.parts.endpoint.writer.audit().send(event).await;
    }
    drop(permit);
    response
}

/// Checks what must be true of each request, and reads its form. Acquires the permit last, so that a slow client holds none.
async fn check(
    console: &Console,
    area: Area,
    parts: &mut Parts,
    body: &mut Body,
    visit: &mut Visit,
) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
    if !is_our_host(parts, console.url()) {
        return Err(Refusal::ForeignHost);
    }
    let is_post = parts.method == Method::POST;
    if !matches!(parts.method, Method::GET | Method::HEAD) && is_foreign_page(parts, console.url()) {
        return Err(Refusal::ForeignPage);
    }
    // What programs end, people end by a form.
    let is_end = area == Area::Api && parts.method == Method::DELETE;
    if !is_end && !matches!(parts.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(Refusal::MethodNotAllowed);
    }
    if area == Area::Asset {
        return Ok(None);
    }
    identify(console, area, parts, visit)?;
    if is_post {
        let content = read_content(console, area, parts, body).await?;
        if area == Area::Api {
            parts.extensions.insert(ApiContent(content));
            return acquire_permit(console);
        }
        let form = Form::parse(&content);
        // The login has no session yet whose token its form could have.
        if area == Area::Page && !visit.csrf.as_deref().is_some_and(|own| is_same(own, form.field(CSRF))) {
            return Err(Refusal::WrongFormToken);
        }
        parts.extensions.insert(form);
    }
    acquire_permit(console)
}

fn acquire_permit(console: &Console) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
    console.requests.clone().try_acquire_owned().map(Some).map_err(|_| Refusal::Busy)
}

/// The JSON that a program posts: an extension of its request.
#[derive(Clone)]
pub struct ApiContent(pub Bytes);

/// Finds out who sends the request, where the console is not open.
fn identify(console: &Console, area: Area, parts: &Parts, visit: &mut Visit) -> Result<(), Refusal> {
    let callers = match &console.parts.access {
        ConsoleAccess::Open => {
            visit.csrf = Some(console.csrf.clone());
            return Ok(());
        }
        ConsoleAccess::Callers(callers) if callers.is_empty() => return Err(Refusal::Nobody),
        ConsoleAccess::Callers(callers) => callers,
    };
    match area {
        Area::Api => {
            let BearerCredentials::Token(token) = authorization::parse(&parts.headers) else {
                return Err(Refusal::NoToken);
            };
            let caller = callers.by_token(token).ok_or(Refusal::NoToken)?;
            visit.caller = Some(caller.name.as_str().into());
        }
        Area::Page => {
            let id = cookie::find(&parts.headers, cookie::SESSION);
            let sessions = &console.sessions;
            let session = id.and_then(|id| match parts.uri.path() {
                // A page that is left open does not prolong its session.
                "/console/stream" => sessions.peek(id, console.now()),
                _ => sessions.resume(id, console.now()),
            });
            let session = session.ok_or_else(|| Refusal::NoSession(return_path::login(&parts.method, &parts.uri)))?;
            (visit.caller, visit.csrf) = (Some(session.caller), Some(session.csrf));
        }
        Area::Login if parts.method == Method::POST => {
            let address: IpAddr = client_address(parts, &console.parts.proxies);
            if !console.login_rate.allows(address) {
                return Err(Refusal::TooManyLogins);
            }
        }
        Area::Login | Area::Asset => {}
    }
    Ok(())
}

/// Reads the body of a POST: a form, or JSON where programs ask.
async fn read_content(console: &Console, area: Area, parts: &Parts, body: &mut Body) -> Result<Bytes, Refusal> {
    let bounds = &console.parts.bounds;
    let limit = match parts.uri.path() {
        // A form escapes a byte as three.
        "/console/validate" => 3 * bounds.max_body + MAX_FORM,
        _ => MAX_FORM,
    };
    let bounds = Bounds { max_body: limit, ..bounds.clone() };
    let expected = if area == Area::Api { Expected::PlainJson } else { Expected::Form };
    body::read(&parts.headers, body, expected, &bounds).await.map_err(Refusal::Body)
}

/// Whether the request is for a loopback name, for an IP address, or for the host of `SAS_CONSOLE_URL`: a page whose DNS name
/// resolves to this machine is of the same origin for a browser.
fn is_our_host(parts: &Parts, url: &str) -> bool {
    let has_host = parts.headers.contains_key(header::HOST);
    has_host && host::has_valid_host(parts) && browser::is_our_host(parts, url)
}

/// Whether `Origin` or `Sec-Fetch-Site` names another origin than ours.
fn is_foreign_page(parts: &Parts, url: &str) -> bool {
    let urls = if url.is_empty() { vec![] } else { vec![url] };
    browser::is_foreign_page(parts, &urls) || browser::is_of_another_site(&parts.headers)
}

/// Compares hashes, so that the time reveals nothing of the token.
fn is_same(one: &str, other: &str) -> bool {
    TokenHash::from_token(one) == TokenHash::from_token(other)
}
