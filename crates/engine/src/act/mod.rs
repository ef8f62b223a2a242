//! How each kind of action is observed and made, through the ports alone. One module a subject.
//!
//! Observing says whether what the action wants already holds, is under way, has not been begun, or can never
//! come true. Making it asks the world once and waits for nothing: waiting is observing again.

mod balancers;
mod dispatch;
mod dns;
mod hosts;
mod images;
mod late;
mod manner;
mod migrations;
mod pages;
mod printed;
mod recorded;
mod scene;
mod snapshots;

pub(crate) use dispatch::{act, observe};
pub(crate) use late::too_late;
pub(crate) use manner::{Manner, grace, interval, manner, shortest_interval};
pub(crate) use scene::{Scene, Seen};
