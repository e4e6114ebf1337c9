//! The interactions served, by their FHIR names. <http://hl7.org/fhir/R4/http.html>

pub mod capabilities;
pub mod create;
mod criterion;
pub mod directory;
pub mod history;
mod judging;
mod page;
pub mod read;
pub mod search;
pub mod update;
pub mod validate;
mod write;
pub mod writer;

use std::sync::Arc;

use crate::audit::Trace;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::fhir::route;
use crate::sas::validation::Validator;
use crate::storage::Storage;

pub use page::{max_page_bytes, query_too_large};
pub use write::{Preconditions, Written};

/// Everything an interaction needs.
#[derive(Clone)]
pub struct Endpoint {
    /// Judges what is received.
    pub validator: Arc<Validator>,
    /// Keeps it.
    pub storage: Storage,
    /// Lets concurrent writes share a commit.
    pub writer: writer::Writer,
    /// Looks up in the national directory who is cited, where that is wanted.
    pub directory: Option<directory::DirectoryCheck>,
    /// Time and new ids.
    pub clock: Clock,
}

/// What an interaction knows of the exchange that it is part of.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// `http://host/fhir`, without a slash at its end: what absolute URLs in the answer begin with.
    pub base_url: Arc<str>,
    /// What is gathered for the record of it.
    pub trace: Trace,
    /// When it must be answered; holds its permit.
    pub deadline: Deadline,
}

/// An interaction of the FHIR RESTful API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// <http://hl7.org/fhir/R4/http.html#capabilities>
    Capabilities,
    /// <http://hl7.org/fhir/R4/http.html#create>
    Create,
    /// <http://hl7.org/fhir/R4/http.html#cond-update>
    ConditionalUpdate,
    /// <http://hl7.org/fhir/R4/http.html#update>
    Update,
    /// <http://hl7.org/fhir/R4/http.html#read>
    Read,
    /// <http://hl7.org/fhir/R4/http.html#vread>
    Vread,
    /// <http://hl7.org/fhir/R4/http.html#history>
    History,
    /// <http://hl7.org/fhir/R4/http.html#search>, by GET
    Search,
    /// The same, by POST
    SearchByPost,
    /// <http://hl7.org/fhir/R4/resource-operation-validate.html>
    Validate,
}

impl Interaction {
    /// The name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::Create => "create",
            Self::ConditionalUpdate => "conditional-update",
            Self::Update => "update",
            Self::Read => "read",
            Self::Vread => "vread",
            Self::History => "history-instance",
            Self::Search | Self::SearchByPost => "search-type",
            Self::Validate => "validate",
        }
    }

    /// The code of `CapabilityStatement.rest.resource.interaction`, where it has one.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Create | Self::Update | Self::Read | Self::Vread | Self::History | Self::Search => {
                Some(self.as_str())
            }
            Self::Capabilities | Self::ConditionalUpdate | Self::SearchByPost | Self::Validate => None,
        }
    }
}

/// A route of the FHIR API.
pub type Route = route::Route<Interaction>;

/// Everything that is served below the base. The router and the CapabilityStatement are made of it.
pub const ROUTES: [Route; 10] = [
    Route { method: "GET", path: "/metadata", interaction: Interaction::Capabilities },
    Route { method: "POST", path: "/{type}", interaction: Interaction::Create },
    Route { method: "PUT", path: "/{type}", interaction: Interaction::ConditionalUpdate },
    Route { method: "GET", path: "/{type}", interaction: Interaction::Search },
    Route { method: "POST", path: "/{type}/_search", interaction: Interaction::SearchByPost },
    Route { method: "POST", path: "/{type}/$validate", interaction: Interaction::Validate },
    Route { method: "GET", path: "/{type}/{id}", interaction: Interaction::Read },
    Route { method: "PUT", path: "/{type}/{id}", interaction: Interaction::Update },
    Route { method: "GET", path: "/{type}/{id}/_history", interaction: Interaction::History },
    Route { method: "GET", path: "/{type}/{id}/_history/{vid}", interaction: Interaction::Vread },
];
