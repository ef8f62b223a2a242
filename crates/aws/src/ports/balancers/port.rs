//! The port for load balancers of both kinds: which balancer a name means.
//!
//! A name is looked for among balancers of the kind that the deployment file gives, and among those of the other kind
//! only when it is not found there: then what exists is reported with its actual kind.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;
use futures_util::future::{try_join, try_join_all};

use cutover_core::deployment::BalancerKind;
use cutover_core::names::{BalancerName, InstanceId};
use cutover_core::observation::{BalancerState, Health};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Balancers};

use super::{classic, groups};
use crate::connection::Connection;
use crate::operations::{elb, elbv2};

/// So many instances are registered or deregistered in one call. AWS documents no limit; far more than this have been
/// seen to work, and few deployments have as many hosts.
const MOST_INSTANCES: usize = 100;

/// Load balancers of both kinds.
pub struct AwsBalancers {
    connection: Rc<Connection>,
    /// The kinds that the deployment file gives.
    kinds: BTreeMap<BalancerName, BalancerKind>,
    /// What has been found so far.
    found: RefCell<BTreeMap<BalancerName, Found>>,
}

/// A balancer that is there.
#[derive(Clone, Debug)]
enum Found {
    /// A classic ELB, which is known by its name.
    Classic,
    /// A target group, which is known by its ARN.
    Group(String),
}

/// All that was found of some names.
#[derive(Default)]
struct Described {
    classic: Vec<elb::LoadBalancer>,
    groups: Vec<elbv2::TargetGroup>,
}

impl AwsBalancers {
    /// Balancers of these names and kinds.
    pub(crate) fn new(connection: &Rc<Connection>, kinds: BTreeMap<BalancerName, BalancerKind>) -> Self {
        Self { connection: Rc::clone(connection), kinds, found: RefCell::default() }
    }

    /// Looks for the names where the file says, and for those that are not there among the other kind.
    async fn describe(&self, names: &[&str]) -> Answer<Described> {
        let is_group = |name: &&str| self.kinds.get(&BalancerName::from(*name)) == Some(&BalancerKind::TargetGroup);
        let (groups, classic): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| is_group(name));
        let mut found = self.look(&classic, &groups).await?;
        let not_classic: Vec<&str> = classic.into_iter().filter(|name| !found.has(name)).collect();
        let no_groups: Vec<&str> = groups.into_iter().filter(|name| !found.has(name)).collect();
        let others = self.look(&no_groups, &not_classic).await?;
        found.classic.extend(others.classic);
        found.groups.extend(others.groups);
        self.remember(&found);
        Ok(found)
    }

    async fn look(&self, classic: &[&str], groups: &[&str]) -> Answer<Described> {
        let (classic, groups) =
            try_join(classic::named(&self.connection, classic), groups::named(&self.connection, groups)).await?;
        Ok(Described { classic, groups })
    }

    fn remember(&self, described: &Described) {
        let mut found = self.found.borrow_mut();
        found.extend(described.classic.iter().map(|one| (BalancerName::from(one.name.as_str()), Found::Classic)));
        let groups = described.groups.iter();
        found.extend(groups.map(|one| (BalancerName::from(one.name.as_str()), Found::Group(one.arn.clone()))));
    }

    async fn found(&self, name: &BalancerName) -> Answer<Found> {
        let known = || self.found.borrow().get(name).cloned();
        if let Some(found) = known() {
            return Ok(found);
        }
        self.describe(&[name.as_str()]).await?;
        known().ok_or_else(|| {
            let region = self.connection.region();
            Failure::permanent(format!("region {region} has no classic load balancer and no target group {name}"))
                .with_hint("check [[balancers]] in the deployment file, and the region")
        })
    }
}

impl Described {
    fn has(&self, name: &str) -> bool {
        self.classic.iter().any(|one| one.name == name) || self.groups.iter().any(|one| one.name == name)
    }
}

#[async_trait(?Send)]
impl Balancers for AwsBalancers {
    async fn balancers(&self, names: &[BalancerName]) -> Answer<BTreeMap<BalancerName, BalancerState>> {
        let names: Vec<&str> = names.iter().map(BalancerName::as_str).collect();
        let described = self.describe(&names).await?;
        let aws = &*self.connection;
        let classic = try_join_all(described.classic.iter().map(|one| classic::state(aws, one)));
        let groups = try_join_all(described.groups.iter().map(|one| groups::state(aws, one)));
        let (classic, groups) = try_join(classic, groups).await?;
        Ok(classic.into_iter().chain(groups).collect())
    }

    async fn health(&self, name: &BalancerName) -> Answer<BTreeMap<InstanceId, Health>> {
        match self.found(name).await? {
            Found::Classic => classic::health(&self.connection, name.as_str()).await,
            Found::Group(arn) => groups::health(&self.connection, &arn).await,
        }
    }

    async fn register(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        for batch in instances.chunks(MOST_INSTANCES) {
            match self.found(name).await? {
                Found::Classic => classic::register(&self.connection, permit, name.as_str(), batch).await?,
                Found::Group(arn) => groups::register(&self.connection, permit, &arn, batch).await?,
            }
        }
        Ok(())
    }

    async fn deregister(&self, permit: &Permit, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
        for batch in instances.chunks(MOST_INSTANCES) {
            match self.found(name).await? {
                Found::Classic => classic::deregister(&self.connection, permit, name.as_str(), batch).await?,
                Found::Group(arn) => groups::deregister(&self.connection, permit, &arn, batch).await?,
            }
        }
        Ok(())
    }
}
