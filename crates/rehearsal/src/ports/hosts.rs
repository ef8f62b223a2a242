//! What runs on hosts.

use async_trait::async_trait;

use cutover_core::deployment::SmokeTest;
use cutover_core::names::{FleetName, InstanceId, JobName, ProgramName};
use cutover_core::plan::Migrate;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Hosts, JobProgress, JobStart, ProgramState};

use crate::EmbeddedCloud;
use crate::world::WorldState;

#[async_trait(?Send)]
impl Hosts for EmbeddedCloud {
    async fn programs(&self, host: &InstanceId, programs: &[ProgramName]) -> Answer<Vec<(ProgramName, ProgramState)>> {
        self.look("programs", |world| world.programs(host, programs)).await
    }

    async fn stop(
        &self,
        permit: &Permit,
        host: &InstanceId,
        _supervisorctl: &str,
        programs: &[ProgramName],
    ) -> Answer<()> {
        let programs = programs.to_vec();
        self.order("stop", permit, host, move |world, host| world.stop(host, &programs)).await
    }

    async fn start(
        &self,
        permit: &Permit,
        host: &InstanceId,
        _supervisorctl: &str,
        programs: &[ProgramName],
    ) -> Answer<()> {
        let programs = programs.to_vec();
        self.order("start", permit, host, move |world, host| world.start(host, &programs)).await
    }

    async fn kill(&self, permit: &Permit, host: &InstanceId, programs: &[ProgramName]) -> Answer<()> {
        let programs = programs.to_vec();
        self.order("kill", permit, host, move |world, host| world.kill(host, &programs)).await
    }

    async fn smoke_test(&self, host: &InstanceId, test: &SmokeTest) -> Answer<(i32, String)> {
        self.look("smoke_test", |world| world.smoke_test(host, test)).await
    }

    async fn queued_tasks(&self, fleet: &FleetName) -> Answer<u32> {
        self.look("queued_tasks", |world| Ok(world.queued_tasks(fleet))).await
    }

    async fn pending_migrations(&self, host: &InstanceId, migrate: &Migrate) -> Answer<Option<u32>> {
        if migrate.list_command.is_empty() {
            return Ok(None);
        }
        self.look("pending_migrations", |world| world.pending_migrations(host, migrate)).await.map(Some)
    }

    async fn start_job(&self, permit: &Permit, host: &InstanceId, migrate: &Migrate) -> Answer<JobStart> {
        let migrate = migrate.clone();
        self.order("start_job", permit, host, move |world, host| world.start_job(host, &migrate)).await
    }

    async fn job(&self, host: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobProgress>> {
        self.look("job", |world| world.job(host, job, offset)).await
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
