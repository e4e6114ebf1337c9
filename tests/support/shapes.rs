//! Small bodies made to be expensive, of any size.

use sas_endpoint::fhir::json::{MAX_VALUES, parse};

/// What a hostile client sends.
pub struct Shape {
    pub name: &'static str,
    pub resource_type: &'static str,
    body: fn(&mut Text),
}

impl Shape {
    /// A body of at most so many bytes, whatever its number of values.
    pub fn of_bytes(&self, bytes: usize) -> String {
        self.body(bytes, usize::MAX)
    }

    /// Nearly the largest body of at most so many bytes that is not refused for its number of values: all of it is
    /// read and judged.
    pub fn within_bounds(&self, bytes: usize) -> String {
        let too_large = |body: &String| {
            let refusal = parse(body.as_bytes(), self.resource_type).err();
            refusal.is_some_and(|issues| issues.iter().any(|issue| issue.rule.id == "json-too-large"))
        };
        let sizes = std::iter::successors(Some(MAX_VALUES), |items| Some(items / 5 * 4)).take_while(|items| *items > 4);
        let mut bodies = sizes.map(|items| self.body(bytes, items));
        bodies.find(|body| !too_large(body)).unwrap_or_else(|| self.of_bytes(bytes))
    }

    /// A body of at most so many bytes whose innermost list has at most so many items.
    pub fn body(&self, bytes: usize, items: usize) -> String {
        let mut text = Text {
            start: format!("{{\"resourceType\":\"{}\",", self.resource_type),
            end: "}".to_owned(),
            bytes: bytes - 1,
            items,
        };
        (self.body)(&mut text);
        text.start + &text.end
    }
}

/// A document on its way: what is written, and what closes it.
struct Text {
    start: String,
    end: String,
    bytes: usize,
    items: usize,
}

impl Text {
    fn open(&mut self, start: &str, end: &str) -> &mut Self {
        self.start += start;
        self.end = format!("{end}{}", self.end);
        self
    }

    /// As many items as there is room for.
    fn fill(&mut self, item: impl Fn(usize) -> String) {
        let mut room = self.bytes.saturating_sub(self.start.len() + self.end.len());
        for index in 0..self.items {
            let item = item(index);
            let Some(left) = room.checked_sub(item.len() + 1) else { break };
            room = left;
            if index > 0 {
                self.start.push(',');
            }
            self.start += &item;
        }
    }

    /// One value of as many of these characters as there is room for: in proportion to the items, at most 20 each.
    fn stretch(&mut self, characters: &str) {
        let room = self.bytes.saturating_sub(self.start.len() + self.end.len()).min(self.items.saturating_mul(20));
        self.start += &characters.repeat(room / characters.len());
    }
}

fn array(text: &mut Text, name: &str, item: &str) {
    text.open(&format!("\"{name}\":["), "]").fill(|_| item.to_owned());
}

/// Thirty extensions, each in the one before, all without a value of their own.
fn nested_extensions(text: &mut Text) -> &mut Text {
    for _ in 0..30 {
        text.open("\"extension\":[{\"url\":\"https://e.org\",", "}]");
    }
    text
}

/// Sixty objects, each in the one before, by a name of as many characters as are allowed.
fn nested_names(text: &mut Text) -> &mut Text {
    for _ in 0..60 {
        text.open(&format!("\"{}\":{{", "k".repeat(128)), "}");
    }
    text
}

/// The content of a narrative.
fn narrative<'t>(text: &'t mut Text, start: &str) -> &'t mut Text {
    let open = "\"text\":{\"status\":\"generated\",\"div\":\"<div xmlns='http://www.w3.org/1999/xhtml'>";
    text.open(&format!("{open}{start}"), "</div>\"}")
}

const fn account(name: &'static str, body: fn(&mut Text)) -> Shape {
    Shape { name, resource_type: "Practitioner", body }
}

const fn appointment(name: &'static str, body: fn(&mut Text)) -> Shape {
    Shape { name, resource_type: "Appointment", body }
}

/// Parameters of `$validate`, none of which it has.
#[allow(dead_code)] // Asked by one suite only.
pub const PARAMETERS: Shape = Shape {
    name: "unknown parameters",
    resource_type: "Parameters",
    body: |text| array(text, "parameter", "{\"name\":\"x\"}"),
};

pub const SHAPES: [Shape; 58] = [
    account("a long name above nulls", |text| {
        let name = "k".repeat(text.bytes.min(text.items) / 2);
        text.open(&format!("\"{name}\":["), "]").fill(|_| "null".to_owned());
    }),
    account("a long name above deep nesting above nulls", |text| {
        let name = "k".repeat(text.bytes.min(text.items) / 4);
        text.open(&format!("\"{name}\":{{"), "}");
        array(nested_names(text), "k", "null");
    }),
    account("names above nulls", |text| array(nested_names(text), "k", "null")),
    account("names above empty strings", |text| array(nested_names(text), "k", "\"\"")),
    account("names above empty objects", |text| array(nested_names(text), "k", "{}")),
    account("names above empty arrays", |text| array(nested_names(text), "k", "[]")),
    account("names above control characters", |text| array(nested_names(text), "k", "\"\\u0000\"")),
    account("names above the same name", |text| nested_names(text).fill(|_| "\"k\":1".to_owned())),
    account("names above empty names", |text| array(nested_names(text), "k", "{\"\":1}")),
    account("nulls", |text| array(text, "name", "null")),
    account("nulls with a companion", |text| {
        text.open("\"name\":[{\"_given\":[{\"id\":\"a\"}],\"given\":[", "]}]").fill(|_| "null".to_owned());
    }),
    account("the same name", |text| text.fill(|_| "\"active\":true".to_owned())),
    account("the same name above breaches", |text| {
        text.open("", ",\"identifier\":[{}]");
        array(text, "identifier", "{\"a\":1}");
    }),
    account("different names", |text| text.fill(|index| format!("\"u{index}\":1"))),
    account("names in escapes", |text| text.fill(|index| format!("\"\\u0075\\u006e{index}\":1"))),
    account("empty identifiers", |text| array(text, "identifier", "{}")),
    account("identifiers without a value", |text| array(text, "identifier", "{\"system\":\"urn:x\"}")),
    account("identifiers", |text| {
        text.open("\"identifier\":[", "]").fill(|index| format!("{{\"system\":\"urn:x\",\"value\":\"{index}\"}}"));
    }),
    account("identifiers of a type", |text| {
        let coding = "{\"system\":\"http://interopsante.org/fhir/CodeSystem/fr-v2-0203\",\"code\":\"IDNPS\"}";
        array(text, "identifier", &format!("{{\"type\":{{\"coding\":[{coding}]}},\"system\":\"urn:x\"}}"));
    }),
    account("identifiers wherever they stand", |text| {
        array(nested_names(text), "k", "{\"identifier\":{\"system\":\"a\",\"value\":\"b\"}}");
    }),
    account("numbers for names", |text| array(text, "name", "1")),
    account("numbers for given names", |text| {
        text.open("\"name\":[{\"given\":[", "]}]").fill(|_| "1".to_owned());
    }),
    account("given names", |text| {
        text.open("\"name\":[{\"family\":\"A\",\"given\":[", "]}]").fill(|_| "\"x\"".to_owned());
    }),
    account("contact points of another system", |text| {
        array(text, "telecom", "{\"system\":\"phone\",\"value\":\"1\"}");
    }),
    account("contact points with unknown elements", |text| array(text, "telecom", "{\"foo\":1,\"bar\":2}")),
    account("extensions with a number for a url", |text| array(text, "extension", "{\"url\":1}")),
    account("extensions without a value", |text| array(text, "extension", "{\"url\":\"https://e.org\"}")),
    account("extensions of two values", |text| {
        array(text, "extension", "{\"url\":\"a:b\",\"valueCode\":\"a\",\"valueUri\":\"b\"}");
    }),
    account("extensions of many names", |text| {
        text.open("\"extension\":[{\"url\":\"a:b\",", "}]").fill(|index| format!("\"value{index}\":1"));
    }),
    account("nested extensions above extensions", |text| array(nested_extensions(text), "extension", "{}")),
    account("nested extensions above names", |text| {
        nested_extensions(text).fill(|index| format!("\"value{index}\":1"));
    }),
    account("nested extensions in each item", |text| {
        let start = "{\"extension\":[".repeat(30);
        array(text, "extension", &format!("{start}{{}}{}", "]}".repeat(30)));
    }),
    account("deep arrays", |text| {
        array(text, "k", &("[".repeat(62) + &"]".repeat(62)));
    }),
    account("periods that end before they start", |text| {
        array(text, "identifier", "{\"period\":{\"start\":\"2026\",\"end\":\"2025\"}}");
    }),
    account("contained resources that nobody names", |text| {
        text.open("\"contained\":[", "]")
            .fill(|index| format!("{{\"resourceType\":\"Location\",\"id\":\"c{index}\"}}"));
    }),
    account("contained resources and references", |text| {
        text.open("\"contained\":[", "]").fill(|index| {
            format!("{{\"resourceType\":\"Group\",\"id\":\"c{index}\",\"a\":{{\"reference\":\"#c{}\"}}}}", index / 2)
        });
    }),
    account("contained organizations without a name", |text| {
        text.open("\"contained\":[", "]")
            .fill(|index| format!("{{\"resourceType\":\"Organization\",\"id\":\"c{index}\"}}"));
    }),
    account("contained resources of one id", |text| {
        array(text, "contained", "{\"resourceType\":\"Organization\",\"id\":\"c\",\"name\":\"x\"}");
    }),
    account("references to contained resources of another type", |text| {
        text.open("\"contained\":[{\"resourceType\":\"Location\",\"id\":\"c\"}],\"qualification\":[", "]")
            .fill(|_| "{\"code\":{\"text\":\"x\"},\"issuer\":{\"reference\":\"#c\"}}".to_owned());
    }),
    account("elements of a narrative", |text| narrative(text, "").stretch("<b>a</b>")),
    account("a deep narrative", |text| narrative(text, "").stretch("<b>")),
    account("attributes of a narrative", |text| narrative(text, "<p").stretch(" title=''")),
    account("references of a narrative", |text| narrative(text, "").stretch("&#160;")),
    account("codes of a known system", |text| {
        text.open("\"communication\":[{\"coding\":[", "]}]").fill(|index| {
            format!("{{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"Z{index}\"}}")
        });
    }),
    account("a long language", |text| text.open("\"language\":\"fr", "\"").stretch("-a-b")),
    account("a long OID", |text| text.open("\"implicitRules\":\"urn:oid:1", "\"").stretch(".22")),
    account("references to nothing", |text| array(text, "k", "{\"reference\":\"#x\"}")),
    account("claims of profiles", |text| {
        text.open("\"meta\":{\"profile\":[", "]}").fill(|index| format!("\"https://e.org/{index}\""));
    }),
    account("a long text", |text| text.open("\"name\":[{\"family\":\"", "\"}]").stretch("é x")),
    account("a text in escapes", |text| text.open("\"name\":[{\"family\":\"", "\"}]").stretch("\\u00e9\\\"")),
    account("a long code", |text| text.open("\"language\":\"", "\"").stretch("a b")),
    account("a long picture", |text| text.open("\"photo\":[{\"data\":\"", "\"}]").stretch("AAAA    ")),
    account("a long number", |text| text.open("\"telecom\":[{\"rank\":1", "}]").stretch("1234567890")),
    account("long fractions", |text| text.open("\"telecom\":[{\"rank\":1.", "}]").stretch("1234567890")),
    account("white space", |text| text.open("\"active\":[ ", "true]").stretch(" \n\t ")),
    appointment("participants who refuse", |text| array(text, "participant", "{\"status\":\"refused\"}")),
    appointment("specialties without a code", |text| array(text, "specialty", "{\"text\":\"x\"}")),
    appointment("codings without a code", |text| {
        text.open("\"specialty\":[{\"coding\":[", "]}]").fill(|_| "{\"system\":\"a:b\"}".to_owned());
    }),
];
