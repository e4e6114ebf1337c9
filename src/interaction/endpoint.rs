//! What the interactions share, and what each knows of its request.

use std::sync::Arc;

use super::directory::DirectoryCheck;
use super::resource_write::ResourceWrite;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::decision::Decision;
use crate::issue::Language;
use crate::sas::validation::Validator;
use crate::storage::Storage;
use crate::storage::write_queue::WriteQueue;

/// Everything that the interactions share.
#[derive(Clone)]
pub struct Endpoint {
    pub validator: Arc<Validator>,
    pub storage: Storage,
    pub writer: WriteQueue<ResourceWrite>,
    /// Looks up cited professionals in the national directory, if that is configured.
    pub directory: Option<DirectoryCheck>,
    /// Asks the vendor's software about writes of accounts, if that is configured.
    pub decision: Option<Decision>,
    /// Time and new ids.
    pub clock: Clock,
}

/// What an interaction knows of the request that it answers; made once, when the work may begin.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The beginning of absolute URLs in the answer, as the client sees it: `http://host/fhir`, without a trailing slash.
    pub base_url: Arc<str>,
    /// The language of texts in the answer.
    pub language: Language,
    /// When the answer is due; holds the request's permit.
    pub deadline: Deadline,
}
