//! The callers, found by what they are recognised by.

use std::collections::HashMap;
use std::sync::Arc;

use super::right::Right;
use super::token::TokenHash;
use crate::tls::certificate::ClientCertificate;

/// Somebody who is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name that logs and the record of exchanges show.
    pub name: String,
    /// What it may do.
    pub rights: Vec<Right>,
}

/// What a caller is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A certificate with this common name, one of whose organizational units is this one.
    Certificate {
        /// The common name, exactly.
        common_name: String,
        /// The organizational unit, exactly.
        organizational_unit: String,
    },
    /// The token with this hash.
    Token(TokenHash),
}

/// Those who are known here.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    by_name: HashMap<String, Vec<(String, Arc<Caller>)>>,
    by_token: HashMap<TokenHash, Arc<Caller>>,
    names: Vec<String>,
}

impl Callers {
    /// Adds a caller.
    ///
    /// # Errors
    /// In the words that follow its name, where somebody else has that name or credential.
    pub fn add(&mut self, caller: Caller, credential: Credential) -> Result<(), String> {
        if self.names.contains(&caller.name) {
            return Err("there are two callers of this name".to_owned());
        }
        let caller = Arc::new(caller);
        let taken = |other: &Caller| Err(format!("caller “{}” is recognised by the same", other.name));
        match credential {
            Credential::Certificate { common_name, organizational_unit } => {
                let alike = self.by_name.entry(common_name).or_default();
                if let Some((_, other)) = alike.iter().find(|(unit, _)| *unit == organizational_unit) {
                    return taken(other);
                }
                alike.push((organizational_unit, caller.clone()));
            }
            Credential::Token(hash) => match self.by_token.get(&hash) {
                Some(other) => return taken(other),
                None => _ = self.by_token.insert(hash, caller.clone()),
            },
        }
        self.names.push(caller.name.clone());
        Ok(())
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether anybody is recognised by a certificate.
    pub fn has_certificates(&self) -> bool {
        !self.by_name.is_empty()
    }

    /// Whether anybody is recognised by a token.
    pub fn has_tokens(&self) -> bool {
        !self.by_token.is_empty()
    }

    /// Whose certificate this is: common name and organizational unit are those of the caller. Of several
    /// callers that its units stand for, the first one added.
    pub fn by_certificate(&self, certificate: &ClientCertificate) -> Option<&Arc<Caller>> {
        let mut alike = self.by_name.get(&certificate.common_name)?.iter();
        let named = alike.find(|(unit, _)| certificate.organizational_units.contains(unit));
        named.map(|(_, caller)| caller)
    }

    /// Whose token this is.
    pub fn by_token(&self, token: &str) -> Option<&Arc<Caller>> {
        self.by_token.get(&TokenHash::of(token))
    }
}
