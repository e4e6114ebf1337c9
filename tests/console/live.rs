//! What comes while somebody looks: the stream of exchanges and changes; plots and last refusals on the first page.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::exchanges::{REGULATOR, Target};
use crate::html;
use crate::server::Setup;
use crate::support::Backend;

const INTRN: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

/// A request whose answer has no end.
struct Stream {
    connection: TcpStream,
    received: String,
}

impl Stream {
    async fn open(address: &str, path: &str, header: &str) -> Self {
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Language: en\r\n{header}\r\n");
        connection.write_all(request.as_bytes()).await.expect("sent");
        Self { connection, received: String::new() }
    }

    /// Reads on until this text has come, or the end.
    async fn read_until(&mut self, text: &str) -> &str {
        let mut part = [0; 4096];
        while !self.received.contains(text) {
            match self.connection.read(&mut part).await.expect("readable") {
                0 => break,
                length => self.received.push_str(&String::from_utf8_lossy(&part[..length])),
            }
        }
        &self.received
    }
}

/// The path of the stream that a page names by this attribute.
fn stream_of(page: &str, attribute: &str) -> String {
    let named = html::parse(page).into_iter().find(|element| !element.attribute(attribute).is_empty());
    named.expect("the page names its stream").attribute(attribute).replace("&amp;", "&")
}

async fn stream_has_what_comes(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    let address = target.serving.ops_address.clone();
    target.put(INTRN, "{}").await.expect(400);
    let path = stream_of(&target.exchanges("status=4xx", 1).await, "data-stream");
    let mut refusals = Stream::open(&address, &path, "").await;
    let mut all = Stream::open(&address, "/console/stream?after=0", "").await;
    assert!(all.read_until("event: exchange\nid: 1\n").await.contains("text/event-stream"));
    refusals.read_until("\r\n\r\n").await;
    target.put(INTRN, REGULATOR).await.expect(201);
    assert!(all.read_until("id: 2\n").await.contains(">201</td>"));
    target.put(INTRN, "[]").await.expect(400);
    let received = refusals.read_until("id: 3\n").await;
    assert!(!received.contains("id: 1\n") && !received.contains("id: 2\n"), "{received}");
    // From where it stopped.
    let mut again = Stream::open(&address, "/console/stream", "Last-Event-ID: 2\r\n").await;
    let received = again.read_until("id: 3\n").await;
    assert!(received.contains("id: 3\n") && !received.contains("id: 2\n"), "{received}");
    // Streams do not keep the server from its stop.
    assert_eq!(target.serving.stop().0, Some(0));
    all.read_until("never").await;
}

#[tokio::test]
async fn console_stream_has_the_exchanges_and_changes_that_come_on_sqlite() {
    stream_has_what_comes(Backend::Sqlite).await;
}

#[tokio::test]
async fn console_stream_has_the_exchanges_and_changes_that_come_on_postgres() {
    stream_has_what_comes(Backend::Postgres).await;
}

async fn filtered_stream_is_whole_behind_many_others(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    let address = target.serving.ops_address.clone();
    target.put(INTRN, "{}").await.expect(400);
    for _ in 0..60 {
        target.send("GET", "/fhir/metadata", &[], "").await.expect(200);
    }
    target.exchanges("", 50).await;
    for (query, rows) in [("interaction=read", 0), ("status=400", 2)] {
        let page = target.exchanges(query, rows).await;
        let mut stream = Stream::open(&address, &stream_of(&page, "data-stream"), "").await;
        stream.read_until("\r\n\r\n").await;
        target.put(INTRN, "{}").await.expect(400);
        target.send("GET", "/fhir/Practitioner/unknown", &[], "").await.expect(404);
        // Neither one that the page has, nor that something is missing.
        let received = stream.read_until("</tr>").await;
        assert!(received.matches("event: ").count() == 1 && received.contains("event: exchange"), "{query} {received}");
    }
}

#[tokio::test]
async fn console_stream_with_a_filter_misses_nothing_behind_many_others_on_sqlite() {
    filtered_stream_is_whole_behind_many_others(Backend::Sqlite).await;
}

#[tokio::test]
async fn console_stream_with_a_filter_misses_nothing_behind_many_others_on_postgres() {
    filtered_stream_is_whole_behind_many_others(Backend::Postgres).await;
}

async fn stream_of_changes_goes_on_where_the_page_ends(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    let address = target.serving.ops_address.clone();
    target.put(INTRN, REGULATOR).await.expect(201);
    let path = stream_of(&target.page("/console/accounts").await.expect(200).text, "data-changes");
    assert_eq!(path, "/console/stream?only=changes&after=1");
    // One before the stream, and one while it is read.
    for (number, event) in [(2, "event: change\nid: 2\ndata: 2\n\n"), (3, "event: change\nid: 3\ndata: 3\n\n")] {
        target.put(INTRN, &REGULATOR.replace("AUBERT", &format!("AUBERT {number}"))).await.expect(200);
        let mut stream = Stream::open(&address, &path, "").await;
        stream.read_until(event).await;
    }
    let mut stream = Stream::open(&address, &path, "Last-Event-ID: 3\r\n").await;
    stream.read_until("\r\n\r\n").await;
    target.put(INTRN, REGULATOR).await.expect(200);
    let received = stream.read_until("data: 4").await;
    assert_eq!(received.matches("event: change").count(), 1, "{received}");
}

#[tokio::test]
async fn console_stream_of_changes_goes_on_where_the_page_ends_on_sqlite() {
    stream_of_changes_goes_on_where_the_page_ends(Backend::Sqlite).await;
}

#[tokio::test]
async fn console_stream_of_changes_goes_on_where_the_page_ends_on_postgres() {
    stream_of_changes_goes_on_where_the_page_ends(Backend::Postgres).await;
}

#[tokio::test]
async fn console_streams_are_32_at_most_and_hold_no_permit_of_a_page() {
    let console = Setup::open().start().await;
    let address = console.address.to_string();
    let mut streams = vec![];
    for _ in 0..32 {
        let mut stream = Stream::open(&address, "/console/stream", "").await;
        assert!(stream.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        streams.push(stream);
    }
    let refused = console.get("/console/stream").await.expect(503);
    assert!((5..=12).contains(&refused.header("retry-after").parse().expect("seconds")));
    console.get("/console/rules").await.expect(200);
    streams.pop();
    let mut stream = None;
    // The server notices the end of the connection a moment later.
    crate::support::polling::poll_until("there is room again", async || {
        let mut next = Stream::open(&address, "/console/stream", "").await;
        let is_open = next.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200");
        stream = Some(next).filter(|_| is_open);
        is_open
    })
    .await;
}

#[tokio::test]
async fn console_stream_needs_a_session_and_does_not_prolong_it() {
    let console = Setup::default().start().await;
    console.get("/console/stream").await.expect(303);
    let cookie = console.session().await;
    console.advance_minutes(29);
    let mut stream =
        Stream::open(&console.address.to_string(), "/console/stream", &format!("Cookie: {cookie}\r\n")).await;
    assert!(stream.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    console.advance_minutes(2);
    console.request("GET", "/console", &[("cookie", &cookie)], "").await.expect(303);
}

#[tokio::test]
async fn console_first_page_has_plots_and_the_last_refusals() {
    for journal in ["full", "off"] {
        let target = Target::start(Backend::Sqlite, &["--journal", journal]).await.expect("SQLite is always there");
        let empty = target.page("/console").await.expect(200).text;
        html::check(&empty, "en");
        assert!(empty.contains("No answer in this period") && empty.contains("No refusal is kept"), "{empty}");
        target.put(INTRN, REGULATOR).await.expect(201);
        target.put(INTRN, "{}").await.expect(400);
        target.exchanges("status=400", 1).await;
        for path in ["/console", "/console?hours=24&lang=en"] {
            let page = target.page(path).await.expect(200).text;
            html::check(&page, "en");
            assert_eq!(page.matches("<svg class=\"plot\"").count(), 2, "{page}");
            assert!(page.contains("<rect class=\"s2\"") && page.contains("<rect class=\"s4\""), "{page}");
            assert!(page.contains("/console/rules#rule-") && page.contains("Last refusals"), "{page}");
            assert!(page.contains("/console/exchanges/"), "{page}");
        }
    }
}
