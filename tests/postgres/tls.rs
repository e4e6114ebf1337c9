//! Servers with TLS that require a client certificate or not, and one without TLS.

use sas_endpoint::annuaire::store::Mirror;
use sas_endpoint::storage::{OpenError, Storage};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::certificates::{Authority, Kind, write_key};
use crate::process;
use crate::support::folder;
use crate::support::ports::ReservedPort;
use crate::support::postgres::Cluster;
use crate::{use_all, write};

const SETTINGS: &str = "-c ssl=on -c ssl_cert_file=../server.pem -c ssl_key_file=../server.key \
    -c ssl_ca_file=../ca.pem -c hba_file=hba.conf -c ident_file=ident.conf";

/// A server, with the files of its clients.
struct Given {
    server: Cluster,
    port: ReservedPort,
    folder: TempDir,
}

impl Given {
    /// A server whose clients over the network are treated as this line of `pg_hba.conf` says.
    fn start(line: &str) -> Option<Self> {
        let (authority, other) = (Authority::new(), Authority::named("ANOTHER"));
        let (server, folder, port) = (authority.server(), folder("tls-clients"), ReservedPort::new().expect("a port"));
        let files = [
            ("server.pem", server.chain_pem.as_str()),
            ("server.key", &server.key_pem),
            ("ca.pem", &authority.pem()),
            ("hba.conf", &format!("local all all trust\n{line}\n")),
            ("ident.conf", "clients sas-aggregator-demo sas\n"),
        ];
        let server = Cluster::start_on(port.address().port(), SETTINGS, &files)?;
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("ca.pem", &authority.pem());
        write("other-ca.pem", &other.pem());
        write("nonsense.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
        let good = authority.client(Kind::Good);
        for (name, client) in [
            ("good", &good),
            ("unknown", &authority.client(Kind::WrongCommonName)),
            ("expired", &authority.client(Kind::Expired)),
            ("foreign", &other.client(Kind::Good)),
        ] {
            write(&format!("{name}.pem"), &client.chain_pem);
            write_key(&folder.path().join(format!("{name}.key")), &client.key_pem).expect("written");
        }
        Some(Self { server, port, folder })
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        // `{}` is where the files are.
        let parameters = parameters.replace("{}", self.folder.path().to_str().expect("a path"));
        format!("postgres://sas:s3cret@{host}:{}/postgres?{parameters}", self.port.address().port())
    }

    async fn refusal(&self, host: &str, parameters: &str) -> String {
        let url = self.url(host, parameters);
        let refused = Storage::open(&url).await.err().unwrap_or_else(|| panic!("{parameters} is accepted"));
        let copy = Mirror::open(&url).await.err().unwrap_or_else(|| panic!("{parameters} is accepted for the copy"));
        let (refused, copy) = (refused.to_string(), copy.to_string());
        assert_eq!(refused, copy.replace(", schema annuaire", ""));
        assert!(!refused.contains("s3cret"), "{refused}");
        refused
    }
}

const CLIENT: &str = "sslcert={}/good.pem&sslkey={}/good.key";

/// How many connections of the program are open, and how many of these are encrypted.
async fn connections(server: &Cluster) -> (i64, i64) {
    let mut own = PgConnection::connect(server.url()).await.expect("a connection");
    let sql = "SELECT COUNT(*), COUNT(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'sas-endpoint'";
    sqlx::query_as(sql).fetch_one(&mut own).await.expect("an answer")
}

#[tokio::test]
async fn postgres_tls_client_certificate_is_accepted_and_every_connection_is_encrypted() {
    let Some(given) = Given::start("hostssl all all 127.0.0.0/8 cert clientcert=verify-full map=clients") else {
        return;
    };
    for (host, parameters) in [
        ("localhost", "sslmode=verify-full&sslrootcert={}/ca.pem"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={}/ca.pem"),
        ("127.0.0.2", "sslmode=verify-ca&sslrootcert={}/ca.pem"),
        ("127.0.0.2", "sslmode=require&sslrootcert={}/ca.pem"),
        ("127.0.0.1", "sslmode=require"),
        ("127.0.0.1", "sslmode=prefer"),
        ("127.0.0.1", ""),
    ] {
        let url = given.url(host, &format!("{parameters}&{CLIENT}"));
        let storage = Storage::open(&url).await.unwrap_or_else(|error| panic!("{parameters}: {error}"));
        write(&storage, &format!("x{}", sas_endpoint::clock::new_uuid())).await.expect("written");
        use_all(&storage).await;
        let copy = Mirror::open(&url).await.unwrap_or_else(|error| panic!("{parameters}: {error}"));
        let writer = copy.writer().await.expect("an answer").expect("the right to write");
        let (open, encrypted) = connections(&given.server).await;
        assert!(open > 5 && open == encrypted, "{parameters}: {encrypted} of {open}");
        drop(writer);
        storage.close().await;
        drop(copy);
    }
}

#[tokio::test]
async fn postgres_tls_disagreement_is_refused_and_the_parameter_is_named() {
    let Some(given) = Given::start("hostssl all all 127.0.0.0/8 cert clientcert=verify-full map=clients") else {
        return;
    };
    for (host, parameters, reported) in [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={}/other-ca.pem&CLIENT", "no authority in sslrootcert"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={}/other-ca.pem&CLIENT", "no authority in sslrootcert"),
        ("127.0.0.1", "sslmode=require&sslrootcert={}/other-ca.pem&CLIENT", "no authority in sslrootcert"),
        ("127.0.0.1", "sslmode=verify-full&CLIENT", "no authority in sslrootcert"),
        ("127.0.0.2", "sslmode=verify-full&sslrootcert={}/ca.pem&CLIENT", "not for the host 127.0.0.2"),
        ("127.0.0.1", "sslmode=disable", "sslmode, sslcert and sslkey"),
        ("127.0.0.1", "sslmode=require", "sslmode, sslcert and sslkey"),
        ("127.0.0.1", "sslmode=require&sslcert={}/unknown.pem&sslkey={}/unknown.key", "sslcert and sslkey"),
        ("127.0.0.1", "sslmode=require&sslcert={}/foreign.pem&sslkey={}/foreign.key", "(sslcert, sslkey)"),
        ("127.0.0.1", "sslmode=require&sslcert={}/expired.pem&sslkey={}/expired.key", "(sslcert, sslkey)"),
        ("127.0.0.1", "sslmode=require&sslcert={}/good.pem&sslkey={}/none.key", "none.key, which cannot be read"),
        ("127.0.0.1", "sslmode=require&sslcert={}/good.pem&sslkey={}/nonsense.pem", "holds no unencrypted key"),
        ("127.0.0.1", "sslmode=require&sslcert={}/good.pem&sslkey={}/unknown.key", "is not the key of sslcert"),
        ("127.0.0.1", "sslmode=require&sslcert={}/nonsense.pem&sslkey={}/good.key", "holds no certificate in PEM"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={}/good.key&CLIENT", "holds no certificate in PEM"),
        ("127.0.0.1", "sslmode=verify-ca&CLIENT", "needs sslrootcert"),
        ("127.0.0.1", "sslmode=allow&CLIENT", "sslmode in the database address must be"),
    ] {
        let refusal = given.refusal(host, &parameters.replace("CLIENT", CLIENT)).await;
        assert!(refusal.contains(reported), "{parameters}: {refusal}");
    }
}

#[tokio::test]
async fn postgres_tls_server_without_tls_is_used_by_prefer_only() {
    let port = ReservedPort::new().expect("a port");
    let Some(server) = Cluster::start_on(port.address().port(), "", &[]) else { return };
    let url = |parameters: &str| format!("postgres://sas@127.0.0.1:{}/postgres?{parameters}", port.address().port());
    for parameters in ["", "sslmode=prefer", "sslmode=disable"] {
        let storage = Storage::open(&url(parameters)).await.expect("opened");
        let (open, encrypted) = connections(&server).await;
        assert_eq!(encrypted, 0, "{open}");
        storage.close().await;
    }
    for parameters in ["sslmode=require", "sslmode=verify-full"] {
        let Err(OpenError::Tls { reason, .. }) = Storage::open(&url(parameters)).await else { panic!("{parameters}") };
        assert_eq!(reason, "the server offers no TLS, which sslmode in the database URL requires");
    }
}

/// `0.0.0.0` is this machine only by chance: nothing says so, and nobody listens there.
#[test]
fn postgres_tls_unverified_remote_server_is_logged_at_start() {
    let run = |parameters: &str| {
        let url = format!("postgres://sas:s3cret@0.0.0.0:1/sas{parameters}");
        let databases = process::databases(&url);
        let settings: Vec<_> = ["serve"].into_iter().chain(databases.iter().map(String::as_str)).collect();
        let ended = process::run(&settings, "");
        let log = String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
        assert!(!ended.status.success() && !log.contains("s3cret"), "{log}");
        log
    };
    for parameters in ["", "?sslmode=prefer", "?sslmode=require"] {
        let log = run(parameters);
        assert!(log.contains("WARN") && log.contains("sslmode=verify-full"), "{parameters}: {log}");
    }
    for parameters in ["?sslmode=disable", "?sslmode=verify-full"] {
        let log = run(parameters);
        assert!(!log.contains("sslmode"), "{parameters}: {log}");
    }
    let log = run("?sslmode=disable&sslpassword=s3cret");
    assert!(log.contains("sslpassword"), "{log}");
}
