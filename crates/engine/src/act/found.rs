//! What a process has found out about a step while it drives it. Another process that takes the step up finds it out again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use cutover_core::names::{ChangeId, InstanceId, JobName, ProgramName};

use super::evidence::Evidence;
use super::migration_progress::Printed;
use super::soak_tally::SoakTally;
use crate::moment::Moment;

/// The process id of each program that ran at the last look.
type Pids = BTreeMap<ProgramName, u32>;

/// What is known of a step's effect, of which each kind of action uses some.
#[derive(Default)]
pub(crate) struct Found {
    /// When this process first told programs to stop, or tried to, or found all of them told.
    pub told_to_stop: Cell<Option<Moment>>,
    /// When the awaited condition was first seen, for waits that require it to last for some time.
    pub seen_since: Cell<Option<Moment>>,
    /// The id of the change to records that it requested, unless the answer was lost.
    pub change: RefCell<Option<ChangeId>>,
    /// The process ids of the programs that ran at the last look.
    pub pids: RefCell<BTreeMap<InstanceId, Pids>>,
    /// Its orders that have told in which files `autostart` is off.
    pub told_files: RefCell<BTreeSet<JobName>>,
    /// What its jobs have printed so far.
    pub output: RefCell<BTreeMap<JobName, Printed>>,
    /// What it has found out about its migrations.
    pub evidence: RefCell<Evidence>,
    /// What the sites of its soak have answered so far.
    pub soaked: RefCell<SoakTally>,
}
