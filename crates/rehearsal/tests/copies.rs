//! Tests that the rest of an upgrade can be run from a copy of its world and its journal, with the same result as the
//! whole upgrade.

use std::rc::Rc;

use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{Event, Fact, Run, Upgrade};
use cutover_core::names::{GateName, StepId};
use cutover_core::plan::Order;
use cutover_rehearsal::{RehearsalEnding, Rehearsed, UpgradeCopy, rehearse_with_copies};

const QA: &str = include_str!("../../../examples/mitx-qa.toml");

fn deployment() -> Deployment {
    parse(QA).expect("the example has no mistakes")
}

fn copied(wanted: impl Fn(u64) -> bool + 'static) -> (Rehearsed, Vec<UpgradeCopy>) {
    rehearse_with_copies(&deployment(), 1, Order::Overlapped, |_| {}, wanted).expect("the rehearsal works")
}

fn rest(copy: &UpgradeCopy) -> Rehearsed {
    copy.run_the_rest(&deployment(), Order::Overlapped, Rc::new(|_| {})).expect("the rehearsal works")
}

/// The result of an upgrade, without times and without ids that contain a number or a time.
#[derive(Debug, PartialEq)]
struct Outcome {
    ending: RehearsalEnding,
    /// Everything that the upgrade made and removed.
    made: Upgrade,
    decisions: Vec<(GateName, bool)>,
    steps: Vec<(StepId, bool, Vec<String>)>,
    violations: usize,
    errors: u64,
}

/// A fact without how long migrations took: whoever takes over has not seen all of them begin.
fn untimed(fact: &Fact) -> Fact {
    let mut fact = fact.clone();
    if let Fact::Migrated { ran, .. } = &mut fact {
        ran.iter_mut().for_each(|ran| ran.seconds = None);
    }
    fact
}

fn outcome(rehearsed: &Rehearsed) -> Outcome {
    let upgrade = &rehearsed.upgrade;
    let facts = |facts: &[Fact]| {
        let kept = facts.iter().filter(|fact| {
            !matches!(
                fact,
                Fact::RecordsChanged { .. }
                    | Fact::InSync { .. }
                    | Fact::DnsAnswer(_)
                    | Fact::Invalidated { .. }
                    | Fact::Note { .. }
                    | Fact::Job { .. }
                    | Fact::Applied { .. }
                    | Fact::Order { .. }
                    | Fact::RunningTasks { .. }
            )
        });
        let mut kept: Vec<String> = kept.map(|fact| format!("{:?}", untimed(fact))).collect();
        kept.sort();
        kept
    };
    let steps = upgrade.runs.iter().flat_map(Run::runs);
    // Which of two fleets is first depends on when the copy was taken.
    let mut migrated: Vec<Fact> = upgrade.migrated.iter().map(untimed).collect();
    migrated.sort_by_key(|fact| format!("{fact:?}"));
    Outcome {
        ending: rehearsed.ending.clone(),
        made: Upgrade {
            id: upgrade.id.clone(),
            captured: upgrade.captured.clone(),
            launched: upgrade.launched.clone(),
            images: upgrade.images.clone(),
            snapshots: upgrade.snapshots.clone(),
            migrated,
            terminated: upgrade.terminated.clone(),
            ..Upgrade::default()
        },
        decisions: upgrade.decisions.values().map(|made| (made.gate.clone(), made.approved)).collect(),
        steps: steps.map(|(step, run)| (step.id.clone(), run.status.is_done(), facts(&run.facts))).collect(),
        violations: rehearsed.violations.len(),
        errors: rehearsed.visitors.error,
    }
}

#[test]
fn the_rest_of_an_upgrade_run_from_a_copy_ends_as_the_whole_upgrade_does() {
    let (whole, copies) = copied(|record| record % 9 == 1);
    assert!(copies.len() > 20, "{} copies", copies.len());
    for copy in &copies {
        let length = copy.records().len();
        let rest = rest(copy);
        assert_eq!(outcome(&rest), outcome(&whole), "from record {length} on");
        assert_eq!(rest.records[..length], whole.records[..length]);
        let took_over = |event: &Event| matches!(event, Event::ConductorTookOver { .. });
        assert!(rest.records[length].events.iter().any(took_over), "another conductor goes on");
        assert!(rest.records[length].epoch > whole.records[0].epoch);
    }
}

#[test]
fn what_a_copy_is_run_for_leaves_it_as_it_is() {
    let (_, copies) = copied(|record| record == 100);
    let [first, again] = [0, 1].map(|_| rest(&copies[0]));
    assert_eq!(first.records, again.records);
    assert_eq!(first.visitors, again.visitors);
}
