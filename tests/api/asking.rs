//! Helpers of several files: changed bodies, additional headers, the holder of an identifier.

use serde_json::Value;

use crate::server::*;

pub const U: &str = "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";
pub const V: &str = "5d2f8f5e-1c7a-4a53-9a3f-3a8f1e6c4b22";

/// The document with the value at `pointer` replaced; `null` removes it, `/-` at the end appends it.
pub fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match (changed.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")), value) {
        (Value::Object(object), Value::Null) => drop(object.shift_remove(key)),
        (Value::Object(object), value) => drop(object.insert(key.to_owned(), value)),
        (Value::Array(items), value) if key == "-" => items.push(value),
        (Value::Array(items), value) => items[key.parse::<usize>().expect("an index")] = value,
        (other, _) => panic!("{other} has no {key}"),
    }
    changed
}

/// The path of a conditional update, or of a search by identifier.
pub fn by(resource_type: &str, system: &str, value: &str) -> String {
    format!("/{resource_type}?identifier={system}|{value}")
}

/// The same for accounts.
pub fn account(system: &str, value: &str) -> String {
    by("Practitioner", system, value)
}

impl TestServer {
    /// A write with more headers.
    pub async fn write(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let json = [("content-type", "application/json"), ("accept", "application/json+fhir")];
        self.request(method, path, &[&json, headers].concat(), body.to_string()).await
    }

    /// A write that is answered by what there is to say of it.
    pub async fn write_with_outcome(&self, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.write(method, path, &[("prefer", "return=OperationOutcome")], body).await;
        assert_operation_outcome(&answer);
        answer
    }

    /// The ids of the resources that a search finds, on its first page.
    pub async fn found(&self, path: &str) -> Vec<String> {
        ids(&self.get(path).await.expect(200).json())
    }

    /// The account that answers to an identifier.
    pub async fn holder(&self, system: &str, value: &str) -> Option<String> {
        let mut found = self.found(&account(system, value)).await;
        assert!(found.len() < 2, "{system}|{value} has several holders: {found:?}");
        found.pop()
    }

    /// The current content of an account.
    pub async fn account(&self, id: &str) -> Value {
        self.get(&format!("/Practitioner/{id}")).await.expect(200).json()
    }

    /// How many versions a resource has.
    pub async fn versions(&self, resource_type: &str, id: &str) -> i64 {
        let history = self.get(&format!("/{resource_type}/{id}/_history")).await.expect(200).json();
        history["total"].as_i64().expect("a total")
    }
}

/// The ids of the resources of a bundle.
pub fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["resource"]["id"].as_str().expect("an id").to_owned()).collect()
}
