//! The pages: languages, content, hostile values.

use serde_json::Value;

use crate::html;
use crate::server::Setup;

const PAGES: [&str; 7] = [
    "/console",
    "/console/accounts",
    "/console/appointments",
    "/console/directory",
    "/console/rules",
    "/console/validate",
    "/console/webhooks",
];

#[tokio::test]
async fn console_pages_are_well_formed_and_accessible_in_both_languages() {
    let console = Setup::open().start().await;
    for path in PAGES {
        for language in ["fr", "en"] {
            let page = console.get(&format!("{path}?lang={language}")).await.expect(200);
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            html::check(&page.text, language);
            let current: Vec<_> = html::parse(&page.text)
                .into_iter()
                .filter(|element| element.attribute("aria-current") == "page")
                .map(|element| element.attribute("href").to_owned())
                .collect();
            assert_eq!(current, [path]);
        }
    }
    let login = Setup::default().start().await;
    for language in ["fr", "en"] {
        html::check(&login.get(&format!("/console/login?lang={language}")).await.expect(200).text, language);
    }
}

#[tokio::test]
async fn console_language_chosen_is_kept_in_a_cookie() {
    let console = Setup::open().start().await;
    let language = async |uri: &str, headers: &[(&str, &str)]| {
        let answer = console.request("GET", uri, headers, "").await.expect(200);
        answer.header("content-language").to_owned()
    };
    assert_eq!(language("/console", &[]).await, "fr");
    assert_eq!(language("/console", &[("accept-language", "en-GB")]).await, "en");
    let chosen = console.get("/console/rules?q=x&lang=en").await.expect(200);
    assert_eq!(
        chosen.set_cookies(),
        ["sas_console_lang=en; Path=/console; SameSite=Strict; Max-Age=31536000; HttpOnly"]
    );
    assert!(chosen.text.contains("href=\"/console/rules?q=x&#38;lang=fr\""), "{}", chosen.text);
    let cookie = ("cookie", "sas_console_lang=en");
    assert_eq!(language("/console", &[cookie, ("accept-language", "fr")]).await, "en");
    assert_eq!(language("/console?lang=fr", &[cookie]).await, "fr");
    assert!(console.get("/console?lang=xx").await.set_cookies().is_empty());
    // On what is refused, too.
    let refused = console.request("GET", "/console?lang=en", &[("host", "evil.example")], "").await.expect(421);
    html::check(&refused.text, "en");
}

#[tokio::test]
async fn console_home_shows_version_database_start_and_directory() {
    let console = Setup::open().start().await;
    console.advance_minutes(3);
    let page = console.get("/console?lang=en").await.expect(200).text;
    for shown in [
        env!("CARGO_PKG_VERSION"),
        "SQLite file",
        "2026-09-21 14:13:20 UTC",
        "3 min ago",
        "PractitionerRole",
        "yes: the database",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let status: Value = serde_json::from_str(&console.get("/console/api/status").await.expect(200).text).expect("JSON");
    assert_eq!((&status["ready"], &status["started"]), (&Value::Bool(true), &"2026-09-21T14:13:20.000Z".into()));
    assert_eq!(status["directory"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn console_rules_are_all_shown_and_searched() {
    let console = Setup::open().start().await;
    let ids = |page: &str| -> Vec<String> {
        let elements = html::parse(page);
        let sections = elements.into_iter().filter(|element| element.name == "section");
        sections.map(|section| section.attribute("id").trim_start_matches("rule-").to_owned()).collect()
    };
    let page = console.get("/console/rules").await.expect(200).text;
    let all: Vec<_> = sas_endpoint::issue::catalogue::all().collect();
    assert_eq!(ids(&page), all.iter().map(|rule| rule.id).collect::<Vec<_>>());
    let texts: String =
        html::parse(&page).into_iter().filter(|element| element.name == "main").map(|main| main.text).collect();
    for rule in all {
        let [french, english] = [rule.french, rule.english].map(without_values);
        assert!(texts.contains(&french) && texts.contains(&english), "{}", rule.id);
    }
    let found = console.get("/console/rules?q=idnst&lang=en").await.expect(200).text;
    assert_eq!(ids(&found), ["practitioner-identifier-idnst"]);
    assert!(found.contains("value=\"idnst\""), "{found}");
}

/// A message with `…` in the place of `{found}` and the like.
fn without_values(message: &str) -> String {
    let mut parts = message.split('{');
    let first = parts.next().expect("a part").to_owned();
    parts.fold(first, |text, part| text + "…" + part.split_once('}').expect("a whole placeholder").1)
}

#[tokio::test]
async fn console_search_shows_hostile_words_as_text() {
    let console = Setup::open().start().await;
    let query = crate::server::form(&[("q", "\u{202e}\"><script>alert(1)</script>\u{0}")]);
    let page = console.get(&format!("/console/rules?{query}")).await.expect(200).text;
    html::check(&page, "fr");
    assert!(page.contains("value=\"⟨U+202E⟩&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;⟨U+0000⟩\""), "{page}");
}
