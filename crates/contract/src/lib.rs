//! Contracts: properties that every implementation of the engine's ports must have, as one suite of tests for the
//! embedded cloud and for AWS.
//!
//! A contract is a small property on which the engine relies; its name states the property. It runs in a world that was
//! created for [`deployment`], possibly together with all other contracts. So it creates what it needs under names of
//! its own, and changes nothing that another contract observes. The contracts of hosts are a suite of their own, because
//! hosts are reached in another way than the cloud: each runs on a host for itself. There are none for messages.
//!
//! The crate also has common parts of tests of whole upgrades on any implementation: [`conductor`], [`planned`],
//! [`step`] and [`launch`], and the [`WallClock`] of tests on real parts.

mod account;
mod balancers;
mod broken;
mod clock;
mod compute;
mod conductor;
mod contracts;
mod databases;
mod dns;
mod host_contracts;
mod hosts;
mod images;
mod outside;
mod pages;
mod stage;

pub use broken::{Broken, Kept};
pub use clock::WallClock;
pub use conductor::{conductor, planned, step};
pub use contracts::{CONTRACTS, Contract};
pub use host_contracts::{HOST_CONTRACTS, HostContract};
pub use hosts::HostStage;
pub use stage::{Stage, deployment, gate, launch};
