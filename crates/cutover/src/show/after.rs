//! What to type after a phase that has stopped at a failed step.

use cutover_core::plan::Phase;
use cutover_core::status::FailedStep;

/// The commands to choose from. `again` goes on, with all options that it needs; there may be no such command. What is
/// never done again without the operator's consent is named step by step. A command is never wrapped, so that it can be
/// copied.
#[must_use]
pub fn after_failure(phase: Phase, again: Option<&str>, failed: &[FailedStep]) -> String {
    if !failed.is_empty() && failed.iter().all(|step| step.refused.is_some()) {
        return match again {
            Some(again) => format!("`{phase}` stopped at a refusal; to be asked again: {again}"),
            None => format!("`{phase}` stopped at a refusal: see above"),
        };
    }
    let for_consent: Vec<&FailedStep> = failed.iter().filter(|step| step.retry_command.is_some()).collect();
    match (for_consent.is_empty(), again) {
        (true, None) => format!("`{phase}` stopped at a failed step, and no command goes on from here: see above"),
        (true, Some(again)) => format!("`{phase}` stopped at a failed step; once its cause is fixed: {again}"),
        (false, again) => choices(phase, again, &for_consent),
    }
}

fn choices(phase: Phase, again: Option<&str>, for_consent: &[&FailedStep]) -> String {
    let why = match for_consent.iter().all(|step| step.soaked) {
        true => "a soak that has seen too much; visitors stay on the new site",
        false => "a step that is never done again without your consent",
    };
    let mut lines = vec![format!("`{phase}` stopped at {why}")];
    let lacking: Vec<&&FailedStep> = for_consent.iter().filter(|step| step.lacks_snapshot).collect();
    if let (false, Some(again)) = (lacking.is_empty(), again) {
        lines.push(format!("  to take the snapshot again: {again}"));
    }
    for retry in lacking.iter().filter_map(|step| step.retry_command.as_ref()) {
        lines.push(format!("  to go on with the snapshot as it is: {retry}"));
    }
    let with_tasks: Vec<&&FailedStep> = for_consent.iter().filter(|step| step.tasks_left.is_some()).collect();
    if let (false, Some(again)) = (with_tasks.is_empty(), again) {
        lines.push(format!("  to count the tasks again: {again}"));
    }
    for retry in with_tasks.iter().filter_map(|step| step.retry_command.as_ref()) {
        lines.push(format!("  to leave them to the next hosts: {retry}"));
    }
    let unseen: Vec<&&FailedStep> = for_consent.iter().filter(|step| !step.unseen.is_empty()).collect();
    if let (false, Some(again)) = (unseen.is_empty(), again) {
        lines.push(format!("  to look at the hosts again: {again}"));
    }
    for retry in unseen.iter().filter_map(|step| step.retry_command.as_ref()) {
        lines.push(format!("  to let visitors back without that: {retry}"));
    }
    let is_migration = |step: &&&FailedStep| {
        let is_other = step.lacks_snapshot || step.tasks_left.is_some() || !step.unseen.is_empty();
        step.accept_command.is_none() && !is_other
    };
    let mut migrations = for_consent.iter().filter(is_migration);
    if let Some(first) = migrations.next().and_then(|step| step.retry_command.as_ref()) {
        let others: String = migrations.map(|step| format!(" --retry {}", step.step)).collect();
        lines.push(format!("  once its schema is repaired: {first}{others}"));
    }
    for step in for_consent {
        let (Some(retry), Some(accept)) = (&step.retry_command, &step.accept_command) else { continue };
        let (undone, done) = match step.soaked {
            true => ("to watch the new site again".to_owned(), "if it may stay as it is"),
            false => (format!("if {} was not done", step.step), "if it was done"),
        };
        lines.push(format!("  {undone}: {retry}"));
        lines.push(format!("  {done}: {accept}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use cutover_core::status::Refusal;

    use super::*;

    fn failed(step: &str, consent: bool, in_doubt: bool) -> FailedStep {
        let command = |option: &str| format!("cutover window qa.toml {option} {step}");
        FailedStep {
            step: step.into(),
            lane: "live".to_owned(),
            title: step.to_owned(),
            error: "no".to_owned(),
            refused: None,
            lacks_snapshot: false,
            job_may_run: false,
            consent_holds: false,
            tasks_left: None,
            unseen: Vec::new(),
            soaked: false,
            page_is_up: true,
            page_stays_because: None,
            retry_command: consent.then(|| command("--retry")),
            accept_command: in_doubt.then(|| command("--accept") + " --because TEXT"),
        }
    }

    #[test]
    fn every_choice_after_a_failure_is_a_command_to_copy() {
        let again = "cutover window qa.toml --replan";
        let text = |steps: &[FailedStep]| after_failure(Phase::Window, Some(again), steps);
        let refusal = Refusal { gate: "go".into(), by: "bob".to_owned(), note: None };
        insta::assert_snapshot!(
            [
                text(&[failed("stop", false, false)]),
                text(&[
                    failed("migrate.1", true, false),
                    failed("migrate.2", true, false),
                    failed("stop", false, false)
                ]),
                text(&[failed("notice", true, true)]),
                text(&[FailedStep { lacks_snapshot: true, ..failed("confirm", true, false) }]),
                text(&[FailedStep { tasks_left: Some(12), ..failed("tasks", true, false) }]),
                text(&[FailedStep { unseen: vec!["edx-0".into()], ..failed("still-stopped", true, false) }]),
                text(&[FailedStep { soaked: true, ..failed("window.soak.live", true, true) }]),
                after_failure(Phase::Window, None, &[failed("start", false, false)]),
                text(&[FailedStep { refused: Some(refusal), ..failed("go", false, false) }]),
            ]
            .join("\n\n")
        );
    }
}
