use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::annuaire::search::parameter;
use crate::annuaire::search::{Criterion, Include, Matching, Token};
use crate::annuaire::store::index_entry::Field;
use crate::fhir::date::Range;
use crate::fhir::query::date::{Comparison, DateBound};
use crate::issue::Language;
use DirectoryType::{Device, HealthcareService, Organization, Practitioner, PractitionerRole};

fn now() -> Timestamp {
    at("2025-06-01T00:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// `a=b&c=d`, decoded already.
fn parsed(resource_type: DirectoryType, query: &str) -> Result<Search, Error> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    parse(resource_type, &pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), now())
}

fn search(resource_type: DirectoryType, query: &str) -> Search {
    parsed(resource_type, query).unwrap_or_else(|error| panic!("{query}: {:?}", error.issues()))
}

fn criteria(resource_type: DirectoryType, query: &str) -> Vec<Criterion> {
    search(resource_type, query).criteria
}

/// The rule, place and diagnostics of each issue.
fn refused(resource_type: DirectoryType, query: &str) -> Vec<(&'static str, String, String)> {
    let Err(Error::NotFhir(issues)) = parsed(resource_type, query) else { panic!("{query} is not refused") };
    for issue in &issues {
        for language in [Language::French, Language::English] {
            let text = issue.text(language);
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }
    let told = issues.into_iter();
    told.map(|issue| (issue.rule.id, issue.expression, issue.diagnostics.unwrap_or_default())).collect()
}

fn assert_refused(resource_type: DirectoryType, query: &str, rule: &str, diagnostics: &str) {
    let told = refused(resource_type, query);
    let [(told_rule, place, told_diagnostics)] = told.as_slice() else { panic!("{query}: {told:?}") };
    assert_eq!((*told_rule, told_diagnostics.as_str()), (rule, diagnostics), "{query}");
    let name = query.split('=').next().unwrap_or_default();
    assert!(format!("http.{name}").starts_with(place.as_str()), "{query}: {place}");
}

fn code(code: &str) -> Token {
    Token::Code(code.into())
}

fn both(system: &str, code: &str) -> Token {
    Token::Both { system: system.into(), code: code.into() }
}

fn token(field: Field, values: impl Into<Vec<Token>>) -> Criterion {
    Criterion::Token { field, values: values.into(), not: false }
}

fn text(fields: &'static [Field], matching: Matching, values: &[&str]) -> Criterion {
    Criterion::Text { fields, matching, values: values.iter().map(|value| (*value).to_owned()).collect() }
}

fn reference(field: Field, ids: &[&str]) -> Criterion {
    Criterion::Reference { field, ids: ids.iter().map(|id| (*id).to_owned()).collect() }
}

fn bound(comparison: Comparison, start: &str, end: &str) -> DateBound {
    DateBound { comparison, range: Range { start: at(start), end: at(end) } }
}

#[test]
fn query_empty_searches_everything() {
    let everything = search(Device, "");
    assert_eq!((everything.resource_type, everything.count, everything.total), (Device, 50, Total::BestEffort));
    assert!(everything.criteria.is_empty() && everything.subset == Subset::default() && everything.includes.is_empty());
    assert_eq!(search(Device, "_format=json&_pretty=true&_format="), everything);
}

#[test]
fn query_published_requests_are_parsed() {
    let profession = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante";
    let active = || token(Field::Active, [code("true")]);
    assert_eq!(
        criteria(Practitioner, &format!("qualification-code={profession}|10&active=true")),
        [token(Field::QualificationCode, [both(profession, "10")]), active()]
    );
    assert_eq!(
        criteria(Practitioner, "qualification-code=10&_lastUpdated=ge2025-05-27"),
        [
            token(Field::QualificationCode, [code("10")]),
            Criterion::LastUpdated(vec![bound(
                Comparison::GreaterOrEqual,
                "2025-05-27T00:00:00Z",
                "2025-05-28T00:00:00Z"
            )]),
        ]
    );
    let mailbox = |value| text(&[Field::MailboxMss], Matching::Contains, &[value]);
    for resource_type in [Practitioner, PractitionerRole, Organization] {
        assert_eq!(criteria(resource_type, "mailbox-mss:contains=@"), [mailbox("@")]);
    }
    let sector = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite";
    assert_eq!(
        criteria(Organization, &format!("type={sector}|SA25,{sector}|SA29&mailbox-mss:contains=@ch-dax.mssante.fr")),
        [token(Field::Type, [both(sector, "SA25"), both(sector, "SA29")]), mailbox("@ch-dax.mssante.fr")]
    );
}

#[test]
fn query_string_modifiers_are_parsed() {
    let name: &[Field] = &[Field::Family, Field::Given, Field::Name];
    let cases = [
        ("name=An dré", text(name, Matching::Prefix, &["An dré"])),
        ("name:contains=ANDRE,b", text(name, Matching::Contains, &["ANDRE", "b"])),
        ("name:exact= x ", text(name, Matching::Exact, &[" x "])),
        ("name:text=x", text(name, Matching::Prefix, &["x"])),
        ("family:text=x", text(&[Field::Family], Matching::Prefix, &["x"])),
        ("name:family=MASI", text(&[Field::Family], Matching::Prefix, &["MASI"])),
        ("name:given=BRUNO", text(&[Field::Given], Matching::Prefix, &["BRUNO"])),
        ("family=a.*|b\\", text(&[Field::Family], Matching::Prefix, &["a.*|b\\"])),
        (r"name:exact=SELARL DUPONT\, MARTIN,x", text(name, Matching::Exact, &["SELARL DUPONT, MARTIN", "x"])),
        (r"name:contains=a\,b\|c\$d\\,e", text(name, Matching::Contains, &[r"a,b|c$d\", "e"])),
        (r"family=\\,b", text(&[Field::Family], Matching::Prefix, &["\\", "b"])),
    ];
    for (query, expected) in cases {
        assert_eq!(criteria(Practitioner, query), [expected], "{query}");
    }
    assert_eq!(criteria(Organization, "name=x"), [text(&[Field::Name], Matching::Prefix, &["x"])]);
}

#[test]
fn query_token_forms_are_parsed_and_trimmed() {
    let type_is = |token_: Token| vec![token(Field::Type, [token_])];
    let cases = [
        ("type=124", type_is(code("124"))),
        ("type= 124 ", type_is(code("124"))),
        ("type=|124", type_is(code("124"))),
        ("type=urn:x|124", type_is(both("urn:x", "124"))),
        ("type= urn:x | 124 ", type_is(both("urn:x", "124"))),
        ("type=urn:x|", type_is(Token::System("urn:x".into()))),
        (r"type=urn:x|a\|b", type_is(both("urn:x", "a|b"))),
        (r"type=a\|b\,c\$\\", type_is(code(r"a|b,c$\"))),
        (r"type=urn:x\,y|a,b", vec![token(Field::Type, [both("urn:x,y", "a"), code("b")])]),
        ("type=159,,165", vec![token(Field::Type, [code("159"), code("165")])]),
        ("type=SA01&type=SA02", [type_is(code("SA01")), type_is(code("SA02"))].concat()),
    ];
    for (query, expected) in cases {
        assert_eq!(criteria(Organization, query), expected, "{query}");
    }
    for value in ["urn:x|a|b", "|", "a,urn:x|a|b", "||a"] {
        assert_refused(Organization, &format!("type={value}"), "annuaire-value", "Bad parameter value.");
    }
    assert_eq!(
        criteria(Organization, "type:not=urn:x|159,165"),
        [Criterion::Token { field: Field::Type, values: vec![both("urn:x", "159"), code("165")], not: true }]
    );
}

#[test]
fn query_token_unknown_code_of_a_code_set_is_malformed() {
    for (resource_type, parameter, good, bad) in [
        (
            Practitioner,
            "active",
            "true",
            ["TRUE", "1", "yes", "true,False", "http://other|true", "http://hl7.org/fhir/special-values|TRUE"],
        ),
        (
            Organization,
            "active:not",
            "false",
            ["TRUE", "0", "no", "true,,x", "http://other|", "http://hl7.org/fhir/device-status|true"],
        ),
        (PractitionerRole, "organization.active", "|true", ["|TRUE", "t", "vrai", "true,T", "a|true", "true|"]),
        (
            Device,
            "status",
            "active",
            [
                "ACTIVE",
                "Active",
                "booked",
                "active,x",
                "http://other|active",
                "http://hl7.org/fhir/device-status|ACTIVE",
            ],
        ),
    ] {
        assert_eq!(criteria(resource_type, &format!("{parameter}={good}")).len(), 1, "{parameter}={good}");
        for value in bad {
            assert_refused(resource_type, &format!("{parameter}={value}"), "annuaire-value", "Bad parameter value.");
        }
    }
    for system in ["http://hl7.org/fhir/device-status", "http://hl7.org/fhir/special-values"] {
        let (resource_type, parameter) =
            if system.ends_with("status") { (Device, "status") } else { (Practitioner, "active") };
        assert_eq!(criteria(resource_type, &format!("{parameter}={system}|")).len(), 1);
    }
}

#[test]
fn query_token_system_aliases_are_resolved() {
    for system in ["http://hl7.org/fhir/special-values", "http://hl7.org/fhir/ValueSet/special-values"] {
        let expected = both("http://hl7.org/fhir/special-values", "true");
        assert_eq!(criteria(Practitioner, &format!("active={system}|true")), [token(Field::Active, [expected])]);
    }
    let r257 = "https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL";
    for system in [r257, "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie"] {
        let query = format!("mailbox-mss-type={system}|PER");
        assert_eq!(criteria(Practitioner, &query), [token(Field::MailboxMssType, [both(r257, "PER")])]);
    }
}

#[test]
fn query_reference_forms_are_parsed() {
    let organization = |ids: &[&str]| [reference(Field::Organization, ids)];
    let cases: [(&str, &[&str]); 5] = [
        ("organization=001-01-7", &["001-01-7"]),
        ("organization=Organization/001-01-7", &["001-01-7"]),
        ("organization=a, Organization/b ,", &["a", "b"]),
        ("organization:Organization=a", &["a"]),
        // A character that needs no escape may have one.
        (r"organization=a\-b", &["a-b"]),
    ];
    for (query, ids) in cases {
        for resource_type in [PractitionerRole, Device, HealthcareService] {
            assert_eq!(criteria(resource_type, query), organization(ids), "{query}");
        }
    }
    for value in ["https://example.org/Organization/1", "Organization/1/2", "Practitioner/1", "/1", "a/", "é", "#a"] {
        let query = format!("organization={value}");
        assert_refused(PractitionerRole, &query, "annuaire-value", "Bad parameter value.");
    }
    let told = "Parameter organization:Practitioner not found for resource PractitionerRole";
    assert_refused(PractitionerRole, "organization:Practitioner=1", "annuaire-modifier", told);
}

#[test]
fn query_ids_and_profiles_are_compared_exactly() {
    assert_eq!(
        criteria(Practitioner, "_id=003-32783-88722, x,"),
        [Criterion::Id(vec!["003-32783-88722".into(), "x".into()])]
    );
    for value in ["a_b", "x,é", "a b", "Practitioner/1", "|1", &"x".repeat(65)] {
        assert_refused(Practitioner, &format!("_id={value}"), "annuaire-value", "Bad parameter value.");
    }
    let url = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-dp-healthcareservice-social-equipment|1.2";
    assert_eq!(criteria(HealthcareService, &format!("_profile={url}")), [token(Field::Profile, [code(url)])]);
    let told = "Parameter _profile not found for resource Device";
    assert_refused(Device, &format!("_profile={url}"), "annuaire-parameter", told);
}

#[test]
fn query_date_stands_for_its_precision_in_utc() {
    let cases = [
        ("2025", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2025-02", "2025-02-01T00:00:00Z", "2025-03-01T00:00:00Z"),
        ("2025-05-27", "2025-05-27T00:00:00Z", "2025-05-28T00:00:00Z"),
        ("2025-08-05T14:51", "2025-08-05T14:51:00Z", "2025-08-05T14:52:00Z"),
        ("2025-08-05T14:51:04", "2025-08-05T14:51:04Z", "2025-08-05T14:51:05Z"),
        ("2025-08-05T14:51:04Z", "2025-08-05T14:51:04Z", "2025-08-05T14:51:05Z"),
        ("2025-08-05T14:51:04+02:00", "2025-08-05T12:51:04Z", "2025-08-05T12:51:05Z"),
        ("2025-08-05T14:51:04 02:00", "2025-08-05T12:51:04Z", "2025-08-05T12:51:05Z"),
        ("2025-08-05T14:51:04.335", "2025-08-05T14:51:04.335Z", "2025-08-05T14:51:04.336Z"),
        ("2025-08-05T14:51:04.335999Z", "2025-08-05T14:51:04.335Z", "2025-08-05T14:51:04.336Z"),
        (" 2025 ", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ];
    for (date, start, end) in cases {
        let expected = Criterion::LastUpdated(vec![bound(Comparison::Equal, start, end)]);
        assert_eq!(criteria(Device, &format!("_lastUpdated={date}")), [expected], "{date}");
    }
}

#[test]
fn query_date_prefixes_are_parsed() {
    let year = |comparison| bound(comparison, "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z");
    let cases = [
        ("eq", Comparison::Equal),
        ("ne", Comparison::NotEqual),
        ("gt", Comparison::Greater),
        ("sa", Comparison::StartsAfter),
        ("lt", Comparison::Less),
        ("eb", Comparison::EndsBefore),
        ("ge", Comparison::GreaterOrEqual),
        ("le", Comparison::LessOrEqual),
    ];
    for (prefix, comparison) in cases {
        let found = criteria(Organization, &format!("_lastUpdated={prefix}2020&period={prefix}2020"));
        let expected = vec![year(comparison)];
        assert_eq!(found, [Criterion::LastUpdated(expected.clone()), Criterion::Period(Field::Period, expected)]);
    }
    // Ten days before now: within one day.
    let near = bound(Comparison::Approximate, "2025-05-21T00:00:00Z", "2025-05-24T00:00:00Z");
    assert_eq!(criteria(Device, "_lastUpdated=ap2025-05-22"), [Criterion::LastUpdated(vec![near])]);
    let either = Criterion::LastUpdated(vec![year(Comparison::Equal), year(Comparison::Less)]);
    assert_eq!(criteria(Device, "_lastUpdated=2020,lt2020"), [either]);
    assert_eq!(criteria(Device, "_lastUpdated=ge2020&_lastUpdated=lt2020").len(), 2);
    for date in
        ["x", "ge", "xx2020", "2020-13", "2020-1", "27/05/2025", "2025-05-27T10", "ge2025-05-27 ge2026", "-2020"]
    {
        let query = format!("_lastUpdated={date}");
        assert_refused(Device, &query, "annuaire-value", "Invalid date/time format");
    }
}

#[test]
fn query_missing_is_a_modifier_of_every_parameter() {
    for resource_type in DirectoryType::ALL {
        for known in parameter::for_type(resource_type) {
            for (value, missing) in [("true", true), ("false,", false)] {
                let query = format!("{}:missing={value}", known.name);
                let expected = Criterion::Missing { fields: known.fields, missing };
                assert_eq!(criteria(resource_type, &query), [expected], "{query}");
            }
        }
    }
    for value in ["yes", "true,false", "TRUE"] {
        let query = format!("active:missing={value}");
        assert_refused(Organization, &query, "annuaire-value", "Bad parameter value.");
    }
}

#[test]
fn query_empty_values_are_ignored() {
    let of_organizations = "name=&type=,,&type:not=&active:missing=&_id= , &partof= &_lastUpdated=&_count=&_total=&_elements=,&_include=&_revinclude:iterate=";
    let of_roles = "organization.name=&organization:Organization=&practitioner.active:missing=";
    for (resource_type, query) in [
        (Organization, of_organizations),
        (PractitionerRole, of_roles),
        (Practitioner, "_has:PractitionerRole:practitioner:role="),
    ] {
        for part in query.split('&').chain([query]) {
            assert_eq!(search(resource_type, part), search(resource_type, ""), "{part}");
        }
    }
}

#[test]
fn query_unknown_parameter_or_modifier_is_refused() {
    for name in ["foo", "_since", "_sort", "_contained", "Identifier", "specialty", "foo:contains", "_has", ""] {
        let base = name.split(':').next().unwrap_or_default();
        let told = format!("Parameter {base} not found for resource Practitioner");
        assert_refused(Practitioner, &format!("{name}=1"), "annuaire-parameter", &told);
        if !name.is_empty() {
            assert_refused(Practitioner, &format!("{name}="), "annuaire-parameter", &told);
        }
    }
    let modifiers = [
        "name:foo",
        "name:not",
        "active:text",
        "identifier:of-type",
        "qualification-code:in",
        "_id:not",
        "_lastUpdated:exact",
        "name:family:exact",
        "active:",
        "family:family",
    ];
    for name in modifiers {
        let told = format!("Parameter {name} not found for resource Practitioner");
        assert_refused(Practitioner, &format!("{name}=1"), "annuaire-modifier", &told);
    }
    for name in ["_format:x", "_count:exact"] {
        let base = name.split(':').next().unwrap_or_default();
        let told = format!("Parameter {base} not found for resource Practitioner");
        assert_refused(Practitioner, &format!("{name}=1"), "annuaire-parameter", &told);
    }
    let told = "Parameter _include:foo not found for resource Device";
    assert_refused(Device, "_include:foo=Device:organization", "annuaire-parameter", told);
}

#[test]
fn query_summary_is_parsed_and_refused_where_r4_excludes_it() {
    for (value, summary) in [
        ("true", Summary::On),
        ("text", Summary::Text),
        ("data", Summary::Data),
        ("false", Summary::Off),
        ("", Summary::Off),
    ] {
        let found = search(Organization, &format!("_summary={value}&_elements=name"));
        assert_eq!((found.subset.summary, found.count, found.subset.elements.len()), (summary, DEFAULT_COUNT, 1));
    }
    assert_eq!(search(Organization, "_summary=count&_count=5").count, 0);
    for value in ["TRUE", "yes", "true,text", "all"] {
        assert_refused(Organization, &format!("_summary={value}"), "annuaire-value", "Bad parameter value.");
    }
    let told = refused(Organization, "_summary=true&_summary=data");
    assert_eq!(told[0].0, "annuaire-repeated");
    for include in ["_revinclude=PractitionerRole:organization", "_include=Organization:partof"] {
        assert_refused(Organization, &format!("_summary=text&{include}"), "annuaire-value", "Bad parameter value.");
        assert_eq!(search(Organization, &format!("_summary=data&{include}")).includes.len(), 1);
    }
    let read = |name: &str, value: &str| {
        parse_read_subset(Organization, &[(name.to_owned(), value.to_owned())].into_iter().collect())
    };
    assert_eq!(read("_summary", "true").map(|subset| subset.summary).ok(), Some(Summary::On));
    assert_eq!(read("_summary", "").ok(), Some(Subset::default()));
    assert_eq!(read("_elements", "name, telecom").map(|subset| subset.elements.len()).ok(), Some(2));
    for (name, value) in
        [("_summary", "count"), ("_summary", "x"), ("_elements", "a.b"), ("name", "x"), ("_count", "1")]
    {
        assert!(read(name, value).is_err(), "{name}={value}");
    }
}

#[test]
fn query_lenient_ignores_empty_and_unknown_parameters() {
    let taken = |query: &str, is_lenient| {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = SearchQuery::new(PractitionerRole, parameters, is_lenient).expect("within bounds");
        let SearchQuery { parameters, ignored } = query;
        let ignored: Vec<_> = ignored.into_iter().map(|issue| issue.expression).collect();
        (parameters.iter().map(|(name, _)| name).collect::<Vec<_>>().join(" "), ignored.join(" "))
    };
    let expected = |kept: &str, ignored: &str| (kept.to_owned(), ignored.to_owned());
    let empty = "active=&_count= &x&_elements=,&organization.name=&_sort=&role=1";
    for is_lenient in [false, true] {
        assert_eq!(taken(empty, is_lenient), expected("role", ""));
    }
    let unknown = "role=1&foo=1&_sort=x&organization.foo=1&_has:Foo:bar:x=1&foo:exact=1&practitioner=1";
    let all = "role foo _sort organization.foo _has:Foo:bar:x foo:exact practitioner";
    assert_eq!(taken(unknown, false), expected(all, ""));
    let ignored = "http.foo http._sort http.organization.foo http._has:Foo:bar:x http.foo:exact";
    assert_eq!(taken(unknown, true), expected("role practitioner", ignored));
    // Neither what is malformed nor a modifier, which changes what is asked.
    let wrong =
        "role:exact=1&active=TRUE&_count=x&_include:foo=x&_include=x&organization:Foo=1&organization.name:foo=1";
    let all = "role:exact active _count _include:foo _include organization:Foo organization.name:foo";
    assert_eq!(taken(wrong, true), expected(all, ""));
}

#[test]
fn query_value_too_long_or_with_control_characters_is_refused() {
    let names =
        ["family", "identifier", "_id", "_lastUpdated", "active:missing", "_has:PractitionerRole:practitioner:role"];
    for name in names {
        for value in
            ["x".repeat(1024), "é".repeat(1024), format!("a,{}", "x".repeat(5000)), "a\u{0}".into(), "a\nb".into()]
        {
            assert_refused(Practitioner, &format!("{name}={value}"), "annuaire-value", "Bad parameter value.");
        }
    }
    let long = format!("{},{}", "é".repeat(1023), "x".repeat(1023));
    assert_eq!(criteria(Practitioner, &format!("family={long}")).len(), 1);
    assert_refused(Practitioner, "identifier=|", "annuaire-value", "Bad parameter value.");
}

#[test]
fn query_too_many_values_are_refused() {
    let list = |length: usize| vec!["a"; length].join(",");
    let lists = |number: usize| vec![format!("_id={}", list(240)); number].join("&");
    assert_eq!(criteria(Practitioner, &lists(5)).len(), 5);
    let elements = format!("_elements={}", list(256));
    assert_eq!(search(Practitioner, &format!("{}&{elements}", lists(3))).subset.elements.len(), 1);
    let letters = |number: u32| number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
    let names: Vec<String> = (0..170_000).map(letters).collect();
    for query in [
        format!("{}&identifier=x", lists(5)),
        format!("{}&_total=none", lists(5)),
        format!("identifier={}", list(257)),
        format!("identifier={}", list(500_000)),
        format!("family:contains={}", list(257)),
        format!("_lastUpdated={}", ",".repeat(500_000)),
        format!("active:missing={}", list(257)),
        format!("organization={}", list(257)),
        format!("_has:PractitionerRole:practitioner:role={}", list(257)),
        format!("_elements={}", list(257)),
        format!("_elements={}", names.join(",")),
        format!("{}&{elements}&{elements}", lists(3)),
        format!("_include={}", list(257)),
        format!("_count={}", list(257)),
        // What else is wrong is not looked for.
        format!("foo={}&bar=1", list(257)),
    ] {
        let told = refused(Practitioner, &query);
        assert_eq!(told, [("annuaire-size", "http.query".to_owned(), String::new())], "{query:.60}");
    }
}

#[test]
fn query_chain_is_parsed_or_refused() {
    let chain =
        |field, target, criterion: Criterion| Criterion::Chain { field, target, criterion: Box::new(criterion) };
    let organization = |criterion| chain(Field::Organization, Organization, criterion);
    let finess = || token(Field::Identifier, [both("https://finess.esante.gouv.fr", "1")]);
    let cases = [
        ("organization.identifier=https://finess.esante.gouv.fr|1", organization(finess())),
        ("organization:Organization.identifier=https://finess.esante.gouv.fr|1", organization(finess())),
        ("practitioner.identifier=1", chain(Field::Practitioner, Practitioner, token(Field::Identifier, [code("1")]))),
        (
            "organization.address-postalcode=75014,78",
            organization(text(&[Field::AddressPostalCode], Matching::Prefix, &["75014", "78"])),
        ),
        (
            "practitioner.name:family=x",
            chain(Field::Practitioner, Practitioner, text(&[Field::Family], Matching::Prefix, &["x"])),
        ),
        ("organization.partof=1", organization(reference(Field::PartOf, &["1"]))),
        ("organization._id=1", organization(Criterion::Id(vec!["1".into()]))),
        (
            "organization.partof:missing=true",
            organization(Criterion::Missing { fields: &[Field::PartOf], missing: true }),
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(criteria(PractitionerRole, query), [expected], "{query}");
    }
    let refused = [
        ("organization.foo=1", "annuaire-parameter", "Parameter foo not found for resource Organization"),
        ("foo.identifier=1", "annuaire-parameter", "Parameter foo not found for resource PractitionerRole"),
        (
            "role.identifier=1",
            "annuaire-parameter",
            "Parameter role.identifier not found for resource PractitionerRole",
        ),
        ("organization.=1", "annuaire-parameter", "Parameter  not found for resource Organization"),
        (
            "organization:Practitioner.identifier=1",
            "annuaire-modifier",
            "Parameter organization:Practitioner not found for resource PractitionerRole",
        ),
        ("organization.partof.identifier=1", "annuaire-chain", ""),
        ("organization._has:Device:organization:type=1", "annuaire-chain", ""),
    ];
    for (query, rule, diagnostics) in refused {
        assert_refused(PractitionerRole, query, rule, diagnostics);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn query_has_is_parsed_or_refused() {
    let has = |source, field, criterion| Criterion::Has { source, field, criterion: Box::new(criterion) };
    let role = |criterion| has(PractitionerRole, Field::Practitioner, criterion);
    let cases = [
        (Practitioner, "_has:PractitionerRole:practitioner:role=40", role(token(Field::Role, [code("40")]))),
        (
            Practitioner,
            "_has:PractitionerRole:practitioner:role:not=40",
            role(Criterion::Token { field: Field::Role, values: vec![code("40")], not: true }),
        ),
        (
            Practitioner,
            "_has:PractitionerRole:practitioner:organization=1",
            role(reference(Field::Organization, &["1"])),
        ),
        (
            Practitioner,
            "_has:PractitionerRole:practitioner:organization.address-city:exact=PARIS",
            role(Criterion::Chain {
                field: Field::Organization,
                target: Organization,
                criterion: Box::new(text(&[Field::AddressCity], Matching::Exact, &["PARIS"])),
            }),
        ),
        (
            Organization,
            "_has:Device:organization:type=05602",
            has(Device, Field::Organization, token(Field::Type, [code("05602")])),
        ),
        (
            Organization,
            "_has:Organization:partof:name=x",
            has(Organization, Field::PartOf, text(&[Field::Name], Matching::Prefix, &["x"])),
        ),
    ];
    for (resource_type, query, expected) in cases {
        assert_eq!(criteria(resource_type, query), [expected], "{query}");
    }
    let refused = [
        (
            "_has:PractitionerRole:practitioner=1",
            "annuaire-parameter",
            "Parameter _has:PractitionerRole:practitioner not found for resource Practitioner",
        ),
        (
            "_has:Device:organization:type=1",
            "annuaire-parameter",
            "Parameter Device:organization not found for resource Practitioner",
        ),
        (
            "_has:Patient:organization:type=1",
            "annuaire-parameter",
            "Parameter Patient:organization not found for resource Practitioner",
        ),
        (
            "_has:PractitionerRole:practitioner:address-city=1",
            "annuaire-parameter",
            "Parameter address-city not found for resource PractitionerRole",
        ),
        ("_has:PractitionerRole:practitioner:_has:Device:organization:type=1", "annuaire-chain", ""),
        ("_has:PractitionerRole:practitioner:organization.partof.name=1", "annuaire-chain", ""),
    ];
    for (query, rule, diagnostics) in refused {
        assert_refused(Practitioner, query, rule, diagnostics);
    }
}

#[test]
fn query_count_is_bounded() {
    for (value, count) in [
        ("0", 0),
        ("1", 1),
        ("200", 200),
        ("1000", 1000),
        ("1001", 1000),
        ("50000000", 1000),
        ("99999999999999999999999", 1000),
        (" 7 ", 7),
    ] {
        assert_eq!(search(Device, &format!("_count={value}")).count, count, "{value}");
    }
    let told = "Bad value for the _count parameter. An integer of 0 or more is expected";
    for value in ["-1", "x", "1.5", "1,2", "0x1", "١"] {
        assert_refused(Device, &format!("_count={value}"), "annuaire-value", told);
    }
    assert_eq!(search(Device, "_count=5&_count=5").count, 5);
    assert_refused(Device, "_count=5&_count=6", "annuaire-repeated", "");
}

#[test]
fn query_total_is_parsed() {
    for (value, total) in
        [("", Total::BestEffort), ("none", Total::None), ("estimate", Total::Wanted), ("accurate", Total::Wanted)]
    {
        assert_eq!(search(Device, &format!("_total={value}")).total, total, "{value}");
    }
    let told = "Bad value for the _total parameter. Allowed values are : accurate, none, estimate";
    for value in ["exact", "NONE", "none,accurate"] {
        assert_refused(Device, &format!("_total={value}"), "annuaire-value", told);
    }
}

#[test]
fn query_elements_are_parsed() {
    let elements = search(Organization, "_elements=identifier, telecom,,identifier&_elements=foo").subset.elements;
    assert_eq!(elements, ["foo", "identifier", "telecom"].map(str::to_owned).into());
    for value in ["a.b", "a b", "é", "_line", "a1"] {
        assert_refused(Organization, &format!("_elements={value}"), "annuaire-value", "Bad parameter value.");
    }
}

#[test]
fn query_include_is_parsed() {
    let include = |source, field, target| Include { source, field, target, reverse: false, iterate: false };
    let practitioner = include(PractitionerRole, Field::Practitioner, Practitioner);
    let organization = include(PractitionerRole, Field::Organization, Organization);
    let partof = include(Organization, Field::PartOf, Organization);
    let cases = [
        (PractitionerRole, "_include=PractitionerRole:organization", vec![organization]),
        (PractitionerRole, "_include=*", vec![practitioner, organization]),
        (PractitionerRole, "_include=PractitionerRole:organization&_include=*", vec![organization, practitioner]),
        (Organization, "_include=*", vec![partof]),
        (Organization, "_include:iterate=Organization:partof", vec![Include { iterate: true, ..partof }]),
        (
            PractitionerRole,
            "_include=PractitionerRole:organization&_include:iterate=Organization:partof",
            vec![organization, Include { iterate: true, ..partof }],
        ),
        (
            PractitionerRole,
            "_include=PractitionerRole:organization&_include:recurse=PractitionerRole:organization",
            vec![Include { iterate: true, ..organization }],
        ),
        (
            PractitionerRole,
            "_include:iterate=PractitionerRole:organization&_include=PractitionerRole:organization",
            vec![Include { iterate: true, ..organization }],
        ),
        (Practitioner, "_revinclude=PractitionerRole:practitioner", vec![Include { reverse: true, ..practitioner }]),
        (Organization, "_revinclude=Organization:partof", vec![Include { reverse: true, ..partof }]),
        (
            Organization,
            "_revinclude=PractitionerRole:organization&_include:iterate=PractitionerRole:practitioner",
            vec![Include { reverse: true, ..organization }, Include { iterate: true, ..practitioner }],
        ),
        (
            Organization,
            "_revinclude=Device:organization&_revinclude=HealthcareService:organization",
            vec![
                Include { reverse: true, ..include(Device, Field::Organization, Organization) },
                Include { reverse: true, ..include(HealthcareService, Field::Organization, Organization) },
            ],
        ),
    ];
    for (resource_type, query, expected) in cases {
        assert_eq!(search(resource_type, query).includes, expected, "{query}");
    }
    assert_eq!(search(PractitionerRole, "_include:iterate=*").includes.len(), 5);
}

#[test]
fn query_include_unknown_link_is_refused() {
    let wrong = [
        ":partof",
        "Organization:",
        "Organization",
        "Organ:partof",
        "Organization:partofs",
        "Practitioner:partof",
        "PractitionerRole:organization",
        "Device:organization",
        "Organization:partof:Organization",
        "Organization:partof,Organization:partof",
        "Organization:name",
    ];
    let wrong_reverse = [
        "PractitionerRole:",
        "Pract:organization",
        "PractitionerRole:organizations",
        "Practitioner:organization",
        "*",
        "PractitionerRole:practitioner",
    ];
    let cases = wrong.map(|value| ("_include", value)).into_iter();
    for (name, value) in cases.chain(wrong_reverse.map(|value| ("_revinclude", value))) {
        let told = format!("Parameter {value} not found for resource Organization");
        assert_refused(Organization, &format!("{name}={value}"), "annuaire-include", &told);
    }
    let told = "Parameter * not found for resource Practitioner";
    assert_refused(Practitioner, "_include=*", "annuaire-include", told);
    assert_refused(
        Device,
        "_include:iterate=Device:type",
        "annuaire-include",
        "Parameter Device:type not found for resource Device",
    );
}

#[test]
fn query_all_issues_are_reported_at_once() {
    let told = refused(
        Practitioner,
        "foo=1&name:bar=2&_lastUpdated=x&_count=y&_total=z&_include=*&active=true&a.b=c&_count=1",
    );
    let rules: Vec<_> = told.iter().map(|(rule, place, _)| format!("{rule} {place}")).collect();
    assert_eq!(
        rules,
        [
            "annuaire-parameter http.foo",
            "annuaire-modifier http.name:bar",
            "annuaire-value http._lastUpdated",
            "annuaire-value http._count",
            "annuaire-value http._total",
            "annuaire-include http._include",
            "annuaire-parameter http.a.b",
            "annuaire-repeated http._count",
        ]
    );
}

#[test]
fn query_issue_sentence_lists_the_possible_values() {
    let Err(error) = parsed(Organization, "name:bar=1&foo=1&_include=x") else { panic!("refused") };
    let sentences: Vec<_> = error.issues().iter().map(|issue| issue.text(Language::English)).collect();
    assert_eq!(
        sentences[0],
        "There is no modifier “bar” for parameter “name” of Organization; possible modifiers: contains, exact, text, missing."
    );
    assert!(
        sentences[1]
            .starts_with("There is no parameter “foo” for Organization; possible parameters: _id, _lastUpdated, ")
    );
    // The longest list is told whole.
    assert!(
        sentences[1]
            .ends_with(", data-registration-authority, _count, _total, _elements, _summary, _include, _revinclude.")
    );
    assert_eq!(
        sentences[2],
        "“x” is not an allowed value of _include for Organization; possible values: *, Organization:partof."
    );
}

#[test]
fn query_name_too_long_is_cut_in_the_diagnostics() {
    let told = refused(Practitioner, &format!("{}=1", "é".repeat(100_000)));
    assert!(told[0].2.ends_with("é not found for resource Practitioner") && told[0].2.chars().count() < 300);
    assert!(told[0].1.chars().count() < 500);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn query_random_parameters_are_parsed_or_refused(
        resource_type in prop::sample::select(&DirectoryType::ALL[..]),
        parameters in prop::collection::vec(
            (
                "\\PC{0,6}|(_has:|organization[.:]|PractitionerRole:|practitioner:|name|_id|_lastUpdated|:missing|:not|:contains|type|_include|_count|active|[.:]){1,5}",
                "\\PC{0,6}|(ge|ap|2025|-05|-27|T10:00|:00|Z|,|[|]|/|Organization|:partof|[*]|true|9){0,6}",
            ),
            0..5,
        ),
    ) {
        let number = parameters.len();
        match parse(resource_type, &parameters.into_iter().collect(), now()) {
            Ok(search) => prop_assert!(search.criteria.len() <= number && search.count <= MAX_COUNT),
            Err(Error::NotFhir(issues)) => prop_assert!(!issues.is_empty() && issues.len() <= number + 1),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
