//! Whatever is asked, the answer is one: a searchset, a resource, or an OperationOutcome that says what is wrong.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use serde_json::Value;

use crate::server::{BASE, DirectoryServer, link};
use crate::support::Backend;

/// What clients write before the `=`, and what they might.
const NAMES: [&str; 40] = [
    "_id",
    "_lastUpdated",
    "_profile",
    "_count",
    "_total",
    "_elements",
    "_include",
    "_include:iterate",
    "_revinclude",
    "_has",
    "_has:",
    "_has:PractitionerRole:practitioner:role",
    "_has:PractitionerRole:organization:practitioner.name",
    "_has:Organization:partof:_has:Device:organization:type",
    "_sort",
    "_summary",
    "_format",
    "identifier",
    "identifier-type",
    "active",
    "active:not",
    "active:missing",
    "family",
    "family:contains",
    "name",
    "name:family",
    "name:exact",
    "name:contains",
    "qualification-code",
    "mailbox-mss:contains",
    "mailbox-mss-type",
    "organization",
    "organization:Organization.type:not",
    "organization.address-postalcode",
    "organization.partof.name",
    "partof",
    "type",
    "type:not",
    "period",
    "id",
];

const VALUES: [&str; 32] = [
    "",
    ",",
    ",,",
    "|",
    "||",
    "a|",
    "|a",
    "a|b|c",
    "true",
    "false",
    "none",
    "accurate",
    "0",
    "1",
    "-1",
    "1000",
    "99999999999999999999",
    "2025",
    "ge2025-05-27",
    "eq9999-12-31",
    "lt0000",
    "ap1",
    "xx2025",
    "2025-02-30T25:61:61Z",
    "*",
    "PractitionerRole:organization",
    "Organization:partof",
    "Organization/1",
    "Practitioner/a/b",
    "http://x/y",
    "\u{301}",
    "%40",
];

const PATHS: [&str; 12] = [
    "/Practitioner",
    "/PractitionerRole",
    "/Organization",
    "/HealthcareService",
    "/Device",
    "/_page",
    "/metadata",
    "",
    "/Organization/001-01-1000",
    "/Practitioner/",
    "/Patient",
    "/practitioner/_search",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![6 => select(&NAMES[..]).prop_map(str::to_owned), 1 => any::<String>(), 1 => "[a-z_:.]{0,20}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(select(&VALUES[..]), 1..4).prop_map(|values| values.join(",")),
        2 => any::<String>(),
        1 => "(eq|ge|ap|)[0-9]{4}(-[0-9]{2}){0,2}(T[0-9:.]{0,12}[Z+-]?[0-9:]{0,5})?",
        1 => "[a-z|,]{1000,1100}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let pair = (name(), value()).prop_map(|(name, value)| format!("{name}={value}"));
    prop_oneof![5 => prop::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&")), 1 => any::<String>()]
}

/// The text where it can stand in the first line of a request. A `%` stays, whatever follows it.
fn sendable(text: &str) -> String {
    let encoded = |letter: char| match letter {
        '!' | '$'..='~' if !r"<>`\^{|}".contains(letter) => letter.to_string(),
        letter => letter.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
    };
    text.chars().map(encoded).collect()
}

#[derive(Clone, Debug)]
enum Asked {
    Get(String),
    Post(String, String),
    Page(String),
}

fn asked(token: String) -> impl Strategy<Value = Asked> {
    let length = token.len();
    let (cut, changed, doubled) = (token.clone(), token.clone(), token);
    let search = || (select(&PATHS[..]), query());
    let raw_path = any::<String>().prop_map(|path| Asked::Get(format!("/{}", sendable(&path))));
    let page = prop_oneof![
        any::<String>(),
        "u[A-Za-z0-9_-]{0,300}",
        (0..length).prop_map(move |end| cut[..end].to_owned()),
        (0..length, "[ -~]").prop_map(move |(at, letter)| {
            let mut changed = changed.clone();
            changed.replace_range(at..=at, &letter);
            changed
        }),
        (0..length).prop_map(move |at| format!("{}{doubled}", &doubled[..at])),
    ];
    prop_oneof![
        6 => search().prop_map(|(path, query)| Asked::Get(format!("{path}?{}", sendable(&query)))),
        2 => search().prop_map(|(path, form)| Asked::Post(format!("{path}/_search"), form)),
        1 => raw_path,
        3 => page.prop_map(|id| Asked::Page(sendable(&id))),
    ]
}

async fn check(server: &DirectoryServer, token: &str, asked: &Asked) -> Result<(), TestCaseError> {
    let (answer, is_ours) = match asked {
        Asked::Get(path) => (server.get(path).await, false),
        Asked::Post(path, form) => (server.post(path, form).await, false),
        Asked::Page(id) => {
            (server.get(&format!("/_page?id={id}")).await, id == token || id.starts_with(&format!("{token}&")))
        }
    };
    let status = answer.status.as_u16();
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    prop_assert!(status < 500, "{status}: {}", answer.text);
    prop_assert!(answer.header("content-type").starts_with("application/fhir+json"), "{:?}", answer.headers);
    if status == 200 {
        prop_assert!(body["resourceType"].is_string(), "{}", answer.text);
        prop_assert!(body["entry"].as_array().is_none_or(|entries| !entries.is_empty()), "{}", answer.text);
        prop_assert!(is_ours || !matches!(asked, Asked::Page(_)), "a token that is not ours: {}", answer.text);
    } else {
        prop_assert_eq!(&body["resourceType"], "OperationOutcome", "{}", answer.text);
        let issues = body["issue"].as_array().map(Vec::len).unwrap_or_default();
        prop_assert!(issues > 0, "{}", answer.text);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_random_requests_are_answered_or_refused_with_issues() {
    let server = DirectoryServer::small(Backend::Sqlite).await.expect("SQLite is always there");
    let first = server.search("/Organization?_count=1").await;
    let next = link(&first, "next").expect("a second page");
    let token = next.strip_prefix(&format!("{BASE}/_page?id=")).expect("a page").to_owned();
    // The same each time, as in `tests/fuzz`.
    let rng_seed = RngSeed::Fixed(20_260_301);
    let config = ProptestConfig { cases: 1_000, failure_persistence: None, rng_seed, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&asked(token.clone()), |asked| {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(check(&server, &token, &asked)))
    });
    match run {
        Ok(()) => {}
        Err(TestError::Fail(why, asked)) => panic!("{asked:?}: {why}"),
        Err(abort) => panic!("{abort}"),
    }
}
