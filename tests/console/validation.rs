//! `/console/validate`.

use serde_json::{Value, json};

use crate::html;
use crate::server::{Answer, Setup, TestConsole, form};

const REGULATOR: &str = include_str!("../fixtures/regulator.json");

async fn validate(console: &TestConsole, profile: &str, body: &str) -> Answer {
    let token = console.csrf("/console/validate", "").await;
    let fields = form(&[("csrf", &token), ("profile", profile), ("body", body)]);
    console.request("POST", "/console/validate?lang=en", &[], &fields).await
}

/// The rules that a page cites, in order.
fn rules(page: &str) -> Vec<String> {
    let links = html::parse(page).into_iter().filter(|element| element.name == "a");
    let links = links.filter_map(|link| link.attribute("href").strip_prefix("/console/rules#rule-").map(str::to_owned));
    links.collect()
}

/// The lines of the body that a page shows.
fn lines(page: &str) -> Vec<String> {
    let list =
        page.split("<ol class=\"lines\">\n").nth(1).and_then(|rest| rest.split("</ol>").next()).unwrap_or_default();
    let items = html::parse(&format!("<!DOCTYPE html>\n<html lang=\"\">{list}</html>"));
    items.into_iter().filter(|element| element.name == "li").map(|line| line.text).collect()
}

#[tokio::test]
async fn console_validation_shows_findings_and_the_body_and_stores_nothing() {
    let console = Setup::open().start().await;
    let page = validate(&console, "Practitioner", REGULATOR).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("No error.") && rules(&page).is_empty(), "{page}");
    assert_eq!(lines(&page), REGULATOR.lines().collect::<Vec<_>>());
    let mut wrong: Value = serde_json::from_str(REGULATOR).expect("JSON");
    wrong["identifier"] = json!([]);
    wrong["colour"] = json!("green");
    let body = serde_json::to_string_pretty(&wrong).expect("JSON");
    let page = validate(&console, "Practitioner", &body).await.expect(200).text;
    html::check(&page, "en");
    assert!(rules(&page).contains(&"fhir-unknown-element".to_owned()), "{page}");
    assert!(page.contains("would be refused") && page.contains("« colour »") && page.contains("“colour”"), "{page}");
    // The form keeps the resource and the choice.
    let elements = html::parse(&page);
    let area = elements.iter().find(|element| element.name == "textarea").expect("a field");
    assert_eq!(area.text.trim_start_matches('\n'), body);
    let selected = elements.iter().find(|element| !element.attribute("selected").is_empty()).expect("a choice");
    assert_eq!(selected.attribute("value"), "Practitioner");
    let stored = console.get("/console/api/status").await.expect(200);
    assert!(stored.text.contains("\"ready\":true"), "{}", stored.text);
}

#[tokio::test]
async fn console_validation_shows_each_finding_beside_its_line_with_its_repair() {
    let console = Setup::open().start().await;
    let wrong = REGULATOR.replace("\"active\": true", "\"active\": \"yes\"");
    let line = wrong.lines().position(|line| line.contains("\"yes\"")).expect("the line") + 1;
    let one_line = wrong.replace('\n', "");
    for (body, line) in [(wrong, Some(line.to_string())), (one_line, None)] {
        let page = validate(&console, "Practitioner", &body).await.expect(200).text;
        html::check(&page, "en");
        let elements = html::parse(&page);
        let marked: Vec<_> = elements.iter().filter(|element| element.attribute("class") == "marked").collect();
        assert_eq!(marked.len(), 1, "{page}");
        assert!(line.is_none_or(|line| marked[0].attribute("value") == line), "{page}");
        assert!(marked[0].text.contains("\"yes\"") && marked[0].text.contains("The JSON type is"), "{:?}", marked[0]);
        let place = elements.iter().find(|element| element.attribute("href") == "#at-1").expect("a link to the line");
        assert!(place.text.starts_with("line ") && page.contains("Suggested repair:"), "{page}");
    }
}

#[tokio::test]
async fn console_validation_judges_by_the_chosen_profile() {
    let console = Setup::open().start().await;
    let page = console.get("/console/validate").await.expect(200).text;
    let options: Vec<_> = html::parse(&page)
        .into_iter()
        .filter(|element| element.name == "option")
        .map(|option| option.attribute("value").to_owned())
        .collect();
    assert_eq!(options.len(), 7, "{options:?}");
    let mut account: Value = serde_json::from_str(REGULATOR).expect("JSON");
    account["identifier"] = json!([{ "system": "urn:x", "value": "y" }]);
    let body = account.to_string();
    let base = validate(&console, "Practitioner|http://hl7.org/fhir/StructureDefinition/Practitioner", &body).await;
    let regulator =
        validate(&console, options.iter().find(|value| value.ends_with("Regul")).expect("a profile"), &body).await;
    assert!(!rules(&regulator.expect(200).text).is_empty());
    let base = rules(&base.expect(200).text);
    assert!(!base.contains(&"practitioner-identifier-type".to_owned()), "{base:?}");
    let other = validate(&console, "Appointment", &body).await.expect(200).text;
    assert!(rules(&other).iter().any(|rule| rule.starts_with("resource-type")), "{other}");
    for unknown in ["", "Patient", "Practitioner|urn:x"] {
        let page = validate(&console, unknown, &body).await;
        assert!(matches!(page.status.as_u16(), 200 | 404), "{unknown}: {page:?}");
        html::check(&page.text, "en");
        assert!(!rules(&page.text).is_empty() && !page.text.contains("No error."), "{unknown}: {}", page.text);
    }
}

/// Maximum defects of the JSON of a body, and maximum violations of rules.
const MAX_ISSUES: usize = 100;

/// How many issues a page lists.
fn issues(page: &str) -> usize {
    html::parse(page).iter().filter(|element| element.attribute("id").starts_with("issue-")).count()
}

#[tokio::test]
async fn console_validation_of_hostile_bodies_is_a_bounded_page_of_text() {
    let console = Setup::open().start().await;
    let mut script: Value = serde_json::from_str(REGULATOR).expect("JSON");
    script["identifier"][0]["system"] = json!("<script>alert('\u{202e}\u{0}\u{2066}')</script>");
    let defects: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("<b>\u{202e}{n}"), json!(n))).collect();
    let telecom = vec![json!({ "system": "email", "value": "x@example.org", "rank": "<i>" }); 10_000];
    let mut defective: Value = serde_json::from_str(REGULATOR).expect("JSON");
    defective["telecom"] = json!(telecom);
    let defective = serde_json::to_string_pretty(&defective).expect("JSON");
    let nested = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let values =
        format!("{{\"resourceType\": \"Practitioner\", \"x\": [{}]}}", vec!["{\"a\":\n[\"\"]}"; 50_000].join(",\n"));
    for body in [
        script.to_string(),
        serde_json::to_string_pretty(&defects).expect("JSON"),
        defective.clone(),
        nested,
        values,
        format!("{{\"a\": \"{}\"}}", "<".repeat((1 << 20) - 9)),
        "\u{202e}".repeat((1 << 20) / 3),
        "\u{202e}\n".repeat(200_000),
        "\"".repeat(1 << 20),
        "\n".repeat(1 << 20),
        "{".to_owned(),
        String::new(),
    ] {
        let start: String = body.chars().take(60).collect();
        let answer = validate(&console, "Practitioner", &body).await.expect(200);
        html::check(&answer.text, "en");
        assert!(answer.text.len() <= 3 << 19, "{start}: {} bytes", answer.text.len());
        assert!(lines(&answer.text).len() <= 2_000, "{start}");
        assert!(!rules(&answer.text).is_empty(), "{start}");
        let issues = issues(&answer.text);
        assert!(issues <= 2 * MAX_ISSUES && (body != defective || issues == MAX_ISSUES), "{start}: {issues} issues");
    }
    let page = validate(&console, "Practitioner", &script.to_string()).await.expect(200).text;
    assert!(page.contains("&#60;script&#62;alert(&#39;⟨U+202E⟩"), "{page}");
}
