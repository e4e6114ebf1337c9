//! The copy itself: the only door to its database.

use super::indexed::Field;
use super::resource::{DirectoryType, Prepared};
use super::search::Criterion;
use crate::error::Error;

/// A copy of the directory, open.
#[derive(Clone)]
pub struct Copy {}

/// The state of the copy at one instant; a walk sees it from its first page to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last committed change that it knows.
    pub revision: i64,
    /// For each type of [`DirectoryType::ALL`], the number of its last resource version.
    pub last: [u32; 5],
}

/// A version of a resource, as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its type.
    pub resource_type: DirectoryType,
    /// The number of this version: pages go in this order.
    pub seq: u32,
    /// The logical id.
    pub id: String,
    /// The resource, as served.
    pub body: String,
}

/// Some matches.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of their numbers.
    pub matches: Vec<Stored>,
    /// Whether there are more.
    pub more: bool,
}

impl Copy {
    /// Opens the copy at `sqlite://path` (made if missing) or `postgres://…` (schema `annuaire`).
    pub async fn open(_url: &str) -> Result<Self, crate::storage::OpenError> {
        unimplemented!()
    }

    /// What and where it is, for people; never a password.
    pub fn description(&self) -> &str {
        unimplemented!()
    }

    /// The state of the copy now; `None` while it holds nothing.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        unimplemented!()
    }

    /// The first `limit` matches after the version number `after` (0 at the beginning).
    ///
    /// Fails with [`Error::Gone`] when versions that the snapshot knew are no longer kept.
    pub async fn page(
        &self,
        _resource_type: DirectoryType,
        _criteria: &[Criterion],
        _at: &Snapshot,
        _after: u32,
        _limit: usize,
    ) -> Result<Page, Error> {
        unimplemented!()
    }

    /// The number of matches, exactly; `None` where counting takes longer than a second.
    pub async fn total(
        &self,
        _resource_type: DirectoryType,
        _criteria: &[Criterion],
        _at: &Snapshot,
    ) -> Result<Option<u64>, Error> {
        unimplemented!()
    }

    /// The current version of a resource.
    pub async fn read(&self, _resource_type: DirectoryType, _id: &str) -> Result<Option<Stored>, Error> {
        unimplemented!()
    }

    /// The resources of these ids, as the snapshot knows them; those it does not know are left out.
    pub async fn by_ids(
        &self,
        _at: &Snapshot,
        _resource_type: DirectoryType,
        _ids: &[String],
    ) -> Result<Vec<Stored>, Error> {
        unimplemented!()
    }

    /// The first `limit` resources of a type whose reference is to one of these ids.
    pub async fn referring(
        &self,
        _at: &Snapshot,
        _source: DirectoryType,
        _field: Field,
        _ids: &[String],
        _limit: usize,
    ) -> Result<Vec<Stored>, Error> {
        unimplemented!()
    }

    /// A value noted with [`Writer::note`].
    pub async fn noted(&self, _name: &str) -> Result<Option<String>, Error> {
        unimplemented!()
    }

    /// How many resources there are, for each type of [`DirectoryType::ALL`], in use and not
    /// (`active` false, or for a device `status` inactive).
    pub async fn counts(&self) -> Result<[Counts; 5], Error> {
        unimplemented!()
    }

    /// For each type, a hash of all its resources as they are now: equal for equal copies.
    pub async fn content_hashes(&self) -> Result<[String; 5], Error> {
        unimplemented!()
    }

    /// What was set aside, newest first, at most `limit`.
    pub async fn set_aside(&self, _limit: usize) -> Result<Vec<SetAside>, Error> {
        unimplemented!()
    }

    /// Takes the right to write, which one process at a time has; `None` where another has it.
    pub async fn writer(&self) -> Result<Option<Writer>, Error> {
        unimplemented!()
    }
}

/// How many resources of a type there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub active: u64,
    pub inactive: u64,
}

/// A resource that could not be read, put aside so that the others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its type, where that could be read.
    pub resource_type: Option<DirectoryType>,
    /// Its id, or else a line number, for people.
    pub name: String,
    /// Why it cannot be read.
    pub reason: String,
    /// When: fixed-width UTC text.
    pub at: String,
}

/// The right to write. What is added becomes visible, and lasting, with [`Writer::commit`], all at once.
pub struct Writer {}

/// What became of resources that were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They were not in the copy.
    pub new: u64,
    /// They were, with another content.
    pub changed: u64,
    /// They were, with the same content.
    pub unchanged: u64,
    /// The copy has a later `meta.lastUpdated`; they were not taken.
    pub older: u64,
}

impl Writer {
    /// Adds resources; the last of two with the same id wins. `mark_seen` records those in the copy
    /// for [`Writer::sweep`].
    pub async fn add(&mut self, _resources: Vec<Prepared>, _mark_seen: bool) -> Result<Tally, Error> {
        unimplemented!()
    }

    /// Puts aside a resource that cannot be read.
    pub async fn put_aside(&mut self, _what: SetAside) -> Result<(), Error> {
        unimplemented!()
    }

    /// Notes a value under a name, with what is committed next.
    pub async fn note(&mut self, _name: &str, _value: &str) -> Result<(), Error> {
        unimplemented!()
    }

    /// Forgets what was seen of a type: a walk over all of it begins.
    pub async fn forget_seen(&mut self, _resource_type: DirectoryType) -> Result<(), Error> {
        unimplemented!()
    }

    /// Removes what was not seen of a type since [`Writer::forget_seen`], unless that is more than
    /// `most` of it (0.15: 15 %). Says how many there were, and whether they were removed.
    pub async fn sweep(&mut self, _resource_type: DirectoryType, _most: f64) -> Result<Swept, Error> {
        unimplemented!()
    }

    /// Makes everything since the last commit visible and lasting, all at once.
    pub async fn commit(&mut self) -> Result<(), Error> {
        unimplemented!()
    }

    /// Drops versions that were superseded before `before`, and tidies up the index.
    pub async fn purge(&mut self, _before: jiff::Timestamp) -> Result<(), Error> {
        unimplemented!()
    }
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many resources of the type were in the copy.
    pub of: u64,
    /// How many of them had not been seen.
    pub unseen: u64,
    /// Whether those were removed.
    pub removed: bool,
}
