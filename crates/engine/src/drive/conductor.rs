//! Everything that carrying out steps needs.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use futures_util::future::{LocalBoxFuture, Shared};

use cutover_core::journal::StepStatus;
use cutover_core::plan::Step;

use super::part::Part;
use crate::act::{Found, StepContext};
use crate::gate::Gate;
use crate::journal::Journal;
use crate::ports::{Clock, Operator, World};
use crate::readings::Readings;
use crate::slots::{Slots, StepSlot};
use crate::supervisors::Supervisors;

/// Resolves when waits for people or for a date must end, with the reason in words, such as `it was told to end
/// (SIGTERM)`.
pub type Stop = Shared<LocalBoxFuture<'static, &'static str>>;

/// Everything that carrying out steps needs.
pub struct Conductor {
    /// The ports.
    pub world: World,
    /// The clock.
    pub clock: Rc<dyn Clock>,
    /// Who decides at gates.
    pub operator: Rc<dyn Operator>,
    /// The journal.
    pub journal: Rc<Journal>,
    /// The one way to change the world.
    pub gate: Gate,
    /// Recent readings of the world, which the steps share.
    pub(super) readings: Readings,
    /// What supervisors are asked and have answered, which the steps share.
    supervisors: Supervisors,
    /// The slots for calls and connections.
    pub(super) slots: Slots,
    /// Resolves when the conductor is asked to stop.
    pub stop: Stop,
    /// What of a phase it does.
    pub(crate) part: Part,
}

impl Conductor {
    /// A conductor that has read nothing of the world yet.
    #[must_use]
    pub fn new(
        world: World,
        clock: Rc<dyn Clock>,
        operator: Rc<dyn Operator>,
        journal: Rc<Journal>,
        gate: Gate,
        stop: Stop,
    ) -> Self {
        let readings = Readings::new(world.clone(), Rc::clone(&clock));
        let (supervisors, slots) = (Supervisors::default(), Slots::new());
        Self { world, clock, operator, journal, gate, readings, supervisors, slots, stop, part: Part::Whole }
    }

    /// The same conductor, which does only this part of a phase.
    #[must_use]
    pub fn of_part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// The same conductor in another world, without any readings.
    #[must_use]
    pub fn in_world(self, world: World) -> Self {
        Self::new(world, self.clock, self.operator, self.journal, self.gate, self.stop).of_part(self.part)
    }

    pub(crate) fn context<'a>(&'a self, step: &'a Step) -> StepContext<'a> {
        self.context_with(step, StepSlot::new(&self.slots, step.action.work()))
    }

    pub(super) fn context_with<'a>(&'a self, step: &'a Step, slot: StepSlot<'a>) -> StepContext<'a> {
        let run = self.journal.step_run(&step.id);
        let failed = matches!(run.status, StepStatus::Failed { .. });
        let now = self.clock.moment();
        StepContext {
            world: &self.world,
            gate: &self.gate,
            clock: &*self.clock,
            step,
            journal: &self.journal,
            readings: &self.readings,
            supervisors: &self.supervisors,
            slots: &self.slots,
            slot,
            // Kept through crashes, but reset after a failure that the operator has seen.
            since: run.started_at.filter(|_| !failed).unwrap_or(now.wall),
            taken_up: now,
            limited_since: Cell::new(now),
            failures: run.failures,
            retries: run.retries,
            was_started: Cell::new(run.status.is_open()),
            mentioned: RefCell::default(),
            found: Found::default(),
            learned: RefCell::default(),
            token: OnceCell::new(),
        }
    }
}
