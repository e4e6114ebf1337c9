//! The line and column of bytes of a body.

use crate::issue::Position;

const START: Position = Position { line: 1, column: 1 };

/// A byte order mark is the signature of an encoding, and no character of the text.
pub fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// The position of the byte at this index. An index beyond the end is that of the end.
pub fn position(body: &[u8], offset: usize) -> Position {
    advance(START, &body[..offset.min(body.len())])
}

/// The positions of the bytes at these indexes, in one pass over the body.
///
/// The body need not be UTF-8: its characters are counted by the bytes that begin one.
pub fn positions(body: &[u8], offsets: &[usize]) -> Vec<Position> {
    let mut order: Vec<_> = (0..offsets.len()).collect();
    order.sort_unstable_by_key(|&number| offsets[number]);
    let mut positions = vec![START; offsets.len()];
    let (mut read, mut here) = (0, START);
    for number in order {
        let offset = offsets[number].min(body.len());
        here = advance(here, &body[read..offset]);
        read = offset;
        positions[number] = here;
    }
    positions
}

/// The position behind these bytes, which begin at `from`.
fn advance(from: Position, bytes: &[u8]) -> Position {
    let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return Position { column: from.column.saturating_add(characters(bytes)), ..from };
    };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    Position {
        line: from.line.saturating_add(count(lines)),
        column: characters(&bytes[newline + 1..]).saturating_add(1),
    }
}

/// How many characters begin in these bytes: those that continue one do not count.
fn characters(bytes: &[u8]) -> u32 {
    count(bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(body: &str, offset: usize) -> (u32, u32) {
        let found = position(body.as_bytes(), offset);
        (found.line, found.column)
    }

    #[test]
    fn position_counts_lines_and_characters_from_1() {
        assert_eq!(at("", 0), (1, 1));
        assert_eq!(at("abc", 2), (1, 3));
        assert_eq!(at("abc", 3), (1, 4));
        assert_eq!(at("abc", 99), (1, 4));
        assert_eq!(at("a\nbc", 1), (1, 2));
        assert_eq!(at("a\nbc", 2), (2, 1));
        assert_eq!(at("\n\n\tx", 3), (3, 2));
        assert_eq!(at("a\r\nb", 3), (2, 1));
        // One of two, three and four bytes, and one in two scalar values.
        assert_eq!(at("é€\u{1F600}e\u{301}x", 12), (1, 6));
    }

    #[test]
    fn position_of_many_is_that_of_each() {
        let body = "{\n \"é\": [1,\r\n\t2],\n\n}";
        let offsets: Vec<_> = (0..body.len() + 2).rev().chain([3, 3, 0]).collect();
        let each: Vec<_> = offsets.iter().map(|offset| position(body.as_bytes(), *offset)).collect();
        assert_eq!(positions(body.as_bytes(), &offsets), each);
        assert_eq!(positions(body.as_bytes(), &[]), []);
    }
}
