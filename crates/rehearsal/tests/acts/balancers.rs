//! Members of balancers: what is waited for after they were put in or taken out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::BalancerKind;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health};
use cutover_core::plan::{Action, Membership};
use cutover_engine::conductor::Ending;
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Balancers, World};

use super::stage::{Stage, host, step};

/// A balancer that shows one set of members after the other, and the last one from then on. A step looks twice before it
/// says what it waits for.
struct Lb(RefCell<Vec<BTreeMap<InstanceId, Health>>>);

impl Lb {
    fn of(stage: &mut Stage, shown: &[&[(&str, Health)]]) {
        let members = |shown: &&[(&str, Health)]| shown.iter().map(|(id, health)| ((*id).into(), *health)).collect();
        let balancers = Rc::new(Self(RefCell::new(shown.iter().rev().map(members).collect())));
        stage.world = World { balancers, ..stage.world.clone() };
    }
}

#[async_trait(?Send)]
impl Balancers for Lb {
    async fn balancers(&self, _: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>> {
        Ok(BTreeMap::new())
    }

    async fn health(&self, _: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>> {
        let mut shown = self.0.borrow_mut();
        let now = shown.last().cloned().unwrap_or_default();
        if shown.len() > 1 {
            shown.pop();
        }
        Ok(now)
    }

    async fn register(&self, _: &Permit, name: &BalancerName, _: &[InstanceId]) -> Answer<()> {
        Err(Failure::permanent(format!("nobody is registered in {name} here")))
    }

    async fn deregister(&self, _: &Permit, name: &BalancerName, _: &[InstanceId]) -> Answer<()> {
        Err(Failure::permanent(format!("nobody is taken out of {name} here")))
    }
}

fn members() -> Membership {
    let hosts = vec![host("edx-0", "i-0"), host("edx-1", "i-1")];
    Membership { balancer: "lb".into(), kind: BalancerKind::Classic, hosts }
}

#[test]
fn hosts_have_drained_once_none_of_them_is_a_member_any_more() {
    let mut stage = Stage::new();
    let draining = |id| (id, Health::Draining);
    let both = &[draining("i-0"), draining("i-1")];
    Lb::of(&mut stage, &[both, both, &[draining("i-1"), ("i-2", Health::InService)], &[("i-2", Health::InService)]]);
    assert_eq!(stage.conduct(vec![step("drained", Action::AwaitDrained(members()))]), Ending::Finished);
    let left = |hosts: u32| format!("{hosts} of 2 hosts still draining in lb");
    assert_eq!(*stage.mentioned.borrow(), [left(2), left(1)]);
}

#[test]
fn hosts_are_healthy_once_all_of_them_are_in_service() {
    let mut stage = Stage::new();
    let (in_service, not_yet) = (|id| (id, Health::InService), |id| (id, Health::OutOfService));
    let (none, one) = (&[in_service("i-2")], &[in_service("i-0"), not_yet("i-1")]);
    Lb::of(&mut stage, &[none, none, one, &[in_service("i-0"), in_service("i-1")]]);
    assert_eq!(stage.conduct(vec![step("healthy", Action::AwaitHealthy(members()))]), Ending::Finished);
    let serving = |hosts: u32| format!("{hosts} of 2 hosts in service in lb");
    assert_eq!(*stage.mentioned.borrow(), [serving(0), serving(1)]);
}
