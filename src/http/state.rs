//! The state that all requests to the FHIR API share.

use std::sync::Arc;

use super::admission::Admission;
use crate::interaction::Endpoint;

pub struct State {
    pub endpoint: Endpoint,
    pub admission: Arc<Admission>,
}
