//! Which requests nginx sends to the other instance after a failure.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::certificates::Kind;
use crate::deployment::fhir;
use crate::nginx::Nginx;
use crate::support::ports::ReservedPort;

/// Instances that read a request, answer it with this, and close: how often they were asked.
fn instances(answer: &'static str) -> ([SocketAddr; 2], Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let addresses = [(); 2].map(|()| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (address, asked) = (listener.local_addr().expect("its address"), asked.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 16 << 10]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        address
    });
    (addresses, asked)
}

#[tokio::test]
async fn proxy_interrupted_put_is_retried_and_post_is_not() {
    let (addresses, asked) = instances("");
    for (method, times) in [("PUT", 2), ("GET", 2), ("POST", 1)] {
        let Some(nginx) = Nginx::start(addresses) else { return };
        asked.store(0, Ordering::SeqCst);
        let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
        let method: reqwest::Method = method.parse().expect("a method");
        let failed = fhir(client.request(method.clone(), nginx.url("/fhir/Practitioner")).body("{}")).await;
        assert_eq!((failed.status.as_u16(), failed.code()), (502, "transient"), "{method}");
        assert_eq!(asked.load(Ordering::SeqCst), times, "{method}");
    }
}

#[tokio::test]
async fn proxy_refusal_of_one_instance_is_not_retried() {
    let (addresses, asked) = instances(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/fhir+json\r\nRetry-After: 5\r\n\
         Content-Length: 52\r\nConnection: close\r\n\r\n{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"code\":0}",
    );
    let Some(nginx) = Nginx::start(addresses) else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    let response = client.put(nginx.url("/fhir/Practitioner")).body("{}").send().await.expect("an answer");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn proxy_post_not_accepted_is_sent_to_the_other_instance() {
    let ([there, _], asked) = instances(
        "HTTP/1.1 201 Created\r\nContent-Type: application/fhir+json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    let away = ReservedPort::new().expect("a port");
    let Some(nginx) = Nginx::start([away.address(), there]) else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    for times in 1..=4 {
        let created = fhir(client.post(nginx.url("/fhir/Practitioner")).body("{}")).await;
        assert_eq!(created.status, 201);
        assert_eq!(asked.load(Ordering::SeqCst), times);
    }
}

#[tokio::test]
async fn proxy_non_repeatable_requests_use_a_new_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let Some(nginx) = Nginx::start([address, address]) else { return };
    let client = nginx.client(Some(&nginx.authority.client(Kind::Good)));
    let once = [("POST", None), ("PUT", Some("if-match")), ("PUT", Some("if-none-match"))];
    let repeatable = [("PUT", None), ("GET", None), ("GET", Some("if-none-match"))];
    for ((method, header), closes) in once.map(|it| (it, true)).into_iter().chain(repeatable.map(|it| (it, false))) {
        let listener = listener.try_clone().expect("a listener");
        let asked = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = vec![0; 16 << 10];
            let read = stream.read(&mut head).expect("a request");
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).expect("an answer");
            String::from_utf8_lossy(&head[..read]).to_ascii_lowercase()
        });
        let method: reqwest::Method = method.parse().expect("a method");
        let mut request = client.request(method.clone(), nginx.url("/fhir/Practitioner/1"));
        if let Some(header) = header {
            request = request.header(header, "W/\"1\"");
        }
        assert_eq!(request.send().await.expect("an answer").status(), 404);
        let head = asked.await.expect("it reads");
        assert_eq!(head.contains("\r\nconnection: close\r\n"), closes, "{method} {header:?}: {head}");
    }
}
