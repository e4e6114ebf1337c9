//! `/console/login` and `/console/logout`.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::cookie;
use super::form::Form;
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::return_path::{self, HOME};
use super::state::{Console, ConsoleAccess};
use super::visit::Visit;
use crate::http::log_limit::{self, Reason};
use crate::http::origin::client_address;
use crate::http::origin::host::WebOrigin;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    layout: Layout,
    /// The page to return to.
    next: Option<String>,
    /// Whether a token was refused.
    is_refused: bool,
}

/// The form of the login.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    if matches!(console.parts.access, ConsoleAccess::Open) {
        return Redirect::to(HOME).into_response();
    }
    let visit = Visit::of(&request);
    form(&visit, visit.query("next").as_deref(), false)
}

fn form(visit: &Visit, next: Option<&str>, is_refused: bool) -> Response {
    let layout = Layout::new(visit, "/console/login", visit.text().login);
    let next = next.and_then(return_path::checked).map(str::to_owned);
    let status = if is_refused { StatusCode::FORBIDDEN } else { StatusCode::OK };
    page::respond(status, &LoginPage { layout, next, is_refused })
}

/// Begins a session for the caller whose token was entered.
pub async fn log_in(State(console): State<Arc<Console>>, mut request: Request) -> Response {
    let ConsoleAccess::Callers(callers) = &console.parts.access else { return Redirect::to(HOME).into_response() };
    let fields = Form::take(&mut request);
    let visit = Visit::of(&request);
    let (parts, _) = request.into_parts();
    let address = client_address(&parts, &console.parts.proxies);
    let Some(caller) = callers.by_token(fields.field("token").trim()) else {
        if let Some(left_out) = log_limit::next_line(Reason::Unauthenticated) {
            tracing::warn!(peer = %address, left_out, "console: a login was refused");
        }
        return form(&visit, Some(fields.field("next")), true);
    };
    let Ok(id) = console.sessions.begin(&caller.name, console.now()) else {
        return Refusal::Internal.respond(&visit, false);
    };
    tracing::info!(peer = %address, caller = caller.name, "console: logged in");
    let next = return_path::checked(fields.field("next")).unwrap_or(HOME);
    with_cookie(Redirect::to(next), cookie::set_session(&id, is_secure(&parts.headers, console.url())))
}

/// Ends the session.
pub async fn log_out(State(console): State<Arc<Console>>, request: Request) -> Response {
    if let Some(id) = cookie::find(request.headers(), cookie::SESSION) {
        console.sessions.end(id);
    }
    with_cookie(Redirect::to("/console/login"), cookie::remove_session())
}

fn with_cookie(response: Redirect, cookie: Option<HeaderValue>) -> Response {
    let mut response = response.into_response();
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// Whether the browser is reached over TLS. It says so itself by `Origin`, which is ours: the gate has checked that. Through
/// `ssh -L` it is not, whatever `SAS_CONSOLE_URL` is, and a cookie for TLS only would be lost.
fn is_secure(headers: &HeaderMap, url: &str) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| WebOrigin::parse(origin.to_str().ok()?));
    origin.or_else(|| WebOrigin::from_url(url)).is_some_and(|origin| origin.is_https)
}
