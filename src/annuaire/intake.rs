//! Reading resources, many at a time, on threads where that may take its time.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::copy::{SetAside, Writer};
use super::record::Count;
use super::resource::{DirectoryType, Prepared, Unreadable};
use super::upstream::Content;
use crate::error::Error;

/// Resources that were read, in their order, and those that could not be.
#[derive(Default)]
pub(super) struct Readings {
    pub prepared: Vec<Prepared>,
    pub aside: Vec<SetAside>,
    /// Of the latter, those whose type and id could be read.
    pub unreadable: Vec<(DirectoryType, String)>,
}

/// Readings under way.
pub(super) type Reading = JoinHandle<Readings>;

impl Readings {
    /// Reads the resources of a page.
    pub(super) fn of_page(content: &Content, page: &str) -> Self {
        let mut readings = Self::default();
        for (index, json) in content.resources.iter().enumerate() {
            readings.read(json.get(), || format!("entry {} of {page}", index + 1));
        }
        readings
    }

    /// Reads one more resource, which stands at `place`.
    pub(super) fn read(&mut self, json: &str, place: impl FnOnce() -> String) {
        match Prepared::read(json) {
            Ok(prepared) => self.prepared.push(prepared),
            Err(unreadable) => self.put_aside(unreadable, place()),
        }
    }

    /// Reads a line of a file: a resource, or a page of a search.
    pub(super) fn read_line(&mut self, line: &[u8], place: impl FnOnce() -> String) {
        let unreadable = match std::str::from_utf8(line).map(Prepared::read) {
            Ok(Ok(prepared)) => return self.prepared.push(prepared),
            Ok(Err(unreadable)) => unreadable,
            Err(_) => told("it is not UTF-8"),
        };
        let place = place();
        // Only what is no resource of the directory is worth a second look.
        match Content::read(&Bytes::copy_from_slice(line)) {
            Ok(content) if unreadable.resource_type.is_none() => {
                let page = Self::of_page(&content, &place);
                self.prepared.extend(page.prepared);
                self.aside.extend(page.aside);
                self.unreadable.extend(page.unreadable);
            }
            _ => self.put_aside(unreadable, place),
        }
    }

    /// Puts aside what was not even looked at.
    pub(super) fn skip(&mut self, reason: &str, place: String) {
        self.put_aside(told(reason), place);
    }

    fn put_aside(&mut self, unreadable: Unreadable, place: String) {
        let Unreadable { resource_type, id, reason } = unreadable;
        self.unreadable.extend(resource_type.zip(id.clone()));
        let name = id.map_or(place.clone(), |id| format!("{id} ({place})"));
        self.aside.push(SetAside { resource_type, name, reason, at: now() });
    }

    /// Hands them to the copy.
    pub(super) async fn keep(self, writer: &mut Writer, mark_seen: bool) -> Result<Count, Error> {
        let mut count = Count { set_aside: self.aside.len() as u64, ..Count::default() };
        for aside in self.aside {
            writer.put_aside(aside).await?;
        }
        if mark_seen {
            writer.mark_seen(&self.unreadable).await?;
        }
        count.add_tally(writer.add(self.prepared, mark_seen).await?);
        Ok(count)
    }
}

fn told(reason: &str) -> Unreadable {
    Unreadable { resource_type: None, id: None, reason: reason.to_owned() }
}

/// The time, as [`SetAside::at`] has it.
fn now() -> String {
    format!("{:.3}", Timestamp::now())
}
