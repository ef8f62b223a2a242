//! What runs on hosts.

use async_trait::async_trait;

use cutover_core::names::{InstanceId, JobName};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Hosts};
use cutover_hosts::command::{Ask, Command, Said};
use cutover_hosts::hold;
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};
use cutover_hosts::supervisor::{Order, Verb};

use crate::EmbeddedCloud;
use crate::world::WorldState;

#[async_trait(?Send)]
impl Hosts for EmbeddedCloud {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        let question = self.question(ask);
        self.look(question.as_str(), |world| world.answer(host, question, ask)).await
    }

    async fn start_job(&self, permit: &Permit, host: &InstanceId, job: &Job) -> Answer<JobStart> {
        let call = name_of(&job.command);
        let (job, epoch) = (job.clone(), permit.epoch());
        self.order(call, permit, host, move |world, host| world.start_job(host, &job, epoch)).await
    }

    async fn job(&self, host: &InstanceId, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        self.look("job", |world| world.job(host, name, offset)).await
    }

    async fn signal_job(&self, permit: &Permit, host: &InstanceId, name: &JobName, signal: Signal) -> Answer<bool> {
        let name = name.clone();
        self.order("signal_job", permit, host, move |world, host| world.signal_job(host, &name, signal)).await
    }

    async fn collect_job(&self, permit: &Permit, host: &InstanceId, name: &JobName) -> Answer<()> {
        let name = name.clone();
        self.order("collect_job", permit, host, move |world, host| world.collect_job(host, &name)).await
    }
}

/// The name of the call that starts a job, for faults.
fn name_of(command: &Command) -> &'static str {
    if let Some(order) = Order::of(command) {
        return match order.verb {
            Verb::Stop | Verb::StopForGood => "stop",
            Verb::Start | Verb::StartAlways => "start",
            Verb::Kill => "kill",
        };
    }
    match hold::Order::of(command).map(|order| order.verb) {
        Some(hold::Verb::Hold) => "hold",
        Some(hold::Verb::PutBack) => "put_back",
        None => "start_job",
    }
}

impl EmbeddedCloud {
    /// Gives a host an order, which it refuses if it has seen a later conductor.
    async fn order<T>(
        &self,
        call: &'static str,
        permit: &Permit,
        host: &InstanceId,
        effect: impl FnOnce(&mut WorldState, &InstanceId) -> Answer<T> + 'static,
    ) -> Answer<T> {
        let (epoch, host) = (permit.epoch(), host.clone());
        let heeded = move |world: &mut WorldState| world.heed(&host, epoch).and_then(|()| effect(world, &host));
        self.change(call, permit, heeded).await
    }
}
