//! What hosts answer to questions, in the text of the real programs, so that the parsers run in every rehearsal.

use std::borrow::Cow;
use std::time::Duration;

use cutover_core::deployment::{Migration, Role, Services};
use cutover_core::names::{InstanceId, ProgramName};
use cutover_core::time::between;
use cutover_engine::ports::Answer;
use cutover_hosts::celery::{self, Task};
use cutover_hosts::command::{Ask, Command, EXIT_TIMED_OUT, Said};
use cutover_hosts::django::{self, Listed, Mark};
use cutover_hosts::supervisor::autostart::{self, OwnEnd};
use cutover_hosts::{answers, hold, identity, processes, readiness};

use super::jobs::{not_found, runs};
use super::parts::{Host, Program, Script, list_of};
use super::schema::statements_of;
use super::state::WorldState;

/// A Packer template of this name gives all hosts the same machine id.
const BAKES_IN: &str = "bakes-in";

/// The kinds of questions. Calls are counted, and faults injected, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Programs,
    Processes,
    Answers,
    Held,
    Autostart,
    Readiness,
    Identity,
    SmokeTest,
    QueuedTasks,
    RunningTasks,
    Requests,
    PendingMigrations,
    Sessions,
    Storage,
    Rows,
    Other,
}

impl Question {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Processes => "processes",
            Self::Held => "held",
            Self::Autostart => "autostart",
            Self::Answers => "answers",
            Self::Readiness => "readiness",
            Self::Identity => "identity",
            Self::SmokeTest => "smoke_test",
            Self::QueuedTasks => "queued_tasks",
            Self::RunningTasks => "running_tasks",
            Self::Requests => "requests",
            Self::PendingMigrations => "pending_migrations",
            Self::Sessions => "sessions",
            Self::Storage => "storage",
            Self::Rows => "rows",
            Self::Other => "ask",
        }
    }
}

fn failed(exit: i32, stderr: String) -> Said {
    Said { exit, stdout: String::new(), stderr }
}

pub(crate) fn printed(stdout: String) -> Said {
    Said { exit: 0, stdout, stderr: String::new() }
}

impl WorldState {
    /// What is asked, whether or not the host that is asked can answer it.
    pub(crate) fn question(&self, ask: &Ask) -> Question {
        let arguments = ask.command.arguments.as_slice();
        let is_of_role = |is_it: &dyn Fn(&Services) -> bool| {
            Role::ALL.into_iter().filter_map(|role| self.deployment.role.services(role)).any(is_it)
        };
        if is_of_role(&|services| is_status(services, arguments)) {
            Question::Programs
        } else if processes::is_asked(ask) {
            Question::Processes
        } else if answers::asked(ask).is_some() {
            Question::Answers
        } else if hold::asked(ask).is_some() {
            Question::Held
        } else if autostart::is_asked(ask)
            || autostart::is_own_asked(ask)
            || is_of_role(&|services| is_avail(services, arguments))
        {
            Question::Autostart
        } else if readiness::asked(ask).is_some() {
            Question::Readiness
        } else if identity::is_asked(ask) {
            Question::Identity
        } else if is_of_role(&|services| services.smoke_tests.iter().any(|test| test.command == arguments)) {
            Question::SmokeTest
        } else if is_of_role(&|services| !arguments.is_empty() && services.count_queues == arguments) {
            Question::QueuedTasks
        } else if is_of_role(&|services| !arguments.is_empty() && services.count_requests == arguments) {
            Question::Requests
        } else if is_of_role(&|services| celery::is_asked(ask, &services.running_tasks)) {
            Question::RunningTasks
        } else if self.deployment.migrations.iter().any(|migration| {
            asks_of(migration).any(|command| command == arguments) || asks_for_sql(migration, arguments)
        }) {
            Question::PendingMigrations
        } else if self.database_asked_for_sessions(&ask.command).is_some() {
            Question::Sessions
        } else if self.database_asked_for_storage(&ask.command).is_some() {
            Question::Storage
        } else if self.database_asked_for_rows(&ask.command).is_some() {
            Question::Rows
        } else {
            Question::Other
        }
    }

    /// What a host answers.
    pub(crate) fn answer(&self, instance: &InstanceId, question: Question, ask: &Ask) -> Answer<Said> {
        let host = self.reachable(instance)?;
        let answer = match question {
            Question::Programs => self.status(host, &ask.command),
            Question::Processes => Some(processes_of(host)),
            Question::Autostart => Some(autostart_of(host, ask)),
            Question::Held => hold::asked(ask).map(|items| printed(hold::answer(items, host.holds_back))),
            Question::Answers => answers::asked(ask).map(|addresses| answers_of(host, addresses)),
            Question::Readiness => Some(self.readiness(host, readiness::asked(ask).unwrap_or_default())),
            Question::Identity => Some(self.identity(host)),
            Question::SmokeTest => self.smoke_test(host, &ask.command),
            Question::QueuedTasks => Some(printed(format!("{}\n", self.queued_tasks(&host.fleet)))),
            Question::RunningTasks => Some(self.running_tasks(host)),
            Question::Requests => Some(printed(format!("{}\n", self.late_requests(&host.fleet)))),
            Question::PendingMigrations => self.pending(instance, &ask.command),
            Question::Sessions => self.sessions(&ask.command),
            Question::Storage => self.free_storage(&ask.command),
            Question::Rows => self.rows(&ask.command),
            Question::Other => of_script(ask),
        };
        Ok(answer.unwrap_or_else(|| failed(127, not_found(&ask.command))))
    }

    /// Whether a host has that supervisorctl.
    pub(crate) fn has_supervisorctl(&self, instance: &InstanceId, supervisorctl: &str) -> bool {
        self.hosts.get(instance).is_some_and(|host| self.supervisorctl_of(host) == Some(supervisorctl))
    }

    fn supervisorctl_of(&self, host: &Host) -> Option<&str> {
        self.deployment.role.services(host.role).map(|services| services.supervisorctl.as_str())
    }

    /// What a host of this world says about itself: it has everything, if the file names its supervisorctl.
    fn readiness(&self, host: &Host, supervisorctl: &str) -> Said {
        let supervisor = match self.supervisorctl_of(host) == Some(supervisorctl) {
            true => "supervisor 4.2.5".to_owned(),
            false => format!("supervisor-missing {supervisorctl}"),
        };
        printed(format!(
            "clock {}\nsudo yes\nepoch none\njob-folder yes\n{supervisor}\nfree 20000000 /\nend\n",
            self.now.as_second()
        ))
    }

    /// `supervisorctl status PROGRAM...`, or that of all programs.
    fn status(&self, host: &Host, command: &Command) -> Option<Said> {
        let [supervisorctl, _, names @ ..] = command.arguments.as_slice() else { return None };
        if self.supervisorctl_of(host) != Some(supervisorctl) {
            return None;
        }
        let (mut text, mut exit) = (String::with_capacity(80 * names.len()), 0);
        let (mut named, mut all) = (names.iter().map(String::as_str), host.programs.keys().map(ProgramName::as_str));
        let names: &mut dyn Iterator<Item = &str> = if names.is_empty() { &mut all } else { &mut named };
        for name in names {
            match host.programs.iter().find(|(known, _)| known.as_str() == name) {
                Some((_, program)) => {
                    if exit == 0 && !matches!(program, Program::Running(_)) {
                        exit = 3;
                    }
                    program.print_status(name, self.now, &mut text);
                }
                None => {
                    exit = 4;
                    text += &format!("{name}: ERROR (no such process)\n");
                }
            }
        }
        Some(Said { exit, stdout: text, stderr: String::new() })
    }

    /// Hosts differ, unless a template has the machine id baked in.
    fn identity(&self, host: &Host) -> Said {
        let image = self.deployment.role.services(host.role).map(|services| &services.image);
        let bakes_in =
            image.and_then(|image| image.packer.as_ref()).is_some_and(|packer| packer.template.contains(BAKES_IN));
        let machine = if bakes_in { host.image.as_str() } else { host.id.as_str() };
        let [machine, key] = [machine, host.id.as_str()].map(|of| self.hexadecimal(&["identity", of], 32));
        let digests = [("machine-id", machine), ("SSH host key ssh_host_ed25519_key.pub", key)];
        printed(identity::answer(&digests.map(|(name, digest)| (name.to_owned(), digest)).into()))
    }

    /// A smoke test of the host's role, which always succeeds in this world.
    fn smoke_test(&self, host: &Host, command: &Command) -> Option<Said> {
        let services = self.deployment.role.services(host.role)?;
        let test = services.smoke_tests.iter().find(|test| test.command == command.arguments)?;
        let image = self.images.iter().find(|image| image.id == host.image);
        let commit = image.map_or("", |image| &*image.commit);
        let text = test.contains.as_deref().unwrap_or("ok").replace("{commit}", commit);
        Some(printed(format!("{}: {text}\n", host.name)))
    }

    /// `celery inspect active --json`: each program of a worker runs a task. Workers that were told to stop do not answer.
    fn running_tasks(&self, host: &Host) -> Said {
        let tasks = host.programs.iter().filter_map(|(name, program)| match program {
            Program::Running(process) => Some(Task {
                worker: format!("celery@edx.lms.core.{}.{}", name.as_str().replace(':', "."), host.name),
                name: "lms.djangoapps.instructor_task.tasks.calculate_grades_csv".to_owned(),
                id: self.hexadecimal(&["running-task", host.id.as_str(), name.as_str()], 8),
                process: Some(process.id),
                running: Some(between(process.since, self.now).min(Duration::from_secs(1200))),
            }),
            _ => None,
        });
        let tasks: Vec<Task> = tasks.collect();
        let workers: Vec<(&str, &[Task])> =
            tasks.iter().map(|task| (task.worker.as_str(), std::slice::from_ref(task))).collect();
        match workers.is_empty() {
            true => failed(69, "Error: No nodes replied within time constraint\n".to_owned()),
            false => printed(celery::answer(host.name.as_str(), &workers)),
        }
    }

    /// A command that lists the migrations of the host's fleet, plans them, or prints those on record.
    fn pending(&self, instance: &InstanceId, command: &Command) -> Option<Said> {
        let runs = |migration: &Migration, asked: &[String]| {
            !asked.is_empty() && runs(command, asked, &migration.directory, &migration.user)
        };
        let sql = |migration: &Migration| {
            let same = [&migration.sql_command[..], command.arguments.get(migration.sql_command.len()..)?].concat();
            (asks_for_sql(migration, &command.arguments) && runs(migration, &same)).then_some(())
        };
        let is_it =
            |migration: &Migration| asks_of(migration).any(|asked| runs(migration, &asked)) || sql(migration).is_some();
        let (index, _) = self.migrations_by(instance, is_it)?;
        if let [.., app, name] = command.arguments.as_slice()
            && self.deployment.migrations.iter().any(|migration| sql(migration).is_some())
        {
            return Some(printed(statements_of(app, name)));
        }
        let migrations = &self.migrations[index];
        let list = list_of(migrations.applied, migrations.total, &self.deployment.release.codename);
        let is =
            |asked: fn(&Migration) -> &Vec<String>| self.deployment.migrations.iter().any(|one| runs(one, asked(one)));
        Some(if is(|migration| &migration.plan_command) {
            planned(&printed(list))
        } else if is(|migration| &migration.recorded_command) {
            on_record(&printed(list))
        } else if is(|migration| &migration.schema_command) {
            printed(self.schema(index))
        } else if self
            .deployment
            .migrations
            .iter()
            .any(|one| !one.fake.is_empty() && runs(one, &django::in_order(&one.list_command)))
        {
            listed_in_order(&printed(list))
        } else {
            printed(list)
        })
    }
}

/// The commands of a migration that change nothing.
fn asks_of(migration: &Migration) -> impl Iterator<Item = Cow<'_, [String]>> {
    let Migration { list_command, plan_command, recorded_command, schema_command, .. } = migration;
    let asks = [list_command, plan_command, recorded_command, schema_command];
    let in_order = (!migration.fake.is_empty()).then(|| Cow::Owned(django::in_order(&migration.list_command)));
    asks.into_iter().map(|asked| Cow::Borrowed(asked.as_slice())).chain(in_order)
}

/// Whether these words ask for the statements of one migration.
fn asks_for_sql(migration: &Migration, arguments: &[String]) -> bool {
    let asked = &migration.sql_command;
    !asked.is_empty() && arguments.starts_with(asked) && arguments.len() == asked.len() + 2
}

/// What `showmigrations --plan` prints where this is the list by app.
fn listed_in_order(list: &Said) -> Said {
    let line = |migration: &Listed<'_>| {
        let mark = if migration.mark == Mark::Applied { "[X]" } else { "[ ]" };
        format!("{mark}  {}\n", migration.full_name())
    };
    printed(django::read(list).unwrap_or_default().iter().map(line).collect())
}

/// What `migrate --plan` prints where this is the list of migrations.
fn planned(list: &Said) -> Said {
    let pending = django::pending(list).unwrap_or_default();
    let lines: String =
        pending.iter().map(|migration| format!("{}\n    Raw Python operation\n", migration.full_name())).collect();
    let nothing = "  No planned migration operations.\n".to_owned();
    printed(["Planned operations:\n", if lines.is_empty() { &nothing } else { &lines }].concat())
}

/// The rows of `django_migrations` where this is the list.
fn on_record(list: &Said) -> Said {
    let listed = django::read(list).unwrap_or_default();
    let applied = listed.iter().filter(|migration| migration.mark == Mark::Applied);
    printed(applied.map(|migration| format!("{}\t{}\n", migration.app, migration.name)).collect())
}

fn is_status(services: &Services, arguments: &[String]) -> bool {
    matches!(arguments, [supervisorctl, verb, ..] if verb == "status" && *supervisorctl == services.supervisorctl)
}

fn is_avail(services: &Services, arguments: &[String]) -> bool {
    matches!(arguments, [supervisorctl, verb] if verb == "avail" && *supervisorctl == services.supervisorctl)
}

/// What supervisor has read from its files, or what is in them.
fn autostart_of(host: &Host, ask: &Ask) -> Said {
    if autostart::is_asked(ask) {
        return printed(autostart::answer(host.boot_stopped));
    }
    if autostart::is_own_asked(ask) {
        return printed(autostart::own_answer(OwnEnd::Exit(0)));
    }
    let mut text = String::new();
    host.programs.keys().for_each(|name| autostart::print_loaded(&mut text, name.as_str(), host.boot_stopped));
    printed(text)
}

fn processes_of(host: &Host) -> Said {
    let processes = host.programs.iter().filter_map(|(name, program)| Some((program.process()?.id, name)));
    printed(processes::answer(&processes.collect::<Vec<_>>()))
}

/// Which program is behind an address is not known here, so all answer as soon as every program runs.
fn answers_of(host: &Host, addresses: &[String]) -> Said {
    let runs = host.programs.values().all(|program| matches!(program, Program::Running(_)));
    printed(answers::answer(addresses, |_| runs))
}

fn of_script(ask: &Ask) -> Option<Said> {
    let script = Script::of(&ask.command, b"")?;
    match script.length() < ask.limit {
        true => Some(script.said()),
        false => Some(failed(EXIT_TIMED_OUT, String::new())),
    }
}
