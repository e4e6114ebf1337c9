//! `/console/exchanges`: the newest exchanges, filtered and by pages. Without a journal, what the audit log has of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::audit::Viewed;
use super::exchange_row::ExchangeRow;
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::scans::WAIT_TIMEOUT;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::audit::{AuditEvent, LookupKey};
use crate::config::exchanges::time;
use crate::deadline::Deadline;
use crate::error::chain::join_causes;
use crate::fhir::date::instant;
use crate::fhir::identifier::{IDNPS, INTRN, Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::storage::exchanges::{AuditPage, AuditQuery};
use crate::storage::journal::JournalFilter;
use crate::storage::{CONSOLE_TIMEOUT, StorageError};

/// Maximum time for what a page reads from a database.
pub const READ_TIMEOUT: Duration = CONSOLE_TIMEOUT;

/// Maximum time in which the audit log is read on for a page.
const SCAN_TIMEOUT: Duration = Duration::from_millis(500);

/// Exchanges of a page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "exchanges.html")]
pub struct ExchangesPage {
    pub layout: Layout,
    pub filter: FilterForm,
    pub search: TextForm,
    pub rows: Vec<ExchangeRow>,
    /// Where new exchanges come from.
    pub stream: Option<String>,
    /// The link to older exchanges.
    pub older: Option<String>,
    pub notes: Vec<String>,
}

/// The search for a text, within the filter.
#[derive(Default)]
pub struct TextForm {
    /// The query of the filter.
    pub query: String,
    pub text: String,
    /// Where it goes on.
    pub before: Option<i64>,
}

/// The fields of the filter, as they were sent.
pub struct FilterForm {
    fields: Vec<Field>,
}

struct Field {
    name: &'static str,
    label: &'static str,
    value: String,
    hint: &'static str,
}

/// A page of the list.
struct Listed {
    rows: Vec<ExchangeRow>,
    /// Where the next page begins, where there may be older exchanges.
    older: Option<i64>,
    /// The newest exchange of all, where new ones are to be shown as they come.
    newest: Option<i64>,
}

/// The page.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let text = visit.text();
    let (filter, mut notes) = filter(&console, &visit);
    let listed = match console.parts.journal.is_kept() {
        true => list(&console, filter, text).await,
        false => list_of_events(&console, &filter, text, &mut notes).await,
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return unavailable(&visit, &error),
    };
    let page = ExchangesPage {
        layout: Layout::new(&visit, "/console/exchanges", text.exchanges),
        filter: FilterForm::new(&visit),
        search: TextForm { query: visit.query_string(), ..TextForm::default() },
        stream: listed.newest.map(|newest| stream_link(&visit, newest)),
        rows: listed.rows,
        older: listed.older.map(|before| older_link(&visit, before)),
        notes,
    };
    let mut response = page::respond(StatusCode::OK, &page);
    response.extensions_mut().insert(viewed(&visit));
    response
}

/// The exchanges of the journal.
async fn list(console: &Console, mut filter: JournalFilter, text: &Text) -> Result<Listed, StorageError> {
    let journal = console.parts.journal.clone();
    // An older page stays as it is, and only the database knows whose identifiers an exchange has.
    let is_live = filter.before.is_none() && filter.keys.is_empty();
    let newest = match is_live {
        true => {
            let newest = journal.list(&JournalFilter::default(), 1, &Deadline::after(READ_TIMEOUT)).await?;
            Some(newest.unwrap_or_default().first().map_or(0, |row| row.id))
        }
        false => None,
    };
    // What comes while the list is read is left to the stream.
    filter.before = filter.before.or(newest.map(|newest| newest + 1));
    let rows = match filter.is_scan() {
        true => {
            let read = async move |deadline: Deadline| journal.list(&filter, PAGE + 1, &deadline).await;
            console.scan(WAIT_TIMEOUT, read).await?
        }
        false => journal.list(&filter, PAGE + 1, &Deadline::after(READ_TIMEOUT)).await?,
    };
    let rows = rows.unwrap_or_default();
    let older = rows.get(PAGE).and_then(|_| rows.get(PAGE - 1)).map(|row| row.id);
    Ok(Listed { rows: rows.iter().take(PAGE).map(|row| ExchangeRow::new(row, text)).collect(), older, newest })
}

/// The exchanges of the audit log, which has those of a journal that was on before too.
async fn list_of_events(
    console: &Console,
    filter: &JournalFilter,
    text: &Text,
    notes: &mut Vec<String>,
) -> Result<Listed, StorageError> {
    let journal = &console.parts.journal;
    notes.push(if journal.has_failed() { text.journal_failed } else { text.journal_off }.to_owned());
    let kept = journal.list(&JournalFilter::default(), 1, &Deadline::after(READ_TIMEOUT)).await?;
    if kept.is_some_and(|kept| !kept.is_empty()) {
        notes.push(text.journal_off_kept.to_owned());
    }
    let AuditPage { events, reached } = audit_events(console, filter, WAIT_TIMEOUT).await?;
    if reached.is_some() && events.len() < PAGE {
        notes.push(text.exchanges_interrupted.to_owned());
    }
    Ok(Listed {
        rows: events.iter().rev().map(|event| ExchangeRow::of_event(event, text)).collect(),
        older: reached,
        newest: None,
    })
}

/// What the filter is about, for the audit log.
pub fn viewed(visit: &Visit) -> Viewed {
    let token = visit.query("identifier").and_then(|identifier| Token::parse(identifier.trim()));
    Viewed { token, ..Viewed::default() }
}

/// The filter of the query, and what was not understood of it.
pub fn filter(console: &Console, visit: &Visit) -> (JournalFilter, Vec<String>) {
    let text = visit.text();
    let of = |name: &str| visit.query(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let mut notes = vec![];
    let status = of("status").and_then(|status| {
        let bounds = status_bounds(&status);
        if bounds.is_none() {
            notes.push(fill(text.filter_status_wrong, &[("value", &status)]));
        }
        bounds
    });
    let keys = of("identifier").map_or_else(Vec::new, |identifier| {
        let keys = lookup_keys(console, &identifier);
        if keys.is_empty() {
            notes.push(fill(text.filter_identifier_wrong, &[("value", &identifier)]));
        }
        keys
    });
    let mut time = |name| {
        let sent = of(name)?;
        let time = parse_time(&sent);
        if time.is_none() {
            notes.push(fill(text.filter_time_wrong, &[("value", &sent)]));
        }
        time
    };
    let (since, until) = (time("since"), time("until"));
    let filter = JournalFilter {
        before: of("before").and_then(|before| before.parse().ok()),
        after: None,
        since,
        until,
        status,
        interaction: of("interaction"),
        resource_type: of("type"),
        caller: of("caller"),
        // Ids of rules are in lower case; databases differ in how they compare.
        rule: of("rule").map(|rule| rule.to_lowercase()),
        keys,
    };
    (filter, notes)
}

/// A time in UTC, as the list shows it, or an age: as stored.
fn parse_time(text: &str) -> Option<String> {
    let text = text.replacen(' ', "T", 1);
    let is_date = text.len() == "2026-11-26".len() && text.bytes().filter(|byte| *byte == b'-').count() == 2;
    let is_without_zone =
        text.split_once('T').is_some_and(|(_, time)| !time.is_empty() && !time.contains(['Z', '+', '-']));
    let text = match (is_date, is_without_zone) {
        (true, _) => text + "T00:00:00Z",
        (_, true) => text + "Z",
        _ => text,
    };
    time(&text).ok().map(instant)
}

/// `422`, `4xx`, or `400-599`: the lowest and the highest status.
fn status_bounds(text: &str) -> Option<(i64, i64)> {
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    let number = |text: &str| text.trim().parse().ok();
    match (class, text.split_once('-')) {
        (Some(class), _) => {
            number(class).filter(|class| (1..=5).contains(class)).map(|class: i64| (class * 100, class * 100 + 99))
        }
        (None, Some((lowest, highest))) => number(lowest).zip(number(highest)),
        (None, None) => number(text).map(|status| (status, status)),
    }
}

/// The keys of `system|value`, of a value in the systems of accounts or without one, or of `Type/id`.
fn lookup_keys(console: &Console, text: &str) -> Vec<LookupKey> {
    let audit = console.parts.endpoint.writer.audit();
    let reference = text.split_once('/').filter(|(name, id)| ResourceType::parse(name).is_some() && !id.is_empty());
    if let Some((name, id)) = reference {
        return audit.key_of_resource(name, id).into_iter().collect();
    }
    // A request may name a value with its system or without.
    let tokens = match Token::parse(text) {
        Some(Token::Exact(identifier)) => vec![Token::Value(identifier.value.clone()), Token::Exact(identifier)],
        Some(Token::Value(value)) => {
            let accounts = [IDNPS, INTRN].map(|system| Token::Exact(Identifier::new(system, &value)));
            accounts.into_iter().chain([Token::Value(value)]).collect()
        }
        Some(other) => vec![other],
        None => vec![],
    };
    tokens.iter().filter_map(|token| audit.key_of_identifier(token)).collect()
}

/// The newest exchanges that the audit log has, as far as they are found in time; it is read where its turn comes within the timeout.
pub async fn audit_events(
    console: &Console,
    filter: &JournalFilter,
    timeout: Duration,
) -> Result<AuditPage, StorageError> {
    let filter = filter.clone();
    let JournalFilter { before, since, until, status, interaction, resource_type, caller, rule, keys, .. } = filter;
    let is_same = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
    let keep = move |event: &AuditEvent| {
        let is_status = status.is_none_or(|(lowest, highest)| (lowest..=highest).contains(&i64::from(event.status)));
        // Who looked is no exchange.
        let is_exchange = interaction.is_some() || !event.interaction.starts_with("console-");
        is_exchange
            && is_status
            && is_same(&interaction, Some(&event.interaction))
            && is_same(&resource_type, event.resource_type.as_deref())
            && is_same(&caller, event.caller.name.as_deref())
            && rule.as_ref().is_none_or(|rule| event.rules.contains(rule))
    };
    let storage = console.parts.endpoint.storage.clone();
    let read = async move |deadline: Deadline| {
        let end = Some(Instant::now() + SCAN_TIMEOUT);
        let query = AuditQuery { lookup_keys: keys, since, until, before, limit: PAGE, end };
        deadline.limit(storage.for_console(&deadline).exchanges_page(&query, keep)).await
    };
    console.scan(timeout, read).await
}

/// The newest event of the audit log with this request id.
///
/// # Errors
/// [`StorageError::DeadlineExceeded`], where the log is longer than what is read in time: the event may exist.
pub async fn audit_event(console: &Console, id: &str) -> Result<Option<AuditEvent>, StorageError> {
    let (storage, id) = (console.parts.endpoint.storage.clone(), id.to_owned());
    let read =
        async move |deadline: Deadline| deadline.limit(storage.for_console(&deadline).event_of_request(&id)).await;
    console.scan(WAIT_TIMEOUT, read).await
}

/// The page where the database does not answer, or not in time.
pub fn unavailable(visit: &Visit, error: &StorageError) -> Response {
    let refusal = match error {
        StorageError::DeadlineExceeded => Refusal::Busy,
        StorageError::Unavailable(_) => Refusal::NoDatabase,
        StorageError::Internal(_) => Refusal::Internal,
    };
    match refusal {
        Refusal::Internal => tracing::error!("a page of the console: {}", join_causes(error)),
        _ => tracing::debug!("a page of the console: {}", join_causes(error)),
    }
    refusal.respond(visit, false)
}

/// The link to the page of older exchanges, with the same filter.
fn older_link(visit: &Visit, before: i64) -> String {
    format!("/console/exchanges?{}", filter_and(visit, "before", before))
}

/// The stream of exchanges behind this one, with the same filter.
fn stream_link(visit: &Visit, after: i64) -> String {
    format!("/console/stream?{}", filter_and(visit, "after", after))
}

fn filter_and(visit: &Visit, name: &str, number: i64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in FIELDS {
        if let Some(value) = visit.query(name).filter(|value| !value.is_empty()) {
            query.append_pair(name, &value);
        }
    }
    query.append_pair(name, &number.to_string());
    query.finish()
}

const FIELDS: [&str; 8] = ["status", "interaction", "type", "identifier", "rule", "caller", "since", "until"];

impl FilterForm {
    /// The fields with what the query has.
    pub fn new(visit: &Visit) -> Self {
        let text = visit.text();
        let labels = [
            (text.exchange_status, "422, 4xx, 400-599"),
            (text.exchange_interaction, "conditional-update"),
            (text.resource_type, "Practitioner"),
            (text.filter_identifier, "urn:oid:1.2.250.1.71.4.2.1|810002909371"),
            (text.rule, "identifier-count"),
            (text.exchange_caller, ""),
            (text.filter_since, "2026-11-26T08:00"),
            (text.filter_until, "2026-11-26T09:00"),
        ];
        let fields = FIELDS.into_iter().zip(labels).map(|(name, (label, hint))| Field {
            name,
            label,
            value: visit.query(name).unwrap_or_default(),
            hint,
        });
        Self { fields: fields.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_a_filter_is_in_utc_as_it_is_shown_or_an_age() {
        for (text, expected) in [
            ("2026-11-26 08:00:00.123", "2026-11-26T08:00:00.123Z"),
            ("2026-11-26T08:00", "2026-11-26T08:00:00.000Z"),
            ("2026-11-26T08:00:00Z", "2026-11-26T08:00:00.000Z"),
            ("2026-11-26T08:00:00+01:00", "2026-11-26T07:00:00.000Z"),
            ("2026-11-26", "2026-11-26T00:00:00.000Z"),
        ] {
            assert_eq!(parse_time(text).as_deref(), Some(expected), "{text}");
        }
        assert!(parse_time("24h").is_some());
        for wrong in ["26/11/2026", "yesterday", "T", "2026-13-01", ""] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn status_of_a_filter_is_a_number_or_a_class() {
        for (text, expected) in [
            ("422", Some((422, 422))),
            ("4xx", Some((400, 499))),
            ("5XX", Some((500, 599))),
            ("400-599", Some((400, 599))),
            ("400-", None),
            ("xx", None),
            ("9xx", None),
            ("four", None),
        ] {
            assert_eq!(status_bounds(text), expected, "{text}");
        }
    }
}
