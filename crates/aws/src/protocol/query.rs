//! The Query protocol: an operation is a form of parameters. EC2 numbers its lists in a way of its own.

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;

use super::Request;
use super::rest::UNRESERVED;
use crate::operations::Operation;
use crate::shape::{Shape, Value};

/// How lists are numbered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// `Name.1`.
    Flat,
    /// `Name.member.1`.
    Wrapped,
}

/// The request of an operation.
pub(super) fn request<O: Operation>(operation: &O, lists: Lists) -> Request {
    let mut form = Vec::new();
    form.push(("Action".to_owned(), O::NAME.to_owned()));
    form.push(("Version".to_owned(), O::SERVICE.version().to_owned()));
    for (name, _, value) in Shape::values(operation) {
        flatten(name.to_owned(), value, lists, &mut form);
    }
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Request {
        method: "POST",
        path: "/".to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
        body: Bytes::from(pairs.join("&")),
    }
}

fn flatten(name: String, value: Value, lists: Lists, form: &mut Vec<(String, String)>) {
    match value {
        Value::Text(text) => form.push((name, text)),
        Value::Integer(number) => form.push((name, number.to_string())),
        Value::Boolean(yes) => form.push((name, yes.to_string())),
        Value::Time(moment) => form.push((name, moment.to_string())),
        Value::List(item, elements) => {
            let prefix = if lists == Lists::Flat { name } else { format!("{name}.{item}") };
            for (index, element) in elements.into_iter().enumerate() {
                flatten(format!("{prefix}.{}", index + 1), element, lists, form);
            }
        }
        Value::Map(entries) => {
            for (index, (key, entry)) in entries.into_iter().enumerate() {
                form.push((format!("{name}.entry.{}.key", index + 1), key));
                flatten(format!("{name}.entry.{}.value", index + 1), entry, lists, form);
            }
        }
        Value::Structure(members) => {
            for (member, value) in members {
                flatten(format!("{name}.{member}"), value, lists, form);
            }
        }
    }
}
