//! What clients are told of requests that cannot be answered: always an OperationOutcome, in the
//! words that clients of the national directory know.

use crate::on_both_databases;
use crate::server::*;

const TYPES: &str = "Can't process the request. Resource type not supported. Server knows how to handle: [Device, HealthcareService, Organization, Practitioner, PractitionerRole]";

on_both_databases! { DirectoryServer::small;
    async fn search_unknown_parameters_are_refused(server: DirectoryServer) {
        for (path, rule, diagnostics) in [
            ("/Practitioner?foo=1", "annuaire-parameter", "Parameter foo not found for resource Practitioner"),
            ("/Practitioner?specialty=SM26", "annuaire-parameter", "Parameter specialty not found for resource Practitioner"),
            ("/Practitioner?_sort=family", "annuaire-parameter", "Parameter _sort not found for resource Practitioner"),
            ("/Practitioner?_summary=TRUE", "annuaire-value", "Bad parameter value."),
            ("/Organization?_summary=text&_include=*", "annuaire-value", "Bad parameter value."),
            ("/Practitioner?active=TRUE", "annuaire-value", "Bad parameter value."),
            ("/Device?status=ACTIVE", "annuaire-value", "Bad parameter value."),
            ("/Practitioner?identifier=a|b|c", "annuaire-value", "Bad parameter value."),
            ("/Practitioner?_since=2025-01-01", "annuaire-parameter", "Parameter _since not found for resource Practitioner"),
            ("/Device?active=true", "annuaire-parameter", "Parameter active not found for resource Device"),
            ("/Practitioner?_include=*", "annuaire-include", "Parameter * not found for resource Practitioner"),
            ("/Organization?_include=PractitionerRole:organization", "annuaire-include",
                "Parameter PractitionerRole:organization not found for resource Organization"),
            ("/Practitioner?_total=maybe", "annuaire-value",
                "Bad value for the _total parameter. Allowed values are : accurate, none, estimate"),
            ("/Practitioner?_count=many", "annuaire-value", ""),
            ("/Practitioner?_lastUpdated=yesterday", "annuaire-value", ""),
            ("/Practitioner?family:above=A", "annuaire-modifier", ""),
            ("/Practitioner?family=%zz", "query-encoding", ""),
            ("/Practitioner/003-1-1?_count=1", "annuaire-parameter", "Parameter _count not found for resource Practitioner"),
            ("/Practitioner/003-1-1?_summary=count", "annuaire-value", "Bad parameter value."),
            ("/Practitioner/003-1-1?_elements=name.family", "annuaire-value", "Bad parameter value."),
            ("/metadata?foo=1", "annuaire-parameter", "Parameter foo not found for resource metadata"),
            ("/_page?id=u&_count=5", "annuaire-parameter", "Parameter _count not found for resource _page"),
        ] {
            let answer = server.get(path).await.refused(400, rule);
            assert!(diagnostics.is_empty() || answer.diagnostics() == diagnostics, "{path}: {}", answer.text);
            if let Some((path, form)) = path.split_once('?').filter(|(path, _)| path.split('/').count() == 2 && !path.contains('_') && *path != "/metadata") {
                server.post(&format!("{path}/_search"), form).await.refused(400, rule);
            }
        }
    }

    async fn search_all_issues_are_reported_in_the_requested_language(server: DirectoryServer) {
        for (language, begins) in [("fr", "Le paramètre"), ("en", "There is no parameter")] {
            let headers = [("accept-language", language)];
            let answer = server.request("GET", "/Practitioner?foo=1&bar=2", &headers, "").await.refused(400, "annuaire-parameter");
            let outcome = answer.json();
            assert_eq!(outcome["issue"].as_array().map(Vec::len), Some(2));
            let text = outcome["issue"][0]["details"]["text"].as_str().expect("a sentence");
            assert!(text.starts_with(begins), "{text}");
            assert_eq!(outcome["issue"][0]["severity"], "error");
        }
    }

    async fn search_beyond_bounds_is_refused_with_the_bounds(server: DirectoryServer) {
        let list = |values: usize| vec!["a"; values].join(",");
        let letters = |number: u32| number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
        let names: Vec<String> = (0..170_000).map(letters).collect();
        for form in [
            "a&".repeat(100),
            "&".repeat(1_000_000),
            format!("_elements={}", list(257)),
            format!("_elements={}", names[..140_000].join(",")),
            format!("identifier={}", list(257)),
            format!("identifier={}", list(500_000)),
            format!("_has:PractitionerRole:practitioner:role={}", ",".repeat(257)),
            format!("_include={}", list(257)),
            vec![format!("family={}", list(241)); 5].join("&"),
        ] {
            let answer = server.post("/Practitioner/_search", &form).await.refused(400, "annuaire-size");
            assert!(["64", "1200", "256"].iter().all(|bound| answer.text.contains(bound)), "{}", answer.text);
            if form.len() < 30_000 {
                server.get(&format!("/Practitioner?{form}")).await.refused(400, "annuaire-size");
            }
        }
        server.post(&format!("/Practitioner/_search?{}", "x&".repeat(32)), &"x&".repeat(33)).await.refused(400, "annuaire-size");
        for path in ["/metadata", "/_page", "/Practitioner/003-1-1"] {
            server.get(&format!("{path}?{}", "&".repeat(64))).await.refused(400, "annuaire-size");
        }
        let elements = format!("_elements={}", names[..256].join(","));
        server.post("/Practitioner/_search", &format!("{elements}&identifier={}", list(256))).await.expect(200);
        server.get(&format!("/{}", "/".repeat(30_000))).await.expect(404);
    }

    async fn route_unknown_type_returns_the_known_ones(server: DirectoryServer) {
        for path in ["/Patient", "/Patient?name=x", "/Patient/1", "/practitioner", "/Practitioners/003-1-1", "/Person", "/Location/1"] {
            let answer = server.get(path).await.refused(404, "annuaire-type");
            assert_eq!(answer.diagnostics(), TYPES, "{path}");
        }
        server.post("/Patient/_search", "name=x").await.refused(404, "annuaire-type");
    }

    async fn read_unknown_id_names_it(server: DirectoryServer) {
        for (path, id) in [
            ("/Practitioner/003-0-0", "003-0-0"),
            ("/Device/003-1-1", "003-1-1"),
            ("/Practitioner/a_b", "a_b"),
            ("/Practitioner/%22%3Cb%3E", "\"<b>"),
            ("/Practitioner/%FF", "\u{FFFD}"),
        ] {
            let answer = server.get(path).await.refused(404, "http-not-found");
            assert_eq!(answer.diagnostics(), format!("Resource not found with id: {id}"), "{path}");
        }
        let long = server.get(&format!("/Device/{}", "1".repeat(5000))).await.refused(404, "http-not-found");
        assert!(long.text.len() < 2000);
        // A search for it is no failure.
        assert_eq!(server.search("/Practitioner?_id=003-0-0").await["total"], 0);
    }

    async fn route_method_not_allowed_returns_the_allowed_ones(server: DirectoryServer) {
        for (method, path, allowed) in [
            ("PUT", "/Practitioner/003-1-1", "GET, HEAD"),
            ("DELETE", "/Practitioner/003-1-1", "GET, HEAD"),
            ("PATCH", "/Organization", "GET, HEAD, POST"),
            ("PUT", "/Practitioner?identifier=1", "GET, HEAD, POST"),
            ("GET", "/Practitioner/_search", "POST"),
            ("POST", "/metadata", "GET, HEAD"),
            ("POST", "/_page", "GET, HEAD"),
            ("OPTIONS", "/Device", "GET, HEAD, POST"),
        ] {
            let answer = server.request(method, path, &[], "{}").await.refused(405, "http-method");
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        }
    }

    async fn route_unknown_path_returns_404(server: DirectoryServer) {
        for path in [
            "", "/", "?_type=Practitioner", "/_history", "/$export", "/Practitioner/_history", "/Practitioner/003-1-1/_history",
            "/Practitioner/003-1-1/_history/1", "/Practitioner/$everything", "/Practitioner/003-1-1/name", "//Practitioner/$everything", "/Practitioner//003-1-1//name",
        ] {
            for method in ["GET", "POST", "PUT"] {
                let answer = server.request(method, path, &[], "").await.refused(404, "http-path");
                assert!(answer.text.contains("/annuaire/fhir/v2"), "{}", answer.text);
            }
        }
    }

    async fn search_by_post_form_is_bounded(server: DirectoryServer) {
        for (content_type, accepted) in [
            ("application/x-www-form-urlencoded", true),
            ("application/x-www-form-urlencoded; charset=utf-8", true),
            ("Application/X-WWW-Form-URLEncoded;charset=\"UTF-8\"", true),
            ("application/json", false),
            ("multipart/form-data; boundary=x", false),
            ("application/x-www-form-urlencoded; charset=iso-8859-1", false),
        ] {
            let answer = server.request("POST", "/Device/_search", &[("content-type", content_type)], "status=active").await;
            if accepted {
                assert_eq!(answer.expect(200).json()["total"], 2, "{content_type}");
            } else {
                answer.refused(415, "http-content-type");
            }
        }
        let form = format!("manufacturer={}", "x".repeat(MAX_BODY));
        server.post("/Device/_search", &form).await.refused(413, "http-body-size");
        let zipped = [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", "gzip")];
        server.request("POST", "/Device/_search", &zipped, "x").await.refused(415, "http-content-encoding");
    }
}

on_both_databases! { DirectoryServer::empty;
    async fn search_mirror_empty_returns_503_with_the_remedy(server: DirectoryServer) {
        for path in ["/Practitioner", "/Practitioner?_count=0", "/Device?status=active", "/Organization/001-01-1"] {
            let answer = server.get(path).await.refused(503, "annuaire-empty");
            assert_eq!(answer.header("retry-after"), "60");
            assert!(answer.text.contains("sas-endpoint annuaire sync"), "{}", answer.text);
        }
        // What is wrong is wrong all the same, and what needs no mirror is answered.
        server.get("/Practitioner?foo=1").await.refused(400, "annuaire-parameter");
        server.get("/Patient").await.refused(404, "annuaire-type");
        server.get("/metadata").await.expect(200);
        // What a process that has the mirror open loads is served at once.
        server.another().await.load(&crate::content::devices()).await;
        assert_eq!(server.search("/Device").await["total"], 3);
        assert_eq!(server.search("/Practitioner").await["total"], 0);
    }
}
