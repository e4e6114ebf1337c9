//! The pieces of SQL text that are built at run time: lists of placeholders, never values.

/// `($1, $2), ($3, $4)`: `rows` rows of `columns` placeholders, from `$first` on.
pub fn placeholders(first: usize, rows: usize, columns: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows * (columns * 6 + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let before = if column == 0 { "$" } else { ", $" };
            // Writing to a text cannot fail.
            let _ = write!(text, "{before}{}", first + row * columns + column);
        }
        text.push(')');
    }
    text
}

/// Splits rows into runs of 64, 32, …, 1, so that few different statements are prepared.
pub fn runs<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if rows.is_empty() {
            return None;
        }
        let largest_power_of_two = 1 << rows.len().ilog2().min(6);
        let (run, rest) = rows.split_at(largest_power_of_two);
        rows = rest;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_through() {
        assert_eq!(placeholders(1, 2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(placeholders(4, 1, 1), "($4)");
    }

    #[test]
    fn runs_cover_all_rows_in_order() {
        let rows: Vec<_> = (0..203).collect();
        let lengths: Vec<_> = runs(&rows).map(<[_]>::len).collect();
        assert_eq!(lengths, [64, 64, 64, 8, 2, 1]);
        assert_eq!(runs(&rows).flatten().copied().collect::<Vec<_>>(), rows);
    }
}
