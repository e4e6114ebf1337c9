//! What every request must have, and what every answer has.

use std::time::Duration;

use axum::http::StatusCode;
use sas_endpoint::access::caller::Callers;
use sas_endpoint::console::ConsoleAccess;
use sas_endpoint::http::bounds::Bounds;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::html;
use crate::server::{Answer, Setup, TOKEN, form};
use crate::support::polling::poll_until;

/// Asserts the headers of each answer below `/console`.
#[track_caller]
pub fn assert_headers(answer: &Answer) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
            form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        let values: Vec<_> = answer.headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn console_host_must_be_a_loopback_name_an_address_or_that_of_the_url() {
    let console = Setup { url: Some("https://console.example.org"), ..Setup::open() }.start().await;
    for (host, status) in [
        ("localhost", 200),
        ("localhost:8081", 200),
        ("a.localhost", 200),
        ("127.0.0.1:8081", 200),
        ("192.0.2.1", 200),
        ("[::1]:8081", 200),
        ("console.example.org", 200),
        ("CONSOLE.example.org:443", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("console.example.org.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("sas", 421),
        ("", 421),
        ("localhost,evil.example", 421),
    ] {
        for path in ["/console", "/console/login", "/console/style.css", "/console/api/status", "/console/unknown"] {
            let answer = console.request("GET", path, &[("host", host)], "").await;
            assert_eq!(answer.status == 421, status == 421, "{host} {path}: {answer:?}");
            assert_headers(&answer);
        }
        let posted = console.request("POST", "/console/validate", &[("host", host)], "a=b").await;
        assert_eq!(posted.status == 421, status == 421, "{host}: {posted:?}");
    }
    let two = [("host", "localhost"), ("host", "evil.example")];
    console.request("GET", "/console", &two, "").await.expect(421);
    html::check(&console.request("GET", "/console", &[("host", "evil.example")], "").await.text, "fr");
}

#[tokio::test]
async fn console_post_of_another_origin_is_refused_with_and_without_a_session() {
    let console = Setup { url: Some("https://console.example.org"), ..Setup::default() }.start().await;
    let cookie = console.session().await;
    let fields = form(&[("csrf", &console.csrf("/console/validate", &cookie).await), ("profile", "Practitioner")]);
    for (headers, is_ours) in [
        (&[("host", "localhost:1"), ("origin", "http://localhost:1")][..], true),
        (&[("host", "console.example.org"), ("origin", "https://console.example.org")], true),
        (&[("host", "console.example.org"), ("sec-fetch-site", "same-origin")], true),
        (&[("host", "localhost:1")], true),
        (&[("host", "localhost:1"), ("origin", "http://localhost:2")], false),
        (&[("host", "localhost:1"), ("origin", "http://127.0.0.1:1")], false),
        (&[("host", "localhost:1"), ("origin", "https://evil.example")], false),
        (&[("host", "localhost:1"), ("origin", "null")], false),
        (&[("host", "console.example.org"), ("origin", "http://console.example.org")], false),
        (&[("host", "localhost:1"), ("sec-fetch-site", "cross-site")], false),
        (&[("host", "localhost:1"), ("sec-fetch-site", "same-site")], false),
        (&[("host", "localhost:1"), ("origin", "http://localhost:1"), ("sec-fetch-site", "cross-site")], false),
    ] {
        let with_session: Vec<_> = headers.iter().copied().chain([("cookie", &*cookie)]).collect();
        let answer = console.request("POST", "/console/validate", &with_session, &fields).await;
        assert_eq!(answer.status == 403, !is_ours, "{headers:?}: {answer:?}");
        let without = console.request("POST", "/console/validate", headers, &fields).await;
        assert_eq!(without.status.as_u16(), if is_ours { 303 } else { 403 }, "{headers:?}");
        let login = console.request("POST", "/console/login", headers, &form(&[("token", "x"), ("x", "y")])).await;
        // One of our own is refused for its token, or for the number of its tries.
        assert_eq!(login.text.contains("autre site"), !is_ours, "{headers:?}: {}", login.text);
        for method in ["DELETE", "PUT", "PATCH"] {
            let answer = console.request(method, "/console/validate", headers, "").await;
            assert_eq!(answer.status.as_u16(), if is_ours { 405 } else { 403 }, "{method} {headers:?}");
            assert_headers(&answer);
        }
        let read = console.request("GET", "/console/validate", &with_session, "").await;
        assert_eq!(read.status, StatusCode::OK, "a link of another site: {headers:?}");
    }
}

#[tokio::test]
async fn console_open_forms_need_the_token_of_the_process() {
    let console = Setup::open().start().await;
    let own = console.csrf("/console/validate", "").await;
    let other = Setup::open().start().await.csrf("/console/validate", "").await;
    for (token, status) in [(own.as_str(), 200), (&other, 403), ("", 403)] {
        let fields = form(&[("csrf", token), ("profile", "Practitioner"), ("body", "{}")]);
        let answer = console.request("POST", "/console/validate", &[], &fields).await.expect(status);
        assert_headers(&answer);
        html::check(&answer.text, "fr");
    }
    console.request("POST", "/console/validate", &[], "").await.expect(403);
}

#[tokio::test]
async fn console_api_takes_tokens_and_json_only() {
    let console = Setup::default().start().await;
    let cookie = console.session().await;
    let bearer = format!("Bearer {TOKEN}");
    let json = ("content-type", "application/json");
    for (method, headers, status) in [
        ("GET", vec![("authorization", &*bearer)], 200),
        ("GET", vec![], 401),
        ("GET", vec![("cookie", &*cookie)], 401),
        ("GET", vec![("authorization", "Bearer wrong")], 401),
        ("GET", vec![("authorization", "Basic YTpi")], 401),
        ("GET", vec![("authorization", &*bearer), ("authorization", &*bearer)], 401),
        ("POST", vec![("cookie", &*cookie), json], 401),
        ("POST", vec![("authorization", &*bearer), ("content-type", "text/plain")], 415),
        ("POST", vec![("authorization", &*bearer), ("content-type", "application/x-www-form-urlencoded")], 415),
        ("POST", vec![("authorization", &*bearer), json], 405),
        ("POST", vec![("authorization", &*bearer), json, ("origin", "https://evil.example")], 403),
    ] {
        let body = if method == "POST" { "{}" } else { "" };
        let answer = console.request(method, "/console/api/status", &headers, body).await.expect(status);
        assert_eq!(answer.header("content-type"), "application/json", "{headers:?}");
        assert_eq!(answer.header("www-authenticate"), if status == 401 { "Bearer" } else { "" });
        assert!(answer.text.starts_with('{') && answer.set_cookies().is_empty(), "{answer:?}");
        assert_headers(&answer);
    }
    let unknown = console.request("GET", "/console/api/unknown", &[("authorization", &*bearer)], "").await.expect(404);
    assert_eq!(unknown.header("content-type"), "application/json");
    let page = console.request("GET", "/console", &[("authorization", &*bearer)], "").await;
    assert_eq!(page.expect(303).header("location"), "/console/login", "pages take no token");
}

#[tokio::test]
async fn console_of_nobody_says_how_to_list_somebody() {
    let access = ConsoleAccess::Callers(Callers::default());
    let console = Setup { access, ..Setup::default() }.start().await;
    for path in ["/console", "/console/login", "/console/rules", "/console/unknown"] {
        let answer = console.get(path).await.expect(403);
        html::check(&answer.text, "fr");
        assert!(answer.text.contains("rights = [&#34;console&#34;]"), "{}", answer.text);
        assert_headers(&answer);
    }
    console.get("/console/api/status").await.expect(403);
    console.log_in("").await.expect(403);
    // The page above has them.
    console.get("/console/style.css").await.expect(200);
    console.get("/console/console.js").await.expect(200);
}

#[tokio::test]
async fn console_headers_are_on_each_answer() {
    let console = Setup::open().start().await;
    for (method, path, status) in [
        ("GET", "/console", 200),
        ("HEAD", "/console", 200),
        ("GET", "/console/style.css", 200),
        ("GET", "/console/icon.svg", 200),
        ("GET", "/console/console.js", 200),
        ("GET", "/console/api/status", 200),
        ("GET", "/console/unknown", 404),
        ("GET", "/console/rules/unknown", 404),
        ("GET", "/console//", 404),
        ("GET", "/console/login", 303),
        ("GET", "/console/logout", 405),
        ("OPTIONS", "/console", 405),
        ("TRACE", "/console", 405),
        ("POST", "/console/rules", 403),
    ] {
        let answer = console.request(method, path, &[], "").await.expect(status);
        assert_headers(&answer);
        assert_eq!(answer.header("content-language"), "fr", "{method} {path}");
        assert!(status != 405 || !answer.header("allow").is_empty(), "{method} {path}: {answer:?}");
        if answer.header("content-type").starts_with("text/html") && method == "GET" {
            html::check(&answer.text, "fr");
        }
    }
}

#[tokio::test]
async fn console_form_beyond_its_limit_is_refused() {
    let console = Setup { bounds: Bounds { max_body: 1024, ..Bounds::default() }, ..Setup::open() }.start().await;
    let token = console.csrf("/console/validate", "").await;
    let too_large = form(&[("csrf", &token), ("action", &"x".repeat(64 << 10))]);
    let refused = console.request("POST", "/console/webhooks", &[], &too_large).await.expect(413);
    html::check(&refused.text, "fr");
    let body = |length: usize| form(&[("csrf", &token), ("profile", "Practitioner"), ("body", &"\"".repeat(length))]);
    console.request("POST", "/console/validate", &[], &body(1024)).await.expect(200);
    let refused = console.request("POST", "/console/validate", &[], &body(1025)).await.expect(413);
    assert!(refused.text.contains("1024\u{a0}octets"), "{}", refused.text);
    console.request("POST", "/console/validate", &[], &body(30 << 10)).await.expect(413);
    let plain = [("content-type", "text/plain")];
    console.request("POST", "/console/webhooks", &plain, "csrf=x").await.expect(415);
}

#[tokio::test]
async fn console_ninth_request_in_progress_is_refused_with_503() {
    // Validations wait for a permit that nobody gives, and so stay in progress.
    let setup = Setup::open();
    let mut bounds = Bounds { max_validations: 0, ..setup.bounds.clone() };
    // Long enough to be seen in progress; what a person leaves is completed, and so waits to its end.
    bounds.timeouts.permit = Duration::from_secs(10);
    let console = Setup { bounds, ..setup }.start().await;
    let fields =
        form(&[("csrf", &console.csrf("/console/validate", "").await), ("profile", "Practitioner"), ("body", "{}")]);
    let validate = |_| console.request("POST", "/console/validate", &[], &fields);
    let mut answers: FuturesUnordered<_> = (0..16).map(validate).collect();
    // Half of them are refused, so the other half is in progress.
    for _ in 0..8 {
        answers.next().await.expect("an answer").expect(503);
    }
    let refused = console.get("/console").await.expect(503);
    assert!((5..=12).contains(&refused.header("retry-after").parse().expect("seconds")));
    assert_headers(&refused);
    html::check(&refused.text, "fr");
    console.get("/console/style.css").await.expect(200);
    drop(answers);
    poll_until("they are free again", async || console.get("/console").await.status == 200).await;
}

#[tokio::test]
async fn console_busy_validations_are_answered_with_503() {
    let timeouts = sas_endpoint::http::bounds::Timeouts::default();
    let bounds = Bounds { max_validations: 0, timeouts, ..Bounds::default() };
    let console = Setup { bounds, ..Setup::open() }.start().await;
    let fields =
        form(&[("csrf", &console.csrf("/console/validate", "").await), ("profile", "Practitioner"), ("body", "{}")]);
    let refused = console.request("POST", "/console/validate", &[], &fields).await.expect(503);
    assert!(
        refused.text.contains("too-busy-validations") && !refused.header("retry-after").is_empty(),
        "{}",
        refused.text
    );
}
