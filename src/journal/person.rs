//! The person of an account, by whom the journal finds other accounts: where one was created for a person who has one.

use serde_json::Value;

use super::exchange::Exchange;
use crate::audit::{AuditQueue, LookupKey};
use crate::fhir::resource_type::ResourceType;

/// The key of the person of an accepted account: a keyed hash of its first name and its first mail address. `None` of other
/// exchanges, and where either is missing.
pub(crate) fn key(audit: &AuditQueue, exchange: &Exchange) -> Option<LookupKey> {
    let event = &exchange.event;
    let is_account = event.resource_type.as_deref() == Some(ResourceType::Practitioner.as_str());
    if !is_account || event.after.is_none() || event.status >= 300 || exchange.request.body.bytes().is_empty() {
        return None;
    }
    let account: Value = serde_json::from_slice(exchange.request.body.bytes()).ok()?;
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let given = account["name"][0]["given"].as_array().into_iter().flatten().filter_map(text);
    let name = text(&account["name"][0]["family"]).into_iter().chain(given).collect::<Vec<_>>();
    let telecom = account["telecom"].as_array()?;
    let mail =
        telecom.iter().filter(|contact| contact["system"] == "email").find_map(|contact| text(&contact["value"]))?;
    if name.is_empty() { None } else { audit.key_of_person(&name.join(" "), &mail) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::journal::exchange::{Body, tests::exchange};

    #[test]
    fn person_of_an_account_is_its_name_and_mail_whatever_their_case() {
        let (audit, _events) = AuditQueue::without_task();
        let account = |family: &str, mail: &str| {
            format!(
                r#"{{"name":[{{"family":"{family}","given":["Nadia"]}}],"telecom":[{{"system":"phone","value":"1"}},{{"system":"email","value":"{mail}"}}]}}"#
            )
        };
        let key_of = |body: String, status| {
            let mut accepted = exchange("a", b"", b"");
            (accepted.event.status, accepted.event.after) = (status, Some(1));
            accepted.request.body = Body::beginning(&Bytes::from(body), usize::MAX);
            key(&audit, &accepted)
        };
        let found = key_of(account("AUBERT", "n@example.org"), 201);
        assert!(found.is_some());
        assert_eq!(found, key_of(account("Aubert ", "N@example.org"), 200));
        assert_ne!(found, key_of(account("Auber", "n@example.org"), 201));
        assert_ne!(found, key_of(account("Aubert", "m@example.org"), 201));
        for (body, status) in [
            (account("Aubert", ""), 201),
            (account("Aubert", "n@example.org"), 422),
            ("{}".to_owned(), 201),
            (String::new(), 201),
        ] {
            assert_eq!(key_of(body, status), None);
        }
    }
}
