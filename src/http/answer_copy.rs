//! Copies the body of each answer for the journal.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::http_error::HttpError;
use super::injection::{Cut, first_half};
use super::outcome;
use super::recorder::{AnswerBody, RequestCopy};
use crate::issue::Language;

/// Middleware: notes the body of each answer that is in memory, for the journal.
pub async fn copy_answer(request: Request, next: Next) -> Response {
    let is_copied = request.extensions().get::<RequestCopy>().is_some();
    let response = next.run(request).await;
    // A stream has no length.
    if !is_copied || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            // What an armed fault withholds was not answered.
            let sent = match parts.extensions.get::<Cut>() {
                None => body.clone(),
                Some(Cut::InBody) => first_half(&body),
                Some(Cut::BeforeHead) => Bytes::new(),
            };
            parts.extensions.insert(AnswerBody(sent));
            Response::from_parts(parts, Body::from(body))
        }
        Err(error) => outcome::response(&HttpError::internal(error), Language::default()),
    }
}
