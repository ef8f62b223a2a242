//! AWS, and only here: the engine's ports ([`ports`], put together in [`cloud`]), what IAM must allow for them
//! ([`policy`]), and dry runs ([`dry`]), on one thin client for the operations that an upgrade needs.
//!
//! The client uses the official runtime: `aws-config` finds credentials and region, `aws-sigv4` signs, and one HTTP
//! client sends ([`web`]). What requests and answers look like is declared once, as shapes ([`operations`]), and tests
//! compare every name in them with AWS's own models. What changes anything takes a permit of the engine's gate, and
//! does not compile without one; nothing is repeated here. Hosts and messages to people are not here.
//!
//! The modules form layers, and each uses only those above it in this list:
//!
//! 1. [`shape`], [`service`], `times`, [`web`]: how requests and answers look, which services there are, time, HTTP;
//! 2. [`operations`], `vantage`: the operations as data; from where names and sites are looked at;
//! 3. [`protocol`], `credentials`, [`dry`]: operations as HTTP; what signs them; what is recorded instead of being
//!    sent;
//! 4. [`error`]: why a call failed, and what is known afterwards;
//! 5. [`connection`]: region, credentials, limits and counts;
//! 6. `call`, [`storage`]: calls of operations, and S3;
//! 7. `identity`: who we are;
//! 8. [`ports`], then [`cloud`].
//!
//! [`policy`] uses none of these.

pub mod cloud;
pub mod connection;
pub mod dry;
pub mod error;
pub mod operations;
pub mod policy;
pub mod ports;
pub mod protocol;
pub mod service;
pub mod shape;
pub mod storage;
pub mod web;

mod call;
mod credentials;
mod identity;
mod times;
mod vantage;

pub use connection::{Connection, Limits, Settings};
pub use credentials::MissingCredentials;
pub use error::{Error, Refusal};
pub use times::{Times, Wait};
pub use vantage::Vantage;
