//! Asks hosts, long before the window, whether a conductor could do its work there.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};

use cutover_core::deployment::{Role, Services};
use cutover_core::names::{HostName, InstanceId};
use cutover_core::observation::InstanceState;
use cutover_core::plan::Work;
use cutover_core::planner::{Inputs, current_hosts, next_hosts};
use cutover_core::readiness::{AskedHost, NotAsked, Readiness};
use cutover_hosts::readiness::{self, Needs};
use cutover_hosts::supervisor;

use crate::failure::Failure;
use crate::ports::{Answer, Clock, Hosts};

/// Asks every current host, and every next host that runs already. Each is asked once: whoever checks can check again.
pub async fn ask_hosts(hosts: &dyn Hosts, clock: &dyn Clock, inputs: Inputs<'_>) -> Vec<AskedHost> {
    let limit = Work::Connections.side_by_side().unwrap_or(1);
    let asked = to_ask(inputs).into_iter().filter_map(|(name, instance, role, users)| {
        let services = inputs.deployment.role.services(role)?;
        Some(ask(hosts, clock, name, instance, services, users))
    });
    stream::iter(asked).buffered(limit).collect().await
}

/// The users besides root that commands of the file run as on next hosts of a role: migrations run there.
fn users(inputs: Inputs<'_>, role: Role) -> Vec<String> {
    let migrations = inputs.deployment.migrations.iter().filter(|_| role == Role::Edxapp);
    let users: BTreeSet<&str> = migrations.map(|migration| migration.user.as_str()).collect();
    users.into_iter().filter(|user| *user != "root").map(str::to_owned).collect()
}

/// The hosts to ask, and the users whom commands need there. A host that does not run cannot answer, and is an item of the
/// preflight already.
fn to_ask(inputs: Inputs<'_>) -> Vec<(HostName, InstanceId, Role, Vec<String>)> {
    let current = current_hosts(inputs).into_iter().map(|host| (host.name, host.instance, host.role, Vec::new()));
    let groups = inputs.deployment.fleets.iter().flat_map(|fleet| fleet.groups().map(move |(role, _)| (fleet, role)));
    let next = groups.flat_map(|(fleet, role)| {
        let launched = next_hosts(inputs, fleet, role).into_iter();
        launched.filter_map(move |name| {
            let instance = inputs.upgrade.launched.get(&name)?.clone();
            Some((name, instance, role, users(inputs, role)))
        })
    });
    let runs = |id: &InstanceId| inputs.observation.instance(id).is_some_and(|one| one.state == InstanceState::Running);
    current.chain(next).filter(|(_, instance, ..)| runs(instance)).collect()
}

async fn ask(
    hosts: &dyn Hosts,
    clock: &dyn Clock,
    name: HostName,
    instance: InstanceId,
    services: &Services,
    users: Vec<String>,
) -> AskedHost {
    let before = clock.now();
    let answer = of_itself(hosts, &instance, services, users).await;
    let between = (before, clock.now());
    let programs = match answer.is_ok() {
        true => of_its_programs(hosts, &instance, services).await.err(),
        false => None,
    };
    let answer = answer.map_err(|failure| not_asked(&instance, &failure));
    AskedHost { answer, name, instance, between, programs }
}

async fn of_itself(
    hosts: &dyn Hosts,
    instance: &InstanceId,
    services: &Services,
    users: Vec<String>,
) -> Answer<Readiness> {
    let said = hosts.ask(instance, &readiness::ask(&Needs::of(services, users))).await?;
    let mut ready = readiness::read(&said).map_err(|error| Failure::permanent(error.to_string()))?;
    // What the file holds back in the window is in nobody's way.
    let is_held = |agent: &String| {
        let file = agent.rsplit_once(" in ").map(|(_, file)| file);
        services.hold_back.timers.contains(agent) || services.hold_back.cron.iter().any(|cron| file == Some(cron))
    };
    ready.agents.retain(|agent| !is_held(agent));
    Ok(ready)
}

async fn of_its_programs(hosts: &dyn Hosts, instance: &InstanceId, services: &Services) -> Result<(), NotAsked> {
    let question = supervisor::ask(&services.supervisorctl, &services.programs);
    let said = hosts.ask(instance, &question).await.map_err(|failure| not_asked(instance, &failure))?;
    supervisor::read(&services.programs, &said).map(drop).map_err(|why| NotAsked {
        why: why.to_string(),
        remedy: "compare the role's `programs` in the deployment file with `supervisorctl avail`".to_owned(),
    })
}

/// Whoever shows this names the host, so the message need not.
fn not_asked(instance: &InstanceId, failure: &Failure) -> NotAsked {
    let why = failure.message.strip_prefix(&format!("{instance}: ")).unwrap_or(&failure.message).to_owned();
    NotAsked { why, remedy: failure.hint.clone().unwrap_or_default() }
}
