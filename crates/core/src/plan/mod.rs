//! A plan is data: the steps of a phase, what each step waits for and why, how it is undone, and what the plan was made
//! from. The engine that carries it out makes no decisions of its own.

mod action;
mod basis;
mod check_site;
mod cost;
mod count_tasks;
mod frontier;
mod groups;
mod host;
mod lint;
mod migrate;
mod phase;
mod rows;
mod rule;
mod schedule;
mod sequence;
mod sessions;
mod site_answer;
mod soak;
mod statements;
mod step;
mod storage;
mod whole;
mod work;
mod write_check;

pub use action::{
    Action, Announce, AwaitResolvers, BuildImage, CapturedHost, ChangeRecords, Decide, HeldItems, HostPrograms, Idle,
    ImageRef, Launch, Membership, PublishPage, Purpose, RecordTarget, RunCommands, StartServices, StopServices,
};
pub use basis::{Basis, Change};
pub use check_site::{CheckSite, Via};
pub use cost::BuildCost;
pub use count_tasks::CountTasks;
pub use frontier::Frontier;
pub use groups::{StepGroup, StepGroups, host_of};
pub use host::{Host, InstanceRef};
pub use lint::{Finding, Severity, lint};
pub use migrate::Migrate;
pub use phase::{Lane, Order, Phase};
pub use rows::CountRows;
pub use rule::{Line, Rule};
pub use schedule::{Back, PointOfNoReturn, Schedule, WindowForecast, downtime_steps, tails};
pub use sequence::Sequence;
pub use sessions::AwaitSessions;
pub use site_answer::{is_heartbeat, what_is_wrong};
pub use soak::{AskedSite, Baseline, Soak};
pub use statements::ReadStatements;
pub use step::{Edge, PageMayLift, Step, Undo};
pub use storage::CheckStorage;
pub use whole::{PLANNER_VERSION, Plan};
pub use work::Work;
pub use write_check::WriteCheck;
