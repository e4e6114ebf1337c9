//! Faults by the page of the console and by the commands: armed, listed, ended, and warned of.

use std::process::Output;

use sas_endpoint::fault::Mode;
use serde_json::json;

use crate::exchanges::Target;
use crate::faults::{FIRST, account, with_callers};
use crate::html;
use crate::process::program;
use crate::server::{Setup, TOKEN, csrf, form};
use crate::support::{Backend, TestDatabase};

const PAGE: &str = "/console/faults";

async fn target() -> Target {
    Target::start(Backend::Sqlite, &[]).await.expect("SQLite is always there")
}

/// A command `faults …` for the instance whose operator's listener is here.
fn faults(ops_address: &str, token: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = program(&["--ops-listen", ops_address, "faults"]);
    command.args(arguments).envs(token.map(|token| ("SAS_CONSOLE_TOKEN", token))).output().expect("it runs")
}

/// The same where it succeeds.
fn done(ops_address: &str, arguments: &[&str]) -> String {
    let output = faults(ops_address, None, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The same where it fails.
fn refused(ops_address: &str, token: Option<&str>, arguments: &[&str]) -> String {
    let output = faults(ops_address, token, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[tokio::test]
async fn console_fault_is_armed_and_ended_by_a_form() {
    let target = target().await;
    let page = target.page(PAGE).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("No fault is armed.") && page.contains("idempotent client ends with one account"), "{page}");
    assert!(!page.contains("SAS_FAULTS=on:"), "{page}");
    let fields = [
        ("kind", "status"),
        ("status", "503"),
        ("retryAfter", "3"),
        ("delay", "2s"),
        ("interaction", ""),
        ("type", "Practitioner"),
        ("caller", ""),
        ("identifier", ""),
        ("count", "2"),
        ("for", "10m"),
    ];
    let page = target.post(PAGE, PAGE, &fields).await.expect(200).text;
    html::check(&page, "en");
    assert!(
        page.contains("The fault status waits for the next request") && page.contains("2 of 2 request(s)"),
        "{page}"
    );
    assert!(page.contains("retryAfter=3") && page.contains("type=Practitioner"), "{page}");
    let refused = target.put(FIRST, &account(FIRST)).await.expect(503);
    assert_eq!((refused.header("retry-after"), refused.header("x-sas-fault")), ("3", "status"));
    // The page that the refusal links to names the fault.
    let link = crate::exchanges::described_by(&refused);
    let page = target.page(&link).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("fault-injected") && page.contains("<dt>Faults</dt><dd>status</dd>"), "{page}");
    for (name, value, sentence) in [
        ("status", "200", "400 to 599"),
        ("status", "many", "this is no fault"),
        ("count", "0", "count: "),
        ("for", "2h", "1h at most"),
        ("identifier", "x", "system|value"),
    ] {
        let fields = fields.map(|field| if field.0 == name { (name, value) } else { field });
        let page = target.post(PAGE, PAGE, &fields).await.expect(400).text;
        html::check(&page, "en");
        assert!(page.contains(sentence), "{page}");
    }
    let id = target.armed().await[0]["id"].as_str().expect("an id").to_owned();
    let page = target.post(PAGE, PAGE, &[("end", &id)]).await.expect(200).text;
    assert!(page.contains("The fault status has ended.") && page.contains("No fault is armed."), "{page}");
    target.post(PAGE, PAGE, &[("end", &id)]).await.expect(404);
}

#[tokio::test]
async fn console_fault_needs_the_token_of_forms_and_a_session() {
    let console = Setup::default().start().await;
    console.get(PAGE).await.expect(303);
    let cookie = console.session().await;
    let fields = [("kind", "cut-before")];
    let post =
        async |fields: &[(&str, &str)]| console.request("POST", PAGE, &[("cookie", &cookie)], &form(fields)).await;
    post(&fields).await.expect(403);
    let token = csrf(&console.request("GET", PAGE, &[("cookie", &cookie)], "").await.expect(200).text);
    post(&[fields[0], ("csrf", &token)]).await.expect(200);
}

#[tokio::test]
async fn console_warns_on_each_page_where_faults_are_allowed_beside_callers() {
    let sentence = "SAS_FAULTS=on\u{a0}: des pannes";
    for (faults, expected, status) in
        [(Mode::BesideCallers, true, 200), (Mode::On, false, 200), (Mode::Off, false, 403)]
    {
        let console = Setup { faults, ..Setup::default() }.start().await;
        let login = console.get("/console/login").await.expect(200).text;
        assert_eq!(login.contains(sentence), expected, "{login}");
        let cookie = console.session().await;
        for path in ["/console", "/console/webhooks", "/console/nothing"] {
            let page = console.request("GET", path, &[("cookie", &cookie)], "").await.text;
            html::check(&page, "fr");
            assert_eq!(page.contains(sentence), expected, "{page}");
        }
        let page = console.request("GET", PAGE, &[("cookie", &cookie)], "").await.expect(status).text;
        html::check(&page, "fr");
        assert!(status == 200 || page.contains("SAS_FAULTS=on le permet"), "{page}");
    }
}

#[tokio::test]
async fn faults_commands_arm_list_and_end_what_a_running_instance_has() {
    let target = target().await;
    let ops = target.serving.ops_address.as_str();
    assert_eq!(done(ops, &["list"]), "No fault is armed.\n");
    let added = done(ops, &["add", "cut-after-commit", "--type", "Practitioner", "--for", "5m"]);
    assert!(added.contains("cut-after-commit type=Practitioner  1 of 1 left  until "), "{added}");
    assert_eq!(done(ops, &["list"]), added);
    // The answer is lost, and the repetition finds what was stored.
    assert!(target.write(FIRST, "0000000000000001", &account(FIRST)).is_nothing());
    target.put(FIRST, &account(FIRST)).await.expect(200);
    assert!(done(ops, &["list"]).contains("0 of 1 left"));
    done(ops, &["add", "status", "--status", "429", "--retry-after", "1", "--count", "3", "--interaction", "read"]);
    let listed: serde_json::Value = serde_json::from_str(&done(ops, &["list", "--json"])).expect("JSON");
    assert_eq!((&listed[1]["status"], &listed[1]["match"]["interaction"]), (&json!(429), &json!("read")));
    let id = listed[1]["id"].as_str().expect("an id");
    assert_eq!(done(ops, &["clear", id]), "1 fault ended.\n");
    done(ops, &["add", "delay", "--delay", "2s"]);
    assert_eq!(done(ops, &["clear"]), "2 faults ended.\n");
    assert!(target.armed().await.is_empty());
    for (arguments, sentence) in [
        (&["add", "delay"][..], "delay: expected a duration"),
        (&["clear", "a"], "No such fault"),
        (&["clear", "../status"], "is no id of a fault"),
    ] {
        let error = refused(ops, None, arguments);
        assert!(error.contains(sentence), "{error}");
    }
    // Nobody listens there any more.
    let ops = ops.to_owned();
    drop(target);
    assert!(refused(&ops, None, &["list"]).contains("is an instance running?"));
}

#[tokio::test]
async fn faults_commands_send_the_token_of_their_environment() {
    let database = TestDatabase::new(Backend::Sqlite).await.expect("SQLite is always there");
    let (_folder, serving, _log) = with_callers(&database, &["--faults", "on"]);
    let ops = serving.ops_address.as_str();
    assert!(refused(ops, None, &["list"]).contains("SAS_CONSOLE_TOKEN"));
    assert!(refused(ops, Some("bob-0123456789"), &["list"]).contains("SAS_CONSOLE_TOKEN"));
    assert!(faults(ops, Some(TOKEN), &["add", "cut-before"]).status.success());
    drop(serving);
    let (_folder, serving, _log) = with_callers(&database, &[]);
    assert!(refused(&serving.ops_address, Some(TOKEN), &["add", "cut-before"]).contains("SAS_FAULTS=on allows it"));
}
