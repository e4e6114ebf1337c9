//! `/console/rules`: the catalogue of rules.

use askama::Template;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use super::page::{self, Layout};
use super::source::Source;
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
    sentences: [(&'static str, &'static str); 2],
    repair: Option<&'static str>,
    level: &'static str,
    code: &'static str,
    source: Source,
}

pub async fn show(request: Request) -> Response {
    let visit = Visit::of(&request);
    let text = visit.text();
    let query = visit.query("q").unwrap_or_default().trim().to_owned();
    let words: Vec<_> = query.split_whitespace().take(MAX_WORDS).map(str::to_lowercase).collect();
    let rules = catalogue::all().filter(|rule| matches(rule, &words));
    let rules: Vec<_> = rules.map(|rule| view(rule, &visit)).collect();
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

fn view(rule: &'static Rule, visit: &Visit) -> RuleView {
    RuleView {
        id: rule.id,
        sentences: both_languages(visit.language).map(|language| (language.tag(), rule.sentence(language))),
        repair: rule.repair.map(|repair| repair.sentence(visit.language)),
        level: level(rule.level, visit.text()),
        code: rule.code.code(),
        source: Source::of(rule.source),
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
