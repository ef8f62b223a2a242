//! Steps that change something, each with each trouble.

use std::collections::BTreeSet;

use cutover_core::journal::Event;
use cutover_engine::phase::Ending;
use cutover_engine::retry;

use super::changes::{Change, all_instances};
use super::lane::{Ground, Lane};
use super::table::{Bad, broken, lanes};
use crate::proxy::Trouble;

/// What the classes of failures say of a step that gets into trouble.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    /// How often the step is in doubt.
    doubts: usize,
    /// How often the engine makes it again, knowing that nothing has happened.
    retries: u32,
    /// How often the request that makes the change reaches the other side.
    passed: usize,
}

impl Course {
    /// What must become of a change in trouble.
    fn of(change: Change, bad: Bad) -> Self {
        let is_doubtful = !bad.trouble.is_answered();
        let is_asked_again = is_doubtful && bad.trouble.goes_through() && change.does_not_show();
        // While it is in doubt whether the fence is raised, the step's own write is known not to have been begun.
        let is_of_the_step = change != Change::Fence;
        let is_refused = bad.trouble == Trouble::Throttle || is_doubtful && !is_of_the_step;
        Self {
            doubts: usize::from(is_doubtful && is_of_the_step),
            retries: if is_refused { bad.times } else { 0 },
            passed: 1 + usize::from(is_asked_again),
        }
    }
}

/// Tries one change with one trouble; what is broken, if anything.
async fn try_change(lane: &Lane<'_>, name: &str, change: Change, bad: Bad) -> Result<(), String> {
    let (ground, proxy, words) = (lane.ground, &lane.proxy, change.words());
    let wanted = change.wanted(lane, name).await;
    let before = proxy.passed(words);
    (0..bad.times).for_each(|_| proxy.order(words, bad.trouble));
    let (ending, events) = lane.conduct(bad.trouble, wanted.hosts.clone(), wanted.action.clone()).await;
    let left = proxy.withdraw();
    if left > 0 {
        return Err(format!("{left} requests never got into trouble: {events:?}"));
    }
    if ending != Ending::Finished {
        return Err(format!("{ending:?}: {events:?}"));
    }
    let retried = events.iter().filter(|event| matches!(event, Event::StepRetried { .. })).count();
    let course = Course {
        doubts: events.iter().filter(|event| matches!(event, Event::StepInDoubt { .. })).count(),
        retries: u32::try_from(retried).expect("a few"),
        passed: proxy.passed(words) - before,
    };
    let expected = Course::of(change, bad);
    if course != expected {
        return Err(format!("{course:?} instead of {expected:?}: {events:?}"));
    }
    if change == Change::Invalidation && references(&proxy.texts(words)[before..]).len() != 1 {
        return Err("it asked for several invalidations".to_owned());
    }
    let there = wanted.is_there_once(ground).await;
    wanted.put_away(ground, name).await;
    there
}

/// The references by which CloudFront knows an invalidation that is asked for again.
fn references(requests: &[String]) -> BTreeSet<&str> {
    let inner = |request: &'_ String| request.find("<CallerReference>");
    requests.iter().filter_map(|request| request[inner(request)?..].split(['<', '>']).nth(2)).collect()
}

#[tokio::test]
async fn a_step_with_any_network_trouble_makes_its_change_once() {
    let ground = Ground::new(&cutover_contract::deployment()).await;
    let mut cells = Vec::new();
    for (kind, change) in Change::ALL {
        let all = Bad::all(retry::CALL.attempts - 1);
        cells.extend(all.into_iter().map(|bad| (format!("{kind}-{}", bad.name), change, bad)));
    }
    let lanes = lanes(&ground).await;
    let there_before = all_instances(&ground).await;
    let run = async |lane: &Lane<'_>, (name, change, bad): &(String, Change, Bad)| {
        try_change(lane, name, *change, *bad).await.map_err(|why| format!("{name}: {why}"))
    };
    let broken = broken(&lanes, &cells, run).await;
    assert!(broken.is_empty(), "{} of {} cells:\n{}", broken.len(), cells.len(), broken.join("\n"));
    // Each cell of these kinds has a host, and nothing was launched that bears no cell's name.
    let hosted = |change: &Change| matches!(change, Change::Launch | Change::Terminate);
    let hosts = cells.iter().filter(|(_, change, _)| hosted(change)).count();
    assert_eq!(all_instances(&ground).await, there_before + hosts);
}

#[tokio::test]
async fn a_step_that_is_refused_at_every_attempt_fails_and_says_how_often_it_was_tried() {
    let ground = Ground::new(&cutover_contract::deployment()).await;
    let lane = Lane::open(&ground, 0).await;
    let (change, name) = (Change::Snapshot, "never");
    let wanted = change.wanted(&lane, name).await;
    (0..retry::CALL.attempts).for_each(|_| lane.proxy.order(change.words(), Trouble::Throttle));
    let (ending, events) = lane.conduct(Trouble::Throttle, wanted.hosts.clone(), wanted.action.clone()).await;
    assert!(matches!(ending, Ending::Failed(_)), "{ending:?}");
    let Some(Event::StepFailed { error, .. }) = events.last() else { panic!("{events:?}") };
    assert!(error.contains("Throttling") && error.ends_with("(5 attempts)"), "{error}");
    assert_eq!((lane.proxy.withdraw(), lane.proxy.passed(change.words())), (0, 0));
}

/// RDS makes no snapshot while it makes its daily backup, which takes longer than throttling lasts.
#[tokio::test]
async fn a_snapshot_is_asked_for_until_the_daily_backup_has_been_made() {
    let ground = Ground::new(&cutover_contract::deployment()).await;
    let lane = Lane::open(&ground, 0).await;
    let change = Change::Snapshot;
    let wanted = change.wanted(&lane, "after-the-backup").await;
    let busy = Trouble::Refuse(400, "InvalidDBInstanceState");
    (0..7).for_each(|_| lane.proxy.order(change.words(), busy));
    let (ending, events) = lane.conduct(busy, wanted.hosts.clone(), wanted.action.clone()).await;
    assert_eq!(ending, Ending::Finished, "{events:?}");
    assert_eq!((lane.proxy.withdraw(), lane.proxy.passed(change.words())), (0, 1));
    wanted.is_there_once(&ground).await.expect("it was made once");
}
