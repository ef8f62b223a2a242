//! Faults that a test injects: into single calls, migrations, and the stopping of programs.

use cutover_core::names::{FleetName, HostName, ProgramName};

use super::chance::below;
use super::parts::{Fault, FaultKind};
use super::state::WorldState;

impl WorldState {
    /// Counts a call, and returns the fault to inject into it, if any.
    pub(crate) fn count_call(&mut self, call: &str) -> Option<FaultKind> {
        if self.faults.is_empty() {
            return None;
        }
        let count = self.calls.entry(call.to_owned()).or_insert(0);
        *count += 1;
        let made = *count;
        let seed = self.seed;
        let met = self.faults.iter().find_map(|fault| match fault {
            Fault::Call { call: name, nth, kind } if name == call && *nth == made => Some(*kind),
            Fault::Scattered { one_in, share, kind } => {
                (below(seed, &["scattered", call, &made.to_string()], *one_in) == *share).then_some(*kind)
            }
            _ => None,
        });
        if met.is_some() {
            self.failed_calls.entry(call.to_owned()).or_default().insert(made);
        }
        met
    }

    /// The number of migrations after which this migration command fails, if it does.
    pub(crate) fn migration_fails_after(&self, fleet: &FleetName, service: &str, database: &str) -> Option<u32> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::MigrationFails { fleet: of, service: by, database: on, after }
                if of == fleet && by == service && on == database =>
            {
                Some(*after)
            }
            _ => None,
        })
    }

    /// Whether a host has lost its record of a job that has ended.
    pub(crate) fn forgets_jobs(&self, fleet: &FleetName) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::HostForgetsJobs { fleet: of } if of == fleet))
    }

    /// Whether this program continues when it is told to stop.
    pub(crate) fn never_stops(&self, host: &HostName, program: &ProgramName) -> bool {
        self.faults.iter().any(|fault| {
            matches!(fault, Fault::ProgramNeverStops { host: on, program: named } if on == host && named == program)
        })
    }
}
