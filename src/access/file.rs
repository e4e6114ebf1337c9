//! Parses the callers of the configuration file, one table `[[caller]]` each.

use serde::Deserialize;

use super::caller::{Caller, Callers, Credential};
use super::right::Right;
use super::token::TokenHash;

/// One `[[caller]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    cn: Option<String>,
    ou: Option<String>,
    token_sha256: Option<String>,
    rights: Vec<Right>,
}

/// Maximum length of a caller's name, in ASCII characters.
const MAX_NAME: usize = 64;

/// Parses the value of the file's key `caller`.
///
/// # Errors
/// A sentence that names the caller.
pub fn parse_callers(value: toml::Value) -> Result<Callers, String> {
    let entries: Vec<toml::Table> =
        value.try_into().map_err(|_| "callers are written as tables, each below a line [[caller]]".to_owned())?;
    let mut callers = Callers::default();
    for (number, entry) in (1..).zip(entries) {
        let label = match entry.get("name").and_then(toml::Value::as_str) {
            Some(name) => format!("caller “{name}”"),
            None => format!("caller number {number}"),
        };
        let added = parse_caller(entry).and_then(|(caller, credential)| callers.add(caller, credential));
        added.map_err(|error| format!("{label}: {error}"))?;
    }
    Ok(callers)
}

fn parse_caller(entry: toml::Table) -> Result<(Caller, Credential), String> {
    let Entry { name, cn, ou, token_sha256, rights } =
        entry.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let legible = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(legible) {
        return Err(format!("its name must be 1 to {MAX_NAME} letters, digits, hyphens, dots or underscores"));
    }
    let credential = match (cn, ou, token_sha256) {
        (Some(common_name), Some(organizational_unit), None) => {
            if common_name.is_empty() || organizational_unit.is_empty() {
                return Err("its cn and ou must not be empty".to_owned());
            }
            Credential::Certificate { common_name, organizational_unit }
        }
        (None, None, Some(hash)) => {
            let hash = TokenHash::parse(&hash);
            Credential::Token(hash.ok_or("its token_sha256 must be 64 hexadecimal digits (see `sas-endpoint token`)")?)
        }
        _ => return Err("it needs either cn and ou (of its certificate) or token_sha256, and not both".to_owned()),
    };
    Ok((Caller { name, rights }, credential))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::certificate::ClientCertificate;

    fn parse(text: &str) -> Result<Callers, String> {
        let mut table: toml::Table = text.parse().expect("TOML");
        parse_callers(table.remove("caller").expect("callers"))
    }

    fn hash(token: &str) -> String {
        TokenHash::from_token(token).to_string()
    }

    fn certificate(common_name: &str, units: &[&str]) -> ClientCertificate {
        let units = units.iter().map(|&unit| unit.to_owned()).collect();
        ClientCertificate { common_name: common_name.to_owned(), organizational_units: units, serial: "01".to_owned() }
    }

    #[test]
    fn caller_credentials_are_matched_exactly() {
        let callers = parse(&format!(
            "[[caller]]\nname = \"platform\"\ncn = \"sas\"\nou = \"3187\"\nrights = [\"practitioner:write\", \"read\"]\n\
             [[caller]]\nname = \"agenda\"\ntoken_sha256 = \"{}\"\nrights = [\"appointment:write\", \"annuaire:read\"]\n",
            hash("secret").to_uppercase(),
        ))
        .expect("callers");
        let platform = callers.by_certificate(&certificate("sas", &["other", "3187"])).expect("the platform");
        assert_eq!(
            (platform.name.as_str(), &platform.rights[..]),
            ("platform", &[Right::PractitionerWrite, Right::Read][..])
        );
        for (name, units) in
            [("sas", &[][..]), ("sas", &["31870"]), ("SAS", &["3187"]), ("sas ", &["3187"]), ("3187", &["sas"])]
        {
            assert_eq!(callers.by_certificate(&certificate(name, units)), None, "{name} {units:?}");
        }
        assert_eq!(callers.by_token("secret").map(|caller| caller.name.as_str()), Some("agenda"));
        assert_eq!(callers.by_token(&hash("secret")), None);
    }

    #[test]
    fn caller_invalid_error_names_the_caller() {
        let token = format!("token_sha256 = \"{}\"\nrights = []\n", hash("secret"));
        let one = format!("[[caller]]\nname = \"a\"\n{token}");
        for (text, sentence) in [
            ("caller = 1".to_owned(), "callers are written as tables"),
            ("[[caller]]\nrights = []".to_owned(), "caller number 1: missing field `name`"),
            ("[[caller]]\nname = \"a\"\nrights = []".to_owned(), "caller “a”: it needs either cn and ou"),
            ("[[caller]]\nname = \"a\"\ncn = \"x\"\nrights = []".to_owned(), "caller “a”: it needs either cn and ou"),
            ("[[caller]]\nname = \"a\"\ncn = \"\"\nou = \"x\"\nrights = []".to_owned(), "must not be empty"),
            (format!("{one}cn = \"x\"\nou = \"y\"\n"), "caller “a”: it needs either cn and ou"),
            (format!("{one}colour = 1"), "caller “a”: unknown field `colour`"),
            (
                one.replace("[]", "[\"write\"]"),
                "caller “a”: unknown variant `write`, expected one of `practitioner:write`",
            ),
            (one.replace("\"a\"", "\"a b\""), "caller “a b”: its name must be"),
            (one.replace("\"a\"", "\"\""), "caller “”: its name must be"),
            (one.replace(&hash("secret"), "xyz"), "caller “a”: its token_sha256 must be 64 hexadecimal digits"),
            (format!("{one}{one}"), "caller “a”: another caller has this name"),
            (format!("{one}{}", one.replace("\"a\"", "\"b\"")), "caller “b”: caller “a” has the same credential"),
        ] {
            let error = parse(&text).expect_err(sentence);
            assert!(error.contains(sentence), "{error}");
        }
        let with_name = |name| format!("[[caller]]\nname = \"{name}\"\ncn = \"x\"\nou = \"y\"\nrights = []\n");
        let error = parse(&(with_name("a") + &with_name("b"))).expect_err("a duplicate");
        assert!(error.contains("caller “a” has the same credential"), "{error}");
    }
}
