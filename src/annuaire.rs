//! A mirror of the national directory, *Annuaire Santé*: loaded or synchronised, and searched through the API that the
//! national one has.
//!
//! [`store`] keeps the resources, with every superseded version for as long as a page link may need it, and their index.
//! [`search`] reads a query and evaluates it; [`api`] answers it as the national API does. [`sync`] brings the mirror
//! up to date from its upstream, [`load`] fills it from files, [`ingest`] is what the two share, and [`invented`] makes a
//! directory to try them on.

pub mod api;
pub mod ingest;
pub mod invented;
pub mod load;
pub(crate) mod practitioner_status;
pub mod search;
pub mod status;
pub mod store;
pub mod sync;
