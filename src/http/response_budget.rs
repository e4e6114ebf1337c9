//! Limits the bytes of responses that clients have not read yet.
//!
//! The length of each response is reserved until hyper has written its last slice, or the connection has ended: an unread
//! response stays in memory until a timeout.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

use super::admission::Client;
use super::http_error::HttpError;
use super::observe::AuditLoan;
use super::origin::Origin;
use super::{negotiation, outcome};

/// Maximum size of a slice that is passed to hyper at once.
const MAX_SLICE: usize = 64 << 10;

/// The interactions whose successful responses are never refused: a write is committed already, and a CapabilityStatement
/// has a fixed size.
const NEVER_REFUSED: [&str; 5] = ["create", "update", "conditional-update", "capabilities", "annuaire-capabilities"];

/// Smaller OperationOutcomes are not refused either: the refusal would be as large.
const MIN_REFUSABLE_ISSUES: usize = 16 << 10;

/// The bytes of unread responses, and their limits.
pub struct ResponseBudget {
    max_bytes: usize,
    max_bytes_per_client: usize,
    outstanding: Mutex<Outstanding>,
}

#[derive(Default)]
struct Outstanding {
    bytes: usize,
    by_client: HashMap<Client, usize>,
}

/// Reserves bytes of the budget until it is dropped.
struct Reservation {
    budget: Arc<ResponseBudget>,
    client: Client,
    bytes: usize,
}

impl ResponseBudget {
    /// A budget of `max_bytes`, of which each client may use a quarter. Both are at least `max_page`.
    pub fn new(max_bytes: usize, max_page: usize) -> Arc<Self> {
        let max_bytes_per_client = (max_bytes / 4).max(max_page);
        let max_bytes = max_bytes.max(max_page);
        Arc::new(Self { max_bytes, max_bytes_per_client, outstanding: Mutex::default() })
    }

    /// Reserves bytes. `None` if they exceed a limit and the response is refusable; a single response always fits.
    fn reserve(self: &Arc<Self>, client: Client, bytes: usize, is_refusable: bool) -> Option<Reservation> {
        let mut outstanding = lock(&self.outstanding);
        let of_client = outstanding.by_client.get(&client).copied().unwrap_or_default();
        let fits = |used: usize, max: usize| used == 0 || used.saturating_add(bytes) <= max;
        let fits = fits(outstanding.bytes, self.max_bytes) && fits(of_client, self.max_bytes_per_client);
        if is_refusable && !fits {
            return None;
        }
        outstanding.bytes += bytes;
        *outstanding.by_client.entry(client.clone()).or_default() += bytes;
        metrics::gauge!("sas_response_bytes_outstanding").increment(bytes as f64);
        Some(Reservation { budget: self.clone(), client, bytes })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut outstanding = lock(&self.budget.outstanding);
        outstanding.bytes -= self.bytes;
        if let Entry::Occupied(mut of_client) = outstanding.by_client.entry(self.client.clone()) {
            *of_client.get_mut() -= self.bytes;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
        metrics::gauge!("sas_response_bytes_outstanding").decrement(self.bytes as f64);
    }
}

/// Whether a response may be replaced by a refusal.
fn is_refusable(status: StatusCode, interaction: Option<&str>, length: usize) -> bool {
    match interaction {
        Some(interaction) if status.is_success() && NEVER_REFUSED.contains(&interaction) => false,
        Some("validate") | None => length >= MIN_REFUSABLE_ISSUES,
        Some(_) => status.is_success() || length >= MIN_REFUSABLE_ISSUES,
    }
}

/// Middleware: reserves the length of each response, or refuses it if too many bytes are unread.
pub async fn reserve(State(budget): State<Arc<ResponseBudget>>, request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    let client = request.extensions().get::<Origin>().map(Client::from_origin);
    let languages = request.headers().get_all(header::ACCEPT_LANGUAGE).iter();
    let languages: HeaderMap = languages.map(|value| (header::ACCEPT_LANGUAGE, value.clone())).collect();
    let audit = request.extensions().get::<AuditLoan>().cloned();
    let response = next.run(request).await;
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let (Some(client), Some(length), false) = (client, length, is_head) else { return response };
    if length == 0 {
        return response;
    }
    let interaction = audit.and_then(|audit| audit.draft().interaction());
    let is_refusable = is_refusable(response.status(), interaction, length);
    let Some(reservation) = budget.reserve(client, length, is_refusable) else {
        metrics::counter!("sas_responses_refused_total").increment(1);
        drop(response);
        return outcome::response(&HttpError::ResponsesUnread, negotiation::language(&languages));
    };
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            let held = Held { bytes: body.to_bytes(), _reservation: reservation };
            Response::from_parts(parts, Body::new(Sliced(Bytes::from_owner(held))))
        }
        Err(error) => outcome::response(&HttpError::internal(error), negotiation::language(&languages)),
    }
}

/// The bytes of a response with their reservation.
struct Held {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body in slices: if hyper copies, it copies one slice at a time.
struct Sliced(Bytes);

impl HttpBody for Sliced {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let length = self.0.len().min(MAX_SLICE);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.0.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// A panic elsewhere does not invalidate the counters.
fn lock(outstanding: &Mutex<Outstanding>) -> MutexGuard<'_, Outstanding> {
    outstanding.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
