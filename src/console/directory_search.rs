//! Searches of the directory page, by the search of the directory's API, with its permits.

use serde_json::Value;

use super::exchange_row::shortened;
use super::exchanges::READ_TIMEOUT;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::annuaire::search::{Total, query};
use crate::annuaire::store::{Mirror, Stored};
use crate::error::{Error, Workload};
use crate::fhir::directory_type::DirectoryType::{self, Organization, Practitioner, PractitionerRole};
use crate::fhir::query::Query;

/// Resources of each type that are shown.
const PAGE: usize = 20;

/// Maximum characters that are searched.
const MAX_SEARCHED: usize = 200;

/// Maximum words of a name.
const MAX_WORDS: usize = 10;

/// What may be searched by, and the search parameters of each type for it.
const SEARCHES: [(&str, &[(DirectoryType, &str)]); 4] = [
    ("name", &[(Practitioner, "name"), (Organization, "name")]),
    ("identifier", &[(Practitioner, "identifier"), (Organization, "identifier")]),
    ("city", &[(Organization, "address-city")]),
    ("mailbox", &[(Practitioner, "mailbox-mss"), (PractitionerRole, "mailbox-mss"), (Organization, "mailbox-mss")]),
];

/// The search as it was sent.
pub struct SearchForm {
    pub query: String,
    /// Value, title, whether it is chosen.
    pub choices: Vec<(&'static str, &'static str, bool)>,
}

/// What was found, by type.
pub struct TypeMatches {
    pub resource_type: &'static str,
    pub rows: Vec<MatchRow>,
    pub note: Option<String>,
    /// The same search of the FHIR API.
    pub url: String,
}

pub struct MatchRow {
    pub link: String,
    pub title: String,
    pub identifiers: String,
    pub is_inactive: bool,
}

impl SearchForm {
    pub fn new(visit: &Visit) -> Self {
        let text = visit.text();
        let titles =
            [text.directory_by_name, text.directory_by_identifier, text.directory_by_city, text.directory_by_mailbox];
        let chosen = visit.query("by").unwrap_or_default();
        let choices = SEARCHES.iter().zip(titles).map(|((name, _), title)| (*name, title, *name == chosen));
        let query = visit.query("q").unwrap_or_default().trim().chars().take(MAX_SEARCHED).collect();
        Self { query, choices: choices.collect() }
    }

    /// Searches each type. Takes a permit of the directory's searches.
    pub async fn run(&self, console: &Console, mirror: &Mirror, text: &Text) -> Result<Vec<TypeMatches>, Error> {
        let chosen = self.choices.iter().position(|(.., is_chosen)| *is_chosen).unwrap_or_default();
        let (by, searched) = SEARCHES[chosen];
        let permit = console.parts.permits.permit(Workload::Directory).await?;
        let deadline = permit.at_most(READ_TIMEOUT);
        let mirror = mirror.until(&deadline);
        let mut found = vec![];
        let searching = async {
            let snapshot = mirror.snapshot().await?.ok_or(Error::EmptyDirectory)?;
            for (resource_type, parameter) in searched {
                let query = parameters(by, *resource_type, parameter, &self.query);
                let search = query::parse(*resource_type, &query, console.now())?;
                let (page, _) =
                    mirror.first_page(*resource_type, &search.criteria, &snapshot, PAGE, Total::None).await?;
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query.iter()).finish();
                found.push(TypeMatches {
                    resource_type: resource_type.as_str(),
                    rows: page.matches.iter().map(MatchRow::new).collect(),
                    note: page.more.then(|| fill(text.directory_more, &[("n", &page.matches.len().to_string())])),
                    url: format!("{}?{query}", url_of(console, *resource_type)),
                });
            }
            Ok(found)
        };
        deadline.limit(searching).await
    }
}

/// The URL of a type in the directory's API.
pub fn url_of(console: &Console, resource_type: DirectoryType) -> String {
    format!("{}/annuaire/fhir/v2/{resource_type}", console.parts.fhir_origin)
}

/// The query: of a person's name, each word.
fn parameters(by: &str, resource_type: DirectoryType, name: &str, text: &str) -> Query {
    // `|` parts the system of an identifier from its value.
    let escaped = |text: &str| text.replace('\\', r"\\").replace(',', r"\,").replace('$', r"\$");
    match (by, resource_type) {
        ("name", Practitioner) => {
            text.split_whitespace().take(MAX_WORDS).map(|word| (name.to_owned(), escaped(word))).collect()
        }
        _ => [(name.to_owned(), escaped(text))].into_iter().collect(),
    }
}

impl MatchRow {
    fn new(found: &Stored) -> Self {
        let content: Value = serde_json::from_str(&found.body).unwrap_or_default();
        let identifiers = content["identifier"].as_array().map_or(&[][..], Vec::as_slice);
        let identifiers: Vec<_> = identifiers.iter().filter_map(|own| own["value"].as_str()).collect();
        let title = title(&content);
        Self {
            link: format!("/console/directory/{}/{}", found.resource_type, found.id),
            title: if title.trim().is_empty() { found.id.clone() } else { shortened(&title) },
            identifiers: shortened(&identifiers.join(" ")),
            is_inactive: content["active"] == false || content["status"] == "inactive",
        }
    }
}

/// The name of a resource; empty where it has none.
pub fn title(content: &Value) -> String {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = &content["name"];
    match name.as_str() {
        Some(name) => name.to_owned(),
        None if name[0]["family"].is_string() => {
            let given = name[0]["given"].as_array().map_or(&[][..], Vec::as_slice);
            let parts = given.iter().map(of).chain([of(&name[0]["family"])]);
            parts.collect::<Vec<_>>().join(" ")
        }
        None => of(&name[0]["text"]),
    }
}
