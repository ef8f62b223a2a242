//! What a request looks like before it is addressed and signed.

use bytes::Bytes;

/// A request before it is addressed and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// Path and query string, beginning with a slash.
    pub path: String,
    /// Headers beyond those of signing.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}
