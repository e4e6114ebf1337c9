//! The changes of a directory on the day after its publication.

use crate::annuaire::invented::directory::EntityState;
use crate::annuaire::invented::draw::Draw;

/// Number of entities that change, of `total`: one in a thousand.
fn count_changed(total: u64) -> u64 {
    (total / 1000).max(3)
}

/// Number of entities that become inactive, and number of new ones: one in ten thousand of `total`.
pub fn count_withdrawn(total: u64) -> u64 {
    (total / 10_000).max(3)
}

/// The indexes of the entities that change or become inactive, with their new state. To spread them over all entities
/// without a list, the indexes are divided into equal segments, and one active entity of each segment is chosen.
pub fn changed_entities(
    total: u64,
    draw: impl Fn(u64) -> Draw,
    is_active: impl Fn(u64) -> bool,
) -> impl Iterator<Item = (u64, EntityState)> {
    let withdrawn = count_withdrawn(total);
    let segments = (count_changed(total) + withdrawn).min(total);
    let length = total.checked_div(segments).unwrap_or(0);
    (0..segments).filter_map(move |segment| {
        let is_withdrawn = (segment + 1) * withdrawn / segments > segment * withdrawn / segments;
        let state = if is_withdrawn { EntityState::Withdrawn } else { EntityState::Changed };
        let first = draw(segment).below(length);
        let candidates = (0..length).map(|step| segment * length + (first + step) % length);
        Some((candidates.into_iter().find(|index| is_active(*index))?, state))
    })
}
