//! A dry run as text that is also a shell script: each write is a command, everything else is a comment.

use cutover_core::plan::Plan;
use cutover_engine::dry::{DryOutcome, DryStep};
use serde_json::{Value, json};

use super::text::{WIDTH, count, hang};

/// The result of a dry run.
#[derive(Clone, Copy, Debug)]
pub struct DryRun<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its steps, without milestones.
    pub steps: &'a [DryStep],
    /// The reasons why it cannot be run now.
    pub obstacles: &'a [String],
    /// The deployment file as the operator named it.
    pub file: &'a str,
}

const ABOUT: &str = "Nothing was changed. Each command is a write that the phase would make, in an order that the plan \
                     allows. Comments show waits, checks, work on hosts, and steps that are already done. Do not run \
                     this as a script: it would not wait for anything. Values in <...> are known only later.";

/// The dry run as a shell script. Comments keep to 80 columns; commands are one line each.
#[must_use]
pub fn dry_run(dry: &DryRun<'_>) -> String {
    let plan = dry.plan;
    let (steps, hash) = (count(dry.steps.len(), "step"), plan.hash());
    let title = format!("cutover {} {} --dry-run: {steps}, plan {}", plan.phase, dry.file, hash.short());
    let mut blocks = vec![format!("{}\n{}", comment("# ", &title), comment("# ", ABOUT))];
    if !dry.obstacles.is_empty() {
        let reasons = dry.obstacles.iter().map(|reason| comment("#   - ", reason));
        let reasons: Vec<String> = std::iter::once("# It cannot start yet:".to_owned()).chain(reasons).collect();
        blocks.push(reasons.join("\n"));
    }
    let mut text = blocks.join("\n");
    let mut after_nothing = false;
    for step in dry.steps {
        let does_nothing = step.outcome == DryOutcome::AlreadySo;
        text.push_str(if does_nothing && after_nothing { "\n" } else { "\n\n" });
        text.push_str(&of_step(step));
        after_nothing = does_nothing;
    }
    text + "\n"
}

/// The dry run for scripts.
#[must_use]
pub fn dry_run_json(dry: &DryRun<'_>) -> Value {
    json!({
        "phase": dry.plan.phase,
        "plan": dry.plan.hash(),
        "obstacles": dry.obstacles,
        "steps": dry.steps,
    })
}

fn of_step(step: &DryStep) -> String {
    let title = comment("# ", &format!("{}: {}", step.lane, step.title));
    let with = |more: String| format!("{title}\n{more}");
    match &step.outcome {
        DryOutcome::AlreadySo => comment("# ", &format!("{}: {}: already done", step.lane, step.title)),
        DryOutcome::Writes { lines } => with(lines.join("\n")),
        DryOutcome::InWords { words } => with(comment("#   ", words)),
        DryOutcome::CannotBeSeen { because } => with(comment("#   CANNOT BE SEEN: ", because)),
        DryOutcome::WouldFail { because, lines } => {
            let mut all = lines.clone();
            all.push(comment("#   WOULD FAIL: ", because));
            with(all.join("\n"))
        }
    }
}

/// `text` wrapped, with every line a comment: text from a file or an answer must never become a command.
fn comment(first: &str, text: &str) -> String {
    let lines = hang(first, text, WIDTH);
    let commented = lines.lines().map(|line| match line.strip_prefix(' ') {
        Some(rest) => format!("#{rest}"),
        None => line.to_owned(),
    });
    commented.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use cutover_core::plan::{Lane, Order, Phase};

    use super::*;
    use crate::show::testing::{deployment, plan};

    fn step(title: &str, outcome: DryOutcome) -> DryStep {
        DryStep { id: "window.x".into(), lane: Lane::Fleet("live".into()), title: title.to_owned(), outcome }
    }

    fn steps() -> Vec<DryStep> {
        let line = "aws route53 change-resource-record-sets --hosted-zone-id Z1 --change-batch \
                    '{\"Changes\":[{\"Action\":\"UPSERT\",\"ResourceRecordSet\":{\"Name\":\"lms.mitx.mit.edu.\"}}]}'";
        let words = "on edx-mitx-test-live-0-v3: /edx/bin/supervisorctl stop lms cms edxapp_worker:lms_low_1";
        let refusal = "edx-1 (i-1) is still registered in lms-live, so it was not terminated; take it out first";
        let fails = DryOutcome::WouldFail { because: refusal.to_owned(), lines: Vec::new() };
        let unseen =
            DryOutcome::CannotBeSeen { because: "rds DescribeDBSnapshots was refused: AccessDenied".to_owned() };
        vec![
            step("wait until 2021-01-04 03:30:00 -05:00", DryOutcome::InWords { words: "waits".to_owned() }),
            step("register edx-1", DryOutcome::AlreadySo),
            step("register edx-2", DryOutcome::AlreadySo),
            step("point 2 records at the maintenance page", DryOutcome::Writes { lines: vec![line.to_owned()] }),
            step("stop services on edx-mitx-test-live-0-v3", DryOutcome::InWords { words: words.to_owned() }),
            step("snapshot mitx-test-rds", unseen),
            step("terminate edx-1", fails),
        ]
    }

    fn shown(steps: &[DryStep], obstacles: &[String]) -> String {
        let plan = plan(&deployment(), Phase::Window, Order::Overlapped);
        dry_run(&DryRun { plan: &plan, steps, obstacles, file: "qa.toml" })
    }

    #[test]
    fn writes_are_commands_and_everything_else_is_a_comment() {
        insta::assert_snapshot!(shown(&steps(), &["prepare has not ended yet".to_owned()]));
    }

    #[test]
    fn only_writes_become_commands() {
        let hostile = "first\nrm -rf everything\n\n  touch this; and a word ".repeat(4);
        let outcomes = [
            DryOutcome::AlreadySo,
            DryOutcome::InWords { words: hostile.clone() },
            DryOutcome::CannotBeSeen { because: hostile.clone() },
            DryOutcome::WouldFail { because: hostile.clone(), lines: Vec::new() },
        ];
        let steps = outcomes.map(|outcome| step(&hostile, outcome));
        let text = shown(&steps, std::slice::from_ref(&hostile));
        for line in text.lines() {
            assert!(line.is_empty() || line.starts_with('#'), "a command: {line}");
        }
    }

    #[test]
    fn json_has_every_step_with_its_outcome() {
        let plan = plan(&deployment(), Phase::Window, Order::Overlapped);
        let json = dry_run_json(&DryRun { plan: &plan, steps: &steps(), obstacles: &[], file: "qa.toml" });
        let outcomes: Vec<_> = json["steps"].as_array().expect("steps").iter().map(|step| &step["outcome"]).collect();
        let wanted = ["in-words", "already-so", "already-so", "writes", "in-words", "cannot-be-seen", "would-fail"];
        assert_eq!(outcomes, wanted);
        assert_eq!(json["phase"], "window");
    }
}
