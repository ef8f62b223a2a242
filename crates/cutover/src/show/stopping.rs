//! What a conductor still waits for after it was asked to stop.

use cutover_core::status::Status;

use super::status_text::{how_long, running_groups};
use super::text::{WIDTH, hang};

/// What happens now that the conductor was asked to stop, and `because` of what: which steps it still waits for, how long
/// each has taken and may take, and what a second signal does. In at most 80 columns. The status must be that of a live
/// conductor.
#[must_use]
pub fn stopping(status: &Status, because: &str) -> String {
    // Waits for a date and for people end at once.
    let groups = running_groups(status.running.iter().filter(|step| step.until.is_none()));
    if groups.is_empty() {
        let words = "no step is under way, and none begins. What is being looked at now, such as a host that does not \
                     answer, ends first. Ctrl-C or SIGTERM again stops at once.";
        return hang("", &format!("stopping, because {because}: {words}"), WIDTH);
    }
    let words = format!("stopping, because {because}: no new step begins, and these steps end first:");
    let mut lines = vec![hang("", &words, WIDTH)];
    lines.extend(
        groups.iter().map(|((lane, title), steps)| {
            hang("  - ", &format!("{title} ({lane}): {}", how_long(status, steps)), WIDTH)
        }),
    );
    let advice = "Ctrl-C or SIGTERM again stops at once: then these steps stay recorded as started, and the same command \
                  looks at them again.";
    lines.push(hang("", advice, WIDTH));
    lines.join("\n")
}

/// What is said after a second signal. The status must be that of an upgrade that nobody conducts; its next command
/// comes last.
#[must_use]
pub fn stopped_at_once(status: &Status) -> String {
    let words = "stopped at once; steps under way are recorded as started, and are looked at again when the phase is \
                 resumed:";
    let command = status.next_command.iter().map(|command| format!("  {command}"));
    std::iter::once(hang("", words, WIDTH)).chain(command).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_core::journal::Upgrade;
    use cutover_core::plan::{Order, Phase};
    use cutover_core::status::{ConductorState, StatusInputs};
    use cutover_core::time::later;

    use super::*;
    use crate::show::testing::{self, assert_fits};

    /// What is said when a conductor of the window is asked to stop this long after the window's start.
    fn stopping_at(seconds: u64) -> String {
        let deployment = testing::deployment();
        let journal = testing::journal(&deployment, &[Phase::Window], Order::Overlapped);
        let length = Duration::from_secs(seconds);
        let upgrade: Upgrade = testing::fold(&testing::until(&deployment, &journal, length));
        let inputs = StatusInputs {
            upgrade: &upgrade,
            deployment: &deployment,
            file: "mitx.toml",
            now: later(deployment.window.start.timestamp, length),
            conductor: &ConductorState::AtWork,
            damage: None,
        };
        stopping(&Status::of(inputs), "it was told to end (SIGTERM)")
    }

    #[test]
    fn a_conductor_that_stops_names_the_steps_that_it_waits_for_and_how_long_they_may_take() {
        let text = stopping_at(600);
        assert_fits(&text, WIDTH);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_wait_for_a_date_is_not_waited_for() {
        let text = stopping_at(0);
        assert!(!text.contains("until"), "{text}");
    }
}
