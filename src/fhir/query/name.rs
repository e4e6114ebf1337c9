//! The parts of a parameter's name: modifiers, chains, `_has`.

/// The name of a search parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterName<'a> {
    /// `identifier`, `name:contains`
    Plain { name: &'a str, modifier: Option<&'a str> },
    /// `organization.identifier`, `organization:Organization.identifier`: `inner` is the name after the dot.
    /// <http://hl7.org/fhir/R4/search.html#chaining>
    Chain { reference: &'a str, target: Option<&'a str>, inner: &'a str },
    /// `_has:PractitionerRole:practitioner:role`: `inner` is the name after the last of these colons.
    /// <http://hl7.org/fhir/R4/search.html#has>
    Has { source: &'a str, reference: &'a str, inner: &'a str },
}

impl<'a> ParameterName<'a> {
    /// Parses a name; `None` where a part of `_has` is missing.
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(parts) = text.strip_prefix("_has:") {
            let mut parts = parts.splitn(3, ':');
            return Some(Self::Has { source: parts.next()?, reference: parts.next()?, inner: parts.next()? });
        }
        let (head, inner) = text.split_once('.').map_or((text, None), |(head, inner)| (head, Some(inner)));
        let (name, modifier) = split_modifier(head);
        Some(match inner {
            Some(inner) => Self::Chain { reference: name, target: modifier, inner },
            None => Self::Plain { name, modifier },
        })
    }
}

/// A name, and what follows its first colon.
pub fn split_modifier(name: &str) -> (&str, Option<&str>) {
    name.split_once(':').map_or((name, None), |(name, modifier)| (name, Some(modifier)))
}
