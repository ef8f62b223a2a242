//! What runs on hosts.

use std::collections::BTreeMap;

use async_trait::async_trait;

use cutover_core::deployment::SmokeTest;
use cutover_core::names::{FleetName, InstanceId, JobName, ProgramName};
use cutover_core::plan::Migrate;
use cutover_engine::ports::{Answer, Hosts, JobProgress, ProgramState};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Hosts for EmbeddedCloud {
    async fn programs(
        &self,
        host: &InstanceId,
        programs: &[ProgramName],
    ) -> Answer<BTreeMap<ProgramName, ProgramState>> {
        self.look("programs", |world| world.programs(host, programs)).await
    }

    async fn stop(&self, host: &InstanceId, _supervisorctl: &str, programs: &[ProgramName]) -> Answer<()> {
        self.change("stop", |world| world.stop(host, programs)).await
    }

    async fn start(&self, host: &InstanceId, _supervisorctl: &str, programs: &[ProgramName]) -> Answer<()> {
        self.change("start", |world| world.start(host, programs)).await
    }

    async fn kill(&self, host: &InstanceId, programs: &[ProgramName]) -> Answer<()> {
        self.change("kill", |world| world.kill(host, programs)).await
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

    async fn start_job(&self, host: &InstanceId, migrate: &Migrate) -> Answer<()> {
        self.change("start_job", |world| world.start_job(host, migrate)).await
    }

    async fn job(&self, host: &InstanceId, job: &JobName, offset: u64) -> Answer<Option<JobProgress>> {
        self.look("job", |world| world.job(host, job, offset)).await
    }
}
