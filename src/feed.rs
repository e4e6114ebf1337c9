//! The change feed: each version of a resource is an event. The table of versions is the log; there is no second one.
//!
//! A [`Change`] is decided with the write and stored with the version. An [`Event`] is what a reader gets: the change, with what is
//! found by comparing the version to the one before.

mod change;
mod event;
mod event_type;
mod filter;
mod head;
mod page;

pub(crate) use change::Change;
pub(crate) use event::{Content, Event, change_of, changed_elements};
pub(crate) use filter::EventFilter;
pub(crate) use head::Head;
pub(crate) use page::{EventPage, EventQuery, read_page};
