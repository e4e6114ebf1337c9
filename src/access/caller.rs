//! The callers, indexed by their credentials.

use std::collections::HashMap;
use std::sync::Arc;

use super::right::Right;
use super::token::TokenHash;
use crate::tls::certificate::ClientCertificate;

/// A configured client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name in the log and in the audit log.
    pub name: String,
    pub rights: Vec<Right>,
}

impl Caller {
    /// Whether it has the right to look at the console, and no other: it is no client of the FHIR API.
    fn is_for_console_only(&self) -> bool {
        !self.rights.is_empty() && self.rights.iter().all(|right| *right == Right::Console)
    }

    /// Whether it may look at the console.
    pub(crate) fn may_use_console(&self) -> bool {
        self.rights.contains(&Right::Console)
    }
}

/// What a caller authenticates with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A client certificate with this common name, and this organizational unit among its own. Both are compared
    /// exactly.
    Certificate {
        /// The common name of the subject.
        common_name: String,
        /// One of the organizational units of the subject.
        organizational_unit: String,
    },
    /// A bearer token with this hash.
    Token(TokenHash),
}

/// All callers.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    /// By common name: organizational units, in the order of the file.
    by_common_name: HashMap<String, Vec<(String, Arc<Caller>)>>,
    by_token: HashMap<TokenHash, Arc<Caller>>,
    names: Vec<String>,
}

impl Callers {
    /// Adds a caller.
    ///
    /// # Errors
    /// If another caller has the same name or credential. The message is the end of a sentence that begins with the
    /// name of the caller.
    pub fn add(&mut self, caller: Caller, credential: Credential) -> Result<(), String> {
        if self.names.contains(&caller.name) {
            return Err("another caller has this name".to_owned());
        }
        let caller = Arc::new(caller);
        let duplicate = |other: &Caller| Err(format!("caller “{}” has the same credential", other.name));
        match credential {
            Credential::Certificate { common_name, organizational_unit } => {
                let units = self.by_common_name.entry(common_name).or_default();
                if let Some((_, other)) = units.iter().find(|(unit, _)| *unit == organizational_unit) {
                    return duplicate(other);
                }
                units.push((organizational_unit, caller.clone()));
            }
            Credential::Token(hash) => match self.by_token.get(&hash) {
                Some(other) => return duplicate(other),
                None => _ = self.by_token.insert(hash, caller.clone()),
            },
        }
        self.names.push(caller.name.clone());
        Ok(())
    }

    /// The clients of the FHIR API: all but those that may only look at the console.
    #[must_use]
    pub fn of_fhir(&self) -> Self {
        self.filter(|caller| !caller.is_for_console_only())
    }

    /// Those that may look at the console and have a token to log in with.
    #[must_use]
    pub(crate) fn of_console(&self) -> Self {
        Self { by_common_name: HashMap::new(), ..self.filter(Caller::may_use_console) }
    }

    /// The callers for which `keeps` is true.
    fn filter(&self, keeps: impl Fn(&Caller) -> bool) -> Self {
        let by_common_name = self.by_common_name.iter().filter_map(|(name, units)| {
            let units: Vec<_> = units.iter().filter(|(_, caller)| keeps(caller)).cloned().collect();
            (!units.is_empty()).then(|| (name.clone(), units))
        });
        let by_token = self.by_token.iter().filter(|(_, caller)| keeps(caller));
        let (by_common_name, by_token): (HashMap<_, Vec<_>>, HashMap<_, _>) =
            (by_common_name.collect(), by_token.map(|(hash, caller)| (*hash, caller.clone())).collect());
        let of_certificates = by_common_name.values().flatten().map(|(_, caller)| caller);
        let names = of_certificates.chain(by_token.values()).map(|caller| caller.name.clone()).collect();
        Self { by_common_name, by_token, names }
    }

    /// Whether no caller is configured.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a caller has this name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether any caller authenticates with a certificate.
    pub(crate) fn has_certificates(&self) -> bool {
        !self.by_common_name.is_empty()
    }

    /// Whether any caller authenticates with a token.
    pub(crate) fn has_tokens(&self) -> bool {
        !self.by_token.is_empty()
    }

    /// The caller with this certificate. If its organizational units match several callers, the first one added.
    pub fn by_certificate(&self, certificate: &ClientCertificate) -> Option<&Arc<Caller>> {
        let mut units = self.by_common_name.get(&certificate.common_name)?.iter();
        let found = units.find(|(unit, _)| certificate.organizational_units.contains(unit));
        found.map(|(_, caller)| caller)
    }

    /// The caller of this name, if it has a token.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Caller>> {
        self.by_token.values().find(|caller| caller.name == name)
    }

    /// The caller with this token.
    pub fn by_token(&self, token: &str) -> Option<&Arc<Caller>> {
        self.by_token.get(&TokenHash::from_token(token))
    }
}
