//! Requests that still arrive at current hosts are counted before these stop, and nothing depends on the number.

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Event, Fact, LateRequests};
use cutover_rehearsal::{Fault, FaultKind, RehearsalEnding};

use super::stage::{Stage, qa};

fn counting() -> Deployment {
    let mut deployment = qa();
    deployment.role.edxapp.count_requests = vec!["/edx/bin/count-requests".to_owned(), "access.log".to_owned()];
    deployment
}

/// What an upgrade that has succeeded has counted.
fn counted(stage: &Stage) -> Vec<LateRequests> {
    assert_eq!(stage.conducted().ending, RehearsalEnding::Completed);
    let records = stage.reading().records;
    let facts = records.iter().flat_map(|record| &record.events).flat_map(Event::facts);
    let counted = facts.filter_map(|fact| match fact {
        Fact::LateRequests(counted) => Some(counted.clone()),
        _ => None,
    });
    counted.collect()
}

#[test]
fn each_current_web_host_counts_the_requests_of_visitors_whose_resolvers_ignore_ttls() {
    let stage = Stage::new(counting(), |_| {});
    let counted = counted(&stage);
    let hosts: u32 = stage.deployment.fleets.iter().map(|fleet| fleet.edxapp.count).sum();
    assert_eq!(counted.len(), usize::try_from(hosts).expect("a few"), "{counted:?}");
    assert!(counted.iter().all(|counted| counted.requests.is_some_and(|requests| requests > 0)), "{counted:?}");
}

#[test]
fn a_count_that_fails_stops_nothing_and_is_told_as_unknown() {
    let fault = Fault::Call { call: "requests".to_owned(), nth: 1, kind: FaultKind::Permanent };
    let counted = counted(&Stage::new(counting(), |world| world.faults.push(fault)));
    let unknown: Vec<&LateRequests> = counted.iter().filter(|counted| counted.requests.is_none()).collect();
    assert!(matches!(unknown.as_slice(), [LateRequests { unknown_because: Some(_), .. }]), "{counted:?}");
}
