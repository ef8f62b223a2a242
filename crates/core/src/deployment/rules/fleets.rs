//! Fleets, their host groups, and the services on them.

use std::collections::BTreeMap;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};
use crate::deployment::{Deployment, Role, SmokeTest, runs_anything};

pub(super) const RULES: &[Rule] = &[
    edxapp_groups_name_balancers_that_exist,
    edxapp_groups_are_in_a_balancer,
    balancers_belong_to_one_fleet,
    workers_are_in_no_balancer,
    worker_services_match_worker_groups,
    queues_that_drain_are_counted,
    only_workers_run_tasks,
    workers_get_no_requests,
    what_must_answer_is_an_address,
    what_is_held_back_is_a_file_or_a_timer,
    what_is_unrelated_is_a_program,
    what_is_frozen_is_released,
    smoke_tests_start_nothing,
];

/// Workers are not checked here, since they must be in no balancer at all.
fn edxapp_groups_name_balancers_that_exist(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let known: Vec<&str> = deployment.balancers.iter().map(|balancer| balancer.name.as_str()).collect();
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        let node = file.get("fleet").item(index).get("edxapp").get("balancers");
        for (nth, balancer) in fleet.edxapp.balancers.iter().enumerate() {
            if deployment.balancer(balancer).is_none() {
                let message = format!("fleet `{}` names balancer `{balancer}`, which does not exist", fleet.name);
                let label = format!("there are: {}", list(&known, "and"));
                mistakes.push(Mistake::at(node.item(nth), message, label).suggest(balancer.as_str(), &known));
            }
        }
    }
    mistakes
}

fn edxapp_groups_are_in_a_balancer(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let idle = deployment.fleets.iter().enumerate().filter(|(_, fleet)| fleet.edxapp.balancers.is_empty());
    idle.map(|(index, fleet)| {
        let message = format!("the edxapp hosts of fleet `{}` are in no balancer", fleet.name);
        let node = file.get("fleet").item(index).get("edxapp").get("balancers");
        Mistake::at(node, message, "needs balancers = [...]")
    })
    .collect()
}

fn balancers_belong_to_one_fleet(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut owners = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        let node = file.get("fleet").item(index).get("edxapp").get("balancers");
        for (nth, balancer) in fleet.edxapp.balancers.iter().enumerate() {
            let Some(owner) = owners.insert(balancer, &fleet.name) else { continue };
            let mistake = if owner == &fleet.name {
                Mistake::at(node.item(nth), format!("balancer `{balancer}` appears twice"), "already taken above")
            } else {
                let message = format!("balancer `{balancer}` is used by two fleets");
                let label = format!("fleet `{owner}` is behind it already");
                Mistake::at(node.item(nth), message, label).help("visitors would see either fleet at random")
            };
            mistakes.push(mistake);
        }
    }
    mistakes
}

fn workers_are_in_no_balancer(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let serves = |worker: &crate::deployment::HostGroup| !worker.balancers.is_empty();
    let fleets = deployment.fleets.iter().enumerate();
    fleets
        .filter(|(_, fleet)| fleet.worker.as_ref().is_some_and(serves))
        .map(|(index, fleet)| {
            let message = format!("the worker hosts of fleet `{}` are in a balancer", fleet.name);
            let node = file.get("fleet").item(index).get("worker").get("balancers");
            Mistake::at(node, message, "workers serve no requests: remove this")
        })
        .collect()
}

fn worker_services_match_worker_groups(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let groups = || deployment.fleets.iter().enumerate().filter(|(_, fleet)| fleet.worker.is_some());
    match &deployment.role.worker {
        None => groups()
            .map(|(index, fleet)| {
                let message = format!("fleet `{}` has workers, but [role.worker] is missing", fleet.name);
                let label = "add [role.worker], or remove this";
                Mistake::at(file.get("fleet").item(index).get("worker"), message, label)
            })
            .collect(),
        Some(_) if groups().next().is_none() => {
            let message = "[role.worker] describes workers, but no fleet has any";
            let label = "add [fleet.worker] to a fleet, or remove this";
            vec![Mistake::at(file.get("role").get("worker"), message, label)]
        }
        Some(_) => Vec::new(),
    }
}

/// Without a command there is no way to tell when the queues are empty. A web host has no queues.
fn queues_that_drain_are_counted(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let (web, role) = (&deployment.role.edxapp, file.get("role"));
    for (key, is_given) in
        [("drain_queues", web.drain_queues.is_some()), ("count_queues", !web.count_queues.is_empty())]
    {
        if is_given {
            let message = format!("{key} is about workers, and this is another role");
            mistakes.push(Mistake::at(role.get("edxapp").get(key), message, "move it to [role.worker]"));
        }
    }
    let worker = deployment.role.worker.as_ref();
    if worker.is_some_and(|worker| worker.drain_queues.is_some() && worker.count_queues.is_empty()) {
        let message = "the queues are to drain, and no command counts their tasks";
        let label = "needs count_queues beside it, such as [\"redis-cli\", \"LLEN\", \"celery\"]";
        mistakes.push(Mistake::at(role.get("worker").get("drain_queues"), message, label));
    }
    mistakes
}

/// A web host has no workers that could name their tasks.
fn only_workers_run_tasks(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    if deployment.role.edxapp.running_tasks.is_empty() {
        return Vec::new();
    }
    let node = file.get("role").get("edxapp").get("running_tasks");
    vec![Mistake::at(node, "running_tasks is about workers, and this is another role", "move it to [role.worker]")]
}

fn workers_get_no_requests(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    if deployment.role.worker.as_ref().is_none_or(|worker| worker.count_requests.is_empty()) {
        return Vec::new();
    }
    let node = file.get("role").get("worker").get("count_requests");
    vec![Mistake::at(
        node,
        "count_requests is about web hosts, and workers get no requests",
        "move it to [role.edxapp]",
    )]
}

fn what_must_answer_is_an_address(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let node = file.get("role").get(role.as_str()).get("answers");
        for (index, address) in services.answers.iter().enumerate().filter(|(_, address)| !is_address(address)) {
            let message = format!("`{address}` is not an address on the host");
            let label = "write \"http://127.0.0.1:8000/heartbeat\", or \"127.0.0.1:8000\" for a port";
            mistakes.push(Mistake::at(node.item(index), message, label));
        }
    }
    mistakes
}

/// `http://HOST[:PORT]/PATH`, or `HOST:PORT`.
fn is_address(address: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', ' ']);
    let has_port = |at: &str| at.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port));
    match address.strip_prefix("http://") {
        Some(rest) => match rest.split_once('/') {
            Some((host, path)) => !path.contains(' ') && (has_port(host) || is_host(host) && !host.contains(':')),
            None => false,
        },
        None => has_port(address),
    }
}

fn what_is_held_back_is_a_file_or_a_timer(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let node = file.get("role").get(role.as_str()).get("hold_back");
        for (index, path) in services.hold_back.cron.iter().enumerate() {
            if !path.starts_with('/') || path.ends_with('/') {
                let message = format!("`{path}` is not the path of a file");
                mistakes.push(Mistake::at(node.get("cron").item(index), message, "such as \"/etc/cron.d/edxapp\""));
            }
        }
        for (index, timer) in services.hold_back.timers.iter().enumerate() {
            if !timer.ends_with(".timer") || timer.contains(['/', ' ']) {
                let message = format!("`{timer}` is not the name of a timer");
                mistakes.push(Mistake::at(node.get("timers").item(index), message, "such as \"edx-nightly.timer\""));
            }
        }
    }
    mistakes
}

/// A shell or an interpreter runs programs of the site as well.
fn what_is_unrelated_is_a_program(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let node = file.get("role").get(role.as_str()).get("unrelated_processes");
        for (index, program) in services.unrelated_processes.iter().enumerate() {
            let is_path = program.starts_with('/') && !program.ends_with('/');
            let (message, label) = if runs_anything(program) {
                (format!("`{program}` may run anything, also programs of the site"), "name the file that it runs")
            } else if program.is_empty() || program.contains(char::is_whitespace) || program.contains('/') && !is_path {
                (format!("`{program}` is not the path or the name of a program"), "such as \"/opt/backup/agent\"")
            } else {
                continue;
            };
            mistakes.push(Mistake::at(node.item(index), message, label));
        }
    }
    mistakes
}

/// What nobody releases stays frozen after the upgrade.
fn what_is_frozen_is_released(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let section = file.get("role").get(role.as_str());
        for (key, commands, other) in
            [("freeze", &services.freeze, &services.release), ("release", &services.release, &services.freeze)]
        {
            if !commands.is_empty() && other.is_empty() {
                let missing = if key == "freeze" { "release" } else { "freeze" };
                let label = format!("needs {missing} = [[...]] beside it");
                mistakes.push(Mistake::at(section.get(key), format!("{key} without {missing}"), label));
            }
            for (index, _) in commands.iter().enumerate().filter(|(_, command)| command.is_empty()) {
                let label = "such as [\"systemctl\", \"stop\", \"unattended-upgrades\"]";
                mistakes.push(Mistake::at(section.get(key).item(index), "a command is empty", label));
            }
        }
    }
    mistakes
}

/// A next worker that runs before the window takes tasks from the production broker and runs them with new code.
fn smoke_tests_start_nothing(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let tests = file.get("role").get(role.as_str()).get("smoke_test");
        for (index, test) in services.smoke_tests.iter().enumerate().filter(|(_, test)| starts_services(test)) {
            let message = format!("smoke test `{}` starts services on {role} hosts", test.name);
            let label = "a smoke test may ask for the status, but not start or restart";
            let help = "smoke tests run days before the window: a next worker that runs takes production tasks";
            mistakes.push(Mistake::at(tests.item(index).get("command"), message, label).help(help));
        }
    }
    mistakes
}

fn starts_services(test: &SmokeTest) -> bool {
    let words = || test.command.iter().flat_map(|argument| argument.split_whitespace());
    let supervisor = words().any(|word| word.contains("supervisorctl"));
    supervisor && words().any(|word| matches!(word, "start" | "restart" | "reload" | "update"))
}
