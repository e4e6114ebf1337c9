//! `CapabilityStatement.rest.security`: <http://hl7.org/fhir/R4/capabilitystatement.html>

use serde_json::{Value, json};

/// How clients authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// They do not.
    None,
    /// As configured callers only.
    Callers {
        /// Some have a client certificate.
        certificates: bool,
        /// Some have a bearer token.
        tokens: bool,
    },
}

/// The element, for an API whose callers can have these `rights`.
pub fn rest_security(authentication: Authentication, rights: &str) -> Value {
    let Authentication::Callers { certificates, tokens } = authentication else {
        let description = "No authentication: every client that reaches this server may use the whole API.";
        return json!({ "cors": false, "description": description });
    };
    // R4 has a code for certificates; for tokens, it has codes of OAuth only.
    let service = |code: &str, text: &str| {
        let system = "http://terminology.hl7.org/CodeSystem/restful-security-service";
        json!({ "coding": [{ "system": system, "code": code, "display": code }], "text": text })
    };
    let certificate = "client certificate (mutual TLS)";
    let token = "bearer token (RFC 6750)";
    let services = [
        certificates.then(|| (certificate, service("Certificates", certificate))),
        tokens.then(|| (token, json!({ "text": token }))),
    ];
    let (names, services): (Vec<_>, Vec<_>) = services.into_iter().flatten().unzip();
    let recognised = names.join(" or ");
    let description = format!(
        "Only callers known to the operator are served: each is recognised by its {recognised}, and has rights of its \
        own ({rights})."
    );
    json!({ "cors": false, "service": services, "description": description })
}
