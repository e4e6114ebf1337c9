//! Writes the FHIR elements that several resource types have.

use crate::annuaire::invented::directory::Version;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::system::{DATA_TRACE, IDENTIFIER_TYPE};

/// The origin of a resource's data (`data-trace`).
pub struct Trace {
    pub system: &'static str,
    pub authority: Option<(&'static str, &'static str)>,
    pub updated: Option<String>,
}

impl Trace {
    /// The origin in this system, without authority and date.
    pub fn new(system: &'static str) -> Self {
        Self { system, authority: None, updated: None }
    }
}

impl Json {
    /// Writes the first elements of a resource, up to `language`.
    pub fn head(
        &mut self,
        resource_type: &str,
        id: &str,
        version: &Version,
        trace: Option<&Trace>,
        profiles: &[&'static str],
    ) {
        self.text("resourceType", resource_type);
        self.text("id", id);
        self.object("meta", |json| {
            if let Some(trace) = trace {
                json.list("extension", |json| json.trace(trace));
            }
            json.text("versionId", &version.number.to_string());
            json.text("lastUpdated", &version.last_updated);
            json.text("source", "https://annuaire.sante.fr");
            json.texts("profile", profiles);
        });
        self.text("language", "fr");
    }

    fn trace(&mut self, trace: &Trace) {
        self.extensions(DATA_TRACE, |json| {
            if let Some((system, code)) = trace.authority {
                json.extension("autorite-enregistrement", |json| {
                    json.concept("valueCodeableConcept", &[(system, code)]);
                });
            }
            json.extension("systeme-information", |json| json.text("valueCode", trace.system));
            if let Some(updated) = &trace.updated {
                json.extension("date-maj-ae", |json| json.text("valueDate", updated));
            }
        });
    }

    /// Writes an extension with a value.
    pub fn extension(&mut self, url: &str, value: impl FnOnce(&mut Self)) {
        self.item(|json| {
            json.text("url", url);
            value(json);
        });
    }

    /// Writes an extension with extensions.
    pub fn extensions(&mut self, url: &str, parts: impl FnOnce(&mut Self)) {
        self.extension(url, |json| json.list("extension", parts));
    }

    /// Writes a CodeableConcept with these systems and codes.
    pub fn concept(&mut self, key: &str, codings: &[(&str, &str)]) {
        self.object(key, |json| json.codings(codings));
    }

    /// Writes the codings of a CodeableConcept.
    pub fn codings(&mut self, codings: &[(&str, &str)]) {
        self.list("coding", |json| {
            for (system, code) in codings {
                json.item(|json| {
                    json.text("system", system);
                    json.text("code", code);
                });
            }
        });
    }

    /// Writes a list of CodeableConcepts with one coding each.
    pub fn concepts(&mut self, key: &str, concepts: &[(&str, &str)]) {
        self.list(key, |json| concepts.iter().for_each(|coding| json.item(|json| json.codings(&[*coding]))));
    }

    /// Writes an identifier. Those of activities and authorizations have no type.
    pub fn identifier(&mut self, identifier_type: Option<&str>, system: &str, value: &str) {
        self.item(|json| {
            json.text("use", "official");
            if let Some(code) = identifier_type {
                json.concept("type", &[(IDENTIFIER_TYPE, code)]);
            }
            json.text("system", system);
            json.text("value", value);
        });
    }

    /// Writes a reference, `{type}/{id}`.
    pub fn reference(&mut self, key: &str, resource_type: &str, id: &str) {
        self.object(key, |json| json.text("reference", &format!("{resource_type}/{id}")));
    }
}
