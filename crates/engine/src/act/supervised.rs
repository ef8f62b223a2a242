//! What runs on one host under supervisor, as the host says.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::journal::Fact;
use cutover_core::names::{HostName, InstanceId, ProgramName};
use cutover_core::plan::{Host, HostPrograms, StopServices};
use cutover_core::unknown_sessions::UnknownSession;
use cutover_hosts::command::Said;
use cutover_hosts::processes::{self, Leftover, NotListed, Signs};
use cutover_hosts::supervisor::{NoStatus, State};

use super::StepContext;
use super::unlisted::{self, unlisted};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::Answer;
use crate::slots::StepSlot;
use crate::supervisors::States;

/// How long after each look another one is made for a program that has ended by itself. Supervisor starts it again within a
/// second, if it does. A program that ends soon again is met by the second look, and the third is for a host under load.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(1200), Duration::from_millis(1800)];

/// Programs on a host.
pub(super) struct Subject<'a> {
    pub(super) id: InstanceId,
    pub(super) name: &'a HostName,
    pub(super) supervisorctl: &'a str,
    pub(super) programs: &'a [ProgramName],
    /// Programs in sessions of `su` that do not belong to the site.
    pub(super) unrelated: &'a [String],
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        context: &StepContext<'_>,
        host: &'a Host,
        supervisorctl: &'a str,
        programs: &'a [ProgramName],
    ) -> Answer<Self> {
        Ok(Self { id: context.instance(host)?, name: &host.name, supervisorctl, programs, unrelated: &[] })
    }

    /// The programs that are to be stopped.
    pub(super) fn to_stop(context: &StepContext<'_>, stop: &'a StopServices) -> Answer<Self> {
        let subject = Self::new(context, &stop.host, &stop.supervisorctl, &stop.programs)?;
        Ok(Self { unrelated: &stop.unrelated, ..subject })
    }

    /// The programs that must not run.
    pub(super) fn stopped(context: &StepContext<'_>, host: &'a HostPrograms) -> Answer<Self> {
        let subject = Self::new(context, &host.host, &host.supervisorctl, &host.programs)?;
        Ok(Self { unrelated: &host.unrelated, ..subject })
    }
}

/// The states of exactly these programs.
pub(super) async fn states(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    subject: &Subject<'_>,
) -> Answer<Rc<States>> {
    let question = context.supervisors.question(&subject.id, subject.supervisorctl, subject.programs);
    let ask = async |world: &crate::ports::World| {
        let said = world.hosts.ask(&subject.id, &context.in_time(question.ask())).await?;
        question.read(said).map_err(|why| no_status(subject.name, &why))
    };
    context.ask_with(slot, ask).await
}

/// How long supervisor may take to start, after its host or on its own, once it is seen not to run.
const SUPERVISOR_STARTS_WITHIN: Duration = Duration::from_secs(90);

pub(super) fn no_status(host: &HostName, why: &NoStatus) -> Failure {
    let message = format!("{host}: {why}");
    match why {
        NoStatus::NoServer(_) => {
            Failure::not_applied(message).with_hint("start supervisor there").passes_within(SUPERVISOR_STARTS_WITHIN)
        }
        NoStatus::TimedOut => {
            Failure::not_applied(message).with_hint("find out why supervisor does not answer on that host")
        }
        NoStatus::NoProgram(_) => Failure::permanent(message)
            .with_hint("compare the role's `programs` in the deployment file with `supervisorctl avail`"),
        NoStatus::NoSupervisorctl(_) => {
            Failure::permanent(message).with_hint("correct the role's `supervisorctl` in the deployment file")
        }
        NoStatus::NotSaid { .. } => Failure::permanent(message).with_hint("run `supervisorctl status` there"),
    }
}

/// Remembers the process ids of programs that run, and returns the programs that had another one at the last look.
pub(super) fn change_of_pids(context: &StepContext<'_>, subject: &Subject<'_>, states: &States) -> Vec<ProgramName> {
    let mut changed = Vec::new();
    let mut all = context.found.pids.borrow_mut();
    let known = all.entry(subject.id.clone()).or_default();
    known.retain(|program, _| states.get(program).is_none_or(|status| !status.state.is_down()));
    for (program, pid) in states.iter().filter_map(|(program, status)| Some((program, status.pid?))) {
        match known.insert(program.clone(), pid) {
            Some(before) if before != pid => changed.push(program.clone()),
            _ => {}
        }
    }
    changed
}

/// What is not stopped on a host.
pub(super) struct Up {
    /// The programs that supervisor does not say to be down.
    programs: Vec<(ProgramName, State)>,
    /// The processes of programs that supervisor says to be down.
    processes: Vec<Leftover>,
    /// The sessions that may be of these programs and that nobody has listed.
    sessions: Vec<UnknownSession>,
}

impl Up {
    pub(super) fn is_empty(&self) -> bool {
        self.programs.is_empty() && self.processes.is_empty() && self.sessions.is_empty()
    }

    /// The sessions, if nothing else is left.
    pub(super) fn only_sessions(&self) -> Option<&[UnknownSession]> {
        let is_other = !self.programs.is_empty() || !self.processes.is_empty();
        (!is_other && !self.sessions.is_empty()).then_some(&self.sessions)
    }

    /// Whether all of it was told to stop.
    pub(super) fn is_told(&self) -> bool {
        self.programs.iter().all(|(_, state)| *state == State::Stopping)
    }

    /// The programs that supervisor does not say to be down.
    pub(super) fn running(&self) -> Vec<ProgramName> {
        self.programs.iter().map(|(program, _)| program.clone()).collect()
    }

    /// The programs that were told to stop and have not.
    pub(super) fn stopping(&self) -> Vec<ProgramName> {
        let told = self.programs.iter().filter(|(_, state)| *state == State::Stopping).map(|(program, _)| program);
        let left = self.processes.iter().filter_map(|process| process.program.as_ref());
        let stopping: BTreeSet<&ProgramName> = told.chain(left).collect();
        stopping.into_iter().cloned().collect()
    }

    /// The processes that programs have left which supervisor says to be down: the id of each, and when it began. Those of
    /// which nothing says to which program they belong are not among them: it may be another one than those asked for.
    pub(super) fn left(&self) -> Vec<(u32, u64)> {
        let own = self.processes.iter().filter(|process| process.program.is_some());
        own.filter_map(|process| Some((process.pid, process.begun?))).collect()
    }

    /// The command, for a person on the host, that kills what was told to stop and has not; `None` if nothing shows whose it is.
    pub(super) fn kill_command(&self, supervisorctl: &str) -> Option<String> {
        let told =
            self.programs.iter().filter(|(_, state)| *state == State::Stopping).map(|(program, _)| program.as_str());
        let told: Vec<&str> = told.collect();
        let own = self.processes.iter().filter(|process| process.program.is_some());
        let left: Vec<String> = own.map(|process| process.pid.to_string()).collect();
        match (told.is_empty(), left.is_empty()) {
            // Of a program that has stopped meanwhile supervisor prints 0, which would mean all processes of whoever types this.
            (false, _) => Some(format!("kill -KILL $({supervisorctl} pid {} | grep -x '[1-9][0-9]*')", told.join(" "))),
            (true, false) => Some(format!("kill -KILL {}", left.join(" "))),
            (true, true) => None,
        }
    }

    /// Whether there are only processes of which nothing says to which program they belong.
    pub(super) fn is_of_strangers(&self) -> bool {
        self.programs.is_empty()
            && !self.processes.is_empty()
            && self.processes.iter().all(|process| process.program.is_none())
    }

    /// The programs that run, or of which a process is left.
    pub(super) fn all_programs(&self) -> Vec<ProgramName> {
        let programs = self.programs.iter().map(|(program, _)| program);
        let all: BTreeSet<&ProgramName> =
            programs.chain(self.processes.iter().filter_map(|process| process.program.as_ref())).collect();
        all.into_iter().cloned().collect()
    }

    /// What runs, for people.
    pub(super) fn words(&self, subject: &Subject<'_>) -> String {
        let programs = self.programs.iter().map(|(program, _)| Cow::Borrowed(program.as_str()));
        let processes = self.processes.iter().map(|process| Cow::Owned(words_of(process)));
        let sessions = || Cow::Owned(unlisted::words(&self.sessions, subject.unrelated));
        let sessions = (!self.sessions.is_empty()).then(sessions);
        programs.chain(processes).chain(sessions).collect::<Vec<_>>().join(", ")
    }

    /// What the journal keeps of each thing that runs although everything on its host was stopped.
    pub(super) fn notes(&self, host: &HostName) -> Vec<String> {
        let programs = self.programs.iter().map(|(program, state)| match state {
            State::Stopping => format!("{program} was still stopping on {host}"),
            _ => format!("{program} was running again on {host} and is stopped again"),
        });
        let processes = self.processes.iter().map(|process| format!("{} was left on {host}", words_of(process)));
        let sessions = self.sessions.iter().map(|session| format!("{session} went on on {host}"));
        programs.chain(processes).chain(sessions).collect()
    }
}

fn words_of(process: &Leftover) -> String {
    let of = process.program.as_ref().map_or_else(String::new, |program| format!(" of {program}"));
    format!("process {}{of} (`{}`)", process.pid, process.command)
}

/// What is not stopped on a host. Processes are looked for only once supervisor says that all programs are down.
pub(super) async fn up(context: &StepContext<'_>, slot: &StepSlot<'_>, subject: &Subject<'_>) -> Answer<Up> {
    let mut states = states(context, slot, subject).await?;
    change_of_pids(context, subject, &states);
    for pause in LOOK_AGAIN {
        if !may_be_started_again(&states) {
            break;
        }
        slot.release();
        context.clock.sleep(pause).await;
        states = self::states(context, slot, subject).await?;
        change_of_pids(context, subject, &states);
    }
    let up = states.iter().filter(|(_, status)| !status.state.is_down());
    let programs: Vec<_> = up.map(|(program, status)| (program.clone(), status.state)).collect();
    let (processes, sessions) = match programs.is_empty() {
        true => left(context, slot, subject).await?,
        false => Default::default(),
    };
    Ok(Up { programs, processes, sessions })
}

/// Whether all programs are down, and one has ended by itself: with `autorestart`, supervisor starts it again. An order to
/// stop would change nothing, because supervisor refuses it of a program that does not run.
fn may_be_started_again(states: &States) -> bool {
    states.values().all(|status| status.state.is_down()) && states.values().any(|status| status.state == State::Exited)
}

/// The processes of programs that should have none, and the sessions that may be theirs and that hold this step up.
async fn left(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    subject: &Subject<'_>,
) -> Answer<(Vec<Leftover>, Vec<UnknownSession>)> {
    let read = |signs: &Signs<'_>, said: &Said| {
        let (left, unknown) = (processes::read(signs, said)?, processes::unknown_sessions(signs, said)?);
        Ok((left, unknown))
    };
    let (left, unknown) = listed(context, slot, subject, read).await?;
    Ok((left, unlisted(context, subject.name, subject.unrelated, unknown)))
}

/// Puts on record how what programs have started is recognised once they have ended, where nothing else shows it then. It is
/// known only while they run, so this is done before they are told to stop.
pub(super) async fn trace(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    subject: &Subject<'_>,
) -> Result<(), WriteError> {
    let traces = listed(context, slot, subject, processes::traces).await?;
    match traces.is_empty() {
        true => Ok(()),
        false => Ok(context.learn(Fact::Traced { instance: subject.id.clone(), traces }).await?),
    }
}

/// What the list of a host's processes tells.
async fn listed<T>(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    subject: &Subject<'_>,
    read: impl Fn(&Signs<'_>, &Said) -> Result<T, NotListed>,
) -> Answer<T> {
    let question = processes::ask(subject.supervisorctl);
    let ask = async |world: &crate::ports::World| {
        let said = world.hosts.ask(&subject.id, &context.in_time(&question)).await?;
        let all = context.found.pids.borrow();
        let pids = all.get(&subject.id).into_iter().flatten().map(|(program, pid)| (program, *pid));
        let (pids, upgrade) = (pids.collect::<Vec<_>>(), context.journal.upgrade());
        let signs = Signs { programs: subject.programs, pids: &pids, traces: upgrade.traces.get(&subject.id) };
        read(&signs, &said).map_err(|why| not_listed(subject.name, &why))
    };
    context.ask_with(slot, ask).await
}

fn not_listed(host: &HostName, why: &NotListed) -> Failure {
    let message = format!("{host}: {why}");
    match why {
        NotListed::Incomplete(_) | NotListed::NoSupervisor => Failure::not_applied(message),
        NotListed::Unknown => Failure::not_applied(message).with_hint(
            "run `supervisorctl pid` there as root: it must print the process id of supervisor, and systemd must run that as a \
             service",
        ),
        NotListed::NoRights(_) => Failure::permanent(message),
        NotListed::NoUnit => Failure::permanent(message).with_hint("let systemd start supervisor as a service there"),
    }
}
