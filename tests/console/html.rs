//! Reads a page, and checks the rules of accessibility that need no browser.

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// An element of a page, with the text in it.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub text: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn new(start: &BytesStart<'_>) -> Self {
        let mut element = Self { name: start.name().0.to_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.unwrap_or_else(|error| panic!("{error}: {start:?}"));
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).expect("a value").into_owned();
            assert!(element.attributes.insert(attribute.key.0.to_owned(), value).is_none(), "twice: {start:?}");
        }
        element
    }
}

/// The elements of a page, in the order of their beginnings. The page must be well-formed, as XML is.
pub fn parse(page: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_comments = true;
    let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (vec![], vec![]);
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error}: {page}"));
        let add = |text: &str, elements: &mut Vec<Element>| {
            for index in &open {
                elements[*index].text.push_str(text);
            }
        };
        match event {
            Event::Start(start) => {
                open.push(elements.len());
                elements.push(Element::new(&start));
            }
            Event::Empty(start) => elements.push(Element::new(&start)),
            Event::End(_) => _ = open.pop().expect("an open element"),
            Event::Text(text) => add(&text, &mut elements),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().expect("a reference").expect("by number");
                add(&character.to_string(), &mut elements);
            }
            Event::DocType(_) => assert!(elements.is_empty(), "the type comes first"),
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(open.is_empty() && page.starts_with("<!DOCTYPE html>\n<html lang="), "{page}");
    elements
}

/// Checks a page: title, language, labels, names of buttons and links, one main landmark, one first heading, the order of
/// headings, ids, tables, and that nothing needs another source than ours or stands in the line.
#[track_caller]
pub fn check(page: &str, language: &str) {
    let elements = parse(page);
    let all = |name: &str| elements.iter().filter(move |element| element.name == name).collect::<Vec<_>>();
    let text_of = |element: &Element| element.text.trim().to_owned();
    for (name, number) in [("html", 1), ("title", 1), ("main", 1), ("h1", 1), ("header", 1)] {
        assert_eq!(all(name).len(), number, "{name}: {page}");
    }
    assert_eq!(all("html")[0].attribute("lang"), language, "{page}");
    assert!(text_of(all("title")[0]).contains(&text_of(all("h1")[0])) && !text_of(all("h1")[0]).is_empty(), "{page}");
    assert!(elements.iter().all(|element| element.attributes.get("lang").is_none_or(|tag| !tag.is_empty())), "{page}");
    let mut last = 0;
    for heading in elements.iter().filter(|element| matches!(&*element.name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")) {
        let level: u8 = heading.name[1..].parse().expect("a level");
        assert!(level <= last + 1 && !text_of(heading).is_empty(), "{heading:?} below h{last}");
        last = level;
    }
    let mut ids = BTreeSet::new();
    for id in elements.iter().filter_map(|element| element.attributes.get("id")) {
        assert!(ids.insert(id.as_str()), "twice: {id}");
        assert!(!id.contains(char::is_whitespace) && !id.is_empty(), "{id}");
    }
    let labels: BTreeSet<_> = all("label")
        .into_iter()
        .filter(|label| !text_of(label).is_empty())
        .map(|label| label.attribute("for"))
        .collect();
    for field in elements.iter().filter(|element| matches!(&*element.name, "input" | "select" | "textarea")) {
        let is_hidden = field.attribute("type") == "hidden";
        assert!(is_hidden || labels.contains(field.attribute("id")), "no label: {field:?}");
    }
    for label in &labels {
        assert!(ids.contains(label), "a label of nothing: {label}");
    }
    for named in
        elements.iter().filter(|element| matches!(&*element.name, "a" | "button" | "summary" | "caption" | "th"))
    {
        assert!(!text_of(named).is_empty(), "no name: {named:?}");
    }
    let buttons: Vec<_> = all("button").into_iter().map(text_of).collect();
    assert_eq!(buttons.iter().collect::<BTreeSet<_>>().len(), buttons.len(), "two of one name: {buttons:?}");
    assert!(all("nav").iter().all(|nav| !nav.attribute("aria-label").is_empty()), "{page}");
    assert!(all("th").iter().all(|cell| !cell.attribute("scope").is_empty()), "{page}");
    assert_eq!(all("table").len(), all("caption").len(), "{page}");
    assert!(all("img").iter().all(|image| image.attributes.contains_key("alt")), "{page}");
    for element in &elements {
        check_attributes(element, &ids);
    }
    assert!(all("script").iter().all(|script| script.text.is_empty() && !script.attribute("src").is_empty()), "{page}");
    assert!(all("style").is_empty() && all("base").is_empty() && all("iframe").is_empty(), "{page}");
    assert!(!page.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || is_bidirectional(c)), "{page}");
}

fn check_attributes(element: &Element, ids: &BTreeSet<&str>) {
    for (name, value) in &element.attributes {
        assert!(!name.starts_with("on") && name != "style", "inline: {element:?}");
        match name.as_str() {
            "aria-labelledby" | "aria-describedby" => {
                assert!(value.split(' ').all(|id| ids.contains(id)), "names nothing: {element:?}");
            }
            "href" if value.starts_with('#') => assert!(ids.contains(&value[1..]), "leads to nothing: {element:?}"),
            "src" | "action" => assert!(value.starts_with("/console"), "of others: {element:?}"),
            "href" => {
                let is_ours = value.starts_with("/console");
                let is_source = element.name == "a" && (value.starts_with("https://") || value.starts_with("http://"));
                assert!(is_ours || is_source, "{element:?}");
            }
            "tabindex" => assert!(matches!(value.as_str(), "0" | "-1"), "another order: {element:?}"),
            _ => {}
        }
    }
}

fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn html_check_finds_what_is_wrong() {
    let page = |body: &str| {
        format!(
            "<!DOCTYPE html>\n<html lang=\"fr\"><head><title>A – B</title></head><body><header></header><main><h1>A</h1>\
            {body}</main></body></html>"
        )
    };
    let is_wrong = |body: &str| std::panic::catch_unwind(|| check(&page(body), "fr")).is_err();
    assert!(!is_wrong("<h2>x &#60;</h2><label for=\"a\">x</label><input id=\"a\"/><a href=\"/console\">x</a>"));
    for body in [
        "<p>",
        "<h3>x</h3>",
        "<h1>B</h1>",
        "<main></main>",
        "<input id=\"a\"/>",
        "<label for=\"a\">x</label>",
        "<a href=\"/console\"></a>",
        "<a href=\"#x\">x</a>",
        "<a href=\"javascript:x\">x</a>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<p onclick=\"x\"></p>",
        "<p lang=\"\">x</p>",
        "<p style=\"x\"></p>",
        "<script>x</script>",
        "<img src=\"/console/x\"/>",
        "<button>x</button><button>x</button>",
        "<p>\u{202e}</p>",
        "<nav></nav>",
    ] {
        assert!(is_wrong(body), "{body}");
    }
}
