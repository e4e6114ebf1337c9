use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use tower::Service;

use super::*;
use crate::access::principal::Principal;
use crate::audit::{AuditQueue, Caller};

const MAX: usize = 1000;
const MAX_PAGE: usize = 300;

/// The response to a request with this method from this address; it has this status, interaction and length.
async fn answer(
    budget: &Arc<ResponseBudget>,
    peer: &str,
    method: Method,
    (status, interaction, length): (u16, &'static str, usize),
) -> Response {
    let answer = async move |request: Request| {
        let mut audit = AuditLoan::borrow(request.extensions()).expect("an audit draft");
        audit.set_interaction(interaction, None);
        let mut response = Response::new(Body::from("x".repeat(length)));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        response
    };
    let mut router = Router::new().route("/", any(answer)).layer(from_fn_with_state(budget.clone(), reserve));
    let peer = peer.parse().expect("an address");
    let origin = Origin { peer, certificate: None, principal: Principal::Anyone, base_url: "http://h/fhir".into() };
    let audit = AuditLoan::new(AuditQueue::without_task().0.draft("id", Caller::default()));
    let request = Request::builder().method(method).uri("/").extension(origin).extension(audit);
    let request = request.body(Body::empty()).expect("a request");
    router.call(request).await.expect("an answer")
}

async fn search(budget: &Arc<ResponseBudget>, peer: &str, length: usize) -> Response {
    answer(budget, peer, Method::GET, (200, "search-type", length)).await
}

fn outstanding(budget: &ResponseBudget) -> usize {
    let outstanding = lock(&budget.outstanding);
    assert_eq!(outstanding.by_client.values().sum::<usize>(), outstanding.bytes);
    outstanding.bytes
}

#[tokio::test]
async fn response_budget_client_limit_exceeded_returns_503_to_that_client_only() {
    let budget = ResponseBudget::new(MAX, MAX_PAGE);
    let held = search(&budget, "192.0.2.1", 200).await;
    let refused = search(&budget, "192.0.2.1", 101).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(refused);
    assert_eq!(search(&budget, "192.0.2.1", 100).await.status(), 200);
    assert_eq!(search(&budget, "192.0.2.2", 101).await.status(), 200);
    // An IPv6 network is one client.
    let other = search(&budget, "2001:db8::1", 200).await;
    assert_eq!(search(&budget, "2001:db8::2", 200).await.status(), 503);
    drop((held, other));
    assert_eq!(outstanding(&budget), 0);
}

#[tokio::test]
async fn response_budget_total_exceeded_returns_503_until_responses_are_read() {
    let budget = ResponseBudget::new(MAX, MAX_PAGE);
    let mut held = vec![];
    for client in 1..=4 {
        held.push(search(&budget, &format!("192.0.2.{client}"), 250).await);
    }
    assert_eq!(outstanding(&budget), MAX);
    assert_eq!(search(&budget, "192.0.2.9", 1).await.status(), 503);
    held.pop();
    assert_eq!(search(&budget, "192.0.2.9", 250).await.status(), 200);
}

#[tokio::test]
async fn response_budget_single_response_always_passes() {
    for length in [1, 250, MAX_PAGE, 999, 5000] {
        let budget = ResponseBudget::new(MAX, MAX_PAGE);
        assert_eq!(search(&budget, "192.0.2.1", length).await.status(), 200, "{length}");
        assert_eq!(outstanding(&budget), 0);
    }
    // The largest page is accepted beside small responses, however low the limit is.
    for max in [0, 1, 100, MAX] {
        let budget = ResponseBudget::new(max, MAX_PAGE);
        let _small = search(&budget, "192.0.2.1", 10).await;
        assert_eq!(search(&budget, "192.0.2.1", MAX_PAGE - 10).await.status(), 200, "{max}");
    }
}

#[tokio::test]
async fn response_budget_exhausted_spares_writes_refusals_and_metadata() {
    let budget = ResponseBudget::new(MAX, MAX_PAGE);
    let mut held = vec![search(&budget, "192.0.2.1", 5 * MAX).await];
    for (status, interaction) in [
        (200, "update"),
        (201, "create"),
        (200, "conditional-update"),
        (200, "capabilities"),
        (200, "annuaire-capabilities"),
        (200, "validate"),
        (404, "read"),
        (429, "search-type"),
        (503, "annuaire-search"),
    ] {
        let answer = answer(&budget, "192.0.2.1", Method::POST, (status, interaction, 100)).await;
        assert_eq!((answer.status().as_u16(), answer.headers().get("retry-after")), (status, None), "{interaction}");
        held.push(answer);
    }
    assert_eq!(outstanding(&budget), 5 * MAX + 9 * 100);
    for (status, interaction, length) in [
        (200, "read", 1),
        (200, "vread", 1),
        (200, "history-instance", 1),
        (200, "search-type", 1),
        (200, "annuaire-read", 1),
        (200, "annuaire-search", 1),
        (200, "annuaire-page", 1),
        // A long list of issues is refusable.
        (200, "validate", MIN_REFUSABLE_ISSUES),
        (422, "update", MIN_REFUSABLE_ISSUES),
        (400, "search-type", MIN_REFUSABLE_ISSUES),
    ] {
        let answer = answer(&budget, "192.0.2.1", Method::GET, (status, interaction, length)).await;
        assert_eq!(answer.status(), 503, "{interaction}");
    }
}

#[tokio::test]
async fn response_budget_responses_without_body_reserve_nothing() {
    let budget = ResponseBudget::new(MAX, MAX_PAGE);
    let _held = search(&budget, "192.0.2.1", 5 * MAX).await;
    for (method, status, length) in [(Method::HEAD, 200, 400), (Method::GET, 304, 0), (Method::GET, 204, 0)] {
        let answer = answer(&budget, "192.0.2.1", method, (status, "read", length)).await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(outstanding(&budget), 5 * MAX);
    }
}

#[tokio::test]
async fn response_budget_is_reserved_until_the_last_slice_is_written() {
    let budget = ResponseBudget::new(1 << 20, 0);
    let length = 3 * MAX_SLICE + 1;
    let mut body = search(&budget, "192.0.2.1", length).await.into_body();
    let mut slices = vec![];
    while let Some(frame) = body.frame().await {
        slices.push(frame.expect("a slice").into_data().expect("data"));
    }
    assert_eq!(slices.iter().map(Bytes::len).collect::<Vec<_>>(), [MAX_SLICE, MAX_SLICE, MAX_SLICE, 1]);
    drop(body);
    while let Some(slice) = slices.pop() {
        assert_eq!(outstanding(&budget), length);
        drop(slice);
    }
    assert_eq!(outstanding(&budget), 0);
    // The same if the client closes the connection in the middle of the response.
    let mut body = search(&budget, "192.0.2.1", length).await.into_body();
    drop(body.frame().await);
    assert_eq!(outstanding(&budget), length);
    drop(body);
    assert_eq!(outstanding(&budget), 0);
}
