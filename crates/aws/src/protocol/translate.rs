//! An operation as a request, and an answer as what the operation returns, by the protocol of its service.

use bytes::Bytes;

use super::{Request, json, query, rest, xml};
use crate::operations::Operation;
use crate::service::Protocol;
use crate::shape::{Document, Shape, Unreadable};

/// The request of an operation.
#[must_use]
pub fn request<O: Operation>(operation: &O) -> Request {
    match O::SERVICE.protocol() {
        Protocol::Query => query::request(operation, query::Lists::Wrapped),
        Protocol::Ec2 => query::request(operation, query::Lists::Flat),
        Protocol::RestXml => rest::request(operation),
        Protocol::Json => json::request(operation),
    }
}

/// The answer of an operation that worked.
///
/// # Errors
/// When it is not as AWS's model says. What is not an answer to this operation must never pass for an empty listing.
pub fn answer<O: Operation>(answer: &http::Response<Bytes>) -> Result<O::Output, Unreadable> {
    let members = <O::Output as Shape>::members();
    let output = match O::SERVICE.protocol() {
        Protocol::Json => json::parse(answer.body())?,
        Protocol::Ec2 => rooted(answer.body(), &format!("{}Response", O::NAME))?,
        Protocol::Query => {
            let body = rooted(answer.body(), &format!("{}Response", O::NAME))?;
            let result = format!("{}Result", O::NAME);
            match body.child(&result) {
                Some(output) => output.clone(),
                None if members.is_empty() => Document::default(),
                None => return Err(Unreadable { path: result, trouble: "is missing".to_owned() }),
            }
        }
        Protocol::RestXml => {
            let root = rest::payload(&members).map(|member| member.name.to_owned());
            let body = rooted(answer.body(), &root.unwrap_or_else(|| format!("{}Response", O::NAME)))?;
            rest::placed(&members, body, answer.headers())
        }
    };
    crate::shape::Field::read(Some(&output))
}

/// What is in the root element, which has to be of that name.
fn rooted(body: &[u8], name: &str) -> Result<Document, Unreadable> {
    let (root, document) = xml::parse(body)?;
    if root == name {
        return Ok(document);
    }
    Err(Unreadable { path: "body".to_owned(), trouble: format!("is of <{root}>, and <{name}> is to be expected") })
}

/// A body as a document, the root element's name left out; an empty one is an empty document.
///
/// # Errors
/// When it is not well-formed.
pub fn document(protocol: Protocol, body: &[u8]) -> Result<Document, Unreadable> {
    if body.is_empty() {
        return Ok(Document::default());
    }
    match protocol {
        Protocol::Json => json::parse(body),
        _ => xml::parse(body).map(|(_, document)| document),
    }
}

/// The name of a body's root element, of XML only.
#[must_use]
pub fn root(protocol: Protocol, body: &[u8]) -> Option<String> {
    (protocol != Protocol::Json).then(|| xml::parse(body).ok()).flatten().map(|(name, _)| name)
}
