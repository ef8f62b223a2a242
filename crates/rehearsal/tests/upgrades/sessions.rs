//! Windows in which somebody's session would hold up the migrations.

use std::rc::Rc;

use cutover_core::deployment::Deployment;
use cutover_core::journal::{Run, Upgrade};
use cutover_core::plan::{Action, Phase};
use cutover_engine::gate::NoFaults;
use cutover_engine::phase::Ending;
use cutover_rehearsal::Fault;

use super::again::errors;
use super::stage::{Stage, qa};

/// QA, whose fleets share a database that tells its sessions.
fn watching() -> Deployment {
    let mut deployment = qa();
    deployment.databases[0].sessions_command = vec!["database-sessions".to_owned()];
    deployment
}

fn has_begun_to_migrate(upgrade: &Upgrade) -> bool {
    let runs = upgrade.runs.iter().flat_map(Run::runs);
    runs.into_iter().any(|(step, run)| matches!(step.action, Action::Migrate(_)) && !run.status.is_untouched())
}

#[test]
fn a_session_that_remains_stops_the_window_before_anything_is_migrated() {
    let deployment = watching();
    let database = deployment.databases[0].name.clone();
    let stage = Stage::new(deployment, |world| {
        // It ends a while after the window has given it up.
        world.faults.push(Fault::SessionRemains { database, looks: 60 });
    });
    stage.conducted();
    assert!(!has_begun_to_migrate(&stage.reading().upgrade));
    assert!(
        errors(&stage).contains("id 41 report@10.0.9.9 Sleep 320 s, transaction open for 300 s"),
        "{}",
        errors(&stage)
    );
    assert_eq!(stage.run_with(Phase::Window, Rc::new(NoFaults)), Ending::Finished, "{}", errors(&stage));
    assert_eq!(stage.cloud.violations(), []);
}

#[test]
fn fleets_that_share_a_database_do_not_hold_each_other_up() {
    let stage = Stage::new(watching(), |_| {});
    stage.conducted();
    assert!(stage.reading().upgrade.finished(Phase::Window), "{}", errors(&stage));
    assert_eq!(stage.cloud.violations(), []);
}
