//! Asks hosts, long before the window, whether a conductor could do its work there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use cutover_core::deployment::{Database, Fleet, Migration, Role, Services, WriteCheck};
use cutover_core::journal::{must_be_down, must_run};
use cutover_core::names::{FleetName, HostName, InstanceId, ProgramName};
use cutover_core::observation::InstanceState;
use cutover_core::plan::Work;
use cutover_core::planner::{Inputs, current_hosts, next_hosts};
use cutover_core::readiness::{AfterWindow, AskedDatabase, AskedHost, NotAsked, Readiness, Supervised, Supervisor};
use cutover_core::rows::TableRows;
use cutover_core::size::Size;
use cutover_core::unknown_sessions::UnknownSession;
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::hold::{self, State};
use cutover_hosts::processes::{self, Leftover, NotListed, Signs};
use cutover_hosts::readiness::{self, Needs};
use cutover_hosts::sessions;
use cutover_hosts::supervisor::{self, NoStatus, ProgramStatus, autostart};
use cutover_hosts::{requests, rows, storage};

use crate::failure::Failure;
use crate::pending::{LIMIT, of_service};
use crate::ports::{Answer, Clock, Hosts};

/// A host to ask.
struct Asked<'a> {
    name: HostName,
    instance: InstanceId,
    services: &'a Services,
    needs: Needs,
    /// Whether it is a current host, on which a window stops what runs.
    is_current: bool,
    /// What must be so on it because of a window.
    since_window: Option<Since>,
    /// Whether orders of the upgrade change supervisor's files there.
    changes_files: bool,
    /// What the file holds back on it.
    held_back: Vec<String>,
    fleet: FleetName,
    role: Role,
    /// The databases that it asks.
    databases: Vec<&'a Database>,
}

/// What a window has left on a host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// Old code, which may not run any more.
    Stopped,
    /// The new site, all of which must run.
    Started,
}

/// The hosts that have not answered yet, for whoever tells people what is waited for.
#[derive(Debug, Default)]
pub struct Waiting(RefCell<BTreeSet<HostName>>);

impl Waiting {
    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<HostName> {
        self.0.borrow().iter().cloned().collect()
    }
}

/// Asks every current host, and every next host that runs already, side by side. Each is asked once: whoever checks can
/// check again.
pub async fn ask_hosts(hosts: &dyn Hosts, clock: &dyn Clock, inputs: Inputs<'_>, waiting: &Waiting) -> Vec<AskedHost> {
    let limit = Work::Connections.side_by_side().unwrap_or(1);
    let mut to_ask = to_ask(inputs);
    for database in &inputs.deployment.databases {
        if let Some(host) = client_of(inputs, database, &mut to_ask) {
            host.databases.push(database);
        }
    }
    waiting.0.borrow_mut().extend(to_ask.iter().map(|host| host.name.clone()));
    let asked = to_ask.into_iter().map(async |host| {
        let asked = ask(hosts, clock, host, inputs.upgrade.epoch).await;
        waiting.0.borrow_mut().remove(&asked.name);
        asked
    });
    stream::iter(asked).buffered(limit).collect().await
}

/// The hosts that do not answer, or whose supervisor does not, each with the reason.
#[must_use]
pub fn silent(asked: &[AskedHost]) -> BTreeMap<InstanceId, String> {
    let why = |host: &AskedHost| match &host.answer {
        Err(NotAsked { why, .. }) => Some(format!("{} does not answer: {why}", host.name)),
        Ok(Readiness { supervisor: Supervisor::Silent(said), no_sudo: None, .. }) => {
            Some(format!("supervisor on {} does not answer: {said}", host.name))
        }
        Ok(_) => None,
    };
    asked.iter().filter_map(|host| Some((host.instance.clone(), why(host)?))).collect()
}

/// The hosts to ask. A host that does not run cannot answer, and is an item of the preflight already.
fn to_ask(inputs: Inputs<'_>) -> Vec<Asked<'_>> {
    let deployment = inputs.deployment;
    let groups = deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(move |(role, _)| (fleet, role)));
    let next = groups.flat_map(|(fleet, role)| next_to_ask(inputs, fleet, role));
    let runs = |id: &InstanceId| inputs.observation.instance(id).is_some_and(|one| one.state == InstanceState::Running);
    current_to_ask(inputs).into_iter().chain(next).filter(|host| runs(&host.instance)).collect()
}

/// The host that asks a database: the next one that does so in the window, and a current one as long as there is none.
fn client_of<'h, 'a>(inputs: Inputs<'_>, database: &Database, hosts: &'h mut [Asked<'a>]) -> Option<&'h mut Asked<'a>> {
    let uses = |host: &Asked<'_>| {
        let mut fleets = inputs.deployment.fleets_on(&database.name);
        host.role == Role::Edxapp && fleets.any(|fleet| fleet.name == host.fleet)
    };
    let mut clients: Vec<&mut Asked<'_>> = hosts.iter_mut().filter(|host| uses(host)).collect();
    clients.sort_by_key(|host| host.is_current);
    clients.into_iter().next()
}

/// Services run on current hosts, and what the file holds back is there.
fn current_to_ask(inputs: Inputs<'_>) -> Vec<Asked<'_>> {
    let job_folder = inputs.deployment.job_folder();
    let stopped = must_be_down(inputs.upgrade);
    let asked = current_hosts(inputs).into_iter().filter_map(|host| {
        let services = inputs.deployment.role.services(host.role)?;
        let needs = Needs::on_current(services, &job_folder);
        let (name, instance, held_back) = (host.name, host.instance, services.hold_back.items());
        let (fleet, role, databases) = (host.fleet, host.role, Vec::new());
        let since_window = stopped.contains(&name).then_some(Since::Stopped);
        Some(Asked {
            name,
            instance,
            services,
            needs,
            is_current: true,
            since_window,
            changes_files: inputs.deployment.turns_autostart_off(),
            held_back,
            fleet,
            role,
            databases,
        })
    });
    asked.collect()
}

/// Next hosts are tested, and migrations and write checks run on those that serve the sites.
fn next_to_ask<'a>(inputs: Inputs<'a>, fleet: &'a Fleet, role: Role) -> Vec<Asked<'a>> {
    let Some(services) = inputs.deployment.role.services(role) else { return Vec::new() };
    let (migrations, write_checks): (Vec<&Migration>, Vec<&WriteCheck>) = match role {
        Role::Edxapp => {
            (inputs.deployment.migrations_of(fleet).collect(), inputs.deployment.write_checks_of(fleet).collect())
        }
        Role::Worker => Default::default(),
    };
    let needs = Needs::on_next(services, &migrations, &write_checks, &inputs.deployment.job_folder());
    let started = must_run(inputs.upgrade);
    let launched = next_hosts(inputs, fleet, role).into_iter().filter_map(|name| {
        let instance = inputs.upgrade.launched.get(&name)?.clone();
        let (needs, fleet, held_back, databases) = (needs.clone(), fleet.name.clone(), Vec::new(), Vec::new());
        let since_window = started.contains(&name).then_some(Since::Started);
        Some(Asked {
            name,
            instance,
            services,
            needs,
            is_current: false,
            since_window,
            changes_files: inputs.deployment.turns_autostart_off(),
            held_back,
            fleet,
            role,
            databases,
        })
    });
    launched.collect()
}

async fn ask(hosts: &dyn Hosts, clock: &dyn Clock, host: Asked<'_>, known_epoch: u64) -> AskedHost {
    let before = clock.now();
    let answer = of_itself(hosts, &host).await;
    let between = (before, clock.now());
    let programs = match answer.as_ref().is_ok_and(may_ask_supervisor) {
        true => of_its_programs(hosts, &host).await,
        false => Ok(Supervised::default()),
    };
    let held_back = match answer.is_ok() {
        true => of_what_is_held_back(hosts, &host).await.err(),
        false => None,
    };
    let no_requests = match answer.is_ok() {
        true => of_requests(hosts, &host).await.err(),
        false => None,
    };
    let mut databases = Vec::new();
    if answer.is_ok() {
        for database in &host.databases {
            databases.push(of_a_database(hosts, &host, database).await);
        }
    }
    let answer = answer.map_err(|failure| not_asked(&host.instance, &failure));
    let Asked { name, instance, is_current, .. } = host;
    AskedHost { answer, name, instance, is_current, known_epoch, between, programs, held_back, no_requests, databases }
}

/// Whether supervisor answers at all. One that hangs would be waited for again, only to say nothing new.
const fn may_ask_supervisor(ready: &Readiness) -> bool {
    matches!(ready.supervisor, Supervisor::Version(_)) && ready.no_sudo.is_none()
}

async fn of_itself(hosts: &dyn Hosts, host: &Asked<'_>) -> Answer<Readiness> {
    let said = hosts.ask(&host.instance, &readiness::ask(&host.needs)).await?;
    let mut ready = readiness::read(&said).map_err(|error| Failure::permanent(error.to_string()))?;
    // What the file holds back in the window is in nobody's way.
    let hold_back = &host.services.hold_back;
    let is_held = |agent: &String| {
        let file = agent.rsplit_once(" in ").map(|(_, file)| file);
        hold_back.timers.contains(agent) || hold_back.cron.iter().any(|cron| file == Some(cron))
    };
    ready.agents.retain(|agent| !is_held(agent));
    if !host.changes_files {
        (ready.read_only, ready.in_no_file) = Default::default();
    }
    Ok(ready)
}

async fn of_its_programs(hosts: &dyn Hosts, host: &Asked<'_>) -> Result<Supervised, NotAsked> {
    let Asked { instance, services, .. } = host;
    let question = supervisor::ask_all(&services.supervisorctl);
    let said = hosts.ask(instance, &question).await.map_err(|failure| not_asked(instance, &failure))?;
    let states = supervisor::read_all(&services.programs, &said).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy: "compare the role's `programs` in the deployment file with `supervisorctl avail`".to_owned(),
    })?;
    let after_window = after_window(hosts, host, &states).await?;
    let question = processes::ask(&services.supervisorctl);
    let said = hosts.ask(instance, &question).await.map_err(|failure| not_asked(instance, &failure))?;
    // What they leave behind could be looked for; what runs now is in nobody's way.
    let (outside, unknown_sessions) = outside(&services.programs, &states, &said).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy: "let systemd start supervisor as a service, and see that `supervisorctl pid`, run as root, prints its process id".to_owned(),
    })?;
    let runs_unnamed = |(program, status): &(&ProgramName, &ProgramStatus)| {
        host.is_current && !status.state.is_down() && !supervisor::is_named(&services.programs, program)
    };
    Ok(Supervised {
        unnamed: states.iter().filter(runs_unnamed).map(|(program, _)| program.clone()).collect(),
        outside,
        unknown_sessions: unknown_sessions
            .into_iter()
            .filter(|session| host.is_current && !session.is_listed(&services.unrelated_processes))
            .collect(),
        after_window,
        unrelated: services.unrelated_processes.clone(),
    })
}

/// What does not run as a window has left it.
async fn after_window(
    hosts: &dyn Hosts,
    host: &Asked<'_>,
    states: &BTreeMap<ProgramName, ProgramStatus>,
) -> Result<AfterWindow, NotAsked> {
    let Some(since) = host.since_window else { return Ok(AfterWindow::default()) };
    let services = host.services;
    let question = autostart::ask_loaded(&services.supervisorctl);
    let said = hosts.ask(&host.instance, &question).await.map_err(|failure| not_asked(&host.instance, &failure))?;
    let unknown =
        |why: NoStatus| NotAsked { why: why.to_string(), remedy: "run `supervisorctl avail` there".to_owned() };
    let named = states.iter().filter(|(program, _)| supervisor::is_named(&services.programs, program));
    Ok(match since {
        Since::Stopped => {
            let old = named.filter(|(_, status)| !status.state.is_down()).map(|(program, _)| program.clone());
            let old: Vec<ProgramName> = old.collect();
            let mut old_at_boot = autostart::started_again(&services.programs, &said).map_err(unknown)?;
            old_at_boot.retain(|program| !old.contains(program));
            AfterWindow { old, old_at_boot, ..AfterWindow::default() }
        }
        Since::Started => {
            let down = named.filter(|(_, status)| status.state != supervisor::State::Running);
            let not_running = down.map(|(program, status)| format!("{program} {}", status.state)).collect();
            let mut not_at_boot = autostart::not_started_at_boot(&services.programs, &said).map_err(unknown)?;
            // What the deployment's own command has held stays as it is.
            not_at_boot.retain(|_| host.changes_files);
            AfterWindow { not_running, not_at_boot, ..AfterWindow::default() }
        }
    })
}

/// The processes of programs that are not in supervisor's unit, and the sessions of which nothing shows whose they are, for people.
fn outside(
    programs: &[ProgramName],
    states: &BTreeMap<ProgramName, ProgramStatus>,
    said: &Said,
) -> Result<(BTreeSet<String>, Vec<UnknownSession>), NotListed> {
    let pids = states.iter().filter(|(program, _)| supervisor::is_named(programs, program));
    let pids = pids.filter_map(|(program, status)| Some((program, status.pid?)));
    let signs = Signs { pids: &pids.collect::<Vec<_>>(), ..Signs::of(programs) };
    let words = |process: &Leftover| Some(format!("`{}` of {}", process.command, process.program.as_ref()?));
    let outside = processes::outside(&signs, said)?.iter().filter_map(words).collect();
    Ok((outside, processes::unknown_sessions(&signs, said)?))
}

/// Whether what the file holds back is there, and can be held back. What is held back already, by a window that was begun, is
/// there too.
async fn of_what_is_held_back(hosts: &dyn Hosts, host: &Asked<'_>) -> Result<(), NotAsked> {
    let Asked { instance, held_back: items, .. } = host;
    if items.is_empty() {
        return Ok(());
    }
    let said = hosts.ask(instance, &hold::ask(items)).await.map_err(|failure| not_asked(instance, &failure))?;
    let states = hold::read(items, &said)
        .map_err(|why| NotAsked { why: why.to_string(), remedy: "look whether systemd answers there".to_owned() })?;
    let missing: Vec<&str> =
        states.iter().filter(|(_, state)| **state == State::Missing).map(|(item, _)| item.as_str()).collect();
    if !missing.is_empty() {
        return Err(NotAsked {
            why: format!("there is no {}", missing.join(", and no ")),
            remedy: "correct `hold_back` in the deployment file".to_owned(),
        });
    }
    match hold::would_be_lost(&states) {
        None => Ok(()),
        Some(why) => Err(NotAsked { why, remedy: hold::GIVE_IT_A_FILE.to_owned() }),
    }
}

/// Whether the requests of visitors can be counted on a current host. How many it gets now says nothing.
async fn of_requests(hosts: &dyn Hosts, host: &Asked<'_>) -> Result<(), NotAsked> {
    let command = &host.services.count_requests;
    if !host.is_current || command.is_empty() {
        return Ok(());
    }
    let said = hosts.ask(&host.instance, &requests::ask(command)).await;
    let said = said.map_err(|failure| not_asked(&host.instance, &failure))?;
    requests::count(&said).map(drop).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy: "run the role's `count_requests` there as root, and correct it in the deployment file".to_owned(),
    })
}

/// Whether a database can be asked from there. Which sessions it has now says nothing about those in the window.
async fn of_a_database(hosts: &dyn Hosts, host: &Asked<'_>, database: &Database) -> AskedDatabase {
    let no_sessions = match database.sessions_command.is_empty() {
        true => None,
        false => asked_for_sessions(hosts, host, database).await.err(),
    };
    let storage = match database.min_free {
        Some(min_free) => Some(asked_for_storage(hosts, host, database).await.map(|free| (free, min_free))),
        None => None,
    };
    let rows = match database.tables.is_empty() {
        true => None,
        false => Some(asked_for_rows(hosts, host, database).await),
    };
    AskedDatabase { name: database.name.clone(), asks_in_window: !host.is_current, no_sessions, storage, rows }
}

async fn asked_for_storage(hosts: &dyn Hosts, host: &Asked<'_>, database: &Database) -> Result<Size, NotAsked> {
    let said = asked(hosts, host, database, &database.free_storage_command).await?;
    storage::free(&said).map(Size::of_bytes).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy: "run the database's `free_storage_command` there, and correct it in the deployment file".to_owned(),
    })
}

async fn asked_for_rows(hosts: &dyn Hosts, host: &Asked<'_>, database: &Database) -> Result<Vec<TableRows>, NotAsked> {
    let words = [database.count_rows_command.as_slice(), &database.tables].concat();
    let said = asked(hosts, host, database, &words).await?;
    rows::read(&said, &database.tables).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy:
            "run the database's `count_rows_command` there with its `tables`, and correct it in the deployment file"
                .to_owned(),
    })
}

/// What a command of a database prints.
async fn asked(hosts: &dyn Hosts, host: &Asked<'_>, database: &Database, words: &[String]) -> Result<Said, NotAsked> {
    let command = of_service(words, &database.directory, &database.user);
    let asked = hosts.ask(&host.instance, &Ask { command, limit: LIMIT }).await;
    asked.map_err(|failure| not_asked(&host.instance, &failure))
}

async fn asked_for_sessions(hosts: &dyn Hosts, host: &Asked<'_>, database: &Database) -> Result<(), NotAsked> {
    let said = asked(hosts, host, database, &database.sessions_command).await?;
    sessions::read(&said).map(drop).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy: "run the database's `sessions_command` there, and correct it in the deployment file".to_owned(),
    })
}

/// Whoever shows this names the host, so the message need not.
fn not_asked(instance: &InstanceId, failure: &Failure) -> NotAsked {
    let why = failure.message.strip_prefix(&format!("{instance}: ")).unwrap_or(&failure.message).to_owned();
    NotAsked { why, remedy: failure.hint.clone().unwrap_or_default() }
}
