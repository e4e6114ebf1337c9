//! Login, cookie, logout, and how long a session lasts.

use crate::html;
use crate::server::{Setup, TOKEN, csrf, form};

#[tokio::test]
async fn console_page_without_a_session_leads_to_the_login_and_back() {
    let console = Setup::default().start().await;
    let sent = console.get("/console/rules?q=a%20b").await.expect(303);
    assert_eq!(sent.header("location"), "/console/login?next=%2Fconsole%2Frules%3Fq%3Da%2520b");
    let page = console.get(sent.header("location")).await.expect(200).text;
    html::check(&page, "fr");
    assert!(page.contains("name=\"next\" value=\"/console/rules?q=a%20b\"") && !page.contains("csrf"), "{page}");
    let fields = form(&[("token", TOKEN), ("next", "/console/rules?q=a%20b")]);
    let entered = console.request("POST", "/console/login", &[], &fields).await.expect(303);
    assert_eq!(entered.header("location"), "/console/rules?q=a%20b");
    let cookie = entered.cookie("sas_console");
    console.request("GET", "/console/rules?q=a%20b", &[("cookie", &cookie)], "").await.expect(200);
    for path in ["/console", "/console/", "/console/validate", "/console/webhooks", "/console/unknown"] {
        console.get(path).await.expect(303);
    }
}

#[tokio::test]
async fn console_login_returns_to_no_other_site() {
    let console = Setup::default().start().await;
    for next in
        ["https://evil.example/", "//evil.example", "/fhir", "/console/../metrics", "/console/logout", "\r\nX: y"]
    {
        let page = console.get(&format!("/console/login?{}", form(&[("next", next)]))).await.expect(200).text;
        assert!(!page.contains("name=\"next\""), "{next}: {page}");
    }
    let fields = form(&[("token", TOKEN), ("next", "//evil.example/console")]);
    let entered = console.request("POST", "/console/login", &[], &fields).await.expect(303);
    assert_eq!(entered.header("location"), "/console");
}

#[tokio::test]
async fn console_session_cookie_is_bound_to_its_path_and_site() {
    let console = Setup::default().start().await;
    let entered = console.log_in(TOKEN).await.expect(303);
    let cookies = entered.set_cookies();
    let (value, attributes) = cookies[0].split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/console; SameSite=Strict; Max-Age=43200; HttpOnly");
    assert_eq!(value.len(), "sas_console=".len() + 43, "{value}");
    assert!(!entered.text.contains(TOKEN) && !value.contains(TOKEN), "{entered:?}");
    assert_ne!(console.session().await, value, "each login has a session of its own");
}

#[tokio::test]
async fn console_session_cookie_is_for_https_only_where_the_browser_has_https() {
    let console = Setup { url: Some("https://console.example.org"), ..Setup::default() }.start().await;
    for (headers, is_secure) in [
        (&[("host", "console.example.org"), ("origin", "https://console.example.org")][..], true),
        (&[("host", "console.example.org")], true),
        // Through `ssh -L`.
        (&[("host", "localhost:8081"), ("origin", "http://localhost:8081")], false),
    ] {
        let fields = form(&[("token", TOKEN)]);
        let entered = console.request("POST", "/console/login", headers, &fields).await.expect(303);
        assert_eq!(entered.set_cookies()[0].ends_with("; Secure"), is_secure, "{headers:?}");
    }
}

#[tokio::test]
async fn console_login_with_another_token_is_refused_without_a_cookie() {
    let console = Setup::default().start().await;
    let long = "x".repeat(60_000);
    for token in ["", "x", "open-sesame", &long] {
        let refused = console.log_in(token).await.expect(403);
        html::check(&refused.text, "fr");
        assert!(refused.text.contains("role=\"alert\"") && refused.set_cookies().is_empty(), "{}", refused.text);
        assert!(token.len() < 5 || !refused.text.contains(token), "the token is in the page");
    }
    // Its own tries were fewer than five.
    console.request("POST", "/console/login", &[], &form(&[("jeton", TOKEN)])).await;
}

#[tokio::test]
async fn console_logins_of_an_address_are_limited() {
    let console = Setup::default().start().await;
    let tries = futures_util::future::join_all((0..200).map(|_| console.log_in("wrong"))).await;
    let limited: Vec<_> = tries.iter().filter(|answer| answer.status == 429).collect();
    // Five a second, however slow the machine is: this takes no half minute.
    assert!(limited.len() > 40, "{} of 200", limited.len());
    assert_eq!(limited[0].header("retry-after"), "1");
    assert_eq!(limited[0].header("cache-control"), "no-store");
    html::check(&limited[0].text, "fr");
}

#[tokio::test]
async fn console_session_ends_when_idle_and_after_twelve_hours() {
    let console = Setup::default().start().await;
    let cookie = console.session().await;
    let status = async || console.request("GET", "/console", &[("cookie", &cookie)], "").await.status.as_u16();
    console.advance_minutes(29);
    assert_eq!(status().await, 200);
    console.advance_minutes(30);
    assert_eq!(status().await, 303, "30 minutes idle");
    let cookie = console.session().await;
    let status = async || console.request("GET", "/console", &[("cookie", &cookie)], "").await.status.as_u16();
    for _ in 0..24 {
        assert_eq!(status().await, 200);
        console.advance_minutes(29);
    }
    assert_eq!(status().await, 200, "11 h 36");
    console.advance_minutes(24);
    assert_eq!(status().await, 303, "12 hours");
}

#[tokio::test]
async fn console_logout_ends_the_session_by_post_with_its_form_token_only() {
    let console = Setup::default().start().await;
    let cookie = console.session().await;
    let page = console.request("GET", "/console", &[("cookie", &cookie)], "").await.expect(200).text;
    html::check(&page, "fr");
    assert!(page.contains("Connecté\u{a0}: alice"), "{page}");
    console.request("GET", "/console/logout", &[("cookie", &cookie)], "").await.expect(405);
    let other = console.session().await;
    for wrong in ["", "x", &console.csrf("/console/validate", &other).await] {
        let refused =
            console.request("POST", "/console/logout", &[("cookie", &cookie)], &form(&[("csrf", wrong)])).await;
        html::check(&refused.expect(403).text, "fr");
    }
    let fields = form(&[("csrf", &csrf(&page))]);
    let left = console.request("POST", "/console/logout", &[("cookie", &cookie)], &fields).await.expect(303);
    assert_eq!(left.header("location"), "/console/login");
    assert!(left.set_cookies()[0].starts_with("sas_console=; ") && left.set_cookies()[0].contains("Max-Age=0"));
    console.request("GET", "/console", &[("cookie", &cookie)], "").await.expect(303);
    console.request("GET", "/console", &[("cookie", &other)], "").await.expect(200);
}
