//! An event as it is posted.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::feed::Event;
use crate::storage::feed::Position;

/// The body and the id of a delivery: the same whenever the event is delivered again.
#[derive(Debug)]
pub struct Message {
    /// `webhook-id`
    pub id: String,
    pub body: Vec<u8>,
}

/// The body of the standard.
#[derive(Serialize)]
struct Body<'a, T> {
    r#type: &'a str,
    timestamp: &'a str,
    data: &'a T,
}

impl Message {
    /// The message of an event of this log.
    pub fn of_event(log: &str, event: &Event) -> Result<Self, serde_json::Error> {
        // Each has one type at least.
        let first = event.types.first().map_or("unknown", |event_type| event_type.as_str());
        let body = Body { r#type: first, timestamp: &event.time, data: event };
        Ok(Self { id: message_id(log, event.position), body: serde_json::to_vec(&body)? })
    }

    /// A message that is no event.
    pub fn of_test(id: String, time: &str) -> Result<Self, serde_json::Error> {
        let data = RawValue::from_string("{}".to_owned())?;
        Ok(Self { id, body: serde_json::to_vec(&Body { r#type: "webhook.test", timestamp: time, data: &data })? })
    }
}

fn message_id(log: &str, position: Position) -> String {
    format!("{log}-{position}")
}
