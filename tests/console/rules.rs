//! The examples of `/console/rules`.

use std::process::Command;

use sas_endpoint::issue::catalogue;

use crate::html;
use crate::process::{Serving, databases, on_free_ports};
use crate::server::{Setup, form};
use crate::support::{Backend, TestDatabase};

#[tokio::test]
async fn console_rules_page_is_bounded_and_has_an_example_and_a_repair_of_each() {
    let console = Setup::open().start().await;
    for language in ["fr", "en"] {
        let page = console.get(&format!("/console/rules?lang={language}")).await.expect(200).text;
        html::check(&page, language);
        assert!(page.len() <= 3 << 19, "{} bytes", page.len());
        let number = |name: &str| html::parse(&page).iter().filter(|element| element.name == name).count();
        assert_eq!(number("details"), catalogue::all().count());
        let main: String = html::parse(&page).into_iter().find(|element| element.name == "main").expect("main").text;
        for repair in catalogue::all().filter_map(|rule| rule.repair) {
            assert!(main.contains(if language == "fr" { repair.french } else { repair.english }), "{repair:?}");
        }
    }
}

#[tokio::test]
async fn console_example_opens_in_the_form_and_is_judged() {
    let console = Setup::open().start().await;
    let rule = "appointment-period";
    for (query, sentence, is_cited) in [
        ("", "this body breaks the rule", true),
        ("&body=keeps", "this body follows the rule", false),
        ("&body=x", "this body breaks the rule", true),
    ] {
        let page = console.get(&format!("/console/validate?rule={rule}{query}&lang=en")).await.expect(200).text;
        html::check(&page, "en");
        assert!(page.contains(sentence), "{page}");
        let elements = html::parse(&page);
        let body = &elements.iter().find(|element| element.name == "textarea").expect("a field").text;
        let chosen = elements.iter().find(|element| !element.attribute("selected").is_empty()).expect("a choice");
        let token = crate::server::csrf(&page);
        let fields = form(&[("csrf", &token), ("profile", chosen.attribute("value")), ("body", body.trim_start())]);
        let judged = console.request("POST", "/console/validate?lang=en", &[], &fields).await.expect(200).text;
        assert_eq!(judged.contains("No error."), !is_cited, "{judged}");
        assert_eq!(judged.contains(&format!("#rule-{rule}")), is_cited, "{judged}");
    }
    let unknown = console.get("/console/validate?rule=%3Cb%3E&lang=en").await.expect(200).text;
    let without = console.get("/console/validate?rule=http-path&lang=en").await.expect(200).text;
    assert!(!unknown.contains("Example:") && !without.contains("Example:"), "{unknown}");
}

/// Commands of servers with callers, which this one has not.
const OF_CALLERS: [&str; 3] = ["http-login", "http-authorization", "http-token"];

#[tokio::test]
async fn console_example_commands_get_their_rule() {
    if !crate::curl::is_installed() {
        return;
    }
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let serving = Serving::spawn(on_free_ports(&["--log", "error"]).args(databases(&database.url)));
    let (status, answer) = serving.ops("/console/rules").expect("an answer");
    assert_eq!(status, 200);
    let page = &answer[answer.find("<!DOCTYPE").expect("a page")..];
    let (mut rule, mut wrong, mut run) = (String::new(), vec![], 0);
    for element in html::parse(page) {
        match element.name.as_str() {
            "section" => rule = element.attribute("id").trim_start_matches("rule-").to_owned(),
            "pre" if !OF_CALLERS.contains(&rule.as_str()) => {
                let output = Command::new("sh").args(["-c", &element.text]).output().expect("sh runs");
                let output = String::from_utf8_lossy(&output.stdout).into_owned();
                if !output.contains(&format!("\"{rule}\"")) {
                    wrong.push(format!("{rule}: {}\n{output:.600}", element.text));
                }
                run += 1;
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty() && run > 30, "{run} run:\n{}", wrong.join("\n"));
}
