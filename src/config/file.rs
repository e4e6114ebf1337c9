//! The TOML file of settings: each key is an option's name, and its value becomes the option's default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use toml::{Spanned, Value};

use crate::access::caller::Callers;
use crate::access::file::parse_callers;
use crate::decision;
use crate::decision::file::parse_decision;
use crate::webhook::Webhook;
use crate::webhook::file::parse_webhooks;

/// The key of the callers, which are configured in the file only.
const CALLERS: &str = "caller";
/// The key of the software that is asked, likewise.
const DECISION: &str = "decision";
/// The key of the webhooks, likewise.
const WEBHOOKS: &str = "webhook";

/// Minimum Jaro-Winkler similarity of a key that is suggested. Keys of one or two letters stay below it.
const MIN_SIMILARITY: f64 = 0.8;

/// The settings and the tables of a file.
#[derive(Default)]
pub struct SettingsFile {
    path: PathBuf,
    settings: Vec<Setting>,
    pub callers: Callers,
    pub webhooks: Vec<Webhook>,
    pub decision: Option<decision::Settings>,
}

struct Setting {
    key: String,
    line: usize,
    /// As on the command line.
    values: Vec<String>,
}

impl SettingsFile {
    /// Reads the settings of this command, and the callers.
    ///
    /// # Errors
    /// The file cannot be read or is not TOML, a key is unknown, or a value has the wrong type. The error names file and
    /// line. Values are validated by clap, which skips those that the command line or the environment overrides.
    pub fn read(path: &Path, command: &clap::Command) -> Result<Self, clap::Error> {
        let error = |sentence| clap::Error::raw(ErrorKind::Io, format!("{}: {sentence}\n", path.display()));
        let text = std::fs::read_to_string(path).map_err(|cause| error(format!("the file cannot be read: {cause}")))?;
        let table: BTreeMap<Spanned<String>, Spanned<Value>> =
            toml::from_str(&text).map_err(|cause| error(describe_syntax_error(&text, &cause)))?;
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        for (key, value) in table {
            let (line, _) = position(&text, key.span().start);
            let (key, value) = (key.into_inner(), value.into_inner());
            if key == CALLERS {
                file.callers = parse_callers(value).map_err(error)?;
                continue;
            }
            if key == WEBHOOKS {
                file.webhooks = parse_webhooks(value).map_err(error)?;
                continue;
            }
            if key == DECISION {
                file.decision = Some(parse_decision(value).map_err(error)?);
                continue;
            }
            let argument = settings(command).find(|argument| argument.get_id() == key.as_str());
            let unknown = || error(format!("line {line}: {}", describe_unknown_key(&key, command)));
            let argument = argument.ok_or_else(unknown)?;
            let is_list = argument.get_value_delimiter().is_some();
            let expected = match is_list {
                true => "a string, or an array of strings",
                false => "a string, a number or a boolean",
            };
            let values = to_arguments(value, is_list);
            let values =
                values.ok_or_else(|| error(format!("line {line}: the value of `{key}` must be {expected}")))?;
            file.settings.push(Setting { key, line, values });
        }
        Ok(file)
    }

    /// Replaces the defaults of the command by the values of the file.
    pub fn apply(&self, command: clap::Command) -> clap::Command {
        self.settings.iter().fold(command, |command, setting| setting.apply(command))
    }

    /// Names key, file and line in the error of `parse` if a value of the file causes it.
    pub fn locate<T>(
        &self,
        error: clap::Error,
        command: &clap::Command,
        parse: impl Fn(clap::Command) -> Result<T, clap::Error>,
    ) -> clap::Error {
        if parse(command.clone()).is_err() {
            // The command line or the environment is wrong, whatever the file says.
            return error;
        }
        let refused = self.settings.iter().find_map(|setting| {
            let error = parse(setting.apply(command.clone())).err()?;
            Some((setting, error))
        });
        let Some((Setting { key, line, .. }, mut error)) = refused else { return error };
        let place = format!("{key} ({}, line {line})", self.path.display());
        error.insert(ContextKind::InvalidArg, ContextValue::String(place));
        error
    }
}

impl Setting {
    fn apply(&self, command: clap::Command) -> clap::Command {
        command.mut_arg(&self.key, |argument| argument.default_values(self.values.clone()))
    }
}

/// The options that the file may set.
fn settings(command: &clap::Command) -> impl Iterator<Item = &clap::Arg> {
    command.get_arguments().filter(|argument| argument.get_id() != "config")
}

fn describe_unknown_key(key: &str, command: &clap::Command) -> String {
    // An option or a variable may have been copied into the file.
    let name = key.to_lowercase().replace('-', "_");
    let name = name.strip_prefix("sas_").unwrap_or(&name);
    let visible = settings(command).filter(|argument| !argument.is_hide_set());
    let known = visible.map(|argument| argument.get_id().as_str()).chain([CALLERS, DECISION, WEBHOOKS]);
    let similar = known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY);
    match similar.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((_, nearest)) => format!("unknown key `{key}`; did you mean `{nearest}`?"),
        None => format!("unknown key `{key}`; the keys are the options that `sas-endpoint --help` lists"),
    }
}

/// Formats a value as on the command line; `None` if the setting has no values of this type.
fn to_arguments(value: Value, is_list: bool) -> Option<Vec<String>> {
    match value {
        Value::Array(values) if is_list => values.into_iter().map(to_argument).collect(),
        value => to_argument(value).map(|value| vec![value]),
    }
}

fn to_argument(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// Reports the position only: the text there, which the parser's own message quotes, may be a secret.
fn describe_syntax_error(text: &str, error: &toml::de::Error) -> String {
    let position = error.span().map(|span| position(text, span.start));
    let position = position.map(|(line, column)| format!(" at line {line}, column {column}"));
    format!("this is not TOML: syntax error{}", position.unwrap_or_default())
}

/// Line and column of this byte, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::tests::read;
    use crate::config::{Cli, Config, LogFormat};
    use crate::sas::deviation::Validation;

    const CALLER: &str = "[[caller]]\nname = \"platform\"\ncn = \"sas\"\nou = \"3187\"\nrights = [\"read\"]\n";

    /// Parses this file, with these arguments.
    fn read_file(text: &str, arguments: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, text).expect("written");
        let arguments = [&["--config", file.to_str().expect("a path")], arguments].concat();
        read(&arguments).map(|cli| cli.config)
    }

    #[test]
    fn config_file_syntax_error_reports_its_position_only() {
        for (text, position) in [
            ("listen = \"127.0.0.1:1\"\nexchanges_key = \"s3cret", "line 2, column "),
            ("exchanges_key = s3cret\n", "line 1, column 17"),
            ("exchanges_key = 's3cret\n'\n", "line 2, column "),
            ("database_url = \"postgres://u:s3cret@h/\\d\"\n", "line 1, column "),
            ("annuaire_api_key \"s3cret\"\n", "line 1, column "),
            ("# é\n[[caller]]\ntoken_sha256 = s3cret\n", "line 3, column "),
            ("s3cret = 1\ns3cret = 2\n", "line 2, column "),
            ("s3cret", "line 1, column "),
            ("listen = ", "this is not TOML"),
        ] {
            let error = read_file(text, &[]).expect_err("wrong");
            assert!(!error.contains("s3cret") && error.contains(position), "{error}");
        }
    }

    #[test]
    fn config_file_values_of_each_type_are_read_as_in_the_environment() {
        let config = read_file(
            "listen = \"127.0.0.1:9000\"\nmax_body = 2048\nmax_url = \"8KiB\"\nrate = \"7\"\nmax_reads = 0x10\n\
             header_timeout = \"2s\"\nvalidation = \"strict\"\nexchanges_new_key = true\nlog_format = \"json\"\n",
            &[],
        )
        .expect("settings");
        let bounds = &config.bounds;
        assert_eq!((config.listen.port(), config.validation), (9000, Validation::Strict));
        assert_eq!((bounds.max_body, bounds.max_url, bounds.rate, bounds.max_reads), (2048, 8192, 7, 16));
        assert_eq!((bounds.header_timeout.as_secs(), config.log_format), (2, LogFormat::Json));
        assert!(config.audit.exchanges_new_key);
        for (value, expected) in [("true", true), ("\"true\"", true), ("false", false), ("\"false\"", false)] {
            let config = read_file(&format!("exchanges_new_key = {value}"), &[]).expect("settings");
            assert_eq!(config.audit.exchanges_new_key, expected, "{value}");
        }
    }

    #[test]
    fn config_file_default_of_every_setting_is_accepted_as_text_and_as_number() {
        let mut accepted = 0;
        for argument in Cli::command().get_arguments() {
            let Some(default) = argument.get_default_values().first() else { continue };
            let (key, default) = (argument.get_id(), default.to_str().expect("UTF-8"));
            let text = format!("{key} = {default:?}");
            let number = default.parse::<u32>().ok().map(|number| format!("{key} = {number}"));
            for line in [Some(text), number].into_iter().flatten() {
                read_file(&line, &[]).unwrap_or_else(|error| panic!("{line}: {error}"));
                accepted += 1;
            }
        }
        assert!(accepted > 30, "{accepted}");
    }

    #[test]
    fn config_file_list_is_an_array_or_text_with_commas() {
        for value in [
            "[\"10.0.0.0/8\", \"::1\"]",
            "[\n  \"10.0.0.0/8\", # the proxy\n  \"::1\",\n]",
            "\"10.0.0.0/8,::1\"",
            "\"10.0.0.0/8, ::1\"",
            "[\"10.0.0.0/8,::1\"]",
        ] {
            let config = read_file(&format!("trusted_proxies = {value}\n{CALLER}"), &[]).expect("settings");
            let expected = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
            assert_eq!(config.proxies.trusted_proxies, expected, "{value}");
            assert!(config.callers.has_certificates());
        }
        let config = read_file("trusted_proxies = []", &[]).expect("settings");
        assert_eq!(config.proxies.trusted_proxies, []);
    }

    #[test]
    fn config_file_values_are_overridden_by_the_command_line() {
        let text =
            "max_body = 2048\nvalidation = \"strict\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nrate = \"fast\"\n";
        let arguments = ["--validation", "tolerant", "--trusted-proxies", "127.0.0.1", "--rate", "3"];
        let config = read_file(text, &arguments).expect("settings");
        assert_eq!((config.bounds.max_body, config.bounds.rate, config.validation), (2048, 3, Validation::Tolerant));
        assert_eq!(config.proxies.trusted_proxies, ["127.0.0.1/32".parse().expect("a network")]);
    }

    #[test]
    fn config_file_unknown_key_is_refused_with_the_nearest_key() {
        for (key, nearest) in [
            ("max_boddy", "max_body"),
            ("lisen", "listen"),
            ("ops-listen", "ops_listen"),
            ("SAS_TLS_CERT", "tls_cert"),
            ("databse_url", "database_url"),
            ("Validation", "validation"),
            ("trusted_proxy", "trusted_proxies"),
            ("callers", "caller"),
            ("exchange_keep", "exchanges_keep"),
            ("tls_certificate", "tls_cert"),
            ("database", "database_url"),
        ] {
            let error = read_file(&format!("\nlog = \"info\"\n{key} = 1"), &[]).expect_err("unknown");
            let sentence = format!("settings.toml: line 3: unknown key `{key}`; did you mean `{nearest}`?");
            assert!(error.contains(&sentence), "{error}");
        }
        for key in ["zebra", "x", "r", "\"\""] {
            let error = read_file(&format!("{key} = 1"), &[]).expect_err("unknown");
            assert!(error.contains("unknown key `") && error.contains("`sas-endpoint --help` lists"), "{error}");
        }
        let error = read_file("[tls]\ncert = \"x\"\n", &[]).expect_err("unknown");
        assert!(error.contains("line 1: unknown key `tls`"), "{error}");
        let error = read_file("config = \"x\"", &[]).expect_err("unknown");
        assert!(error.contains("unknown key `config`"), "{error}");
    }

    #[test]
    fn config_file_wrong_value_is_refused_with_key_file_and_line() {
        for (text, sentence) in [
            ("\nlisten = 1", "settings.toml, line 2)': invalid socket address"),
            ("listen = 1", "invalid value '1' for 'listen ("),
            ("rate = 1\n\nmax_body = 0", "settings.toml, line 3)': expected between 1KiB and 65536KiB"),
            ("validation = \"lax\"", "line 1)'\n  [possible values: tolerant, strict]"),
            ("exchanges_new_key = 2", "line 1)'\n  [possible values: true, false]"),
            ("header_timeout = 20", "line 1)': expected a duration such as 10s or 2m"),
            ("rate = 1.5", "invalid value '1.5' for 'rate ("),
            ("max_in_flight = 256", "line 1)': SAS_MAX_IN_FLIGHT no longer exists"),
            ("trusted_proxies = \"proxy\"", "line 1)': expected an address such as 127.0.0.1, or a network"),
            ("trusted_proxies = [\"::1\",\n \"proxy\"]", "invalid value 'proxy' for 'trusted_proxies ("),
            ("trusted_proxies = [true]", "invalid value 'true' for 'trusted_proxies ("),
            (
                "trusted_proxies = [[]]",
                "line 1: the value of `trusted_proxies` must be a string, or an array of strings",
            ),
            ("\nlisten = [1]", "line 2: the value of `listen` must be a string, a number or a boolean"),
            ("listen.port = 1", "line 1: the value of `listen` must be a string, a number or a boolean"),
            ("annuaire_sync = 05:30:00", "the value of `annuaire_sync` must be a string, a number or a boolean"),
            (
                "[[caller]]\nname = \"platform\"\nrights = []",
                "settings.toml: caller “platform”: it needs either cn and ou",
            ),
            ("[caller]\nname = \"platform\"", "settings.toml: callers are written as tables"),
            ("[decision]\nsecret = \"x\"", "settings.toml: [decision]: it needs a url"),
        ] {
            let error = read_file(text, &[]).expect_err(text);
            assert!(error.contains(sentence), "{text}: {error}");
        }
        let error = read_file("annuaire_url = \"https://u:s3cret@h/fhir\"", &[]).expect_err("wrong");
        assert!(!error.contains("s3cret") && error.contains("'https://…' for 'annuaire_url ("), "{error}");
    }

    #[test]
    fn config_file_and_command_line_wrong_the_command_line_is_told() {
        let error = read_file("listen = 1\nrate = \"fast\"", &["--max-body", "0"]).expect_err("wrong");
        assert!(error.contains("invalid value '0' for '--max-body <SIZE>'"), "{error}");
    }
}
