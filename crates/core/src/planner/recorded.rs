//! What a new plan of the window would do, as far as the journal tells: for readers that do not look at the world.

use std::collections::BTreeMap;

use super::{Inputs, forecast};
use crate::deployment::{Deployment, Role};
use crate::journal::{Run, Upgrade};
use crate::names::{FleetName, HostName, InstanceId};
use crate::observation::{Instance, InstanceState, Observation};
use crate::plan::Phase;

/// Whether a new plan from this file would send visitors to the maintenance page again who are being sent back to the sites. The
/// hosts are those on record; what else the world could tell does not change what is done until the page is up, because it is.
#[must_use]
pub fn would_post_again(upgrade: &Upgrade, deployment: &Deployment, window: &Run) -> bool {
    let observation = as_recorded(upgrade, deployment, window);
    let inputs = Inputs { deployment, observation: &observation, upgrade };
    !window.posted_again(&forecast(inputs, Phase::Window, window.plan.order)).is_empty()
}

/// The world with the hosts that are on record and are not known to be gone, and with nothing else.
fn as_recorded(upgrade: &Upgrade, deployment: &Deployment, window: &Run) -> Observation {
    let at = upgrade.updated_at.unwrap_or(window.plan.made_at);
    let instance = |id: &InstanceId, name: &HostName, fleet: &FleetName, role: Role| Instance {
        id: id.clone(),
        name: name.clone(),
        fleet: fleet.clone(),
        role,
        version: deployment.release.version.clone(),
        launched: at,
        upgrade: upgrade.id.clone(),
        state: InstanceState::Running,
        image: String::new().into(),
    };
    let lives = |id: &&InstanceId| !upgrade.gone.contains(*id) && !upgrade.terminated.contains(*id);
    let current = upgrade.captured.iter().flatten().filter(|host| lives(&&host.instance));
    let current = current.map(|host| instance(&host.instance, &host.name, &host.fleet, host.role));
    // Which fleet a next host is of, the plan knows by its name.
    let none = FleetName::from("");
    let next = upgrade.launched.iter().filter(|(_, id)| lives(id));
    let next = next.map(|(name, id)| instance(id, name, &none, Role::Edxapp));
    Observation {
        at,
        records: BTreeMap::new(),
        distribution: None,
        page: None,
        balancers: BTreeMap::new(),
        instances: current.chain(next).collect(),
        images: Vec::new(),
        bases: BTreeMap::new(),
        branches: BTreeMap::new(),
        databases: BTreeMap::new(),
        pending: Vec::new(),
        certificates: BTreeMap::new(),
        credentials_until: None,
        unseen: Vec::new(),
    }
}
