//! REST-XML: members in the path, the query string and headers, and an XML body.

use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Request, xml};
use crate::operations::Operation;
use crate::shape::{Document, Location, Member, Shape, Value};

/// All that RFC 3986 does not call unreserved, which is what signatures expect.
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The request of an operation.
pub(super) fn request<O: Operation>(operation: &O) -> Request {
    let mut path = O::PATH.to_owned();
    let mut query = Vec::new();
    let mut headers = Vec::new();
    let mut members = Vec::new();
    let mut payload = None;
    for (name, location, value) in Shape::values(operation) {
        match location {
            Location::Uri => path = path.replace(&format!("{{{name}}}"), &label(&plain(&value))),
            Location::Query => query.push(format!("{name}={}", encode(&plain(&value)))),
            Location::Header => headers.push((name, plain(&value))),
            Location::Payload => payload = Some((name.to_owned(), value)),
            Location::Body => members.push((name, value)),
        }
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let whole = || (!members.is_empty()).then(|| (format!("{}Request", O::NAME), Value::Structure(members)));
    let root = payload.or_else(whole);
    if root.is_some() {
        headers.push(("content-type", "application/xml".to_owned()));
    }
    let body = root.map(|(name, value)| xml::write(&name, O::SERVICE.namespace(), &value)).unwrap_or_default();
    Request { method: O::METHOD, path, headers, body: Bytes::from(body) }
}

/// The document of an answer, with what came as headers, and the body as one member where the model says so.
pub(super) fn placed(members: &[Member], body: Document, headers: &HeaderMap) -> Document {
    let mut output = match payload(members) {
        Some(member) => Document { text: String::new(), children: vec![(member.name.to_owned(), body)] },
        None => body,
    };
    for member in members.iter().filter(|member| member.location == Location::Header) {
        if let Some(text) = headers.get(member.name).and_then(|value| value.to_str().ok()) {
            output.children.push((member.name.to_owned(), Document::leaf(text)));
        }
    }
    output
}

/// The member that is the whole body, where there is one.
pub(super) fn payload(members: &[Member]) -> Option<&Member> {
    members.iter().find(|member| member.location == Location::Payload)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Route 53 answers with `/hostedzone/Z123` where it asks for `Z123`.
fn label(text: &str) -> String {
    encode(text.rsplit('/').next().unwrap_or(text))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Time(moment) => moment.to_string(),
        Value::List(..) | Value::Map(_) | Value::Structure(_) => String::new(),
    }
}
