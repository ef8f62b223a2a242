//! Upgrades whose conductors die: after any record, and every few seconds.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable, Either, select};

use cutover_core::deployment::Deployment;
use cutover_engine::journal::Listener;
use cutover_engine::ports::Clock;
use cutover_rehearsal::{Rehearsed, run};

use super::stage::{Stage, qa, qa_with_few_migrations};
use super::whole::{assert_well, events};

/// When a conductor dies.
#[derive(Clone, Copy)]
enum Death {
    Never,
    AfterRecords(u64),
    After(Duration),
}

/// Conducts an upgrade with conductors that die whenever `dies` says so; the next one continues.
fn with_crashes(deployment: &Deployment, dies: impl Fn(u32) -> Death) -> (Rehearsed, u32) {
    let stage = Stage::new(deployment.clone(), |_| {});
    let clock = &stage.clock;
    let mut deaths = 0;
    loop {
        let (handle, registration) = AbortHandle::new_pair();
        let (left, killer) = (Cell::new(u64::MAX), handle.clone());
        let death = dies(deaths);
        if let Death::AfterRecords(records) = death {
            left.set(records);
        }
        let listener: Listener = Rc::new(move |_| {
            left.set(left.get().saturating_sub(1));
            if left.get() == 0 {
                killer.abort();
            }
        });
        let work = Abortable::new(stage.conduct(listener), registration);
        let ended = run(clock, async {
            let timer = async {
                match death {
                    Death::After(length) => clock.sleep(length).await,
                    Death::AfterRecords(_) | Death::Never => std::future::pending().await,
                }
            };
            match select(Box::pin(work), Box::pin(timer)).await {
                Either::Left((ended, _)) => ended.ok(),
                Either::Right(_) => None,
            }
        });
        match ended {
            Some(ended) => return (ended.expect("the rehearsal itself works"), deaths),
            None => deaths += 1,
        }
    }
}

#[test]
fn a_conductor_that_dies_after_any_record_is_succeeded_without_harm() {
    let deployment = qa_with_few_migrations();
    let (whole, _) = with_crashes(&deployment, |_| Death::Never);
    let count = events(&whole.records).count() as u64;
    for record in 1..count {
        let (ended, deaths) =
            with_crashes(&deployment, |deaths| if deaths == 0 { Death::AfterRecords(record) } else { Death::Never });
        assert_eq!(deaths, 1, "it dies after event {record}");
        assert_well(&ended, &format!("died after event {record}"));
        assert_eq!(ended.upgrade.launched.len(), whole.upgrade.launched.len());
    }
}

#[test]
fn a_conductor_that_dies_every_few_seconds_still_gets_there() {
    let deployment = qa();
    for seconds in [61, 127, 263] {
        let death = |deaths| match deaths {
            // Dates are days apart, and the first conductors die while they wait for one.
            0..400 => Death::After(Duration::from_secs(if deaths % 3 == 0 { 86_400 } else { seconds })),
            _ => Death::Never,
        };
        let (ended, deaths) = with_crashes(&deployment, death);
        assert!(deaths > 3, "{deaths}");
        assert_well(&ended, &format!("died {deaths} times, every {seconds} s"));
    }
}
