//! The request of an exchange as a command for POSIX sh: every text of the client is in single quotes, where the shell
//! interprets nothing.

use super::exchange::{Body, Exchange};
use crate::characters::is_active;

/// A longer body is a file beside the command.
const MAX_BODY: usize = 32 << 10;

/// A command that sends a request again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CurlCommand {
    pub text: String,
    /// Whether it reads the body from a file, which is downloaded first.
    pub needs_file: bool,
}

/// The command that sends this request to an origin such as `https://sas.example.org`, with the body in `file` where it is
/// not in the command. `None` where target or body were not kept whole, or where target or headers have characters that no page
/// shows as they are: the command would send others.
pub(crate) fn curl(exchange: &Exchange, origin: &str, file: &str) -> Option<CurlCommand> {
    let Exchange { method, target, request, .. } = exchange;
    if target.is_empty() || !request.body.is_whole() {
        return None;
    }
    let mut texts = request.headers.iter().filter_map(|header| header.value.as_ref()).chain([target]);
    if !texts.all(|text| is_plain(text)) {
        return None;
    }
    let url = quoted(&format!("{origin}{target}"));
    let mut text = format!("curl --globoff --path-as-is --request {} {url}", quoted(method));
    if method == "HEAD" {
        text.push_str(" --head");
    }
    let mut add = |argument: String| {
        text.push_str(" \\\n  ");
        text.push_str(&argument);
    };
    let has = |name: &str| request.headers.iter().any(|header| header.name == name);
    for header in &request.headers {
        match (header.name.as_str(), &header.value) {
            // Of the connection: curl makes them.
            ("host" | "content-length", _) => {}
            ("authorization", None) => add("--header \"Authorization: Bearer $TOKEN\"".to_owned()),
            (_, None) => {}
            (name, Some(value)) if value.is_empty() => add(format!("--header {}", quoted(&format!("{name};")))),
            (name, Some(value)) => add(format!("--header {}", quoted(&format!("{name}: {value}")))),
        }
    }
    // What curl would add.
    for name in ["accept", "user-agent"] {
        if !has(name) {
            add(format!("--header '{name}:'"));
        }
    }
    let needs_file = match &request.body {
        Body::Kept { bytes, .. } => {
            for name in ["content-type", "expect"] {
                if !has(name) {
                    add(format!("--header '{name}:'"));
                }
            }
            match std::str::from_utf8(bytes).ok().filter(|body| body.len() <= MAX_BODY && is_plain(body)) {
                Some(body) => {
                    add(format!("--data-raw {}", quoted(body)));
                    false
                }
                None => {
                    add(format!("--data-binary {}", quoted(&format!("@{file}"))));
                    true
                }
            }
        }
        Body::None | Body::NotRead | Body::Withheld { .. } => false,
    };
    Some(CurlCommand { text, needs_file })
}

/// Whether a person sees all of a text: no control characters but those that lines and columns are made of, and none that
/// changes the direction of writing.
fn is_plain(text: &str) -> bool {
    text.chars().all(|character| matches!(character, '\n' | '\t') || !is_active(character))
}

/// A text as one argument of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
