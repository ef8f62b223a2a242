//! Fleets, their hosts, and how the services on a host are controlled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{BalancerName, FleetName, ProgramName, SchemaName};
use crate::time::Span;

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Role {
    /// Serves the sites: nginx, lms, cms and the programs that belong to them.
    Edxapp,
    /// Runs background tasks from the fleet's queues, and serves no requests.
    Worker,
}

impl Role {
    /// Both roles, edxapp first.
    pub const ALL: [Self; 2] = [Self::Edxapp, Self::Worker];

    /// The role's name in the deployment file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edxapp => "edxapp",
            Self::Worker => "worker",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Hosts of one purpose that share databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// The fleet's name and purpose, such as `residential-live`.
    pub name: FleetName,
    /// The schema behind each of Django's database aliases, such as `default = "edxapp_residential_live"`.
    pub schemas: BTreeMap<String, SchemaName>,
    /// The hosts that serve the sites.
    pub edxapp: HostGroup,
    /// The hosts that run background tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<HostGroup>,
}

impl Fleet {
    /// The host groups of this fleet with their roles, edxapp first.
    pub fn groups(&self) -> impl Iterator<Item = (Role, &HostGroup)> {
        std::iter::once((Role::Edxapp, &self.edxapp)).chain(self.worker.iter().map(|group| (Role::Worker, group)))
    }
}

/// The hosts of one role in a fleet, and how next hosts of this role are launched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostGroup {
    /// How many next hosts are launched.
    #[schemars(range(min = 1, max = 10000))]
    pub count: u32,
    /// How many current hosts there are, for the embedded cloud. Default: the same as `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub current_count: Option<u32>,
    /// The EC2 instance type, such as `r5.large`.
    pub instance_type: String,
    /// The pattern of host names; `{deployment}`, `{fleet}`, `{n}` and `{version}` are filled in.
    pub host_name: String,
    /// The subnets, used in turn: host n goes to subnet n modulo their number.
    #[schemars(length(min = 1))]
    pub subnets: Vec<String>,
    /// The security groups of every host.
    #[schemars(length(min = 1))]
    pub security_groups: Vec<String>,
    /// The IAM instance profile.
    pub profile: String,
    /// Tags in addition to those that cutover sets itself.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The balancers in which every host of this group is registered. Workers are in none.
    #[serde(default)]
    pub balancers: Vec<BalancerName>,
}

impl HostGroup {
    /// The name of host `n` (counted from 0) at release `version`.
    #[must_use]
    pub fn host_name(&self, deployment: &str, fleet: &FleetName, n: u32, version: &str) -> crate::names::HostName {
        self.host_name
            .replace("{deployment}", deployment)
            .replace("{fleet}", fleet.as_str())
            .replace("{n}", &n.to_string())
            .replace("{version}", version)
            .into()
    }
}

/// How the services of each role are controlled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Hosts that serve the sites.
    pub edxapp: Services,
    /// Hosts that run background tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Services>,
}

impl Roles {
    /// How the services of `role` are controlled; nothing when the file does not describe this role.
    #[must_use]
    pub fn services(&self, role: Role) -> Option<&Services> {
        match role {
            Role::Edxapp => Some(&self.edxapp),
            Role::Worker => self.worker.as_ref(),
        }
    }
}

/// Service control on the hosts of one role. Its commands must not contain secrets: plans and journals repeat them, and every
/// user of a host can see what runs there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// The machine image that hosts of this role are launched from.
    pub image: super::Image,
    /// The path of the `supervisorctl` program.
    #[serde(default = "default_supervisorctl")]
    pub supervisorctl: String,
    /// Every program that the upgrade stops and starts, by its name in supervisor.
    #[schemars(length(min = 1))]
    pub programs: Vec<ProgramName>,
    /// How long a stop usually takes.
    #[serde(default = "default_stop")]
    pub stop_expected: Span,
    /// How long a stop may take. Supervisor's own limit can be days.
    #[serde(default = "default_stop_limit")]
    pub stop_limit: Span,
    /// What to do with programs that still run after the limit.
    #[serde(default)]
    pub past_stop_limit: PastStopLimit,
    /// How long a start usually takes, until the services answer.
    #[serde(default = "default_start")]
    pub start_expected: Span,
    /// How long a start may take.
    #[serde(default = "default_start_limit")]
    pub start_limit: Span,
    /// How long a program must have run with the same process before it counts as running. A program that cannot reach its
    /// database, or cannot bind its port, often ends some seconds after its start.
    #[serde(default = "default_steady")]
    pub steady: Span,
    /// What must answer on the host once the services have been started: `http://127.0.0.1:8000/heartbeat` must give a status
    /// below 400, and `127.0.0.1:8000` must accept a connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Before workers stop, wait up to this long for the fleet's queues to be empty, and 12 seconds at least. After that,
    /// somebody has to decide about what is left. Without this key, workers stop while visitors are being sent to the
    /// maintenance page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_queues: Option<Span>,
    /// The command that counts the tasks in the fleet's queues, as a list, such as `["redis-cli", "LLEN", "celery"]`.
    /// root runs it on a current worker host. It prints a number for each queue: alone on a line, or as its last word. Tasks
    /// that a worker has taken and not acknowledged must be among them, because it puts back those that it has not begun: they
    /// are in `messages` of RabbitMQ, and for Redis in the hash `unacked`. What is left once the workers have stopped is
    /// counted, and not left to the next hosts without an operator's consent. Queues are empty if they are so at two looks some
    /// seconds apart. Without this key, tasks are left to the next hosts uncounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count_queues: Vec<String>,
    /// The command that names the tasks that workers run, as a list that ends in `"inspect", "active", "--json"` after the
    /// path of celery. root runs it on each worker host right before its services stop, since a worker that was told to
    /// stop does not answer any more. The tasks are named if the stop takes longer than expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running_tasks: Vec<String>,
    /// The command that counts the requests of visitors that have arrived at a web host in the last minute, as a list. It prints
    /// their number, without health checks. root runs it for up to ten seconds on each current host right before its services
    /// stop, once visitors are sent to the maintenance page and their resolvers must have noticed. What is left then comes from
    /// resolvers that ignore TTLs, and from clients that keep their connections. It is in the log and in the report, and nothing
    /// waits for it. `check` tries it days before. `examples/count-requests.py` is such a command for nginx.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count_requests: Vec<String>,
    /// What else writes on current hosts by itself. It is held back from the opening of the window on, before services stop,
    /// and is put back only if the upgrade is taken back.
    #[serde(default, skip_serializing_if = "HoldBack::is_empty")]
    pub hold_back: HoldBack,
    /// What runs on current hosts in sessions that `su` has opened and does not belong to the site: the path or the name of each
    /// program, or the path of the script. Once the `su` has returned, nothing on a host shows whether a program of the site has
    /// left such a session behind. So the window does not open as long as one runs of which a program is not listed here, and a stop
    /// waits for it. It is never killed. Shells and interpreters cannot be listed, because they may run anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrelated_processes: Vec<String>,
    /// Commands that freeze what restarts services or changes packages, such as configuration runs, on current and next
    /// hosts for the window. Each is a list. root runs them, and again after an interruption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Vec<String>>,
    /// Commands that undo `freeze`: on next hosts when visitors are back, and on current hosts if the upgrade is taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release: Vec<Vec<String>>,
    /// Commands that must succeed on a next host, days before the window. root runs them. They must not start services.
    #[serde(rename = "smoke_test", default)]
    pub smoke_tests: Vec<SmokeTest>,
}

/// The supervisorctl of hosts whose role names none.
pub const USUAL_SUPERVISORCTL: &str = "/edx/bin/supervisorctl";

/// How long programs must have run on hosts whose role does not say it.
pub const USUAL_STEADY: Span = Span::seconds(5);

fn default_supervisorctl() -> String {
    USUAL_SUPERVISORCTL.to_owned()
}

fn default_stop() -> Span {
    Span::seconds(20)
}

fn default_stop_limit() -> Span {
    Span::seconds(300)
}

fn default_start() -> Span {
    Span::seconds(45)
}

fn default_start_limit() -> Span {
    Span::seconds(600)
}

const fn default_steady() -> Span {
    USUAL_STEADY
}

/// What to do with programs that still run after the stop limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum PastStopLimit {
    /// Fail the step, name what still runs, and let the operator decide.
    #[default]
    Abort,
    /// Kill the programs that still run, with what they have started; their tasks are lost or run again. A process that does
    /// not show to which of them it belongs is named and not killed.
    Kill,
    /// Go on waiting, and say what still runs. Killing programs by hand ends the wait.
    Wait,
}

/// Cron files and systemd timers that are held back on current hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBack {
    /// Files that cron reads, such as `/etc/cron.d/edxapp`. They are renamed in their folder, so that cron ignores them. A
    /// job that cron has started from one of them is waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cron: Vec<String>,
    /// Timers, such as `edx-nightly.timer`. A service that one of them has started is waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<String>,
}

impl HoldBack {
    /// Whether there is nothing to hold back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cron.is_empty() && self.timers.is_empty()
    }

    /// All of it: a path is a cron file, anything else a timer.
    #[must_use]
    pub fn items(&self) -> Vec<String> {
        self.cron.iter().chain(&self.timers).cloned().collect()
    }
}

/// A command that must succeed on a next host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeTest {
    /// What it shows, such as `lms listens on 8000`.
    pub name: String,
    /// The command and its arguments, as a list.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// A text that must appear in the command's output. `{commit}` is filled in with the commit that the host's image contains:
    /// with `["git", "-C", "/edx/app/edxapp/edx-platform", "rev-parse", "HEAD"]`, the code on the host is compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}
