//! A local copy of the national directory, *Annuaire Santé*: loaded or synchronised, and searched
//! through the API that the national one has.
//!
//! A resource is read into a [`Prepared`](resource::Prepared), whose [`Indexed`](indexed::Indexed)
//! values are what searches find it by; [`copy`] keeps it, with every superseded version for as long
//! as a walk may need it. A query is read by the table of [`parameter`]s into a
//! [`Search`](search::Search), which is evaluated over a [`Snapshot`](copy::Snapshot);
//! [`directory`] makes the answers of it.
//!
//! [`sync`] brings the copy up to date from an [`upstream`], now or on a [`schedule`]; [`load`] fills it
//! from files, and [`generate`] invents one. Whoever receives a national id asks for its [`standing`].

pub mod copy;
mod criterion;
pub mod directory;
pub mod extraction;
pub mod generate;
pub mod indexed;
mod intake;
pub mod load;
pub mod normal;
pub mod parameter;
pub mod progress;
pub mod query;
pub mod record;
pub mod resource;
pub mod schedule;
pub mod search;
mod shape;
pub mod standing;
pub mod status;
pub mod sync;
pub mod upstream;
