//! Faults that cut a connection over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::certificates::Kind;
use crate::client::connect_by;
use crate::files::Files;
use crate::program::Program;

fn arm(program: &Program, kind: &str) {
    let body = format!("{{\"kind\": \"{kind}\"}}");
    let mut stream = TcpStream::connect(program.ops).expect("it listens");
    write!(
        stream,
        "POST /console/api/faults HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

/// What arrives of the capabilities before the connection ends, however it ends.
async fn arrived(program: &Program, files: &Files, version: &'static rustls::SupportedProtocolVersion) -> String {
    let good = files.authority.client(Kind::Good);
    let mut stream = connect_by(program.address, &files.authority, Some(&good), &[version]).await.expect("believed");
    stream.write_all(b"GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("written");
    let mut arrived = vec![];
    // A client takes an end without `close_notify` for an error.
    let _ = stream.read_to_end(&mut arrived).await;
    String::from_utf8(arrived).expect("UTF-8")
}

#[tokio::test]
async fn fault_cuts_a_connection_over_tls_as_it_does_without() {
    let files = Files::new();
    let (program, _) = Program::start(&files);
    for version in [&TLS12, &TLS13] {
        arm(&program, "cut-before");
        assert_eq!(arrived(&program, &files, version).await, "", "{version:?}");
        arm(&program, "cut-in-answer");
        let half = arrived(&program, &files, version).await;
        let (head, body) = half.split_once("\r\n\r\n").expect("a head");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        assert_eq!(body.len(), length.parse::<usize>().expect("a number") / 2, "{version:?}: {head}");
        assert!(head.contains("x-sas-fault: cut-in-answer"), "{head}");
    }
    assert!(program.ops("/metrics").contains("sas_faults_total{kind=\"cut-before\"} 2"));
}
