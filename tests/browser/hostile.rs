//! Bodies that attack the pages: each becomes a bounded page of text, soon.

use serde_json::Value;

use crate::browser::{Browser, ENTER};
use crate::target::{REFUSED, REGULATOR, Target};

/// Maximum bytes of a page.
const MAX_PAGE: u64 = 3 << 19;

/// Maximum time from the first byte of a page to its being laid out, in milliseconds. `make bench` measures what the server
/// takes before: here, it is a debug build.
const MAX_READY: f64 = 2_000.0;

/// How often a page is opened until it is ready in time.
const MAX_OPENINGS: u32 = 15;

/// Maximum lines of a body on a page.
const MAX_LINES: u64 = 2_000;

/// Maximum errors of a body. These have no warnings, and one has many more defects.
const MAX_ISSUES: u64 = 100;

/// Bodies that are refused: the name, the body, and what the page shows of it.
fn bodies() -> [(&'static str, String, &'static str); 5] {
    let script = "</code></li><script>window.ran = true</script><img src=x onerror='window.ran = true'>";
    let name = format!("{script}\u{202e}\u{2066}\u{200f}\u{7f}\u{9b}{{{{ 7 * 7 }}}}");
    let nested = format!("{}{}{}", "[\n".repeat(64), vec!["\"<b>x</b>\""; 50_000].join(",\n"), "\n]".repeat(64));
    let defect = "{ \"system\": \"email\", \"value\": \"x@example.org\", \"rank\": \"<i>first</i>\" }";
    let defects = format!("[\n{}\n]", vec![defect; 10_000].join(",\n"));
    let telecom = "[{ \"system\": \"email\", \"value\": \"nadia.aubert@example.org\" }]";
    [
        ("markup", REGULATOR.replace("\"AUBERT\"", &format!("\"{name}\", \"x\": 1")), "⟨U+202E⟩"),
        ("one-line", format!("{{\"resourceType\": \"{}\"}}", "<b>".repeat(349_000)), "<b><b>"),
        ("nested", REGULATOR.replace(telecom, &nested), "["),
        ("defects", REGULATOR.replace(telecom, &defects), "<i>first</i>"),
        ("cut", format!("{}\u{202e}", &REGULATOR[..200]), "⟨U+202E⟩"),
    ]
}

/// What a page took, and what it shows.
const MEASURE: &str = "const [navigation] = performance.getEntriesByType('navigation');
    const codes = [...document.querySelectorAll('.lines code')];
    return {
      bytes: navigation.decodedBodySize,
      ready: navigation.loadEventEnd - navigation.responseStart,
      lines: Math.max(...[...document.querySelectorAll('.lines')].map((list) => list.children.length)),
      issues: document.querySelectorAll('.findings > li').length,
      isText: codes.every((code) => [...code.childNodes].every((node) => node.nodeType === Node.TEXT_NODE)),
      foreign: document.querySelectorAll('main :is(script, img, b, i, iframe, object, style, link)').length,
      shown: codes.some((code) => code.textContent.includes(arguments[0])),
      acting: /[\\u202a-\\u202e\\u2066-\\u2069\\u200e\\u200f\\u007f-\\u009f]/.test(document.body.textContent),
      ran: window.ran === true,
    }";

/// Opens a page, and asserts that it is bounded, ready in time, and shows the body as text. Other tests take the processor
/// too: one of some openings is to be in time.
async fn check_hostile(browser: &Browser, name: &str, shown: &str, open: impl AsyncFn()) {
    let mut page = Value::Null;
    for _ in 0..MAX_OPENINGS {
        open().await;
        browser.wait_for("performance.getEntriesByType('navigation')[0].loadEventEnd > 0").await;
        page = browser.run(MEASURE, vec![shown.into()]).await;
        if page["ready"].as_f64().is_some_and(|ready| ready <= MAX_READY) {
            break;
        }
    }
    assert!(page["ready"].as_f64().is_some_and(|ready| ready <= MAX_READY), "{name}: {page}");
    assert!(page["bytes"].as_u64().is_some_and(|bytes| bytes <= MAX_PAGE && bytes > 0), "{name}: {page}");
    assert!(page["lines"].as_u64().is_some_and(|lines| lines <= MAX_LINES && lines > 0), "{name}: {page}");
    let is_full = name == "defects";
    let is_number = |issues: u64| issues == MAX_ISSUES || (!is_full && (1..MAX_ISSUES).contains(&issues));
    assert!(page["issues"].as_u64().is_some_and(is_number), "{name}: {page}");
    for (what, expected) in [("isText", true), ("shown", true), ("acting", false), ("ran", false)] {
        assert_eq!(page[what], expected, "{name}: {what}: {page}");
    }
    assert_eq!(page["foreign"], Value::from(0), "{name}: {page}");
    assert_eq!(browser.log().await, Vec::<String>::new(), "{name}");
}

#[tokio::test]
async fn browser_pages_of_hostile_bodies_are_bounded_and_text() {
    let Some(browser) = Browser::open().await else { return };
    let target = Target::open().await;
    for (name, body, shown) in bodies() {
        let answer = target.put(REFUSED, body.clone()).await;
        assert!(answer.status.is_client_error(), "{name}: {}", answer.text);
        let exchange = target.url_in(&format!("/console/exchanges/{REFUSED}"), "en");
        check_hostile(&browser, name, shown, async || browser.go(&exchange).await).await;
        browser.keep_screenshot(&format!("hostile-{name}-exchange")).await;
        // The same in the form of a resource to validate.
        check_hostile(&browser, name, shown, async || {
            browser.go(&target.url_in("/console/validate", "en")).await;
            browser.run("document.querySelector('#body').value = arguments[0]", vec![body.as_str().into()]).await;
            browser.tab_to("main form button[type=\"submit\"]").await;
            browser.press([ENTER]).await;
            browser.wait_for("document.querySelector('#result')").await;
        })
        .await;
    }
    browser.close().await;
}
