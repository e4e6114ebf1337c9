//! `sas-endpoint token`: generates a bearer token with the line of its caller in the configuration file, or the secret of a
//! webhook.

use std::process::ExitCode;

use super::failure::Failure;
use crate::access::token::{TokenHash, generate};
use crate::config::Token;
use crate::webhook::Secret;

/// Prints a new token, which is not stored anywhere, and the line with its hash; or a new secret.
pub fn token(arguments: &Token) -> Result<ExitCode, Failure> {
    if arguments.webhook {
        println!("{}", Secret::generate()?);
        return Ok(ExitCode::SUCCESS);
    }
    let token = generate()?;
    println!("{token}\ntoken_sha256 = \"{}\"", TokenHash::from_token(&token));
    Ok(ExitCode::SUCCESS)
}
