//! Which events may follow, and what a step is after them.

use super::*;
use crate::journal::FoundRunning;

fn started(attempt: u32) -> Event {
    Event::StepStarted { step: "s".into(), attempt }
}

fn done() -> Event {
    Event::StepDone { step: "s".into(), facts: Vec::new() }
}

fn held() -> Event {
    Event::StepHeld { step: "s".into(), facts: Vec::new() }
}

fn failed() -> Event {
    Event::StepFailed { step: "s".into(), error: "no".into(), in_doubt: false, changed_nothing: false }
}

fn in_doubt() -> Event {
    Event::StepInDoubt { step: "s".into(), error: "lost".into() }
}

fn learned() -> Event {
    Event::StepLearned { step: "s".into(), facts: Vec::new() }
}

fn accepted() -> Event {
    Event::StepAccepted { step: "s".into(), by: "ada".into(), because: "it was sent".into() }
}

fn follow(events: &[Event]) -> Result<StepStatus, IllegalTransition> {
    events.iter().try_fold(StepStatus::Waiting, |status, event| next_status(&"s".into(), &status, event))
}

#[test]
fn a_step_that_is_done_stays_done_until_it_is_undone() {
    for event in [started(1), done(), held(), failed(), learned()] {
        assert!(follow(&[started(1), done(), event]).is_err());
    }
    let undone = Event::StepUndone { step: "s".into() };
    assert_eq!(follow(&[started(1), done(), undone.clone()]), Ok(StepStatus::Undone));
    assert_eq!(follow(&[started(1), done(), undone, started(1)]), Ok(StepStatus::Running { attempt: 1 }));
}

#[test]
fn no_outcome_is_legal_without_a_start() {
    for event in [done(), failed(), in_doubt(), learned(), accepted()] {
        assert!(follow(std::slice::from_ref(&event)).is_err(), "{event:?}");
    }
    for event in [done(), in_doubt(), learned(), failed()] {
        assert!(follow(&[started(1), failed(), event.clone()]).is_err(), "{event:?} after a failure");
    }
}

#[test]
fn a_step_found_already_done_needs_no_start() {
    assert_eq!(follow(&[held()]), Ok(StepStatus::Held));
    assert_eq!(follow(&[started(1), failed(), held()]), Ok(StepStatus::Held), "somebody has repaired it");
    assert!(follow(&[started(1), held()]).is_err(), "a step that was started may itself have done it");
}

#[test]
fn a_start_after_a_crash_is_the_next_attempt() {
    assert_eq!(follow(&[started(1), started(2)]), Ok(StepStatus::Running { attempt: 2 }));
    assert!(follow(&[started(1), started(1)]).is_err(), "an attempt starts once");
    assert!(follow(&[started(2)]).is_err(), "no attempt is left out");
}

#[test]
fn a_step_in_doubt_is_settled_by_observing_or_by_another_attempt() {
    assert!(follow(&[started(1), in_doubt(), done()]).is_ok());
    assert_eq!(follow(&[started(1), in_doubt(), started(2)]), Ok(StepStatus::Running { attempt: 2 }));
}

#[test]
fn a_failed_step_can_be_tried_again() {
    assert_eq!(follow(&[started(1), failed(), started(2)]), Ok(StepStatus::Running { attempt: 2 }));
}

#[test]
fn a_person_can_accept_only_a_step_that_failed_in_doubt() {
    let in_the_dark =
        Event::StepFailed { step: "s".into(), error: "lost".into(), in_doubt: true, changed_nothing: false };
    let status = follow(&[started(1), in_doubt(), in_the_dark, accepted()]).expect("it can be accepted");
    assert!(status.is_done(), "{status:?}");
    for before in [vec![started(1), failed()], vec![started(1), in_doubt(), failed()], vec![started(1), in_doubt()]] {
        let known = [before, vec![accepted()]].concat();
        assert!(follow(&known).is_err(), "a step known to have failed is not done: {known:?}");
    }
    assert!(follow(&[started(1), accepted()]).is_err(), "a step under way may still end by itself");
}

#[test]
fn a_fact_that_is_learned_twice_is_kept_once() {
    let fact = Fact::Note { text: "n".into() };
    let mut run = StepRun::default();
    for event in [
        started(1),
        Event::StepLearned { step: "s".into(), facts: vec![fact.clone()] },
        Event::StepDone { step: "s".into(), facts: vec![fact.clone()] },
    ] {
        let status = next_status(&"s".into(), &run.status, &event).expect("it can follow");
        run.follow(Timestamp::UNIX_EPOCH, status, &event);
    }
    assert_eq!(run.facts, [fact]);
}

#[test]
fn a_step_may_have_acted_unless_all_its_attempts_are_known_to_have_changed_nothing() {
    let refused = Event::StepFailed { step: "s".into(), error: "no".into(), in_doubt: false, changed_nothing: true };
    let run = |events: &[Event]| {
        let mut run = StepRun::default();
        for (seconds, event) in (0..).zip(events) {
            let status = next_status(&"s".into(), &run.status, event).expect("it can follow");
            run.follow(Timestamp::from_second(seconds).expect("a moment"), status, event);
        }
        run.acts_since().map(Timestamp::as_second)
    };
    assert_eq!(run(&[started(1)]), Some(0));
    assert_eq!(run(&[started(1), refused.clone()]), None);
    assert_eq!(run(&[started(1), failed()]), Some(0));
    assert_eq!(run(&[started(1), in_doubt(), refused.clone()]), None, "it was looked for in vain");
    assert_eq!(run(&[started(1), refused.clone(), started(2), done()]), Some(2), "the first time it changed anything");
    assert_eq!(run(&[started(1), failed(), started(2), refused]), None);
    assert_eq!(run(&[started(1), done(), Event::StepUndone { step: "s".into() }]), None);
}

/// A step after `events`, one second after the other.
fn followed(events: &[Event]) -> StepRun {
    let mut run = StepRun::default();
    for (seconds, event) in (0..).zip(events) {
        let status = next_status(&"s".into(), &run.status, event).expect("it can follow");
        run.follow(Timestamp::from_second(seconds).expect("a moment"), status, event);
    }
    run
}

fn approved() -> Event {
    Event::StepRetryApproved { step: "s".into(), by: "ada".into() }
}

#[test]
fn failures_and_approved_retries_are_counted() {
    let twice = [started(1), failed(), approved(), started(2), failed(), approved()];
    let run = followed(&twice);
    assert_eq!((run.failures, run.retries), (2, 2));
}

#[test]
fn a_person_approves_one_start_and_not_all_that_follow() {
    let approves = |events: &[Event]| followed(events).retry_approved;
    let after = |events: &[Event]| approves(&[&[started(1), failed(), approved(), started(2)], events].concat());
    assert!(!approves(&[started(1), failed()]));
    assert!(approves(&[started(1), failed(), approved()]));
    assert!(after(&[]) && after(&[failed()]), "it was refused before its call");
    let job = Fact::Job { host: "h".into(), job: "j".into(), started: true };
    let begun = Event::StepLearned { step: "s".into(), facts: vec![job] };
    for event in [begun, in_doubt(), done()] {
        assert!(!after(std::slice::from_ref(&event)), "{event:?}");
    }
}

#[test]
fn a_consent_that_is_given_while_a_job_may_run_is_none() {
    let (host, job) = (HostName::from("h"), JobName::from("j"));
    let learned = |fact| Event::StepLearned { step: "s".into(), facts: vec![fact] };
    let begun = learned(Fact::Job { host: host.clone(), job: job.clone(), started: true });
    let ended = learned(Fact::JobFailed { host: host.clone(), job: job.clone() });
    let open = followed(&[started(1), begun.clone(), failed(), approved()]);
    assert_eq!((open.open_job(), open.retry_approved, open.retries), (Some((&host, &job)), false, 0));
    let known = followed(&[started(1), begun, ended, failed(), approved()]);
    assert_eq!((known.open_job(), known.retry_approved, known.retries), (None, true, 1));
}

#[test]
fn the_failure_of_a_job_on_another_host_says_nothing_about_this_one() {
    let (host, job) = (HostName::from("h"), JobName::from("j"));
    let begun = Fact::Job { host: host.clone(), job: job.clone(), started: true };
    let elsewhere = Fact::JobFailed { host: "another".into(), job: job.clone() };
    let facts = vec![begun, elsewhere];
    let run = followed(&[started(1), Event::StepLearned { step: "s".into(), facts }, failed()]);
    assert_eq!(run.open_job(), Some((&host, &job)));
}

#[test]
fn a_consent_is_waited_for_only_once_a_job_is_known_to_have_failed() {
    let (host, job) = (HostName::from("h"), JobName::from("j"));
    let learned = |fact| Event::StepLearned { step: "s".into(), facts: vec![fact] };
    let begun = learned(Fact::Job { host: host.clone(), job: job.clone(), started: true });
    let ended = learned(Fact::JobFailed { host, job });
    let waits = |events: &[Event]| followed(events).waits_for_consent();
    assert!(waits(&[started(1), begun.clone(), ended.clone(), failed()]));
    assert!(!waits(&[started(1), begun.clone(), ended.clone(), failed(), approved()]), "it is given");
    assert!(!waits(&[started(1), begun.clone(), ended, failed(), started(2)]), "it is under way");
    assert!(!waits(&[started(1), begun, failed()]), "it may still run");
    assert!(!waits(&[started(1), failed()]), "nothing was begun");
    assert!(!waits(&[started(1), in_doubt(), failed()]), "the job is looked for first");
}

#[test]
fn what_an_attempt_was_refused_for_does_not_outlive_it() {
    let lacks = Fact::SnapshotsLack { snapshots: vec!["s".into()], found: FoundRunning::new() };
    let left = Fact::TasksLeft { fleet: "live".into(), tasks: 7 };
    let mut run = StepRun { facts: vec![lacks, left], ..StepRun::default() };
    run.follow(Timestamp::UNIX_EPOCH, StepStatus::Running { attempt: 2 }, &started(2));
    assert_eq!(run.facts, []);
}

#[test]
fn a_consent_to_go_on_without_a_look_is_to_the_hosts_that_the_last_attempt_named() {
    let unseen = |host: &str| Event::StepLearned {
        step: "s".into(),
        facts: vec![Fact::Unseen { host: host.into(), why: "no answer".to_owned() }],
    };
    let goes_without = |events: &[Event]| followed(events).goes_without.into_iter().collect::<Vec<_>>();
    let twice = [started(1), unseen("a"), failed(), started(2), unseen("b"), failed()];
    assert_eq!(goes_without(&twice), [""; 0].map(HostName::from));
    let allowed = [&twice[..], &[approved(), started(3), unseen("c"), unseen("b"), done()]].concat();
    assert_eq!(goes_without(&allowed), ["b".into()]);
    let asked_again = [&twice[..], &[approved(), started(3), unseen("c"), unseen("b"), failed()]].concat();
    let left = followed(&asked_again);
    assert_eq!(left.unseen_without_consent().collect::<Vec<_>>(), [&HostName::from("c")], "one consent is enough");
    let undone = [&allowed[..], &[Event::StepUndone { step: "s".into() }]].concat();
    assert_eq!(goes_without(&undone), [""; 0].map(HostName::from));
}
