//! How the tests reach a machine, as a conductor does.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_contract::WallClock;
use cutover_core::names::{InstanceId, JobName};
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::ports::{Answer, Clock, Hosts};
use cutover_hosts::command::{Ask, Command, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Signal};
use cutover_rig::{Debian, Host};
use cutover_ssh::{HostKeys, HostsOverSsh, Inventory, Settings, SshHosts};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;

/// Where the machines keep their jobs.
pub(crate) const FOLDER: &str = "/var/lib/cutover";
/// How long to wait for what must become true in the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// How long to wait between two looks.
pub(crate) const INTERVAL: Duration = Duration::from_millis(200);

/// How long a step waits between two looks, by the engine and here: what machines do shows soon. Longer sleeps are time limits.
const BETWEEN_LOOKS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(1)];

/// This computer's clock, which the machines share, for conductors that look more often than usual.
pub(crate) struct Impatient;

#[async_trait(?Send)]
impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        WallClock.now()
    }

    fn up(&self) -> Duration {
        WallClock.up()
    }

    fn sleep(&self, length: Duration) -> LocalBoxFuture<'_, ()> {
        let [usual, here] = BETWEEN_LOOKS;
        tokio::time::sleep(if length <= usual { length.min(here) } else { length }).boxed_local()
    }
}

/// Every host is this one.
struct At(String);

#[async_trait(?Send)]
impl Inventory for At {
    async fn address(&self, _: &InstanceId) -> Answer<String> {
        Ok(self.0.clone())
    }

    async fn host_keys(&self, _: &InstanceId) -> Answer<HostKeys> {
        Ok(HostKeys::default())
    }
}

/// A conductor at work on one host.
pub(crate) struct Conductor {
    pub port: Rc<HostsOverSsh>,
    pub host: InstanceId,
    epoch: u64,
}

impl Conductor {
    /// One of epoch 1, who signs in with the key `operator`.
    pub(crate) fn of(host: &Debian) -> Self {
        Self::with(host, settings(host, "operator", ""))
    }

    pub(crate) fn with(host: &Debian, settings: Settings) -> Self {
        let ssh = Rc::new(SshHosts::new(settings).expect("a folder for sockets"));
        let at = Rc::new(At(host.address().to_owned()));
        let port = Rc::new(HostsOverSsh::new(ssh, at, FOLDER.to_owned()));
        Self { port, host: "i-1".into(), epoch: 1 }
    }

    /// The same one with another epoch.
    pub(crate) fn at_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    async fn write<T>(&self, call: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
        self.port.reach(&self.host).await?;
        let clock: Rc<dyn Clock> = Rc::new(Impatient);
        Gate::alone_at(&clock, self.epoch).write("test", call).await.map_err(WriteError::into_failure)
    }

    pub(crate) async fn ask(&self, ask: &Ask) -> Answer<Said> {
        self.port.ask(&self.host, ask).await
    }

    pub(crate) async fn start(&self, job: &Job) -> Answer<JobStart> {
        self.write(async |permit| self.port.start_job(permit, &self.host, job).await).await
    }

    pub(crate) async fn report(&self, name: &JobName) -> Answer<Option<JobReport>> {
        self.port.job(&self.host, name, 0).await
    }

    pub(crate) async fn report_from(&self, name: &JobName, offset: u64) -> Answer<Option<JobReport>> {
        self.port.job(&self.host, name, offset).await
    }

    pub(crate) async fn signal(&self, name: &JobName, signal: Signal) -> Answer<bool> {
        self.write(async |permit| self.port.signal_job(permit, &self.host, name, signal).await).await
    }

    pub(crate) async fn collect(&self, name: &JobName) -> Answer<()> {
        self.write(async |permit| self.port.collect_job(permit, &self.host, name).await).await
    }

    /// The first answer that is as `wanted`, asked again and again, as the engine does.
    pub(crate) async fn until<T: std::fmt::Debug>(
        &self,
        ask: impl AsyncFn() -> Answer<T>,
        wanted: impl Fn(&T) -> bool,
    ) -> T {
        let begin = Timestamp::now();
        loop {
            let answer = ask().await;
            match answer {
                Ok(answer) if wanted(&answer) => return answer,
                answer if cutover_core::time::between(begin, Timestamp::now()) > PATIENCE => {
                    panic!("it never came to what is wanted: {answer:?}")
                }
                _ => tokio::time::sleep(INTERVAL).await,
            }
        }
    }

    /// The job once it has ended.
    pub(crate) async fn ended(&self, name: &JobName) -> JobReport {
        let is_over = |report: &Option<JobReport>| report.as_ref().is_some_and(|it| it.state != JobState::Running);
        self.until(async || self.report(name).await, is_over).await.expect("it is there")
    }
}

/// The settings of an operator who has this key, with these lines in the configuration of OpenSSH.
pub(crate) fn settings(host: &Debian, key: &str, lines: &str) -> Settings {
    Settings { config: Some(host.config(key, lines)), connect_timeout: Duration::from_secs(3), ..Settings::default() }
}

/// A job that runs a shell script.
pub(crate) fn job(name: &str, script: &str) -> Job {
    Job::new(name.into(), Command::script(script, Vec::<String>::new()))
}

pub(crate) fn text(report: &JobReport) -> String {
    String::from_utf8_lossy(&report.output).into_owned()
}
