//! What the next day changes in a directory.

use crate::annuaire::invented::directory::Fate;
use crate::annuaire::invented::draw::Draw;

/// How many entities of `total` the next day changes: one of a thousand.
pub fn changed(total: u64) -> u64 {
    (total / 1000).max(3)
}

/// How many it makes inactive, and how many it adds.
pub fn withdrawn(total: u64) -> u64 {
    (total / 10_000).max(3)
}

/// Which of `total` entities the next day touches, and how. Spread over all of them and told without
/// a list: the entities are cut into equal stretches, and each has one active entity touched.
pub fn touched(
    total: u64,
    draw: impl Fn(u64) -> Draw,
    is_active: impl Fn(u64) -> bool,
) -> impl Iterator<Item = (u64, Fate)> {
    let withdrawn = withdrawn(total);
    let stretches = (changed(total) + withdrawn).min(total);
    let length = total.checked_div(stretches).unwrap_or(0);
    (0..stretches).filter_map(move |stretch| {
        let is_withdrawn = (stretch + 1) * withdrawn / stretches > stretch * withdrawn / stretches;
        let fate = if is_withdrawn { Fate::Withdrawn } else { Fate::Changed };
        let first = draw(stretch).below(length);
        let candidates = (0..length).map(|step| stretch * length + (first + step) % length);
        Some((candidates.into_iter().find(|index| is_active(*index))?, fate))
    })
}
