//! `/console/rules`: the catalogue of rules.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::examples::{self, Example, Excerpt};
use super::page::{self, Layout};
use super::source::Source;
use super::state::Console;
use super::text::{Text, fill};
use super::visit::Visit;
use crate::issue::{Language, Level, Rule, catalogue};

/// Maximum words of a search; further ones are ignored.
const MAX_WORDS: usize = 10;

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    layout: Layout,
    query: String,
    found: String,
    rules: Vec<RuleView>,
}

struct RuleView {
    id: &'static str,
    sentences: [(&'static str, String); 2],
    repair: Option<&'static str>,
    level: &'static str,
    code: &'static str,
    source: Source,
    example: Option<ExampleView>,
}

enum ExampleView {
    /// Of a body that breaks the rule, and of one that keeps it: where they differ.
    Bodies(Excerpt, Excerpt),
    /// Where it is refused by the rule, and a command.
    Command(&'static str, String),
    Situation(&'static str),
}

pub async fn show(State(console): State<Arc<Console>>, request: Request) -> Response {
    let visit = Visit::of(&request);
    let text = visit.text();
    let query = visit.query("q").unwrap_or_default().trim().to_owned();
    let words: Vec<_> = query.split_whitespace().take(MAX_WORDS).map(str::to_lowercase).collect();
    let origin = &console.parts.fhir_origin;
    let rules = catalogue::all().filter(|rule| matches(rule, &words));
    let rules: Vec<_> = rules.map(|rule| view(rule, &visit, origin)).collect();
    let (found, all) = (rules.len().to_string(), catalogue::all().count().to_string());
    let found = fill(text.rules_found, &[("n", &found), ("all", &all)]);
    page::respond(
        StatusCode::OK,
        &RulesPage { layout: Layout::new(&visit, "/console/rules", text.rules), query, found, rules },
    )
}

/// Whether a rule has all these words, in lower case.
fn matches(rule: &Rule, words: &[String]) -> bool {
    let repair = rule.repair.map_or([""; 2], |repair| [repair.french, repair.english]).join("\n");
    let texts = [rule.id, rule.french, rule.english, &repair, rule.source, rule.level.as_str()];
    let text = texts.join("\n").to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

fn view(rule: &'static Rule, visit: &Visit, origin: &str) -> RuleView {
    RuleView {
        id: rule.id,
        sentences: both_languages(visit.language)
            .map(|language| (language.tag(), without_values(rule.sentence(language)))),
        repair: rule.repair.map(|repair| repair.sentence(visit.language)),
        level: level(rule.level, visit.text()),
        code: rule.code.code(),
        source: Source::of(rule.source),
        example: examples::find(rule.id).map(|example| example_view(example, visit, origin)),
    }
}

/// A message with `…` in the place of its values.
fn without_values(message: &str) -> String {
    let mut parts = message.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "…" + part.split_once('}').map_or(part, |(_, rest)| rest))
}

fn example_view(example: &'static Example, visit: &Visit, origin: &str) -> ExampleView {
    match example {
        Example::Bodies(bodies) => {
            let [breaking, keeping] = bodies.excerpts();
            ExampleView::Bodies(breaking, keeping)
        }
        Example::Command(command) => {
            let condition = command.condition.as_ref().map(|condition| condition.text(visit.language));
            let sentence = condition.unwrap_or(visit.text().example_command);
            ExampleView::Command(sentence, command.text(origin))
        }
        Example::Situation(situation) => ExampleView::Situation(situation.text(visit.language)),
    }
}

/// Both languages, that of the page first.
pub fn both_languages(first: Language) -> [Language; 2] {
    match first {
        Language::French => [Language::French, Language::English],
        Language::English => [Language::English, Language::French],
    }
}

fn level(level: Level, text: &'static Text) -> &'static str {
    match level {
        Level::NotFhir => text.level_not_fhir,
        Level::Refused => text.level_refused,
        Level::Http => text.level_http,
        Level::Warning => text.level_warning,
        Level::Information => text.level_information,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_a_rule_has_no_placeholder() {
        assert_eq!(without_values("{found} of {expected}."), "… of ….");
        assert_eq!(without_values("none"), "none");
    }

    #[test]
    fn rules_are_found_by_id_words_source_and_level() {
        let found = |query: &str| -> Vec<_> {
            let words: Vec<_> = query.split_whitespace().map(str::to_lowercase).collect();
            catalogue::all().filter(|rule| matches(rule, &words)).map(|rule| rule.id).collect()
        };
        assert_eq!(found("practitioner-identifier-idnst"), ["practitioner-identifier-idnst"]);
        assert!(found("IDENTIFIANT national").contains(&"practitioner-identifier"));
        assert!(found("int_r02").len() > 3 && found("warning").len() > 1);
        assert_eq!(found(""), catalogue::all().map(|rule| rule.id).collect::<Vec<_>>());
        assert!(found("practitioner-identifier xyzzy").is_empty());
    }
}
