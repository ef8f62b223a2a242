//! Load balancers of both kinds, and the health that they see of their members.
//!
//! Health checks are not simulated one by one. A member is checked at a fixed offset in the interval, and a host's
//! condition is known, so the time of the member's next change of health can be calculated from both.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::deployment::BalancerKind;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health, HealthCheck};
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use super::chance::milliseconds;
use super::events::Event;
use super::parts::{Balancer, Host, Member};
use super::state::WorldState;

impl WorldState {
    pub(crate) fn balancer_states(&self, names: &[BalancerName]) -> BTreeMap<BalancerName, BalancerState> {
        let embedded = &self.deployment.embedded;
        let state = |name: &BalancerName, balancer: &Balancer| BalancerState {
            kind: balancer.kind,
            health_check: HealthCheck {
                interval: embedded.health_check_interval.duration(),
                healthy_threshold: embedded.healthy_threshold,
                unhealthy_threshold: embedded.unhealthy_threshold,
            },
            draining: embedded.draining.duration(),
            members: self.shown_members(name, balancer.health()),
        };
        names.iter().filter_map(|name| Some((name.clone(), state(name, self.balancers.get(name)?)))).collect()
    }

    pub(crate) fn health(&self, name: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>> {
        let balancer = self.balancers.get(name).ok_or_else(|| no_balancer(name))?;
        Ok(self.shown_members(name, balancer.health()))
    }

    pub(crate) fn register(&mut self, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        let balancer = self.balancers.get_mut(name).ok_or_else(|| no_balancer(name))?;
        if let Some(gone) = instances.iter().find(|id| !self.hosts.get(*id).is_some_and(Host::lives)) {
            return Err(Failure::permanent(format!("{gone} cannot be registered in {name}: it does not exist")));
        }
        let from = match balancer.kind {
            BalancerKind::Classic => later(self.now, self.deployment.embedded.registration.duration()),
            BalancerKind::TargetGroup => self.now,
        };
        let new: Vec<&InstanceId> = instances.iter().filter(|instance| !balancer.has(instance)).collect();
        for instance in &new {
            self.writes_member(name, instance);
        }
        let balancer = self.balancers.get_mut(name).ok_or_else(|| no_balancer(name))?;
        for instance in &new {
            balancer.members.insert((*instance).clone(), Member { health: Health::Registering, from, due: None });
        }
        for instance in new {
            self.judge_later(name, instance);
            self.touch_member(name, instance);
        }
        Ok(())
    }

    pub(crate) fn deregister(&mut self, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        let balancer = self.balancers.get_mut(name).ok_or_else(|| no_balancer(name))?;
        let gone = later(self.now, self.deployment.embedded.draining.duration());
        let leaving: Vec<&InstanceId> = instances.iter().filter(|instance| balancer.has(instance)).collect();
        for instance in &leaving {
            self.writes_member(name, instance);
        }
        let balancer = self.balancers.get_mut(name).ok_or_else(|| no_balancer(name))?;
        for instance in &leaving {
            balancer.members.insert((*instance).clone(), Member { health: Health::Draining, from: gone, due: None });
        }
        for instance in leaving {
            self.judge_later(name, instance);
            self.touch_member(name, instance);
        }
        Ok(())
    }

    /// A host starts to pass its checks, or to fail them.
    pub(crate) fn host_condition_changed(&mut self, instance: &InstanceId) {
        let having: Vec<BalancerName> = self
            .balancers
            .iter()
            .filter(|(_, balancer)| balancer.members.contains_key(instance))
            .map(|(name, _)| name.clone())
            .collect();
        for name in having {
            self.judge_later(&name, instance);
        }
    }

    pub(crate) fn member_moves(&mut self, name: &BalancerName, instance: &InstanceId) {
        let passes = self.hosts.get(instance).is_some_and(|host| host.healthy);
        let now = self.now;
        let member = self.balancers.get(name).and_then(|balancer| balancer.members.get(instance));
        if member.is_none_or(|member| member.due != Some(now)) {
            return;
        }
        self.writes_member(name, instance);
        let Some(balancer) = self.balancers.get_mut(name) else { return };
        let kind = balancer.kind;
        let Some(member) = balancer.members.get_mut(instance) else { return };
        member.health = match member.health {
            Health::Registering if kind == BalancerKind::TargetGroup && passes => Health::InService,
            Health::Registering | Health::InService => Health::OutOfService,
            Health::OutOfService => Health::InService,
            Health::Draining => {
                balancer.members.remove(instance);
                self.touch_member(name, instance);
                return;
            }
        };
        self.judge_later(name, instance);
        self.touch_member(name, instance);
    }

    /// A host is gone: balancers remove it.
    pub(crate) fn forget_member(&mut self, instance: &InstanceId) {
        for balancer in self.balancers.values_mut() {
            balancer.members.remove(instance);
        }
        self.touch(instance);
    }

    /// Schedules the next change of a member's health, in place of the one scheduled before.
    fn judge_later(&mut self, name: &BalancerName, instance: &InstanceId) {
        let due = self.next_judgement(name, instance);
        let member = self.balancers.get_mut(name).and_then(|balancer| balancer.members.get_mut(instance));
        let Some(member) = member else { return };
        if member.due == due {
            return;
        }
        member.due = due;
        if let Some(due) = due {
            self.agenda.schedule(due, Event::MemberMoves { balancer: name.clone(), instance: instance.clone() });
        }
    }

    fn next_judgement(&self, name: &BalancerName, instance: &InstanceId) -> Option<Timestamp> {
        let (balancer, host) = (self.balancers.get(name)?, self.hosts.get(instance)?);
        let member = balancer.members.get(instance)?;
        let embedded = &self.deployment.embedded;
        let check = |after, nth| Some(self.check_moment(name, instance, after, nth));
        match (member.health, balancer.kind, host.healthy) {
            (Health::Draining, ..) | (Health::Registering, BalancerKind::Classic, _) => Some(member.from),
            (Health::Registering, BalancerKind::TargetGroup, _) => check(member.from, 1),
            (Health::OutOfService, _, true) => check(host.healthy_since.max(member.from), embedded.healthy_threshold),
            (Health::InService, _, false) => check(host.healthy_since.max(member.from), embedded.unhealthy_threshold),
            (Health::OutOfService, _, false) | (Health::InService, _, true) => None,
        }
    }

    /// The time of the `nth` check of a member after `after`.
    fn check_moment(&self, name: &BalancerName, instance: &InstanceId, after: Timestamp, nth: u32) -> Timestamp {
        let interval = milliseconds(self.deployment.embedded.health_check_interval.duration()).max(1);
        let phase = self.below(&["check", name.as_str(), instance.as_str()], interval);
        let (interval, phase) = (i64::try_from(interval).unwrap_or(i64::MAX), i64::try_from(phase).unwrap_or(0));
        let since_check = (after.as_millisecond() - phase).rem_euclid(interval);
        let to_first = u64::try_from(interval - since_check).unwrap_or(0);
        let whole = Timestamp::from_millisecond(after.as_millisecond()).unwrap_or(after);
        let more = Duration::from_millis(interval.unsigned_abs()).saturating_mul(nth.saturating_sub(1));
        later(later(whole, Duration::from_millis(to_first)), more)
    }
}

fn no_balancer(name: &BalancerName) -> Failure {
    Failure::permanent(format!("there is no balancer {name}; see [[balancer]] in the deployment file"))
}
