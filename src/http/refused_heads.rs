//! Records refusals of heads that never become a request: in the audit log, in the journal and in the counters.

use std::net::IpAddr;

use axum::http::HeaderValue;
use bytes::Bytes;

use super::cited_rules::CitedRules;
use super::counters::Counters;
use super::recorder::{Extent, Recorder};
use crate::audit::{AuditQueue, Caller};

/// Records refused heads. Nobody knows who sent them: they are kept in the numbers of unauthenticated requests.
pub struct RefusedHeads {
    pub audit: AuditQueue,
    pub recorder: Option<Recorder>,
    pub counters: Counters,
    /// Whether no caller is configured, so that everything of an exchange may be kept.
    pub is_open: bool,
    /// Whether the peer may be a proxy, which sends what others have sent.
    pub is_behind_proxy: bool,
}

/// The answer to a refused head.
pub(crate) struct RefusedHead {
    pub request_id: String,
    pub status: u16,
    pub cited: CitedRules,
    /// An OperationOutcome.
    pub body: Bytes,
}

impl RefusedHeads {
    /// Records an answer. Returns the value of `Link` for it, if it has one.
    pub(crate) fn record(&self, peer: IpAddr, refused: &RefusedHead) -> Option<HeaderValue> {
        let rules = || refused.cited.rules();
        self.counters.record(refused.status, None, rules());
        if !self.audit.allow_unauthenticated() {
            return None;
        }
        let caller = Caller { peer: peer.to_string(), ..Caller::default() };
        let mut draft = self.audit.draft(&self.audit.request_id(&refused.request_id), caller);
        draft.set_interaction("none", None);
        let event = draft.event(refused.status, rules());
        self.audit.try_send(event.clone());
        let extent =
            Extent { with_content: self.is_open, near: peer.to_canonical().is_loopback() && !self.is_behind_proxy };
        self.recorder.as_ref()?.keep_refused_head(event, &refused.body, extent)
    }
}
