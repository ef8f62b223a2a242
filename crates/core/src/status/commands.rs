//! The commands that an operator is told to type. A command that is printed has all options without which it would be
//! refused, or would do something else, so every place that prints one gets it from here.

use crate::deployment::{Deployment, Gate, GateBefore};
use crate::journal::{
    Run, lacks_all_hosts, lacks_hosts, needs_another_worker, needs_consent_to_snapshot, needs_new_snapshot,
    page_was_posted,
};
use crate::names::{GateName, StepId};
use crate::plan::{Action, Order, Phase, Step};

use super::conductor::ConductorState;
use super::edited::Edited;
use super::inputs::StatusInputs;
use super::phases::{PhaseState, PhaseStatus, unfinished};
use super::window::forecast_now;

/// The options of a command that runs a phase, as far as they decide what is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseOptions<'a> {
    /// The order of the steps of a new plan.
    pub order: Order,
    /// Whether to make a new plan for a phase that has started.
    pub replan: bool,
    /// Whether to open the window although it would not end in time.
    pub late: bool,
    /// The plan to run and no other: the beginning of its hash.
    pub plan: Option<&'a str>,
}

impl PhaseOptions<'_> {
    /// What `phase` needs now. A run that another one has followed is not continued: the phase is planned again, as one
    /// that has not started.
    fn needed(inputs: StatusInputs<'_>, edited: Option<&Edited>, phase: Phase) -> Self {
        let StatusInputs { upgrade, deployment, now, .. } = inputs;
        let run = upgrade.run_under_way().filter(|run| run.kind == phase.into());
        let replan = edited.is_some_and(|edited| edited.phase == phase)
            || without_lost_hosts(inputs) == Some(phase)
            || run.is_some_and(|run| needs_new_snapshot(run, upgrade) || needs_another_worker(run, upgrade));
        let may_open_late = |plan| !forecast_now(plan, deployment, now).fits;
        // A run that was started late goes on late, but a new plan for it has to be allowed to.
        let waits = run.filter(|run| phase == Phase::Window && !page_was_posted(run));
        let waits = waits.filter(|run| replan || run.plan.opens_by().is_some());
        Self {
            order: upgrade.run_of(phase).filter(|_| replan).map(|run| run.plan.order).unwrap_or_default(),
            replan,
            late: waits.is_some_and(|run| may_open_late(&run.plan)),
            plan: None,
        }
    }
}

/// The phase that has to be planned again because the window lacks hosts that are gone: hosts are launched again until
/// visitors may see the maintenance page, and after that the window goes on without them.
fn without_lost_hosts(inputs: StatusInputs<'_>) -> Option<Phase> {
    let run = inputs.upgrade.run_under_way().filter(|run| lacks_hosts(run, inputs.upgrade))?;
    Some(if page_was_posted(run) { Phase::Window } else { Phase::Prepare })
}

/// Whether no host is left that could serve a site. The failed step then says what to do.
pub(super) fn cannot_go_on(inputs: StatusInputs<'_>) -> bool {
    let run = inputs.upgrade.run_under_way().filter(|_| without_lost_hosts(inputs) == Some(Phase::Window));
    run.is_some_and(|run| lacks_all_hosts(run, inputs.upgrade))
}

/// The command that runs `phase` with these options. `file` is the deployment file as it is typed.
#[must_use]
pub fn phase_command_with(phase: Phase, file: &str, options: PhaseOptions<'_>) -> String {
    let order = (options.order != Order::default()).then(|| format!(" --order {}", options.order));
    let replan = options.replan.then(|| " --replan".to_owned());
    let late = options.late.then(|| " --late".to_owned());
    let plan = options.plan.map(|hash| format!(" --plan {hash}"));
    let options: String = [order, replan, late, plan].into_iter().flatten().collect();
    format!("cutover {phase} {file}{options}")
}

/// The command that runs or continues `phase` now: with `--replan` if it has to be planned again because the file was
/// `edited`, and with `--late` if its window would not end in time any more.
#[must_use]
pub fn phase_command(inputs: StatusInputs<'_>, edited: Option<&Edited>, phase: Phase) -> String {
    phase_command_with(phase, inputs.file, PhaseOptions::needed(inputs, edited, phase))
}

/// The same without a new plan for what the plan under way has found: it goes on as it is.
pub(super) fn phase_command_as_planned(inputs: StatusInputs<'_>, edited: Option<&Edited>, phase: Phase) -> String {
    let needed = PhaseOptions::needed(inputs, edited, phase);
    phase_command_with(phase, inputs.file, PhaseOptions { replan: false, order: Order::default(), ..needed })
}

/// The command that approves a gate.
#[must_use]
pub fn approve_command(file: &str, gate: &GateName) -> String {
    format!("cutover approve {file} {gate} --by NAME")
}

/// The command that shows how testers reach the new sites behind the page, at a gate before it is lifted.
#[must_use]
pub fn look_command(deployment: &Deployment, file: &str, gate: &GateName) -> Option<String> {
    let is_before_lift = |of: &Gate| of.name == *gate && of.before == GateBefore::Lift;
    deployment.gates.iter().any(is_before_lift).then(|| format!("cutover look {file} --open"))
}

/// The command that tries a failed step again; `again` runs its phase.
pub(super) fn retry_command(again: &str, step: &StepId) -> String {
    format!("{again} --retry {step}")
}

/// The command that treats a step in doubt as done; `again` runs its phase.
pub(super) fn accept_command(again: &str, step: &StepId) -> String {
    format!("{again} --accept {step} --because TEXT")
}

/// The command that lets a suspended process go on.
#[must_use]
pub fn wake_command(process: u32) -> String {
    format!("kill -CONT {process}")
}

/// The command to type next; nothing if there is none. `gate` is the command for the first gate that waits, and
/// `edited` says whether the file was edited meanwhile.
pub(super) fn next_command(
    inputs: StatusInputs<'_>,
    phases: &[PhaseStatus],
    gate: Option<String>,
    edited: Option<&Edited>,
) -> Option<String> {
    if let ConductorState::Suspended { process, .. } = inputs.conductor {
        return Some(wake_command(*process));
    }
    let unfinished = unfinished(inputs, phases)?;
    match unfinished.state {
        PhaseState::Finished => None,
        PhaseState::UnderWay if *inputs.conductor == ConductorState::Stopping => None,
        // The plan that waits for an approval is not what the file says: first somebody has to decide which one is meant.
        PhaseState::UnderWay if edited.is_some() => None,
        PhaseState::UnderWay => gate,
        // It still waits for steps that are under way, and no other conductor may begin meanwhile.
        PhaseState::Refused | PhaseState::Failed if inputs.conductor.lives() == Some(true) => None,
        PhaseState::Failed if waits_for_consent(inputs) => None,
        PhaseState::NotStarted | PhaseState::Stopped | PhaseState::Refused | PhaseState::Failed => {
            command_to_go_on(inputs, unfinished.phase, edited)
        }
    }
}

/// Whether the phase would only find again that a migration has failed: it is shown with the command that runs it again.
fn waits_for_consent(inputs: StatusInputs<'_>) -> bool {
    let migrates = |step: &Step| matches!(step.action, Action::Migrate(_));
    let mut steps = inputs.upgrade.run_under_way().into_iter().flat_map(Run::runs);
    steps.any(|(step, run)| migrates(step) && run.waits_for_consent())
}

/// The command with which a new conductor goes on with `phase`, which is another phase's if that has to be planned again
/// first. Nothing if the file has to be put back, if nothing can go on without hosts that are gone, or if that needs an
/// operator's consent to a snapshot: every command would be refused.
fn command_to_go_on(inputs: StatusInputs<'_>, phase: Phase, edited: Option<&Edited>) -> Option<String> {
    let run = inputs.upgrade.run_under_way();
    let needs_consent = run.is_some_and(|run| needs_consent_to_snapshot(run, inputs.upgrade));
    let cannot = edited.is_some_and(|edited| edited.put_back.is_some()) || cannot_go_on(inputs) || needs_consent;
    let lost = || without_lost_hosts(inputs).unwrap_or(phase);
    (!cannot).then(|| phase_command(inputs, edited, edited.map_or_else(lost, |edited| edited.phase)))
}

/// The command that retires what the window has replaced, once the sites are served again: it is refused while all next hosts of
/// a balancer are gone, because the current ones may be the way back.
pub(super) fn retire_once_served(inputs: StatusInputs<'_>, phases: &[PhaseStatus]) -> Option<String> {
    let waits = |phase: &&PhaseStatus| phase.phase == Phase::Retire && phase.state != PhaseState::UnderWay;
    let phase = unfinished(inputs, phases).filter(waits).filter(|_| inputs.conductor.lives() != Some(true))?.phase;
    let window = inputs.upgrade.run_of(Phase::Window)?;
    lacks_all_hosts(window, inputs.upgrade).then(|| phase_command(inputs, None, phase))
}

/// The command that resumes the phase under way once its conductor has stopped, which was asked to, or has to after a
/// failure or a refusal.
pub(super) fn resume_command(
    inputs: StatusInputs<'_>,
    phases: &[PhaseStatus],
    edited: Option<&Edited>,
) -> Option<String> {
    let ends = |phase: &&PhaseStatus| match inputs.conductor {
        ConductorState::Stopping => true,
        ConductorState::AtWork => matches!(phase.state, PhaseState::Refused | PhaseState::Failed),
        _ => false,
    };
    let ending = unfinished(inputs, phases).filter(ends).filter(|_| !waits_for_consent(inputs))?;
    command_to_go_on(inputs, ending.phase, edited)
}

/// The command that tells people about other dates of a window that has not opened and can only be opened late. It is
/// typed once the dates in the file were edited.
pub(super) fn move_command(
    inputs: StatusInputs<'_>,
    phases: &[PhaseStatus],
    edited: Option<&Edited>,
) -> Option<String> {
    let phase = unfinished(inputs, phases).filter(|phase| phase.phase == Phase::Window)?.phase;
    let replan = PhaseOptions { replan: true, ..PhaseOptions::default() };
    let is_late = PhaseOptions::needed(inputs, edited, phase).late;
    is_late.then(|| phase_command_with(Phase::Announce, inputs.file, replan))
}

/// The command that takes the phase under way over from a conductor that is suspended.
pub(super) fn take_over_command(
    inputs: StatusInputs<'_>,
    phases: &[PhaseStatus],
    edited: Option<&Edited>,
) -> Option<String> {
    let ConductorState::Suspended { name, .. } = inputs.conductor else { return None };
    let again = command_to_go_on(inputs, unfinished(inputs, phases)?.phase, edited)?;
    Some(format!("{again} --take-over {name}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::deployment::parse;
    use crate::digest::Digest;
    use crate::journal::{Event, Fact, RunNumber, Upgrade};
    use crate::testing::{migrate, plan, step};

    #[test]
    fn after_a_failed_migration_no_command_is_next_until_somebody_consents() {
        let deployment = parse(include_str!("../../../../examples/mitx-qa.toml")).expect("no mistakes");
        let now = deployment.window.start.timestamp;
        let migrate = migrate("live");
        let (host, job) = (migrate.host.name.clone(), migrate.job.clone());
        let failed = Fact::JobFailed { host: host.clone(), job: job.clone() };
        let facts = vec![Fact::Job { host, job, started: true }, failed];
        let plan = Arc::new(plan(Phase::Window, vec![step("migrate", Action::Migrate(migrate), &[])]));
        let (id, run, kind) = (StepId::from("migrate"), RunNumber(1), Phase::Window.into());
        let mut upgrade = Upgrade::default();
        for event in [
            Event::RunStarted { run, kind, plan, deployment: Digest::of_json(&deployment) },
            Event::StepStarted { step: id.clone(), attempt: 1 },
            Event::StepLearned { step: id.clone(), facts },
            Event::StepFailed { step: id.clone(), error: "no".to_owned(), in_doubt: false, changed_nothing: false },
        ] {
            upgrade.apply(now, &event).expect("it can follow");
        }
        let next = |upgrade: &Upgrade| {
            let (file, conductor, damage) = ("mitx.toml", &ConductorState::Gone, None);
            let inputs = StatusInputs { upgrade, deployment: &deployment, file, now, conductor, damage };
            next_command(inputs, &[PhaseStatus::of(inputs, Phase::Window)], None, None)
        };
        assert_eq!(next(&upgrade), None, "it would only find the failure again");
        let consent = Event::StepRetryApproved { step: id, by: "ada".into() };
        upgrade.apply(now, &consent).expect("it can follow");
        assert_eq!(next(&upgrade).as_deref(), Some("cutover window mitx.toml"));
    }
}
