//! The audit log: who requested what, about which resource, with which outcome, without the value of a person.
//!
//! The handler of a request fills an [`AuditDraft`]; the [`AuditEvent`] made of it is what is kept. Identifiers of
//! persons are in it only as hashes made with a [`Key`].

mod draft;
mod key;
mod lookup_key;
mod queue;
mod settings;

use serde::{Deserialize, Serialize};

use crate::fhir::version::Version;

pub use draft::{AuditDraft, Caller, ResourceRef, WriteOutcome, WriteReport};
pub use key::{Key, Secret};
pub use lookup_key::{HashedIdentifier, LookupKey, is_server_id};
pub use queue::AuditQueue;
pub(crate) use queue::LostEvents;
pub use settings::Settings;

/// The audit event of one exchange. It is never changed, and removed when its retention ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When the request came in: UTC text of fixed width.
    pub at: String,
    /// `X-Request-Id`: ours, or the client's where it is a UUID or 16 to 64 hexadecimal digits; otherwise
    /// [`Key::request_id`] of the client's, as a client may put a name there.
    pub request_id: String,
    /// Who asked.
    #[serde(flatten)]
    pub caller: Caller,
    /// The name of the interaction, as in logs; `none` where nothing is served.
    pub interaction: String,
    /// The type of the resource that it was about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_type: Option<String>,
    /// The id of that resource, where it is one that the server gave.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// [`Key::resource`] of any other id: a client may choose the name of a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id_hash: Option<String>,
    /// Its version before the exchange, as committed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Version>,
    /// Its version after the exchange, as committed: the same as before where nothing had to be written or the
    /// request was refused. Absent where a write failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Version>,
    /// Set where a write was neither carried out nor refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub write_outcome: Option<WriteOutcome>,
    /// The HTTP status that was answered. Where the database breaks away in the middle of a commit, two events
    /// may be of one exchange: of a write, what was done, and the 503 that was answered. Likewise where the client
    /// goes away during a commit: what was done, and 499.
    pub status: u16,
    /// The ids of the rules cited.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rules: Vec<String>,
    /// The identifiers that the request named: in its criterion, in its body, as operator of an appointment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub identifiers: Vec<HashedIdentifier>,
    /// How many more identifiers of the request were looked at and are not in the event, which is bounded. One that
    /// the request repeats may be counted again.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub identifiers_left_out: u32,
    /// From the request to the answer, in milliseconds; of a write, to its decision.
    pub duration_ms: f64,
}

impl AuditEvent {
    /// The keys under which this event is looked up.
    pub fn lookup_keys(&self) -> Vec<LookupKey> {
        let resource = self.resource_type.as_deref().zip(self.id.as_deref());
        let resource = resource.map(|(resource_type, id)| LookupKey::from_resource(resource_type, id));
        let resource = resource.or_else(|| LookupKey::from_hash(self.id_hash.as_deref()?));
        let mut keys: Vec<_> =
            self.identifiers.iter().filter_map(HashedIdentifier::lookup_key).chain(resource).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
