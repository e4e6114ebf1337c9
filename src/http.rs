//! HTTP: the routes, and the middleware around them.

mod admission;
mod annuaire;
mod answer_copy;
mod authorisation;
pub(crate) mod body;
pub mod bounds;
mod bulkhead;
mod cited_rules;
mod counters;
pub mod events;
mod fhir;
pub(crate) mod http_error;
mod injection;
pub mod listener;
pub(crate) mod log_limit;
mod media_type;
pub(crate) mod negotiation;
mod observe;
pub(crate) mod ops;
pub mod origin;
pub(crate) mod outcome;
mod path;
mod recorder;
mod refused_heads;
mod response;
mod response_budget;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any};
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;

use crate::annuaire::api::{self, Directory};
use crate::fault::Faults;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::route::Route;
use crate::interaction::{Endpoint, Interaction, ROUTES, SYSTEM_ROUTES, max_page_bytes};
use crate::issue::Issue;
use crate::issue::catalogue::HTTP_BUNDLE;
use admission::Admission;
use bounds::Bounds;
pub use bulkhead::Permits;
pub(crate) use counters::Counted;
pub use counters::Counters;
use events::EventFeed;
use http_error::HttpError;
use observe::Observer;
use origin::Identification;
pub(crate) use recorder::Links;
pub use recorder::Recorder;
pub(crate) use recorder::has_lost_values;
pub use refused_heads::RefusedHeads;
use response_budget::ResponseBudget;
use state::State;

/// The path of the FHIR API, whatever the base URL.
const FHIR: &str = "/fhir";

/// The parts of the application that [`service`] assembles.
pub struct AppParts {
    /// The FHIR API.
    pub endpoint: Endpoint,
    /// The directory's API, if there is a mirror.
    pub directory: Option<Directory>,
    /// The change feed.
    pub feed: EventFeed,
    /// Identifies the sender of each request.
    pub identification: Identification,
    /// The limits and timeouts of requests.
    pub bounds: Bounds,
    /// Keeps exchanges in the journal, if there is one.
    pub recorder: Option<Recorder>,
    /// The faults that testers arm.
    pub faults: Faults,
}

/// The path below which the directory's API is always served.
const ANNUAIRE: &str = "/annuaire/fhir/v2";

/// The application: routes and middleware.
pub type App = MapRequest<Router, fn(Request) -> Request>;

/// Serves the FHIR API under `/fhir`, and under the path of the base URL, which a proxy may forward, the change feed beside
/// each, and the directory's API, if there is one, under `/annuaire/fhir/v2` likewise.
pub fn service(parts: AppParts) -> App {
    let (permits, counters) = (Permits::new(&parts.bounds), Counters::new(parts.endpoint.clock.clone()));
    service_with(parts, permits, counters)
}

/// The same with permits that another service takes too, and with counters that it shows.
pub(crate) fn service_with(parts: AppParts, permits: Permits, counters: Counters) -> App {
    let AppParts { endpoint, directory, feed, identification, bounds, recorder, faults } = parts;
    let max_directory_page = if directory.is_some() { api::MAX_PAGE_BYTES } else { 0 };
    let max_page = max_page_bytes(bounds.max_body).max(max_directory_page);
    let budget = ResponseBudget::new(bounds.max_response_bytes, max_page);
    let admission = Arc::new(Admission::new(identification.access.clone(), bounds, permits, faults));
    let mut prefixes = vec![FHIR.to_owned()];
    let base_path = path_of(identification.base_url.configured());
    if base_path != FHIR {
        prefixes.push(base_path.to_owned());
    }
    let mut router = directory.map_or_else(Router::new, |directory| annuaire_routes(directory, &admission));
    let observer = Observer { audit: endpoint.writer.audit().clone(), recorder, counters };
    let state = Arc::new(State { endpoint, admission: admission.clone() });
    let events = events::State::new(feed, admission.clone());
    let mut events_paths: Vec<_> = prefixes.iter().map(|prefix| events_path(prefix)).collect();
    events_paths.dedup();
    for path in events_paths {
        router = router.route(&path, events_route(&events, &admission));
    }
    for prefix in &prefixes {
        for (path, routes) in paths() {
            router = router.route(&format!("{prefix}{path}"), methods(&state, &routes));
        }
    }
    let fallback_admission = admission.clone();
    let prefixes: Arc<[String]> = prefixes.into();
    let router = router.fallback(async move |request: Request| {
        let is_base = prefixes.iter().any(|prefix| prefix == request.uri().path());
        let error = match is_base && request.method() == Method::POST {
            true => HttpError::from_issues(vec![Issue::new(&HTTP_BUNDLE, "http.path")]),
            false => HttpError::UnknownPath,
        };
        admission::respond_unrouted(error, request, &fallback_admission).await
    });
    MapRequest::new(with_middleware(router, admission, budget, identification, observer), path::normalize)
}

/// Adds the middleware, from the innermost: panics become 500, requests are admitted within their limits, answers copied for
/// the journal, responses kept within their budget, each request is logged and measured, and its sender identified.
fn with_middleware(
    router: Router,
    admission: Arc<Admission>,
    budget: Arc<ResponseBudget>,
    identification: Identification,
    observer: Observer,
) -> Router {
    let identification = Arc::new(identification);
    let is_recorded = observer.recorder.is_some();
    let mut router = router
        .layer(CatchPanicLayer::custom(outcome::respond_panic))
        .layer(axum::middleware::from_fn_with_state(admission, admission::admit));
    if is_recorded {
        router = router.layer(axum::middleware::from_fn(answer_copy::copy_answer));
    }
    router
        .layer(axum::middleware::from_fn_with_state(budget, response_budget::reserve))
        .layer(axum::middleware::from_fn_with_state(observer, observe::observe))
        .layer(axum::middleware::map_request(move |mut request: Request| {
            if is_recorded {
                // Before credentials and headers of proxies are removed: their names are kept.
                Recorder::begin(&mut request);
            }
            let request = identification.identify(request);
            listener::mark_authenticated(request.extensions());
            std::future::ready(request)
        }))
}

/// The routes of the directory's API. [`annuaire`] parses the path below the prefix, as unknown types have a response of
/// their own.
fn annuaire_routes(directory: Directory, admission: &Arc<Admission>) -> Router {
    let mut prefixes = vec![ANNUAIRE.to_owned()];
    let base_path = path_of(directory.base_url());
    if base_path != ANNUAIRE {
        prefixes.push(base_path.to_owned());
    }
    let directory = directory.with_max_url(admission.bounds.max_url);
    let state = Arc::new(annuaire::State { directory, admission: admission.clone() });
    prefixes.into_iter().fold(Router::new(), |router, prefix| {
        let (state, path) = (state.clone(), format!("{prefix}/{{*path}}"));
        let below = prefix.len() + 1;
        router.route(
            &path,
            any(async move |request: Request| {
                let path = request.uri().path().get(below..).unwrap_or_default().to_owned();
                annuaire::handle_annuaire(&state, &path, request).await
            }),
        )
    })
}

/// The path of the change feed, beside the last segment of the path of the FHIR API.
fn events_path(prefix: &str) -> String {
    let parent = prefix.rfind('/').map_or("", |end| &prefix[..end]);
    format!("{parent}/events")
}

fn events_route(events: &Arc<events::State>, admission: &Arc<Admission>) -> MethodRouter {
    let (events, admission) = (events.clone(), admission.clone());
    let methods = MethodRouter::new().get(async move |request: Request| events::handle_events(&events, request).await);
    methods.fallback(async move |request: Request| {
        let error =
            HttpError::MethodNotAllowed { method: request.method().to_string(), allowed: "GET, HEAD".to_owned() };
        admission::respond_unrouted(error, request, &admission).await
    })
}

/// The path of an absolute URL.
fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("", |at| &after_scheme[at..])
}

/// The routes by path, `{type}` replaced by each resource type.
fn paths() -> BTreeMap<String, Vec<Route<Interaction>>> {
    let mut paths: BTreeMap<_, _> =
        SYSTEM_ROUTES.into_iter().map(|route| (route.path.to_owned(), vec![route])).collect();
    for Route { method, path, interaction } in ROUTES {
        for resource_type in ResourceType::ALL {
            let interaction = Interaction::OnType(interaction, resource_type);
            let routes = paths.entry(path.replace("{type}", resource_type.as_str())).or_default();
            routes.push(Route { method, path, interaction });
        }
    }
    paths
}

/// The methods of one path; any other is refused with these in `Allow`.
fn methods(state: &Arc<State>, routes: &[Route<Interaction>]) -> MethodRouter {
    let mut methods = MethodRouter::new();
    let mut allowed = vec![];
    for route in routes {
        let filter = match route.method {
            "GET" => MethodFilter::GET,
            "PUT" => MethodFilter::PUT,
            _ => MethodFilter::POST,
        };
        allowed.push(route.allowed_methods());
        let (state, interaction) = (state.clone(), route.interaction);
        methods = methods.on(
            filter,
            async move |parameters: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
                fhir::handle_fhir(&state, interaction, parameters.ok(), request).await
            },
        );
    }
    let (allowed, state) = (allowed.join(", "), state.clone());
    methods.fallback(async move |request: Request| {
        let error = HttpError::MethodNotAllowed { method: request.method().to_string(), allowed };
        admission::respond_unrouted(error, request, &state.admission).await
    })
}

#[cfg(test)]
mod tests;
