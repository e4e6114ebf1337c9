//! What the page of an exchange tells beside it, and what can be done there: near misses, neighbours, a search for text, and
//! sending a request again; and what the audit log has of those who look.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::exchanges::{REGULATOR, Target, described_by, rows, until};
use crate::html;
use crate::process::{databases, on_free_ports};
use crate::server::{TOKEN, form};
use crate::support::{Backend, folder};
use crate::{client, exchanges};

const FIRST: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

async fn target(arguments: &[&str]) -> Target {
    Target::start(Backend::Sqlite, arguments).await.expect("SQLite is always there")
}

/// The account with another INTRN.
fn with_intrn(intrn: &str) -> String {
    REGULATOR.replace(FIRST, intrn)
}

async fn near_misses_are_named(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    target.put(FIRST, REGULATOR).await.expect(201);
    target.exchanges("status=201", 1).await;
    // A typing error in the INTRN: another account, with an identifier that differs by a character, of the same person.
    let (typed, other) = ("0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a12", "11111111-7f0e-4c1b-9d55-6f2f6d0e8a11");
    target.put(typed, &with_intrn(typed).replace("AUBERT", "MARTIN")).await.expect(201);
    let page = target.exchanges("status=201", 2).await;
    let page = target.page(&rows(&page)[0]).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("Another resource may have been meant") && page.contains("differs by a character"), "{page}");
    assert!(page.contains(FIRST) && !page.contains("same name and e-mail"), "{page}");
    target.put(other, &with_intrn(other)).await.expect(201);
    let page = target.exchanges("status=201", 3).await;
    let page = target.page(&rows(&page)[0]).await.expect(200).text;
    assert!(page.contains("same name and e-mail") && !page.contains("differs by a character"), "{page}");
    // An update has none.
    target.put(other, &with_intrn(other).replace("true", "false")).await.expect(200);
    let page = target.exchanges("status=200&interaction=conditional-update", 1).await;
    let page = target.page(&rows(&page)[0]).await.expect(200).text;
    assert!(!page.contains("may have been meant"), "{page}");
    assert!(
        page.contains("Elements changed: active.") && page.contains("The identifier of the request designates"),
        "{page}"
    );
}

#[tokio::test]
async fn exchange_that_creates_names_the_accounts_that_it_may_have_meant_on_sqlite() {
    near_misses_are_named(Backend::Sqlite).await;
}

#[tokio::test]
async fn exchange_that_creates_names_the_accounts_that_it_may_have_meant_on_postgres() {
    near_misses_are_named(Backend::Postgres).await;
}

#[tokio::test]
async fn exchange_links_to_those_about_the_same_resource_before_and_behind() {
    let target = target(&[]).await;
    for (body, status) in [(REGULATOR, 201), ("{}", 400), (REGULATOR, 200)] {
        target.put(FIRST, body).await.expect(status);
    }
    target.put(FIRST, &REGULATOR.replace("true", "false")).await.expect(200);
    let list = target.exchanges("", 4).await;
    let [last, kept, refused, created] = &rows(&list)[..] else { panic!("{list}") };
    // The refused one has no id of a resource, but the same identifier.
    for (page, before, behind) in [
        (last, Some(kept), None),
        (kept, Some(refused), Some(last)),
        (refused, Some(created), Some(kept)),
        (created, None, Some(refused)),
    ] {
        let links = rows(&target.page(page).await.expect(200).text);
        let links: BTreeSet<_> =
            links.into_iter().filter(|link| !link.contains("send-again") && link.contains("number=")).collect();
        let links: BTreeSet<_> = links.iter().filter(|link| [last, kept, refused, created].contains(link)).collect();
        assert_eq!(links, before.into_iter().chain(behind).collect(), "{page}");
    }
    let page = target.page(refused).await.text;
    assert!(page.contains("<details><summary>"), "what differs from the one before: {page}");
}

async fn text_is_found(backend: Backend) {
    let Some(target) = Target::start(backend, &[]).await else { return };
    target.put(FIRST, REGULATOR).await.expect(201);
    target.put(FIRST, "{\"a\": \"needle\"}").await.expect(400);
    target.exchanges("", 2).await;
    for (query, text, expected) in [
        ("", "AUBERT", &["201"][..]),
        ("", "aubert", &["201"]),
        ("", "OperationOutcome", &["400"]),
        ("?status=201", "needle", &[]),
        ("", "haystack", &[]),
    ] {
        let page = target.post(&format!("/console/exchanges{query}"), "/console/exchanges", &[("text", text)]).await;
        let page = page.expect(200).text;
        html::check(&page, "en");
        let found = html::parse(&page).into_iter().filter(|element| element.attribute("class").starts_with("fixed "));
        let found: Vec<_> = found.map(|status| status.text).collect();
        assert_eq!(found, expected, "{query} {text}");
        assert!(page.contains("all were read"), "{page}");
    }
    let page = target.post("/console/exchanges", "/console/exchanges", &[("text", " ")]).await.expect(200).text;
    assert!(page.contains("no text to search"), "{page}");
}

#[tokio::test]
async fn exchanges_are_found_by_a_text_in_their_bodies_on_sqlite() {
    text_is_found(Backend::Sqlite).await;
}

#[tokio::test]
async fn exchanges_are_found_by_a_text_in_their_bodies_on_postgres() {
    text_is_found(Backend::Postgres).await;
}

#[tokio::test]
async fn exchanges_found_are_fifty_at_most_and_the_search_goes_on() {
    let target = target(&[]).await;
    for number in 0..60 {
        target.put(FIRST, &format!("{{\"a\": \"needle {number}\"}}")).await.expect(400);
    }
    let query = "status=400";
    until("all are stored", async || {
        let older = target.page(&format!("/console/exchanges?{query}")).await.text;
        let older = html::parse(&older).into_iter().find(|element| element.attribute("href").contains("before="))?;
        (rows(&target.page(older.attribute("href")).await.text).len() == 10).then_some(())
    })
    .await;
    let page = target.post("/console/exchanges", "/console/exchanges", &[("text", "needle")]).await.expect(200).text;
    assert_eq!(rows(&page).len(), 50, "{page}");
    let button =
        html::parse(&page).into_iter().find(|element| element.attribute("name") == "before").expect("a button");
    let fields = [("text", "needle"), ("before", button.attribute("value"))];
    let page = target.post("/console/exchanges", "/console/exchanges", &fields).await.expect(200).text;
    assert_eq!(rows(&page).len(), 10, "{page}");
    assert!(page.contains("all were read"), "{page}");
}

#[tokio::test]
async fn exchange_is_sent_again_after_a_question_and_both_answers_are_shown() {
    let target = target(&[]).await;
    target.put(FIRST, REGULATOR).await.expect(201);
    let refused = target.put(FIRST, &REGULATOR.replace("\"family\": \"AUBERT\"", "\"family\": 1")).await;
    let again = format!("{}/send-again", described_by(&refused));
    let question = target.page(&again).await.expect(200).text;
    html::check(&question, "en");
    assert!(question.contains("at version 1 now and may be replaced"), "{question}");
    let page = target.post(&again, &again, &[]).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("<strong>400</strong> → <strong role=\"status\">400</strong>"), "{page}");
    assert!(page.matches("OperationOutcome").count() >= 2, "{page}");
    let new = rows(&page).into_iter().find(|link| !link.contains(&described_by(&refused))).expect("a link");
    target.exchanges("status=4xx", 2).await;
    let json = target.page(&format!("{new}.json")).await.expect(200).text;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let former = described_by(&refused).rsplit('/').next().expect("an id").to_owned();
    assert_eq!((&json["resentOf"], &json["method"]), (&former.into(), &"PUT".into()));
    assert!(target.page(&new).await.expect(200).text.contains("Repeat of"));
    // Without the token of forms nothing is sent.
    let address = target.serving.ops_address.parse().expect("an address");
    let request = axum::extract::Request::post(&again).header("host", &target.serving.ops_address);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    client::send(address, request.body(axum::body::Body::empty()).expect("a request")).await.expect(403);
    // A creation says so; what was not kept whole is not sent.
    let created = rows(&target.exchanges("status=201", 1).await).remove(0);
    let path = created.split('?').next().expect("a path").to_owned();
    let question = target.page(&format!("{path}/send-again")).await.expect(200).text;
    assert!(question.contains("at version 1 now"), "{question}");
    let patient = target.put(FIRST, r#"{"resourceType": "Patient"}"#).await;
    let page = target.page(&described_by(&patient)).await.expect(200).text;
    assert!(!page.contains("send-again"), "{page}");
    let again = format!("{}/send-again", described_by(&patient));
    target.page(&again).await.expect(409);
    target.post(&again, "/console/exchanges", &[]).await.expect(409);
}

#[tokio::test]
async fn exchange_whose_credentials_were_not_kept_is_not_sent_again_and_one_without_headers_names_them() {
    let target = target(&[]).await;
    let json = ("accept", "application/fhir+json");
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    for (method, uri, headers, body) in [
        ("GET", "/fhir/Practitioner?name=a&token=s3cret", vec![json], ""),
        ("POST", "/fhir/Practitioner/_search", vec![json, form_type], "apikey=s3cret&name=a"),
    ] {
        let refused = target.send(method, uri, &headers, body).await.expect(400);
        let path = described_by(&refused);
        let page = target.page(&path).await.expect(200).text;
        assert!(!page.contains("send-again") && !page.contains("s3cret"), "{page}");
        target.page(&format!("{path}/send-again")).await.expect(409);
        target.post(&format!("{path}/send-again"), "/console/exchanges", &[]).await.expect(409);
    }
    let headers = [json, ("cookie", "a=s3cret"), ("x-other", "s3cret")];
    let refused = target.send("GET", "/fhir/Practitioner?unknown=a", &headers, "").await.expect(400);
    let question = target.page(&format!("{}/send-again", described_by(&refused))).await.expect(200).text;
    html::check(&question, "en");
    assert!(
        question.contains("Headers that are not sent, as their values are not kept: cookie, x-other."),
        "{question}"
    );
    assert!(!question.contains("s3cret"), "{question}");
}

/// Who may write, without the console.
const WRITER: &str = "another-token-0123456789";

/// A settings file with “alice”, who has these rights, and “bob”, who writes accounts; and her cookie.
async fn target_of_alice(folder: &std::path::Path, rights: &str) -> (Target, String) {
    let file = folder.join("settings.toml");
    let callers = [("alice", TOKEN, rights), ("bob", WRITER, "\"read\", \"practitioner:write\"")];
    let callers = callers.map(|(name, token, rights)| {
        let hash = sas_endpoint::access::token::TokenHash::from_token(token);
        format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nrights = [{rights}]\n")
    });
    std::fs::write(&file, callers.concat()).expect("written");
    let target = target(&["--config", file.to_str().expect("UTF-8"), "--journal", "full"]).await;
    let address = target.serving.ops_address.parse().expect("an address");
    let request = axum::extract::Request::post("/console/login").header("host", &target.serving.ops_address);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(axum::body::Body::from(form(&[("token", TOKEN)]))).expect("a request");
    let cookie = client::send(address, request).await.expect(303).cookie("sas_console");
    (target, cookie)
}

/// A request of alice's browser.
async fn browse(target: &Target, cookie: &str, path: &str, fields: Option<&[(&str, &str)]>) -> client::Answer {
    let request = axum::extract::Request::builder().uri(path).header("host", &target.serving.ops_address);
    let request = request.header("cookie", format!("{cookie}; sas_console_lang=en"));
    let request = match fields {
        None => request.body(axum::body::Body::empty()),
        Some(fields) => request
            .method("POST")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(form(fields))),
    };
    client::send(target.serving.ops_address.parse().expect("an address"), request.expect("a request")).await
}

#[tokio::test]
async fn exchange_is_sent_again_with_the_rights_of_the_person_who_asks_and_recorded() {
    for (rights, status) in [("\"console\", \"read\"", "403"), ("\"console\", \"practitioner:write\"", "400")] {
        let folder = folder("console");
        let (target, cookie) = target_of_alice(folder.path(), rights).await;
        let headers = [("content-type", "application/json"), ("authorization", &format!("Bearer {TOKEN}"))];
        let uri = format!("/fhir/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6%7C{FIRST}");
        target.send("PUT", &uri, &headers, "{}").await;
        let path = until("it is stored", async || {
            rows(&browse(&target, &cookie, "/console/exchanges", None).await.expect(200).text).into_iter().next()
        })
        .await;
        // Refused by its rights, before its body was read, it cannot be sent; with them it can.
        let again = path.replacen('?', "/send-again?", 1);
        let question = browse(&target, &cookie, &again, None).await;
        if status == "403" {
            assert_eq!(question.status, 409, "{}", question.text);
            continue;
        }
        let token = crate::server::csrf(&question.expect(200).text);
        let page = browse(&target, &cookie, &again, Some(&[("csrf", &token)])).await.expect(200).text;
        assert!(page.contains(&format!("<strong role=\"status\">{status}</strong>")), "{page}");
        // Who looked, and what was sent: by the log of who requested what.
        until("all is recorded", async || {
            let output = on_free_ports(&["exchanges", "--json"]).args(databases(&target.database.url)).output();
            let output = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
            let events: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let of_alice = |name: &str| {
                events.iter().filter(|event| event["interaction"] == name && event["caller"] == "alice").count()
            };
            let recorded = (of_alice("console-send-again"), of_alice("conditional-update"));
            (of_alice("console-read") >= 2 && recorded == (1, 2)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn exchange_sent_again_without_the_right_of_its_interaction_is_refused_and_writes_nothing() {
    let folder = folder("console");
    let (target, cookie) = target_of_alice(folder.path(), "\"console\", \"read\"").await;
    let bearer = format!("Bearer {WRITER}");
    let headers = [("content-type", "application/json"), ("authorization", &*bearer)];
    let uri = format!("/fhir/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6%7C{FIRST}");
    let created = target.send("PUT", &uri, &headers, REGULATOR).await.expect(201);
    target.send("PUT", &uri, &headers, REGULATOR.replace("true", "false")).await.expect(200);
    let first = until("both are stored", async || {
        let page = browse(&target, &cookie, "/console/exchanges?interaction=conditional-update", None).await;
        rows(&page.expect(200).text).into_iter().nth(1)
    })
    .await;
    // It was kept whole, so the question is asked.
    let again = first.replacen('?', "/send-again?", 1);
    let question = browse(&target, &cookie, &again, None).await.expect(200).text;
    assert!(question.contains("at version 2 now"), "{question}");
    let token = crate::server::csrf(&question);
    let page = browse(&target, &cookie, &again, Some(&[("csrf", &token)])).await.expect(200).text;
    html::check(&page, "en");
    assert!(page.contains("<strong>201</strong> → <strong role=\"status\">403</strong>"), "{page}");
    let account = path_of_account(&created);
    let read = target.send("GET", &account, &headers[1..], "").await.expect(200);
    assert_eq!(read.header("etag"), "W/\"2\"", "{}", read.text);
    // What was refused is an exchange of its own, of alice.
    let refused = until("it is stored", async || {
        let page = browse(&target, &cookie, "/console/exchanges?status=403&caller=alice", None).await;
        rows(&page.expect(200).text).into_iter().next()
    })
    .await;
    let page = browse(&target, &cookie, &refused, None).await.expect(200).text;
    let former = first.rsplit('/').next().and_then(|id| id.split('?').next()).expect("an id");
    assert!(page.contains("Repeat of") && page.contains(former), "{page}");
}

/// The path of the account that an answer has.
fn path_of_account(answer: &client::Answer) -> String {
    let account: Value = serde_json::from_str(&answer.text).expect("JSON");
    format!("/fhir/Practitioner/{}", account["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn console_visit_is_audited_with_the_resource_and_never_with_a_text() {
    let target = target(&[]).await;
    let id = target.put(FIRST, REGULATOR).await.expect(201);
    let id: Value = serde_json::from_str(&id.text).expect("JSON");
    let path = rows(&target.exchanges("", 1).await).remove(0);
    target.page(&path).await.expect(200);
    // The log has an id that its client has chosen as a hash only.
    let body = with_intrn("1b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11").replacen('{', "{\"id\": \"dupont\",", 1);
    target.send("PUT", "/fhir/Practitioner/dupont", &[("content-type", "application/json")], body).await.expect(201);
    let path = rows(&target.exchanges("", 2).await).remove(0);
    target.page(&path).await.expect(200);
    target.post("/console/exchanges", "/console/exchanges", &[("text", "Zyxwvut")]).await.expect(200);
    for id in [id["id"].as_str().expect("an id"), "dupont"] {
        let found = until("the events are stored", async || {
            let arguments = ["exchanges", "--json", "--resource", &format!("Practitioner/{id}")];
            let output = on_free_ports(&arguments).args(databases(&target.database.url)).output().expect("it runs");
            let output = String::from_utf8(output.stdout).expect("UTF-8");
            output.contains("console-read").then_some(output)
        })
        .await;
        assert!(!found.contains("Zyxwvut") && !found.contains("dupont"), "{found}");
    }
    let all = on_free_ports(&["exchanges", "--json"]).args(databases(&target.database.url)).output().expect("it runs");
    assert!(!String::from_utf8_lossy(&all.stdout).contains("Zyxwvut"));
    // The list shows exchanges, not who looked.
    assert_eq!(rows(&exchanges::Target::exchanges(&target, "", 2).await).len(), 2);
}
