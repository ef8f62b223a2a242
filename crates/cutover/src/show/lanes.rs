//! Progress on a terminal: one line per lane that changes in place, and above these lines what has ended. Times come
//! from the events and ticks that it is given; it has no ticker of its own, because an upgrade may not run in wall
//! time.
//!
//! In the background of the terminal, the cursor belongs to another program: then everything is a plain line.

use std::collections::BTreeMap;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Event, Upgrade};
use cutover_core::plan::Lane;
use cutover_core::progress::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::lines::{Screen, narrow_line};
use super::narrate::Narrator;
use super::note::{Kind, Note};
use crate::harmless::harmless;
use crate::layout::laid_out;
use crate::output::write_line;

/// One line per lane on standard error.
pub struct Lanes {
    narrator: Narrator,
    screen: MultiProgress,
    bars: BTreeMap<Lane, ProgressBar>,
    is_in_background: bool,
}

impl Lanes {
    /// Lines for the lanes of `upgrade` and of the events that follow. `file` is the deployment file as the operator
    /// named it, or nothing if nobody is expected to type decisions. Nothing is drawn before it is known that this process
    /// is in the foreground.
    #[must_use]
    pub fn new(upgrade: &Upgrade, deployment: &Deployment, file: Option<&str>) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let narrator = Narrator::new(upgrade, deployment, file);
        let mut lanes = Self { narrator, screen, bars: BTreeMap::new(), is_in_background: true };
        lanes.lay_out();
        lanes
    }

    /// Prints `text` above the lanes, or as it is in the background.
    fn print(&self, text: &str) {
        let _ = match self.is_in_background {
            true => write_line(&mut std::io::stderr(), text),
            // Not `suspend`, which panics where the terminal is gone.
            false => self.screen.println(harmless(text.trim_end_matches('\n'))),
        };
    }

    /// A line for each lane of the phase under way.
    fn lay_out(&mut self) {
        for bar in std::mem::take(&mut self.bars).into_values() {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        let lanes = self.narrator.lanes();
        let widest = lanes.iter().map(|lane| lane.to_string().chars().count()).max().unwrap_or_default();
        for lane in lanes {
            let bar = self.screen.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{prefix}  {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(format!("{lane:<widest$}"));
            self.bars.insert(lane, bar);
        }
    }

    fn refresh(&self, now: Timestamp) {
        for (lane, bar) in &self.bars {
            bar.set_message(harmless(&self.narrator.lane_now(lane, now)).into_owned());
        }
    }
}

impl Screen for Lanes {
    fn in_background(&mut self, is_in_background: bool) {
        if self.is_in_background != is_in_background {
            self.is_in_background = is_in_background;
            self.screen.set_draw_target(match is_in_background {
                true => ProgressDrawTarget::hidden(),
                false => ProgressDrawTarget::stderr(),
            });
        }
    }

    fn hear(&mut self, progress: &Progress) {
        let notes = self.narrator.hear(progress);
        let at = match progress {
            Progress::Recorded { at, .. } | Progress::Waiting { at, .. } => at,
            Progress::Said { text } => {
                self.print(&laid_out(text));
                return;
            }
        };
        if matches!(progress, Progress::Recorded { event: Event::RunStarted { .. }, .. }) {
            self.lay_out();
        }
        // The lines below show what starts and what waits.
        let is_below = |note: &Note| !self.is_in_background && matches!(note.kind, Kind::Begins | Kind::Waits);
        for note in notes.iter().filter(|note| !is_below(note)) {
            self.print(&narrow_line(&self.narrator, note));
        }
        if let Progress::Recorded { event: Event::RunFinished { .. } | Event::Interrupted { .. }, .. } = progress {
            self.finish();
            return;
        }
        self.refresh(*at);
    }

    fn tick(&mut self, now: Timestamp) {
        let untold = self.narrator.still_untold(now);
        // The lines below are hidden then.
        if self.is_in_background {
            untold.iter().for_each(|note| self.print(&narrow_line(&self.narrator, note)));
        }
        self.refresh(now);
    }

    fn finish(&mut self) {
        self.bars.values().for_each(ProgressBar::finish_and_clear);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use cutover_core::names::StepId;
    use cutover_core::plan::{Action, Order, Phase, Plan, Step};
    use cutover_core::time::later;

    use super::*;
    use crate::show::testing;

    /// The lanes `after` seconds after the window's start.
    fn lanes_at(seconds: u64, waiting: Option<(&str, &str)>) -> Vec<String> {
        let deployment = testing::deployment();
        let journal = testing::journal(&deployment, &[Phase::Window], Order::Overlapped);
        let mut lanes = Lanes::new(&Upgrade::default(), &deployment, Some("mitx.toml"));
        for record in testing::until(&deployment, &journal, Duration::from_secs(seconds)) {
            testing::progress(&record).for_each(|progress| lanes.hear(&progress));
        }
        let at = later(deployment.window.start.timestamp, Duration::from_secs(seconds));
        let tick = waiting.unwrap_or(("window.open", ""));
        lanes.hear(&Progress::Waiting { at, step: tick.0.into(), detail: tick.1.to_owned() });
        lanes.bars.values().map(|bar| format!("{}  {}", bar.prefix(), bar.message()).trim_end().to_owned()).collect()
    }

    #[test]
    fn each_lane_has_a_line_with_what_it_does_now() {
        let detail = Some(("window.drained.edx-residential-live-mitx-produc", "3 of 3 hosts are draining"));
        insta::assert_snapshot!(
            [lanes_at(60, None), lanes_at(165, detail), lanes_at(600, None)].map(|lanes| lanes.join("\n")).join("\n\n")
        );
    }

    #[test]
    fn a_lane_without_a_step_under_way_says_what_is_looked_at_and_why_that_takes_time() {
        let deployment = testing::deployment();
        let journal = testing::journal(&deployment, &[Phase::Window], Order::Overlapped);
        let mut lanes = Lanes::new(&Upgrade::default(), &deployment, Some("mitx.toml"));
        let of_live = |step: &StepId| step.as_str().contains("residential-live");
        for progress in journal.iter().flat_map(testing::progress) {
            match &progress {
                Progress::Recorded { at, event: Event::StepStarted { step, .. }, .. } if of_live(step) => {
                    let detail = "cannot be observed now: no answer".to_owned();
                    lanes.hear(&Progress::Waiting { at: *at, step: step.clone(), detail });
                    break;
                }
                _ => lanes.hear(&progress),
            }
        }
        let shown = lanes.bars.values().map(|bar| format!("{}  {}", bar.prefix(), bar.message()));
        insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_step_that_is_late_is_shown_before_one_that_is_expected_to_take_longer() {
        let deployment = testing::deployment();
        let plan = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        let step = |id: &str, seconds| Step {
            expected: Duration::from_secs(seconds),
            ..Step::new(id, plan.steps[0].line, id, Action::Milestone)
        };
        let plan = Plan { steps: vec![step("copy", 900), step("hold", 5)], ..plan.clone() };
        let start = deployment.window.start.timestamp;
        let journal = testing::journal(&deployment, &[Phase::Window], Order::Overlapped);
        let begin = journal.iter().flat_map(|record| &record.events).find_map(|event| match event {
            Event::RunStarted { run, kind, deployment, .. } => {
                let (run, kind, deployment) = (*run, *kind, deployment.clone());
                Some(Event::RunStarted { run, kind, plan: Arc::new(plan.clone()), deployment })
            }
            _ => None,
        });
        let begun = ["copy", "hold"].map(|step| Event::StepStarted { step: step.into(), attempt: 1 });
        let mut lanes = Lanes::new(&Upgrade::default(), &deployment, None);
        let took_over = journal[0].events[0].clone();
        let events = [took_over, begin.expect("a run")].into_iter().chain(begun);
        events.for_each(|event| lanes.hear(&testing::recorded(start, event)));
        let shown_after = |seconds| {
            lanes.refresh(later(start, Duration::from_secs(seconds)));
            lanes.bars.values().map(ProgressBar::message).collect::<String>()
        };
        assert!(shown_after(20).contains("copy (+1 more)"), "{}", shown_after(20));
        assert!(shown_after(60).contains("hold (+1 more)"), "{}", shown_after(60));
    }

    #[test]
    fn an_interruption_removes_the_lines_from_the_screen() {
        let deployment = testing::deployment();
        let journal = testing::journal(&deployment, &[Phase::Window], Order::Overlapped);
        let mut lanes = Lanes::new(&Upgrade::default(), &deployment, None);
        for record in testing::until(&deployment, &journal, Duration::from_secs(60)) {
            testing::progress(&record).for_each(|progress| lanes.hear(&progress));
        }
        assert!(!lanes.bars.values().any(ProgressBar::is_finished));
        let event = Event::Interrupted { because: "it was told to end (SIGTERM)".to_owned() };
        lanes.hear(&testing::recorded(deployment.window.start.timestamp, event));
        assert!(lanes.bars.values().all(ProgressBar::is_finished));
    }

    #[test]
    fn lanes_that_have_ended_are_shown_as_done() {
        assert!(lanes_at(100_000, None).iter().all(|line| line.ends_with("done")));
    }
}
