//! Shows a body of one line by lines: nothing but white space is added, or left out.

/// Deeper values are not indented further: a hostile body would grow with the square of its length.
const MAX_INDENT: usize = 24;
/// The same of a long body, and the bytes from which it is one.
const MAX_LONG_INDENT: usize = 6;
const LONG: usize = 256 << 10;

/// Whether a body is to be shown by lines: it is one line, and JSON as far as its first character tells.
pub fn is_one_line(body: &str) -> bool {
    !body.trim_end().contains('\n') && body.trim_start().starts_with(['{', '['])
}

/// Adds line breaks and indentation to JSON text, and finds the lines of these offsets, which ascend. The text need not be
/// valid: outside strings, a line ends behind `{`, `[` and `,`, and before `}` and `]`.
pub fn indented(body: &str, offsets: &[usize]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(body.len() + body.len() / 2);
    let (mut line, mut depth, mut in_string, mut is_escaped) = (1, 0_usize, false, false);
    // White space behind a line break that is added would indent the line once more.
    let mut is_new_line = false;
    let mut lines = Vec::with_capacity(offsets.len());
    let mut wanted = offsets.iter().peekable();
    let max_indent = if body.len() < LONG { MAX_INDENT } else { MAX_LONG_INDENT };
    let end_line = |text: &mut String, line: &mut usize, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth.min(max_indent)));
        *line += 1;
    };
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        if !in_string && matches!(character, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !text.trim_end_matches([' ', '\t']).ends_with(['{', '[']) {
                end_line(&mut text, &mut line, depth);
            }
        }
        while wanted.next_if(|offset| **offset <= at).is_some() {
            lines.push(line);
        }
        if std::mem::take(&mut is_new_line) && matches!(character, ' ' | '\t') {
            is_new_line = true;
            continue;
        }
        text.push(character);
        if in_string {
            in_string = is_escaped || character != '"';
            is_escaped = character == '\\' && !is_escaped;
            continue;
        }
        match character {
            '"' => in_string = true,
            '{' | '[' => {
                depth += 1;
                let next = characters.clone().map(|(_, next)| next).find(|next| !matches!(next, ' ' | '\t'));
                if !matches!(next, Some('}' | ']')) {
                    end_line(&mut text, &mut line, depth);
                    is_new_line = true;
                }
            }
            ',' => {
                end_line(&mut text, &mut line, depth);
                is_new_line = true;
            }
            _ => {}
        }
    }
    lines.extend(wanted.map(|_| line));
    (text, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_indented_and_offsets_keep_their_place() {
        let body = r#"{"a":[1,{"b":"x,{\"}"}],"c":{},"d":[]}"#;
        let at = |text: &str| body.find(text).expect("a part");
        let (text, lines) = indented(body, &[0, at("1"), at("\"b\""), at("\"c\""), 999]);
        let expected = "{\n  \"a\":[\n    1,\n    {\n      \"b\":\"x,{\\\"}\"\n    }\n  ],\n  \"c\":{},\n  \"d\":[]\n}";
        assert_eq!(text, expected);
        assert_eq!(lines, [1, 3, 5, 8, 10]);
        let without_space: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        assert_eq!(without_space, body);
    }

    #[test]
    fn white_space_of_the_line_does_not_indent_its_lines() {
        let body = "{ \"a\": [ 1,  2 ],\t\"b\": { },  \"c\": \" ,  x\" }";
        let (text, lines) = indented(body, &[body.find("\"b\"").expect("a part")]);
        let expected = "{\n  \"a\": [\n    1,\n    2 \n  ],\n  \"b\": { },\n  \"c\": \" ,  x\" \n}";
        assert_eq!((text.as_str(), lines), (expected, vec![6]));
    }

    #[test]
    fn indentation_of_a_deep_or_broken_body_is_bounded() {
        for (length, max_indent) in [(LONG - 1, MAX_INDENT), (LONG, MAX_LONG_INDENT)] {
            let (text, _) = indented(&"[".repeat(length), &[]);
            assert!(text.len() < length * (2 + 2 * max_indent), "{}", text.len());
        }
        for broken in ["{\"a", "{]}}", ",,", "\"\\"] {
            let (text, _) = indented(broken, &[]);
            let kept: String = text.chars().filter(|character| !character.is_whitespace()).collect();
            assert_eq!(kept, broken);
        }
    }

    #[test]
    fn body_is_one_line_if_it_is_json_without_line_breaks() {
        for (body, expected) in
            [("{}", true), (" [1]\n", true), ("{\n}", false), ("", false), ("x", false), ("{}\n{}", false)]
        {
            assert_eq!(is_one_line(body), expected, "{body:?}");
        }
    }
}
