//! An invented directory, as large as the national one, to try and to measure with.
//!
//! Every entity is derived from its index: nothing is kept, and the same bytes come out on each run
//! and machine. The shapes are those of the API v2 « libre accès »; the persons are nobody.

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

use self::directory::{Directory, Fate, Kind};
use self::draw::Topic;
use self::json::Json;

/// What directory to invent.
#[derive(Clone, Copy, Debug)]
pub struct Generate {
    /// How many practitioners it has; of everything else it has in proportion.
    pub practitioners: u32,
    /// Another seed invents another directory.
    pub seed: u64,
    /// The day of its publication: nothing in it is later.
    pub date: jiff::civil::Date,
    /// Whether to tell only what the next day changes.
    pub delta: bool,
}

impl Generate {
    /// Writes the directory as NDJSON, types in the order in which they are referred to.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let directory = Directory::new(self.seed, self.practitioners, self.date)?;
        let mut lines = Lines { out, line: Json::default() };
        if self.delta { directory.write_delta(&mut lines) } else { directory.write_all(&mut lines) }
    }
}

/// Lines of NDJSON, each written in the memory of the one before.
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
    /// The kinds whose entities stand for themselves, with how many there are and how one is written.
    fn sorts(&self) -> [(Kind, u64, Writer); 4] {
        [
            (Kind::Organization, self.organizations, organization::write_organization),
            (Kind::Practitioner, self.practitioners, practitioner::write_practitioner),
            (Kind::Service, self.services, service::write_service),
            (Kind::Device, self.devices, device::write_device),
        ]
    }

    fn write_all(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        for (kind, total, writer) in self.sorts() {
            (0..total).try_for_each(|index| lines.write(|json| writer(json, self, index, Fate::Published)))?;
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
            lines.write(|json| role::write_role(json, self, practitioner, rank, Fate::Published))?;
        }
        Ok(())
    }

    fn write_delta(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        for (kind, total, writer) in self.sorts() {
            let draw = |stretch| self.draw(Topic::Stretch, kind, stretch);
            let touched = delta::touched(total, draw, |index| self.is_active(kind, index));
            let new = (total..total + delta::withdrawn(total)).map(|index| (index, Fate::New));
            for (index, fate) in touched.chain(new) {
                lines.write(|json| writer(json, self, index, fate))?;
            }
            if let Kind::Practitioner = kind {
                self.write_delta_of_roles(lines)?;
            }
        }
        Ok(())
    }

    /// A role is touched by its practitioner's index; practitioners, old and new, take new ones.
    fn write_delta_of_roles(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        let total = self.practitioners;
        let draw = |stretch| self.draw(Topic::Stretch, Kind::Role, stretch);
        let is_active = |owner| role::count(self, owner) > 0 && role::is_active(self, owner, 0);
        for (owner, fate) in delta::touched(total, draw, is_active) {
            lines.write(|json| role::write_role(json, self, owner, 0, fate))?;
        }
        let added = delta::withdrawn(total);
        let old = (0..added.min(total)).map(|step| step * (total / added.min(total)));
        for owner in old.filter(|owner| self.is_active(Kind::Practitioner, *owner)) {
            lines.write(|json| role::write_role(json, self, owner, role::count(self, owner), Fate::New))?;
        }
        for owner in total..total + added {
            lines.write(|json| role::write_role(json, self, owner, 0, Fate::New))?;
        }
        Ok(())
    }
}

/// Writes the entity of an index, after what became of it.
type Writer = fn(&mut Json, &Directory, u64, Fate);
