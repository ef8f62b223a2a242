//! The embedded cloud: a simulation of the world that a deployment file describes, behind the engine's ports, with
//! visitors who fetch pages all the time, and with checks of invariants that must never be violated.

mod clock;
mod cloud;
mod copies;
mod file;
mod operator;
mod pace;
mod paced;
mod ports;
mod rehearse;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timers;
mod world;

pub use clock::{SimulatedClock, run};
pub use cloud::EmbeddedCloud;
pub use copies::{UpgradeCopy, rehearse_with_copies};
pub use file::CloudError;
pub use operator::ScriptedOperator;
pub use paced::{PacedClock, Sleeper, WallTime};
pub use rehearse::{RehearsalEnding, RehearsalError, Rehearsed, conduct, conduct_phase, rehearse};
pub use world::{
    Fault, FaultKind, Invariant, KnownResources, Made, Seen, Segment, Shares, SiteTimeline, Violation, VisitorReport,
    WorldState,
};
