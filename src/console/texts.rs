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

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    /// Each text, by name, in French and in English.
    pub fn check(all: &[(&str, &str, &str)]) {
        for (name, french, english) in all {
            assert!(!french.trim().is_empty() && !english.trim().is_empty(), "{name}");
            assert_eq!(placeholders(french), placeholders(english), "{name}");
            assert!(!english.contains(['«', '»']) && !french.contains(['“', '”']), "{name}: its quotation marks");
            assert!(!french.contains(" .") && !english.contains(" ."), "{name}: a space before a full stop");
        }
    }

    #[test]
    fn text_is_filled_with_values_that_are_not_filled_again() {
        assert_eq!(fill("{a} {b} {a}", &[("a", "1"), ("b", "{a}")]), "1 {a} 1");
    }
}
