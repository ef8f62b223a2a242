//! Next hosts that die, are never healthy, or lose their connections, their cable or their power.

use std::time::Duration;

use cutover_e2e::run::{after_window, conduct, follow};
use cutover_e2e::stage::Stage;
use cutover_e2e::waiting::until;
use cutover_rig::{Debian, Host};

use crate::support::{hold, is, is_about, lock, must, next_host, prepared, signal, tell, wait_until_blocked};

#[test]
fn a_next_host_that_dies_is_launched_again_and_one_that_is_never_healthy_is_named_until_somebody_mends_it() {
    let stage = prepared();
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

/// The migration during which the host is rebooted.
const RETRIED: &str = "window.migrate.live.2-lms-student_module_history";

/// Cuts all SSH connections to a host, and waits until it is asked over another one.
fn cut_connections(stage: &Stage, instance: &str) {
    let connections = || stage.world().with_host(instance, |host| host.run("pgrep -f '^sshd: root@'").stdout);
    let cut = connections();
    assert!(!cut.is_empty(), "there is a connection");
    stage.world().with_host(instance, |host| host.run("pkill -KILL -f '^sshd: root'"));
    let another = || Some(connections()).filter(|now| !now.is_empty() && *now != cut);
    assert!(until(Duration::from_secs(60), another).is_some(), "the host is not asked over another connection");
}

#[test]
fn a_migration_survives_a_cut_connection_and_a_pulled_cable_and_one_that_a_reboot_has_ended_runs_again_with_consent() {
    let stage = prepared();
    let next = next_host(&stage);
    let mut first = Some(lock(&stage, "edxapp_live.courses_enrollment"));
    let second = lock(&stage, "edxapp_csmh_live.history_answer");
    let mut conductor = stage.program().start(&["window"]);
    let (mut is_cut, mut rebooted) = (false, false);
    let failed = follow(stage.program(), &mut conductor, &tell, |progress| {
        let event = &progress["event"];
        if is(event, "step-learned", "window.migrate.live.1") && !is_cut {
            is_cut = true;
            wait_until_blocked(&stage);
            cut_connections(&stage, &next);
            stage.world().with_host(&next, Debian::unplug);
        }
        let waits = progress["progress"] == "waiting" && is_about(progress, "window.migrate.live.1");
        // It says so once the host does not answer.
        let detail = progress["detail"].as_str().unwrap_or_default();
        if waits && first.is_some() && detail.starts_with("cannot be observed now") {
            assert!(detail.contains(": edx-campus-live-0-v4 (i-"), "{detail}");
            stage.world().with_host(&next, Debian::plug_in);
            first = None;
        }
        if is(event, "step-learned", "window.migrate.live.2") && !rebooted {
            wait_until_blocked(&stage);
            stage.world().with_host(&next, Debian::reboot);
            rebooted = true;
        }
        false
    });
    assert!(rebooted);
    assert_eq!(failed.code, 6, "{}", failed.said);
    drop(second);
    let status = stage.program().run(&["status"]).ended(0);
    tell(&status);
    // The reboot has not started its services, so nothing is in the way of the migration.
    let again = conduct(stage.program(), &["window", "--retry", RETRIED], &tell);
    tell(&again.said);
    tell(&stage.program().run(&["status"]).out);
    assert_eq!(again.code, 0);
    hold(&after_window(&stage));
}
