//! Mailboxes (BAL) of MSSanté.

use crate::annuaire::invented::draw::Draw;
use crate::annuaire::invented::json::Json;
use crate::annuaire::invented::system::{EMAIL_TYPE, MAILBOX, TYPE_BAL, TYPE_MESSAGERIE};

/// The domains of operators that serve all professions.
const OPERATORS: &[&str] = &[
    "aura.mssante.fr",
    "idf.mssante.fr",
    "pro.mssante.fr",
    "apycript.org",
    "bretagne.mssante.fr",
    "nouvelle-aquitaine.mssante.fr",
    "occitanie.mssante.fr",
    "hdf.mssante.fr",
    "grand-est.mssante.fr",
    "paca.mssante.fr",
    "lifen.mssante.fr",
    "ville.mssante.fr",
];

const SERVICES: &[&str] = &[
    "Secrétariat médical",
    "Accueil",
    "Urgences",
    "Cardiologie",
    "Pédiatrie",
    "Biologie médicale",
    "Imagerie médicale",
    "Direction des soins",
    "Pharmacie à usage intérieur",
    "Consultations externes",
    "Gériatrie",
    "Maternité",
];

/// A mailbox.
pub struct Mailbox {
    address: String,
    metadata: Option<Metadata>,
    preferred: bool,
}

/// The extension of a mailbox.
struct Metadata {
    kind: &'static str,
    description: Option<String>,
    service: Option<&'static str>,
    digitization: Option<bool>,
    /// Only mailboxes of structures have it.
    liste_rouge: Option<bool>,
}

impl Mailbox {
    /// A mailbox of a person (PER) or of a person's cabinet (CAB).
    pub fn of_person(draw: &mut Draw, local: &str, domain: &str) -> Self {
        let cabinet = draw.per_mille(150);
        let described = draw.per_mille(850);
        let metadata = described.then(|| Metadata {
            kind: if cabinet { "CAB" } else { "PER" },
            description: (cabinet && draw.per_mille(500)).then(|| "Boîte du cabinet".to_owned()),
            service: None,
            digitization: draw.per_mille(400).then(|| draw.per_mille(500)),
            liste_rouge: None,
        });
        Self { address: format!("{local}@{domain}"), metadata, preferred: draw.per_mille(50) }
    }

    /// A mailbox of a person at an operator that serves all professions.
    pub fn at_operator(draw: &mut Draw, local: &str) -> Self {
        let domain = draw.pick_low(OPERATORS);
        Self::of_person(draw, local, domain)
    }

    /// A mailbox of a structure (ORG) or of its software (APP).
    pub fn of_structure(draw: &mut Draw, domain: &str) -> Self {
        let service = draw.pick(SERVICES);
        let software = draw.per_mille(250);
        let local = if software {
            format!("logiciel{}", 1 + draw.below(9))
        } else {
            crate::annuaire::invented::identity::local_part(service)
        };
        let metadata = draw.per_mille(900).then(|| Metadata {
            kind: if software { "APP" } else { "ORG" },
            description: draw.per_mille(600).then(|| format!("BAL {service}")),
            service: draw.per_mille(400).then_some(service),
            digitization: draw.per_mille(300).then(|| draw.per_mille(500)),
            liste_rouge: draw.per_mille(500).then_some(false),
        });
        Self { address: format!("{local}@{domain}"), metadata, preferred: draw.per_mille(50) }
    }

    /// Writes the mailbox as an item of `telecom`.
    pub fn write(&self, json: &mut Json) {
        json.item(|json| {
            json.list("extension", |json| {
                json.extension(EMAIL_TYPE, |json| {
                    json.object("valueCoding", |json| {
                        json.text("system", TYPE_MESSAGERIE);
                        json.text("code", "MSSANTE");
                    });
                });
                if let Some(metadata) = &self.metadata {
                    metadata.write(json);
                }
            });
            json.text("system", "email");
            json.text("value", &self.address);
            if self.preferred {
                json.number("rank", 1);
            }
        });
    }
}

impl Metadata {
    fn write(&self, json: &mut Json) {
        json.extensions(MAILBOX, |json| {
            json.extension("type", |json| json.concept("valueCodeableConcept", &[(TYPE_BAL, self.kind)]));
            if let Some(description) = &self.description {
                json.extension("description", |json| json.text("valueString", description));
            }
            if let Some(service) = self.service {
                json.extension("service", |json| json.text("valueString", service));
            }
            for (url, flag) in [("digitization", self.digitization), ("listeRouge", self.liste_rouge)] {
                if let Some(flag) = flag {
                    json.extension(url, |json| json.flag("valueBoolean", flag));
                }
            }
        });
    }
}
