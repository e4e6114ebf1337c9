//! The console: pages about this instance for people with a browser, on the operator's listener.
//!
//! [`gate`] admits each request, [`headers`] are on each answer, [`text`] has all words, and `display` is the escaper of all
//! templates. A page is a handler, a struct with what it shows, and a template below `templates/`.

mod api;
mod assets;
mod audit;
mod cookie;
mod database_name;
mod decision;
mod difference;
mod directory;
mod directory_search;
mod display;
mod examples;
mod exchange;
mod exchange_row;
mod exchange_search;
mod exchanges;
mod fault_text;
mod faults;
mod faults_api;
mod form;
mod gate;
mod headers;
mod home;
mod indent;
mod issue_lines;
mod live;
mod login;
mod login_rate;
mod message;
mod near_misses;
mod page;
mod plots;
mod refusal;
mod refusal_text;
mod resource;
mod resource_summary;
mod resources;
mod return_path;
mod rules;
mod scans;
mod send_again;
mod session;
mod source;
mod state;
mod stream;
mod text;
mod texts;
mod time;
mod validate;
mod visit;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::App;
use refusal::Refusal;
use state::Console;
use visit::Visit;

pub use live::Live;
pub use state::{ConsoleAccess, ConsoleParts};

/// Everything below `/console`. Requests that are sent again pass through `fhir`, the service of the FHIR listener.
///
/// # Errors
/// If the operating system provides no random numbers.
pub fn router(parts: ConsoleParts, fhir: App) -> Result<Router, getrandom::Error> {
    let console = Arc::new(Console::new(parts, fhir)?);
    let pages = Router::new()
        .route("/console", get(home::show))
        .route("/console/", get(home::show))
        .route("/console/login", get(login::show).post(login::log_in))
        .route("/console/logout", post(login::log_out))
        .route("/console/exchanges", get(exchanges::show).post(exchange_search::search))
        .route("/console/exchanges/{id}", get(exchange::show))
        .route("/console/exchanges/{id}/send-again", get(send_again::ask).post(send_again::send))
        .route("/console/accounts", get(resources::accounts))
        .route("/console/accounts/{id}", get(resource::account))
        .route("/console/appointments", get(resources::appointments))
        .route("/console/appointments/{id}", get(resource::appointment))
        .route("/console/directory", get(directory::show))
        .route("/console/directory/{type}/{id}", get(directory::entry))
        .route("/console/rules", get(rules::show))
        .route("/console/validate", get(validate::show).post(validate::validate))
        .route("/console/webhooks", get(webhooks::show).post(webhooks::act))
        .route("/console/faults", get(faults::show).post(faults::act))
        .route("/console/api/status", get(api::status))
        .route("/console/api/faults", get(faults_api::list).post(faults_api::arm))
        .route("/console/api/faults/{id}", get(faults_api::show).delete(faults_api::end))
        .route("/console/stream", get(stream::show))
        .route("/console/style.css", get(assets::style))
        .route("/console/console.js", get(assets::script))
        .route("/console/icon.svg", get(assets::icon))
        .fallback(async |request: Request| respond(&request, &Refusal::NotFound))
        .method_not_allowed_fallback(async |request: Request| respond(&request, &Refusal::MethodNotAllowed))
        // Within the gate, so that its page has the navigation; the gate itself does not panic.
        .layer(CatchPanicLayer::custom(respond_panic))
        .layer(from_fn_with_state(console.clone(), gate::admit))
        .layer(from_fn(headers::add))
        .with_state(console);
    let serve = any(async move |request: Request| pages.clone().oneshot(request).await);
    Ok(Router::new()
        .route("/console", serve.clone())
        .route("/console/", serve.clone())
        .route("/console/{*path}", serve))
}

fn respond(request: &Request, refusal: &Refusal) -> Response {
    refusal.respond(&Visit::of(request), request.uri().path().starts_with("/console/api/"))
}

fn respond_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    // The panic is in the log already.
    let visit = Visit::of(&Request::default());
    Refusal::Internal.respond(&visit, false)
}
