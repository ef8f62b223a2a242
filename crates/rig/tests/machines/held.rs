//! What else would change a real host in the window, held back and put back; and programs that a next host must boot without.

use cutover_contract::step;
use cutover_core::deployment::PastStopLimit;
use cutover_core::plan::{Action, HeldItems, Idle, Purpose, RunCommands, Step};
use cutover_engine::phase::Ending;
use cutover_hosts::supervisor::autostart;
use cutover_rig::{Debian, Host, Machines};

use crate::stage::{Stage, host, start, stop};

/// A timer that fires every second, and a cron file.
const WRITERS: &str = "cd /etc/systemd/system
printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"date >>/root/nightly\"\\n' >edx-nightly.service
printf '[Timer]\\nOnActiveSec=1\\nOnUnitActiveSec=1\\nAccuracySec=100ms\\n[Install]\\nWantedBy=timers.target\\n' >edx-nightly.timer
systemctl daemon-reload
systemctl enable --now edx-nightly.timer
echo '* * * * * root date >>/root/cron' >/etc/cron.d/edxapp";

fn items() -> HeldItems {
    HeldItems { host: host(), items: vec!["/etc/cron.d/edxapp".to_owned(), "edx-nightly.timer".to_owned()] }
}

/// Whether the timer fires within three seconds: its service writes a line each time.
fn fires(host: &Debian) -> bool {
    let tenths = "i=0; while [ $i -lt 30 ]; do [ -s /root/nightly ] && exit; sleep 0.1; i=$((i + 1)); done; exit 1";
    host.run(&format!("rm -f /root/nightly; {tenths}")).exit == 0
}

#[tokio::test]
async fn a_timer_and_a_cron_file_are_held_back_through_a_reboot_and_put_back() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(WRITERS);
    assert!(fires(&host));
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(items()))]).await, Ending::Finished);
    assert!(!fires(&host));
    assert_eq!(host.furnish("ls -A /etc/cron.d | grep edxapp"), ".edxapp.held-by-cutover");

    host.reboot();
    host.wait_until_up();
    assert_eq!(host.run("systemctl is-active edx-nightly.timer").stdout.trim(), "inactive");
    assert!(!fires(&host), "the condition is on the disk");
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(items()))]).await, Ending::Finished, "it holds");

    assert_eq!(stage.conduct(vec![step("back", Action::PutBack(items()))]).await, Ending::Finished);
    assert!(fires(&host), "it was active");
    assert_eq!(host.furnish("cat /etc/cron.d/edxapp"), "* * * * * root date >>/root/cron");
    assert_ne!(host.run("ls -d /etc/systemd/system/edx-nightly.timer.d").exit, 0, "nothing is left");
}

#[tokio::test]
async fn what_a_timer_or_cron_has_started_is_waited_for() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(&WRITERS.replace("date >>/root/nightly", "sleep 6; date >>/root/nightly"));
    // cron starts it now, and not at the next minute.
    host.furnish(
        "echo '@reboot root sleep 9; date >>/root/cron' >/etc/cron.d/edxapp\n\
         rm -f /run/crond.reboot; systemctl restart cron\n\
         until pgrep -f '^/bin/sh -c sleep 9'; do sleep 0.2; done\n\
         until systemctl is-active edx-nightly.service | grep -q activating; do sleep 0.2; done",
    );
    let stage = Stage::on(&host);
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(items()))]).await, Ending::Finished);
    assert_eq!(host.run("systemctl is-active edx-nightly.service").stdout.trim(), "inactive");
    assert_eq!(host.furnish("cat /root/nightly /root/cron | wc -l"), "2", "both have done their work");
}

#[tokio::test]
async fn what_a_timer_has_started_and_systemd_has_still_to_begin_is_waited_for() {
    let machines = Machines::new();
    let host = machines.boot();
    // The timer's service begins once another one has ended. Until then it is inactive, and has a job.
    host.furnish(
        "cd /etc/systemd/system\n\
         printf '[Service]\\nType=oneshot\\nExecStart=/bin/sleep 8\\n' >edx-mount.service\n\
         printf '[Unit]\\nWants=edx-mount.service\\nAfter=edx-mount.service\\n[Service]\\nType=oneshot\\n\
         ExecStart=/bin/sh -c \"date >>/root/nightly\"\\n' >edx-nightly.service\n\
         printf '[Timer]\\nOnActiveSec=1\\nAccuracySec=100ms\\n' >edx-nightly.timer\n\
         systemctl daemon-reload; systemctl start edx-nightly.timer\n\
         until systemctl list-jobs | grep -q 'edx-nightly.service *start *waiting'; do sleep 0.1; done",
    );
    let stage = Stage::on(&host);
    let timer = HeldItems { items: vec!["edx-nightly.timer".to_owned()], ..items() };
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(timer))]).await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/nightly | wc -l"), "1", "it has done its work");
}

#[tokio::test]
async fn a_job_of_cron_that_is_still_in_pam_is_waited_for() {
    let machines = Machines::new();
    let host = machines.boot();
    // A module that takes its time to open the session.
    host.furnish(
        "sed -i '1i session required pam_exec.so /bin/sh /root/slow' /etc/pam.d/cron; printf 'sleep 8\\ntrue\\n' >/root/slow\n\
         echo '@reboot root date >>/root/cron' >/etc/cron.d/edxapp\n\
         rm -f /run/crond.reboot; systemctl restart cron\n\
         until pgrep -f '^/bin/sh /root/slow'; do sleep 0.1; done",
    );
    let stage = Stage::on(&host);
    let cron = HeldItems { items: vec!["/etc/cron.d/edxapp".to_owned()], ..items() };
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(cron))]).await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/cron | wc -l"), "1", "it has done its work");
}

#[tokio::test]
async fn a_job_that_anacron_has_started_is_waited_for() {
    let machines = Machines::new();
    let host = machines.boot();
    // The image has no anacron. This one runs a job as anacron does, and its table has more of them.
    host.furnish(
        "mkdir -p /etc/cron.daily; cp /bin/bash /usr/sbin/anacron\n\
         printf '#!/bin/sh\\nsleep 8\\ndate >>/root/cron\\n' >/etc/cron.daily/edx; chmod +x /etc/cron.daily/edx\n\
         systemd-run --quiet --unit=anacron /usr/sbin/anacron -c \
         'SHELL=/bin/sh /bin/sh -c \"run-parts /etc/cron.daily\"; tail -f /dev/null; true'\n\
         until pgrep -f '^/bin/sh /etc/cron.daily/edx'; do sleep 0.1; done",
    );
    let stage = Stage::on(&host);
    let cron = HeldItems { items: vec!["/etc/cron.daily/edx".to_owned()], ..items() };
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(cron))]).await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/cron | wc -l"), "1", "it has done its work");
}

#[tokio::test]
async fn what_a_job_has_left_in_the_background_is_waited_for_although_a_copy_of_a_table_has_its_path() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(
        "printf '#!/bin/sh\\nsleep 9\\ndate >>/root/cron\\n' >/root/report.sh; chmod +x /root/report.sh\n\
         printf '#!/bin/sh\\n/root/report.sh &\\n' >/root/bg.sh; chmod +x /root/bg.sh\n\
         echo '0 3 * * * root /root/report.sh' >/etc/cron.d/edxapp.bak\n\
         echo '@reboot root /root/bg.sh' >/etc/cron.d/edxapp\n\
         rm -f /run/crond.reboot; systemctl restart cron\n\
         until pgrep -f '^/bin/sh /root/report.sh'; do sleep 0.1; done",
    );
    let stage = Stage::on(&host);
    let cron = HeldItems { items: vec!["/etc/cron.d/edxapp".to_owned()], ..items() };
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(cron))]).await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/cron | wc -l"), "1", "it has done its work");
}

#[tokio::test]
async fn what_a_job_has_left_in_a_scope_of_its_own_is_waited_for() {
    let machines = Machines::new();
    let host = machines.boot();
    // As after `su -`: it is neither in cron's service nor a child of cron, and has only the audit session of its job.
    host.furnish(
        "printf '#!/bin/sh\\nsleep 9\\ndate >>/root/cron\\n' >/root/report.sh; chmod +x /root/report.sh\n\
         printf '#!/bin/sh\\nsystemd-run --quiet --scope env -i setsid /root/report.sh &\\n' >/root/bg.sh; chmod +x /root/bg.sh\n\
         echo '@reboot root /root/bg.sh' >/etc/cron.d/edxapp\n\
         rm -f /run/crond.reboot; systemctl restart cron\n\
         until pgrep -P 1 -f '^/bin/sh /root/report.sh'; do sleep 0.1; done",
    );
    let stage = Stage::on(&host);
    let cron = HeldItems { items: vec!["/etc/cron.d/edxapp".to_owned()], ..items() };
    assert_eq!(stage.conduct(vec![step("hold", Action::HoldBack(cron))]).await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/cron | wc -l"), "1", "it has done its work");
}

#[tokio::test]
async fn a_timer_that_is_masked_for_good_is_left_masked_and_one_that_is_masked_until_a_restart_is_held_back() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(
        "systemctl start apt-daily-upgrade.timer\n\
         systemctl mask apt-daily-upgrade.timer; systemctl mask --runtime apt-daily.timer",
    );
    let stage = Stage::on(&host);
    let timers = ["apt-daily-upgrade.timer", "apt-daily.timer"].map(str::to_owned).to_vec();
    let timers = HeldItems { items: timers, ..items() };
    let masked = || host.run("systemctl is-enabled apt-daily-upgrade.timer").stdout;
    let is_active = || host.run("systemctl is-active apt-daily-upgrade.timer").exit == 0;
    let conditions = || host.run("cd /etc/systemd/system; ls */cutover-hold.conf").stdout;
    for (step, held) in [
        (step("hold", Action::HoldBack(timers.clone())), "apt-daily.timer.d/cutover-hold.conf"),
        (step("back", Action::PutBack(timers)), ""),
    ] {
        assert_eq!(stage.conduct(vec![step]).await, Ending::Finished);
        assert_eq!((masked().as_str(), is_active(), conditions().as_str()), ("masked", false, held));
    }
}

#[tokio::test]
async fn a_timer_of_systemd_run_is_refused_and_goes_on_and_a_service_that_has_exited_is_not_waited_for() {
    let machines = Machines::new();
    let host = machines.boot();
    host.furnish(
        "systemd-run --quiet --on-calendar=daily --unit=edx-made true\n\
         cd /etc/systemd/system\n\
         printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n' >edx-remain.service\n\
         printf '[Timer]\\nOnActiveSec=1\\nAccuracySec=100ms\\n' >edx-remain.timer\n\
         printf '[Service]\\nType=oneshot\\nKillMode=process\\nExecStart=/bin/sh -c \"sleep 9 & true\"\\n' >edx-leave.service\n\
         printf '[Timer]\\nOnActiveSec=1\\nAccuracySec=100ms\\n' >edx-leave.timer\n\
         systemctl daemon-reload; systemctl start edx-remain.timer edx-leave.timer\n\
         until systemctl is-active edx-remain.service && pgrep -f '^sleep 9'; do sleep 0.1; done",
    );
    let stage = Stage::on(&host);
    let hold = |timer: &str| HeldItems { items: vec![format!("{timer}.timer")], ..items() };
    let ending = stage.conduct(vec![step("made", Action::HoldBack(hold("edx-made")))]).await;
    assert_eq!(ending, Ending::Failed(vec!["made".into()]));
    let error = stage.error_of("made").await;
    assert!(error.starts_with("edx-1: edx-made.timer would be lost"), "{error}");
    assert_eq!(host.run("systemctl is-active edx-made.timer").stdout.trim(), "active");

    assert_eq!(stage.conduct(vec![step("remain", Action::HoldBack(hold("edx-remain")))]).await, Ending::Finished);
    assert_eq!(host.run("systemctl is-active edx-remain.service").stdout.trim(), "active");

    assert_eq!(stage.conduct(vec![step("leave", Action::HoldBack(hold("edx-leave")))]).await, Ending::Finished);
    assert_ne!(host.run("pgrep -f '^sleep 9'").exit, 0, "what an inactive service has left behind is waited for");
}

fn run(purpose: Purpose, script: &str) -> Step {
    let commands = vec![["sh", "-c", script].map(str::to_owned).to_vec()];
    step(purpose.as_str(), Action::RunCommands(RunCommands { host: host(), purpose, commands }))
}

#[tokio::test]
async fn commands_freeze_a_host_once_and_their_job_is_forgotten() {
    let machines = Machines::new();
    let host = machines.boot();
    let stage = Stage::on(&host);
    let freeze = run(Purpose::Freeze, "echo frozen >>/root/frozen");
    assert_eq!(stage.conduct(vec![freeze]).await, Ending::Finished);
    assert_eq!(host.furnish("cat /root/frozen"), "frozen");
    assert_eq!(host.furnish("ls /var/lib/cutover | grep -v -e epoch -e lock -e launch.log || true"), "");

    let ending = stage.conduct(vec![run(Purpose::Release, "echo it is late >&2; exit 7")]).await;
    assert_eq!(ending, Ending::Failed(vec!["release".into()]));
    let error = stage.error_of("release").await;
    let words = "the commands of `release` on edx-1: sh ended with exit status 7: it is late";
    assert!(error.contains(words), "{error}");
}

/// The smoke test of a worker, with no tests besides.
fn first_contact(autostart_is_off: bool) -> Step {
    let (supervisorctl, programs) = ("/usr/bin/supervisorctl".to_owned(), vec!["celery:worker".into()]);
    let idle = Some(Idle { supervisorctl, programs, autostart_is_off });
    step("smoke", Action::SmokeTest { host: host(), tests: Vec::new(), idle, identity: None })
}

/// A worker whose file is where Open edX has it.
const WORKER: &str = "mkdir -p /edx/app/supervisor/conf.d
printf '[program:worker]\\ncommand=sleep 1010\\n[group:celery]\\nprograms=worker\\n' >/edx/app/supervisor/conf.d/worker.conf
ln -sf /edx/app/supervisor/conf.d/worker.conf /etc/supervisor/conf.d/worker.conf";

#[tokio::test]
async fn a_next_worker_stays_idle_through_a_reboot_until_the_window_and_then_starts_by_itself() {
    let machines = Machines::new();
    let host = machines.boot();
    let stage = Stage::on(&host);
    // As from an image whose user data did nothing.
    let runs = "for _ in 1 2 3 4 5 6 7 8 9 10; do supervisorctl status | grep RUNNING && exit; sleep 1; done";
    host.furnish(&format!("{WORKER}\nsystemctl restart supervisor"));
    assert!(host.run(runs).stdout.contains("celery:worker"), "it runs");
    assert_eq!(stage.conduct(vec![first_contact(true)]).await, Ending::Failed(vec!["smoke".into()]));
    assert!(stage.error_of("smoke").await.starts_with("celery:worker ran on edx-1 before the window"));
    assert_eq!(stage.conduct(vec![stop(&["celery:worker"], 30, PastStopLimit::Abort)]).await, Ending::Finished);
    assert_eq!(stage.conduct(vec![first_contact(true)]).await, Ending::Failed(vec!["smoke".into()]));
    let error = stage.error_of("smoke").await;
    assert!(error.starts_with("supervisor on edx-1 starts celery:worker whenever the host boots"), "{error}");

    // What user data does at the first boot, before supervisor starts.
    let hold = autostart::hold();
    host.furnish(&format!("cat >/root/hold <<'@end'\n{}@end\nsh /root/hold", hold.last().expect("a script")));
    host.reboot();
    host.wait_until_up();
    assert_eq!(stage.conduct(vec![first_contact(true)]).await, Ending::Finished);

    let mut start = start(&["celery:worker"]);
    if let Action::StartServices(start) = &mut start.action {
        start.autostart = true;
    }
    assert_eq!(stage.conduct(vec![start]).await, Ending::Finished);
    host.reboot();
    host.wait_until_up();
    assert!(host.run(runs).stdout.contains("celery:worker"), "it starts at boot, as before");
}
