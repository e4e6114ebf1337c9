//! The TOML file of settings.

use std::path::PathBuf;

use crate::access::caller::Callers;
use crate::access::file::parse_callers;

/// Replaces the defaults of the command by the values of the file, and parses the callers, which are in the file only.
pub fn with_defaults_from(file: &PathBuf, mut command: clap::Command) -> Result<(clap::Command, Callers), clap::Error> {
    let error =
        |sentence: String| clap::Error::raw(clap::error::ErrorKind::Io, format!("{}: {sentence}\n", file.display()));
    let text = std::fs::read_to_string(file).map_err(|cause| error(format!("the file cannot be read: {cause}")))?;
    let mut settings: toml::Table = text.parse().map_err(|cause| error(syntax_error(&text, &cause)))?;
    let callers = settings.remove("caller").map(parse_callers).transpose().map_err(error)?.unwrap_or_default();
    for (name, value) in settings {
        let known = command.get_arguments().any(|argument| argument.get_id() == name.as_str() && name != "config");
        if !known {
            return Err(error(format!("unknown setting “{name}”")));
        }
        let is_list = command
            .get_arguments()
            .any(|argument| argument.get_id() == name.as_str() && argument.get_value_delimiter().is_some());
        let values = match value {
            toml::Value::Array(values) if is_list => values.into_iter().map(to_argument).collect(),
            value => to_argument(value).map(|value| vec![value]),
        };
        let expected = if is_list { "a string, or an array of strings" } else { "a string or a whole number" };
        let values: Vec<_> = values.ok_or_else(|| error(format!("the value of “{name}” must be {expected}")))?;
        command = command.mut_arg(name, |argument| argument.default_values(values));
    }
    Ok((command, callers))
}

/// Reports the position only: the text there, which the parser's own message quotes, may be a secret.
fn syntax_error(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let position = before.map(|before| {
        let line = before.rsplit('\n').next().unwrap_or_default();
        format!(" at line {}, column {}", before.matches('\n').count() + 1, line.chars().count() + 1)
    });
    format!("this is not TOML: syntax error{}", position.unwrap_or_default())
}

/// Formats a value as on the command line; `None` if no setting has values of this type.
fn to_argument(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use crate::sas::deviation::Validation;

    #[test]
    fn config_file_syntax_error_reports_its_position_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        for (text, position) in [
            ("listen = \"127.0.0.1:1\"\nexchanges_key = \"s3cret", "line 2, column "),
            ("exchanges_key = s3cret\n", "line 1, column 17"),
            ("exchanges_key = 's3cret\n'\n", "line 2, column "),
            ("database_url = \"postgres://u:s3cret@h/\\d\"\n", "line 1, column "),
            ("annuaire_api_key \"s3cret\"\n", "line 1, column "),
            ("# é\n[[caller]]\ntoken_sha256 = s3cret\n", "line 3, column "),
            ("s3cret = 1\ns3cret = 2\n", "line 2, column "),
            ("s3cret", "line 1, column "),
        ] {
            std::fs::write(&file, text).expect("written");
            let error = read(&["--config", file.to_str().expect("a path")]).expect_err("wrong");
            assert!(!error.contains("s3cret") && error.contains(position), "{error}");
        }
    }

    #[test]
    fn config_file_values_are_overridden_by_the_command_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        let file = file.to_str().expect("a path");
        std::fs::write(file, "listen = \"127.0.0.1:9000\"\nmax_body = 2048\nvalidation = \"strict\"\n")
            .expect("written");
        let config = read(&["--config", file, "--validation", "tolerant"]).expect("settings").config;
        assert_eq!(
            (config.listen.port(), config.bounds.max_body, config.validation),
            (9000, 2048, Validation::Tolerant)
        );
        let caller = "[[caller]]\nname = \"platform\"\ncn = \"sas\"\nou = \"3187\"\nrights = [\"read\"]\n";
        std::fs::write(file, format!("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n{caller}")).expect("written");
        let config = read(&["--config", file]).expect("settings").config;
        assert_eq!((config.proxies.trusted_proxies.len(), config.callers.has_certificates()), (2, true));
        let config = read(&["--config", file, "--trusted-proxies", "127.0.0.1"]).expect("settings").config;
        assert_eq!(config.proxies.trusted_proxies, ["127.0.0.1/32".parse().expect("a network")]);
        for (text, sentence) in [
            ("lisen = 1", "unknown setting “lisen”"),
            (
                "[[caller]]\nname = \"platform\"\nrights = []",
                "settings.toml: caller “platform”: it needs either cn and ou",
            ),
            ("trusted_proxies = [[]]", "must be a string, or an array of strings"),
            ("trusted_proxies = \"proxy\"", "expected an address such as 127.0.0.1, or a network"),
            ("listen = [1]", "must be a string or a whole number"),
            ("listen = ", "this is not TOML"),
            ("listen = 1", "invalid value '1' for '--listen <ADDRESS>'"),
        ] {
            std::fs::write(file, text).expect("written");
            let error = read(&["--config", file]).expect_err("wrong");
            assert!(error.contains(sentence), "{error}");
        }
    }
}
