//! How a directory is asked: what is tried again, where the key goes.

use std::time::Duration;

use sas_endpoint::annuaire::sync::upstream::{Page, Query, Settings, Upstream, UpstreamError};
use sas_endpoint::fhir::directory_type::DirectoryType;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::played::{Played, RETRY_POLICY, directory, outcome, page};
use crate::support::ports::ReservedPort;

const QUERY: Query = Query { resource_type: DirectoryType::Practitioner, since: None, count: 3 };

async fn played() -> Played {
    Played::with(directory(2)).await
}

async fn first(settings: &Settings) -> Result<Page, UpstreamError> {
    Upstream::new(settings).expect("an address").first(&QUERY).await
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

#[tokio::test]
async fn upstream_transient_failure_is_retried() {
    let truncated = r#"{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Pra"#;
    for answer in [
        status(429),
        status(429).insert_header("retry-after", "3600"),
        status(429).insert_header("retry-after", "Tue, 10 Mar 2099 05:30:00 GMT"),
        outcome(500, "Unknown error"),
        status(502),
        status(503),
        status(504),
        page(""),
        page(truncated),
        page("<html>502</html>"),
        page(r#"{"resourceType":"OperationOutcome"}"#),
        page(r#"{"resourceType":"Bundle","type":"batch-response"}"#),
        page("not gzip").insert_header("content-encoding", "gzip"),
    ] {
        let played = played().await;
        played.plan((1..=7).map(|number| (number, answer.clone())));
        let page = first(&played.upstream(None)).await.expect("a page after all");
        assert_eq!((page.content.resources.len(), played.asked().len()), (3, 8));
    }
}

#[tokio::test]
async fn upstream_retries_are_bounded() {
    let played = played().await;
    played.plan((1..=20).map(|number| (number, outcome(503, "maintenance until 6"))));
    let trouble = first(&played.upstream(None)).await.expect_err("no page");
    assert_eq!(trouble.to_string(), format!("{} answers 503: maintenance until 6", played.base()));
    assert_eq!(played.asked().len(), 8);
}

#[tokio::test]
async fn upstream_retry_after_replaces_the_backoff() {
    let played = played().await;
    played.plan([(1, status(429).insert_header("retry-after", "0"))]);
    let mut settings = played.upstream(None);
    settings.retry_policy.first = Duration::from_hours(1);
    settings.retry_policy.longest = Duration::from_hours(1);
    first(&settings).await.expect("a page, today");
}

#[tokio::test]
async fn upstream_timeout_is_retried() {
    let played = played().await;
    played.plan([(1, page("{}").set_delay(Duration::from_hours(1)))]);
    let mut settings = played.upstream(None);
    settings.retry_policy.timeout = Duration::from_millis(500);
    first(&settings).await.expect("a page");
    // A busy machine may be late with the second answer, too.
    assert!(played.asked().len() >= 2);
    let unused = ReservedPort::new().expect("a port");
    let settings = Settings {
        url: format!("http://{}/fhir/v2", unused.address()),
        key: None,
        rate: 0,
        retry_policy: RETRY_POLICY,
    };
    let trouble = first(&settings).await.expect_err("nobody there");
    assert!(matches!(trouble, UpstreamError::Unreachable { .. }), "{trouble}");
}

#[tokio::test]
async fn upstream_permanent_failure_is_not_retried() {
    for (answer, sentence) in [
        (status(401), "refuses the key: check SAS_ANNUAIRE_API_KEY (status 401)"),
        (status(403).set_body_string("<html>"), "refuses the key: check SAS_ANNUAIRE_API_KEY (status 403)"),
        (outcome(400, "Parameter foo not found"), "answers 400: Parameter foo not found"),
        (status(404), "answers 404"),
        (status(301).insert_header("location", "http://localhost:1/"), "answers 301"),
    ] {
        let played = played().await;
        played.plan((1..=3).map(|number| (number, answer.clone())));
        let trouble = first(&played.upstream(Some("s3cret"))).await.expect_err("no page").to_string();
        assert!(trouble.contains(sentence) && !trouble.contains("s3cret"), "{trouble}");
        assert_eq!(played.asked().len(), 1);
    }
    let played = played().await;
    played.plan([(1, status(401))]);
    let trouble = first(&played.upstream(None)).await.expect_err("no page").to_string();
    assert!(trouble.contains("requires a key: set SAS_ANNUAIRE_API_KEY"), "{trouble}");
}

#[tokio::test]
async fn upstream_api_key_is_sent_where_set() {
    let played = played().await;
    for key in [Some("s3cret"), None] {
        let upstream = Upstream::new(&played.upstream(key)).expect("an address");
        let page = upstream.first(&QUERY).await.expect("a page");
        upstream.following(&page.content.next.expect("another page")).await.expect("it");
        let asked = std::mem::take(&mut played.world().asked);
        assert_eq!(asked.iter().map(|asked| asked.key.as_deref()).collect::<Vec<_>>(), [key, key]);
    }
}

#[tokio::test]
async fn upstream_api_key_is_never_sent_to_another_host() {
    let elsewhere = MockServer::start().await;
    Mock::given(any()).respond_with(status(200)).mount(&elsewhere).await;
    let played = played().await;
    let next = format!("{}/_page?id=1", elsewhere.uri());
    let link = json!([{ "relation": "next", "url": next }]);
    let bundle = json!({ "resourceType": "Bundle", "type": "searchset", "link": link });
    let moved = status(307).insert_header("location", next.as_str());
    played.plan([(1, page(&bundle.to_string())), (2, moved)]);
    let upstream = Upstream::new(&played.upstream(Some("s3cret"))).expect("an address");
    let found = upstream.first(&QUERY).await.expect("a page").content.next.expect("another page");
    let trouble = upstream.following(&found).await.expect_err("it is elsewhere").to_string();
    assert!(trouble.contains(&elsewhere.uri()) && trouble.contains("SAS_ANNUAIRE_URL"), "{trouble}");
    assert!(upstream.first(&QUERY).await.is_err());
    assert!(elsewhere.received_requests().await.expect("recorded").is_empty());
}

#[tokio::test]
async fn upstream_compressed_page_is_read() {
    let played = played().await;
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, br#"{"resourceType":"Bundle","type":"searchset","total":5}"#)
        .expect("written");
    let compressed = encoder.finish().expect("compressed");
    let answer = status(200).insert_header("content-encoding", "gzip").set_body_bytes(compressed);
    played.plan([(1, answer)]);
    assert_eq!(first(&played.upstream(None)).await.expect("a page").content.total, Some(5));
}

#[tokio::test]
async fn upstream_requests_keep_to_the_rate() {
    let played = played().await;
    let upstream = Upstream::new(&Settings { rate: 50, ..played.upstream(None) }).expect("an address");
    let begun = std::time::Instant::now();
    for _ in 0..4 {
        upstream.first(&QUERY).await.expect("a page");
    }
    assert!(begun.elapsed() >= Duration::from_millis(60), "four requests at 50 a second take three intervals");
}
