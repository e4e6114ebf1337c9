//! An exchange as HAR 1.2, which browsers and tools for HTTP open. <http://www.softwareishard.com/blog/har-12-spec/>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::exchange::{Body, Exchange, Header, Message};

/// The exchange as a HAR document, sent to an origin such as `https://sas.example.org`.
pub(crate) fn har(exchange: &Exchange, origin: &str) -> Value {
    let Exchange { event, version, method, target, request, answer, .. } = exchange;
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let parameters: Vec<_> =
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let mut of_request = json!({
        "method": method,
        "url": format!("{origin}{target}"),
        "httpVersion": version,
        "cookies": [],
        "headers": headers(request),
        "queryString": parameters,
        "headersSize": -1,
        "bodySize": length(&request.body),
    });
    if let Body::Kept { bytes, .. } = &request.body {
        let mut posted = json!({ "mimeType": value(request, "content-type"), "comment": comment(&request.body) });
        match request.body.text() {
            Some(text) => posted["text"] = text.into(),
            None => {
                // Only contents of answers have `encoding`; names of other fields begin with an underscore.
                posted["text"] = STANDARD.encode(bytes).into();
                posted["_encoding"] = "base64".into();
            }
        }
        of_request["postData"] = posted;
    } else if let Some(why) = request.body.why_not_kept() {
        of_request["comment"] = why.into();
    }
    let of_answer = json!({
        "status": event.status,
        "statusText": "",
        "httpVersion": version,
        "cookies": [],
        "headers": headers(answer),
        "content": content(answer),
        "redirectURL": value(answer, "location"),
        "headersSize": -1,
        "bodySize": length(&answer.body),
    });
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "entries": [{
            "startedDateTime": event.at,
            "time": event.duration_ms,
            "request": of_request,
            "response": of_answer,
            "cache": {},
            "timings": { "send": 0, "wait": event.duration_ms, "receive": 0 },
            "comment": format!("X-Request-Id: {}", event.request_id),
        }],
    }})
}

/// The headers whose values are kept, and the names of the others in their comments.
fn headers(message: &Message) -> Vec<Value> {
    let header = |Header { name, value }: &Header| match value {
        Some(value) => json!({ "name": name, "value": value }),
        None => json!({ "name": name, "value": "", "comment": "the value is not kept" }),
    };
    message.headers.iter().map(header).collect()
}

fn value<'a>(message: &'a Message, name: &str) -> &'a str {
    let header = message.headers.iter().find(|header| header.name == name);
    header.and_then(|header| header.value.as_deref()).unwrap_or_default()
}

/// The length of a body as sent; -1 where it is unknown.
fn length(body: &Body) -> i64 {
    body.length().and_then(|length| i64::try_from(length).ok()).unwrap_or(-1)
}

fn content(message: &Message) -> Value {
    let mut content = json!({
        "size": length(&message.body).max(0),
        "mimeType": value(message, "content-type"),
        "comment": comment(&message.body),
    });
    match message.body.text() {
        Some(text) => content["text"] = text.into(),
        None => {
            content["text"] = STANDARD.encode(message.body.bytes()).into();
            content["encoding"] = "base64".into();
        }
    }
    content
}

fn comment(body: &Body) -> &'static str {
    body.why_not_kept().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::exchange::tests::exchange;

    #[test]
    fn har_has_both_messages_as_they_were() {
        let mut kept = exchange("an-id", b"{}", b"\xFF");
        kept.request.headers =
            vec![Header { name: "content-type".to_owned(), value: Some("application/json".to_owned()) }];
        kept.answer.headers = vec![Header { name: "x-secret".to_owned(), value: None }];
        let document = har(&kept, "http://h");
        assert_eq!(document["log"]["version"], "1.2");
        let entry = &document["log"]["entries"][0];
        assert_eq!(entry["startedDateTime"], "2026-11-26T08:00:00.000Z");
        assert_eq!(entry["request"]["url"], "http://h/fhir/Practitioner?identifier=s|v");
        assert_eq!(entry["request"]["queryString"], json!([{ "name": "identifier", "value": "s|v" }]));
        let posted = json!({ "mimeType": "application/json", "text": "{}", "comment": "" });
        assert_eq!((&entry["request"]["postData"], &entry["request"]["bodySize"]), (&posted, &json!(2)));
        let content = json!({ "size": 1, "mimeType": "", "comment": "", "text": "/w==", "encoding": "base64" });
        assert_eq!((&entry["response"]["status"], &entry["response"]["content"]), (&json!(201), &content));
        assert_eq!(entry["response"]["headers"][0]["comment"], "the value is not kept");
    }

    #[test]
    fn har_of_a_body_that_is_not_kept_says_why() {
        let mut kept = exchange("an-id", b"", b"");
        for (body, size) in [(Body::NotRead, -1), (Body::Withheld { length: 7 }, 7), (Body::None, 0)] {
            kept.request.body = body;
            let request = har(&kept, "http://h")["log"]["entries"][0]["request"].clone();
            assert_eq!((&request["bodySize"], request.get("postData")), (&json!(size), None));
            assert_eq!(request["comment"].is_string(), size != 0, "{request}");
        }
    }

    #[test]
    fn har_of_bodies_that_are_no_utf_8_has_them_in_base64() {
        let kept = exchange("an-id", b"\xFF\xFE", b"\xFF");
        let entry = &har(&kept, "http://h")["log"]["entries"][0];
        let posted = json!({ "mimeType": "", "comment": "", "text": "//4=", "_encoding": "base64" });
        assert_eq!((&entry["request"]["postData"], &entry["request"]["bodySize"]), (&posted, &json!(2)));
        assert_eq!(entry["response"]["content"]["encoding"], "base64");
    }

    #[test]
    fn har_of_a_body_that_is_cut_says_so_and_how_long_it_was() {
        let mut kept = exchange("an-id", b"", b"");
        kept.request.body = Body::beginning(&bytes::Bytes::from_static(b"x\xC3\xA9"), 2);
        let request = &har(&kept, "http://h")["log"]["entries"][0]["request"];
        let posted = json!({ "mimeType": "", "comment": "the rest of the body is not kept", "text": "x" });
        assert_eq!((&request["postData"], &request["bodySize"]), (&posted, &json!(3)));
    }
}
