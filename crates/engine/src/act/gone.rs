//! What follows for a host that does not answer. One that is gone (see `fate`) runs nothing any more, so a current host that
//! is gone counts as stopped, and an upgrade can go on without a next host that is gone. A host that is only missing from
//! the list, or that is stopped and may be started again, is not gone. One that is stopped runs nothing either: a look at
//! what runs counts it as stopped, and a step that has to change something on it does not.

use cutover_core::journal::{Fact, Run, RunKind, Upgrade, hosts_needed, lacks_all_hosts, page_was_posted};
use cutover_core::names::InstanceId;
use cutover_core::plan::{Action, Host, Plan, Step};
use cutover_core::words::some_of;

use super::fate::{Fate, fate};
use super::named::NAMED_WITH_WORDS;
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::ports::Answer;

/// Whether the services of a host that did not answer, which is why `failure` was returned, are stopped: it is gone, and
/// the upgrade does not need it any more. The failure is returned again if it may still run.
pub(super) async fn stopped_for_good(
    context: &StepContext<'_>,
    host: &Host,
    id: &InstanceId,
    failure: Failure,
) -> Answer<Seen> {
    match fate_of_old(context, host, id).await {
        Some(Fate::Gone) => Ok(noted(format!("{} ({id}) is gone, so its services are stopped for good", host.name))),
        Some(Fate::Going) => Ok(Seen::UnderWay(format!("{} ({id}) is shutting down", host.name))),
        Some(Fate::Lives | Fate::Unlisted | Fate::Stopping | Fate::Stopped) | None => Err(failure),
    }
}

/// Whether a host that did not answer, which is why `failure` was returned, runs nothing: it is gone as above, or stopped in
/// EC2. The failure is returned again if something may run there.
pub(super) async fn runs_nothing(
    context: &StepContext<'_>,
    host: &Host,
    id: &InstanceId,
    failure: Failure,
) -> Answer<Seen> {
    match fate_of_old(context, host, id).await {
        Some(Fate::Stopped) => Ok(noted(stopped_in_ec2(context, host, id))),
        Some(Fate::Stopping) => Ok(Seen::UnderWay(format!("{} ({id}) is being stopped in EC2", host.name))),
        _ => stopped_for_good(context, host, id, failure).await,
    }
}

fn noted(text: String) -> Seen {
    Seen::Holds(vec![Fact::Note { text }])
}

/// What people can do about hosts that cannot be stopped otherwise, `them` in a sentence: afterwards they count as stopped.
pub(super) fn stop_in_ec2(context: &StepContext<'_>, them: &str, hosts: &[&InstanceId]) -> String {
    let hosts: Vec<&str> = hosts.iter().map(|id| id.as_str()).collect();
    let command = format!("aws ec2 stop-instances --instance-ids {}{}", hosts.join(" "), context.world.aws_options);
    format!("stop {them} in EC2, where nothing runs then: `{command}`")
}

/// What people have to know about a host that runs nothing and may be started again.
fn stopped_in_ec2(context: &StepContext<'_>, host: &Host, id: &InstanceId) -> String {
    let upgrade = context.journal.upgrade();
    let then = match upgrade.captured.iter().flatten().any(|current| current.instance == *id) {
        true if is_kept_down(&upgrade, host) => {
            ": starting it starts no services, because they were kept from that before"
        }
        true => ": starting it runs old code",
        false => "",
    };
    format!("{} ({id}) is stopped in EC2, so it runs nothing{then}", host.name)
}

/// Whether the window has kept the services of a host from starting when the host boots.
fn is_kept_down(upgrade: &Upgrade, host: &Host) -> bool {
    let steps = upgrade.current_run().into_iter().flat_map(Run::runs);
    let mut done = steps.filter(|(_, run)| run.status.is_done()).map(|(step, _)| &step.action);
    done.any(|action| matches!(action, Action::StopServices(stop) if stop.for_good && stop.host == *host))
}

/// The fate of a host whose services must be stopped; nothing if it is not known, or if the host is to serve later.
async fn fate_of_old(context: &StepContext<'_>, host: &Host, id: &InstanceId) -> Option<Fate> {
    if runs_old_code_or_nothing(context, host, id) { fate(context, id, true).await.ok() } else { None }
}

/// Whether a host is a current one, or a next one that the plan of the window goes on without.
fn runs_old_code_or_nothing(context: &StepContext<'_>, host: &Host, id: &InstanceId) -> bool {
    let upgrade = context.journal.upgrade();
    if upgrade.captured.iter().flatten().any(|current| current.instance == *id) {
        return true;
    }
    let window = upgrade.current_run().filter(|run| run.kind == RunKind::Window);
    window.is_some_and(|run| !starts(&run.plan, host))
}

fn starts(plan: &Plan, host: &Host) -> bool {
    plan.steps.iter().any(|step| matches!(&step.action, Action::StartServices(start) if start.host == *host))
}

/// The hosts of a step of the window that do not run.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    /// Those that the window needs and that are gone, as facts.
    pub(crate) gone: Vec<Fact>,
    /// Those that are stopped in EC2, by name and instance.
    stopped: Vec<String>,
}

impl Missed {
    pub(crate) const fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.stopped.is_empty()
    }

    async fn look(&mut self, context: &StepContext<'_>, host: Host, is_needed: bool, is_silent: bool) -> Answer<()> {
        let Ok(id) = context.instance(&host) else { return Ok(()) };
        match fate(context, &id, is_silent).await? {
            // A look counts it as stopped, as it should be.
            Fate::Stopped if !is_needed && only_looks(context) => {}
            Fate::Stopping | Fate::Stopped => {
                let stopped = format!("{} ({id})", host.name);
                self.stopped.extend((!self.stopped.contains(&stopped)).then_some(stopped));
            }
            Fate::Going | Fate::Gone if is_needed => {
                let gone = Fact::Gone { host: host.name, instance: id };
                self.gone.extend((!self.gone.contains(&gone)).then_some(gone));
            }
            Fate::Lives | Fate::Unlisted | Fate::Going | Fate::Gone => {}
        }
        Ok(())
    }
}

/// The hosts of a step of the window that do not run. At its opening, all hosts of the plan are meant. After that, current
/// hosts that are gone are not missed, and without next ones that are gone the window has to be planned again.
pub(crate) async fn missed(context: &StepContext<'_>) -> Answer<Missed> {
    let mut missed = Missed::default();
    let concerned = concerned(context);
    let is_silent = concerned.len() <= FEW && !matches!(context.step.action, Action::WaitUntil { .. });
    for (host, is_needed) in concerned {
        missed.look(context, host, is_needed, is_silent).await?;
    }
    if !missed.gone.is_empty() {
        // If others are gone as well, that decides what is left to do.
        let known: Vec<Host> = all_needed(context);
        for host in known {
            missed.look(context, host, true, false).await?;
        }
    }
    Ok(missed)
}

/// Whether the step only has to know that hosts that the window does not need run nothing.
fn only_looks(context: &StepContext<'_>) -> bool {
    matches!(context.step.action, Action::ConfirmStopped { .. } | Action::Migrate(_))
}

/// Up to this number, EC2 is asked about each host that did not answer. Of more hosts only those are asked about that the
/// list does not show to run: one step may concern a thousand.
const FEW: usize = 16;

/// All hosts that the window needs.
fn all_needed(context: &StepContext<'_>) -> Vec<Host> {
    let upgrade = context.journal.upgrade();
    let window = upgrade.current_run().filter(|run| run.kind == RunKind::Window);
    window.into_iter().flat_map(hosts_needed).cloned().collect()
}

/// The hosts that a step of the window works on, each with whether the window needs it.
fn concerned(context: &StepContext<'_>) -> Vec<(Host, bool)> {
    let upgrade = context.journal.upgrade();
    let Some(run) = upgrade.current_run().filter(|run| run.kind == RunKind::Window) else { return Vec::new() };
    let hosts: Vec<&Host> = match &context.step.action {
        Action::WaitUntil { .. } if !page_was_posted(run) => {
            return hosts_needed(run).map(|host| (host.clone(), true)).collect();
        }
        // Right before it, all hosts are looked at on which nothing may run.
        Action::Migrate(migrate) => {
            let confirmed = run.last_looks_before(migrate).flat_map(|look| look.hosts);
            std::iter::once(&migrate.host).chain(confirmed.map(|host| &host.host)).collect()
        }
        // Right before it, all hosts are looked at on which everything must run.
        Action::ChangeRecords(_) if context.step.lifts_page() => {
            run.plan.steps.iter().filter(|step| step.lane == context.step.lane).flat_map(must_run).collect()
        }
        action => worked_on(action),
    };
    hosts.into_iter().map(|host| (host.clone(), starts(&run.plan, host))).collect()
}

/// The hosts that an action itself names.
fn worked_on(action: &Action) -> Vec<&Host> {
    match action {
        Action::StopServices(stop) => vec![&stop.host],
        Action::StartServices(start) => vec![&start.host],
        Action::HoldBack(held) | Action::PutBack(held) => vec![&held.host],
        Action::RunCommands(commands) => vec![&commands.host],
        Action::SmokeTest { host, .. } => vec![host],
        Action::WriteCheck(check) => vec![&check.host],
        Action::DrainQueues { count, .. } => count.iter().map(|count| &count.host).collect(),
        Action::AwaitSessions(wait) => vec![&wait.host],
        Action::CheckStorage(check) => vec![&check.host],
        Action::CountRows(count) => vec![&count.host],
        Action::ReadStatements(read) => vec![&read.host],
        Action::ConfirmStopped { hosts, .. } => hosts.iter().map(|host| &host.host).collect(),
        Action::ConfirmRunning { hosts } => hosts.iter().map(|start| &start.host).collect(),
        Action::Register(members) | Action::AwaitHealthy(members) => members.hosts.iter().collect(),
        _ => Vec::new(),
    }
}

/// Whether a host of the step that does not answer may be restarting: EC2 does not show it as one that does not run. Whether a
/// window goes on without a host is decided only with what EC2 tells.
pub(crate) async fn may_be_restarting(context: &StepContext<'_>) -> bool {
    let is_window = context.journal.upgrade().current_run().is_some_and(|run| run.kind == RunKind::Window);
    if is_window {
        return missed(context).await.is_ok_and(|missed| missed.is_empty());
    }
    for host in worked_on(&context.step.action) {
        let Ok(id) = context.instance(host) else { return false };
        if matches!(fate(context, &id, true).await, Ok(Fate::Stopping | Fate::Stopped | Fate::Going | Fate::Gone)) {
            return false;
        }
    }
    true
}

/// The hosts on which this step looks whether everything runs.
fn must_run(step: &Step) -> impl Iterator<Item = &Host> {
    let hosts = match &step.action {
        Action::ConfirmRunning { hosts } => hosts.as_slice(),
        _ => &[],
    };
    hosts.iter().map(|start| &start.host)
}

/// What to do about hosts that do not run, for a failed step; nothing if there are none. What is gone is on record.
pub(crate) fn without(context: &StepContext<'_>, missed: &Missed) -> Option<String> {
    let is_opening = matches!(context.step.action, Action::WaitUntil { .. });
    let gone = missed.gone.iter().filter_map(|fact| match fact {
        Fact::Gone { host, .. } => Some(host.to_string()),
        _ => None,
    });
    let gone: Vec<String> = gone.collect();
    let gone_too = || match is_opening {
        true => "find out who removed that, then run `cutover prepare` again with `--replan`",
        false if cannot_serve(context) => {
            "no host is left that could serve: go back by hand, as `cutover status` says under Back"
        }
        false => "to go on without what is gone, run `cutover window` again with `--replan`",
    };
    let them = if missed.stopped.len() == 1 { "it" } else { "them" };
    let stopped_too = match context.step.action {
        Action::WaitUntil { .. } => format!(
            "start {them} in EC2 and run `cutover window` again; or terminate {them} and run `cutover prepare` again with \
             `--replan`"
        ),
        // These steps need the host.
        Action::HoldBack(_) | Action::RunCommands(_) => format!("start {them} in EC2, and run `cutover window` again"),
        _ => format!("start {them} in EC2, or terminate {them}, and run `cutover window` again"),
    };
    let gone = (!gone.is_empty()).then(|| said(&gone, "gone", gone_too()));
    let stopped = (!missed.stopped.is_empty()).then(|| said(&missed.stopped, "stopped in EC2", &stopped_too));
    let words: Vec<String> = gone.into_iter().chain(stopped).collect();
    (!words.is_empty()).then(|| words.join(". "))
}

fn said(names: &[String], what: &str, what_to_do: &str) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb} {what}; {what_to_do}", some_of(names, NAMED_WITH_WORDS))
}

/// Whether all next hosts of a balancer are gone.
fn cannot_serve(context: &StepContext<'_>) -> bool {
    let upgrade = context.journal.upgrade();
    upgrade.current_run().is_some_and(|run| lacks_all_hosts(run, &upgrade))
}
