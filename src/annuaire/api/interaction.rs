//! The interactions of the directory's API, and their routes.

use crate::fhir::route::Route;

/// An interaction of the directory's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    Capabilities,
    /// The page that a link `next` names.
    NextPage,
    Read,
    /// A search, by GET.
    Search,
    SearchByPost,
}

impl Interaction {
    /// The name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "annuaire-capabilities",
            Self::NextPage => "annuaire-page",
            Self::Search | Self::SearchByPost => "annuaire-search",
            Self::Read => "annuaire-read",
        }
    }

    /// The code of `CapabilityStatement.rest.resource.interaction`, where it has one.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Read => Some("read"),
            Self::Search => Some("search-type"),
            Self::Capabilities | Self::NextPage | Self::SearchByPost => None,
        }
    }
}

/// Everything that is served below the base of the directory. The router and the CapabilityStatement are made of it; where two
/// paths match, the first is meant.
pub const ROUTES: [Route<Interaction>; 6] = [
    Route { method: "GET", path: "/metadata", interaction: Interaction::Capabilities },
    Route { method: "GET", path: "/_page", interaction: Interaction::NextPage },
    Route { method: "GET", path: "/{type}/{id}", interaction: Interaction::Read },
    Route { method: "GET", path: "/{type}", interaction: Interaction::Search },
    // As at the national directory, which takes forms here too.
    Route { method: "POST", path: "/{type}", interaction: Interaction::SearchByPost },
    Route { method: "POST", path: "/{type}/_search", interaction: Interaction::SearchByPost },
];
