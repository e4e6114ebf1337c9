use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::annuaire::store::resource::tests::sample;
use crate::fhir::date::Range;
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::date::{Comparison, DateBound};

fn holds(criterion: &Criterion, resource_type: DirectoryType) -> bool {
    let prepared = sample(resource_type);
    criterion.matches(&prepared.indexed, prepared.last_updated, &prepared.id)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn bound(comparison: Comparison) -> DateBound {
    let range = Range { start: at("2025-04-28T00:00:00Z"), end: at("2025-04-29T00:00:00Z") };
    DateBound { comparison, range }
}

#[test]
fn matching_text_by_prefix_contains_or_exact() {
    let text = "CENTRE DE SANTÉ";
    let cases = [
        ("centre de sante", [true, true, false]),
        ("CENTRE DE SANTÉ", [true, true, true]),
        ("Centré", [true, true, false]),
        ("SANTE", [false, true, false]),
        ("cen.re", [false, false, false]),
        ("centre de sante ", [false, false, false]),
    ];
    for (value, expected) in cases {
        let found = [Matching::Prefix, Matching::Contains, Matching::Exact].map(|matching| matching.holds(text, value));
        assert_eq!(found, expected, "{value}");
    }
}

#[test]
fn matching_criterion_of_each_kind() {
    let code = |code: &str| Token::Code(code.into());
    let token = |field, values: Vec<Token>, not| Criterion::Token { field, values, not };
    let text =
        |fields, matching, value: &str| Criterion::Text { fields, matching, values: vec!["?".into(), value.into()] };
    let missing = |fields, missing| Criterion::Missing { fields, missing };
    let finess = || "https://finess.esante.gouv.fr".to_owned();
    let cases = [
        (Criterion::Id(vec!["x".into(), "001-01-7".into()]), true),
        (Criterion::Id(vec!["001-01".into()]), false),
        (Criterion::LastUpdated(vec![bound(Comparison::Less), bound(Comparison::Equal)]), true),
        (Criterion::LastUpdated(vec![bound(Comparison::NotEqual)]), false),
        (Criterion::Period(Field::Period, vec![bound(Comparison::Approximate)]), true),
        (Criterion::Period(Field::Period, vec![bound(Comparison::Equal)]), false),
        (token(Field::Type, vec![code("SA05")], false), true),
        (token(Field::Type, vec![code("sa05")], false), false),
        (token(Field::Role, vec![code("SA05")], false), false),
        (token(Field::Type, vec![code("x"), code("SA05")], false), true),
        (token(Field::Type, vec![code("x"), code("SA05")], true), false),
        (token(Field::Type, vec![code("x"), code("y")], true), true),
        (token(Field::Identifier, vec![Token::System(finess())], false), true),
        (token(Field::Identifier, vec![Token::Both { system: finess(), code: "754567860".into() }], false), true),
        // The pair has to stand in one coding.
        (token(Field::Type, vec![Token::Both { system: finess(), code: "SA05".into() }], false), false),
        (token(Field::Type, vec![Token::Both { system: finess(), code: "SA05".into() }], true), true),
        (text(&[Field::Name], Matching::Prefix, "centre"), true),
        (text(&[Field::Family, Field::Name], Matching::Prefix, "centre"), true),
        (text(&[Field::Family], Matching::Prefix, "centre"), false),
        (text(&[Field::MailboxMss], Matching::Contains, "@"), true),
        (text(&[Field::MailboxMss], Matching::Contains, "example.org"), false),
        (Criterion::Reference { field: Field::PartOf, ids: vec!["a".into(), "001-02-3".into()] }, true),
        (Criterion::Reference { field: Field::PartOf, ids: vec!["001-01-7".into()] }, false),
        (missing(&[Field::PartOf], true), false),
        (missing(&[Field::PartOf], false), true),
        (missing(&[Field::Family, Field::Given], true), true),
        (missing(&[Field::LastUpdated], true), false),
    ];
    for (criterion, expected) in cases {
        assert_eq!(holds(&criterion, DirectoryType::Organization), expected, "{criterion:?}");
    }
}

#[test]
fn matching_chain_and_has_match_any_resource() {
    let criterion = Box::new(Criterion::Id(vec![]));
    let chain = Criterion::Chain { field: Field::PartOf, target: DirectoryType::Organization, criterion };
    assert!(holds(&chain, DirectoryType::Organization));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(20_260_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn matching_exact_implies_prefix_and_prefix_implies_contains(text in "[a-cÀ-Äé ]{0,6}", value in "[a-cÀ-Äé ]{0,3}") {
        let [prefix, contains, exact] =
            [Matching::Prefix, Matching::Contains, Matching::Exact].map(|matching| matching.holds(&text, &value));
        prop_assert!(!exact || prefix);
        prop_assert!(!prefix || contains);
        let [behind, around] = [format!("{value}{text}"), format!("{text}{value}{text}")];
        prop_assert!(Matching::Prefix.holds(&behind, &value));
        prop_assert!(Matching::Contains.holds(&around, &value));
        prop_assert_eq!(Matching::Contains.holds(&text.to_uppercase(), &value), contains);
    }
}
