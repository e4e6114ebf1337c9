//! A receiver that remembers what it gets, and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// An answer, or what comes instead.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This status line, these header lines.
    Status(&'static str, &'static str),
    /// 200 with so many bytes.
    Huge(usize),
    /// 200, and the end of the connection in the middle of the body.
    CutShort,
    /// The end of the connection.
    Close,
    /// Nothing, until the other side closes.
    Hang,
}

pub const NO_CONTENT: Reply = Reply::Status("204 No Content", "");

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether it was answered 2xx.
    pub accepted: bool,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn position(&self) -> i64 {
        self.json()["data"]["position"].as_i64().expect("a position")
    }
}

#[derive(Default)]
struct Memory {
    received: Vec<Received>,
    replies: VecDeque<Reply>,
    /// When there is no other.
    standing: Option<Reply>,
}

/// A server for one test; it ends with it.
pub struct Receiver {
    pub address: String,
    memory: Arc<Mutex<Memory>>,
    is_over: Arc<AtomicBool>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (memory, is_over) = (Arc::<Mutex<Memory>>::default(), Arc::new(AtomicBool::new(false)));
        let (shared, over) = (memory.clone(), is_over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, memory) = (stream.expect("a connection"), shared.clone());
                std::thread::spawn(move || serve(stream, &memory));
            }
        });
        Self { address, memory, is_over }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?key=s3cret", self.address)
    }

    /// The next answers; then 204.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.memory().replies.extend(replies);
    }

    /// The answer from now on.
    pub fn always(&self, reply: Reply) {
        self.memory().standing = Some(reply);
    }

    pub fn received(&self) -> Vec<Received> {
        self.memory().received.clone()
    }

    /// The positions of all events, in the order of their arrival.
    pub fn positions(&self) -> Vec<i64> {
        self.received().iter().map(Received::position).collect()
    }

    /// The same of those that were accepted.
    pub fn accepted(&self) -> Vec<i64> {
        self.received().iter().filter(|received| received.accepted).map(Received::position).collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the requests of a connection.
fn serve(stream: TcpStream, memory: &Mutex<Memory>) {
    // An answer in several parts would wait for the other side's acknowledgement of the first, 40 ms.
    stream.set_nodelay(true).expect("a connection");
    let mut answers = stream.try_clone().expect("a connection");
    let mut requests = BufReader::new(stream);
    while let Some((headers, body)) = read(&mut requests) {
        let reply = {
            let mut memory = lock(memory);
            let reply = memory.replies.pop_front().or_else(|| memory.standing.clone()).unwrap_or(NO_CONTENT);
            let accepted = match reply {
                Reply::Status(status, _) => status.starts_with('2'),
                Reply::Huge(_) | Reply::CutShort => true,
                Reply::Close | Reply::Hang => false,
            };
            memory.received.push(Received { headers, body, accepted });
            reply
        };
        let written = match reply {
            Reply::Status(status, headers) => {
                write!(answers, "HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n")
            }
            Reply::Huge(bytes) => write!(answers, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")
                .and_then(|()| answers.write_all(&vec![b'x'; bytes])),
            Reply::CutShort => {
                let _ = write!(answers, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nxxx");
                return;
            }
            Reply::Close => return,
            Reply::Hang => {
                let _ = requests.read(&mut [0]);
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}

/// A request; `None` where the connection ends.
fn read(requests: &mut BufReader<TcpStream>) -> Option<(HeaderMap, Vec<u8>)> {
    let (mut headers, mut line) = (HeaderMap::new(), String::new());
    requests.read_line(&mut line).ok().filter(|length| *length > 0)?;
    assert!(line.starts_with("POST /hook"), "{line}");
    loop {
        line.clear();
        requests.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name: HeaderName = name.parse().expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    requests.read_exact(&mut body).ok()?;
    Some((headers, body))
}
