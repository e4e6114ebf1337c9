//! Conditional updates of accounts, prepared as bytes: before each request, only its identifiers and a name change.

use std::io::Write;

use sas_endpoint::fhir::identifier::INTRN;
use sas_endpoint::fhir::resource_type::ResourceType;

use super::bodies;
use super::measured::Random;

/// The identifiers in the body of the fixtures.
const FIXTURE_INTRN: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
const FIXTURE_IDNPS: &str = "3620100057/48211AB";

/// Text of the same width in the prepared request, where it occurs nowhere else.
const INTRN_PLACE: &str = "IIIIIIII-IIII-IIII-IIII-IIIIIIIIIIII";
const IDNPS_PLACE: &str = "NNNNNNNNNNNN";
const REVISION_PLACE: &str = "RRRRRRRRRR";

/// Account numbers are dealt out in turn: each connection writes its own, so that its updates follow its creations.
const MAX_CONNECTIONS: u64 = 1024;

/// The accounts that exist, and how many requests were made.
#[derive(Default)]
pub struct Accounts {
    /// The number of accounts of each connection.
    created: Vec<u64>,
    requests: u64,
    random: Random,
}

/// A request in the making.
pub struct Request {
    bytes: Vec<u8>,
    intrn: Vec<usize>,
    idnps: Vec<usize>,
    revision: Vec<usize>,
}

impl Accounts {
    /// Prepares for this many connections, beside those that there were.
    pub fn expect(&mut self, connections: usize) {
        self.created.resize(self.created.len().max(connections), 0);
    }

    /// Makes the request of a connection, for a new account or for any of those that it has created.
    pub fn prepare(&mut self, request: &mut Request, connection: usize, creates: bool) {
        let created = self.created[connection];
        let of_connection = if creates { created } else { self.random.below(created) };
        self.requests += 1;
        request.set(of_connection * MAX_CONNECTIONS + connection as u64, self.requests);
    }

    /// Counts the account that the last request of this connection created.
    pub fn created(&mut self, connection: usize) {
        self.created[connection] += 1;
    }

    /// Whether the connection has created an account.
    pub fn has_any(&self, connection: usize) -> bool {
        self.created[connection] > 0
    }
}

impl Request {
    pub fn new() -> Self {
        let body = bodies::body(ResourceType::Practitioner).replace(FIXTURE_INTRN, INTRN_PLACE);
        let body =
            body.replace(FIXTURE_IDNPS, IDNPS_PLACE).replace("\"Nadia\"", &format!("\"Nadia {REVISION_PLACE}\""));
        let bytes = format!(
            "PUT /fhir/Practitioner?identifier={INTRN}%7C{INTRN_PLACE} HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/fhir+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
        let places = |text: &str| -> Vec<usize> {
            let places = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text.as_bytes());
            places.map(|(place, _)| place).collect()
        };
        let [intrn, idnps, revision] = [INTRN_PLACE, IDNPS_PLACE, REVISION_PLACE].map(places);
        Self { bytes, intrn, idnps, revision }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body of the request.
    pub fn body(&self) -> &[u8] {
        let head = self.bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        &self.bytes[head + 4..]
    }

    /// Sets the account's identifiers, whose INTRN is in no order, and a revision, so that no body is sent twice. All
    /// accounts share one identifier of another system than the SAS's, as accounts of one region may.
    pub fn set(&mut self, account: u64, revision: u64) {
        let scattered = (u128::from(account) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let intrn = uuid::Builder::from_random_bytes(scattered.to_be_bytes()).into_uuid().hyphenated();
        for &place in &self.intrn {
            intrn.encode_lower(&mut self.bytes[place..]);
        }
        for &place in &self.idnps {
            write!(&mut self.bytes[place..], "8{account:011}").expect("there is room");
        }
        for &place in &self.revision {
            write!(&mut self.bytes[place..], "{revision:010}").expect("there is room");
        }
    }
}
