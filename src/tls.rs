//! TLS and the certificates of clients: what they say, and whether they are to be believed.

pub mod certificate;
pub mod revocation;
pub mod trust;
