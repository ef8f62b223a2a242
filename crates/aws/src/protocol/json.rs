//! JSON 1.1: the operation is a header, its members an object.

use bytes::Bytes;
use serde_json::{Map, Number};

use super::Request;
use crate::operations::Operation;
use crate::shape::{Document, Shape, Unreadable, Value};

/// The request of an operation.
pub(super) fn request<O: Operation>(operation: &O) -> Request {
    let members = Shape::values(operation).into_iter().map(|(name, _, value)| (name.to_owned(), write(value)));
    let object = serde_json::Value::Object(members.collect());
    Request {
        method: "POST",
        path: "/".to_owned(),
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{}.{}", O::SERVICE.target(), O::NAME)),
        ],
        body: Bytes::from(object.to_string()),
    }
}

fn write(value: Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Text(text) => Json::String(text),
        Value::Integer(number) => Json::Number(Number::from(number)),
        Value::Boolean(yes) => Json::Bool(yes),
        Value::Time(moment) => Json::Number(Number::from(moment.as_second())),
        Value::List(_, elements) => Json::Array(elements.into_iter().map(write).collect()),
        Value::Map(entries) => Json::Object(entries.into_iter().map(|(key, entry)| (key, write(entry))).collect()),
        Value::Structure(members) => {
            Json::Object(members.into_iter().map(|(name, member)| (name.to_owned(), write(member))).collect())
        }
    }
}

/// Reads a body.
pub(super) fn parse(body: &[u8]) -> Result<Document, Unreadable> {
    let json = serde_json::from_slice(body).map_err(|error| Unreadable {
        path: "body".to_owned(),
        trouble: format!("is not the JSON of an answer: {error}"),
    })?;
    Ok(read(json))
}

fn read(json: serde_json::Value) -> Document {
    use serde_json::Value as Json;
    match json {
        Json::Null => Document::default(),
        Json::Bool(yes) => Document::leaf(yes.to_string()),
        Json::Number(number) => Document::leaf(number.to_string()),
        Json::String(text) => Document::leaf(text),
        Json::Array(elements) => {
            let children = elements.into_iter().map(|element| (String::new(), read(element))).collect();
            Document { text: String::new(), children }
        }
        Json::Object(members) => object(members),
    }
}

/// A member that is null is a member that is not there.
fn object(members: Map<String, serde_json::Value>) -> Document {
    let present = members.into_iter().filter(|(_, member)| !member.is_null());
    Document { text: String::new(), children: present.map(|(name, member)| (name, read(member))).collect() }
}
