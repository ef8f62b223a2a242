//! The three protocols of AWS that we speak, each a thin translation between shapes and HTTP: `query` (with EC2's
//! variant), `rest` (with `xml`) and `json`. `translate` chooses among them by the service.

mod json;
mod query;
mod request;
mod rest;
mod translate;
mod xml;

pub use request::Request;
pub use translate::{answer, document, request, root};
