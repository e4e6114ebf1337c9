//! The identifiers of an audit event, hashed, and the keys by which events are looked up.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fhir::identifier::{IDNPS, INS, INTRN};

/// An identifier in a request: its system, and a hash instead of its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashedIdentifier {
    /// The assigning authority, if there is one that may be kept unhashed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system: Option<String>,
    /// HMAC-SHA-256 of the comparable `system|value`, or of `|value` without a system, cut to 128
    /// bits, in hexadecimal. Absent for a system without value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hash: Option<String>,
}

impl HashedIdentifier {
    /// The key under which events with this identifier are found.
    pub(crate) fn lookup_key(&self) -> Option<LookupKey> {
        LookupKey::from_hash(self.hash.as_deref()?)
    }
}

/// The key under which events are found: the first 64 bits of the hash of an identifier or of `Type/id`. Two
/// hashes may share them, so the reader of an event checks its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupKey(pub i64);

impl LookupKey {
    /// The key of a hash.
    pub fn from_hash(hexadecimal: &str) -> Option<Self> {
        u64::from_str_radix(hexadecimal.get(..16)?, 16).ok().map(|bits| Self(bits.cast_signed()))
    }

    /// The key of a resource whose id the server assigned. It is not keyed: such an id identifies no person, and is found
    /// whatever the key.
    pub(crate) fn from_resource(resource_type: &str, id: &str) -> Self {
        let digest = Sha256::digest(format!("{resource_type}/{id}"));
        let bits = digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        Self(bits.cast_signed())
    }
}

/// Systems of identifiers of persons and structures: an OID below one of them is an identifier.
const KNOWN_SYSTEMS: [&str; 3] = [IDNPS, INTRN, "urn:oid:1.2.250.1.71.4.2.2"];

/// Roots below which organisations receive OIDs: ISO members, IANA's enterprises, countries, examples.
const OID_ROOTS: [&str; 4] = ["1.2.", "1.3.6.1.", "2.16.", "2.999."];

/// Maximum length of a host in an event, in characters.
const MAX_HOST: usize = 64;

/// The part of a system that may be kept unhashed. The client chooses the text, which may be a value, an address or a
/// name. Well-formed OIDs are kept; of a URL, scheme and host.
pub fn safe_system(system: &str) -> Option<String> {
    if let Some(arc) = system.strip_prefix(INS) {
        let is_system = (1..=2).contains(&arc.len()) && arc.bytes().all(|byte| byte.is_ascii_digit());
        return is_system.then(|| system.to_owned());
    }
    if let Some(oid) = system.strip_prefix("urn:oid:") {
        let is_below = |known: &&str| system.strip_prefix(*known).is_some_and(|rest| rest.starts_with('.'));
        let is_shown = is_safe_oid(oid) && !KNOWN_SYSTEMS.iter().any(is_below);
        return is_shown.then(|| system.to_owned());
    }
    let (scheme, rest) = system.split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && is_safe_host(host)).then(|| format!("{scheme}://{host}"))
}

/// Whether an OID has the form of a system: legal, below a root that gives OIDs to organisations, of few and short
/// arcs. A telephone number, or an identifier appended to its system, has another form.
fn is_safe_oid(oid: &str) -> bool {
    let is_arc = |arc: &str| {
        (1..=6).contains(&arc.len())
            && arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    let arcs = oid.split('.').count();
    oid.len() <= 64
        && (4..=16).contains(&arcs)
        && oid.split('.').all(is_arc)
        && OID_ROOTS.iter().any(|root| oid.starts_with(root))
}

/// Whether this is a domain name in lower case, without numbers that may identify a person.
fn is_safe_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let digits = label.bytes().filter(u8::is_ascii_digit).count();
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && digits < 6
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= MAX_HOST
        && host.contains('.')
        && host.split('.').all(is_label)
        && last.len() >= 2
        && last.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Whether an id has the form of those that the server assigns: a UUID of version 7, which identifies no person. Any other
/// may be a name, or the INTRN of an account.
pub fn is_server_id(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.get_version_num() == 7 && uuid.hyphenated().to_string() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup_key_is_the_beginning_of_a_hash() {
        assert_eq!(LookupKey::from_hash("ffffffffffffffff0000000000000000"), Some(LookupKey(-1)));
        assert_eq!(LookupKey::from_hash("short"), None);
        // printf 'Practitioner/1' | sha256sum
        assert_eq!(LookupKey::from_resource("Practitioner", "1"), LookupKey(8_857_242_042_538_056_637));
    }

    #[test]
    fn system_is_shown_as_an_oid_of_legal_form_or_as_the_host_of_a_url() {
        for oid in [
            "urn:oid:1.2.250.1.71.4.2.1",
            "urn:oid:1.2.250.1.213.3.6",
            "urn:oid:1.2.250.1.213.1.4.8",
            "urn:oid:1.2.250.1.213.1.4.10",
            "urn:oid:2.16.840.1.113883.4.6",
            "urn:oid:1.3.6.1.4.1.343",
            "urn:oid:2.999.1.0",
        ] {
            assert_eq!(safe_system(oid).as_deref(), Some(oid));
        }
        for (url, host) in [
            ("https://agenda.example.org", "https://agenda.example.org"),
            ("https://agenda.example.org/rdv", "https://agenda.example.org"),
            ("https://example.org/NAME", "https://example.org"),
            ("http://agenda.example.org:8443/NAME?family=NAME#NAME", "http://agenda.example.org"),
            ("https://a.org?name=NAME", "https://a.org"),
            ("https://a.org#NAME", "https://a.org"),
            ("https://example.org/x@y", "https://example.org"),
        ] {
            assert_eq!(safe_system(url).as_deref(), Some(host), "{url}");
        }
    }

    #[test]
    fn system_that_may_hold_a_person_is_not_shown() {
        let long_host = format!("https://{}.org", "a.".repeat(40));
        let long_oid = format!("urn:oid:1.2{}", ".123456".repeat(14));
        for other in [
            "",
            "810002909371",
            "AUBERT",
            "nadia@example.org",
            "urn:uuid:0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
            "mailto:nadia@example.org",
            "urn:oid:",
            "urn:oid:0612345678",
            "urn:oid:2.0612345678",
            "urn:oid:2.612345678",
            "urn:oid:06.12.34.56.78",
            "urn:oid:0.6.12.34.56.78",
            "urn:oid:1.2.3",
            "urn:oid:1.40.250.1.71",
            "urn:oid:3.6.1.2.3",
            "urn:oid:1.2.250.1.71.",
            "urn:oid:1.2.250..71",
            "urn:oid:1.2.250.1.071",
            "urn:oid:1.2.250.1.71.4.2.1.810002909371",
            "urn:oid:1.2.250.1.71.4.2.1.81000",
            "urn:oid:1.2.250.1.213.1.4.8.279035121518989",
            "urn:oid:1.2.250.1.213.1.4.8.2.79.3",
            "urn:oid:1.2.250.1.99.810002909371",
            "urn:oid:3620100057/48211AB",
            "urn:oid:1.2.250.1.71.4.2.1 AUBERT",
            &long_oid,
            &long_host,
            "https://",
            "https://AUBERT",
            "https://aubert",
            "https://aubert/rdv",
            "https://Nadia.Aubert.fr",
            "https://0612345678",
            "https://06.12.34.56.78",
            "https://192.0.2.1/x",
            "https://[2001:db8::1]/x",
            "https://810002909371.example.org",
            "https://a810002909371b.example.org",
            "https://x@a.org",
            "https://nadia:aubert@a.org/",
            "https://a.org:0612345678/",
            "https://a.org:aubert/",
            "https://a_b.org",
            "https://-a.org",
            "https://a..org",
            "https://a.b",
            "https://\u{e9}.org",
            "HTTPS://EXAMPLE.ORG",
            "ftp://example.org",
        ] {
            assert_eq!(safe_system(other), None, "{other}");
        }
    }

    #[test]
    fn id_is_of_the_server_where_it_is_a_uuid_of_version_7() {
        assert!(is_server_id("018f3c5e-8b7a-7c1b-9d55-6f2f6d0e8a11"));
        for other in [
            "",
            "dupont",
            "810002909371",
            "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11",
            "018F3C5E-8B7A-7C1B-9D55-6F2F6D0E8A11",
            "018f3c5e8b7a7c1b9d556f2f6d0e8a11",
            "urn:uuid:018f3c5e-8b7a-7c1b-9d55-6f2f6d0e8a11",
        ] {
            assert!(!is_server_id(other), "{other}");
        }
    }
}
