//! Whether hosts are those that they are taken for. What is terminated or taken out of a balancer must be named by the
//! journal, as a current host on record or as one that this upgrade launched, *and* its tags must agree. A mistake here
//! costs a site; so anything else is refused. Only of a host that is gone for good nobody asks for tags.

use std::collections::{BTreeSet, HashMap};

use cutover_core::journal::Upgrade;
use cutover_core::names::InstanceId;
use cutover_core::observation::Instance;
use cutover_core::plan::{CapturedHost, Host};

use super::Scene;
use crate::failure::Failure;
use crate::ports::Answer;

/// The instances of hosts that the journal names and whose tags agree with it. `undone` is what is refused to
/// others, in words that follow "so it was not": `terminated`.
pub(super) async fn recorded(scene: &Scene<'_>, hosts: &[Host], action: &str) -> Answer<Vec<InstanceId>> {
    let ids = scene.instances(hosts)?;
    let listed = scene.listed().await?;
    let found = |id: &InstanceId| listed.get(id);
    // A host that died loses its tags soon, and must not keep the others from leaving.
    let mut gone = BTreeSet::new();
    for id in ids.iter().filter(|id| found(id).is_none()) {
        if !scene.ask(async |world| world.compute.lives(id).await).await? {
            gone.insert(id);
        }
    }
    let upgrade = scene.journal.upgrade();
    let current: HashMap<&InstanceId, &CapturedHost> =
        upgrade.captured.iter().flatten().map(|current| (&current.instance, current)).collect();
    for (host, id) in hosts.iter().zip(&ids) {
        let current = current.get(id).copied();
        if let Some(why) = disagreement(&upgrade, host, id, current, found(id), gone.contains(id)) {
            return Err(Failure::permanent(format!("{why}, so it was not {action}; find out who changed that")));
        }
    }
    Ok(ids)
}

/// What speaks against a host being the one on record, `current` if it is a current host there; nothing when all agrees.
/// Of one that is `gone` there are no tags.
fn disagreement(
    upgrade: &Upgrade,
    host: &Host,
    id: &InstanceId,
    current: Option<&CapturedHost>,
    instance: Option<&Instance>,
    gone: bool,
) -> Option<String> {
    let name = &host.name;
    let launched = upgrade.launched.get(name) == Some(id);
    if !launched && current.is_none() {
        return Some(format!("{name} ({id}) is neither a current host on record nor launched by this upgrade"));
    }
    let Some(instance) = instance else {
        return (!gone).then(|| format!("{name} ({id}) is not listed with this deployment's tags"));
    };
    if instance.name != *name {
        return Some(format!("{id} is named {} and not {name}", instance.name));
    }
    match current {
        Some(current) if instance.fleet != current.fleet => {
            Some(format!("{name} ({id}) is tagged with fleet {} and not {}", instance.fleet, current.fleet))
        }
        Some(current) if instance.role != current.role => {
            Some(format!("{name} ({id}) is tagged with role {} and not {}", instance.role, current.role))
        }
        None if instance.upgrade != upgrade.id => {
            let tag = instance.upgrade.as_ref().map_or("none", |upgrade| upgrade.as_str());
            Some(format!("{name} ({id}) is tagged with upgrade {tag}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use cutover_core::plan::InstanceRef;

    use super::*;

    #[test]
    fn of_a_host_that_died_nobody_asks_for_tags_if_the_journal_names_it() {
        let host = Host { name: "edx-1".into(), instance: InstanceRef::Known("i-1".into()) };
        let mut upgrade = Upgrade::default();
        upgrade.launched.insert(host.name.clone(), "i-1".into());
        let against = |upgrade: &Upgrade, gone| disagreement(upgrade, &host, &"i-1".into(), None, None, gone);
        assert_eq!(against(&upgrade, true), None);
        assert!(against(&upgrade, false).is_some_and(|why| why.contains("not listed with this deployment's tags")));
        assert!(against(&Upgrade::default(), true).is_some_and(|why| why.contains("nor launched by this upgrade")));
    }
}
