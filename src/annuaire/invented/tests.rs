use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use jiff::civil::{Date, date};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::annuaire::invented::Generate;
use crate::annuaire::invented::structure::MEDICO_SOCIAL;
use crate::fhir::date::parse_instant;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::profile::Profiles;

const DAY: Date = date(2025, 6, 1);

fn text(practitioners: u32, seed: u64, delta: bool) -> String {
    let mut out = Vec::new();
    Generate { practitioners, seed, date: DAY, delta }.write(&mut out).expect("a buffer takes all");
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn resources(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// A directory of 5,000 practitioners, and what its next day changes.
static FULL: LazyLock<Vec<Value>> = LazyLock::new(|| resources(&text(5_000, 7, false)));
static DELTA: LazyLock<Vec<Value>> = LazyLock::new(|| resources(&text(5_000, 7, true)));

fn string<'a>(resource: &'a Value, pointer: &str) -> &'a str {
    resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn reference(resource: &Value) -> String {
    format!("{}/{}", string(resource, "/resourceType"), string(resource, "/id"))
}

fn items<'a>(resource: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    resource.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn is_active(resource: &Value) -> bool {
    resource["active"] == true || resource["status"] == "active"
}

fn of_type(resource_type: &str) -> impl Iterator<Item = &'static Value> {
    FULL.iter().filter(move |resource| resource["resourceType"] == resource_type)
}

/// Luhn's check, from the left: the digits at odd distances from the last are doubled.
fn passes_luhn(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let doubled = |digit: u32| [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][digit as usize];
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(i, d)| if (digits.len() - i).is_multiple_of(2) { doubled(*d) } else { *d })
        .sum();
    digits.len() == number.len() && sum.is_multiple_of(10)
}

#[test]
fn invented_same_seed_gives_the_same_bytes() {
    assert_eq!(text(200, 1, false), text(200, 1, false));
    assert_eq!(text(200, 1, true), text(200, 1, true));
    assert_ne!(text(200, 1, false), text(200, 2, false));
    // On each machine too. The digest changes with the content, and only with it.
    let digest = Sha256::digest(text(200, 1, false));
    assert_eq!(HEXLOWER.encode(&digest), "7d2b700bd76bf201a6c0ce37a3aaaee44acfc90b838be96e217677c474ec999e");
}

#[test]
fn invented_lines_are_resources_published_by_the_day() {
    let order = ["Organization", "Practitioner", "PractitionerRole", "HealthcareService", "Device"];
    let mut ids = HashSet::new();
    let mut types = Vec::new();
    for resource in FULL.iter() {
        types.push(order.iter().position(|name| resource["resourceType"] == *name).expect("a type of the directory"));
        assert!(Id::parse(string(resource, "/id")).is_some(), "{resource}");
        assert!(ids.insert(reference(resource)), "twice: {}", reference(resource));
        let updated = string(resource, "/meta/lastUpdated");
        assert!(
            parse_instant(updated).is_some() && updated.len() == "2025-04-28T18:19:26.335+02:00".len(),
            "{updated}"
        );
        assert!(("2023-06-01".."2025-06-02").contains(&&updated[..10]), "{updated}");
        let summer = ("04-01".."10-01").contains(&&updated[5..10]);
        assert!(!summer || updated.ends_with("+02:00"), "{updated}");
        assert!(["1", "2", "3"].contains(&string(resource, "/meta/versionId")));
    }
    assert!(types.is_sorted());
}

#[test]
fn invented_numbers_have_valid_check_digits() {
    let mut seen: HashMap<&str, HashSet<&str>> = HashMap::new();
    for resource in FULL.iter() {
        for identifier in items(resource, "/identifier") {
            let value = string(identifier, "/value");
            let kind = string(identifier, "/type/coding/0/code");
            let (length, key) = match kind {
                "RPPS" => (11, passes_luhn(value)),
                "FINEG" | "FINEJ" | "SIREN" => (9, passes_luhn(value)),
                "SIRET" => (14, passes_luhn(value) && passes_luhn(&value[..9])),
                "IDNPS" => (12, value.starts_with('8') && passes_luhn(&value[1..])),
                _ => continue,
            };
            assert!(value.len() == length && key, "{kind} {value}");
            assert!(seen.entry(kind).or_default().insert(value), "twice: {kind} {value}");
        }
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn invented_idnst_repeats_another_identifier_after_a_digit() {
    for resource in of_type("Organization") {
        let values: Vec<&str> = items(resource, "/identifier").map(|identifier| string(identifier, "/value")).collect();
        assert!(values[1..].contains(&&values[0][1..]), "{values:?}");
        assert!(["1", "2", "3", "4"].contains(&&values[0][..1]), "{values:?}");
    }
}

#[test]
fn invented_references_resolve() {
    let held: HashSet<String> = FULL.iter().map(reference).collect();
    let (mut places, mut dangling) = (0, 0);
    for resource in FULL.iter() {
        for pointer in ["/practitioner", "/partOf", "/providedBy", "/owner"] {
            let target = string(resource, &format!("{pointer}/reference"));
            assert!(target.is_empty() || held.contains(target), "{target}");
        }
        let place = string(resource, "/organization/reference");
        places += usize::from(!place.is_empty());
        dangling += usize::from(!place.is_empty() && !held.contains(place));
    }
    assert!((1..places / 100).contains(&dangling), "{dangling} of {places} dangle");
}

#[test]
fn invented_roles_are_spread_unevenly_over_organizations() {
    let mut roles: HashMap<&str, usize> = HashMap::new();
    of_type("PractitionerRole")
        .for_each(|role| *roles.entry(string(role, "/organization/reference")).or_default() += 1);
    roles.remove("");
    let few = roles.values().filter(|count| **count <= 5).count();
    assert!(few * 2 > roles.len());
    assert!(roles.values().any(|count| *count >= 30));
}

#[test]
fn invented_proportions_are_the_national_ones() {
    let text = text(20_000, 3, false);
    let of = |resource_type: &str| {
        let start = format!("{{\"resourceType\":\"{resource_type}\",");
        text.lines().filter(move |line| line.starts_with(&start))
    };
    let share = |count: usize| count as f64 / 20_000.0;
    let practitioners = of("Practitioner").count();
    assert_eq!(practitioners, 20_000);
    let medecins = of("Practitioner").filter(|line| line.contains("TRE-G15-ProfessionSante\",\"code\":\"10\"")).count();
    assert!((0.12..0.135).contains(&share(medecins)), "{medecins}");
    let at_medecin = of("Practitioner").filter(|line| line.contains("@medecin.mssante.fr")).count();
    assert!((0.05..0.058).contains(&share(at_medecin)), "{at_medecin}");
    let with_mailbox = of("Practitioner").filter(|line| line.contains("\"MSSANTE\"")).count();
    assert!((0.37..0.43).contains(&share(with_mailbox)), "{with_mailbox}");
    let inactive = of("Practitioner").filter(|line| line.contains("\"active\":false")).count();
    assert!((0.045..0.055).contains(&share(inactive)), "{inactive}");
    assert!((1.2..1.3).contains(&share(of("PractitionerRole").count())));
    let organizations = of("Organization").count();
    assert_eq!(organizations, 5_200);
    let with_mailbox = of("Organization").filter(|line| line.contains("\"MSSANTE\"")).count();
    assert!((0.13..0.17).contains(&(with_mailbox as f64 / 5_200.0)), "{with_mailbox}");
}

#[test]
fn invented_codes_of_the_use_cases_occur() {
    let all: String = FULL.iter().map(Value::to_string).collect();
    let has = |table: &str, code: &str| all.contains(&format!("/FHIR/TRE-{table}\",\"code\":\"{code}\""));
    for secteur in [
        "01", "02", "03", "04", "05", "07", "08", "09", "17", "25", "29", "30", "33", "34", "36", "38", "39", "52",
        "65",
    ] {
        assert!(has("R02-SecteurActivite", &format!("SA{secteur}")), "SA{secteur}");
    }
    for profession in ["10", "21", "40", "50", "60", "70"] {
        assert!(has("G15-ProfessionSante", profession), "{profession}");
    }
    for (table, code) in [
        ("R09-CategorieProfessionnelle", "E"),
        ("R66-CategorieEtablissement", "124"),
        ("R66-CategorieEtablissement", "603"),
        ("R66-CategorieEtablissement", "620"),
        ("R75-InseeNAFrev2Niveau5", "86.23Z"),
        ("R06-SectionTableauCNOP", "A"),
        ("R85-RolePriseCharge", "318"),
        ("R276-FormeActivite", "07"),
        ("R209-TypeActivite", "11"),
        ("R272-EquipementMaterielLourd", "05602"),
        ("R257-TypeBAL", "PER"),
        ("R257-TypeBAL", "CAB"),
        ("R257-TypeBAL", "ORG"),
        ("R257-TypeBAL", "APP"),
    ] {
        assert!(has(table, code), "{table} {code}");
    }
    assert!(MEDICO_SOCIAL.iter().filter(|code| has("R66-CategorieEtablissement", code)).count() > 30);
    for piece in [
        "\"PARISOT\"",
        "\"78000\"",
        "\"DAX\"",
        "\"NANCY\"",
        "\"postalCode\":\"750",
        "IMAGERIE",
        "MIGNOT",
        "apycript.org",
        "as-ext-organization-pharmacy-licence",
        "\"valueCode\":\"RPPS\"",
        "\"valueCode\":\"CG\"",
        "listeRouge",
        "digitization",
        "as-dp-healthcareservice-social-equipment",
        "as-dp-healthcareservice-healthcare-activity",
    ] {
        assert!(all.contains(piece), "{piece}");
    }
    let without = of_type("Organization").filter(|one| is_active(one) && !one.to_string().contains("R02-Sect")).count();
    assert!(without > 0);
}

#[test]
fn invented_inactive_resources_have_few_elements() {
    let expected: HashMap<&str, &[&str]> = HashMap::from([
        ("Organization", &["identifier", "active", "name"][..]),
        ("Practitioner", &["identifier", "active"][..]),
        ("PractitionerRole", &["identifier", "active", "practitioner"][..]),
        ("Device", &["identifier", "status"][..]),
    ]);
    for resource in FULL.iter().chain(DELTA.iter()).filter(|resource| !is_active(resource)) {
        let Some(expected) = expected.get(string(resource, "/resourceType")) else { continue };
        let keys: Vec<&str> = resource.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, [&["resourceType", "id", "meta", "language"], *expected].concat());
        assert!(resource.pointer("/meta/extension").is_none());
    }
}

#[test]
fn invented_delta_changes_withdraws_and_adds() {
    let before: HashMap<String, &Value> = FULL.iter().map(|resource| (reference(resource), resource)).collect();
    let mut seen = HashSet::new();
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for resource in DELTA.iter() {
        assert!(seen.insert(reference(resource)), "twice: {}", reference(resource));
        assert!(string(resource, "/meta/lastUpdated").starts_with("2025-06-02T"), "{resource}");
        let version: u32 = string(resource, "/meta/versionId").parse().expect("a number");
        let change = match before.get(&reference(resource)) {
            Some(known) => {
                assert_ne!(known, &resource);
                assert_eq!(known["identifier"], resource["identifier"]);
                assert_eq!(version, string(known, "/meta/versionId").parse::<u32>().expect("a number") + 1);
                assert!(is_active(known));
                if is_active(resource) { "changed" } else { "withdrawn" }
            }
            None => {
                assert!(is_active(resource) && version == 1);
                "new"
            }
        };
        *counts.entry((string(resource, "/resourceType"), change)).or_default() += 1;
    }
    for resource_type in ["Organization", "Practitioner", "PractitionerRole"] {
        for change in ["changed", "withdrawn", "new"] {
            let count = counts.get(&(resource_type, change)).copied().unwrap_or_default();
            assert!((3..12).contains(&count), "{count} {resource_type} {change}");
        }
    }
}

#[test]
fn invented_delta_references_resolve() {
    let held: HashSet<String> = FULL.iter().chain(DELTA.iter()).map(reference).collect();
    for resource in DELTA.iter() {
        for pointer in ["/practitioner", "/partOf", "/providedBy", "/owner"] {
            let target = string(resource, &format!("{pointer}/reference"));
            assert!(target.is_empty() || held.contains(target), "{target}");
        }
    }
}

#[test]
fn invented_directory_of_any_size_is_written() {
    for practitioners in [0, 1, 2, 3, 19, 51] {
        let full = resources(&text(practitioners, 1, false));
        assert!(full.iter().filter(|resource| resource["resourceType"] == "Organization").count() >= 20);
        assert!(resources(&text(practitioners, 1, true)).len() >= 3);
    }
}

#[test]
fn invented_practitioners_have_the_structure_of_r4() {
    let profiles = Profiles::compile().expect("schemas compile");
    for practitioner in of_type("Practitioner").take(150) {
        let mut issues = vec![];
        let _ = profiles.check_structure(ResourceType::Practitioner, practitioner, &mut |_, issue| {
            issues.push(issue());
            ControlFlow::Continue(())
        });
        assert!(issues.is_empty(), "{issues:?} in {practitioner}");
    }
}
