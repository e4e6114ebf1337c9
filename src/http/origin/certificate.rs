//! Parses the client certificate that a proxy forwards in a header.
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

use super::header_params::{self, Params};
use super::proxy::CertificateHeader;

/// The client's certificate first, then the others that it sent, in DER.
pub type Chain = Vec<CertificateDer<'static>>;

/// The header is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Maximum certificates of a chain.
const MAX_CHAIN: usize = 10;

/// Parses the forwarded certificate; `None` if the client has none.
///
/// # Errors
/// If the header is malformed, or repeated although it must occur once.
pub fn parse_forwarded(headers: &HeaderMap, header: CertificateHeader) -> Result<Option<Chain>, Malformed> {
    let chain = match header {
        CertificateHeader::None => return Ok(None),
        CertificateHeader::ClientCert => parse_rfc_9440(headers)?,
        CertificateHeader::XSslClientCert => single_value(headers, "x-ssl-client-cert")?.map(parse_pem).transpose()?,
        CertificateHeader::XForwardedClientCert => {
            last_value(headers, "x-forwarded-client-cert")?.map(parse_envoy).transpose()?
        }
        CertificateHeader::XForwardedTlsClientCert => {
            single_value(headers, "x-forwarded-tls-client-cert")?.map(parse_traefik).transpose()?
        }
    };
    match chain {
        Some(chain) if chain.is_empty() || chain.len() > MAX_CHAIN => Err(Malformed),
        chain => Ok(chain),
    }
}

fn parse_rfc_9440(headers: &HeaderMap) -> Result<Option<Chain>, Malformed> {
    let Some(certificate) = single_value(headers, "client-cert")? else { return Ok(None) };
    let mut chain = vec![parse_byte_sequence(certificate)?];
    for value in headers.get_all("client-cert-chain") {
        for item in text(value)?.split(',').filter(|item| !item.trim().is_empty()) {
            chain.push(parse_byte_sequence(item)?);
        }
    }
    Ok(Some(chain))
}

/// `:base64:`, a byte sequence of structured fields. <https://www.rfc-editor.org/rfc/rfc9651#name-byte-sequences>
fn parse_byte_sequence(item: &str) -> Result<CertificateDer<'static>, Malformed> {
    let inner = item.trim().strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    parse_base64(inner.ok_or(Malformed)?)
}

/// Percent-encoded PEM.
fn parse_pem(value: &str) -> Result<Chain, Malformed> {
    let pem: Vec<u8> = percent_decode_str(value).collect();
    CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| Malformed)
}

/// Envoy's format; the nearest proxy wrote the last element. Some proxies write Traefik's format into this header: it
/// has none of Envoy's keys.
fn parse_envoy(value: &str) -> Result<Chain, Malformed> {
    const NAMES: [&str; 7] = ["by", "hash", "cert", "chain", "subject", "uri", "dns"];
    let first = value.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !NAMES.contains(&first.as_str()) {
        return parse_traefik(value);
    }
    let element = header_params::parse_last_elements(value, 1)
        .and_then(|elements| elements.into_iter().next())
        .ok_or(Malformed)?;
    match (unique_value(&element, "cert")?, unique_value(&element, "chain")?) {
        // The chain begins with the certificate itself.
        (certificate, Some(chain)) => {
            let chain = parse_pem(chain)?;
            let certificate = certificate.map(parse_pem).transpose()?;
            let alike = certificate.is_none_or(|certificate| certificate.first() == chain.first());
            if alike { Ok(chain) } else { Err(Malformed) }
        }
        (Some(certificate), None) => parse_pem(certificate),
        (None, None) => Err(Malformed),
    }
}

/// The value of a key that may occur once in an element.
fn unique_value<'a>(element: &'a Params, name: &str) -> Result<Option<&'a str>, Malformed> {
    let mut values = element.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Malformed),
    }
}

/// Traefik's format: PEM without its first and last lines and line breaks, percent-encoded or not, separated by commas.
fn parse_traefik(value: &str) -> Result<Chain, Malformed> {
    let decoded = percent_decode_str(value).decode_utf8().map_err(|_| Malformed)?;
    decoded.split(',').map(|certificate| parse_base64(certificate.trim())).collect()
}

fn parse_base64(text: &str) -> Result<CertificateDer<'static>, Malformed> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let der = GeneralPurpose::new(&STANDARD, LENIENT).decode(text).map_err(|_| Malformed)?;
    if der.is_empty() { Err(Malformed) } else { Ok(der.into()) }
}

/// The value of a header that must occur once; `None` if it is missing or empty.
fn single_value<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Malformed> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text(value).map(|text| (!text.is_empty()).then_some(text)),
        (Some(_), Some(_)) => Err(Malformed),
    }
}

/// The last value of a header that each proxy may add.
fn last_value<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Malformed> {
    let value = headers.get_all(name).iter().next_back().map(text).transpose()?;
    Ok(value.filter(|value| !value.is_empty()))
}

fn text(value: &HeaderValue) -> Result<&str, Malformed> {
    value.to_str().map(str::trim).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests;
