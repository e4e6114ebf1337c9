//! Code systems whose codes are all known: a search for another code can never match, and is refused.

use super::query::value::split_token;

/// A code system with its codes.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeSet {
    /// Its URL.
    pub system: &'static str,
    /// Another URL of the same system.
    pub alias: Option<&'static str>,
    /// Its codes, case-sensitive.
    pub codes: &'static [&'static str],
}

/// The values of a boolean. <http://hl7.org/fhir/R4/codesystem-special-values.html>
pub static BOOLEANS: CodeSet = CodeSet {
    system: "http://hl7.org/fhir/special-values",
    // The URL of R4; its search page still shows the former one.
    alias: Some("http://terminology.hl7.org/CodeSystem/special-values"),
    codes: &["true", "false"],
};

/// `Appointment.status` <http://hl7.org/fhir/R4/codesystem-appointmentstatus.html>
pub static APPOINTMENT_STATUS: CodeSet = CodeSet {
    system: "http://hl7.org/fhir/appointmentstatus",
    alias: None,
    codes: &[
        "proposed",
        "pending",
        "booked",
        "arrived",
        "fulfilled",
        "cancelled",
        "noshow",
        "entered-in-error",
        "checked-in",
        "waitlist",
    ],
};

/// `Device.status` <http://hl7.org/fhir/R4/codesystem-device-status.html>
pub static DEVICE_STATUS: CodeSet = CodeSet {
    system: "http://hl7.org/fhir/device-status",
    alias: None,
    codes: &["active", "inactive", "entered-in-error", "unknown"],
};

impl CodeSet {
    /// Whether a token of these parts, one of which may be empty, designates at least one code.
    pub fn allows(&self, system: &str, code: &str) -> bool {
        let is_own = system.is_empty() || system == self.system || Some(system) == self.alias;
        is_own && (code.is_empty() || self.codes.contains(&code))
    }

    /// The codes that any of these tokens designates: `code`, `|code`, `system|code`, or `system|` for all of them.
    /// `None` if a token designates none.
    pub fn parse_tokens<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> Option<Vec<&'static str>> {
        let codes = tokens.map(|token| {
            let (system, code) = split_token(token)?;
            self.allows(&system.unwrap_or_default(), &code).then_some(code)
        });
        let wanted: Vec<String> = codes.collect::<Option<_>>()?;
        let is_wanted = |code: &&str| wanted.iter().any(|wanted| wanted.is_empty() || wanted == code);
        Some(self.codes.iter().copied().filter(is_wanted).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_set_tokens_designate_codes_or_are_malformed() {
        let designated = |text: &str| BOOLEANS.parse_tokens(text.split(','));
        let system = BOOLEANS.system;
        for text in [
            "true",
            "|true",
            &format!("{system}|true"),
            "true,true",
            " true ",
            "http://terminology.hl7.org/CodeSystem/special-values|true",
        ] {
            assert_eq!(designated(text).as_deref(), Some(&["true"][..]), "{text}");
        }
        for text in ["true,false", "false,|true", &format!("{system}|")] {
            assert_eq!(designated(text).as_deref(), Some(&["true", "false"][..]), "{text}");
        }
        for text in [
            "",
            "|",
            "TRUE",
            "True",
            "1",
            "yes",
            "true,TRUE",
            "http://other|true",
            "http://other|",
            &format!("{system}|{system}|true"),
            &format!("{system}|TRUE"),
            "true|",
        ] {
            assert_eq!(designated(text), None, "{text}");
        }
    }
}
