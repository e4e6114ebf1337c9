//! Values are parsed back as they were written.

use proptest::collection::vec;
use proptest::prelude::*;
use sas_endpoint::fhir::identifier::{Identifier, Token};
use sas_endpoint::fhir::query::Query;
use sas_endpoint::fhir::version::{EntityTags, entity_tag};

use crate::inputs::{encoded, odd_text};
use crate::service::config;

/// <http://hl7.org/fhir/R4/search.html#escaping>
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if "\\|,$".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuzz_escaped_identifier_is_parsed_back(system in odd_text(), value in odd_text()) {
        let token = Token::parse(&format!("{}|{}", escaped(&system), escaped(&value)));
        let expected = match (system.trim_ascii().is_empty(), value.trim_ascii().is_empty()) {
            (false, false) => Some(Token::Exact(Identifier::new(&system, &value))),
            (true, false) => Some(Token::NoSystem(value.trim_ascii().to_owned())),
            (false, true) => Some(Token::System(system.trim_ascii().to_owned())),
            (true, true) => None,
        };
        prop_assert_eq!(token, expected);
    }

    #[test]
    fn fuzz_equal_identifiers_stay_equal(system in odd_text(), value in odd_text()) {
        let once = Identifier::new(&system, &value);
        prop_assert_eq!(&Identifier::new(&once.system, &once.value), &once);
    }

    #[test]
    fn fuzz_entity_tags_are_parsed_back(versions in vec(any::<i64>(), 1..5)) {
        let text: Vec<_> = versions.iter().map(|version| entity_tag(*version)).collect();
        prop_assert_eq!(EntityTags::parse(&text.join(", ")), Some(EntityTags::Versions(versions)));
    }

    #[test]
    fn fuzz_entity_tag_parser_does_not_panic(text in odd_text()) {
        let _ = EntityTags::parse(&text);
        let _ = Token::parse(&text);
    }

    #[test]
    fn fuzz_encoded_query_is_parsed_back(pairs in vec(("[A-Za-z_:.-]{1,20}", odd_text()), 0..8)) {
        let text: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let has_control = pairs.iter().any(|(name, value)| [name, value].iter().any(|part| part.contains(char::is_control)));
        match Query::parse(&text.join("&")) {
            Ok(query) => {
                let read: Vec<_> = query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                prop_assert_eq!(read, pairs);
            }
            Err(_) => prop_assert!(has_control),
        }
    }
}
