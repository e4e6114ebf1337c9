//! Every request of the national directory's pages, with what it gives over the small directory.
//!
//! The addresses are written as the pages print them: separators raw here, encoded there.

use serde_json::{Value, json};

use crate::client::nothing_empty::assert_nothing_is_empty;
use crate::content::{FINESS, RPPS, nos};
use crate::on_both_databases;
use crate::server::*;

/// Asserts what searches find, whatever the order.
async fn assert_found(server: &DirectoryServer, cases: &[(&str, &[&str])]) {
    let mut wrong = vec![];
    for (path, expected) in cases {
        let mut found = server.found(path).await;
        found.sort_unstable();
        if found != *expected {
            wrong.push(format!("{path}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const DOCTORS: &str = "/Practitioner?qualification-code=https%3A%2F%2Fmos.esante.gouv.fr%2FNOS%2FTRE_G15-ProfessionSante%2FFHIR%2FTRE-G15-ProfessionSante%7C10";
const SECTOR: &str =
    "https%3A%2F%2Fmos.esante.gouv.fr%2FNOS%2FTRE_R02-SecteurActivite%2FFHIR%2FTRE-R02-SecteurActivite%7C";

on_both_databases! { DirectoryServer::small;
    async fn search_published_full_calls_are_answered(server: DirectoryServer) {
        assert_found(&server, &[
            (&format!("{DOCTORS}&active=true"), &["003-1-1", "003-2-2"]),
            ("/Practitioner?qualification-code=10&active=true", &["003-1-1", "003-2-2"]),
            (DOCTORS, &["003-1-1", "003-2-2", "003-4-4"]),
        ]).await;
        let page = server.search(&format!("{DOCTORS}&active=true")).await;
        assert_eq!(page["total"], 2);
        assert_eq!(link(&page, "self").as_deref(), Some(&*format!("{BASE}{DOCTORS}&active=true")));
        assert_eq!(page["entry"][0]["fullUrl"], format!("{BASE}/Practitioner/003-1-1"));
    }

    async fn search_published_delta_calls_are_answered(server: DirectoryServer) {
        assert_found(&server, &[
            ("/Practitioner?qualification-code=10&_lastUpdated=ge2025-05-27", &["003-2-2", "003-4-4"]),
            ("/Practitioner?_lastUpdated=ge2025-05-28", &["003-3-3", "003-4-4", "003-9-9"]),
            ("/Practitioner?_lastUpdated=ge2025-05-27&_lastUpdated=lt2025-05-30", &["003-2-2", "003-3-3"]),
            ("/Practitioner?_lastUpdated=gt2025-05-30", &["003-9-9"]),
            ("/Practitioner?_lastUpdated=2025-05-27T08:16", &["003-2-2"]),
            ("/Practitioner?_lastUpdated=gt2025-05-27T10:16:30.020%2B02:00&_lastUpdated=lt2025-05-28", &["003-2-2"]),
            ("/Device?_lastUpdated=lt2022", &[]),
        ]).await;
    }

    async fn search_published_mailbox_calls_are_answered(server: DirectoryServer) {
        let labs = format!("/Organization?type={SECTOR}SA25%2C{SECTOR}SA29&mailbox-mss:contains=%40");
        let pharmacies = format!("/Organization?type={SECTOR}SA33,{SECTOR}SA38,SA39,SA65&mailbox-mss%3Acontains=@");
        assert_found(&server, &[
            ("/Practitioner?mailbox-mss:contains=%40", &["003-1-1", "003-3-3"]),
            ("/Practitioner?mailbox-mss:contains=@medecin.mssante.fr", &["003-1-1"]),
            ("/PractitionerRole?mailbox-mss:contains=%40", &["005-1-1", "005-3-1"]),
            ("/PractitionerRole?mailbox-mss:contains=@medecin.mssante.fr", &["005-1-1"]),
            ("/PractitionerRole?mailbox-mss:contains=apycript.org", &["005-3-1"]),
            ("/Organization?mailbox-mss:contains=%40", &["001-01-1", "001-01-3", "001-01-4", "001-02-1"]),
            ("/Organization?mailbox-mss:contains=@ch-dax.mssante.fr", &["001-02-1"]),
            (&format!("/Organization?type={SECTOR}SA05&mailbox-mss:contains=%40"), &["001-01-1"]),
            (&labs, &[]),
            (&pharmacies, &["001-01-3"]),
            ("/Organization?mailbox-mss-type=ORG", &["001-01-1", "001-01-4", "001-02-1"]),
        ]).await;
        let page = server.search(&format!("/Organization?type={SECTOR}SA05&_revinclude=PractitionerRole:organization")).await;
        assert_eq!((matches(&page), &page["total"]), (vec!["001-01-1".to_owned()], &json!(1)));
        assert_eq!(included(&page), ["005-1-1", "005-2-1"]);
        let people: Vec<_> = ["005-1-1", "005-2-1"].iter().zip(["003-1-1", "003-2-2"]).collect();
        for (role, person) in people {
            let path = format!("/Practitioner?_id={person}&_revinclude=PractitionerRole:practitioner");
            let page = server.search(&path).await;
            assert_eq!(matches(&page), [person]);
            assert!(included(&page).contains(&(*role).to_owned()));
        }
    }

    async fn search_practitioners_by_every_parameter(server: DirectoryServer) {
        assert_found(&server, &[
            ("/Practitioner?identifier=10001234567", &["003-1-1"]),
            ("/Practitioner?identifier=https%3A%2F%2Frpps.esante.gouv.fr%7C10001234567", &["003-1-1"]),
            ("/Practitioner?identifier=https://rpps.esante.gouv.fr|10001234567", &["003-1-1"]),
            ("/Practitioner?identifier=810001234567", &["003-1-1"]),
            ("/Practitioner?identifier=10009999999", &[]),
            ("/Practitioner?identifier=10001234567,10001234568", &["003-1-1", "003-2-2"]),
            ("/Practitioner?_id=003-1-1", &["003-1-1"]),
            ("/Practitioner?_id=003-1-1,003-9-9,003-0-0", &["003-1-1", "003-9-9"]),
            ("/Practitioner?family=aub", &["003-1-1"]),
            ("/Practitioner?given:exact=Hélène", &["003-1-1"]),
            ("/Practitioner?given:exact=Helene", &[]),
            ("/Practitioner?name:family=MASI&name:given=BRUNO", &["003-2-2"]),
            ("/Practitioner?number-smartcard=3100345668", &["003-1-1"]),
            ("/Practitioner?type-smartcard=CPS", &["003-1-1"]),
            ("/Practitioner?active=false", &["003-4-4", "003-9-9"]),
            ("/Practitioner?qualification-code=SM26", &["003-1-1"]),
        ]).await;
    }

    async fn search_roles_by_every_parameter(server: DirectoryServer) {
        assert_found(&server, &[
            ("/PractitionerRole?practitioner=003-1-1", &["005-1-1", "005-1-2"]),
            ("/PractitionerRole?practitioner=Practitioner/003-1-1,003-2-2", &["005-1-1", "005-1-2", "005-2-1"]),
            ("/PractitionerRole?organization=Organization/001-01-1", &["005-1-1", "005-2-1"]),
            ("/PractitionerRole?identifier=1013186038", &["005-1-1"]),
            ("/PractitionerRole?_id=005-1-1", &["005-1-1"]),
            (&format!("/PractitionerRole?role={}%7C318", nos("R85-RolePriseCharge")), &["005-1-2"]),
            (&format!("/PractitionerRole?role={}|A", nos("R06-SectionTableauCNOP")), &["005-3-1"]),
            ("/PractitionerRole?role=GENR01&role=L", &["005-1-1", "005-2-1"]),
            ("/PractitionerRole?role=40&role=E", &[]),
            ("/PractitionerRole?organization.identifier=750000011", &["005-1-1", "005-2-1"]),
            ("/PractitionerRole?practitioner.identifier=10001234569", &["005-3-1"]),
            ("/PractitionerRole?organization.address-postalcode=78", &["005-1-2"]),
        ]).await;
        assert_found(&server, &[
            ("/Practitioner?_has:PractitionerRole:practitioner:role=318", &["003-1-1"]),
            ("/Organization?_has:PractitionerRole:organization:role=318", &["001-01-2"]),
        ]).await;
    }

    async fn search_organizations_by_every_parameter(server: DirectoryServer) {
        assert_found(&server, &[
            ("/Organization?name:contains=imagerie,centre", &["001-01-1", "001-01-2", "001-01-3"]),
            ("/Organization?name:contains=ANDRE&name:contains=MIGNOT", &["001-01-2"]),
            ("/Organization?name=centre", &["001-01-1"]),
            ("/Organization?name:exact=PHARMACIE+DU+CENTRE", &["001-01-3"]),
            ("/Organization?address-postalcode=75016&address-city=PARIS", &["001-01-1"]),
            ("/Organization?address-postalcode=78", &["001-01-2", "001-01-4"]),
            ("/Organization?address-city=PARIS", &["001-01-1", "001-01-3", "001-02-1"]),
            ("/Organization?address-line:contains=mozart", &["001-01-1"]),
            ("/Organization?data-information-system=RPPS", &["001-01-3"]),
            ("/Organization?data-information-system=FINESS&active=false", &["001-01-9"]),
            ("/Organization?identifier=https%3A%2F%2Ffiness.esante.gouv.fr%7C&active=true",
                &["001-01-1", "001-01-2", "001-01-4", "001-02-1"]),
            (&format!("/Organization?identifier={FINESS}|750000011,{FINESS}|780000012"), &["001-01-1", "001-01-2"]),
            ("/Organization?identifier-type=SIRET", &["001-01-3"]),
            ("/Organization?type=GEOGRAPHICAL-ENTITY", &["001-01-1", "001-01-2", "001-01-3", "001-01-4"]),
            (&format!("/Organization?type={}|86.23Z", nos("R75-InseeNAFrev2Niveau5")), &["001-01-1"]),
            ("/Organization?partof=001-02-1", &["001-01-1", "001-01-2"]),
            ("/Organization?pharmacy-licence=75%23", &["001-01-3"]),
            ("/Organization?type=SA33,SA38,SA39,SA65", &["001-01-3"]),
            (&format!("/Organization?identifier=https%3A%2F%2Ffiness.esante.gouv.fr%7C&type={CATEGORIES}"), &["001-01-4"]),
            (&format!("/Organization?identifier={FINESS}|&type=SA01,SA02,SA03,SA04,SA17,SA30,SA34,SA36&type:not={CATEGORIES}"),
                &["001-02-1"]),
        ]).await;
    }

    async fn search_services_and_devices_by_every_parameter(server: DirectoryServer) {
        let profile = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-healthcareservice-social-equipment";
        assert_found(&server, &[
            (&format!("/HealthcareService?_profile={profile}"), &["004-1-02"]),
            (&format!("/HealthcareService?characteristic={}|07", nos("R276-FormeActivite")), &["004-1-01"]),
            (&format!("/HealthcareService?characteristic={}%7C11", nos("R209-TypeActivite")), &["004-1-02"]),
            ("/HealthcareService?identifier=52-52-49883", &["004-1-01"]),
            ("/HealthcareService?organization=001-01-1", &["004-1-01"]),
            ("/HealthcareService?_id=004-1-01", &["004-1-01"]),
            (&format!("/Device?type={}|05602", nos("R272-EquipementMaterielLourd")), &["002-1", "002-3"]),
            ("/Device?identifier=32-31-1156,93-93-4364", &["002-2", "002-3"]),
            ("/Device?status=inactive", &["002-2"]),
            ("/Device?status=active", &["002-1", "002-3"]),
            ("/Device?organization=Organization/001-01-2", &["002-1", "002-2"]),
            ("/Device?_id=002-1", &["002-1"]),
            ("/Device?_count=1000", &["002-1", "002-2", "002-3"]),
        ]).await;
    }

    async fn search_by_post_finds_what_get_finds(server: DirectoryServer) {
        for (path, query) in [
            ("/Practitioner", "qualification-code=10&active=true"),
            ("/Practitioner", "mailbox-mss%3Acontains=%40medecin.mssante.fr"),
            ("/Organization", "type=SA05&_revinclude=PractitionerRole:organization"),
            ("/Organization", &format!("type={CATEGORIES}&_total=none")),
            ("/PractitionerRole", "_include=*&_count=2"),
            ("/PractitionerRole", "mailbox-mss:contains=@&_elements=identifier,telecom"),
            ("/Device", ""),
        ] {
            let mut got = server.search(&format!("{path}?{query}")).await;
            for (path, form) in [
                (format!("{path}/_search"), query),
                (path.to_owned(), query),
                (format!("{path}/_search?{query}&_pretty=true"), ""),
                (format!("{path}?_format=application%2Ffhir%2Bxml"), query),
            ] {
                let mut posted = server.post(&path, form).await.expect(200).json();
                let url = link(&posted, "self").expect("a link");
                assert!(!url.contains('?'), "{url}");
                without_what_differs(&mut posted);
                without_what_differs(&mut got);
                assert_eq!(posted, got, "{path} {form}");
            }
        }
        let both = server.post("/Practitioner/_search?active=true", "qualification-code=10").await.expect(200).json();
        assert_eq!(matches(&both), ["003-1-1", "003-2-2"]);
        let untyped = server.request("POST", "/Practitioner/_search", &[], "active=false").await.expect(200);
        assert_eq!(matches(&untyped.json()), ["003-4-4", "003-9-9"]);
    }

    async fn search_bundle_keys_are_in_the_national_order(server: DirectoryServer) {
        let bundle = server.search("/PractitionerRole?_count=2&_include=PractitionerRole:organization").await;
        assert_eq!(keys(&bundle), ["resourceType", "type", "id", "total", "entry", "link"]);
        assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("searchset")));
        let id = bundle["id"].as_str().expect("an id");
        assert!(id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4, "{id}");
        for entry in bundle["entry"].as_array().expect("entries") {
            assert_eq!(keys(entry), ["fullUrl", "resource", "search"]);
            let resource = &entry["resource"];
            let url = format!("{BASE}/{}/{}", resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"));
            assert_eq!(entry["fullUrl"], url);
        }
        let relations: Vec<_> = bundle["link"].as_array().expect("links").iter().map(|link| &link["relation"]).collect();
        assert_eq!(relations, ["next", "self"]);
        let none = server.search("/Practitioner?identifier=nobody").await;
        assert_eq!(keys(&none), ["resourceType", "type", "id", "total", "link"]);
        assert_eq!(none["total"], 0);
    }

    async fn search_total_is_present_unless_none(server: DirectoryServer) {
        for (query, total) in [
            ("", json!(5)),
            ("&_total=accurate", json!(5)),
            ("&_total=estimate", json!(5)),
            ("&_total=none", Value::Null),
            ("&_count=0", json!(5)),
            ("&_count=2", json!(5)),
            ("&_id=003-1-1", json!(1)),
            ("&_id=003-1-1&_total=none", Value::Null),
            ("&identifier=10001234567,10001234568&_count=1", json!(2)),
        ] {
            let bundle = server.search(&format!("/Practitioner?_format=json{query}")).await;
            assert_eq!(bundle["total"], total, "{query}");
        }
        for query in ["_count=0", "_summary=count", "_summary=count&_count=2", "_count=0&_total=accurate"] {
            let counted = server.search(&format!("/Practitioner?active=true&{query}")).await;
            assert_eq!((counted.get("entry"), link(&counted, "next"), &counted["total"]), (None, None, &json!(3)), "{query}");
        }
    }

    async fn search_elements_marks_resources_as_subsetted(server: DirectoryServer) {
        let page = server.search("/PractitionerRole?mailbox-mss:contains=%40&_elements=identifier,telecom&_include=PractitionerRole:practitioner&_count=1").await;
        for page in [page.clone(), server.follow(&page, "next").await.expect(200).json()] {
            let resource = &page["entry"][0]["resource"];
            assert_eq!(keys(resource), ["resourceType", "id", "meta", "identifier", "active", "practitioner", "telecom"]);
            let tag = json!({
                "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
                "code": "SUBSETTED",
                "display": "Resource encoded in summary mode",
            });
            assert_eq!(resource["meta"]["tag"], json!([tag]));
            assert_eq!(resource["meta"]["versionId"], "1");
            let along = &page["entry"][1]["resource"];
            assert!(along["name"].is_array() && along["meta"].get("tag").is_none(), "{along}");
        }
        let device = server.search("/Device?_elements=type&_count=1").await;
        let kept = ["resourceType", "id", "meta", "identifier", "status", "type"];
        assert_eq!(keys(&device["entry"][0]["resource"]), kept);
    }

    async fn search_period_by_the_prefixes_of_r4(server: DirectoryServer) {
        // 001-01-1 from 2010 on, 001-01-2 in 2015, 001-02-1 up to 2012.
        assert_found(&server, &[
            ("/Organization?period=2015", &["001-01-2"]),
            ("/Organization?period=2015-06", &[]),
            ("/Organization?period=ne2015", &["001-01-1", "001-02-1"]),
            ("/Organization?period=gt2015", &["001-01-1"]),
            ("/Organization?period=ge2015", &["001-01-1", "001-01-2"]),
            ("/Organization?period=lt2015", &["001-01-1", "001-02-1"]),
            ("/Organization?period=le2015", &["001-01-1", "001-01-2", "001-02-1"]),
            ("/Organization?period=sa2009", &["001-01-1", "001-01-2"]),
            ("/Organization?period=sa2012", &["001-01-2"]),
            ("/Organization?period=eb2016", &["001-01-2", "001-02-1"]),
            ("/Organization?period=eb2013", &["001-02-1"]),
            ("/Organization?period=eb2012", &[]),
            ("/Organization?period=ap2015", &["001-01-1", "001-01-2"]),
            ("/Organization?period=le9999-12-31T23:59:59.9999999999Z", &["001-01-1", "001-01-2", "001-02-1"]),
            ("/Organization?period=gt9999", &["001-01-1"]),
            ("/Organization?period=ge0001&period=sa2014", &["001-01-2"]),
            ("/PractitionerRole?organization.period=sa2009", &["005-1-1", "005-1-2", "005-2-1"]),
            ("/Device?_lastUpdated=le9999-12-31", &["002-1", "002-2", "002-3"]),
            ("/Device?_lastUpdated=sa0001&_lastUpdated=eb9999-12-31T23:59:60-14:00", &["002-1", "002-2", "002-3"]),
        ]).await;
    }

    async fn search_escapes_are_read_in_every_parameter_type(server: DirectoryServer) {
        let resource = json!({
            "resourceType": "Organization",
            "id": "001-01-6",
            "meta": { "lastUpdated": "2025-05-01T00:00:00Z" },
            "name": "SELARL DUPONT, MARTIN",
            "identifier": [{ "system": "urn:a,b", "value": r"x|y$z\" }],
            "address": [{ "city": r"A|B\C$D" }],
        });
        server.load(&[resource]).await;
        for query in [
            r"name:exact=SELARL DUPONT\, MARTIN",
            r"name:exact=x,SELARL DUPONT\, MARTIN",
            r"name=selarl dupont\,",
            r"name:contains=t\, m",
            r"identifier=urn:a\,b|x\|y\$z\\",
            r"identifier=x\|y\$z\\",
            r"identifier=|x\|y\$z\\",
            r"identifier=urn:a\,b|",
            r"identifier=y,urn:a\,b|",
            r"address-city:exact=A\|B\\C\$D",
            r"address:contains=\|b\\c\$",
            r"_id=001\-01\-6",
        ] {
            let query = query.replace('\\', "%5C").replace(' ', "%20").replace('|', "%7C");
            let page = server.search(&format!("/Organization?{query}")).await;
            assert_eq!(matches(&page), ["001-01-6"], "{query}");
        }
        for query in ["name:exact=SELARL%20DUPONT,%20MARTIN", "identifier=urn:a,b|", r"identifier=x%5C%5C%7Cy"] {
            assert!(!matches(&server.search(&format!("/Organization?{query}")).await).contains(&"001-01-6".to_owned()), "{query}");
        }
    }

    async fn search_empty_parameters_are_ignored_and_not_in_links(server: DirectoryServer) {
        let all = server.search("/Practitioner").await;
        for query in [
            "active=", "_count=", "_format=", "_sort=", "_summary=", "_elements=,", "_include=", "_total=&family=&x=", "family=%20", "&&", "active",
        ] {
            let page = server.search(&format!("/Practitioner?{query}")).await;
            assert_eq!((matches(&page), &page["total"]), (matches(&all), &all["total"]), "{query}");
            assert_eq!(link(&page, "self"), link(&all, "self"), "{query}");
            let page = server.search(&format!("/Practitioner?{query}&active=false&_count=1&{query}")).await;
            assert_eq!(link(&page, "self"), Some(format!("{BASE}/Practitioner?active=false&_count=1")), "{query}");
            assert_eq!((matches(&page), &page["total"]), (vec!["003-4-4".to_owned()], &json!(2)), "{query}");
            assert_eq!(matches(&server.follow(&page, "next").await.expect(200).json()), ["003-9-9"], "{query}");
        }
    }

    async fn search_lenient_unknown_parameters_are_reported_and_left_out(server: DirectoryServer) {
        let lenient = [("prefer", "handling=lenient"), ("accept-language", "en"), ("content-type", "application/x-www-form-urlencoded")];
        let query = "foo=1&active=false&_sort=family&organization.foo=1&_count=1&foo:exact=2";
        let page = server.request("GET", &format!("/Practitioner?{query}"), &lenient, "").await.expect(200).json();
        assert_eq!((matches(&page), &page["total"]), (vec!["003-4-4".to_owned()], &json!(2)));
        assert_eq!(link(&page, "self"), Some(format!("{BASE}/Practitioner?active=false&_count=1")));
        let told = page["entry"].as_array().and_then(|entries| entries.last()).expect("an entry");
        assert_eq!((&told["search"]["mode"], &told["resource"]["resourceType"]), (&json!("outcome"), &json!("OperationOutcome")));
        let issues = told["resource"]["issue"].as_array().expect("issues");
        let places: Vec<_> = issues.iter().map(|issue| &issue["expression"][0]).collect();
        assert_eq!(places, ["http.foo", "http._sort", "http.organization.foo", "http.foo:exact"]);
        for issue in issues {
            assert_eq!((&issue["severity"], &issue["details"]["coding"][0]["code"]), (&json!("warning"), &json!("query-ignored")));
            assert!(issue["details"]["text"].as_str().is_some_and(|text| text.contains("was ignored") && text.contains("active")));
        }
        // The next page has been told.
        let next = server.follow(&page, "next").await.expect(200).json();
        assert_eq!((matches(&next), entries(&next, "outcome").len()), (vec!["003-9-9".to_owned()], 0));
        let posted = server.request("POST", "/Practitioner/_search", &lenient, query).await.expect(200).json();
        assert_eq!((matches(&posted), entries(&posted, "outcome").len()), (matches(&page), 1));
        let counted = server.request("GET", "/Practitioner?foo=1&_count=0", &lenient, "").await.expect(200).json();
        assert_eq!((&counted["total"], entries(&counted, "outcome").len()), (&json!(5), 1));
        // What is malformed, modifiers and reads stay strict, and so does a search that says nothing or the contrary.
        for (path, rule) in [
            ("/Practitioner?active=TRUE", "annuaire-value"),
            ("/Practitioner?_count=x", "annuaire-value"),
            ("/Practitioner?active:exact=true", "annuaire-modifier"),
            ("/Practitioner?_include=x", "annuaire-include"),
            ("/Practitioner/003-1-1?foo=1", "annuaire-parameter"),
        ] {
            server.request("GET", path, &lenient, "").await.refused(400, rule);
        }
        for prefer in ["handling=strict", "handling=strict, handling=lenient", "return=minimal", ""] {
            let headers = [("prefer", prefer)];
            server.request("GET", "/Practitioner?foo=1", &headers, "").await.refused(400, "annuaire-parameter");
        }
    }

    async fn summary_of_searches_and_reads_follows_r4(server: DirectoryServer) {
        let of = |query: &str| format!("/Organization/001-01-1?{query}");
        for (query, expected) in [
            ("_summary=true", vec!["identifier", "active", "type", "name", "partOf"]),
            ("_summary=text", vec!["identifier", "active"]),
            ("_summary=data&_elements=name", vec!["identifier", "active", "name"]),
            ("_summary=true&_elements=name,telecom", vec!["identifier", "active", "name"]),
            ("_elements=name,telecom", vec!["identifier", "active", "telecom", "name"]),
        ] {
            let read = server.get(&of(query)).await.expect(200).json();
            let mut found: Vec<_> = keys(&read).into_iter().filter(|name| !["resourceType", "id", "meta"].contains(name)).collect();
            let mut expected = expected;
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{query}");
            assert_eq!(read["meta"]["tag"][0]["code"], "SUBSETTED", "{query}");
            let page = server.search(&format!("/Organization?_id=001-01-1&{query}")).await;
            assert_eq!(page["entry"][0]["resource"], read, "{query}");
        }
        let whole = server.get(&of("")).await.expect(200).text;
        for query in ["_summary=false", "_summary=", "_elements=", "_elements=,&_summary=false&_format=json"] {
            assert_eq!(server.get(&of(query)).await.expect(200).text, whole, "{query}");
        }
        // A summary is of everything that comes; elements are of the matches.
        let path = "/PractitionerRole?_id=005-1-1&_include=PractitionerRole:practitioner";
        let summary = server.search(&format!("{path}&_summary=true")).await;
        assert!(summary["entry"][1]["resource"].get("qualification").is_none(), "{summary}");
        let elements = server.search(&format!("{path}&_elements=code")).await;
        assert!(elements["entry"][1]["resource"]["qualification"].is_array(), "{elements}");
    }

    async fn response_has_no_empty_member(server: DirectoryServer) {
        let lenient = [("prefer", "handling=lenient")];
        for path in [
            "/metadata", "/Practitioner", "/Practitioner?_count=0", "/Practitioner?_summary=count", "/Practitioner?identifier=nobody",
            "/Practitioner?active=", "/Practitioner?_count=1", "/Practitioner?foo=1", "/Practitioner?active=TRUE&_count=x", "/Patient", "/x/y/z",
            "/Practitioner/003-1-1", "/Practitioner/003-1-1?_summary=text", "/Practitioner/unknown", "/Practitioner?_elements=foo", "/_page", "/_page?id=x",
            "/PractitionerRole?_include=*&_summary=true", "/Organization?_revinclude=PractitionerRole:organization&_count=2", "/Device?_total=none",
        ] {
            for headers in [&[][..], &lenient] {
                let answer = server.request("GET", path, headers, "").await;
                assert_nothing_is_empty(&answer.json(), path);
            }
        }
        for form in ["", "active=", "identifier=nobody", "foo=1"] {
            assert_nothing_is_empty(&server.post("/Practitioner/_search", form).await.json(), form);
        }
    }

    async fn read_returns_the_resource_as_received(server: DirectoryServer) {
        for resource in crate::content::everything() {
            let path = format!("/{}/{}", resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"));
            let answer = server.get(&path).await.expect(200);
            assert_eq!(answer.text, resource.to_string());
        }
        server.get("/Practitioner/003%2D1%2D1?_format=xml&_pretty=true").await.expect(200);
        assert_eq!(server.get(&format!("/Practitioner?identifier={RPPS}|&_count=1")).await.expect(200).json()["total"], 5);
    }

    async fn route_path_of_the_base_url_is_served(server: DirectoryServer) {
        for path in ["/annuaire/fhir/v2/Device", "/ans/annuaire/fhir/v2/Device"] {
            let request = axum::extract::Request::builder().uri(path).header("host", "other.localhost");
            let answer = server.send(request.body(axum::body::Body::empty()).expect("a request")).await.expect(200);
            assert_eq!(link(&answer.json(), "self"), Some(format!("{BASE}/Device")));
        }
    }

    async fn search_raw_and_encoded_letters_find_the_same(server: DirectoryServer) {
        for path in [
            "/Practitioner?given=h%C3%A9l%C3%A8ne",
            "/Practitioner?given=hélène",
            "/Practitioner?given=HELENE",
            "/Practitioner?given%3Acontains=%6cene&identifier=urn%3Aoid%3A1.2.250.1.71.4.2.1%7C810001234567",
        ] {
            let page = server.search(path).await;
            assert_eq!(matches(&page), ["003-1-1"], "{path}");
            assert_eq!(link(&page, "self"), Some(format!("{BASE}{path}")));
        }
    }

    async fn negotiation_every_accept_gets_json(server: DirectoryServer) {
        for accept in ["application/json", "application/fhir+xml", "text/html", "*/*", "nonsense"] {
            for path in ["/Device", "/Device/002-1", "/metadata", "/Device?_format=xml", "/Device/002-1?_format=html"] {
                server.request("GET", path, &[("accept", accept)], "").await.expect(200);
            }
        }
        let found = server.request("HEAD", "/Device", &[], "").await.expect(200);
        assert_eq!(found.text, "");
        server.request("HEAD", "/Device/002-1", &[], "").await.expect(200);
        assert_eq!(server.get("/Device/").await.expect(200).json()["total"], 3);
    }
}

/// What two bundles of the same search do not share.
fn without_what_differs(bundle: &mut Value) {
    let bundle = bundle.as_object_mut().expect("a bundle");
    bundle.shift_remove("id");
    bundle.shift_remove("link");
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The categories of the couloir « médico-social » of the Ségur.
const CATEGORIES: &str = "159,165,166,172,175,176,177,178,180,182,183,186,188,189,190,192,194,195,196,197,198,202,207,209,213,221,236,238,241,246,247,249,252,253,255,286,295,344,354,370,377,378,379,381,382,390,395,396,402,411,418,427,437,440,441,445,446,448,449,453,460,462,500,501,502,608";
