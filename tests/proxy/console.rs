//! The console behind nginx: nothing else of the operator's listener is reached through it.

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use crate::nginx::Nginx;
use crate::process::{Serving, databases, program};
use crate::support::ports::ReservedPort;
use crate::support::{Backend, TestDatabase};

const TOKEN: &str = "open-sesame-0123456789";

/// Two instances, and nginx with `console.conf` in front of their operator's listeners.
struct Deployment {
    nginx: Nginx,
    _instances: Vec<Serving>,
    _database: TestDatabase,
}

impl Deployment {
    async fn start() -> Option<Self> {
        let ports = [(); 2].map(|()| ReservedPort::new().expect("a port"));
        let nginx = Nginx::console(ports.each_ref().map(ReservedPort::address))?;
        let (database, number) = match TestDatabase::new(Backend::Postgres).await {
            Some(database) => (database, 2),
            None => (TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there"), 1),
        };
        let file = nginx.folder().join("settings.toml");
        let caller = |name: &str, token: &str, right: &str| {
            let hash = sas_endpoint::access::token::TokenHash::from_token(token);
            format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [\"{right}\"]\n")
        };
        let callers = caller("alice", TOKEN, "console") + &caller("platform", "another-token", "read");
        std::fs::write(&file, callers).expect("written");
        let instances = ports.iter().take(number).map(|port| {
            let mut command = program(&["--listen", "127.0.0.1:0", "--ops-listen", &port.address().to_string()]);
            command.args(databases(&database.url)).args(["--log", "error", "--config", file.to_str().expect("UTF-8")]);
            command.env("SAS_TRUSTED_PROXIES", "127.0.0.1").env("SAS_CONSOLE_URL", "https://localhost");
            Serving::spawn(&mut command)
        });
        let instances = instances.collect();
        Some(Self { nginx, _instances: instances, _database: database })
    }

    /// A browser: it keeps no cookie by itself, and follows nowhere.
    fn browser(&self) -> Client {
        let roots = Certificate::from_pem_bundle(self.nginx.authority.pem().as_bytes()).expect("authorities");
        let client = Client::builder().tls_certs_only(roots).resolve("localhost", self.nginx.address());
        client.redirect(Policy::none()).build().expect("a client")
    }
}

#[tokio::test]
async fn proxy_console_opens_with_a_token_and_nothing_else_of_the_listener_is_reached() {
    let Some(deployment) = Deployment::start().await else { return };
    let (browser, url) = (deployment.browser(), |path: &str| deployment.nginx.url(path));
    let page = browser.get(url("/console/exchanges?status=4xx")).send().await.expect("an answer");
    assert_eq!(page.status(), 303);
    let login = page.headers()["location"].to_str().expect("visible ASCII").to_owned();
    assert!(login.starts_with("/console/login"), "{login}");
    let form = |token: &str| {
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let request = browser.post(url("/console/login")).header("origin", "https://localhost");
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send()
    };
    let refused = form("another-token").await.expect("an answer");
    assert_eq!(refused.status(), 403, "{:?}", refused.text().await);
    let welcome = form(TOKEN).await.expect("an answer");
    assert_eq!(welcome.status(), 303);
    let cookie = welcome.headers()["set-cookie"].to_str().expect("visible ASCII");
    assert!(cookie.contains("; Secure") && cookie.contains("HttpOnly"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    // Each of several connections reaches the instance of the session.
    for path in ["/console", "/console/", "/console/exchanges", "/console/accounts", "/console/style.css"] {
        let page = deployment.browser().get(url(path)).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(page.status(), 200, "{path}");
    }
    for path in ["/metrics", "/health/ready", "/", "/consolex", "/fhir/metadata", "/console%2F..%2Fmetrics"] {
        let answer = browser.get(url(path)).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{path}");
        assert!(!answer.text().await.expect("a text").contains("sas_requests_total"), "{path}");
    }
    // A stream begins at once.
    let stream = browser.get(url("/console/stream")).header("cookie", &cookie).send().await.expect("an answer");
    assert_eq!(
        (stream.status().as_u16(), stream.headers()["content-type"].to_str().expect("ASCII")),
        (200, "text/event-stream")
    );
}
