//! `/console/webhooks`: their states, and what the commands `webhooks …` do.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;

use super::form::Form;
use super::page::{self, Layout};
use super::state::Console;
use super::text::{Text, fill};
use super::time::Time;
use super::visit::Visit;
use crate::config::webhooks::start;
use crate::deadline::{Deadline, DeadlineExceeded};
use crate::error::Error;
use crate::issue::Language;
use crate::storage::Storage;
use crate::webhook::{OperationError, Webhook, WebhookStatus, operation, read_statuses};

/// Maximum time for reading the states.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum time for an action, which may read the log. The receiver of a test has a timeout of its own.
const ACTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a webhook is paused by this page.
const PAUSED: &str = "in the console";

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    layout: Layout,
    notice: Option<Notice>,
    is_failed: bool,
    webhooks: Vec<WebhookView>,
}

/// What came of an action.
struct Notice {
    class: &'static str,
    text: String,
    status: StatusCode,
}

struct WebhookView {
    name: String,
    status: Option<StatusView>,
}

struct StatusView {
    class: &'static str,
    state: &'static str,
    can_pause: bool,
    /// It delivers at once where it is paused, or where the next attempt is awaited.
    can_resume: bool,
    /// With the tag of its language: those of the program are in English.
    reason: Option<(&'static str, String)>,
    lag: i64,
    position: i64,
    /// The status; nothing was sent yet, or no answer came.
    last_answer: String,
    last_answered: Option<Time>,
    /// Of the program, in English.
    last_error: Option<String>,
    failing_since: Option<Time>,
    attempts: i64,
    next_attempt: Option<Time>,
}

pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    respond(&console, &Visit::of(&request), None).await
}

/// Does what a button asks for.
pub async fn act(State(console): State<Arc<Console>>, mut request: Request) -> Response {
    let form = Form::take(&mut request);
    let visit = Visit::of(&request);
    let name = form.field("webhook");
    let found = console.parts.webhooks.iter().find(|webhook| webhook.name == name);
    let notice = match found {
        Some(webhook) => run(&console, webhook, &form, visit.text()).await,
        None => Notice::failed(StatusCode::NOT_FOUND, visit.text().webhook_error_unknown.to_owned()),
    };
    respond(&console, &visit, Some(notice)).await
}

async fn respond(console: &Console, visit: &Visit, notice: Option<Notice>) -> Response {
    let text = visit.text();
    let deadline = Deadline::after(READ_TIMEOUT);
    let storage = console.parts.endpoint.storage.for_console(&deadline);
    let statuses = deadline.limit(read_statuses(&storage, |_| true)).await;
    let (known, now) = (statuses.as_deref().unwrap_or_default(), console.now());
    let webhooks = console.parts.webhooks.iter().map(|webhook| {
        let status = known.iter().find(|status| status.name == webhook.name);
        WebhookView {
            name: webhook.name.clone(),
            status: status.map(|status| StatusView::new(status, now, visit.language)),
        }
    });
    let page = WebhooksPage {
        layout: Layout::new(visit, "/console/webhooks", text.webhooks),
        webhooks: webhooks.collect(),
        is_failed: statuses.is_err(),
        notice,
    };
    let status = page.notice.as_ref().map_or(StatusCode::OK, |notice| notice.status);
    page::respond(status, &page)
}

async fn run(console: &Console, webhook: &Webhook, form: &Form, text: &'static Text) -> Notice {
    let action = form.field("action");
    let deadline = Deadline::after(ACTION_TIMEOUT);
    let storage = console.parts.endpoint.storage.until(&deadline);
    if action == "test" {
        return test(console, webhook, text).await;
    }
    let work = change(console, &storage, webhook, action, form.field("from"), text);
    match tokio::time::timeout(ACTION_TIMEOUT, work).await {
        Ok(Ok(Some(done))) => Notice { class: "success", text: done, status: StatusCode::OK },
        Ok(Ok(None)) => Notice::failed(StatusCode::BAD_REQUEST, text.webhook_error_unknown.to_owned()),
        Ok(Err(error)) => Notice::of_error(&error, &webhook.name, text),
        Err(_) => Notice::of_error(&OperationError::Storage(DeadlineExceeded.into()), &webhook.name, text),
    }
}

/// Changes the state of a webhook; what was done, or `None` where there is no such action.
async fn change(
    console: &Console,
    storage: &Storage,
    webhook: &Webhook,
    action: &str,
    from: &str,
    text: &'static Text,
) -> Result<Option<String>, OperationError> {
    let name = webhook.name.as_str();
    let (sentence, position) = match action {
        "pause" => {
            operation::pause(storage, name, PAUSED).await?;
            (text.webhook_done_pause, None)
        }
        "resume" => {
            operation::resume(storage, name).await?;
            (text.webhook_done_resume, None)
        }
        "skip" => (text.webhook_done_skip, Some(operation::skip(storage, webhook, console.now()).await?)),
        "replay" => match start(from.trim()) {
            Ok(start) => (text.webhook_done_replay, Some(operation::replay(storage, name, start).await?)),
            Err(_) => return Err(OperationError::UnreadableStart),
        },
        _ => return Ok(None),
    };
    let position = position.map(|position| position.to_string()).unwrap_or_default();
    Ok(Some(fill(sentence, &[("name", name), ("position", &position)])))
}

/// Posts a test event, and says how the receiver answers.
async fn test(console: &Console, webhook: &Webhook, text: &'static Text) -> Notice {
    let name = webhook.name.as_str();
    let answer = match operation::test(webhook, console.now()).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!("console: {error}");
            return Notice::failed(StatusCode::CONFLICT, fill(text.webhook_error_settings, &[("name", name)]));
        }
    };
    let (class, sentence) = match (&answer.error, answer.status) {
        (None, _) => ("success", text.webhook_accepted),
        (Some(_), Some(_)) => ("error", text.webhook_refused),
        (Some(_), None) => ("error", text.webhook_silent),
    };
    let status = answer.status.map(|status| status.to_string()).unwrap_or_default();
    // The page has done what was asked; the answer is what it tells.
    Notice { class, text: fill(sentence, &[("name", name), ("status", &status)]), status: StatusCode::OK }
}

impl Notice {
    fn failed(status: StatusCode, text: String) -> Self {
        Self { class: "error", text, status }
    }

    fn of_error(error: &OperationError, name: &str, text: &'static Text) -> Self {
        let named = |sentence: &str| fill(sentence, &[("name", name)]);
        match error {
            OperationError::NotStarted(_) | OperationError::NeverServed => {
                Self::failed(StatusCode::CONFLICT, named(text.webhook_error_not_started))
            }
            OperationError::NothingToSkip(_) => {
                Self::failed(StatusCode::CONFLICT, named(text.webhook_error_nothing_to_skip))
            }
            OperationError::BeyondEnd(position) => {
                let position = position.to_string();
                Self::failed(StatusCode::CONFLICT, fill(text.webhook_error_beyond_end, &[("position", &position)]))
            }
            OperationError::UnreadableStart => {
                Self::failed(StatusCode::BAD_REQUEST, text.webhook_error_from.to_owned())
            }
            OperationError::Storage(error) => {
                tracing::warn!(causes = Error::from(error.clone()).causes(), "console: {error}");
                Self::failed(StatusCode::SERVICE_UNAVAILABLE, text.webhook_error_database.to_owned())
            }
        }
    }
}

impl StatusView {
    fn new(status: &WebhookStatus, now: Timestamp, language: Language) -> Self {
        let text = Text::of(language);
        let last = &status.last_answer;
        let time = |stored: &Option<String>| Some(Time::new(stored.as_ref()?.parse().ok()?, now, text));
        let last_answer = match (last.status, &last.at) {
            (Some(status), _) => status.to_string(),
            (None, Some(_)) => text.webhook_answer_none.to_owned(),
            (None, None) => text.never.to_owned(),
        };
        let is_paused = status.state == "paused";
        Self {
            class: class_of(status),
            state: state_of(status, text),
            can_pause: !is_paused,
            can_resume: status.state != "active",
            reason: status.reason.as_ref().map(|reason| reason_of(reason, language)),
            lag: status.lag,
            position: status.position,
            last_answer,
            last_answered: time(&last.at),
            last_error: last.error.clone(),
            failing_since: time(&status.failing_since),
            attempts: status.attempts,
            // While it is paused, there is none.
            next_attempt: time(&status.next_attempt).filter(|_| !is_paused),
        }
    }
}

/// Why a webhook is paused, with the tag of the language.
fn reason_of(reason: &str, language: Language) -> (&'static str, String) {
    match reason {
        PAUSED => (language.tag(), Text::of(language).webhook_paused_here.to_owned()),
        other => (Language::English.tag(), other.to_owned()),
    }
}

/// The style of a state.
pub fn class_of(status: &WebhookStatus) -> &'static str {
    match status.state {
        "active" => "good",
        "paused" => "warn",
        _ => "bad",
    }
}

/// The name of a state.
pub fn state_of(status: &WebhookStatus, text: &Text) -> &'static str {
    match status.state {
        "active" => text.webhook_active,
        "paused" => text.webhook_paused,
        _ => text.webhook_failing,
    }
}
