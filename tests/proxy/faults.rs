//! Armed faults behind nginx: which cuts it hides, and what is stored.

use sas_endpoint::access::token::TokenHash;
use serde_json::{Value, json};

use crate::certificates::Kind;
use crate::deployment::{Deployment, account, fhir};
use crate::process::exchange;

const JSON: &str = "application/json";
/// Requests within which nginx asks each instance.
const TRIES: usize = 50;
const TOKEN: &str = "alice-0123456789";

/// A deployment whose faults “alice” may arm.
async fn deployment() -> Option<Deployment> {
    let example = include_str!("../../deploy/sas-endpoint.example.toml");
    let hash = TokenHash::from_token(TOKEN);
    let alice = format!("[[caller]]\nname = \"alice\"\ntoken_sha256 = \"{hash}\"\nrights = [\"console\"]\n");
    Deployment::start_configured(&format!("{example}\n{alice}"), &[("SAS_FAULTS", "on")]).await
}

impl Deployment {
    /// A request to the console's API of the first instance.
    fn api(&self, request: &str, body: &str) -> (u16, String) {
        let instance = self.instances[0].running.as_ref().expect("it runs");
        let head = format!(
            "{request} HTTP/1.1\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n",
            body.len()
        );
        exchange(&instance.ops_address, &head, body).expect("an answer")
    }

    fn arm(&self, fault: &Value) {
        let (status, answer) = self.api("POST /console/api/faults", &fault.to_string());
        assert_eq!(status, 201, "{answer}");
    }

    /// Whether the last fault has acted.
    fn has_acted(&self) -> bool {
        let (_, listed) = self.api("GET /console/api/faults", "");
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        listed["faults"].as_array().and_then(|faults| faults.last()).expect("a fault")["left"] == 0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_hides_a_cut_of_a_put_which_is_written_once() {
    let Some(deployment) = deployment().await else { return };
    if deployment.instances.len() < 2 {
        return;
    }
    let client = deployment.nginx.client(Some(&deployment.identity(Kind::Good)));
    for kind in ["cut-before", "cut-after-commit"] {
        deployment.arm(&json!({ "kind": kind, "match": { "interaction": "conditional-update" } }));
        // Until nginx asks the instance whose fault is armed.
        for _ in 0..TRIES {
            if deployment.has_acted() {
                break;
            }
            let (account, criterion) = account();
            let url = deployment.nginx.url(&criterion);
            let written = fhir(client.put(&url).header("content-type", JSON).body(account)).await;
            assert!(matches!(written.status.as_u16(), 200 | 201), "{kind}: {}", written.resource);
            let found = fhir(client.get(&url)).await.resource;
            assert_eq!(
                (&found["total"], &found["entry"][0]["resource"]["meta"]["versionId"]),
                (&json!(1), &json!("1"))
            );
        }
        assert!(deployment.has_acted(), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_answers_a_post_that_is_cut_with_an_outcome() {
    let Some(deployment) = deployment().await else { return };
    let client = deployment.nginx.client(Some(&deployment.identity(Kind::Good)));
    for (kind, total) in [("cut-before", 0), ("cut-after-commit", 1)] {
        deployment.arm(&json!({ "kind": kind, "match": { "interaction": "create" } }));
        let mut cut = 0;
        for _ in 0..TRIES {
            if cut > 0 {
                break;
            }
            let (account, criterion) = account();
            let request = client.post(deployment.nginx.url("/fhir/Practitioner"));
            let created = fhir(request.header("content-type", JSON).body(account)).await;
            let expected = if deployment.has_acted() { (502, total) } else { (201, 1) };
            let found = fhir(client.get(deployment.nginx.url(&criterion))).await.resource;
            let seen = (created.status.as_u16(), found["total"].as_u64().expect("a number"));
            assert_eq!(seen, expected, "{kind}: {}", created.resource);
            cut += usize::from(created.status == 502);
        }
        assert_eq!(cut, 1, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_passes_half_of_an_answer_through() {
    let Some(deployment) = deployment().await else { return };
    let client = deployment.nginx.client(Some(&deployment.identity(Kind::Good)));
    deployment.arm(&json!({ "kind": "cut-in-answer", "match": { "interaction": "capabilities" } }));
    for _ in 0..TRIES {
        if deployment.has_acted() {
            break;
        }
        let answer = client.get(deployment.nginx.url("/fhir/metadata")).send().await.expect("a head");
        assert_eq!(answer.status(), 200);
        let is_marked = answer.headers().get("x-sas-fault").is_some_and(|kind| kind == "cut-in-answer");
        assert_eq!(answer.text().await.is_err(), is_marked);
    }
    assert!(deployment.has_acted());
}
