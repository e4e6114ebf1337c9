//! What comes along with matches: each resource once, of the same snapshot, and never without bound.

use serde_json::{Value, json};

use crate::content::{self, changed, organization, pharmacy, with, work};
use crate::on_both_databases;
use crate::server::*;

on_both_databases! { DirectoryServer::small;
    async fn include_roles_return_practitioner_and_organization(server: DirectoryServer) {
        for (query, along) in [
            ("_include=PractitionerRole:organization", vec!["001-01-1", "001-01-2"]),
            ("_include=PractitionerRole:practitioner", vec!["003-1-1"]),
            ("_include=PractitionerRole:organization&_include=PractitionerRole:practitioner", vec!["001-01-1", "001-01-2", "003-1-1"]),
            ("_include=*", vec!["001-01-1", "001-01-2", "003-1-1"]),
            ("_include=", vec![]),
        ] {
            let page = server.search(&format!("/PractitionerRole?practitioner=003-1-1&{query}")).await;
            assert_eq!((matches(&page), &page["total"]), (vec!["005-1-1".to_owned(), "005-1-2".to_owned()], &json!(2)));
            assert_eq!(included(&page), along, "{query}");
        }
    }

    async fn include_follows_matches_and_repeats_none(server: DirectoryServer) {
        let page = server.search("/PractitionerRole?_include=*").await;
        let modes: Vec<_> = page["entry"].as_array().expect("entries").iter().map(|entry| &entry["search"]["mode"]).collect();
        assert!(modes[..5].iter().all(|mode| **mode == "match") && modes[5..].iter().all(|mode| **mode == "include"));
        // Dangling references are absent.
        assert_eq!(included(&page), ["001-01-1", "001-01-2", "001-01-3", "003-1-1", "003-2-2", "003-3-3", "003-4-4"]);
        // A legal entity that is a match does not come along too.
        let page = server.search("/Organization?_include=Organization:partof").await;
        assert_eq!((matches(&page).len(), included(&page).len(), &page["total"]), (6, 0, &json!(6)));
        let page = server.search("/Organization?type=GEOGRAPHICAL-ENTITY&_include=Organization:partof").await;
        assert_eq!(included(&page), ["001-02-1"]);
        let page = server.search("/Organization?_id=001-02-1&_revinclude=Organization:partof").await;
        assert_eq!(included(&page), ["001-01-1", "001-01-2"]);
    }

    async fn include_every_page_has_its_own(server: DirectoryServer) {
        let pages = server.pages("/PractitionerRole?_include=PractitionerRole:practitioner&_count=2").await;
        let along: Vec<_> = pages.iter().map(included).collect();
        assert_eq!(along, [vec!["003-1-1"], vec!["003-2-2", "003-3-3"], vec!["003-4-4"]]);
        assert!(pages.iter().all(|page| page["total"] == 5));
    }

    async fn include_services_and_devices_return_organization(server: DirectoryServer) {
        for (path, along) in [
            ("/Device?_include=Device:organization", vec!["001-01-1", "001-01-2"]),
            ("/Device?_include=*", vec!["001-01-1", "001-01-2"]),
            ("/HealthcareService?_include=HealthcareService:organization", vec!["001-01-1", "001-01-4"]),
        ] {
            assert_eq!(included(&server.search(path).await), along, "{path}");
        }
    }

    async fn revinclude_returns_what_refers_to_matches(server: DirectoryServer) {
        for (path, along) in [
            ("/Practitioner?_id=003-1-1&_revinclude=PractitionerRole:practitioner", vec!["005-1-1", "005-1-2"]),
            ("/Organization?_id=001-01-2&_revinclude=Device:organization", vec!["002-1", "002-2"]),
            ("/Organization?_id=001-01-1&_revinclude=HealthcareService:organization", vec!["004-1-01"]),
            (
                "/Organization?_id=001-01-1&_revinclude=HealthcareService:organization&_revinclude=Device:organization&_revinclude=PractitionerRole:organization",
                vec!["002-3", "004-1-01", "005-1-1", "005-2-1"],
            ),
            ("/Practitioner?_id=003-9-9&_revinclude=PractitionerRole:practitioner", vec![]),
        ] {
            assert_eq!(included(&server.search(path).await), along, "{path}");
        }
    }

    async fn include_iterate_follows_included_resources(server: DirectoryServer) {
        let legal = "_include:iterate=Organization:partof";
        for (path, along) in [
            (format!("/PractitionerRole?_id=005-1-1&_include=PractitionerRole:organization&{legal}"), vec!["001-01-1", "001-02-1"]),
            // Without :iterate, what comes along brings nothing.
            ("/PractitionerRole?_id=005-1-1&_include=PractitionerRole:organization".to_owned(), vec!["001-01-1"]),
            (
                "/Organization?_id=001-01-1&_revinclude=PractitionerRole:organization&_include:iterate=PractitionerRole:practitioner".to_owned(),
                vec!["003-1-1", "003-2-2", "005-1-1", "005-2-1"],
            ),
            (
                "/Organization?_id=001-02-1&_revinclude:iterate=Organization:partof&_revinclude:iterate=PractitionerRole:organization".to_owned(),
                vec!["001-01-1", "001-01-2", "005-1-1", "005-1-2", "005-2-1"],
            ),
        ] {
            assert_eq!(included(&server.search(&path).await), along, "{path}");
        }
    }

    async fn include_iterate_ends_at_reference_cycles(server: DirectoryServer) {
        let part = |id: &str, whole: &str| with(organization(id, "RONDE", "FINESS"), json!({ "partOf": { "reference": format!("Organization/{whole}") } }));
        server.load(&[part("r-1", "r-2"), part("r-2", "r-3"), part("r-3", "r-1"), part("r-4", "r-4")]).await;
        let page = server.search("/Organization?_id=r-1&_include:iterate=Organization:partof").await;
        assert_eq!((matches(&page), included(&page)), (vec!["r-1".to_owned()], vec!["r-2".to_owned(), "r-3".to_owned()]));
        let page = server.search("/Organization?_id=r-4&_include:iterate=Organization:partof").await;
        assert_eq!(included(&page), [""; 0]);
    }

    async fn include_sees_the_snapshot_of_the_walk(server: DirectoryServer) {
        let path = "/PractitionerRole?_include=PractitionerRole:organization&_count=1";
        let first = server.search(path).await;
        let laboratory = content::organizations().remove(2);
        let moved = changed(&content::roles()[3], "2025-06-01", json!({ "organization": { "reference": "Organization/001-01-2" } }));
        server.load(&[changed(&laboratory, "2025-06-01", json!({ "name": "LABO" })), moved]).await;
        let second = server.follow(&first, "next").await.expect(200).json();
        assert_eq!(second["entry"][1]["resource"]["name"], laboratory["name"]);
        let now = server.search("/PractitionerRole?_id=005-1-2&_include=PractitionerRole:organization").await;
        assert_eq!(now["entry"][1]["resource"]["name"], "LABO");
        let backwards = server.search("/Organization?_id=001-01-2&_revinclude=PractitionerRole:organization").await;
        assert_eq!(included(&backwards), ["005-1-2", "005-3-1"]);
    }

    async fn include_page_too_large_moves_matches_to_the_next_page(server: DirectoryServer) {
        // Three pharmacies of 900: two fit on a page, three do not.
        server.load(&(0..3).map(pharmacy).collect::<Vec<_>>()).await;
        let places = ["001-01-1000", "001-01-1001", "001-01-1002"];
        let works: Vec<_> = (0..2700).map(|number| work(number, places[number % 3])).collect();
        server.load(&works).await;
        let path = "/Organization?name=PHARMACIE&type=SA33&_id=001-01-1000,001-01-1001,001-01-1002&_revinclude=PractitionerRole:organization";
        let pages = server.pages(path).await;
        assert!(pages.len() > 1);
        assert_eq!(pages.iter().flat_map(matches).collect::<Vec<_>>(), places);
        let mut along: Vec<_> = pages.iter().flat_map(included).collect();
        along.sort_unstable();
        along.dedup();
        assert_eq!(along.len(), 2700);
        for page in &pages {
            assert_eq!(included(page).len(), 900 * matches(page).len());
            assert_eq!(page["total"], 3);
            assert!(entries(page, "outcome").is_empty());
        }
    }

    async fn include_match_with_too_many_has_an_outcome_entry(server: DirectoryServer) {
        let place = "001-01-3";
        server.load(&(0..2500).map(|number| work(number, place)).collect::<Vec<_>>()).await;
        let path = format!("/Organization?_id={place},001-01-4&_revinclude=PractitionerRole:organization");
        let first = server.search(&path).await;
        assert_eq!((matches(&first), included(&first).len()), (vec![place.to_owned()], 2000));
        let entry = first["entry"].as_array().expect("entries").last().expect("an entry").clone();
        assert_eq!(entry["search"]["mode"], "outcome");
        let issue = &entry["resource"]["issue"][0];
        assert_eq!((&issue["severity"], &issue["details"]["coding"][0]["code"]), (&json!("warning"), &json!("annuaire-includes")));
        let text = issue["details"]["text"].as_str().expect("a sentence");
        assert!(text.contains("Organization/001-01-3") && text.contains("PractitionerRole?organization=001-01-3"), "{text}");
        let second = server.follow(&first, "next").await.expect(200).json();
        assert_eq!((matches(&second), entries(&second, "outcome").len()), (vec!["001-01-4".to_owned()], 0));
        // What the sentence says to ask gives all of it.
        assert_eq!(server.found("/PractitionerRole?organization=001-01-3&_count=1000").await.len(), 2501);

        let headers = [("accept-language", "en")];
        let english = server.request("GET", &path, &headers, "").await.expect(200).json();
        let told = english["entry"].as_array().expect("entries").iter().rfind(|entry| entry["search"]["mode"] == "outcome");
        let text = told.and_then(|entry| entry["resource"]["issue"][0]["details"]["text"].as_str()).expect("a sentence");
        assert!(text.starts_with("Not all resources"), "{text}");
    }
}

#[test]
fn fixture_directory_is_consistent() {
    let everything = content::everything();
    let exists = |reference: &str| {
        everything.iter().any(|resource| {
            reference
                == format!(
                    "{}/{}",
                    resource["resourceType"].as_str().unwrap_or_default(),
                    resource["id"].as_str().unwrap_or_default()
                )
        })
    };
    let pointers = [
        "/practitioner/reference",
        "/organization/reference",
        "/partOf/reference",
        "/owner/reference",
        "/providedBy/reference",
    ];
    let references = everything
        .iter()
        .flat_map(|resource| pointers.map(|pointer| resource.pointer(pointer).and_then(Value::as_str)))
        .flatten();
    let dangling: Vec<_> = references.filter(|reference| !exists(reference)).collect();
    assert_eq!(dangling, ["Organization/001-01-404"]);
}
