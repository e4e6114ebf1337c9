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

pub use draft::{AuditDraft, Caller, MatchedBy, ResourceRef, WriteOutcome, WriteReport};
pub use key::{Key, Secret};
pub use lookup_key::{HashedIdentifier, LookupKey, is_server_id};
pub(crate) use queue::AuditQueue;
pub(crate) use queue::LostEvents;
pub use settings::Settings;

/// The audit event of one request. It is never changed, and deleted when its retention ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When the request came in: UTC text of fixed width.
    pub at: String,
    /// `X-Request-Id`: the server's, or the client's if it is a UUID or 16 to 64 hexadecimal digits; otherwise
    /// [`Key::request_id`] of the client's, which may be a name.
    pub request_id: String,
    /// The sender.
    #[serde(flatten)]
    pub caller: Caller,
    /// The name of the interaction, as in logs; `none` where nothing is served.
    pub interaction: String,
    /// The type of the resource.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_type: Option<String>,
    /// The id of the resource, if the server assigned it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// [`Key::resource`] of any other id: a client may choose the name of a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id_hash: Option<String>,
    /// The committed version before the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Version>,
    /// The committed version after the request: the same as before if nothing had to be written or the request was
    /// refused. Absent if a write failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Version>,
    /// How an accepted write has found the resource; absent where it is new.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub matched_by: Option<MatchedBy>,
    /// Set if a write was neither committed nor refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub write_outcome: Option<WriteOutcome>,
    /// The HTTP status of the answer; 499 if the client went away; 444 if a fault closed the connection before anything was done. A request may have two events if, during
    /// a commit, the connection to the database breaks, the deadline passes or the client goes away: that of the committed
    /// change, and that of the 503 or 499.
    pub status: u16,
    /// The ids of the rules cited.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rules: Vec<String>,
    /// The kind of the fault that a tester armed and that acted on the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
    /// The identifiers in the request: in its criterion, in its body, of the operator of an appointment.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub identifiers: Vec<HashedIdentifier>,
    /// Number of further identifiers, which exceed the limit of an event. A repeated one may count twice.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub identifiers_left_out: u32,
    /// From the request to the answer, in milliseconds; of a write, to its decision.
    pub duration_ms: f64,
}

impl AuditEvent {
    /// The keys under which this event is looked up.
    pub fn lookup_keys(&self) -> Vec<LookupKey> {
        let identifiers = self.identifiers.iter().filter_map(HashedIdentifier::lookup_key);
        let mut keys: Vec<_> = identifiers.chain(self.key_of_id()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Those of them that stand for the resource itself: its id, and the identifier that designates it. One that was refused, or
    /// not found, has the latter only.
    pub fn resource_keys(&self) -> Vec<LookupKey> {
        // The first one is that of the query; without one, that of the body: in an appointment, it may be a person's.
        let is_own =
            self.resource_type.as_deref() == Some("Practitioner") || self.interaction.starts_with("conditional-");
        let identifier = self.identifiers.first().filter(|_| is_own).and_then(HashedIdentifier::lookup_key);
        self.key_of_id().into_iter().chain(identifier).collect()
    }

    fn key_of_id(&self) -> Option<LookupKey> {
        let resource = self.resource_type.as_deref().zip(self.id.as_deref());
        let resource = resource.map(|(resource_type, id)| LookupKey::from_resource(resource_type, id));
        resource.or_else(|| LookupKey::from_hash(self.id_hash.as_deref()?))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
