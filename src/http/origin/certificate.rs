//! The client's certificate, as proxies pass it on in a header.
//!
//! <https://www.rfc-editor.org/rfc/rfc9440>,
//! <https://nginx.org/en/docs/http/ngx_http_ssl_module.html#var_ssl_client_escaped_cert>,
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert>,
//! <https://doc.traefik.io/traefik/middlewares/http/passtlsclientcert/>

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::pairs::{self, Pairs};
use super::proxy::CertificateHeader;

/// The client's certificate first, then what it sent along, in DER.
pub type Chain = Vec<CertificateDer<'static>>;

/// The header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// More certificates than this are no chain.
const LONGEST_CHAIN: usize = 10;

/// The certificate that a proxy passed on; `None` where the client has none.
///
/// # Errors
/// Where the header cannot be read, or stands there more than once where it should be one.
pub fn passed_on(headers: &HeaderMap, header: CertificateHeader) -> Result<Option<Chain>, Malformed> {
    let chain = match header {
        CertificateHeader::None => return Ok(None),
        CertificateHeader::ClientCert => parse_rfc_9440(headers)?,
        CertificateHeader::XSslClientCert => only(headers, "x-ssl-client-cert")?.map(pem).transpose()?,
        CertificateHeader::XForwardedClientCert => last(headers, "x-forwarded-client-cert")?.map(envoy).transpose()?,
        CertificateHeader::XForwardedTlsClientCert => {
            only(headers, "x-forwarded-tls-client-cert")?.map(traefik).transpose()?
        }
    };
    match chain {
        Some(chain) if chain.is_empty() || chain.len() > LONGEST_CHAIN => Err(Malformed),
        chain => Ok(chain),
    }
}

fn parse_rfc_9440(headers: &HeaderMap) -> Result<Option<Chain>, Malformed> {
    let Some(certificate) = only(headers, "client-cert")? else { return Ok(None) };
    let mut chain = vec![byte_sequence(certificate)?];
    for value in headers.get_all("client-cert-chain") {
        for item in text(value)?.split(',').filter(|item| !item.trim().is_empty()) {
            chain.push(byte_sequence(item)?);
        }
    }
    Ok(Some(chain))
}

/// `:base64:`, as structured fields write it. <https://www.rfc-editor.org/rfc/rfc9651#name-byte-sequences>
fn byte_sequence(item: &str) -> Result<CertificateDer<'static>, Malformed> {
    let inner = item.trim().strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    base64(inner.ok_or(Malformed)?)
}

/// PEM, with what cannot stand in a header percent-encoded.
fn pem(value: &str) -> Result<Chain, Malformed> {
    let pem: Vec<u8> = percent_decode_str(value).collect();
    CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| Malformed)
}

/// The last element is what the proxy beside us added. Traefik's form, which some write into this header,
/// has none of Envoy's names.
fn envoy(value: &str) -> Result<Chain, Malformed> {
    const NAMES: [&str; 7] = ["by", "hash", "cert", "chain", "subject", "uri", "dns"];
    let first = value.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !NAMES.contains(&first.as_str()) {
        return traefik(value);
    }
    let element = pairs::last_elements(value, 1).and_then(|elements| elements.into_iter().next()).ok_or(Malformed)?;
    match (one(&element, "cert")?, one(&element, "chain")?) {
        // The chain begins with the certificate itself.
        (certificate, Some(chain)) => {
            let chain = pem(chain)?;
            let certificate = certificate.map(pem).transpose()?;
            let alike = certificate.is_none_or(|certificate| certificate.first() == chain.first());
            if alike { Ok(chain) } else { Err(Malformed) }
        }
        (Some(certificate), None) => pem(certificate),
        (None, None) => Err(Malformed),
    }
}

/// The value of a name that may stand in an element once.
fn one<'a>(element: &'a Pairs, name: &str) -> Result<Option<&'a str>, Malformed> {
    let mut values = element.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Malformed),
    }
}

/// DER in base64, without the lines around it, percent-encoded or not; several are separated by commas.
fn traefik(value: &str) -> Result<Chain, Malformed> {
    let decoded = percent_decode_str(value).decode_utf8().map_err(|_| Malformed)?;
    decoded.split(',').map(|certificate| base64(certificate.trim())).collect()
}

fn base64(text: &str) -> Result<CertificateDer<'static>, Malformed> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let der = GeneralPurpose::new(&STANDARD, LENIENT).decode(text).map_err(|_| Malformed)?;
    if der.is_empty() { Err(Malformed) } else { Ok(der.into()) }
}

/// The one value of a header; an empty one is none.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Malformed> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text(value).map(|text| (!text.is_empty()).then_some(text)),
        (Some(_), Some(_)) => Err(Malformed),
    }
}

/// The last value of a header that proxies add to.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Malformed> {
    let value = headers.get_all(name).iter().next_back().map(text).transpose()?;
    Ok(value.filter(|value| !value.is_empty()))
}

fn text(value: &HeaderValue) -> Result<&str, Malformed> {
    value.to_str().map(str::trim).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests;
