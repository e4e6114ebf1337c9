//! `/console/validate`: judges a resource as `$validate` does, and stores nothing.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::display::{escaped_len, is_acting};
use super::examples::{self, Example};
use super::form::Form;
use super::issue_lines::{IssueAtLine, IssueLines};
use super::page::{self, Layout};
use super::refusal::Refusal;
use super::rules::both_languages;
use super::source::Source;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::audit::Caller;
use crate::error::{Error, Workload};
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::http::http_error::HttpError;
use crate::http::outcome::log_failure;
use crate::interaction::validate::Validate;
use crate::interaction::{Outcome, RequestContext};
use crate::issue::{Issue, Severity};
use crate::profile::Profile;

/// Maximum bytes of all findings on the page. The lines beside which they stand have their messages once more.
const MAX_FINDINGS_BYTES: usize = 320 << 10;

/// Maximum bytes of a resource that stays in the form.
const MAX_KEPT: usize = 192 << 10;

#[derive(Template)]
#[template(path = "validate.html")]
struct ValidatePage {
    layout: Layout,
    choices: Vec<Choice>,
    body: String,
    /// Whether the form lost the resource.
    is_not_kept: bool,
    max_body: usize,
    /// The example in the form.
    example: Option<ExampleNote>,
    result: Option<ResultView>,
}

struct ExampleNote {
    rule: String,
    sentence: &'static str,
}

/// A type, with the profiles to check.
struct Choice {
    /// The type, or the type and the canonical URL of the profile.
    value: String,
    title: String,
    is_selected: bool,
}

struct ResultView {
    class: &'static str,
    verdict: &'static str,
    counts: String,
    findings: Vec<Finding>,
    findings_left_out: Option<String>,
    body: IssueLines,
}

struct Finding {
    class: &'static str,
    severity: &'static str,
    rule: &'static str,
    expression: String,
    /// The place in the body.
    place: Option<String>,
    /// Whether its line is shown.
    is_shown: bool,
    repair: Option<&'static str>,
    sentences: [(&'static str, String); 2],
    source: Source,
}

/// The form: empty, or with the example of `?rule=ID`, that which keeps the rule with `&body=keeps`.
pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let mut page = ValidatePage::new(&console, &visit, "", "");
    if let Some(rule) = visit.query("rule")
        && let Some(Example::Bodies(bodies)) = examples::find(&rule)
    {
        let (body, sentence) = match visit.query("body").as_deref() {
            Some("keeps") => (bodies.keeping(), visit.text().validate_example_keeps),
            _ => (bodies.breaking(), visit.text().validate_example_breaks),
        };
        page = ValidatePage::new(&console, &visit, bodies.resource_type().as_str(), &body);
        page.example = Some(ExampleNote { rule, sentence });
    }
    page::respond(StatusCode::OK, &page)
}

/// Judges the resource of the form.
pub async fn validate(State(console): State<Arc<Console>>, mut request: Request) -> Response {
    let form = Form::take(&mut request);
    let visit = Visit::of(&request);
    let (chosen, body) = (form.field("profile"), form.field("body"));
    let limit = console.parts.bounds.max_body;
    if body.len() > limit {
        return Refusal::Body(HttpError::BodyTooLarge { limit }).respond(&visit, false);
    }
    let (status, issues) = match judge(&console, &visit, chosen, body).await {
        Ok(issues) => (StatusCode::OK, issues),
        // What was found, as well: the answer is the verdict.
        Err(Error::NotFhir(issues) | Error::Refused(issues)) => (StatusCode::OK, issues),
        Err(error) => {
            log_failure(&error);
            let issues = error.issues();
            (HttpError::from(error).status(), issues)
        }
    };
    let result = Some(ResultView::new(&issues, body, &visit));
    let page = ValidatePage { result, ..ValidatePage::new(&console, &visit, chosen, body) };
    let mut response = page::respond(status, &page);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// The issues of the resource, found with a permit of `$validate` and within its deadline.
async fn judge(console: &Console, visit: &Visit, chosen: &str, body: &str) -> Result<Vec<Issue>, Error> {
    let (name, profile) = chosen.split_once('|').map_or((chosen, None), |(name, profile)| (name, Some(profile)));
    let resource_type = ResourceType::parse(name).ok_or(Error::NotFound)?;
    let query =
        profile.map(|profile| form_urlencoded::Serializer::new(String::new()).append_pair("profile", profile).finish());
    let query = Query::parse(&query.unwrap_or_default()).map_err(|_| Error::NotFound)?;
    let parts = &console.parts;
    let deadline = parts.permits.permit(Workload::Validations).await?;
    let context = RequestContext { base_url: "".into(), language: visit.language, deadline };
    // What a draft gathers is kept only where it is sent.
    let mut audit = parts.endpoint.writer.audit().draft("", Caller::default());
    let validate = Validate { resource_type, query, body: Bytes::copy_from_slice(body.as_bytes()) };
    match context.deadline.limit(validate.run(&parts.endpoint, &context, &mut audit)).await? {
        Outcome::Issues(issues) => Ok(issues),
        _ => Err(Error::internal("a validation has another outcome than issues")),
    }
}

impl ValidatePage {
    /// The form with this choice and this resource.
    fn new(console: &Console, visit: &Visit, chosen: &str, body: &str) -> Self {
        let text = visit.text();
        let is_kept = escaped_len(body) <= MAX_KEPT && !body.chars().any(is_acting);
        Self {
            layout: Layout::new(visit, "/console/validate", text.validate),
            choices: choices(chosen, text),
            body: if is_kept { body.to_owned() } else { String::new() },
            is_not_kept: !is_kept,
            max_body: console.parts.bounds.max_body,
            example: None,
            result: None,
        }
    }
}

/// For each type: the profiles that the resource claims, each profile, and none.
fn choices(chosen: &str, text: &Text) -> Vec<Choice> {
    let mut choices = vec![];
    for resource_type in ResourceType::ALL {
        let name = resource_type.as_str();
        let mut add = |value: String, title: String| {
            choices.push(Choice { is_selected: value == chosen, value, title });
        };
        add(name.to_owned(), fill(text.profile_claimed, &[("type", name)]));
        for profile in Profile::ALL.into_iter().filter(|profile| profile.resource_type() == resource_type) {
            let canonical = profile.canonical();
            let profile = canonical.rsplit('/').next().unwrap_or(canonical);
            add(format!("{name}|{canonical}"), fill(text.profile_named, &[("type", name), ("profile", profile)]));
        }
        let base = format!("{name}|http://hl7.org/fhir/StructureDefinition/{name}");
        add(base, fill(text.profile_base, &[("type", name)]));
    }
    choices
}

impl ResultView {
    fn new(issues: &[Issue], body: &str, visit: &Visit) -> Self {
        let text = visit.text();
        let errors = issues.iter().filter(|issue| issue.is_error()).count();
        let (class, verdict) = match errors {
            0 => ("success", text.validate_accepted),
            _ => ("error", text.validate_errors),
        };
        let others = (issues.len() - errors).to_string();
        let counts = fill(text.validate_counts, &[("errors", &errors.to_string()), ("others", &others)]);
        let mut findings: Vec<_> = issues.iter().map(|issue| Finding::new(issue, visit)).collect();
        let left_out = truncate(&mut findings);
        let marks = (1..).zip(issues).zip(&findings);
        let marks: Vec<_> = marks.map(|((number, issue), finding)| finding.mark(number, issue)).collect();
        let body = IssueLines::new(body, &marks, text);
        for shown in body.lines.iter().flat_map(|line| &line.issues) {
            findings[shown.number - 1].is_shown = true;
        }
        Self {
            class,
            verdict,
            counts: if issues.is_empty() { String::new() } else { counts },
            findings,
            findings_left_out: (left_out > 0)
                .then(|| fill(text.validate_issues_left_out, &[("n", &left_out.to_string())])),
            body,
        }
    }
}

/// Keeps the findings that have room on a page; returns how many have none.
fn truncate(findings: &mut Vec<Finding>) -> usize {
    let mut room = MAX_FINDINGS_BYTES;
    let fits = |finding: &&Finding| {
        let texts = finding.sentences.iter().map(|(_, sentence)| escaped_len(sentence));
        // The markup of a finding, its rule and its source take less than a KiB.
        let repair = finding.repair.map_or(0, escaped_len);
        let size = texts.sum::<usize>() + escaped_len(&finding.expression) + repair + 1024;
        let has_room = size <= room;
        room = room.saturating_sub(size);
        has_room
    };
    let kept = findings.iter().take_while(fits).count();
    let left_out = findings.len() - kept;
    findings.truncate(kept);
    left_out
}

impl Finding {
    fn new(issue: &Issue, visit: &Visit) -> Self {
        let text = visit.text();
        let (class, severity) = match issue.rule.severity() {
            Severity::Error => ("bad", text.severity_error),
            Severity::Warning => ("warn", text.severity_warning),
            Severity::Information => ("info", text.severity_information),
        };
        let sentences = both_languages(visit.language).map(|language| (language.tag(), issue.text(language)));
        let (rule, source) = (issue.rule.id, Source::of(issue.rule.source));
        let place = issue
            .position()
            .map(|at| fill(text.issue_place, &[("line", &at.line.to_string()), ("column", &at.column.to_string())]));
        let repair = issue.rule.repair.map(|repair| repair.sentence(visit.language));
        let expression = issue.expression.clone();
        Self { class, severity, rule, expression, place, is_shown: false, repair, sentences, source }
    }

    /// What stands beside the line of the issue that this finding shows.
    fn mark(&self, number: usize, issue: &Issue) -> IssueAtLine {
        let (tag, sentence) = &self.sentences[0];
        IssueAtLine {
            number,
            place: issue.position().map(|at| (at.line, at.column)),
            text: sentence.clone(),
            language: (*tag).to_owned(),
            class: self.class,
        }
    }
}
