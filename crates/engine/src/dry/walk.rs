//! The walk through a plan, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use serde::Serialize;

use cutover_core::deployment::Deployment;
use cutover_core::digest::Digest;
use cutover_core::journal::{Event, Fact, Upgrade};
use cutover_core::names::{InstanceId, StepId};
use cutover_core::plan::{Action, Decide, InstanceRef, Lane, Membership, Plan, Step};

use super::words;
use crate::act::{Seen, act, observe};
use crate::drive::Conductor;
use crate::fence::{DRY, ZoneFence};
use crate::gate::{Authority, Gate};
use crate::halt::WriteError;
use crate::journal::{Journal, JournalError, Reading};
use crate::lease::OnClock;
use crate::ports::{Clock, Decided, Operator, World};
use crate::store::Store;

/// What happens to the calls that would change the cloud.
#[derive(Clone, Copy)]
pub enum Writes<'a> {
    /// The ports write them down instead of making them. This function takes the lines written so far.
    PutDown(&'a dyn Fn() -> Vec<String>),
    /// They do not reach the ports; what they would do is described.
    InWords,
}

/// A step in a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DryStep {
    /// The step.
    pub id: StepId,
    /// The lane in which it is shown.
    pub lane: Lane,
    /// What it does, for people.
    pub title: String,
    /// What it would do.
    #[serde(flatten)]
    pub outcome: DryOutcome,
}

/// What a step would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum DryOutcome {
    /// Nothing: its effect is there already, or it is on record as done.
    AlreadySo,
    /// It would make these writes.
    Writes {
        /// Each one as a command line for a shell.
        lines: Vec<String>,
    },
    /// Something that is described, because there is no command line for it: work on hosts, messages, waits and checks.
    InWords {
        /// The description.
        words: String,
    },
    /// It is not known whether it has anything to do.
    CannotBeSeen {
        /// Why.
        because: String,
    },
    /// It would fail in the current state of the world.
    WouldFail {
        /// Why.
        because: String,
        /// The writes that it would make before that.
        lines: Vec<String>,
    },
}

/// Goes through `plans` in order, starting from `upgrade`, and assumes that all steps succeed. Returns what each step
/// of the last plan would do. With [`Writes::PutDown`] the world's ports must write calls down and not make them. Hosts that
/// are `silent`, each with the reason, are not asked: the walk takes one step after the other, and would wait for each of them
/// several times.
///
/// # Errors
/// When a plan is not possible after what is on record.
pub async fn walk(
    world: &World,
    clock: &Rc<dyn Clock>,
    deployment: &Deployment,
    upgrade: &Upgrade,
    plans: &[Plan],
    writes: Writes<'_>,
    silent: &BTreeMap<InstanceId, String>,
) -> Result<Vec<DryStep>, JournalError> {
    let Some(first) = plans.first() else { return Ok(Vec::new()) };
    // A separate journal in memory, which continues from what is on record.
    let mut reading = Reading::default();
    reading.upgrade = upgrade.clone();
    let store = Store::memory(&first.upgrade);
    let journal = Rc::new(Journal::open(store, reading, Rc::clone(clock), 0, DRY.to_owned(), Rc::new(|_| ())));
    let stop = std::future::pending().boxed_local().shared();
    let authority = if matches!(writes, Writes::PutDown(_)) { Authority::PutDown } else { Authority::Nothing };
    let gate = Gate::new(authority, Rc::clone(&journal), Rc::new(OnClock(Rc::clone(clock))))
        .with_zone(ZoneFence::of(deployment, world, clock));
    let conductor = Conductor::new(world.clone(), Rc::clone(clock), Rc::new(NoOperator), journal, gate, stop);
    let taken_over = Event::ConductorTookOver { upgrade: first.upgrade.clone(), conductor: "a dry run".to_owned() };
    conductor.journal.append(taken_over).await?;
    let mut imagined = Imagined { silent, subjects: BTreeSet::new() };
    let mut walked = Vec::new();
    for plan in plans {
        walked = walk_plan(&conductor, plan, &mut imagined, writes).await?;
    }
    Ok(walked)
}

/// What a dry run does not look at.
struct Imagined<'a> {
    /// Subjects that an earlier step would have changed.
    subjects: BTreeSet<String>,
    /// Hosts that do not answer, each with the reason.
    silent: &'a BTreeMap<InstanceId, String>,
}

/// The host on which a step looks and works, if it exists already.
const fn known_host(action: &Action) -> Option<&InstanceId> {
    let host = match action {
        Action::StopServices(stop) => &stop.host,
        Action::StartServices(start) => &start.host,
        Action::Migrate(migrate) => &migrate.host,
        Action::HoldBack(held) | Action::PutBack(held) => &held.host,
        Action::RunCommands(run) => &run.host,
        Action::WriteCheck(check) => &check.host,
        _ => return None,
    };
    match &host.instance {
        InstanceRef::Known(instance) => Some(instance),
        InstanceRef::MadeBy(_) => None,
    }
}

async fn walk_plan(
    conductor: &Conductor,
    plan: &Plan,
    imagined: &mut Imagined<'_>,
    writes: Writes<'_>,
) -> Result<Vec<DryStep>, JournalError> {
    let under_way = |upgrade: &Upgrade| upgrade.run_under_way().is_some_and(|run| *run.plan == *plan);
    if !under_way(&conductor.journal.upgrade()) {
        let (run, kind) = (conductor.journal.upgrade().next_run(), plan.phase.into());
        let (plan, deployment) = (Arc::new(plan.clone()), Digest::of(b"dry run"));
        conductor.journal.append(Event::RunStarted { run, kind, plan, deployment }).await?;
    }
    let mut walked = Vec::new();
    for step in &plan.steps {
        if let Some(outcome) = walk_step(conductor, step, imagined, writes).await? {
            let (id, lane, title) = (step.id.clone(), step.lane.clone(), step.title.clone());
            walked.push(DryStep { id, lane, title, outcome });
        }
    }
    let run = conductor.journal.upgrade().current_run().map(|run| run.number);
    if let Some(run) = run {
        conductor.journal.append(Event::RunFinished { run }).await?;
    }
    Ok(walked)
}

/// What a step would do; `None` for a milestone. Afterwards, later steps assume that it is done.
async fn walk_step(
    conductor: &Conductor,
    step: &Step,
    imagined: &mut Imagined<'_>,
    writes: Writes<'_>,
) -> Result<Option<DryOutcome>, JournalError> {
    if is_done(conductor, step) {
        return Ok(Some(DryOutcome::AlreadySo));
    }
    let subjects = subjects(&step.action);
    let silent = known_host(&step.action).and_then(|host| imagined.silent.get(host));
    let changed_before = subjects.iter().any(|subject| imagined.subjects.contains(subject));
    // Facts that are learned on the way are recorded in this separate journal, as in a real run.
    let attempt = conductor.journal.step_run(&step.id).status.attempts() + 1;
    conductor.journal.append(Event::StepStarted { step: step.id.clone(), attempt }).await?;
    let (outcome, facts) = match silent {
        Some(why) => {
            let words = format!("{}; {why}", words::of(&step.action));
            (DryOutcome::InWords { words }, Vec::new())
        }
        None => look(conductor, step, changed_before, writes).await?,
    };
    if outcome != DryOutcome::AlreadySo {
        imagined.subjects.extend(subjects);
    }
    let facts = if facts.is_empty() { made_known(&step.action) } else { facts };
    conductor.journal.append(Event::StepDone { step: step.id.clone(), facts }).await?;
    Ok((step.action != Action::Milestone).then_some(outcome))
}

fn is_done(conductor: &Conductor, step: &Step) -> bool {
    conductor.journal.step_run(&step.id).status.is_done()
}

/// How a dry run treats a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It changes something in the cloud, through ports that can write the call down instead.
    Cloud,
    /// It does something on hosts, or sends messages.
    Elsewhere,
    /// It waits, observes, or records something.
    Watches,
}

fn kind(action: &Action) -> Kind {
    match action {
        // Only the first of its calls would be put down.
        Action::BuildImage(build) if build.is_built_here() => Kind::Elsewhere,
        Action::PublishPage(_)
        | Action::ChangeRecords(_)
        | Action::BuildImage(_)
        | Action::RemoveImage { .. }
        | Action::Launch(_)
        | Action::Terminate { .. }
        | Action::TakeSnapshot { .. }
        | Action::Register(_)
        | Action::Deregister(_) => Kind::Cloud,
        Action::Announce(_)
        | Action::HoldBack(_)
        | Action::PutBack(_)
        | Action::RunCommands(_)
        | Action::StopServices(_)
        | Action::StartServices(_)
        | Action::Migrate(_)
        | Action::WriteCheck(_) => Kind::Elsewhere,
        // A smoke test runs a command of the operator, and it is not known whether that changes anything.
        Action::SmokeTest { .. }
        | Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Capture { .. }
        | Action::AwaitResolvers(_)
        | Action::DrainQueues { .. }
        | Action::AwaitSessions(_)
        | Action::CheckStorage(_)
        | Action::CountRows(_)
        | Action::ReadStatements(_)
        | Action::ConfirmStopped { .. }
        | Action::ConfirmRunning { .. }
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_)
        | Action::Baseline(_)
        | Action::Soak(_) => Kind::Watches,
    }
}

/// What a step would do, and the facts that it finds for later steps. `changed_before` says that an earlier step would
/// have changed the same subject, so that the current state of the world shows nothing.
async fn look(
    conductor: &Conductor,
    step: &Step,
    changed_before: bool,
    writes: Writes<'_>,
) -> Result<(DryOutcome, Vec<Fact>), JournalError> {
    let kind = kind(&step.action);
    if kind == Kind::Watches {
        return Ok((in_words(&step.action), Vec::new()));
    }
    let context = conductor.context(step);
    context.was_started.set(false);
    let seen = if changed_before { Ok(Seen::NotYet) } else { observe(&context).await };
    let outcome = match seen {
        Ok(Seen::Holds(facts)) => return Ok((DryOutcome::AlreadySo, context.news(facts))),
        Ok(Seen::UnderWay(detail) | Seen::Due(detail)) => {
            DryOutcome::InWords { words: format!("is already under way: {detail}") }
        }
        Ok(Seen::Never(why)) => DryOutcome::WouldFail { because: why.to_string(), lines: Vec::new() },
        Ok(Seen::CannotTell) => in_words(&step.action),
        Err(_) if kind == Kind::Elsewhere => in_words(&step.action),
        Err(failure) => DryOutcome::CannotBeSeen { because: failure.to_string() },
        Ok(Seen::NotYet) => match writes {
            Writes::PutDown(take) if kind == Kind::Cloud => {
                let failed = match act(&context).await {
                    Ok(()) => None,
                    Err(WriteError::Failed(failure)) => Some(failure.to_string()),
                    Err(WriteError::Halt(halt)) => Some(halt.to_string()),
                };
                outcome_of(&step.action, failed, take(), changed_before)
            }
            _ => in_words(&step.action),
        },
    };
    Ok((outcome, Vec::new()))
}

fn outcome_of(action: &Action, failed: Option<String>, lines: Vec<String>, changed_before: bool) -> DryOutcome {
    match failed {
        // This is refused only because an earlier step has not really changed the world.
        Some(_) if changed_before && lines.is_empty() => in_words(action),
        // The tool that builds images may have no command line for it.
        Some(why) if lines.is_empty() && matches!(action, Action::BuildImage(_)) => {
            DryOutcome::InWords { words: format!("{}; {why}", words::of(action)) }
        }
        Some(because) => DryOutcome::WouldFail { because, lines },
        None if lines.is_empty() => in_words(action),
        None => DryOutcome::Writes { lines },
    }
}

fn in_words(action: &Action) -> DryOutcome {
    DryOutcome::InWords { words: words::of(action) }
}

/// Names of what an action changes, so that later steps with the same subject can be recognised.
fn subjects(action: &Action) -> Vec<String> {
    let members = |of: &Membership| {
        let member = |host: &cutover_core::plan::Host| format!("{} in {}", host.name, of.balancer);
        of.hosts.iter().map(member).collect()
    };
    match action {
        Action::PublishPage(page) => vec![format!("s3://{}/{}", page.bucket, page.key)],
        Action::ChangeRecords(change) => {
            change.records.iter().map(|record| format!("record {}", record.name)).collect()
        }
        Action::Register(of) | Action::Deregister(of) => members(of),
        Action::Launch(launch) => vec![format!("services on {}", launch.name)],
        Action::HoldBack(held) | Action::PutBack(held) => vec![format!("cron and timers on {}", held.host.name)],
        Action::RunCommands(run) => vec![format!("commands on {}", run.host.name)],
        Action::StopServices(stop) => vec![format!("services on {}", stop.host.name)],
        Action::StartServices(start) => vec![format!("services on {}", start.host.name)],
        Action::Migrate(migrate) => vec![format!("services on {}", migrate.host.name)],
        Action::WriteCheck(check) => vec![format!("services on {}", check.host.name)],
        Action::Terminate { host, balancers } => {
            balancers.iter().map(|balancer| format!("{} in {balancer}", host.name)).collect()
        }
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Announce(_)
        | Action::Capture { .. }
        | Action::AwaitResolvers(_)
        | Action::BuildImage(_)
        | Action::SmokeTest { .. }
        | Action::DrainQueues { .. }
        | Action::AwaitSessions(_)
        | Action::CheckStorage(_)
        | Action::CountRows(_)
        | Action::ReadStatements(_)
        | Action::ConfirmStopped { .. }
        | Action::ConfirmRunning { .. }
        | Action::TakeSnapshot { .. }
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_)
        | Action::Baseline(_)
        | Action::Soak(_)
        | Action::RemoveImage { .. } => Vec::new(),
    }
}

/// The facts that a step would have recorded if it had really run.
fn made_known(action: &Action) -> Vec<Fact> {
    match action {
        Action::Capture { hosts } => vec![Fact::Captured { hosts: hosts.clone() }],
        Action::Launch(launch) => {
            let instance = format!("<instance of {}>", launch.name).into();
            vec![Fact::Launched { host: launch.name.clone(), instance }]
        }
        Action::BuildImage(build) => {
            let image = format!("<image {}>", build.name).into();
            vec![Fact::ImageBuilt { name: build.name.clone(), image }]
        }
        Action::TakeSnapshot { database, snapshot } => {
            vec![Fact::SnapshotTaken { database: database.clone(), snapshot: snapshot.clone() }]
        }
        Action::Milestone
        | Action::WaitUntil { .. }
        | Action::Decide(_)
        | Action::Announce(_)
        | Action::PublishPage(_)
        | Action::ChangeRecords(_)
        | Action::AwaitResolvers(_)
        | Action::SmokeTest { .. }
        | Action::HoldBack(_)
        | Action::PutBack(_)
        | Action::RunCommands(_)
        | Action::StopServices(_)
        | Action::StartServices(_)
        | Action::DrainQueues { .. }
        | Action::AwaitSessions(_)
        | Action::CheckStorage(_)
        | Action::CountRows(_)
        | Action::ReadStatements(_)
        | Action::ConfirmStopped { .. }
        | Action::ConfirmRunning { .. }
        | Action::Migrate(_)
        | Action::Register(_)
        | Action::Deregister(_)
        | Action::AwaitHealthy(_)
        | Action::AwaitDrained(_)
        | Action::CheckSite(_)
        | Action::Baseline(_)
        | Action::Soak(_)
        | Action::WriteCheck(_)
        | Action::Terminate { .. }
        | Action::RemoveImage { .. } => Vec::new(),
    }
}

/// No person is asked in a dry run, so this operator never answers.
struct NoOperator;

#[async_trait(?Send)]
impl Operator for NoOperator {
    async fn decide(&self, _question: &Decide) -> Decided {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use cutover_core::deployment::Role;
    use cutover_core::names::HostName;
    use cutover_core::plan::{BuildImage, Host, InstanceRef};

    use super::*;

    fn terminate() -> Action {
        let host = Host { name: HostName::from("edx-1"), instance: InstanceRef::Known("i-1".into()) };
        Action::Terminate { host, balancers: vec!["lms".into()] }
    }

    #[test]
    fn a_refusal_is_no_failure_if_an_earlier_step_would_have_changed_the_world() {
        let refused = || Some("edx-1 is still registered in lms".to_owned());
        let now = outcome_of(&terminate(), refused(), Vec::new(), false);
        assert!(matches!(now, DryOutcome::WouldFail { ref because, .. } if because.contains("still registered")));
        assert!(matches!(outcome_of(&terminate(), refused(), Vec::new(), true), DryOutcome::InWords { .. }));
    }

    #[test]
    fn a_failure_after_a_write_shows_both() {
        let lines = vec!["aws ec2 deregister-image".to_owned()];
        let outcome = outcome_of(&terminate(), Some("no".to_owned()), lines.clone(), true);
        assert_eq!(outcome, DryOutcome::WouldFail { because: "no".to_owned(), lines });
    }

    #[test]
    fn writes_that_were_put_down_are_shown_and_a_call_without_a_line_is_described() {
        let lines = vec!["aws ec2 terminate-instances".to_owned()];
        assert_eq!(outcome_of(&terminate(), None, lines.clone(), false), DryOutcome::Writes { lines });
        let described = outcome_of(&terminate(), None, Vec::new(), false);
        assert!(matches!(described, DryOutcome::InWords { ref words } if words.starts_with("would terminate edx-1")));
    }

    #[test]
    fn an_image_whose_build_has_no_command_line_is_described_with_the_reason() {
        let (name, role, tags) = ("edx-koa".into(), Role::Edxapp, BTreeMap::new());
        let [base, repository, branch] = ["ami-1", "edx", "koa"].map(str::to_owned);
        let build = Action::BuildImage(BuildImage {
            name,
            role,
            base,
            repository,
            branch,
            commit: None,
            builder: None,
            packer: None,
            tags,
        });
        let outcome = outcome_of(&build, Some("packer has no command for this".to_owned()), Vec::new(), false);
        let DryOutcome::InWords { words } = outcome else { panic!("{outcome:?}") };
        assert!(words.contains("edx-koa") && words.ends_with("; packer has no command for this"), "{words}");
    }

    #[test]
    fn json_has_the_outcome_of_each_step() {
        let step = DryStep {
            id: "retire.terminate.edx-1".into(),
            lane: Lane::Deployment,
            title: "terminate edx-1".to_owned(),
            outcome: DryOutcome::Writes { lines: vec!["aws ec2 terminate-instances".to_owned()] },
        };
        let json = serde_json::to_string(&step).expect("it is plain data");
        let wanted = r#"{"id":"retire.terminate.edx-1","lane":"deployment","title":"terminate edx-1","#;
        assert_eq!(json, format!(r#"{wanted}"outcome":"writes","lines":["aws ec2 terminate-instances"]}}"#));
    }
}
