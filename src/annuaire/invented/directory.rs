//! The directory as a whole: the numbers of entities, their ids, versions and references.

use std::io;

use jiff::civil::Date;

use crate::annuaire::invented::calendar::Calendar;
use crate::annuaire::invented::draw::{Draw, Topic};
use crate::annuaire::invented::structure::Structure;

/// The kinds of entities. Their discriminants are part of the random seed: do not reorder them.
#[derive(Clone, Copy)]
pub enum Kind {
    Organization,
    Practitioner,
    Role,
    Service,
    Device,
}

/// The state of an entity, on the day of publication or on the day after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EntityState {
    /// On the day of publication.
    Published,
    /// Changed on the day after.
    Changed,
    /// Made inactive on the day after.
    Withdrawn,
    /// Added on the day after.
    New,
}

/// The version of an entity, and its date.
pub struct Version {
    pub number: u64,
    pub last_updated: String,
}

/// The seed and the numbers from which all entities are derived.
pub struct Directory {
    seed: u64,
    pub calendar: Calendar,
    pub practitioners: u64,
    pub organizations: u64,
    pub services: u64,
    pub devices: u64,
}

impl Directory {
    /// A directory with this number of practitioners, published on `date`.
    pub fn new(seed: u64, practitioners: u32, date: Date) -> io::Result<Self> {
        let practitioners = u64::from(practitioners);
        Ok(Self {
            seed,
            calendar: Calendar::new(date).map_err(io::Error::other)?,
            practitioners,
            organizations: (practitioners * 26 / 100).max(20),
            services: (practitioners / 50).max(6),
            devices: (practitioners / 200).max(6),
        })
    }

    /// The random numbers of an entity for this topic.
    pub fn draw(&self, topic: Topic, kind: Kind, index: u64) -> Draw {
        Draw::new(self.seed, topic, kind as u64, index)
    }

    /// Whether the entity is active on the day of publication.
    pub fn is_active(&self, kind: Kind, index: u64) -> bool {
        let inactive = match kind {
            Kind::Practitioner => 50,
            Kind::Organization => 40,
            Kind::Role => 11,
            Kind::Service | Kind::Device => 30,
        };
        !self.draw(Topic::Activity, kind, index).per_mille(inactive)
    }

    /// Whether the entity is active in this state.
    pub fn is_active_in(&self, state: EntityState, kind: Kind, index: u64) -> bool {
        match state {
            EntityState::Published => self.is_active(kind, index),
            EntityState::Changed | EntityState::New => true,
            EntityState::Withdrawn => false,
        }
    }

    /// The version of an entity in this state.
    pub fn version(&self, state: EntityState, kind: Kind, index: u64) -> Version {
        let mut draw = self.draw(Topic::Version, kind, index);
        let number = match draw.below(100) {
            0..92 => 1,
            92..98 => 2,
            _ => 3,
        };
        match state {
            EntityState::Published => Version { number, last_updated: self.calendar.instant(&mut draw) },
            EntityState::Changed | EntityState::Withdrawn => {
                Version { number: number + 1, last_updated: self.calendar.next_day(&mut draw) }
            }
            EntityState::New => Version { number: 1, last_updated: self.calendar.next_day(&mut draw) },
        }
    }

    /// The id of a practitioner.
    pub fn practitioner_id(&self, practitioner: u64) -> String {
        let mut draw = self.draw(Topic::Id, Kind::Practitioner, practitioner);
        format!("003-{}-{}", 10_000 + practitioner * 3 + draw.below(3), 1_000_000 + draw.below(8_000_000))
    }

    /// The id of the practitioner's role with this rank.
    pub fn role_id(&self, practitioner: u64, rank: u64) -> String {
        let role = role_number(practitioner, rank);
        let mut draw = self.draw(Topic::Id, Kind::Role, role);
        format!("005-{}-{}", 10_000 + role, 1_000_000 + draw.below(8_000_000))
    }

    /// The id of an organization.
    pub fn organization_id(&self, organization: u64) -> String {
        let level = if Structure::is_juridique(organization) { "02" } else { "01" };
        let mut draw = self.draw(Topic::Id, Kind::Organization, organization);
        format!("001-{level}-{}", 100_000 + organization * 4 + draw.below(4))
    }

    /// An id of no organization of the directory.
    pub fn dangling_id(&self, draw: &mut Draw) -> String {
        format!("001-01-{}", 100_000 + (self.organizations + 1_000_000 + draw.below(1_000_000)) * 4)
    }

    /// The index of an entité géographique of this structure; `None` if the directory is too small to have one.
    pub fn site(&self, structure: Structure, draw: &mut Draw) -> Option<u64> {
        let slot = structure.site_slot(draw)?;
        let quarters = self.organizations.saturating_sub(slot).div_ceil(Structure::QUARTER);
        // A few hospitals have hundreds of roles; every other structure has a few.
        let uneven = structure == Structure::Hopital && draw.per_mille(400);
        let quarter = if uneven { draw.low_below(quarters) } else { draw.below(quarters) };
        (quarters > 0).then_some(quarter * Structure::QUARTER + slot)
    }
}

/// The number of a role, unique in the directory: a practitioner has at most five.
pub fn role_number(practitioner: u64, rank: u64) -> u64 {
    practitioner * 5 + rank
}
