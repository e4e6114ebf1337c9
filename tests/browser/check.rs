//! The rules that every page keeps.

use serde_json::json;

use crate::browser::{Browser, TAB, Width};

const RULES: &str = include_str!("rules.js");

/// Those that neither width nor colours change.
const STRUCTURE: [&str; 12] = [
    "title",
    "language",
    "labels",
    "names",
    "image-text",
    "landmark",
    "heading",
    "heading-order",
    "ids",
    "references",
    "tables",
    "native-controls",
];

/// How often Tab is pressed on a page at most, as in `rules.js`.
const MAX_STOPS: usize = 100;

/// What these rules find in the page that is open.
pub async fn broken_rules(browser: &Browser, rules: &[&str], language: &str) -> Vec<String> {
    let found = browser.run(RULES, vec![json!(rules), language.into()]).await;
    let found = found.as_array().expect("a list").iter();
    found.map(|found| found.as_str().unwrap_or_default().to_owned()).collect()
}

/// The same for the rule that needs the keyboard: Tab leads to each control, in their order, and each shows the focus.
pub async fn broken_focus(browser: &Browser) -> Vec<String> {
    broken_rules(browser, &["watch-focus"], "").await;
    let controls = browser.run("return window.focusWatch.controls.length", vec![]).await;
    let controls = controls.as_u64().and_then(|number| usize::try_from(number).ok()).expect("a number");
    browser.press(std::iter::repeat_n(TAB, controls.min(MAX_STOPS))).await;
    broken_rules(browser, &["focus"], "").await
}

/// What is wrong with the page that is open, wide and narrow, light and, where it is wide, dark; keeps a screenshot for each width. Messages
/// that the browser logged begin with one of `expected`, such as on pages of errors.
pub async fn check_page(browser: &Browser, name: &str, language: &str, expected: &[&str]) -> Vec<String> {
    let mut found = broken_rules(browser, &STRUCTURE, language).await;
    for width in [Width::Wide, Width::Narrow] {
        browser.set_width(width).await;
        let inner = browser.run("return innerWidth", vec![]).await;
        if inner != width as u32 {
            found.push(format!("{width:?}: innerWidth is {inner}"));
        }
        // Colours are those of each width.
        let schemes = if width == Width::Wide { &["dark", "light"][..] } else { &["light"] };
        for scheme in schemes {
            browser.set_scheme(scheme).await;
            let broken = broken_rules(browser, &["contrast", "width"], language).await;
            found.extend(broken.into_iter().map(|broken| format!("{scheme} {width:?} {broken}")));
        }
        browser.keep_screenshot(&format!("{name}-{language}-{}", width as u32)).await;
    }
    found.extend(broken_focus(browser).await);
    let logged = browser.log().await.into_iter();
    found.extend(logged.filter(|message| !expected.iter().any(|expected| message.contains(expected))));
    found.into_iter().map(|found| format!("{name} {language}: {found}")).collect()
}

/// A page that keeps all rules but for what `body` and `head` add.
fn page(head: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><title>A – B</title><meta name=\"viewport\" content=\"width=device-width\">\
        {head}</head><body><main><h1>A</h1><h2>a <a href=\"/a\">link</a></h2><label for=\"f\">name</label>\
        <input id=\"f\" placeholder=\"x\">{body}</main></body></html>"
    )
}

/// Each rule with what breaks it: in the head, in the body.
const BROKEN: [(&str, &str, &str); 22] = [
    ("title", "<script>document.title = 'C'</script>", ""),
    ("language", "<script>document.documentElement.lang = ''</script>", ""),
    ("labels", "", "<input placeholder=\"name\">"),
    ("labels", "", "<label for=\"g\"></label><select id=\"g\"></select>"),
    ("names", "", "<button></button>"),
    ("names", "", "<a href=\"/b\"><span aria-hidden=\"true\">x</span></a>"),
    ("names", "", "<nav>x</nav><nav>y</nav>"),
    ("image-text", "", "<img src=\"data:,\">"),
    ("image-text", "", "<svg width=\"9\" height=\"9\"></svg>"),
    ("landmark", "", "</main><main>x"),
    ("heading", "", "<h1>B</h1>"),
    ("heading-order", "", "<h4>x</h4>"),
    ("ids", "", "<p id=\"f\">x</p>"),
    ("references", "", "<p aria-describedby=\"none\">x</p>"),
    ("references", "", "<a href=\"#none\">x</a>"),
    ("tables", "", "<table><tr><th>x</th><td>y</td></tr></table>"),
    ("native-controls", "", "<div onclick=\"x()\">x</div>"),
    ("native-controls", "", "<a href=\"/b\" tabindex=\"2\">x</a>"),
    ("contrast", "", "<p style=\"color: #888\">x</p>"),
    ("contrast", "<style>::placeholder { color: #999 }</style>", ""),
    ("contrast", "", "<p style=\"opacity: 0.5\">x</p>"),
    ("width", "", "<p style=\"width: 500px\">x</p>"),
];

#[tokio::test]
async fn browser_rules_of_accessibility_find_what_breaks_them() {
    let Some(browser) = Browser::open().await else { return };
    browser.set_width(Width::Narrow).await;
    let rules: Vec<_> = STRUCTURE.into_iter().chain(["contrast", "width"]).collect();
    let broken = async |head: &str, body: &str| {
        browser.write_page(&page(head, body)).await;
        (broken_rules(&browser, &rules, "en").await, broken_focus(&browser).await)
    };
    let style = "<style>:focus-visible { outline: 3px solid #00f }</style>";
    assert_eq!(broken(style, "").await, (vec![], vec![]));
    for rule in &rules {
        assert!(BROKEN.iter().any(|(broken, ..)| broken == rule), "nothing shows that {rule} finds something");
    }
    for (rule, head, body) in BROKEN {
        let (found, _) = broken(head, body).await;
        assert!(found.iter().any(|found| found.starts_with(&format!("{rule}: "))), "{rule}: {head}{body}: {found:?}");
    }
    for (head, body) in [
        ("<style>:focus-visible { outline: none }</style>", ""),
        ("<style>:focus-visible { outline: 3px solid #eee }</style>", ""),
        (style, "<a href=\"/b\" tabindex=\"2\">x</a>"),
        (style, "<button style=\"position: absolute; left: -999px\">x</button>"),
    ] {
        let (_, found) = broken(head, body).await;
        assert!(!found.is_empty(), "focus: {head}{body}");
    }
    browser.close().await;
}
