//! The commands that the page of an exchange shows, run by `sh`: the bytes of the request arrive once more.
//!
//! Needs Debian's curl. `SAS_TEST_CURL=required` turns its absence from a remark into a failure, `skip` leaves these tests out.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::exchanges::{Target, until};
use crate::html;
use crate::support::{Backend, folder};

/// The token in the environment of the commands.
const TOKEN: &str = "s3cret'\"$x";

/// Whether commands can be run; where not, it is said.
pub fn is_installed() -> bool {
    let wanted = std::env::var("SAS_TEST_CURL").unwrap_or_default();
    let is_installed = Command::new("curl").arg("--version").output().is_ok();
    let reason = match (wanted.as_str(), is_installed) {
        ("skip", _) => "SAS_TEST_CURL=skip",
        (_, false) => "curl is not installed (Debian: apt-get install curl)",
        (_, true) => return true,
    };
    assert_ne!(wanted, "required", "no command can be run: {reason}");
    // Past the harness's capture: it is to be seen even where every test passes.
    let _ = writeln!(std::io::stderr(), "The tests of commands with curl are skipped: {reason}.");
    false
}

/// A request as it arrived.
#[derive(Debug, PartialEq, Eq)]
struct Arrived {
    request_line: String,
    /// In the order of their names; without those of the connection.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A request of a client, and how its command sends the body.
struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    is_file: bool,
}

impl Sent {
    fn put(query: &str, body: impl Into<Vec<u8>>, is_file: bool) -> Self {
        let target = format!("/fhir/Practitioner?identifier={query}");
        let headers = vec![("content-type", "application/fhir+json"), ("accept", "*/*")];
        Self { method: "PUT", target, headers, body: body.into(), is_file }
    }

    fn read(method: &'static str, target: &str, headers: &[(&'static str, &'static str)]) -> Self {
        Self { method, target: target.to_owned(), headers: headers.to_vec(), body: vec![], is_file: false }
    }

    /// The bytes of the request with this id.
    fn bytes(&self, id: &str, host: &str) -> Vec<u8> {
        let host = [("host", host), ("connection", "close"), ("x-request-id", id)];
        let length = self.body.len().to_string();
        let length = (!self.body.is_empty()).then_some(("content-length", &*length));
        let headers = self.headers.iter().copied().chain(host).chain(length);
        let headers: String = headers.map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
        let head = format!("{} {} HTTP/1.1\r\n{headers}\r\n", self.method, self.target);
        [head.as_bytes(), &self.body].concat()
    }

    /// The same as it should arrive.
    fn arrived(&self, id: &str) -> Arrived {
        let own = [("x-request-id", id)];
        let headers = self.headers.iter().chain(&own);
        let mut headers: Vec<_> = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.sort();
        let request_line = format!("{} {} HTTP/1.1", self.method, self.target);
        Arrived { request_line, headers, body: self.body.clone() }
    }
}

/// Reads a request, and answers it.
async fn receive(listener: TcpListener) -> Arrived {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut bytes = vec![];
    let end = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.expect("bytes"), 0, "a whole head");
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("UTF-8");
    let (request_line, lines) = head.split_once("\r\n").expect("headers");
    let headers = lines.split("\r\n").map(|line| line.split_once(':').expect("a header"));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let (of_connection, mut headers): (Vec<_>, Vec<_>) =
        headers.partition(|(name, _)| ["host", "content-length"].contains(&name.as_str()));
    headers.sort();
    let length = of_connection.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, length)| length.parse().expect("a number"));
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        assert_ne!(stream.read_buf(&mut body).await.expect("bytes"), 0, "a whole body");
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.expect("answered");
    Arrived { request_line: request_line.to_owned(), headers, body }
}

/// What is answered to these bytes, until the connection is closed.
async fn answer_to(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await.expect("an answer");
    answer
}

/// Downloads the body beside the command of this page into the folder, by the name that the page gives it.
async fn download_body(target: &Target, page: &str, folder: &Path) {
    let mut links = html::parse(page).into_iter();
    let is_body = |link: &html::Element| link.attribute("href").contains(".body");
    let link = links.find(is_body).expect("a download");
    let host = &target.serving.ops_address;
    let request = format!("GET {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n", link.attribute("href"));
    let answer = answer_to(host, request.as_bytes()).await;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..end]));
    std::fs::write(folder.join(link.attribute("download")), &answer[end + 4..]).expect("written");
}

/// Runs the command in the folder; what arrives at the other end, which stands in for the listener that the command names.
async fn run(command: &str, origin: &str, folder: &Path) -> Arrived {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    assert!(command.contains(&format!("http://{origin}/")), "{command}");
    let receiving = tokio::spawn(receive(listener));
    let mut shell = Command::new("sh");
    shell.args(["-c", &command.replace(origin, &address)]).current_dir(folder).env("TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || shell.output().expect("sh runs")).await.expect("it runs");
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    receiving.await.expect("a request")
}

/// Requests whose every byte could mislead a shell, curl or a page.
fn requests() -> Vec<Sent> {
    let large = |length| format!("{{\"a\": \"{}\"}}", "x'".repeat(length));
    let (json, authorization) = (("content-type", "application/json"), ("authorization", "Bearer other"));
    vec![
        Sent::put("it's%7C$(touch%20x)`y`\\!", "{\"a\": \"it's $(touch x) `touch y` \\\\ \\n ! ~ $HOME %s\"}", false),
        Sent::put("[1-3]{a,b}/../c/./d/../../e", "@/etc/passwd", false),
        Sent::put("/^~x", "@\n<\n-", false),
        Sent::put("x;touch%20x|z*?", "'\\''\n\n\t\"é\": \"€ 😀\"\n\n", false),
        Sent::put("x", "\u{feff}{}", false),
        Sent::put("x", "{\r\n}\r\n", true),
        Sent::put("x", "{\"a\": \"\u{0}\u{1b}[2J\u{7f}\"}", true),
        Sent::put("x", "{\"a\": \"\u{202e}\u{2066}\u{200f}\"}", true),
        Sent::put("x", b"{\"a\": \"\xff\xfe\xc0\x80\"}".to_vec(), true),
        Sent::put("x", large(8 << 10), false),
        Sent::put("x", large(17 << 10), true),
        Sent { headers: vec![json, authorization, ("accept-language", "")], ..Sent::put("x", "&a=%00+", false) },
        Sent { headers: vec![json, ("user-agent", "it's \"$HOME\" `x` \\ ;")], ..Sent::put("x", "@", false) },
        Sent::read(
            "GET",
            "/fhir/Practitioner?name=a'bé&touch=x&",
            &[("accept", "text/html, */*;q=0.1"), ("accept-language", "")],
        ),
        Sent::read("GET", "/fhir/../console/\"{x}[0-9]", &[authorization]),
        Sent::read(
            "HEAD",
            "/fhir/Practitioner?name=%24%28touch%20x%29",
            &[authorization, ("if-none-match", "W/\"1\"")],
        ),
    ]
}

#[tokio::test]
async fn exchange_as_curl_sends_the_same_bytes() {
    if !is_installed() {
        return;
    }
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let origin = target.serving.address.clone();
    for (number, mut sent) in (0_u64..).zip(requests()) {
        // Random ids are kept as they are.
        let id = format!("4bf92f3577b34da6{:016x}", number.wrapping_add(0xa3ce_929d_0e0e_4736));
        let answer = answer_to(&origin, &sent.bytes(&id, &origin)).await;
        assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
        let what = format!("{} {} is kept", sent.method, sent.target);
        let page = until(&what, async || {
            let page = target.page(&format!("/console/exchanges/{id}")).await;
            (page.status == 200 && page.text.contains("<pre")).then_some(page.text)
        })
        .await;
        let command = html::parse(&page).into_iter().find(|element| element.name == "pre").expect("a command").text;
        assert_eq!(command.contains("--data-binary"), sent.is_file, "{command}");
        assert_eq!(command.contains("--data-raw"), !sent.is_file && !sent.body.is_empty(), "{command}");
        assert!(!command.contains("Bearer other"), "{command}");
        let folder = folder("curl");
        if sent.is_file {
            download_body(&target, &page, folder.path()).await;
        }
        let arrived = run(&command, &origin, folder.path()).await;
        let bearer = format!("Bearer {TOKEN}").leak();
        for header in sent.headers.iter_mut().filter(|(name, _)| *name == "authorization") {
            header.1 = bearer;
        }
        assert_eq!(arrived, sent.arrived(&id), "{command}");
        let files = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(files, usize::from(sent.is_file), "the shell has run nothing else: {command}");
    }
}

#[tokio::test]
async fn exchange_whose_target_or_header_a_page_cannot_show_as_it_is_has_no_command() {
    let target = Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there");
    let address = target.serving.address.clone();
    let get = |query: &str, header: &'static str| {
        Sent::read("GET", &format!("/fhir/Practitioner?name={query}"), &[("user-agent", header)])
    };
    for (number, (sent, has_command)) in
        [(get("\u{e9}", "a"), true), (get("\u{202e}", "a"), false), (get("a", "\u{202e}"), false)]
            .into_iter()
            .enumerate()
    {
        let id = format!("9d1c0b7e52f84c3aa6b7f0e19c2d48{number:02x}");
        answer_to(&address, &sent.bytes(&id, &address)).await;
        let page = until("it is kept", async || {
            let page = target.page(&format!("/console/exchanges/{id}")).await;
            (page.status == 200).then_some(page.text)
        })
        .await;
        html::check(&page, "en");
        assert_eq!(page.contains("<pre"), has_command, "{page}");
    }
}
