//! AWS, and only here: the engine's ports ([`ports`], put together in [`cloud`]), what IAM must allow for them
//! ([`policy`]), and dry runs ([`dry`]), on one thin client for the operations that an upgrade needs.
//!
//! The client is on the official runtime: `aws-config` finds credentials and region, `aws-sigv4` signs, one HTTP
//! client sends ([`web`]). What the operations look like is declared once, as shapes ([`operations`]), and tests hold
//! every name of it against AWS's own models. What changes anything takes a permit of the engine's gate, and does not
//! compile without; nothing is repeated here. What runs on hosts, and messages to people, are not here.

pub mod cloud;
pub mod connection;
pub mod dry;
pub mod error;
pub mod operations;
pub mod policy;
pub mod ports;
pub mod protocol;
pub mod shape;
pub mod storage;
pub mod web;

mod call;
mod credentials;
mod times;
mod vantage;

pub use connection::{Connection, Limits, Settings, Times};
pub use error::{Error, Refusal};
pub use times::Wait;
pub use vantage::Vantage;
