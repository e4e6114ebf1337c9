//! Generates test data: a directory of any size, up to that of the national one.
//!
//! Every entity is a function of the seed and its index, so generation needs constant memory, and gives the same bytes on
//! each run and machine. The resources have the form of the API v2 « libre accès »; no person in them exists.

mod calendar;
mod communes;
mod delta;
mod device;
mod directory;
mod draw;
mod element;
mod identity;
mod json;
mod mailbox;
mod names;
mod numbers;
mod organization;
mod practitioner;
mod profession;
mod role;
mod service;
mod smartcard;
mod structure;
mod system;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use self::directory::{Directory, EntityState, Kind};
use self::draw::Topic;
use self::json::Json;

/// The settings of a generated directory.
#[derive(Clone, Copy, Debug)]
pub struct Generate {
    /// Number of practitioners; the numbers of other resources are proportional to it.
    pub practitioners: u32,
    /// Seed of the random numbers: the same seed gives the same directory.
    pub seed: u64,
    /// Day of publication: no date in the directory is later.
    pub date: jiff::civil::Date,
    /// Whether to write only the changes of the next day.
    pub delta: bool,
}

impl Generate {
    /// Writes the directory as NDJSON. A type precedes the types that refer to it.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let directory = Directory::new(self.seed, self.practitioners, self.date)?;
        let mut lines = Lines { out, line: Json::default() };
        if self.delta { directory.write_delta(&mut lines) } else { directory.write_all(&mut lines) }
    }
}

/// Writes lines of NDJSON, all through one buffer.
struct Lines<'a, W> {
    out: &'a mut W,
    line: Json,
}

impl<W: Write> Lines<'_, W> {
    fn write(&mut self, resource: impl FnOnce(&mut Json)) -> io::Result<()> {
        self.line.clear();
        self.line.item(resource);
        self.out.write_all(self.line.as_bytes())?;
        self.out.write_all(b"\n")
    }
}

impl Directory {
    /// The kinds of entities that belong to no other entity: number, and function that writes one.
    fn independent_kinds(&self) -> [(Kind, u64, Writer); 4] {
        [
            (Kind::Organization, self.organizations, organization::write_organization),
            (Kind::Practitioner, self.practitioners, practitioner::write_practitioner),
            (Kind::Service, self.services, service::write_service),
            (Kind::Device, self.devices, device::write_device),
        ]
    }

    fn write_all(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        for (kind, total, writer) in self.independent_kinds() {
            (0..total).try_for_each(|index| lines.write(|json| writer(json, self, index, EntityState::Published)))?;
            if let Kind::Practitioner = kind {
                self.write_roles(lines)?;
            }
        }
        Ok(())
    }

    fn write_roles(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        let roles =
            (0..self.practitioners).flat_map(|owner| (0..role::count(self, owner)).map(move |rank| (owner, rank)));
        for (practitioner, rank) in roles {
            lines.write(|json| role::write_role(json, self, practitioner, rank, EntityState::Published))?;
        }
        Ok(())
    }

    fn write_delta(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        for (kind, total, writer) in self.independent_kinds() {
            let draw = |segment| self.draw(Topic::Segment, kind, segment);
            let changed = delta::changed_entities(total, draw, |index| self.is_active(kind, index));
            let new = (total..total + delta::count_withdrawn(total)).map(|index| (index, EntityState::New));
            for (index, state) in changed.chain(new) {
                lines.write(|json| writer(json, self, index, state))?;
            }
            if let Kind::Practitioner = kind {
                self.write_delta_of_roles(lines)?;
            }
        }
        Ok(())
    }

    /// Changes the first role of some practitioners, and adds roles to existing and to new practitioners.
    fn write_delta_of_roles(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        let total = self.practitioners;
        let draw = |segment| self.draw(Topic::Segment, Kind::Role, segment);
        let is_active = |owner| role::count(self, owner) > 0 && role::is_active(self, owner, 0);
        for (owner, state) in delta::changed_entities(total, draw, is_active) {
            lines.write(|json| role::write_role(json, self, owner, 0, state))?;
        }
        let added = delta::count_withdrawn(total);
        let old = (0..added.min(total)).map(|step| step * (total / added.min(total)));
        for owner in old.filter(|owner| self.is_active(Kind::Practitioner, *owner)) {
            lines.write(|json| role::write_role(json, self, owner, role::count(self, owner), EntityState::New))?;
        }
        for owner in total..total + added {
            lines.write(|json| role::write_role(json, self, owner, 0, EntityState::New))?;
        }
        Ok(())
    }
}

/// Writes the entity with this index, in this state.
type Writer = fn(&mut Json, &Directory, u64, EntityState);
