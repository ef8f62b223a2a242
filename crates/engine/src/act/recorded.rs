//! Checks the identity of hosts. A host that is terminated or taken out of a balancer must be named by the journal, as
//! a current host on record or as one that this upgrade launched, *and* its tags must agree. A mistake here can take a
//! site down, so anything else is refused. Tags are not checked for a host that has been terminated, since it no longer
//! has any.

use std::collections::BTreeSet;

use cutover_core::journal::Upgrade;
use cutover_core::name_map::NameMap;
use cutover_core::names::InstanceId;
use cutover_core::observation::Instance;
use cutover_core::plan::{CapturedHost, Host};

use super::StepContext;
use super::fate::{Fate, fate};
use crate::failure::Failure;
use crate::ports::Answer;

/// The instances of `hosts`, if the journal names all of them and their tags agree with it. `action` is what is refused
/// otherwise, as the words that follow "so it was not", such as `terminated`.
pub(super) async fn recorded(context: &StepContext<'_>, hosts: &[Host], action: &str) -> Answer<Vec<InstanceId>> {
    let ids = context.instances(hosts)?;
    let listed = context.listed().await?;
    let found = |id: &InstanceId| listed.get(id);
    // A host that died loses its tags soon, and must not prevent the others from being removed.
    let mut gone = BTreeSet::new();
    for id in ids.iter().filter(|id| found(id).is_none()) {
        if fate(context, id, false).await? == Fate::Gone {
            gone.insert(id);
        }
    }
    let upgrade = context.journal.upgrade();
    let current: NameMap<&InstanceId, &CapturedHost> =
        upgrade.captured.iter().flatten().map(|current| (&current.instance, current)).collect();
    for (host, id) in hosts.iter().zip(&ids) {
        let current = current.get(id).copied();
        if let Some(why) = disagreement(&upgrade, host, id, current, found(id), gone.contains(id)) {
            return Err(
                Failure::permanent(format!("{why}, so it was not {action}")).with_hint("find out who changed that")
            );
        }
    }
    Ok(ids)
}

/// Why `host` does not seem to be the one on record; `None` if everything agrees. `current` is its record if it is a
/// current host. The tags of a host that is `gone` are not checked.
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
    use cutover_core::deployment::Role;
    use cutover_core::observation::InstanceState;
    use cutover_core::plan::InstanceRef;

    use super::*;

    #[test]
    fn the_tags_of_a_host_that_died_are_not_checked_if_the_journal_names_it() {
        let host = Host { name: "edx-1".into(), instance: InstanceRef::Known("i-1".into()) };
        let mut upgrade = Upgrade::default();
        upgrade.launched.insert(host.name.clone(), "i-1".into());
        let against = |upgrade: &Upgrade, gone| disagreement(upgrade, &host, &"i-1".into(), None, None, gone);
        assert_eq!(against(&upgrade, true), None);
        assert!(against(&upgrade, false).is_some_and(|why| why.contains("not listed with this deployment's tags")));
        assert!(against(&Upgrade::default(), true).is_some_and(|why| why.contains("nor launched by this upgrade")));
    }

    #[test]
    fn each_tag_of_a_host_has_to_agree_with_its_record() {
        let host = Host { name: "edx-1".into(), instance: InstanceRef::Known("i-1".into()) };
        let captured =
            CapturedHost { name: "edx-1".into(), instance: "i-1".into(), fleet: "live".into(), role: Role::Edxapp };
        let mut upgrade = Upgrade { id: Some("koa".into()), ..Upgrade::default() };
        upgrade.launched.insert(host.name.clone(), "i-1".into());
        let instance = Instance {
            id: "i-1".into(),
            name: "edx-1".into(),
            fleet: "live".into(),
            role: Role::Edxapp,
            version: "4".to_owned(),
            launched: jiff::Timestamp::UNIX_EPOCH,
            upgrade: Some("koa".into()),
            state: InstanceState::Running,
            image: "ami-1".into(),
        };
        let against = |current: bool, instance: &Instance| {
            let current = current.then_some(&captured);
            disagreement(&upgrade, &host, &"i-1".into(), current, Some(instance), false).unwrap_or_default()
        };
        let renamed = Instance { name: "another".into(), ..instance.clone() };
        for current in [true, false] {
            assert_eq!(against(current, &instance), "");
            assert_eq!(against(current, &renamed), "i-1 is named another and not edx-1");
        }
        let moved = Instance { fleet: "draft".into(), ..instance.clone() };
        assert_eq!(against(true, &moved), "edx-1 (i-1) is tagged with fleet draft and not live");
        let changed = Instance { role: Role::Worker, ..instance.clone() };
        assert_eq!(against(true, &changed), "edx-1 (i-1) is tagged with role worker and not edxapp");
        for (tag, told) in [(Some("juniper".into()), "juniper"), (None, "none")] {
            let others = Instance { upgrade: tag, ..instance.clone() };
            assert_eq!(against(false, &others), format!("edx-1 (i-1) is tagged with upgrade {told}"));
        }
    }
}
