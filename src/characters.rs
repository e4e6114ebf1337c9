//! Characters on which a terminal or a browser acts instead of showing them.

/// Whether it is such a character: control characters, and the marks that change the direction of a text (U+061C, U+200E,
/// U+200F, U+202A to U+202E, U+2066 to U+2069) or end its line.
pub fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
