//! Tests of the middleware.

use axum::body::Body;
use axum::routing::get;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;

use super::*;
use crate::audit::AuditQueue;

#[tokio::test]
async fn panic_returns_500_and_the_connection_stays_open() {
    let broken = async || -> &'static str { panic!("in a handler, for a test") };
    let router = Router::new().route("/broken", get(broken)).route("/whole", get(async || "well"));
    let identification = Identification::open("http://sas.example.org/fhir");
    let (audit, mut events) = AuditQueue::without_task();
    let observer = Observer { audit, recorder: None, counters: Counters::new(crate::clock::Clock::system()) };
    let admission = Admission::new(
        identification.access.clone(),
        Bounds::default(),
        Permits::new(&Bounds::default()),
        Faults::off(),
    );
    let (admission, budget) = (Arc::new(admission), ResponseBudget::new(1 << 20, 0));
    let service = TowerToHyperService::new(with_middleware(router, admission, budget, identification, observer));
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(ours), service));
    let client = hyper::client::conn::http1::handshake(TokioIo::new(theirs));
    let (mut sender, connection) = client.await.expect("a connection");
    tokio::spawn(connection);
    for _ in 0..2 {
        for (path, status) in [("/broken", 500), ("/whole", 200)] {
            let request =
                Request::builder().uri(path).header("host", "localhost").header("x-request-id", "the-id-of-it");
            sender.ready().await.expect("the connection is open");
            let answer = sender.send_request(request.body(Body::empty()).expect("a request")).await.expect("an answer");
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["x-request-id"]),
                (status, &"the-id-of-it".parse().expect("a value"))
            );
            let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
            if status == 500 {
                let outcome: Value = serde_json::from_slice(&body).expect("JSON");
                assert_eq!(outcome["issue"][0]["details"]["coding"][0]["code"], "http-internal");
                let issue = &outcome["issue"][0];
                let text = issue["details"]["text"].as_str().expect("a text");
                assert_eq!(issue["diagnostics"], format!("{text} (X-Request-Id: the-id-of-it)"));
            }
        }
    }
    let audited: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.status).collect();
    assert_eq!(audited, [500, 200, 500, 200]);
}
