//! Next hosts that have a bad day.

use cutover_e2e::run::{after_window, conduct, follow};
use cutover_e2e::stage::{Deployment, Stage};
use cutover_rig::Host;

use crate::support::{hold, must, next_host, signal, tell};

#[test]
fn a_next_host_that_dies_is_launched_again_and_one_that_is_never_healthy_is_named_until_somebody_mends_it() {
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
    let mut conductor = stage.program().start(&["window"]);
    let process = conductor.process();
    let stopped = follow(stage.program(), &mut conductor, &tell, |progress| {
        if progress["detail"].as_str().is_some_and(|detail| detail.ends_with(UNHEALTHY)) {
            // The first lets the step wait until its limit, which is minutes away.
            ["INT", "TERM"].iter().for_each(|name| signal(name, process));
        }
        false
    });
    tell(&stopped.said);
    assert_eq!(stopped.code, 7, "{}", stopped.said);
    assert!(stopped.said.contains("stopped at once"), "{}", stopped.said);
    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    assert!(status.contains("cutover window campus.toml"), "{status}");
    nginx("start");
    must(&stage, &["window"]);
    hold(&after_window(&stage));
}

/// What is told while the balancer's checks of the only next host fail.
const UNHEALTHY: &str = "0 of 1 hosts in service in campus-lms; edx-campus-live-0-v4: the balancer's checks fail";
