//! Webhooks: each event is posted, signed, to the vendor's software, in order and at least once.
//! <https://www.standardwebhooks.com>
//!
//! A webhook is a cursor over the log, in the database. Of several instances, the holder of a lease delivers.

mod answer;
mod context;
mod cursor;
mod deliverer;
pub(crate) mod file;
mod lease;
mod message;
pub(crate) mod operation;
mod receiver;
mod retry;
mod secret;
mod sender;
mod settings;
mod status;
pub(crate) mod table;
mod worker;

pub(crate) use deliverer::{Deliverer, DelivererParts};
pub(crate) use operation::{OperationError, ReplayStart};
pub(crate) use secret::{Secret, Secrets, read_secrets};
pub(crate) use sender::Sender;
pub(crate) use settings::Webhook;
pub(crate) use status::{Statuses, WebhookStatus, read_statuses};
