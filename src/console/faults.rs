//! `/console/faults`: the armed faults, and a form that arms one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::fault_text::FaultText;
use super::faults_api::{armed, ended, note};
use super::form::Form;
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::state::Console;
use super::text::fill;
use super::time::Time;
use super::visit::Visit;
use crate::fault::{FaultKind, ListedFault, Mode, interactions};

#[derive(Template)]
#[template(path = "faults.html")]
struct FaultsPage {
    layout: Layout,
    texts: &'static FaultText,
    notice: Option<Notice>,
    faults: Vec<FaultView>,
    /// The kinds with what each shows of a client.
    kinds: Vec<(&'static str, &'static str)>,
    interactions: Vec<&'static str>,
}

/// What came of a form.
struct Notice {
    class: &'static str,
    /// The language of the text.
    language: &'static str,
    text: String,
    status: StatusCode,
}

/// A fault in the list.
struct FaultView {
    id: String,
    kind: &'static str,
    /// What else is set, `name=value` each.
    details: Vec<String>,
    left: String,
}

pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    respond(&console, &Visit::of(&request), None)
}

/// Arms a fault, or ends one.
pub async fn act(State(console): State<Arc<Console>>, mut request: Request) -> Response {
    let form = Form::take(&mut request);
    let visit = Visit::of(&request);
    let (faults, texts) = (&console.parts.faults, FaultText::of(visit.language));
    let (done, sentence) = match form.field("end") {
        "" => (armed(faults, fault(&form).to_string().as_bytes()), texts.done_added),
        id => (ended(faults, id), texts.done_ended),
    };
    match done {
        Ok(fault) => {
            let text = fill(sentence, &[("kind", fault.effect.kind().as_str())]);
            let (class, language) = ("success", visit.language.tag());
            let notice = Notice { class, language, text, status: StatusCode::OK };
            note(respond(&console, &visit, Some(notice)), &fault)
        }
        // Of the program, in English.
        Err(Refusal::NoFault(text)) => {
            let notice = Notice { class: "error", language: "en", text, status: StatusCode::BAD_REQUEST };
            respond(&console, &visit, Some(notice))
        }
        Err(refusal) => refusal.respond(&visit, false),
    }
}

fn respond(console: &Console, visit: &Visit, notice: Option<Notice>) -> Response {
    let faults = &console.parts.faults;
    if faults.mode() == Mode::Off {
        return Refusal::FaultsOff.respond(visit, false);
    }
    let (text, texts) = (visit.text(), FaultText::of(visit.language));
    let now = console.now();
    let view = |fault: ListedFault| {
        let until = Time::new(fault.until, now, text).text;
        let [left, count] = [fault.left, fault.count].map(|number| number.to_string());
        let left = fill(texts.left, &[("left", &left), ("count", &count), ("until", &until)]);
        FaultView { details: details(&fault.json()), kind: fault.effect.kind().as_str(), id: fault.id, left }
    };
    let page = FaultsPage {
        layout: Layout::new(visit, "/console/faults", text.faults),
        texts,
        faults: faults.list().into_iter().map(view).collect(),
        kinds: FaultKind::ALL.map(|kind| (kind.as_str(), shown_by(kind, texts))).into(),
        interactions: interactions().collect(),
        notice,
    };
    let status = page.notice.as_ref().map_or(StatusCode::OK, |notice| notice.status);
    page::respond(status, &page)
}

/// What is set of a fault, beside what each has.
fn details(fault: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let own = ["status", "retryAfter", "delay"].map(|name| (name.to_owned(), &fault[name]));
    let matches = fault["match"].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value));
    let set = own.into_iter().chain(matches).filter(|(_, value)| !value.is_null());
    set.map(|(name, value)| format!("{name}={}", text(value))).collect()
}

/// The property of a client that a kind of fault shows.
fn shown_by(kind: FaultKind, texts: &'static FaultText) -> &'static str {
    match kind {
        FaultKind::Status => texts.of_status,
        FaultKind::Delay => texts.of_delay,
        FaultKind::CutBefore => texts.of_cut_before,
        FaultKind::CutAfterCommit => texts.of_cut_after_commit,
        FaultKind::CutInAnswer => texts.of_cut_in_answer,
        FaultKind::InvalidJson => texts.of_invalid_json,
    }
}

/// The JSON of the fault in a form. A field that is empty, or of another kind, is not set.
fn fault(form: &Form) -> Value {
    let text = |name: &str| Some(form.field(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    // What is no number is refused as it was typed.
    let number = |name| text(name).map(|text| text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number)));
    let is = |kind: FaultKind| form.field("kind") == kind.as_str();
    let matches = ["interaction", "type", "caller", "identifier"].into_iter();
    let matches: Map<_, _> = matches.filter_map(|name| Some((name.to_owned(), json!(text(name)?)))).collect();
    json!({
        "kind": form.field("kind"),
        "status": number("status").filter(|_| is(FaultKind::Status)),
        "retryAfter": number("retryAfter").filter(|_| is(FaultKind::Status)),
        "delay": text("delay").filter(|_| is(FaultKind::Delay)),
        "match": matches,
        "count": number("count"),
        "for": text("for"),
    })
}
