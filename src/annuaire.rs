//! A local copy of the national directory, *Annuaire Santé*: loaded or synchronised, and searched
//! through the API that the national one has.
//!
//! A resource is read into a [`Prepared`](resource::Prepared), whose [`Indexed`](indexed::Indexed)
//! values are what searches find it by; [`copy`] keeps it, with every superseded version for as long
//! as a walk may need it. A query is read by the table of [`parameter`]s into a
//! [`Search`](search::Search), which is evaluated over a [`Snapshot`](copy::Snapshot);
//! [`directory`] makes the answers of it.

pub mod copy;
mod criterion;
pub mod directory;
pub mod extraction;
pub mod indexed;
pub mod normal;
pub mod parameter;
pub mod query;
pub mod resource;
pub mod search;
mod shape;
