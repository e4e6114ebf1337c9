//! Adds to the issues of a body where in it they are.

use super::offset::offsets;
use super::position::{positions, without_byte_order_mark};
use crate::issue::{Issue, Locator};

/// Adds line and column to the issues that are about this body. `root` is the JSON Pointer of the resource in which their
/// expressions and pointers start: empty, unless the body is a `Parameters` that holds it.
///
/// Takes time in proportion to the size of the body, and none if each issue has its position already, or is not about the body.
pub fn locate(body: &[u8], root: &str, issues: &mut [Issue]) {
    let body = without_byte_order_mark(body);
    let numbered = issues.iter().enumerate();
    let searched: Vec<_> =
        numbered.clone().filter_map(|(number, issue)| Some((number, pointer(issue, root)?))).collect();
    // What is not UTF-8 was not read: its issue has an offset.
    let source = if searched.is_empty() { "" } else { str::from_utf8(body).unwrap_or_default() };
    let offsets = offsets(source, searched.iter().map(|(_, pointer)| pointer.as_str()));
    let searched = searched.iter().zip(offsets).filter_map(|((number, _), offset)| Some((*number, offset?)));
    let known = numbered.filter_map(|(number, issue)| match issue.locator {
        Locator::Offset(offset) => Some((number, offset)),
        Locator::Expression | Locator::Pointer(_) | Locator::Position(_) => None,
    });
    let (numbers, offsets): (Vec<_>, Vec<_>) = known.chain(searched).unzip();
    for (number, position) in numbers.into_iter().zip(positions(body, &offsets)) {
        issues[number].locator = Locator::Position(position);
    }
}

/// The pointer to search for, if the place of the issue is in the body and to be found by one.
fn pointer(issue: &Issue, root: &str) -> Option<String> {
    let below_root = match &issue.locator {
        Locator::Pointer(pointer) => pointer.clone(),
        Locator::Expression => expression_pointer(&issue.expression)?,
        Locator::Offset(_) | Locator::Position(_) => return None,
    };
    Some(format!("{root}{below_root}"))
}

/// The JSON Pointer of an expression, as far as that is a path: `/name/0/family` for `Practitioner.name[0].family`. `None` for the
/// expression of a header or of a query's parameter.
fn expression_pointer(expression: &str) -> Option<String> {
    let (root, path) = expression.split_at(expression.find(['.', '[']).unwrap_or(expression.len()));
    if root == "http" {
        return None;
    }
    let mut pointer = String::with_capacity(path.len());
    for step in path.split('.') {
        let (name, index) = step.split_once('[').map_or((step, None), |(name, index)| (name, Some(index)));
        // A truncated expression ends within a step.
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            break;
        }
        if !name.is_empty() {
            pointer.extend(["/", name]);
        }
        match index.map(|index| index.strip_suffix(']')) {
            None => {}
            Some(Some(index)) if index.parse::<usize>().is_ok() => pointer.extend(["/", index]),
            Some(_) => break,
        }
    }
    Some(pointer)
}

#[cfg(test)]
mod tests;
