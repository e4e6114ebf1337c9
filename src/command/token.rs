//! `sas-endpoint token`: a new bearer token, and the line by which its caller is recognised.

use std::process::ExitCode;

use super::Failure;
use crate::access::token::{TokenHash, random};

/// Prints a token, which is kept nowhere, and its line for the file.
pub fn token() -> Result<ExitCode, Failure> {
    let token = random()?;
    println!("{token}\ntoken_sha256 = \"{}\"", TokenHash::of(&token));
    Ok(ExitCode::SUCCESS)
}
