//! The address of a Postgres database: its parameters, TLS among them, and the first connection made with it.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};

use super::database_name::DatabaseName;
use super::open_error::OpenError;
use super::pooler_error;

/// The parameters of an address that sqlx reads; it would log the value of any other, which may be a secret.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
    "statement-cache-capacity",
    "application_name",
];

/// How a Postgres database is reached.
#[derive(Clone)]
pub(crate) struct PostgresAddress {
    pub options: PgConnectOptions,
    /// What and where it is, for people; never a password.
    pub description: DatabaseName,
}

impl PostgresAddress {
    /// Parses an address and reads the files that it names, so that an error names the parameter at fault.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let (url, parameters) = known_parameters(url);
        // Like sqlx, for which the last one counts, and then the variables of libpq.
        let find = |names: &[&str], variable: &str| {
            let found = parameters.iter().rev().find(|(name, _)| names.contains(&name.as_str()));
            found.map(|(_, value)| value.clone()).or_else(|| std::env::var(variable).ok())
        };
        let mode = find(&["sslmode", "ssl-mode"], "PGSSLMODE");
        let mode = mode.as_deref().map_or(Ok(PgSslMode::Prefer), parse_mode)?;
        let options = PgConnectOptions::from_str(&url)
            .map_err(OpenError::Address)?
            .application_name("sas-endpoint")
            // Poolers refuse this parameter, and no floating-point number is read.
            .extra_float_digits(None)
            .statement_cache_capacity(200);
        let description = DatabaseName::Postgres {
            database: options.get_database().unwrap_or(options.get_username()).to_owned(),
            server: format!("{}:{}", options.get_host(), options.get_port()),
            schema: None,
        };
        // A name in a certificate has no brackets.
        let host = options.get_host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let options = options.host(&host);
        if is_socket(&options) {
            // Postgres knows no TLS there.
            return Ok(Self { options: options.ssl_mode(PgSslMode::Disable), description });
        }
        let root = find(&["sslrootcert", "ssl-root-cert", "ssl-ca"], "PGSSLROOTCERT");
        let certificate = find(&["sslcert", "ssl-cert"], "PGSSLCERT");
        let key = find(&["sslkey", "ssl-key"], "PGSSLKEY");
        let mode = match mode {
            // As libpq does: an authority that is named is verified.
            PgSslMode::Require if root.is_some() => PgSslMode::VerifyCa,
            mode => mode,
        };
        if !matches!(mode, PgSslMode::Disable) {
            check_files(mode, root.as_deref(), certificate.as_deref(), key.as_deref())?;
        }
        Ok(Self { options: options.ssl_mode(mode), description })
    }

    /// The same address, of which a schema is used.
    pub fn with_schema(mut self, name: &'static str) -> Self {
        if let DatabaseName::Postgres { schema, .. } = &mut self.description {
            *schema = Some(name);
        }
        self
    }

    /// Warns where the server is another machine and anybody between could take its place. An explicit
    /// `sslmode=disable` says that this is known.
    pub fn warn_if_unverified(&self) {
        if let Some(risk) = self.risk() {
            tracing::warn!(database = %self.description, "{risk}");
        }
    }

    fn risk(&self) -> Option<&'static str> {
        if is_socket(&self.options) || is_this_machine(self.options.get_host()) {
            return None;
        }
        match self.options.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::VerifyFull => None,
            // sqlx trusts the public authorities as well, and each of them certifies the owner of any name.
            PgSslMode::VerifyCa => Some(
                "the database address has sslmode=verify-ca, which accepts any certificate of a public authority too: \
                 set sslmode=verify-full",
            ),
            PgSslMode::Require => Some(
                "the connection to the database is encrypted, but its server is not verified: set sslmode=verify-full \
                 and sslrootcert in the database address",
            ),
            _ => Some(
                "the connection to the database may be unencrypted, and its server is not verified: set \
                 sslmode=verify-full and sslrootcert in the database address, or sslmode=disable on a private network",
            ),
        }
    }

    /// Makes a connection; an error says which parameter of the address decides.
    pub async fn connect(&self) -> Result<PgConnection, OpenError> {
        self.options.connect().await.map_err(|error| self.failed(error))
    }

    /// What an error of a connection made with this address means.
    pub fn failed(&self, source: sqlx::Error) -> OpenError {
        let description = self.description.clone();
        if let Some(reason) = pooler_error::reason(&source) {
            OpenError::Pooler { description, reason }
        } else if let Some(reason) = self.tls_reason(&source) {
            OpenError::Tls { description, reason }
        } else {
            OpenError::Connect { description, source }
        }
    }

    /// The same of an error of migrations.
    pub fn migration_failed(&self, error: MigrateError) -> OpenError {
        match &error {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                match pooler_error::reason(source) {
                    Some(reason) => OpenError::Pooler { description: self.description.clone(), reason },
                    None => OpenError::Migrate(error),
                }
            }
            _ => OpenError::Migrate(error),
        }
    }

    fn tls_reason(&self, error: &sqlx::Error) -> Option<String> {
        let tls = match error {
            sqlx::Error::Io(error) => error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()),
            sqlx::Error::Tls(cause) => cause.downcast_ref::<rustls::Error>(),
            sqlx::Error::Database(error)
                if error.code().is_some_and(|code| code == "28000") && !is_socket(&self.options) =>
            {
                let said = error.message();
                return Some(format!(
                    "the server says \"{said}\"; where it asks for TLS or for a client certificate, set sslmode, \
                     sslcert and sslkey in the database address"
                ));
            }
            _ => return None,
        };
        Some(match tls {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                "no authority in sslrootcert has signed the server's certificate".to_owned()
            }
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {
                let host = self.options.get_host();
                format!("the server's certificate is not for the host {host}, which sslmode=verify-full requires")
            }
            Some(rustls::Error::AlertReceived(alert)) => {
                format!("the server refuses the client certificate, or there is none (sslcert, sslkey): {alert:?}")
            }
            Some(error) => format!("{error}"),
            None => match error {
                sqlx::Error::Tls(cause) if cause.to_string().contains("does not support TLS") => {
                    "the server offers no TLS, which sslmode in the database URL requires".to_owned()
                }
                sqlx::Error::Tls(cause) => cause.to_string(),
                _ => return None,
            },
        })
    }
}

/// The address with the parameters that are known, and these; of any other a warning gives the name.
fn known_parameters(url: &str) -> (String, Vec<(String, String)>) {
    let Some((server, query)) = url.split_once('?') else { return (url.to_owned(), vec![]) };
    let query = query.split('#').next().unwrap_or_default();
    let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
    let mut parameters = vec![];
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        if is_known(&name) {
            parameters.push((name, value));
        } else {
            tracing::warn!(parameter = name, "the database URL has an unknown parameter: it is ignored");
        }
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
    (format!("{server}?{query}"), parameters)
}

fn parse_mode(text: &str) -> Result<PgSslMode, OpenError> {
    match text {
        "disable" => Ok(PgSslMode::Disable),
        "prefer" => Ok(PgSslMode::Prefer),
        "require" => Ok(PgSslMode::Require),
        "verify-ca" => Ok(PgSslMode::VerifyCa),
        "verify-full" => Ok(PgSslMode::VerifyFull),
        _ => Err(wrong("sslmode", "must be disable, prefer, require, verify-ca or verify-full")),
    }
}

fn wrong(parameter: &'static str, problem: impl Into<String>) -> OpenError {
    OpenError::Parameter { parameter, problem: problem.into() }
}

fn is_socket(options: &PgConnectOptions) -> bool {
    options.get_socket().is_some() || options.get_host().starts_with('/')
}

fn is_this_machine(host: &str) -> bool {
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Reads the files as each connection will.
fn check_files(
    mode: PgSslMode,
    root: Option<&str>,
    certificate: Option<&str>,
    key: Option<&str>,
) -> Result<(), OpenError> {
    match root {
        Some(root) => {
            let mut store = RootCertStore::empty();
            for authority in certificates("sslrootcert", root)? {
                let failed = |error| {
                    wrong("sslrootcert", format!("has a certificate that cannot be used as an authority: {error}"))
                };
                store.add(authority).map_err(failed)?;
            }
        }
        None if matches!(mode, PgSslMode::VerifyCa) => {
            return Err(wrong("sslmode", "is verify-ca, which needs sslrootcert: the file of the authority"));
        }
        None => {}
    }
    match (certificate, key) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(wrong("sslcert", "needs sslkey: the file of its key")),
        (None, Some(_)) => Err(wrong("sslkey", "needs sslcert: the file of its certificate")),
        (Some(certificate), Some(key)) => {
            let chain = certificates("sslcert", certificate)?;
            let pem = read("sslkey", key)?;
            let parsed = PrivateKeyDer::from_pem_slice(&pem);
            let parsed =
                parsed.map_err(|_| wrong("sslkey", format!("{}holds no unencrypted key in PEM", file(key))))?;
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            match CertifiedKey::from_der(chain, parsed, &provider) {
                Ok(_) => Ok(()),
                Err(rustls::Error::InconsistentKeys(_)) => Err(wrong("sslkey", "is not the key of sslcert")),
                Err(error) => Err(wrong("sslkey", format!("cannot be used: {error}"))),
            }
        }
    }
}

fn certificates(parameter: &'static str, value: &str) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let pem = read(parameter, value)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(parameter, format!("{}holds no certificate in PEM", file(value)))),
    }
}

fn read(parameter: &'static str, value: &str) -> Result<Vec<u8>, OpenError> {
    if is_inline(value) {
        return Ok(value.as_bytes().to_vec());
    }
    let failed = |error: io::Error| wrong(parameter, format!("names {value}, which cannot be read: {error}"));
    std::fs::read(Path::new(value)).map_err(failed)
}

/// The name of a file, for the middle of a sentence; what stands in the setting itself is not repeated.
fn file(value: &str) -> String {
    if is_inline(value) { String::new() } else { format!("names {value}, which ") }
}

/// The variables of libpq may have a certificate, or a key, in them for sqlx.
fn is_inline(value: &str) -> bool {
    value.trim().starts_with("-----BEGIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &str) -> PostgresAddress {
        parse_at("db.example.org", parameters)
    }

    fn parse_at(host: &str, parameters: &str) -> PostgresAddress {
        PostgresAddress::parse(&format!("postgres://sas:s3cret@{host}/sas?{parameters}")).expect("an address")
    }

    fn refusal(parameters: &str) -> String {
        let refused = PostgresAddress::parse(&format!("postgres://sas:s3cret@db.example.org/sas?{parameters}"));
        let refused = refused.err().expect("refused").to_string();
        assert!(!refused.contains("s3cret"), "{refused}");
        refused
    }

    #[test]
    fn postgres_address_unverified_server_elsewhere_is_a_risk() {
        for parameters in ["", "sslmode=prefer", "sslmode=require", "ssl-mode=require", "hostaddr=192.0.2.1"] {
            assert!(parse(parameters).risk().is_some(), "{parameters}");
        }
        for parameters in ["sslmode=disable", "sslmode=verify-full", "host=/run/postgresql", "hostaddr=127.0.0.1"] {
            assert!(parse(parameters).risk().is_none(), "{parameters}");
        }
        for host in ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]", "%2Frun"] {
            assert!(parse_at(host, "").risk().is_none(), "{host}");
        }
        for host in ["postgres", "192.0.2.1", "[2001:db8::1]", "localhost.example.org", "127.0.0.1.example.org"] {
            assert!(parse_at(host, "").risk().is_some(), "{host}");
        }
    }

    #[test]
    fn postgres_address_ipv6_host_is_a_name_of_a_certificate() {
        assert_eq!(parse_at("[2001:db8::1]", "").options.get_host(), "2001:db8::1");
    }

    #[test]
    fn postgres_address_authority_with_require_is_verified() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let authority = rcgen::generate_simple_self_signed(vec!["ca".to_owned()]).expect("a certificate");
        std::fs::write(&file, authority.cert.pem()).expect("written");
        let address = parse(&format!("sslmode=require&sslrootcert={}", file.display()));
        assert!(matches!(address.options.get_ssl_mode(), PgSslMode::VerifyCa));
        assert!(address.risk().expect("public authorities are trusted too").contains("verify-full"));
    }

    #[test]
    fn postgres_address_wrong_parameter_is_named() {
        for mode in ["allow", "on", "", "VERIFY_FULL", "verify-full "] {
            let mode = form_urlencoded::byte_serialize(mode.as_bytes()).collect::<String>();
            let refused = refusal(&format!("sslmode={mode}"));
            assert!(refused.starts_with("sslmode in the database address must be disable, prefer"), "{refused}");
        }
        assert!(refusal("sslmode=verify-ca").contains("needs sslrootcert"));
        assert!(refusal("sslcert=/a").starts_with("sslcert in the database address needs sslkey"));
        assert!(refusal("sslkey=/a").starts_with("sslkey in the database address needs sslcert"));
        for parameters in ["sslrootcert=/no/file", "sslcert=/no/file&sslkey=/no/key", "ssl-ca=/no/file"] {
            assert!(refusal(parameters).contains("names /no/file, which cannot be read"), "{parameters}");
        }
        assert!(refusal("port=s3cret5").contains("cannot be read"));
    }

    #[test]
    fn postgres_address_unknown_parameter_is_left_out() {
        let (url, kept) = known_parameters("postgres://a@b/c?sslpassword=s3cret&port=5433&passwd=s3cret&options[a]=b");
        assert_eq!(url, "postgres://a@b/c?port=5433&options%5Ba%5D=b");
        assert_eq!(kept.len(), 2);
    }
}
