//! What hosts are asked before the window, and which of their answers are in the way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::deployment::{Aws, Deployment, Role, parse};
use cutover_core::journal::Upgrade;
use cutover_core::names::{InstanceId, JobName};
use cutover_core::planner::{Inputs, next_hosts};
use cutover_core::readiness::{AskedHost, Supervised};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::observe::observe;
use cutover_engine::ports::{Answer, Clock, Hosts};
use cutover_engine::readiness::{Waiting, ask_hosts};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::job::{Job, JobReport, JobStart, Signal};
use cutover_hosts::supervisor::{State, print_other, print_running};
use cutover_hosts::{hold, processes, readiness};
use cutover_rehearsal::{EmbeddedCloud, SimulatedClock, run};

/// Hosts on which two agents are at work.
struct WithAgents {
    hosts: Rc<dyn Hosts>,
    questions: RefCell<Vec<Vec<String>>>,
    odd: Odd,
}

/// What is odd about hosts.
#[derive(Clone, Copy, PartialEq)]
enum Odd {
    Nothing,
    /// They have none of the cron files that the file holds back, and a supervisor that somebody started by hand.
    Furnished,
    /// The timers that the file holds back were made by `systemd-run`.
    Timers,
    /// Supervisor runs a program that the file does not name, and one that it names in a session of its own.
    RunsMore,
    /// The command that counts requests is not there.
    Uncounted,
    /// Something was left in a session of a `su` that has returned.
    LeftBySu,
    /// Supervisor's files cannot be changed, and are not where they are looked for.
    FixedFiles,
}

/// What counts the requests of visitors.
const COUNT: &str = "/edx/bin/count-requests";

/// The list of processes of a host where supervisor runs in a unit of its own, and each program in a session.
fn in_session(listed: &str) -> String {
    let (before, after) = listed.split_once("@cgroup\n").expect("its part");
    let in_unit = before
        .replace("pid 1\n", "systemd\npid 50\nMainPID=50\n")
        .replace("1 (supervisord) S 0 1\n", "1 (systemd) S 0 1\n50 (supervisord) S 1 50\n");
    in_unit + "@cgroup\n/proc/50/cgroup:0::/system.slice/supervisor.service\n" + after
}

/// The list of processes of a host where `/opt/agent` is left in a session of a `su` that has returned.
fn with_session_of_su(listed: &str) -> String {
    let session = "@cgroup\n/proc/62/cgroup:0::/user.slice/user-33.slice/session-c1.scope\nno-audit 62\n";
    listed
        .replace("@stat\n", "@stat\n62 (agent) S 1 62 6157\n")
        .replace("@cgroup\n", session)
        .replace("@cmdline\n", "@cmdline\n==> /proc/62/cmdline <==\n/opt/agent --all\n")
}

fn nobody_asks<T>(host: &InstanceId) -> Answer<T> {
    Err(Failure::permanent(format!("nobody asks {host} for this here")))
}

#[async_trait(?Send)]
impl Hosts for WithAgents {
    async fn ask(&self, host: &InstanceId, ask: &Ask) -> Answer<Said> {
        let said = self.hosts.ask(host, ask).await?;
        if processes::is_asked(ask) {
            let stdout = match self.odd {
                Odd::Nothing | Odd::Timers | Odd::Uncounted | Odd::FixedFiles => said.stdout,
                Odd::Furnished => said.stdout.replace("@supervisor\n", "@supervisor\nsystemd\n"),
                Odd::RunsMore => in_session(&said.stdout),
                Odd::LeftBySu => with_session_of_su(&said.stdout),
            };
            return Ok(Said { stdout, ..said });
        }
        if self.odd == Odd::RunsMore && matches!(ask.command.arguments.as_slice(), [_, verb] if verb == "status") {
            let mut stdout = said.stdout;
            print_running(&mut stdout, "forum_writer", 7, Duration::from_secs(9));
            print_other(&mut stdout, "notes", State::Stopped, "Not started");
            return Ok(Said { stdout, ..said });
        }
        if self.odd == Odd::Uncounted && ask.command.arguments == [COUNT] {
            return Ok(Said { exit: 127, stdout: String::new(), stderr: "not found\n".to_owned() });
        }
        if hold::asked(ask).is_some() {
            let stdout = match self.odd {
                Odd::Nothing | Odd::RunsMore | Odd::LeftBySu | Odd::Uncounted | Odd::FixedFiles => said.stdout,
                Odd::Furnished => said.stdout.replace("not-held /etc/cron.d/", "missing /etc/cron.d/"),
                Odd::Timers => said.stdout.replace("not-held edx-nightly.timer", "transient edx-nightly.timer"),
            };
            return Ok(Said { stdout, ..said });
        }
        if readiness::asked(ask).is_none() {
            return Ok(said);
        }
        self.questions.borrow_mut().push(ask.command.arguments.clone());
        if self.odd == Odd::FixedFiles {
            let files = "read-only /etc/supervisor/conf.d/lms.conf\nin-no-file cms\nend\n";
            return Ok(Said { stdout: said.stdout.replace("end\n", files), ..said });
        }
        let agents = "agent edx-nightly.timer\nagent ansible-pull in /etc/cron.d/edxapp\nagent puppet.service\nend\n";
        Ok(Said { stdout: said.stdout.replace("end\n", agents), ..said })
    }

    async fn start_job(&self, _: &Permit, host: &InstanceId, _: &Job) -> Answer<JobStart> {
        nobody_asks(host)
    }

    async fn job(&self, host: &InstanceId, _: &JobName, _: u64) -> Answer<Option<JobReport>> {
        nobody_asks(host)
    }

    async fn signal_job(&self, _: &Permit, host: &InstanceId, _: &JobName, _: Signal) -> Answer<bool> {
        nobody_asks(host)
    }

    async fn collect_job(&self, _: &Permit, host: &InstanceId, _: &JobName) -> Answer<()> {
        nobody_asks(host)
    }
}

/// The answers, and the questions. With `has_next`, the first host is a next one that was launched.
fn asked(deployment: &Deployment, has_next: bool) -> (Vec<AskedHost>, Vec<Vec<String>>) {
    asked_where(Odd::Nothing, deployment, has_next)
}

/// The same where something is odd about the hosts.
fn asked_where(odd: Odd, deployment: &Deployment, has_next: bool) -> (Vec<AskedHost>, Vec<Vec<String>>) {
    let start = deployment.window.start.timestamp;
    let clock = SimulatedClock::new(start);
    let state = EmbeddedCloud::furnish(deployment, 1, start);
    let world = EmbeddedCloud::in_memory(state, Rc::clone(&clock) as Rc<dyn Clock>).world();
    let mut upgrade = Upgrade::default();
    let hosts = WithAgents { hosts: Rc::clone(&world.hosts), questions: RefCell::default(), odd };
    let answers = run(&clock, async {
        let observation = observe(&world, &*clock, deployment, &upgrade).await.expect("it can be observed");
        if has_next {
            let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
            let name = next_hosts(inputs, &deployment.fleets[0], Role::Edxapp).remove(0);
            upgrade.launched.insert(name, observation.instances[0].id.clone());
        }
        let inputs = Inputs { deployment, observation: &observation, upgrade: &upgrade };
        let waiting = Waiting::default();
        let answers = ask_hosts(&hosts, &*clock, inputs, &waiting).await;
        assert_eq!(waiting.names(), [], "all have answered");
        answers
    });
    (answers, hosts.questions.into_inner())
}

fn example() -> Deployment {
    let text = include_str!("../../../examples/mitx-qa.toml");
    let text = text.replace("# hold_back = ", "hold_back = ");
    parse(&text).expect("the example has no mistakes")
}

#[test]
fn what_the_file_holds_back_is_in_nobodys_way() {
    let (answers, _) = asked(&example(), false);
    let agents = answers.iter().map(|host| host.answer.as_ref().expect("an answer").agents.clone());
    let (held, not_held): (Vec<_>, Vec<_>) = agents.partition(|agents| agents == &["puppet.service"]);
    assert!(!held.is_empty());
    assert!(not_held.iter().all(|agents| agents.len() == 3), "roles that hold nothing back: {not_held:?}");
}

#[test]
fn what_the_file_holds_back_and_a_current_host_does_not_have_is_told() {
    let (answers, _) = asked(&example(), false);
    assert!(answers.iter().all(|host| host.held_back.is_none()), "{answers:?}");
    let (answers, _) = asked_where(Odd::Furnished, &example(), false);
    let told: Vec<&str> = answers.iter().filter_map(|host| Some(host.held_back.as_ref()?.why.as_str())).collect();
    assert!(!told.is_empty() && told.iter().all(|why| why.starts_with("there is no /etc/cron.d/")), "{told:?}");
    let (answers, _) = asked_where(Odd::Furnished, &example(), true);
    assert!(answers.last().expect("a next host").held_back.is_none(), "next hosts are not current ones");
}

#[test]
fn a_timer_that_would_be_lost_if_it_were_held_back_is_told() {
    let (answers, _) = asked_where(Odd::Timers, &example(), false);
    let told: Vec<_> = answers.iter().filter_map(|host| host.held_back.as_ref()).collect();
    assert!(!told.is_empty());
    for not_asked in told {
        assert!(not_asked.why.starts_with("edx-nightly.timer would be lost: systemd forgets"), "{not_asked:?}");
        assert!(not_asked.remedy.starts_with("give the timer a file"), "{not_asked:?}");
    }
}

#[test]
fn supervisors_files_matter_only_where_orders_of_the_upgrade_change_them() {
    let mut deployment = example();
    let found = |deployment: &Deployment| {
        let (hosts, _) = asked_where(Odd::FixedFiles, deployment, true);
        let of = |host: &AskedHost| {
            let ready = host.answer.as_ref().expect("it answers");
            ready.read_only.len() + ready.in_no_file.len()
        };
        hosts.iter().map(of).collect::<Vec<_>>()
    };
    assert!(found(&deployment).iter().all(|found| *found == 2), "{:?}", found(&deployment));
    let hold_services = Some(vec!["systemctl".to_owned(), "stop".to_owned(), "supervisor".to_owned()]);
    deployment.aws = Some(Aws { hold_services, ..Aws::default() });
    assert!(found(&deployment).iter().all(|found| *found == 0), "{:?}", found(&deployment));
}

#[test]
fn counting_requests_is_tried_on_current_web_hosts() {
    let mut deployment = example();
    let uncounted = |deployment: &Deployment, odd| {
        let (answers, _) = asked_where(odd, deployment, true);
        answers.into_iter().filter_map(|host| Some((host.name, host.no_requests?.why))).collect::<Vec<_>>()
    };
    assert_eq!(uncounted(&deployment, Odd::Uncounted), [], "the file does not count them");
    deployment.role.edxapp.count_requests = vec![COUNT.to_owned()];
    assert_eq!(uncounted(&deployment, Odd::Nothing), []);
    let told = uncounted(&deployment, Odd::Uncounted);
    let web_hosts: u32 = deployment.fleets.iter().map(|fleet| fleet.edxapp.count).sum();
    assert_eq!(told.len() as u32, web_hosts);
    assert!(
        told.iter().all(|(host, why)| host.as_str().ends_with("-v3") && why == "exit status 127: not found"),
        "{told:?}"
    );
}

#[test]
fn what_the_window_would_leave_running_on_current_hosts_is_told() {
    let (answers, _) = asked_where(Odd::RunsMore, &example(), true);
    let (next, current) = answers.split_last().expect("a next host");
    for host in current {
        let supervised = host.programs.as_ref().expect("an answer");
        assert_eq!(supervised.unnamed, ["forum_writer".into()], "those that are stopped write nothing");
        assert!(supervised.outside.iter().any(|process| process.contains(" of ")), "{supervised:?}");
    }
    assert_eq!(next.programs.as_ref().expect("an answer").unnamed, []);
}

#[test]
fn sessions_of_su_that_are_not_listed_are_told_of_current_hosts() {
    let mut deployment = example();
    let unknown = |deployment: &Deployment| {
        let (answers, _) = asked_where(Odd::LeftBySu, deployment, true);
        let sessions = |host: &AskedHost| host.programs.as_ref().expect("an answer").unknown_sessions.len();
        answers.iter().map(sessions).collect::<Vec<usize>>()
    };
    let (current, next) = (unknown(&deployment), 0);
    assert_eq!(current.last(), Some(&next), "next hosts are not current ones");
    assert!(current.iter().rev().skip(1).all(|sessions| *sessions == 1), "{current:?}");
    deployment.role.edxapp.unrelated_processes = vec!["/opt/agent".to_owned()];
    deployment.role.worker.as_mut().expect("workers").unrelated_processes = vec!["agent".to_owned()];
    assert!(unknown(&deployment).iter().all(|sessions| *sessions == 0));
}

#[test]
fn a_supervisor_whose_leftovers_could_not_be_looked_for_is_told() {
    let (answers, _) = asked(&example(), false);
    assert!(answers.iter().all(|host| host.programs == Ok(Supervised::default())), "{answers:?}");
    let (answers, _) = asked_where(Odd::Furnished, &example(), false);
    let told = answers.iter().map(|host| host.programs.as_ref().map_or_else(|problem| problem.why.as_str(), |_| ""));
    assert!(told.into_iter().all(|why| why.contains("supervisor does not run in a systemd unit of its own")));
}

#[test]
fn next_hosts_are_asked_for_the_users_of_migrations_and_all_hosts_for_the_programs_of_the_file() {
    let mut deployment = example();
    deployment.role.edxapp.answers = vec!["127.0.0.1:8000".to_owned()];
    let (_, before) = asked(&deployment, false);
    assert!(before.iter().any(|words| words.iter().any(|word| word == "python3")));
    // After the shell, its option, the script and its name: the functions for files, supervisorctl, and the users.
    assert!(before.iter().all(|words| words[6].is_empty()), "migrations do not run on current hosts");
    let (_, with_next) = asked(&deployment, true);
    assert!(with_next.iter().all(|words| words[7] == deployment.job_folder()));
    let commands =
        |words: &Vec<String>| words.iter().skip_while(|word| *word != "--").skip(1).cloned().collect::<Vec<_>>();
    assert!(before.iter().all(|words| commands(words).is_empty()), "nothing is tested on current hosts");
    let on_next: Vec<Vec<String>> = with_next.iter().map(commands).filter(|words| !words.is_empty()).collect();
    let migration = &deployment.migrations[0];
    let [on_next] = on_next.as_slice() else { panic!("{on_next:?}") };
    let migrates = [&migration.user, &migration.directory, &migration.command[0]];
    assert!(on_next.chunks(3).any(|words| words.iter().eq(migrates)), "{on_next:?}");
    let tests = [&"root".to_owned(), &String::new(), &deployment.role.edxapp.smoke_tests[0].command[0]];
    assert!(on_next.chunks(3).any(|words| words.iter().eq(tests)), "{on_next:?}");
    let users: Vec<&str> = with_next.iter().map(|words| words[6].as_str()).filter(|users| !users.is_empty()).collect();
    assert_eq!(users, ["edxapp xqueue"]);
}
