//! Reads the body of a request, within its limits and in a supported media type.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use mediatype::MediaTypeBuf;

use super::bounds::Bounds;
use super::http_error::HttpError;
use super::media_type::{MAX_MEDIA_TYPE, is_fhir_json, version_is_r4};
use super::origin::browser::is_sent_by_browser;
use crate::issue::Issue;
use crate::issue::catalogue::HTTP_BODY_INCOMPLETE;

/// The expected content of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A resource, in JSON.
    Resource,
    /// The parameters of a search, as a form.
    Form,
    /// `application/json`, which a page of another site cannot send without asking first.
    PlainJson,
}

/// How much of the body of a refused request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainLimits {
    /// Maximum bytes of content.
    pub max_bytes: usize,
    /// Maximum duration.
    pub timeout: Duration,
}

/// Minimum bytes that a frame counts for: a chunk of one byte costs as much work as a larger one.
const MIN_FRAME_COST: usize = 256;

/// Maximum frames of a body: each costs a poll of the connection, whatever its size. Allows 1 MiB in chunks of 16 bytes.
const MAX_FRAMES: usize = 64 << 10;

/// Reads the rest of the body of a refused request, within the limits, so that the client receives the response instead of a
/// reset connection. Returns whether the body was read completely. A limit of zero bytes reads nothing: a client that expects
/// `100 Continue` is not asked to send the body.
pub async fn drain(mut body: Body, limits: DrainLimits) -> bool {
    if body.is_end_stream() || limits.max_bytes == 0 {
        return body.is_end_stream();
    }
    let reading = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, Bytes::len).max(MIN_FRAME_COST);
            if read > limits.max_bytes {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(limits.timeout, reading).await.unwrap_or(false)
}

/// Whether the client waits for `100 Continue` and has not received it: reading the body sends it, and `error` occurred
/// before that. <https://www.rfc-editor.org/rfc/rfc9110#name-expect>
pub fn is_withheld(headers: &HeaderMap, error: &HttpError) -> bool {
    // Like hyper, use the last one.
    let expect = headers.get_all(header::EXPECT).iter().next_back();
    let expects_continue = expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let is_read = match error {
        // Without a length, the size was detected while reading.
        HttpError::BodyTooLarge { .. } => announced_length(headers).is_none(),
        HttpError::BodyTooFragmented { .. } => true,
        _ => false,
    };
    expects_continue && !is_read
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the body, if it has the expected media type and stays within the limits. After an error, part of it may be
/// unread.
pub async fn read(
    headers: &HeaderMap,
    body: &mut Body,
    expected: Expected,
    bounds: &Bounds,
) -> Result<Bytes, HttpError> {
    let limit = bounds.max_body;
    check(headers, expected)?;
    let announced = announced_length(headers).unwrap_or_default();
    if announced > limit {
        return Err(HttpError::BodyTooLarge { limit });
    }
    let content = tokio::time::timeout(bounds.body_timeout, collect(body, announced, limit)).await;
    let content = content.map_err(|_| HttpError::TooSlow { allowed: bounds.body_timeout })??;
    // It is read completely; of a chunked body, hyper does not report that.
    *body = Body::empty();
    Ok(content)
}

/// Copies every frame into one buffer: a frame keeps its whole read buffer in memory, and a body in chunks of one byte has
/// as many frames as bytes.
async fn collect(body: &mut Body, announced: usize, limit: usize) -> Result<Bytes, HttpError> {
    let mut content = BytesMut::with_capacity(announced);
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| HttpError::from_issues(vec![Issue::new(&HTTP_BODY_INCOMPLETE, "http.body")]))?;
        frames += 1;
        if frames > MAX_FRAMES {
            return Err(HttpError::BodyTooFragmented { limit: MAX_FRAMES });
        }
        let Some(data) = frame.data_ref() else { continue };
        if data.len() > limit - content.len() {
            return Err(HttpError::BodyTooLarge { limit });
        }
        content.extend_from_slice(data);
    }
    Ok(content.freeze())
}

fn check(headers: &HeaderMap, expected: Expected) -> Result<(), HttpError> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter().map(axum::http::HeaderValue::as_bytes);
    let mut encodings = encodings.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    // An empty value is no encoding.
    if encodings.any(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(HttpError::UnsupportedContentEncoding);
    }
    let found = match headers.get(header::CONTENT_TYPE) {
        Some(found) => found.to_str().unwrap_or("?"),
        // For a page of any site, a browser sends a body without a type without a CORS preflight.
        None if is_sent_by_browser(headers) => "∅",
        None if expected == Expected::PlainJson => "∅",
        // Without a type, the expected one is assumed: JSON, as on the SAS pages; for `_search` a form, as FHIR defines no
        // search in JSON.
        None => return Ok(()),
    };
    let is_supported = found.len() <= MAX_MEDIA_TYPE
        && found.parse::<MediaTypeBuf>().is_ok_and(|media_type| match expected {
            Expected::Resource => is_fhir_json(&media_type) && version_is_r4(&media_type) && is_utf8(&media_type),
            Expected::Form => is_essence(&media_type, FORM) && is_utf8(&media_type),
            Expected::PlainJson => is_essence(&media_type, JSON) && is_utf8(&media_type),
        });
    let expected = match expected {
        Expected::Resource => "application/fhir+json; charset=utf-8",
        Expected::Form => FORM,
        Expected::PlainJson => JSON,
    };
    if is_supported { Ok(()) } else { Err(HttpError::UnsupportedMediaType { found: found.to_owned(), expected }) }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn is_essence(media_type: &MediaTypeBuf, expected: &str) -> bool {
    media_type.essence().to_string().eq_ignore_ascii_case(expected)
}

fn is_utf8(media_type: &MediaTypeBuf) -> bool {
    use mediatype::ReadParams;
    let charset = media_type.get_param(mediatype::names::CHARSET);
    charset.is_none_or(|charset| {
        let charset = charset.unquoted_str();
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;

    use super::*;
    use crate::access::principal::{AuthFailure, Denied};

    /// Frames of a body: how many were read, and how many of these are still held.
    #[derive(Clone, Default)]
    struct Frames {
        read: Arc<AtomicUsize>,
        held: Arc<AtomicUsize>,
    }

    struct Frame(Vec<u8>, Arc<AtomicUsize>);

    impl AsRef<[u8]> for Frame {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Frame {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::Relaxed);
        }
    }

    impl Frames {
        /// So many frames of this length; each asserts that hardly any other is held.
        fn body(&self, number: usize, length: usize) -> Body {
            let frames = self.clone();
            let frame = move |_| {
                frames.read.fetch_add(1, Ordering::Relaxed);
                let held = frames.held.fetch_add(1, Ordering::Relaxed);
                assert!(held <= 1, "{held} frames are held");
                Ok::<_, Infallible>(Bytes::from_owner(Frame(vec![b'x'; length], frames.held.clone())))
            };
            Body::from_stream(stream::iter((0..number).map(frame)))
        }

        fn read(&self) -> usize {
            self.read.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn body_frames_are_copied_and_released() {
        let bounds = Bounds { max_body: 100_000, ..Bounds::default() };
        for (number, length) in [(MAX_FRAMES, 1), (50_000, 2), (1, 100_000), (0, 1), (MAX_FRAMES, 0)] {
            let mut body = Frames::default().body(number, length);
            let content = read(&HeaderMap::new(), &mut body, Expected::Resource, &bounds).await.expect("a body");
            assert!(content.len() == number * length && content.iter().all(|byte| *byte == b'x'));
            assert!(body.is_end_stream(), "nothing is left");
        }
        for (number, length, read_frames) in [(60_000, 2, 50_001), (2, 50_001, 2), (1, 100_001, 1)] {
            let frames = Frames::default();
            let mut body = frames.body(number, length);
            let refused = read(&HeaderMap::new(), &mut body, Expected::Form, &bounds).await;
            assert!(matches!(refused, Err(HttpError::BodyTooLarge { limit: 100_000 })));
            assert_eq!(frames.read(), read_frames);
        }
    }

    #[tokio::test]
    async fn body_frames_are_bounded_in_number() {
        for (number, length) in [(MAX_FRAMES + 1, 1), (1 << 20, 1), (1 << 20, 0)] {
            let frames = Frames::default();
            let (headers, mut body, bounds) = (HeaderMap::new(), frames.body(number, length), Bounds::default());
            let refused = read(&headers, &mut body, Expected::Resource, &bounds).await;
            assert!(matches!(refused, Err(HttpError::BodyTooFragmented { limit: MAX_FRAMES })));
            assert_eq!(frames.read(), MAX_FRAMES + 1);
        }
    }

    #[tokio::test]
    async fn body_announced_too_large_is_not_read() {
        let bounds = Bounds { max_body: 100, ..Bounds::default() };
        let frames = Frames::default();
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, 101.into())]);
        let refused = read(&headers, &mut frames.body(101, 1), Expected::Form, &bounds).await;
        assert!(matches!(refused, Err(HttpError::BodyTooLarge { limit: 100 })));
        assert_eq!(frames.read(), 0);
    }

    #[tokio::test]
    async fn drain_reads_a_bounded_number_of_bytes_and_frames() {
        let drained = async |number, length, max_bytes| {
            let frames = Frames::default();
            let limits = DrainLimits { max_bytes, timeout: Duration::from_mins(1) };
            (drain(frames.body(number, length), limits).await, frames.read())
        };
        assert_eq!(drained(16, 4096, 64 << 10).await, (true, 16));
        assert_eq!(drained(17, 4096, 64 << 10).await, (false, 17));
        assert_eq!(drained(1 << 20, 4096, 64 << 10).await, (false, 17));
        // A chunk of one byte counts for more than its size.
        assert_eq!(drained(256, 1, 64 << 10).await, (true, 256));
        assert_eq!(drained(1 << 20, 1, 64 << 10).await, (false, 257));
        assert_eq!(drained(1 << 20, 0, 64 << 10).await, (false, 257));
        assert_eq!(drained(16, 1, 0).await, (false, 0), "nothing is asked for");
    }

    #[test]
    fn expect_continue_withholds_a_body_until_it_is_read() {
        let headers = |expect: &str, length: Option<usize>| {
            let mut headers = HeaderMap::from_iter([(header::EXPECT, expect.parse().expect("a header value"))]);
            headers.extend(length.map(|length| (header::CONTENT_LENGTH, length.into())));
            headers
        };
        let too_large = HttpError::BodyTooLarge { limit: 1 };
        let denied = HttpError::Denied(Denied::Unauthenticated(AuthFailure::NoCredentials));
        for (expect, length, error, expected) in [
            ("100-continue", Some(9), &denied, true),
            ("100-Continue", None, &denied, true),
            ("100-continue", Some(9), &too_large, true),
            ("100-continue", None, &too_large, false),
            ("100-continue", None, &HttpError::BodyTooFragmented { limit: 1 }, false),
            ("100-continued", Some(9), &denied, false),
            ("", None, &denied, false),
        ] {
            assert_eq!(is_withheld(&headers(expect, length), error), expected, "{expect} {length:?} {error}");
        }
        assert!(!is_withheld(&HeaderMap::new(), &denied));
    }
}
