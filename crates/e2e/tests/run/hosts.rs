//! Next hosts that have a bad day.

use cutover_e2e::run::{after_window, conduct, follow};
use cutover_e2e::stage::{Deployment, Stage};
use cutover_rig::Host;

use crate::support::{hold, must, next_host, tell};

#[test]
fn a_next_host_that_dies_is_launched_again_and_a_balancer_that_does_not_find_it_healthy_is_waited_for() {
    let stage = Stage::furnish(Deployment::small());
    stage.plan_window(40);
    must(&stage, &["announce"]);
    must(&stage, &["prepare"]);
    let first = next_host(&stage);
    stage.terminate(&first);
    let refused = conduct(stage.program(), &["window"], &tell);
    tell(&refused.said);
    assert_ne!(refused.code, 0);
    must(&stage, &["prepare", "--replan"]);
    let second = next_host(&stage);
    assert_ne!(first, second);

    let nginx = |verb: &str| stage.world().with_host(&second, |host| host.furnish(&format!("systemctl {verb} nginx")));
    nginx("stop");
    let mut told = Vec::new();
    let mut conductor = stage.program().start(&["window"]);
    let ended = follow(stage.program(), &mut conductor, &tell, |progress| {
        let waits = progress["progress"] == "waiting";
        if waits && progress["step"].as_str().is_some_and(|step| step.starts_with("window.healthy.")) {
            told.push(progress["detail"].as_str().unwrap_or_default().to_owned());
            nginx("start");
        }
        false
    });
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(told.iter().any(|detail| detail == "0 of 1 hosts in service in campus-lms"), "{told:?}");
    hold(&after_window(&stage));
}
