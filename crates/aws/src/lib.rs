//! AWS, and only here: one thin client on the official runtime for the operations that an upgrade needs.
//!
//! `aws-config` finds credentials and region, `aws-sigv4` signs, one HTTP client sends ([`web`]). What the
//! operations look like is declared once, as shapes ([`operations`]), and tests hold every name of it against AWS's
//! own models.

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
pub mod times;
pub mod vantage;
pub mod web;

mod call;
mod credentials;

pub use connection::{Connection, Limits, Settings, Times};
pub use error::{Error, Refusal};
pub use vantage::Vantage;
