//! `sas-endpoint token`: generates a bearer token, and the line of its caller in the configuration file.

use std::process::ExitCode;

use super::failure::Failure;
use crate::access::token::{TokenHash, generate};

/// Prints a new token, which is not stored anywhere, and the line with its hash.
pub fn token() -> Result<ExitCode, Failure> {
    let token = generate()?;
    println!("{token}\ntoken_sha256 = \"{}\"", TokenHash::from_token(&token));
    Ok(ExitCode::SUCCESS)
}
