use std::collections::BTreeSet;

use super::*;
use crate::issue::catalogue;
use crate::sas::deviation::Validation;
use crate::sas::validation::Validator;

fn all() -> BTreeMap<String, Example> {
    toml::from_str(include_str!("rules.toml")).expect("examples")
}

#[test]
fn rules_each_have_an_example() {
    let examples: BTreeSet<_> = all().into_keys().collect();
    let rules: BTreeSet<_> = catalogue::all().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(examples, rules);
}

#[test]
fn rules_of_content_have_two_bodies() {
    // A strict server only cites the first; a form sends UTF-8.
    let without = ["profile-not-published", "json-encoding"];
    for rule in catalogue::content_rules().filter(|rule| !without.contains(&rule.id)) {
        assert!(matches!(find(rule.id), Some(Example::Bodies(_))), "{}", rule.id);
    }
}

#[test]
fn example_bodies_break_and_keep_their_rule() {
    let validator = Validator::new(Validation::Tolerant).expect("the profiles compile");
    let mut wrong = vec![];
    for (id, example) in all() {
        let Example::Bodies(bodies) = example else { continue };
        let cited = |body: &str| {
            let issues = validator.validate(bodies.resource_type(), body.as_bytes()).issues;
            issues.iter().map(|issue| issue.rule.id).collect::<BTreeSet<_>>()
        };
        let (breaking, keeping) = (cited(&bodies.breaking()), cited(&bodies.keeping()));
        if !breaking.contains(id.as_str()) || !keeping.is_empty() {
            wrong.push(format!("{id}: {breaking:?}, kept: {keeping:?}"));
        }
        // No more than one rule says of it besides.
        if breaking.len() > 2 {
            wrong.push(format!("{id}: {breaking:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn example_changes_each_change_the_body() {
    for (id, example) in all() {
        let Example::Bodies(bodies) = example else { continue };
        for changes in [&bodies.breaks, &bodies.keeps] {
            for name in changes.keys() {
                let without = changes.iter().filter(|(other, _)| *other != name);
                let without = without.map(|(name, value)| (name.clone(), value.clone())).collect();
                assert_ne!(bodies.changed(changes), bodies.changed(&without), "{id}: {name}");
            }
        }
        let [breaking, keeping] = bodies.excerpts();
        assert!(breaking.lines.iter().chain(&keeping.lines).any(|line| line.differs), "{id}");
    }
}

#[test]
fn example_commands_and_sentences_are_complete() {
    for (id, example) in all() {
        let sentence = |sentence: &Sentence, end: &str| {
            for text in [&sentence.fr, &sentence.en] {
                assert!(text.ends_with(end) && (text.len() > 15) && !text.contains('{'), "{id}: {text}");
            }
        };
        match &example {
            Example::Bodies(_) => {}
            Example::Command(command) => {
                let text = command.text("http://[::1]:8080");
                assert!(text.contains("curl --include ") && text.contains("http://[::1]:8080/"), "{id}: {text}");
                assert!(!text.contains("{origin}") && !text.starts_with(' ') && !text.ends_with(' '), "{id}: {text}");
                command.condition.iter().for_each(|condition| sentence(condition, ":"));
            }
            Example::Situation(situation) => sentence(situation, "."),
        }
    }
}

#[test]
fn excerpt_shows_what_differs_with_some_lines_around() {
    let of = |text: &str, other: &str| {
        let excerpt = excerpt(text, other);
        let lines = excerpt.lines.iter();
        let lines = lines.map(|line| format!("{}{}{}", line.number, if line.differs { "!" } else { " " }, line.text));
        (lines.collect::<Vec<_>>().join(","), excerpt.is_cut)
    };
    let (text, other) = ("a\nb\nc\nx\nd\ne\nf\n", "a\nb\nc\nd\ne\nf\n");
    assert_eq!(of(text, other), ("2 b,3 c,4!x,5 d,6 e".to_owned(), false));
    assert_eq!(of(other, text), ("2 b,3 c,4 d,5 e".to_owned(), false));
    assert_eq!(of("a\na\n", "a\n"), ("1 a,2!a".to_owned(), false));
    assert_eq!(of("", "a"), (String::new(), false));
    let long = "x\n".repeat(MAX_LINES + 1);
    assert!(of(&long, "").1);
    assert_eq!(excerpt(&long, "").lines.len(), MAX_LINES);
}
