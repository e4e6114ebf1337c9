use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::fhir::json::parse;
use crate::issue::Position;
use crate::issue::catalogue::JSON_NULL;

/// The positions of the issues with these locators, as `line:column`.
fn located(body: &[u8], root: &str, issues: impl IntoIterator<Item = Issue>) -> Vec<String> {
    let mut issues: Vec<_> = issues.into_iter().collect();
    locate(body, root, &mut issues);
    let text = |issue: &Issue| issue.position().map_or("none".to_owned(), |at| format!("{}:{}", at.line, at.column));
    issues.iter().map(text).collect()
}

fn at_pointers(body: &str, pointers: &[&str]) -> Vec<String> {
    let issues = pointers.iter().map(|pointer| Issue::new(&JSON_NULL, "http").at_pointer((*pointer).to_owned()));
    located(body.as_bytes(), "", issues)
}

fn at_expressions(body: &str, expressions: &[&str]) -> Vec<String> {
    located(body.as_bytes(), "", expressions.iter().map(|expression| Issue::new(&JSON_NULL, *expression)))
}

const BODY: &str = r#"{ "resourceType": "A",
  "name": [
    {"family": "x"}, 7
  ],
	"contact" : { "name":{"given":["a","b"]} }
}"#;

#[test]
fn position_of_a_member_is_that_of_its_name_and_of_an_item_where_it_begins() {
    assert_eq!(
        at_pointers(BODY, &["", "/resourceType", "/name", "/name/0", "/name/0/family", "/name/1", "/contact"]),
        ["1:1", "1:3", "2:3", "3:5", "3:6", "3:22", "5:2"]
    );
    assert_eq!(at_pointers(BODY, &["/contact/name/given/1", "/contact/name/given/0"]), ["5:37", "5:33"]);
    assert_eq!(
        at_expressions(BODY, &["A.contact.name.given[1]", "A", "A.name", "A.name[0].family"]),
        ["5:37", "1:1", "2:3", "3:6"]
    );
}

#[test]
fn position_of_what_is_missing_is_that_of_the_container_that_should_hold_it() {
    assert_eq!(at_pointers(BODY, &["/id", "/name/2", "/name/0/given/0"]), ["1:1", "2:11", "3:5"]);
    assert_eq!(at_pointers(BODY, &["/contact/x", "/contact/name/x/y/z"]), ["5:14", "5:23"]);
    // Neither a number nor a string holds anything.
    assert_eq!(at_pointers(BODY, &["/name/1/family", "/resourceType/0"]), ["3:22", "1:3"]);
    assert_eq!(at_pointers("\n 7", &["", "/a"]), ["2:2", "2:2"]);
}

#[test]
fn position_of_a_duplicate_name_is_that_of_the_first() {
    let body = r#"{"a":{"b":1},"a":{"b":2,"c":3},"a":[4]}"#;
    assert_eq!(at_pointers(body, &["/a", "/a/b", "/a/c", "/a/0"]), ["1:2", "1:7", "1:6", "1:6"]);
}

#[test]
fn position_is_found_behind_escapes_white_space_and_characters_of_several_bytes() {
    let body =
        "{\"\u{1F600}é\":\"\\\"{[\",\r\n\t\"na\\u006de\" :\r\n[\"é\" ,\"\u{1F600}\\ud83d\\ude00\", {\"\\\"\":1}]}";
    assert_eq!(
        at_pointers(body, &["/\u{1F600}é", "/name", "/name/0", "/name/1", "/name/2", "/name/2/\""]),
        ["1:2", "2:2", "3:2", "3:7", "3:24", "3:25"]
    );
}

#[test]
fn position_does_not_count_a_byte_order_mark() {
    assert_eq!(at_pointers("\u{FEFF}{\"a\":1}", &["", "/a"]), ["1:1", "1:2"]);
    assert_eq!(located(b"\xEF\xBB\xBF{ x", "", parse(b"\xEF\xBB\xBF{ x", "A").expect_err("malformed")), ["1:3"]);
}

#[test]
fn position_of_a_choice_element_is_that_of_its_form() {
    let body = r#"{"extension":[{"url":"u","valueReference":{"identifier":1}}],"valueX":1}"#;
    assert_eq!(
        at_expressions(body, &["A.extension[0].value.identifier", "A.extension[0].value", "A.value"]),
        ["1:44", "1:26", "1:1"]
    );
}

#[test]
fn position_of_an_expression_that_is_no_path_is_that_of_the_part_that_is() {
    let long = format!("A.name[0].{}", "family.".repeat(60));
    let truncated = Issue::new(&JSON_NULL, long);
    assert!(truncated.expression.ends_with('…'));
    assert_eq!(located(BODY.as_bytes(), "", [truncated]), ["3:6"]);
    for (expression, expected) in [
        ("A.name[1", "2:3"),
        ("A.name[x]", "2:3"),
        ("A.name.where(a.b)", "2:3"),
        ("A.name[0].fam…", "3:5"),
        ("http.name", "none"),
        ("http", "none"),
    ] {
        assert_eq!(at_expressions(BODY, &[expression]), [expected], "{expression}");
    }
}

#[test]
fn position_of_a_resource_in_parameters_is_that_in_the_body() {
    let body = r#"{"parameter":[{"name":"mode"},{"resource":{"id":null}}]}"#;
    let issues = || [Issue::new(&JSON_NULL, "A.id"), Issue::new(&JSON_NULL, "").at_pointer("/name".to_owned())];
    assert_eq!(located(body.as_bytes(), "/parameter/1/resource", issues()), ["1:44", "1:43"]);
}

#[test]
fn position_that_is_known_is_kept() {
    let mut issues = [Issue::new(&JSON_NULL, "A.name").at_offset(4), Issue::new(&JSON_NULL, "http.a")];
    locate(b"\n\n {}", "", &mut issues);
    assert_eq!(issues[0].position(), Some(Position { line: 3, column: 3 }));
    locate(BODY.as_bytes(), "", &mut issues);
    assert_eq!(issues[0].position(), Some(Position { line: 3, column: 3 }));
    assert_eq!(issues[1].position(), None);
}

#[test]
fn position_in_malformed_json_is_found_as_far_as_it_can_be_read() {
    assert_eq!(at_pointers("{\"a\":1,\"b\":[2,}", &["/a", "/b/0", "/b/2", "/c"]), ["1:2", "1:13", "1:12", "1:1"]);
    assert_eq!(at_pointers(" ", &["", "/a"]), ["none", "none"]);
    let deep = format!("{{\"a\":{}", "[".repeat(1 << 20));
    assert_eq!(at_pointers(&deep, &["/a", "/b"]), ["1:2", "1:1"]);
}

#[test]
fn position_of_each_defect_of_the_json_is_exact() {
    for (body, expected) in [
        (r#"{"a":{"b":null,"b":{},"c":["",[],"d"]}}"#, "1:7 1:16 1:16 1:28 1:31"),
        (r#"{"a":[1,null],"_a":[{"b":"x\u0000"}]}"#, "1:22"),
        (r#"{"a":[1, null]}"#, "1:10"),
        (r#"{"a":[[null]]}"#, "1:8"),
        (r#"{"b":1, "":2,"\u0001":[ "\u0001" ]}"#, "1:9 1:14 1:25"),
        ("{\n \"a\": }", "2:7"),
        ("{\"a\":1", "1:7"),
        ("{} x", "1:4"),
        ("\n", "2:1"),
        ("", "1:1"),
        (" [1]", "1:2"),
    ] {
        let issues = parse(body.as_bytes(), "A").map_or_else(|issues| issues, |received| received.defects);
        assert_eq!(located(body.as_bytes(), "", issues).join(" "), expected, "{body}");
    }
    let nested = format!("{{\n\"a\":{}", "[".repeat(64));
    let name = format!("{{ \"{}\":1}}", "n".repeat(129));
    let number = format!("{{\"a\": {}}}", "9".repeat(4301));
    let values = format!("{{\"a\":[\n{}7]}}", "1,\n".repeat(49_998));
    for (body, expected) in [(nested, "2:68"), (name, "1:3"), (number, "1:4308"), (values, "50000:1")] {
        let issues = parse(body.as_bytes(), "A").expect_err("refused");
        assert_eq!(located(body.as_bytes(), "", issues), [expected]);
    }
    assert_eq!(
        located(b"{\n\"a\xC3\xA9\xFF\"}", "", parse(b"{\n\"a\xC3\xA9\xFF\"}", "A").expect_err("no UTF-8")),
        ["2:4"]
    );
}

/// A document, and how it is written.
#[derive(Clone, Debug)]
enum Tree {
    Scalar(&'static str),
    Array(Vec<(&'static str, Tree)>),
    /// White space, the name, whether it is escaped, and the value.
    Object(Vec<(&'static str, &'static str, bool, Tree)>),
}

fn white_space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", " ", "\t", "\n", "\r\n", " \n\n  "])
}

fn tree() -> impl Strategy<Value = Tree> {
    let scalars = vec!["1", "-1.5e3", "null", "true", r#""""#, r#""é\"\\""#, "\"\u{1F600}{[,:\"", r#""\ud83d\ude00""#];
    prop::sample::select(scalars).prop_map(Tree::Scalar).prop_recursive(5, 60, 6, |inner| {
        let names = prop::sample::select(vec!["a", "b", "é", "\u{1F600}", "a/b", "~", "~1", "0", "1", "", "\"", "\\"]);
        let members = (white_space(), names, any::<bool>(), inner.clone());
        prop_oneof![
            prop::collection::vec((white_space(), inner), 0..5).prop_map(Tree::Array),
            prop::collection::vec(members, 0..6).prop_map(Tree::Object),
        ]
    })
}

/// Writes a document character by character, and notes where each member and item stands.
#[derive(Default)]
struct Writer {
    text: String,
    /// Each pointer with its position; those of missing members and items with that of their container.
    expected: Vec<(String, Position)>,
}

impl Writer {
    fn here(&self) -> Position {
        let lines: Vec<_> = self.text.split('\n').collect();
        let column = lines.last().map_or(0, |line| line.chars().count()) + 1;
        let count = |number: usize| u32::try_from(number).expect("few");
        Position { line: count(lines.len()), column: count(column) }
    }

    /// `is_first` is false below a repeated name.
    fn value(&mut self, tree: &Tree, pointer: &str, is_first: bool) {
        let here = self.here();
        let expect = |writer: &mut Self, pointer: String, position| {
            if is_first {
                writer.expected.push((pointer, position));
            }
        };
        match tree {
            Tree::Scalar(text) => self.text.push_str(text),
            Tree::Array(items) => {
                self.text.push('[');
                for (index, (space, item)) in items.iter().enumerate() {
                    self.text.push_str(if index > 0 { "," } else { "" });
                    self.text.push_str(space);
                    let below = format!("{pointer}/{index}");
                    let start = self.here();
                    expect(self, below.clone(), start);
                    self.value(item, &below, is_first);
                }
                expect(self, format!("{pointer}/{}", items.len()), here);
                self.text.push(']');
            }
            Tree::Object(members) => {
                self.text.push('{');
                let mut known = vec![];
                for (space, name, is_escaped, value) in members {
                    self.text.push_str(if known.is_empty() { "" } else { "," });
                    self.text.push_str(space);
                    let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let is_new = !known.contains(&name);
                    let start = self.here();
                    if is_new {
                        expect(self, below.clone(), start);
                    }
                    known.push(name);
                    self.name(name, *is_escaped);
                    self.text.push_str(space);
                    self.text.push(':');
                    self.text.push_str(space);
                    self.value(value, &below, is_first && is_new);
                }
                expect(self, format!("{pointer}/missing"), here);
                self.text.push('}');
            }
        }
    }

    fn name(&mut self, name: &str, is_escaped: bool) {
        if is_escaped {
            self.text.push('"');
            for unit in name.encode_utf16() {
                let _ = write!(self.text, "\\u{unit:04x}");
            }
            self.text.push('"');
        } else {
            self.text.push_str(&serde_json::Value::from(name).to_string());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn position_of_random_documents_is_where_they_were_written(tree in tree(), space in white_space()) {
        let mut writer = Writer::default();
        writer.text.push_str(space);
        writer.expected.push((String::new(), writer.here()));
        writer.value(&tree, "", true);
        let (pointers, expected): (Vec<_>, Vec<_>) = writer.expected.into_iter().unzip();
        let issue = |pointer: &String| Issue::new(&JSON_NULL, "A").at_pointer(pointer.clone());
        let mut issues: Vec<_> = pointers.iter().map(issue).collect();
        locate(writer.text.as_bytes(), "", &mut issues);
        let found: Vec<_> = issues.iter().filter_map(Issue::position).collect();
        prop_assert_eq!(&found, &expected, "{} {:?}", writer.text, pointers);
        // Of each alone, as of all.
        for (pointer, expected) in pointers.iter().zip(expected) {
            let mut alone = [issue(pointer)];
            locate(writer.text.as_bytes(), "", &mut alone);
            prop_assert_eq!(alone[0].position(), Some(expected), "{} {}", writer.text, pointer);
        }
    }
}
