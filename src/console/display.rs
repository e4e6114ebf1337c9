//! How values are written on pages: the escaper of all templates.

use std::fmt::{self, Write};

use askama::filters::Escaper;

use crate::characters::is_active;

/// Escapes HTML, and shows control and bidirectional characters as `⟨U+202E⟩`. Line breaks and tabs stay. `askama.toml` names
/// it for all templates, so that no value reaches a page otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let mut written = 0;
        for (at, character) in string.char_indices() {
            let markup = match character {
                '&' => "&#38;",
                '<' => "&#60;",
                '>' => "&#62;",
                '"' => "&#34;",
                '\'' => "&#39;",
                shown if !is_acting(shown) => continue,
                _ => "",
            };
            dest.write_str(&string[written..at])?;
            match markup {
                "" => write!(dest, "⟨U+{:04X}⟩", u32::from(character))?,
                markup => dest.write_str(markup)?,
            }
            written = at + character.len_utf8();
        }
        dest.write_str(&string[written..])
    }
}

/// Whether a browser would act on the character instead of showing it.
pub fn is_acting(character: char) -> bool {
    is_active(character) && !matches!(character, '\n' | '\t')
}

/// The length of a text on a page, in bytes.
pub fn escaped_len(text: &str) -> usize {
    struct Length(usize);
    impl Write for Length {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut length = Length(0);
    // Counting does not fail.
    let _ = Html.write_escaped_str(&mut length, text);
    length.0
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut written = String::new();
        Html.write_escaped_str(&mut written, text).expect("written");
        written
    }

    #[test]
    fn page_value_shows_control_and_bidirectional_characters() {
        for (value, expected) in [
            ("", ""),
            ("Nadia Aubert, é → 日本", "Nadia Aubert, é → 日本"),
            ("<script>alert('1')</script>", "&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;"),
            ("\" onload=\"x&amp;", "&#34; onload=&#34;x&#38;amp;"),
            ("a\u{202e}b", "a⟨U+202E⟩b"),
            ("\u{0}\u{1b}[2J\u{7f}\u{9b}", "⟨U+0000⟩⟨U+001B⟩[2J⟨U+007F⟩⟨U+009B⟩"),
            ("\u{2066}\u{2069}\u{200f}\u{61c}\u{2028}", "⟨U+2066⟩⟨U+2069⟩⟨U+200F⟩⟨U+061C⟩⟨U+2028⟩"),
            ("a\nb\tc\r", "a\nb\tc⟨U+000D⟩"),
        ] {
            assert_eq!(escaped(value), expected);
            assert_eq!(escaped_len(value), expected.len(), "{value:?}");
        }
    }

    #[test]
    fn page_templates_use_the_escaper_of_the_console() {
        #[derive(Template)]
        #[template(source = "<p title=\"{{ value }}\">{{ value }} {{ number }}</p>", ext = "html")]
        struct Page<'a> {
            value: &'a str,
            number: i64,
        }
        let page = Page { value: "<\u{202e}\">", number: 7 };
        let value = "&#60;⟨U+202E⟩&#34;&#62;";
        assert_eq!(page.render().expect("a page"), format!("<p title=\"{value}\">{value} 7</p>"));
    }
}
