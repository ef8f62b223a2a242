//! Bad days of services, on a real supervisor: what it says, what is done about it, and what is left of its programs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cutover_core::names::ProgramName;
use cutover_core::readiness::Supervisor;
use cutover_hosts::command::Ask;
use cutover_hosts::job::{Job, JobState};
use cutover_hosts::processes::{self, Leftover, Signs};
use cutover_hosts::readiness::{self, Needs};
use cutover_hosts::supervisor::{self, NoStatus, Order, ProgramStatus, State, Verb};
use cutover_rig::{Debian, Host, Machines};

use super::support::Conductor;

const CONTROL: &str = "/usr/bin/supervisorctl";

fn names(names: &[&str]) -> Vec<ProgramName> {
    names.iter().map(|name| (*name).into()).collect()
}

/// The services of a host, as a conductor sees them.
struct Services {
    conductor: Conductor,
    programs: Vec<ProgramName>,
}

impl Services {
    fn of(host: &Debian, programs: &[&str]) -> Self {
        Self { conductor: Conductor::of(host), programs: names(programs) }
    }

    async fn states(&self) -> Result<BTreeMap<ProgramName, ProgramStatus>, NoStatus> {
        let ask = Ask { limit: Duration::from_secs(4), ..supervisor::ask(CONTROL, &self.programs) };
        let said = self.conductor.ask(&ask).await.expect("an answer");
        supervisor::read(&self.programs, &said)
    }

    /// The states once they are as wanted.
    async fn once(&self, wanted: impl Fn(&BTreeMap<ProgramName, ProgramStatus>) -> bool) -> Vec<ProgramStatus> {
        let begin = Instant::now();
        loop {
            match self.states().await {
                Ok(states) if wanted(&states) => return states.into_values().collect(),
                states => assert!(begin.elapsed() < Duration::from_secs(30), "{states:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn all_are(&self, state: State) -> Vec<ProgramStatus> {
        self.once(|states| states.values().all(|status| status.state == state)).await
    }

    async fn order(&self, verb: Verb) -> Job {
        let order =
            Order { verb, supervisorctl: CONTROL.to_owned(), programs: self.programs.clone(), left: Vec::new() };
        let name = format!("{verb:?}").to_lowercase();
        let job = Job::new(name.as_str().into(), order.command());
        self.conductor.start(&job).await.expect("it starts");
        job
    }

    /// What runs of the programs, whatever supervisor says.
    async fn left(&self) -> Vec<Leftover> {
        let signs = Signs::of(&self.programs);
        let said = self.conductor.ask(&processes::ask(CONTROL)).await.expect("an answer");
        processes::read(&signs, &said).expect("a complete list")
    }
}

#[tokio::test]
async fn a_program_that_does_not_stop_is_killed_with_all_that_it_has_started() {
    let machines = Machines::new();
    let host = machines.boot();
    // A worker that ignores TERM, with a child in its group, one that has left it for a session of its own, and one that has
    // lost its environment as well.
    host.furnish(
        "cat >/root/worker <<'@end'\n#!/bin/sh\ntrap '' TERM\nsleep 1000.1 &\nsetsid sleep 1000.2 &\nenv -i setsid sleep 1000.4 &\nwhile true; do sleep 1000.3; done\n@end\n\
         chmod +x /root/worker",
    );
    host.has_programs(
        "[program:worker]\ncommand=/root/worker\nstopwaitsecs=432000\n[program:other]\ncommand=sleep 1000.9",
    );
    let services = Services::of(&host, &["worker"]);
    services.all_are(State::Running).await;
    assert_eq!(services.left().await.len(), 4);
    let stop = services.order(Verb::Stop).await;
    services.all_are(State::Stopping).await;
    // Telling it again changes nothing, and is not taken for a stop.
    let again = host.run("supervisorctl stop worker");
    assert!(again.exit == 0 && again.stdout.contains("ERROR (not running)"), "{again:?}");
    assert_eq!(services.states().await.expect("a state")[&"worker".into()].state, State::Stopping);
    assert_eq!(services.left().await.len(), 4);
    let kill = services.order(Verb::Kill).await;
    services.all_are(State::Stopped).await;
    assert_eq!(services.left().await, []);
    assert_eq!(host.run("pgrep -f 'sleep 1000.[1-4]'").stdout, "");
    for job in [stop, kill] {
        let report = services.conductor.ended(&job.name).await;
        assert!(matches!(report.state, JobState::Ended { exit: 0, .. }), "{report:?}");
    }
    assert!(host.run("pgrep -f 'sleep 1000.9'").exit == 0, "another program was not meant");
}

#[tokio::test]
async fn a_program_that_flaps_is_never_running() {
    let machines = Machines::new();
    let host = machines.boot();
    host.has_programs(
        "[program:flaps]\ncommand=/bin/sh -c 'exit 3'\nstartretries=1\n[program:missing]\ncommand=/nonexistent/lms\n\
         [program:late]\ncommand=/bin/sh -c 'sleep 1.5; exit 3'",
    );
    let services = Services::of(&host, &["flaps"]);
    let backoff = services.once(|states| states.values().any(|status| status.state != State::Starting)).await;
    assert!(matches!(backoff[0].state, State::Backoff | State::Fatal), "{backoff:?}");
    assert!(backoff[0].description.contains("Exited too quickly"), "{backoff:?}");
    services.all_are(State::Fatal).await;
    // The order to start it is carried out, and only the state tells what came of it.
    services.order(Verb::Start).await;
    services.all_are(State::Fatal).await;
    let missing = Services::of(&host, &["missing"]).all_are(State::Fatal).await;
    assert!(missing[0].description.contains("/nonexistent/lms"), "{missing:?}");
    // Supervisor says RUNNING of what ends a little later, and its time tells that it was started again.
    let late = Services::of(&host, &["late"]);
    let mut pids = std::collections::BTreeSet::new();
    while pids.len() < 2 {
        let status = late.once(|states| states.values().any(|status| status.state == State::Running)).await.remove(0);
        assert!(status.uptime.is_some_and(|uptime| uptime < Duration::from_secs(5)), "{status:?}");
        pids.insert(status.pid);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_service_that_was_restarted_behind_our_back_has_another_process() {
    let machines = Machines::new();
    let host = machines.boot();
    host.has_programs("[group:edxapp]\nprograms=lms\n[program:lms]\ncommand=sleep 1000.1");
    let services = Services::of(&host, &["edxapp:lms"]);
    let before = services.all_are(State::Running).await;
    host.furnish("supervisorctl restart edxapp:lms");
    let after = services.all_are(State::Running).await;
    assert!(before[0].pid.is_some() && after[0].pid.is_some() && before[0].pid != after[0].pid, "{before:?} {after:?}");
    // One that supervisor does not restart itself is started again by it, with another process too.
    let killed = Instant::now();
    host.furnish("kill -s KILL $(supervisorctl pid edxapp:lms)");
    let again = services
        .once(|states| states.values().all(|status| status.state == State::Running && status.pid != after[0].pid))
        .await;
    let since = killed.elapsed() + Duration::from_secs(1);
    assert!(again[0].uptime.is_some_and(|uptime| uptime <= since), "{again:?} after {since:?}");
}

#[tokio::test]
async fn a_supervisor_that_is_missing_stopped_or_hung_is_told_as_that_and_is_never_programs_that_are_stopped() {
    let machines = Machines::new();
    let host = machines.boot();
    host.has_programs("[program:lms]\ncommand=sleep 1000.1");
    let services = Services::of(&host, &["lms"]);
    services.all_are(State::Running).await;
    let ready = async || {
        let said = services
            .conductor
            .ask(&readiness::ask(&Needs { supervisorctl: CONTROL.to_owned(), ..Needs::default() }))
            .await;
        readiness::read(&said.expect("an answer")).expect("it is complete").supervisor
    };
    assert_eq!(ready().await, Supervisor::Version("4.2.5".to_owned()));

    host.furnish("pkill -STOP -x supervisord");
    let begin = Instant::now();
    let hung = services.states().await;
    assert_eq!(hung, Err(NoStatus::TimedOut));
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    assert_eq!(services.left().await.len(), 1, "its programs run on");
    let silent = ready().await;
    assert!(matches!(&silent, Supervisor::Silent(words) if words.contains("10 s")), "{silent:?}");
    host.furnish("pkill -CONT -x supervisord");
    services.all_are(State::Running).await;

    host.furnish("systemctl kill --signal=KILL --kill-who=main supervisor.service; systemctl stop supervisor.service");
    let stopped = services.states().await;
    assert!(matches!(&stopped, Err(NoStatus::NoServer(_))), "{stopped:?}");
    let silent = ready().await;
    assert!(matches!(&silent, Supervisor::Silent(words) if words.contains("supervisor.sock")), "{silent:?}");
    host.furnish("systemctl start supervisor.service");
    services.all_are(State::Running).await;

    host.furnish("mv /usr/bin/supervisorctl /root/");
    let missing = services.states().await;
    assert!(matches!(&missing, Err(NoStatus::NoSupervisorctl(_))), "{missing:?}");
    assert_eq!(ready().await, Supervisor::Missing(CONTROL.to_owned()));
    // Something else of that name.
    host.furnish("ln -s /bin/true /usr/bin/supervisorctl");
    let other = services.states().await;
    assert!(matches!(&other, Err(NoStatus::NotSaid { .. })), "{other:?}");
}
