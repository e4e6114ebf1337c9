//! Refusals say at which line and column of the body, as it was sent, each issue is.

use sas_endpoint::sas::deviation::Validation;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::asking::*;
use crate::decisions::decision;
use crate::on_both_databases;
use crate::server::*;

const BODY: &str = include_str!("../fixtures/regulator.json");

/// Sends a body as it is.
async fn write(server: &TestServer, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    let headers = [("content-type", "application/json"), ("prefer", "return=OperationOutcome")];
    server.request(method, path, &headers, body.into()).await
}

/// Each issue as `rule line:column`, `rule` alone where it has no position.
fn located(answer: &Answer) -> Vec<String> {
    let issues = answer.json()["issue"].as_array().cloned().expect("issues");
    let texts = issues.iter().zip(answer.rules()).map(|(issue, rule)| match position(issue) {
        Some(position) => format!("{rule} {position}"),
        None => rule,
    });
    texts.collect()
}

on_both_databases! { TestServer::tolerant;
    async fn position_of_refused_elements_is_that_in_the_body_as_sent(server: TestServer) {
        let path = account(T, U);
        for (from, to, expected) in [
            ("\"email\"", "\"phone\"", "practitioner-telecom-email 13:17"),
            // Missing: the brace that should hold it.
            ("\"family\": \"AUBERT\", ", "", "practitioner-name-family 12:12"),
            ("\"telecom\": [", "\"telephone\": [", "fhir-unknown-element 13:3"),
            ("\"active\": true", "\"active\": 1", "fhir-json-type 11:3"),
            ("\"AUBERT\"", "\"\"", "json-empty-value 12:14"),
            ("\"Nadia\"", "\"Nadia\", \"\u{1F600}\", 7", "fhir-json-type 12:58 practitioner-name-given 12:34"),
            ("\"family\"", "\"given\": [\"N\"], \"family\"", "json-duplicate-key 12:50"),
            ("\"Practitioner\"", "\"Appointment\"", "resource-type-mismatch 2:3"),
            ("\"resourceType\": \"Practitioner\",", "", "resource-type-missing 1:1"),
            ("\n}", "", "json-syntax 14:1"),
        ] {
            let body = BODY.replace(from, to);
            assert_ne!(body, BODY, "{from}");
            for (sent, shift) in [(body.clone(), 0), (format!("\u{FEFF}{body}"), 0), (body.replace('\n', "\r\n"), 0), (format!("\n{body}"), 1)] {
                let answer = write(&server, "PUT", &path, sent).await;
                assert_operation_outcome(&answer);
                let found = located(&answer).join(" ");
                let expected = shift_lines(expected, shift);
                assert_eq!(found, expected, "{to}");
            }
        }
        let answer = write(&server, "PUT", &path, b"{\"a\":\"\xC3\xA9\xFF\"}").await.refused(400, "json-encoding");
        assert_eq!(located(&answer), ["json-encoding 1:8"]);
    }

    async fn position_is_given_to_issues_that_depend_on_other_things_than_the_body(server: TestServer) {
        server.post("/Practitioner", &regulator(&[(T, U)])).await.expect(201);
        let held = write(&server, "POST", "/Practitioner", BODY).await.refused(422, "identifier-duplicate");
        assert_eq!(located(&held), ["identifier-duplicate 5:5"]);
        let with_id = BODY.replacen('{', "{ \"id\": \"other\",", 1);
        let large = with_id.replace("AUBERT", &"A".repeat(40_000));
        for body in [with_id.clone(), large] {
            let mismatch = write(&server, "PUT", "/Practitioner/one", body).await.refused(400, "body-id-mismatch");
            assert_eq!(located(&mismatch), ["body-id-mismatch 1:3"]);
        }
        let missing = write(&server, "PUT", "/Practitioner/one", BODY).await.refused(400, "body-id-missing");
        assert_eq!(located(&missing), ["body-id-missing 1:1"]);
        // What is wrong with the query has no place in the body.
        let both = write(&server, "PUT", "/Practitioner?identifier=", BODY.replace("true", "1")).await;
        assert_eq!(located(&both), ["query-identifier-form", "fhir-json-type 11:3"]);
        let accepted = write(&server, "PUT", &account(T, U), with_id).await.expect(200);
        assert_eq!(located(&accepted), ["body-id-ignored 1:3"]);
    }

    async fn position_of_validated_parameters_is_that_in_their_body(server: TestServer) {
        let wrapped = |body: &str| format!("{{\"resourceType\": \"Parameters\", \"parameter\": [\n{{\"name\":\"mode\",\"valueCode\":\"create\"}},\n{{\"name\": \"resource\", \"resource\":\n{body}}}]}}");
        let bad = BODY.replace("\"email\"", "\"phone\"").replace("\"given\": [", "\"given\": [null, ");
        let expected = |lines| ["json-null 12:44", "practitioner-name-given 12:34", "practitioner-telecom-email 13:17"].map(|issue| shift_lines(issue, lines));
        for (body, expected) in [
            (bad.clone(), expected(0)),
            (wrapped(&bad), expected(3)),
            (wrapped(&format!("\n{bad}")), expected(4)),
        ] {
            let answer = write(&server, "POST", "/Practitioner/$validate", body).await.expect(200);
            assert_eq!(located(&answer), expected);
        }
        let faulty = wrapped(BODY).replace("\"create\"", "\"delete\"");
        let refused = write(&server, "POST", "/Practitioner/$validate", faulty).await.refused(400, "query-value");
        assert_eq!(located(&refused), ["query-value 2:1"]);
    }

    async fn position_of_hostile_bodies_is_found_and_answers_are_bounded(server: TestServer) {
        let nested = |levels: usize| format!("{}{}", "{\"extension\":[".repeat(levels / 2), "]}".repeat(levels / 2));
        for (body, rule) in [
            (format!("{{\"resourceType\":\"Practitioner\",\"x\":[{}7]}}", "1,".repeat(500_000)), "json-too-large"),
            (format!("{{\"resourceType\":\"Practitioner\",\"x\":\"{}\"}}", "x".repeat(1_000_000)), "fhir-unknown-element"),
            (format!("{{\"resourceType\":\"Practitioner\",\"extension\":[{}7]}}", format!("{},", nested(60)).repeat(800)), "json-empty-value"),
            (format!("{{\"resourceType\":\"Practitioner\",\"identifier\":[{}7]}}", "{\"é\":1},\n".repeat(10_000)), "fhir-unknown-element"),
        ] {
            assert!(body.len() <= MAX_BODY, "{rule}: {}", body.len());
            let answer = write(&server, "POST", "/Practitioner", body).await.refused(400, rule);
            assert!(located(&answer).len() <= 200 && answer.text.len() < 400_000, "{rule}: {} bytes", answer.text.len());
        }
    }
}

/// The same positions, so many lines below.
fn shift_lines(positions: &str, lines: u32) -> String {
    let words = positions.split(' ').map(|word| match word.split_once(':') {
        Some((line, column)) => format!("{}:{column}", line.parse::<u32>().expect("a line") + lines),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn position_of_what_the_vendors_software_refuses_is_that_of_the_resource() {
    let vendor = MockServer::start().await;
    let refusal = ResponseTemplate::new(422).set_body_json(json!({ "message": "no" }));
    Mock::given(any()).respond_with(refusal).mount(&vendor).await;
    let decision = Some(decision(&vendor.uri(), ""));
    let server = Setup { decision, ..Setup::default() }.start_somewhere().await;
    let refused = write(&server, "POST", "/Practitioner", format!("\n\n  {BODY}")).await;
    assert_eq!(located(&refused.refused(422, "decision-refused")), ["decision-refused 3:3"]);
}

#[tokio::test]
async fn position_of_an_unknown_operator_is_that_of_the_identifier() {
    let server = Setup { validation: Validation::Strict, ..Setup::default() }.start_somewhere().await;
    let body = include_str!("../fixtures/appointment.json");
    let refused = write(&server, "POST", "/Appointment", body).await.refused(422, "appointment-operator-required");
    assert_eq!(located(&refused), ["appointment-operator-required 9:9"]);
    let value: Value = serde_json::from_str(body).expect("JSON");
    let refused = server.post("/Appointment", &value).await.refused(422, "appointment-operator-required");
    let column = value.to_string().find("\"identifier\":{").expect("an identifier") + 1;
    assert_eq!(located(&refused), [format!("appointment-operator-required 1:{column}")]);
}
