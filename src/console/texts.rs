//! Tables of texts in French and in English. `{name}` stands for a value, see [`fill`].

/// Declares a table of texts, one field each.
macro_rules! texts {
    ($table:ident: $( $name:ident: $french:literal; $english:literal; )+) => {
        /// The texts in one language.
        pub struct $table {
            $(pub $name: &'static str,)+
        }
        static FRENCH: $table = $table { $($name: $french,)+ };
        static ENGLISH: $table = $table { $($name: $english,)+ };

        impl $table {
            /// The texts in this language.
            pub fn of(language: $crate::issue::Language) -> &'static Self {
                match language {
                    $crate::issue::Language::French => &FRENCH,
                    $crate::issue::Language::English => &ENGLISH,
                }
            }
        }

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $french, $english),)+];
    };
}
pub(super) use texts;

/// A text with its values.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::issue::catalogue;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    /// The units of numbers in French texts.
    const UNITS: [&str; 11] = ["s", "ms", "min", "h", "j", "seconde", "secondes", "minutes", "heures", "octets", "Kio"];

    /// A place in a French text where a line may be broken and must not be: before `: ; ? ! » %`, after `«`, and between a
    /// number or a value and its unit.
    fn breakable(french: &str) -> Option<String> {
        let is_tight = |(at, mark): &(usize, &str)| match *mark {
            "«" => !french[at + mark.len()..].starts_with('\u{a0}'),
            _ => !french[..*at].ends_with('\u{a0}'),
        };
        let mut marks = french.match_indices(['«', '»']);
        let mut spaces = french.match_indices(' ');
        let is_plain = |(at, _): &(usize, &str)| {
            let (before, after) = (&french[..*at], &french[at + 1..]);
            let is_unit = UNITS.contains(&after.split(|of: char| !of.is_alphabetic()).next().unwrap_or_default());
            let is_number = before.ends_with(|of: char| of.is_ascii_digit() || of == '}');
            // `%20` and `?identifier=` are code.
            let is_mark = after
                .strip_prefix([':', ';', '?', '!', '%'])
                .is_some_and(|behind| !behind.starts_with(char::is_alphanumeric));
            is_mark || is_number && is_unit
        };
        let (at, _) = marks.find(is_tight).or_else(|| spaces.find(is_plain))?;
        let from = french[..at].char_indices().rev().nth(20).map_or(0, |(from, _)| from);
        Some(french[from..].chars().take(40).collect())
    }

    #[test]
    fn french_text_with_a_plain_space_that_breaks_a_line_is_found() {
        for text in ["a : b", "a ?", "«a\u{a0}»", "« a\u{a0}»", "«\u{a0}a »", "«\u{a0}a»", "30 minutes", "{n} s", "5 %"]
        {
            assert!(breakable(text).is_some(), "{text}");
        }
        for text in
            ["a\u{a0}: «\u{a0}b\u{a0}»", "30\u{a0}ms", "64 pannes", "{n} suites", "un espace %20", "Link: a, 60s"]
        {
            assert_eq!(breakable(text), None);
        }
    }

    #[test]
    fn french_repairs_have_no_plain_space_that_breaks_a_line() {
        for rule in catalogue::all() {
            let place = rule.repair.and_then(|repair| breakable(repair.french));
            assert_eq!(place, None, "{}", rule.id);
        }
    }

    /// Each text, by name, in French and in English.
    pub fn check(all: &[(&str, &str, &str)]) {
        for (name, french, english) in all {
            assert!(!french.trim().is_empty() && !english.trim().is_empty(), "{name}");
            assert_eq!(placeholders(french), placeholders(english), "{name}");
            assert!(!english.contains(['«', '»']) && !french.contains(['“', '”']), "{name}: its quotation marks");
            assert!(!french.contains(" .") && !english.contains(" ."), "{name}: a space before a full stop");
            if let Some(place) = breakable(french) {
                panic!("{name}: French needs a no-break space (U+00A0) at “{place}”");
            }
        }
    }

    #[test]
    fn text_is_filled_with_values_that_are_not_filled_again() {
        assert_eq!(fill("{a} {b} {a}", &[("a", "1"), ("b", "{a}")]), "1 {a} 1");
    }
}
