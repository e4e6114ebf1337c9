//! Writes accounts over keep-alive connections, each of which waits for one answer before its next request.
//!
//! Client and server share the cores of one machine: what the client uses, the server lacks. So requests are prepared
//! as bytes, one thread serves all connections through one epoll, and of an answer only the status and the length
//! are read.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Failure;
use super::accounts::{Accounts, Request};
use super::measured::Measured;
use super::server::processor_time;

/// What happens before this is not counted: caches and connections are filled.
const WARMING_UP: Duration = Duration::from_secs(1);

/// A server that sends nothing for this long sends nothing any more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes over `connections` for a while: every other request creates an account, the others update one that the
/// connection has created before. `server` is the process whose time is measured.
pub fn put(
    address: SocketAddr,
    server: u32,
    accounts: &mut Accounts,
    connections: usize,
    duration: Duration,
) -> Result<Measured, Failure> {
    let counted_from = Instant::now() + WARMING_UP;
    let until = counted_from + duration;
    // At the beginning and at the end.
    let mut times = vec![];
    let goes_on = |now| {
        if now >= [counted_from, until][times.len().min(1)] && times.len() < 2 {
            times.push((processor_time(server)?, processor_time(std::process::id())?));
        }
        Ok(now < until)
    };
    let mut measured = run(address, accounts, connections, |end| (counted_from..until).contains(&end), goes_on)?;
    let [before, after] = times[..] else { return Err("no answer came in time".into()) };
    measured.server_time = after.0.saturating_sub(before.0);
    measured.client_time = after.1.saturating_sub(before.1);
    Ok(measured.lasting(duration))
}

/// The same for as long as `goes_on`; what ended in the first second is not counted.
pub fn put_while(
    address: SocketAddr,
    accounts: &mut Accounts,
    connections: usize,
    goes_on: impl Fn() -> bool,
) -> Result<Measured, Failure> {
    let counted_from = Instant::now() + WARMING_UP;
    let measured = run(address, accounts, connections, |end| end >= counted_from, |_| Ok(goes_on()))?;
    Ok(measured.lasting(counted_from.elapsed()))
}

/// This many writes, all of which are counted.
pub fn put_many(
    address: SocketAddr,
    accounts: &mut Accounts,
    connections: usize,
    writes: usize,
) -> Result<Measured, Failure> {
    let (start, mut left) = (Instant::now(), writes);
    let goes_on = |_| Ok(left.checked_sub(1).inspect(|&less| left = less).is_some());
    Ok(run(address, accounts, connections, |_| true, goes_on)?.lasting(start.elapsed()))
}

/// Connects them all, and lets each write as long as this `goes_on`.
fn run(
    address: SocketAddr,
    accounts: &mut Accounts,
    connections: usize,
    is_counted: impl Fn(Instant) -> bool,
    mut goes_on: impl FnMut(Instant) -> Result<bool, Failure>,
) -> Result<Measured, Failure> {
    let mut poll = Poll::new()?;
    let mut clients = vec![];
    for number in 0..connections {
        let mut client = Client::connect(address, number)?;
        poll.registry().register(&mut client.stream, Token(number), Interest::READABLE)?;
        clients.push(client);
    }
    accounts.expect(connections);
    let mut waiting = 0;
    for client in &mut clients {
        if goes_on(Instant::now())? {
            client.send(accounts)?;
            waiting += 1;
        }
    }
    let (mut latencies, mut failures) = (vec![], 0);
    let mut events = Events::with_capacity(connections);
    while waiting > 0 {
        poll.poll(&mut events, Some(ANSWER_TIMEOUT))?;
        if events.is_empty() {
            return Err("the server does not answer".into());
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            let Some(status) = client.answer.read(&mut client.stream)? else { continue };
            let now = Instant::now();
            if status == client.expected() {
                if client.creates {
                    accounts.created(client.number);
                }
                if is_counted(now) {
                    latencies.push(now.saturating_duration_since(client.start));
                }
            } else {
                failures += 1;
                if failures == 1 {
                    eprintln!("{} was expected: {}", client.expected(), client.answer.text());
                }
            }
            match goes_on(now)? {
                true => client.send(accounts)?,
                false => waiting -= 1,
            }
        }
    }
    let mut measured = Measured::of(latencies);
    measured.failures = failures;
    Ok(measured)
}

/// One connection.
struct Client {
    number: usize,
    stream: TcpStream,
    request: Request,
    answer: Answer,
    creates: bool,
    start: Instant,
}

impl Client {
    fn connect(address: SocketAddr, number: usize) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        let (request, answer) = (Request::new(), Answer::default());
        Ok(Self { number, stream, request, answer, creates: false, start: Instant::now() })
    }

    fn send(&mut self, accounts: &mut Accounts) -> Result<(), Failure> {
        self.creates = !self.creates || !accounts.has_any(self.number);
        accounts.prepare(&mut self.request, self.number, self.creates);
        self.start = Instant::now();
        // The buffer of the socket is empty, and larger.
        match self.stream.write(self.request.bytes())? == self.request.bytes().len() {
            true => Ok(()),
            false => Err("a request was sent in part".into()),
        }
    }

    /// The status of success.
    fn expected(&self) -> u16 {
        if self.creates { 201 } else { 200 }
    }
}

/// The bytes of an answer as they come.
struct Answer {
    buffer: Vec<u8>,
    filled: usize,
    /// Its status and its length, once its head has come.
    head: Option<(u16, usize)>,
}

impl Default for Answer {
    fn default() -> Self {
        Self { buffer: vec![0; 32 << 10], filled: 0, head: None }
    }
}

impl Answer {
    /// Its status once all of it has come.
    fn read(&mut self, stream: &mut TcpStream) -> Result<Option<u16>, Failure> {
        if self.head.is_some_and(|(_, length)| self.filled == length) {
            (self.filled, self.head) = (0, None);
        }
        loop {
            match stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err(format!("a connection was closed: {}", self.text()).into()),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if self.head.is_none() {
                self.head = parse_head(&self.buffer[..self.filled])?;
            }
            if let Some((status, length)) = self.head {
                if self.filled == length {
                    return Ok(Some(status));
                }
                self.buffer.resize(self.buffer.len().max(length), 0);
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.filled]).into_owned()
    }
}

/// The status of an answer, and its length with its head; `None` before the end of the head.
fn parse_head(answer: &[u8]) -> Result<Option<(u16, usize)>, Failure> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end])?;
    let status = head.get(9..12).ok_or("an answer without a status")?.parse()?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value).next();
    let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
    Ok(Some((status, end + 4 + length)))
}
