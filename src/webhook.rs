//! What signs the requests that are sent to the vendor's software. <https://www.standardwebhooks.com>

mod secret;

pub(crate) use secret::{Secret, read_secrets};
