//! Members of balancers: what is waited for after they were put in or taken out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::BalancerKind;
use cutover_core::journal::Event;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health};
use cutover_core::plan::{Action, Membership, Step};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Balancers, World};

use super::hosts::{Account, instance, launch, launched};
use super::stage::{Stage, Waits, host, step};

/// A balancer that shows one set of members after the other, and the last one from then on. A step looks twice before
/// it says what it waits for. Who is taken out is no member any more.
pub(crate) struct Lb {
    shown: RefCell<Vec<BTreeMap<InstanceId, Health>>>,
    taken_out: RefCell<Vec<InstanceId>>,
}

impl Lb {
    pub(crate) fn of(stage: &mut Stage, shown: &[&[(&str, Health)]]) -> Rc<Self> {
        let members = |shown: &&[(&str, Health)]| shown.iter().map(|(id, health)| ((*id).into(), *health)).collect();
        let shown = RefCell::new(shown.iter().rev().map(members).collect());
        let balancers = Rc::new(Self { shown, taken_out: RefCell::default() });
        stage.world = World { balancers: Rc::clone(&balancers) as _, ..stage.world.clone() };
        balancers
    }
}

#[async_trait(?Send)]
impl Balancers for Lb {
    async fn balancers(&self, _: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>> {
        Ok(BTreeMap::new())
    }

    async fn health(&self, _: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>> {
        let mut shown = self.shown.borrow_mut();
        let now = shown.last().cloned().unwrap_or_default();
        if shown.len() > 1 {
            shown.pop();
        }
        Ok(now)
    }

    async fn register(&self, _: &Permit, name: &BalancerName, _: &[InstanceId]) -> Answer<()> {
        Err(Failure::permanent(format!("nobody is registered in {name} here")))
    }

    async fn deregister(&self, _: &Permit, _: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        self.shown.borrow_mut().iter_mut().for_each(|shown| shown.retain(|member, _| !instances.contains(member)));
        self.taken_out.borrow_mut().extend_from_slice(instances);
        Ok(())
    }
}

pub(crate) fn members() -> Membership {
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
    let left = ["2 of 2 hosts still draining in lb: edx-0, edx-1", "1 of 2 hosts still draining in lb: edx-1"];
    assert_eq!(*stage.mentioned.borrow(), left);
}

#[test]
fn hosts_are_healthy_once_all_of_them_are_in_service_and_the_others_are_named_until_then() {
    let mut stage = Stage::new();
    let (in_service, not_yet) = (|id| (id, Health::InService), |id| (id, Health::OutOfService));
    let none = &[in_service("i-2")];
    let (new, one) = (&[("i-0", Health::Registering), not_yet("i-1")], &[in_service("i-0"), not_yet("i-1")]);
    Lb::of(&mut stage, &[none, none, new, one, &[in_service("i-0"), in_service("i-1")]]);
    assert_eq!(stage.conduct(vec![step("healthy", Action::AwaitHealthy(members()))]), Ending::Finished);
    let told = [
        "0 of 2 hosts in service in lb; edx-0, edx-1: not a member",
        "0 of 2 hosts in service in lb; edx-0: not checked often enough yet; edx-1: the balancer's checks fail",
        "1 of 2 hosts in service in lb; edx-1: the balancer's checks fail",
    ];
    assert_eq!(*stage.mentioned.borrow(), told);
}

/// A step that takes edx-0 out of the balancer, on a stage where this upgrade has launched it as i-1.
fn taking_out(stage: &mut Stage) -> (Rc<Lb>, Rc<Account>, Step) {
    let balancer = Lb::of(stage, &[&[("i-1", Health::InService), ("i-2", Health::InService)]]);
    let account = Account::of(stage, vec![instance("i-1")]);
    let done = Event::StepDone { step: "launch".into(), facts: vec![launched("i-1")] };
    stage.was_begun(vec![launch()], vec![done]);
    let members = Membership { hosts: vec![host("edx-0", "i-1")], ..members() };
    (balancer, account, step("out", Action::Deregister(members)))
}

#[test]
fn a_host_is_taken_out_of_its_balancer_after_another_check_if_its_call_waited() {
    let mut stage = Stage::new();
    let (balancer, _, out) = taking_out(&mut stage);
    let (clock, meanwhile) = (Rc::clone(&stage.clock), RefCell::new(Some(|| {})));
    stage.faults = Rc::new(Waits { clock, call: "deregister", meanwhile });
    assert_eq!(stage.conduct(vec![out]), Ending::Finished);
    assert_eq!(*balancer.taken_out.borrow(), ["i-1".into()]);
}

#[test]
fn no_host_counts_as_gone_and_is_taken_out_of_its_balancer_where_nothing_of_the_deployment_is_listed() {
    for listed in [vec![], vec![instance("i-2")]] {
        let mut stage = Stage::new();
        let (balancer, account, out) = taking_out(&mut stage);
        let is_elsewhere = listed.is_empty();
        account.listed.replace(listed);
        let ending = stage.conduct(vec![out]);
        if is_elsewhere {
            assert_eq!(ending, Ending::Failed(vec!["out".into()]));
            assert!(balancer.taken_out.borrow().is_empty());
            let error = stage.error_of("out");
            assert!(error.starts_with("no host of this deployment is listed at all"), "{error}");
        } else {
            assert_eq!(ending, Ending::Finished, "it has died");
            assert_eq!(*balancer.taken_out.borrow(), ["i-1".into()]);
        }
    }
}

#[test]
fn a_host_whose_tags_changed_while_its_call_waited_is_not_taken_out_of_its_balancer() {
    let mut stage = Stage::new();
    let (balancer, account, out) = taking_out(&mut stage);
    let meanwhile = move || account.listed.borrow_mut()[0].upgrade = None;
    let (clock, meanwhile) = (Rc::clone(&stage.clock), RefCell::new(Some(meanwhile)));
    stage.faults = Rc::new(Waits { clock, call: "deregister", meanwhile });
    assert_eq!(stage.conduct(vec![out]), Ending::Failed(vec!["out".into()]));
    assert!(balancer.taken_out.borrow().is_empty());
    assert!(stage.error_of("out").contains("is tagged with upgrade none"), "{}", stage.error_of("out"));
}
