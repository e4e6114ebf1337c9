//! Walks: every match once, in pages of the size asked for, as the directory was when they began.

use serde_json::{Value, json};

use sas_endpoint::fhir::directory_type::DirectoryType;

use crate::content::{self, changed, nos, pharmacy, with};
use crate::on_both_databases;
use crate::server::*;

/// Ids of the first pharmacies.
fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("001-01-{}", 1000 + number)).collect()
}

async fn with_pharmacies(server: &DirectoryServer, number: usize) {
    let pharmacies: Vec<_> = (0..number).map(pharmacy).collect();
    server.load(&pharmacies).await;
}

on_both_databases! { DirectoryServer::empty;
    async fn paging_returns_every_match_once_in_order(server: DirectoryServer) {
        with_pharmacies(&server, 7).await;
        for count in [1, 2, 3, 6, 7, 8, 1000] {
            let pages = server.pages(&format!("/Organization?type=SA33&_count={count}")).await;
            let sizes: Vec<_> = pages.iter().map(|page| matches(page).len()).collect();
            assert_eq!(pages.len(), 7_usize.div_ceil(count), "{sizes:?}");
            assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == count), "{sizes:?}");
            assert_eq!(pages.iter().flat_map(matches).collect::<Vec<_>>(), ids(0..7));
            assert!(pages.iter().all(|page| page["total"] == 7), "the total stays");
        }
    }

    async fn paging_default_count_is_fifty(server: DirectoryServer) {
        with_pharmacies(&server, 51).await;
        let pages = server.pages("/Organization").await;
        assert_eq!(pages.iter().map(|page| matches(page).len()).collect::<Vec<_>>(), [50, 1]);
        let first = server.search("/Organization?_count=1001").await;
        assert_eq!(matches(&first).len(), 51);
    }

    async fn paging_links_are_absolute_and_forward_only(server: DirectoryServer) {
        with_pharmacies(&server, 3).await;
        let first = server.search("/Organization?_count=2&type=SA33").await;
        let next = link(&first, "next").expect("a second page");
        assert!(next.starts_with(&format!("{BASE}/_page?id=u")), "{next}");
        assert_eq!(link(&first, "self"), Some(format!("{BASE}/Organization?_count=2&type=SA33")));
        let second = server.follow(&first, "next").await.expect(200).json();
        assert_eq!((link(&second, "next"), link(&second, "self")), (None, Some(next.clone())));
        // The same page again, and in another form of the same request.
        let again = server.get(next.strip_prefix(BASE).expect("our base")).await.expect(200).json();
        assert_eq!(matches(&again), matches(&second));
        let path = format!("{}&_format=json", next.strip_prefix(BASE).expect("our base"));
        assert_eq!(matches(&server.get(&path).await.expect(200).json()), matches(&second));
    }

    async fn paging_total_none_stays_absent_on_every_page(server: DirectoryServer) {
        with_pharmacies(&server, 3).await;
        let pages = server.pages("/Organization?_total=none&_count=1").await;
        assert!(pages.iter().all(|page| page.get("total").is_none()));
    }

    async fn paging_sees_the_snapshot_of_the_first_page(server: DirectoryServer) {
        with_pharmacies(&server, 6).await;
        let path = "/Organization?type=SA33&active=true&_count=2";
        let first = server.search(path).await;
        // One changes under the walk, one no longer matches, one is new, one is gone.
        let renamed = changed(&pharmacy(2), "2025-06-01", json!({ "name": "NOUVEAU NOM" }));
        let closed = changed(&pharmacy(3), "2025-06-01", json!({ "active": false }));
        let kept: Vec<_> = [0, 1, 5, 6].into_iter().map(pharmacy).chain([renamed, closed]).collect();
        server.keep_only(DirectoryType::Organization, &kept).await;

        let second = server.follow(&first, "next").await.expect(200).json();
        assert_eq!(second["entry"][0]["resource"]["name"], "PHARMACIE 2");
        assert_eq!(second["entry"][1]["resource"]["active"], true);
        let third = server.follow(&second, "next").await.expect(200).json();
        assert_eq!((matches(&third), link(&third, "next")), (ids([4, 5]), None));
        assert!([&first, &second, &third].iter().all(|page| page["total"] == 6));
        let seen: Vec<_> = [&first, &second].iter().flat_map(|page| matches(page)).collect();
        assert_eq!(seen, ids(0..4));

        // The next walk sees it as it is now.
        let mut now = server.found(path).await;
        now.sort_unstable();
        assert_eq!(now, ids([0, 1, 2, 5, 6]));
        server.get("/Organization/001-01-1004").await.refused(404, "http-not-found");
        assert_eq!(server.get("/Organization/001-01-1002").await.expect(200).json()["name"], "NOUVEAU NOM");
    }

    async fn paging_snapshot_purged_returns_410(server: DirectoryServer) {
        with_pharmacies(&server, 4).await;
        let first = server.search("/Organization?_count=2").await;
        server.load(&[changed(&pharmacy(3), "2025-06-01", json!({ "name": "NOUVEAU NOM" }))]).await;
        server.follow(&first, "next").await.expect(200);
        server.purge().await;
        let gone = server.follow(&first, "next").await.refused(410, "annuaire-gone");
        assert_eq!(gone.json()["issue"][0]["severity"], "error");
        assert_eq!(server.found("/Organization?_count=2").await.len(), 4);
    }

    async fn paging_any_instance_on_the_mirror_answers_the_next_page(server: DirectoryServer) {
        with_pharmacies(&server, 4).await;
        let first = server.search("/Organization?_count=2").await;
        // Started after the token was made: a restart, or a second instance.
        let other = server.another().await;
        let second = other.follow(&first, "next").await.expect(200).json();
        assert_eq!(matches(&second), ids([2, 3]));
        // What one of them loads, the other serves.
        other.load(&[pharmacy(4)]).await;
        assert_eq!(server.found("/Organization?_count=2").await, ids(0..5));
    }

    async fn paging_foreign_token_is_refused(server: DirectoryServer) {
        with_pharmacies(&server, 4).await;
        let first = server.search("/Organization?_count=2").await;
        let next = link(&first, "next").expect("a second page");
        let token = next.rsplit_once('=').expect("an id").1;
        let altered = "The url can't be processed. Maybe it is too old or corrupted.";
        let mut wrong: Vec<String> = ["", "u", "d3b3a0b6-9ab1-4a4e-8f7e-3c5b7a3a2f10", "%00", "u%20", "x", "é"].map(str::to_owned).into();
        wrong.extend([1, 8, token.len() / 2, token.len() - 1].map(|end| token[..end].to_owned()));
        wrong.push(format!("{token}A"));
        wrong.push(format!("{token}%3D"));
        wrong.push(token.to_ascii_uppercase());
        wrong.push(token[1..].to_owned());
        for at in [1, 5, token.len() / 2, token.len() - 1] {
            let other = if token.as_bytes()[at] == b'B' { "C" } else { "B" };
            let mut forged = token.to_owned();
            forged.replace_range(at..=at, other);
            wrong.push(forged);
        }
        for id in wrong {
            let answer = server.get(&format!("/_page?id={id}")).await;
            match id.as_str() {
                "" => assert_eq!(answer.refused(400, "annuaire-page-missing").diagnostics(), "Parameter id required to fetch the next page"),
                "%00" => drop(answer.refused(400, "query-encoding")),
                _ => assert_eq!(answer.refused(400, "annuaire-page").diagnostics(), altered, "{id}"),
            }
        }
        for path in ["/_page", "/_page?id=%20%20"] {
            let answer = server.get(path).await.refused(400, "annuaire-page-missing");
            assert_eq!(answer.diagnostics(), "Parameter id required to fetch the next page");
        }
        // Another mirror has another key.
        let stranger = DirectoryServer::empty(crate::support::Backend::Sqlite).await.expect("SQLite is always there");
        stranger.load(&content::organizations()).await;
        stranger.follow(&first, "next").await.refused(400, "annuaire-page");
    }

    async fn paging_form_of_many_codes_continues_by_get(server: DirectoryServer) {
        with_pharmacies(&server, 3).await;
        let codes: Vec<_> = (0..66).map(|code| format!("{}|{code}", nos("R66-CategorieEtablissement"))).collect();
        let form = format!("type={},SA33&_count=1", codes.join(","));
        let first = server.post("/Organization/_search", &form).await.expect(200).json();
        let next = link(&first, "next").expect("a second page");
        assert!(next.len() < 2000, "{} characters", next.len());
        let second = server.follow(&first, "next").await.expect(200).json();
        assert_eq!(matches(&second), ids([1]));
    }

    async fn paging_link_longer_than_max_url_is_not_given(server: DirectoryServer) {
        with_pharmacies(&server, 40).await;
        // Letters that nothing deflates.
        let mut state = 7_u64;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(state >> 33) as usize % 52])
        };
        let names: Vec<String> = (0..1150).map(|_| (0..64).map(|_| letter()).collect()).collect();
        // The form of so many names: within the bounds of lists and values.
        let form = |names: &[String]| {
            let lists = names.chunks(250).map(|list| format!("type=SA33,{}&", list.join(",")));
            format!("{}type=SA33&_count=1", lists.collect::<String>())
        };
        let ask = async |number: usize| server.post("/Organization/_search", &form(&names[..number])).await;
        // The most that a link carries.
        let (mut given, mut refused) = (0, names.len());
        ask(refused).await.refused(400, "annuaire-page-length");
        while refused - given > 1 {
            let middle = usize::midpoint(given, refused);
            let answer = ask(middle).await;
            if answer.status.as_u16() == 200 {
                given = middle;
            } else {
                answer.refused(400, "annuaire-page-length");
                refused = middle;
            }
        }
        assert!(given > 300, "{given}");
        let mut page = ask(given).await.expect(200).json();
        let mut found = matches(&page);
        while link(&page, "next").is_some() {
            page = server.follow(&page, "next").await.expect(200).json();
            found.extend(matches(&page));
        }
        assert_eq!(found, ids(0..40));
        // What fits on one page needs no link.
        let all = form(&names).replace("_count=1", "_count=50");
        assert_eq!(matches(&server.post("/Organization/_search", &all).await.expect(200).json()).len(), 40);
    }

    async fn paging_approximate_dates_keep_their_reference_time(server: DirectoryServer) {
        with_pharmacies(&server, 3).await;
        let pages = server.pages("/Organization?_lastUpdated=ap2025&_count=1").await;
        assert_eq!(pages.iter().flat_map(matches).collect::<Vec<_>>(), ids(0..3));
    }

    async fn paging_types_are_separate(server: DirectoryServer) {
        server.load(&content::everything()).await;
        for (path, number) in [("Organization", 6), ("Practitioner", 5), ("PractitionerRole", 5), ("HealthcareService", 2), ("Device", 3)] {
            let pages = server.pages(&format!("/{path}?_count=2")).await;
            let of_type = |page: &Value| page["entry"].as_array().expect("entries").iter().all(|entry| entry["resource"]["resourceType"] == path);
            assert!(pages.iter().all(of_type));
            assert_eq!(pages.iter().flat_map(matches).count(), number);
        }
    }

    async fn paging_page_is_bounded_in_bytes(server: DirectoryServer) {
        let large = |number: usize| with(pharmacy(number), json!({ "alias": ["x".repeat(9 << 20)] }));
        for number in 0..5 {
            server.load(&[large(number)]).await;
        }
        let pages = server.pages("/Organization?_count=5").await;
        assert_eq!(pages.iter().map(|page| matches(page).len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(pages.iter().flat_map(matches).collect::<Vec<_>>(), ids(0..5));
    }
}
