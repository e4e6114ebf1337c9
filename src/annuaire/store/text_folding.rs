//! Folds texts for comparison: without accents, in lower case.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `text` decomposed (NFD), without combining marks, in lower case.
///
/// Each character is folded alone, so that a prefix of a text folds to a prefix of its folded form. White space stays.
pub fn fold_case_and_accents(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        // Lower case is the last step, letter by letter: `str::to_lowercase` has another sigma at the end of a word,
        // and `ΟΔΟΣ` would no longer be a prefix of `ΟΔΟΣΑ`.
        return Cow::Owned(text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn text_folding_ignores_case_and_accents() {
        let cases = [
            ("", ""),
            ("rue de l'ete 12", "rue de l'ete 12"),
            ("ANDRÉ MIGNOT", "andre mignot"),
            ("Anne\u{301}e", "annee"),
            ("Gaëlle-Française ÇÀ", "gaelle-francaise ca"),
            ("Œuvre", "œuvre"),
            ("STRASSE ẞ", "strasse ß"),
            ("İstanbul", "istanbul"),
            ("ΟΔΟΣ", "οδοσ"),
            ("  deux  espaces ", "  deux  espaces "),
        ];
        for (text, expected) in cases {
            assert_eq!(fold_case_and_accents(text), expected, "{text}");
        }
    }

    #[test]
    fn text_folding_folded_text_is_borrowed() {
        assert!(matches!(fold_case_and_accents("a.b-1@c"), Cow::Borrowed(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2000,
            rng_seed: RngSeed::Fixed(20_260_301),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_normal_form_of_a_whole_is_that_of_its_parts(first in "\\PC{0,8}", second in "\\PC{0,8}") {
            let whole = fold_case_and_accents(&format!("{first}{second}")).into_owned();
            prop_assert_eq!(&whole, &format!("{}{}", fold_case_and_accents(&first), fold_case_and_accents(&second)));
            prop_assert_eq!(fold_case_and_accents(&whole), whole.as_str());
        }
    }
}
