//! `POST /console/exchanges`: exchanges whose bodies have a text, newest first. By POST, so that the text is in no log.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::exchange_row::{ExchangeRow, time_of};
use super::exchanges::{self, ExchangesPage, FilterForm, TextForm};
use super::form::Form;
use super::page::{self, Layout};
use super::scans::WAIT_TIMEOUT;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::journal::text_search::TextSearch;
use crate::storage::StorageError;
use crate::storage::journal::JournalFilter;

/// Maximum characters of a text.
const MAX_TEXT: usize = 300;

/// Searches the exchanges that match the filter of the query.
pub async fn search(State(console): State<Arc<Console>>, mut request: Request) -> Response {
    let (visit, form) = (Visit::of(&request), Form::take(&mut request));
    let text = visit.text();
    let wanted: String = form.field("text").trim().chars().take(MAX_TEXT).collect();
    let (filter, mut notes) = exchanges::filter(&console, &visit);
    let filter = JournalFilter { before: form.field("before").parse().ok(), ..filter };
    let found = match wanted.is_empty() {
        true => {
            notes.push(text.text_search_empty.to_owned());
            TextSearch::default()
        }
        false => match find(&console, filter, &wanted).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                notes.push(text.text_search_off.to_owned());
                TextSearch::default()
            }
            Err(error) => return exchanges::unavailable(&visit, &error),
        },
    };
    notes.extend(notes_of(&found, text));
    // Without a step, it goes on where it began.
    let former = form.field("before").parse().ok().filter(|_| found.is_interrupted);
    let before = found.reached.as_ref().map(|row| row.id).or(former);
    let page = ExchangesPage {
        layout: Layout::new(&visit, "/console/exchanges", text.exchanges),
        filter: FilterForm::new(&visit),
        search: TextForm { query: visit.query_string(), text: wanted, before },
        rows: found.hits.iter().map(|row| ExchangeRow::new(row, text)).collect(),
        stream: None,
        older: None,
        notes,
    };
    let mut response = page::respond(StatusCode::OK, &page);
    response.extensions_mut().insert(exchanges::viewed(&visit));
    response
}

/// How far a search came.
fn notes_of(found: &TextSearch, text: &Text) -> Vec<String> {
    let mut notes = vec![];
    if found.is_interrupted {
        notes.push(text.text_search_time.to_owned());
    }
    if found.searched > 0 {
        let (hits, searched) = (found.hits.len().to_string(), found.searched.to_string());
        let reached = found.reached.as_ref();
        let sentence =
            if reached.is_some() || found.is_interrupted { text.text_search_found } else { text.text_search_found_all };
        let time = reached.map_or_else(String::new, |row| format!("{} UTC", time_of(&row.at)));
        notes.push(fill(sentence, &[("hits", &hits), ("searched", &searched), ("time", &time)]));
    }
    notes
}

async fn find(console: &Console, filter: JournalFilter, text: &str) -> Result<Option<TextSearch>, StorageError> {
    let (journal, text) = (console.parts.journal.clone(), text.to_owned());
    if !journal.exists() {
        return Ok(None);
    }
    console.scan(WAIT_TIMEOUT, async move |deadline| journal.search(filter, &text, &deadline).await).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Language;
    use crate::storage::journal::JournalRow;

    #[test]
    fn text_search_interrupted_says_how_far_it_came() {
        let row = |at: &str| JournalRow { at: at.to_owned(), ..JournalRow::default() };
        let text = Text::of(Language::English);
        let found = |searched, reached: Option<&str>, is_interrupted| TextSearch {
            hits: vec![row("2026-11-26T09:00:00Z")],
            searched,
            reached: reached.map(row),
            is_interrupted,
        };
        let reached = "Exchanges found: 1, among the 7 that were read, back to 2026-11-26 08:00:00 UTC.";
        for (found, expected) in [
            (found(7, Some("2026-11-26T08:00:00Z"), true), &[text.text_search_time, reached][..]),
            (found(7, Some("2026-11-26T08:00:00Z"), false), &[reached]),
            (found(0, None, true), &[text.text_search_time]),
            (found(7, None, false), &["Exchanges found: 1; all were read (7)."]),
        ] {
            assert_eq!(notes_of(&found, text), expected);
        }
    }
}
