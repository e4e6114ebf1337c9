//! The FHIR interactions, one file each. <http://hl7.org/fhir/R4/http.html>
//!
//! Each takes its parts of a request, a [`RequestContext`] and the [`AuditDraft`](crate::audit::AuditDraft) of the request: it
//! parses the query, validates the body, stores or looks up, and returns an [`Outcome`], of which HTTP makes the response.

pub(crate) mod capabilities;
pub(crate) mod create;
mod criterion;
pub mod directory;
mod endpoint;
pub(crate) mod history;
mod outcome;
mod page;
pub(crate) mod read;
mod resource_write;
pub(crate) mod search;
pub(crate) mod update;
pub(crate) mod validate;
mod validated_body;
mod write;

use crate::fhir::resource_type::ResourceType;
use crate::fhir::route;

pub use endpoint::{Endpoint, RequestContext};
pub(crate) use outcome::{Outcome, Written};
pub(crate) use page::{malformed, max_page_bytes, parsed, query_too_large, unknown_parameters};
pub use resource_write::ResourceWrite;
pub(crate) use write::{Preconditions, PreparedWrite};

/// An interaction of the FHIR RESTful API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interaction {
    /// <http://hl7.org/fhir/R4/http.html#capabilities>
    Capabilities,
    /// <http://hl7.org/fhir/R4/http.html#history>, of all resources
    HistorySystem,
    /// An interaction with resources of a type.
    OnType(TypeInteraction, ResourceType),
}

impl Interaction {
    /// The name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::HistorySystem => "history-system",
            Self::OnType(interaction, _) => interaction.as_str(),
        }
    }

    /// The type of the resources.
    pub fn resource_type(self) -> Option<ResourceType> {
        match self {
            Self::Capabilities | Self::HistorySystem => None,
            Self::OnType(_, resource_type) => Some(resource_type),
        }
    }

    /// The code of `CapabilityStatement.rest.interaction`, where it has one.
    pub fn system_code(self) -> Option<&'static str> {
        (self == Self::HistorySystem).then_some(self.as_str())
    }
}

/// An interaction with resources of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeInteraction {
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
    /// <http://hl7.org/fhir/R4/http.html#history>, of a resource
    HistoryInstance,
    /// The same, of a type
    HistoryType,
    /// <http://hl7.org/fhir/R4/http.html#search>, by GET
    Search,
    /// The same, by POST
    SearchByPost,
    /// <http://hl7.org/fhir/R4/resource-operation-validate.html>
    Validate,
}

/// The names of the interactions that write. An accepted one has a body without a patient.
pub(crate) const WRITES: [&str; 3] =
    [TypeInteraction::Create.as_str(), TypeInteraction::ConditionalUpdate.as_str(), TypeInteraction::Update.as_str()];

impl TypeInteraction {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::ConditionalUpdate => "conditional-update",
            Self::Update => "update",
            Self::Read => "read",
            Self::Vread => "vread",
            Self::HistoryInstance => "history-instance",
            Self::HistoryType => "history-type",
            Self::Search | Self::SearchByPost => "search-type",
            Self::Validate => "validate",
        }
    }

    /// The code of `CapabilityStatement.rest.resource.interaction`, where it has one.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Create
            | Self::Update
            | Self::Read
            | Self::Vread
            | Self::HistoryInstance
            | Self::HistoryType
            | Self::Search => Some(self.as_str()),
            Self::ConditionalUpdate | Self::SearchByPost | Self::Validate => None,
        }
    }
}

/// A route of the FHIR API; `{type}` in its path stands for each resource type.
pub(crate) type Route = route::Route<TypeInteraction>;

/// What is served below the base that concerns no type. The router and the CapabilityStatement are made of it.
pub(crate) const SYSTEM_ROUTES: [route::Route<Interaction>; 2] = [
    route::Route { method: "GET", path: "/metadata", interaction: Interaction::Capabilities },
    route::Route { method: "GET", path: "/_history", interaction: Interaction::HistorySystem },
];

/// What is served below the base for each type.
pub const ROUTES: [Route; 10] = [
    Route { method: "POST", path: "/{type}", interaction: TypeInteraction::Create },
    Route { method: "PUT", path: "/{type}", interaction: TypeInteraction::ConditionalUpdate },
    Route { method: "GET", path: "/{type}", interaction: TypeInteraction::Search },
    Route { method: "POST", path: "/{type}/_search", interaction: TypeInteraction::SearchByPost },
    Route { method: "POST", path: "/{type}/$validate", interaction: TypeInteraction::Validate },
    Route { method: "GET", path: "/{type}/_history", interaction: TypeInteraction::HistoryType },
    Route { method: "GET", path: "/{type}/{id}", interaction: TypeInteraction::Read },
    Route { method: "PUT", path: "/{type}/{id}", interaction: TypeInteraction::Update },
    Route { method: "GET", path: "/{type}/{id}/_history", interaction: TypeInteraction::HistoryInstance },
    Route { method: "GET", path: "/{type}/{id}/_history/{vid}", interaction: TypeInteraction::Vread },
];
