//! What happens when the time limit of a step has passed. A migration is ended then, if the deployment file says so.

use std::time::Duration;

use cutover_core::deployment::PastLimit;
use cutover_core::plan::Action;
use cutover_hosts::job::Signal;

use super::words::past_limit;
use super::{Conductor, StepEnd};
use crate::act::{Seen, StepContext, end_job, shortest_interval};
use crate::failure::{Failure, FailureClass};
use crate::halt::{Halt, WriteError};

/// How long a job may take to end after a signal.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

impl Conductor {
    /// The end of a step whose time limit has passed. `told` is what it was said to wait for.
    pub(super) async fn past_limit(&self, context: &StepContext<'_>, told: &str) -> Result<StepEnd, Halt> {
        let kills = matches!(&context.step.action, Action::Migrate(migrate) if migrate.past_limit == PastLimit::Kill);
        let why = past_limit(context, told);
        if !kills || context.run().open_job().is_none() {
            return self.failed(context, &why).await;
        }
        // To see how it ends, hosts are asked for longer.
        context.limited_since.set(self.clock.moment());
        let mut is_sent = false;
        for signal in [Signal::Term, Signal::Kill] {
            match end_job(context, signal).await {
                Ok(arrived) => is_sent |= arrived,
                Err(WriteError::Halt(halt)) => return Err(halt),
                Err(WriteError::Failed(failure)) => match failure.class {
                    FailureClass::Superseded => return Err(Halt::Superseded(failure)),
                    // It may have arrived.
                    FailureClass::InDoubt => is_sent = true,
                    _ => return self.failed(context, &not_ended(&why, &failure)).await,
                },
            }
            if let Some(end) = self.ended_within(context, ENDS_WITHIN).await? {
                return Ok(end);
            }
        }
        let but = match is_sent {
            true => "although it was killed",
            false => "and could not be killed, because the host does not find any process of it that runs",
        };
        let message = format!("{}, {but}", why.message);
        self.failed(context, &Failure { message, ..why }).await
    }

    /// How the step ends, if its job ends in that time.
    async fn ended_within(&self, context: &StepContext<'_>, length: Duration) -> Result<Option<StepEnd>, Halt> {
        let begin = self.clock.moment();
        while begin.at_least_until(self.clock.moment()) < length {
            self.clock.sleep(shortest_interval(&context.step.action)).await;
            let end = match self.look(context).await? {
                Ok(Seen::UnderWay(_)) => continue,
                // It has ended by itself in the last moment.
                Ok(Seen::Holds(facts)) => self.ended_well(context, facts).await?,
                Ok(Seen::Never(why)) => self.failed_for_good(context, &why).await?,
                Ok(Seen::NotYet | Seen::Due(_) | Seen::CannotTell) => return Ok(None),
                Err(failure) => self.failed(context, &failure).await?,
            };
            return Ok(Some(end));
        }
        Ok(None)
    }
}

fn not_ended(why: &Failure, failure: &Failure) -> Failure {
    let message = format!("{}; it could not be told to end: {}", why.message, failure.message);
    Failure { message, ..why.clone() }
}
