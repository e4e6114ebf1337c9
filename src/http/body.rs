//! Reading a body: within its bounds, in a media type that is understood.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mediatype::MediaTypeBuf;

use super::bounds::Bounds;
use super::media_type::{is_fhir_json, version_is_r4};
use crate::error::Error;
use crate::issue::Issue;
use crate::issue::catalogue::HTTP_BODY_INCOMPLETE;

/// What a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A resource in JSON.
    Resource,
    /// A search form.
    Form,
}

/// Takes in what is left of the body of a refused request, so that the client reads the answer
/// instead of a broken connection; but no more than so many bytes, nor longer than this. Whether that
/// was all of it.
pub async fn drain(body: Body, most: usize, within: Duration) -> bool {
    if body.is_end_stream() || most == 0 {
        return body.is_end_stream();
    }
    let mut body = Limited::new(body, most);
    let to_its_end = async {
        loop {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    };
    tokio::time::timeout(within, to_its_end).await.unwrap_or(false)
}

/// The whole body, if it is what is expected and arrives within the bounds. Where it is refused, some of
/// it may be left.
pub async fn read(headers: &HeaderMap, body: &mut Body, expected: Expected, bounds: &Bounds) -> Result<Bytes, Error> {
    let limit = bounds.max_body;
    let refusal = check(headers, expected).err().or_else(|| {
        let announced = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<usize>().ok()?;
        (announced > limit).then_some(Error::BodyTooLarge { limit })
    });
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let collected = tokio::time::timeout(bounds.body_timeout, Limited::new(body, limit).collect()).await;
    match collected.map_err(|_| Error::TooSlow { allowed: bounds.body_timeout })? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::BodyTooLarge { limit }),
        Err(_) => Err(Error::of(vec![Issue::new(&HTTP_BODY_INCOMPLETE, "http.body")])),
    }
}

fn check(headers: &HeaderMap, expected: Expected) -> Result<(), Error> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.into_iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Error::UnsupportedContentEncoding);
    }
    // Without a type, a body is taken for what it should be.
    let Some(found) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let found = found.to_str().unwrap_or("?");
    let understood = found.parse::<MediaTypeBuf>().is_ok_and(|media_type| match expected {
        Expected::Resource => is_fhir_json(&media_type) && version_is_r4(&media_type) && is_utf8(&media_type),
        Expected::Form => media_type.essence().to_string().eq_ignore_ascii_case(FORM) && is_utf8(&media_type),
    });
    let expected = match expected {
        Expected::Resource => "application/fhir+json; charset=utf-8",
        Expected::Form => FORM,
    };
    if understood { Ok(()) } else { Err(Error::UnsupportedMediaType { found: found.to_owned(), expected }) }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn is_utf8(media_type: &MediaTypeBuf) -> bool {
    use mediatype::ReadParams;
    let charset = media_type.get_param(mediatype::names::CHARSET);
    charset.is_none_or(|charset| {
        let charset = charset.unquoted_str();
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    })
}
