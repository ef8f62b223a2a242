//! Commands on hosts: questions and jobs. Each contract has a host that no other contract has changed.
//!
//! The commands are shell scripts of `echo`, `cat`, `sleep` and `exit`, which run on any host, and which the embedded cloud knows.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use cutover_core::names::{InstanceId, JobName};
use cutover_core::time::{between, earlier, later};
use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::ports::{Answer, Clock, Hosts};
use cutover_hosts::command::{Ask, Command, EXIT_TIMED_OUT, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, JobState, Signal};
use cutover_hosts::secret::Secret;

use crate::broken::{Broken, Kept, refused_for_good, same, that};

/// The largest difference allowed between the host's clock and ours.
const SKEW: Duration = Duration::from_secs(5);

/// A host for one contract.
pub struct HostStage {
    /// The port.
    pub hosts: Rc<dyn Hosts>,
    /// The host.
    pub host: InstanceId,
    /// The time there.
    pub clock: Rc<dyn Clock>,
    /// Makes the host go down and boot again. It returns once the host is down.
    pub restart: Box<dyn Fn() -> LocalBoxFuture<'static, ()>>,
    /// How long to wait between two looks.
    pub interval: Duration,
    /// How long to wait for what must become true in the end.
    pub patience: Duration,
}

impl HostStage {
    /// Makes a change as the conductor of an epoch.
    async fn write<T>(&self, epoch: u64, call: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
        self.hosts.reach(&self.host).await?;
        Gate::alone_at(&self.clock, epoch).write("contract", call).await.map_err(WriteError::into_failure)
    }

    async fn ask(&self, script: &str, limit: Duration) -> Answer<Said> {
        self.hosts.ask(&self.host, &Ask { command: shell(script), limit }).await
    }

    async fn start(&self, epoch: u64, job: &Job) -> Answer<JobStart> {
        self.write(epoch, async |permit| self.hosts.start_job(permit, &self.host, job).await).await
    }

    async fn signal(&self, epoch: u64, name: &JobName, signal: Signal) -> Answer<bool> {
        self.write(epoch, async |permit| self.hosts.signal_job(permit, &self.host, name, signal).await).await
    }

    async fn collect(&self, epoch: u64, name: &JobName) -> Answer<()> {
        self.write(epoch, async |permit| self.hosts.collect_job(permit, &self.host, name).await).await
    }

    /// What is known about a job, with its output from `offset` on.
    async fn report(&self, name: &JobName, offset: u64) -> Result<Option<JobReport>, Broken> {
        Ok(self.hosts.job(&self.host, name, offset).await?)
    }

    /// The job once it is as `wanted`. A host that boots does not answer.
    async fn once(&self, name: &JobName, wanted: impl Fn(&JobReport) -> bool) -> Result<JobReport, Broken> {
        let begin = self.clock.now();
        loop {
            let answer = self.hosts.job(&self.host, name, 0).await;
            match answer {
                Ok(Some(report)) if wanted(&report) => return Ok(report),
                answer if between(begin, self.clock.now()) > self.patience => {
                    return Err(Broken(format!("job {name} never came to what is wanted: {answer:?}")));
                }
                _ => self.clock.sleep(self.interval).await,
            }
        }
    }

    /// The job once it has ended.
    async fn ended(&self, name: &JobName) -> Result<JobReport, Broken> {
        self.once(name, |report| report.state != JobState::Running).await
    }

    /// A job that has been started by a conductor of epoch 1.
    async fn started(&self, script: &str) -> Result<JobName, Broken> {
        let job = job("job", script);
        same("the start of a job", self.start(1, &job).await?, JobStart::Started)?;
        Ok(job.name)
    }
}

fn shell(script: &str) -> Command {
    Command::script(script, Vec::<String>::new())
}

fn job(name: &str, script: &str) -> Job {
    Job::new(name.into(), shell(script))
}

fn exit_of(report: &JobReport) -> Option<i32> {
    match report.state {
        JobState::Ended { exit, .. } => Some(exit),
        _ => None,
    }
}

fn text(report: &JobReport) -> String {
    String::from_utf8_lossy(&report.output).into_owned()
}

const PLENTY: Duration = Duration::from_secs(20);

pub(crate) async fn a_question_is_answered_with_exit_status_and_both_outputs(stage: &HostStage) -> Kept {
    let wanted = Said { exit: 3, stdout: "out\n".to_owned(), stderr: "err\n".to_owned() };
    for _ in 0..2 {
        let said = stage.ask("echo out; echo err >&2; exit 3", PLENTY).await?;
        same("what was said", said, wanted.clone())?;
    }
    Ok(())
}

pub(crate) async fn an_unknown_command_is_an_answer(stage: &HostStage) -> Kept {
    let said = stage.hosts.ask(&stage.host, &Ask::new(Command::new(["/nonexistent/cutover"]))).await?;
    same("its exit status", said.exit, 127)
}

pub(crate) async fn a_question_that_takes_too_long_is_ended(stage: &HostStage) -> Kept {
    let said = stage.ask("echo out; sleep 100", Duration::from_secs(1)).await?;
    same("its exit status", said.exit, EXIT_TIMED_OUT)
}

pub(crate) async fn a_job_that_was_never_started_is_nothing(stage: &HostStage) -> Kept {
    same("the job", stage.report(&"nobody".into(), 0).await?, None)
}

pub(crate) async fn starting_a_job_twice_finds_the_first(stage: &HostStage) -> Kept {
    let name = stage.started("echo one; sleep 3").await?;
    same("the second start", stage.start(1, &job("job", "echo two")).await?, JobStart::Found)?;
    same("what it printed", text(&stage.ended(&name).await?), "one\n".to_owned())?;
    same("the start of a job that has ended", stage.start(2, &job("job", "echo three")).await?, JobStart::Found)?;
    same("what it printed", text(&stage.ended(&name).await?), "one\n".to_owned())
}

pub(crate) async fn a_job_tells_when_and_by_whom_it_was_started_and_how_it_ended(stage: &HostStage) -> Kept {
    let before = earlier(stage.clock.now(), SKEW);
    same("the start", stage.start(7, &job("job", "echo out; echo err >&2; exit 3")).await?, JobStart::Started)?;
    let after = later(stage.clock.now(), SKEW);
    let report = stage.ended(&"job".into()).await?;
    same("its exit status", exit_of(&report), Some(3))?;
    same("its epoch", report.epoch, 7)?;
    same("both its outputs", text(&report), "out\nerr\n".to_owned())?;
    that((before..=after).contains(&report.started), || format!("it was started at {}", report.started))
}

pub(crate) async fn a_job_reads_its_input_and_nothing_else(stage: &HostStage) -> Kept {
    for (name, input, printed) in [("given", "one\ntwo\n", "one\ntwo\nend\n"), ("nothing", "", "end\n")] {
        let job = Job { input: Secret::new(input), ..job(name, "cat; echo end") };
        same("the start", stage.start(1, &job).await?, JobStart::Started)?;
        same("what it printed", text(&stage.ended(&job.name).await?), printed.to_owned())?;
        same("the second start", stage.start(1, &job).await?, JobStart::Found)?;
    }
    Ok(())
}

pub(crate) async fn an_unknown_command_is_a_job_that_has_ended(stage: &HostStage) -> Kept {
    let unknown = Job::new("job".into(), Command::new(["/nonexistent/cutover"]));
    same("the start", stage.start(1, &unknown).await?, JobStart::Started)?;
    let report = stage.ended(&unknown.name).await?;
    same("its exit status", exit_of(&report), Some(127))
}

pub(crate) async fn output_is_read_while_a_job_runs(stage: &HostStage) -> Kept {
    let name = stage.started("echo one; sleep 100; echo two").await?;
    let report = stage.once(&name, |report| !report.output.is_empty()).await?;
    same("its state and output", (&report.state, text(&report)), (&JobState::Running, "one\n".to_owned()))
}

pub(crate) async fn output_is_read_from_an_offset(stage: &HostStage) -> Kept {
    let name = stage.started("echo one; echo two").await?;
    let whole = stage.ended(&name).await?;
    same("where the output ends", (whole.next, whole.size), (8, 8))?;
    for (offset, rest) in [(0, "one\ntwo\n"), (4, "two\n"), (7, "\n"), (8, "")] {
        let report = stage.report(&name, offset).await?.ok_or_else(|| Broken("it is gone".to_owned()))?;
        same("its output from there on", (text(&report), report.next, report.size), (rest.to_owned(), 8, 8))?;
    }
    Ok(())
}

pub(crate) async fn output_past_its_limit_is_cut(stage: &HostStage) -> Kept {
    let limited = Job { output_limit: 6, ..job("job", "echo one; echo two") };
    same("the start", stage.start(1, &limited).await?, JobStart::Started)?;
    let report = stage.ended(&limited.name).await?;
    same("its output", (text(&report), report.size, report.is_cut), ("one\ntw".to_owned(), 6, true))?;
    same("its exit status", exit_of(&report), Some(0))
}

pub(crate) async fn a_signal_ends_a_job(stage: &HostStage) -> Kept {
    for (name, signal, exit) in [("term", Signal::Term, 143), ("kill", Signal::Kill, 137)] {
        let job = job(name, "echo one; sleep 100");
        same("the start", stage.start(1, &job).await?, JobStart::Started)?;
        stage.once(&job.name, |report| !report.output.is_empty()).await?;
        same("whether it was running", stage.signal(1, &job.name, signal).await?, true)?;
        same("its exit status", exit_of(&stage.ended(&job.name).await?), Some(exit))?;
        same("whether it was running", stage.signal(1, &job.name, signal).await?, false)?;
    }
    same("whether nobody was running", stage.signal(1, &"nobody".into(), Signal::Term).await?, false)
}

pub(crate) async fn a_collected_job_is_gone_and_its_name_is_free(stage: &HostStage) -> Kept {
    let name = stage.started("echo one").await?;
    stage.ended(&name).await?;
    stage.collect(1, &name).await?;
    same("the job", stage.report(&name, 0).await?, None)?;
    stage.collect(1, &name).await?;
    same("the next start", stage.start(1, &job("job", "echo two")).await?, JobStart::Started)?;
    same("what it printed", text(&stage.ended(&name).await?), "two\n".to_owned())
}

pub(crate) async fn a_job_that_runs_is_not_collected(stage: &HostStage) -> Kept {
    let name = stage.started("echo one; sleep 100").await?;
    refused_for_good("collecting a job that runs", stage.collect(1, &name).await)?;
    let report = stage.once(&name, |report| !report.output.is_empty()).await?;
    same("its state", report.state, JobState::Running)
}

pub(crate) async fn a_lower_epoch_than_the_highest_changes_nothing(stage: &HostStage) -> Kept {
    same("the start", stage.start(5, &job("job", "echo one; sleep 100")).await?, JobStart::Started)?;
    let (name, other) = (JobName::from("job"), job("other", "echo two"));
    for (what, class) in [
        ("a start", stage.start(4, &other).await.err().map(|failure| failure.class)),
        ("a signal", stage.signal(4, &name, Signal::Kill).await.err().map(|failure| failure.class)),
        ("a removal", stage.collect(4, &name).await.err().map(|failure| failure.class)),
    ] {
        that(class == Some(FailureClass::Superseded), || format!("{what} of epoch 4 was to be refused: {class:?}"))?;
    }
    same("the other job", stage.report(&other.name, 0).await?, None)?;
    same("the job", stage.once(&name, |report| !report.output.is_empty()).await?.state, JobState::Running)?;
    same("the same epoch's start", stage.start(5, &other).await?, JobStart::Started)?;
    // What only raises the epoch counts too.
    same("a later conductor's signal", stage.signal(6, &"nobody".into(), Signal::Term).await?, false)?;
    let class = stage.start(5, &job("third", "echo three")).await.err().map(|failure| failure.class);
    same("the refusal", class, Some(FailureClass::Superseded))
}

pub(crate) async fn a_job_that_died_with_its_host_is_told_as_that(stage: &HostStage) -> Kept {
    let name = stage.started("echo one; sleep 1000").await?;
    stage.once(&name, |report| !report.output.is_empty()).await?;
    (stage.restart)().await;
    let report = stage.ended(&name).await?;
    same("its state", (report.state, report.epoch), (JobState::HostRestarted, 1))
}

pub(crate) async fn a_job_that_had_ended_is_known_after_a_restart(stage: &HostStage) -> Kept {
    let name = stage.started("echo one; exit 3").await?;
    let before = stage.ended(&name).await?;
    (stage.restart)().await;
    same("the job", stage.ended(&name).await?, before)
}

pub(crate) async fn a_host_that_was_restarted_refuses_a_lower_epoch_still(stage: &HostStage) -> Kept {
    same("the start", stage.start(5, &job("job", "echo one")).await?, JobStart::Started)?;
    stage.ended(&"job".into()).await?;
    (stage.restart)().await;
    stage.ended(&"job".into()).await?;
    let class = stage.start(4, &job("other", "echo two")).await.err().map(|failure| failure.class);
    same("the refusal", class, Some(FailureClass::Superseded))
}
