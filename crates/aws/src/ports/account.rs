//! The account: identity, the network that hosts are launched into, and the quotas that an upgrade could meet.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::account::{MetBy, Quota, Subnet};
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Account, Answer};

use super::compute::listed;
use crate::connection::Connection;
use crate::operations::{ec2, rds, servicequotas};

/// The quota on vCPUs of running on-demand instances of the standard families.
const STANDARD_VCPUS: &str = "L-1216C47A";
/// The families that this quota is about: A, C, D, H, I, M, R, T and Z. DL, Inf, HPC, Mac and others have their own.
const STANDARD_FAMILIES: [&str; 11] = ["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"];
/// Values of a filter in one call. EC2 takes 200.
const BATCH: usize = 100;

/// The account: identity, network, quotas.
pub struct AwsAccount {
    connection: Rc<Connection>,
    /// The account that the deployment belongs to, where its file says so.
    expected: Option<String>,
}

impl AwsAccount {
    pub(crate) fn new(connection: &Rc<Connection>, expected: Option<String>) -> Self {
        Self { connection: Rc::clone(connection), expected }
    }

    /// The vCPUs of an instance of each type that the region has, of those.
    async fn vcpus(&self, types: BTreeSet<String>) -> Answer<BTreeMap<String, u64>> {
        let types: Vec<String> = types.into_iter().collect();
        let mut vcpus = BTreeMap::new();
        for batch in types.chunks(BATCH) {
            // Unlike a name, a filter does not fail for a type that is not there.
            let request = ec2::DescribeInstanceTypes { filters: filters("instance-type", batch), next_token: None };
            let found = self.connection.pages(request).await?.into_iter().flat_map(|page| page.instance_types);
            vcpus.extend(found.filter_map(|one| Some((one.name, number(one.vcpus?.default?)))));
        }
        Ok(vcpus)
    }

    /// How many instances run or are about to, on demand, of each type in the region.
    async fn running(&self) -> Answer<BTreeMap<String, u64>> {
        let states = ["pending", "running"].map(str::to_owned);
        let filters = filters("instance-state-name", &states);
        let listed = listed(&self.connection, filters).await?;
        let on_demand = listed.into_iter().filter(|instance| instance.lifecycle.is_none());
        let mut running = BTreeMap::new();
        for kind in on_demand.filter_map(|instance| instance.instance_type) {
            *running.entry(kind).or_default() += 1;
        }
        Ok(running)
    }

    /// Launches of other families have quotas of their own, which are not checked.
    async fn instance_quota(&self, launches: &BTreeMap<String, u64>) -> Answer<Quota> {
        let running = self.running().await?;
        let vcpus = self.vcpus(running.keys().chain(launches.keys()).cloned().collect()).await?;
        if let Some(kind) = launches.keys().find(|kind| !vcpus.contains_key(*kind)) {
            return Err(Failure::permanent(format!(
                "there is no instance type {kind} in {}",
                self.connection.region()
            ))
            .with_hint("correct `instance_type` in the deployment file"));
        }
        let request =
            servicequotas::GetServiceQuota { service_code: "ec2".to_owned(), quota_code: STANDARD_VCPUS.to_owned() };
        let quota = self.connection.call(&request).await?.quota;
        Ok(Quota {
            met_by: MetBy::Launches,
            name: "vCPUs of standard on-demand instances".to_owned(),
            used: standard_vcpus(&running, &vcpus),
            limit: whole(quota.value),
            needed: standard_vcpus(launches, &vcpus),
        })
    }

    /// Nothing when RDS does not count manual snapshots.
    async fn snapshot_quota(&self, snapshots: u64) -> Answer<Option<Quota>> {
        let attributes = self.connection.call(&rds::DescribeAccountAttributes {}).await?;
        let found = attributes.quotas.into_iter().find(|quota| quota.name.as_deref() == Some("ManualSnapshots"));
        Ok(found.and_then(|quota| {
            Some(Quota {
                met_by: MetBy::Snapshots,
                name: "manual snapshots of database instances".to_owned(),
                used: number(quota.used?),
                limit: number(quota.max?),
                needed: snapshots,
            })
        }))
    }
}

#[async_trait(?Send)]
impl Account for AwsAccount {
    async fn identity(&self) -> Answer<String> {
        Ok(self.connection.identity(self.expected.as_deref()).await?.arn)
    }

    async fn subnets(&self, ids: &[String]) -> Answer<BTreeMap<String, Subnet>> {
        let mut subnets = BTreeMap::new();
        for batch in ids.chunks(BATCH) {
            let request = ec2::DescribeSubnets { filters: filters("subnet-id", batch), ..Default::default() };
            let found = self.connection.pages(request).await?.into_iter().flat_map(|page| page.subnets);
            subnets.extend(found.map(|subnet| {
                let available = subnet.state.as_deref() == Some("available");
                let free_addresses = number(subnet.available_ip_address_count.unwrap_or_default());
                (subnet.subnet_id, Subnet { available, free_addresses })
            }));
        }
        Ok(subnets)
    }

    async fn security_groups(&self, ids: &[String]) -> Answer<BTreeSet<String>> {
        let mut groups = BTreeSet::new();
        for batch in ids.chunks(BATCH) {
            let request = ec2::DescribeSecurityGroups { filters: filters("group-id", batch), ..Default::default() };
            let found = self.connection.pages(request).await?.into_iter().flat_map(|page| page.security_groups);
            groups.extend(found.map(|group| group.group_id));
        }
        Ok(groups)
    }

    async fn quotas(&self, launches: &BTreeMap<String, u64>, snapshots: u64) -> Answer<Vec<Quota>> {
        let mut quotas = Vec::new();
        if launches.keys().any(|kind| is_standard(kind)) {
            quotas.push(self.instance_quota(launches).await?);
        }
        if snapshots > 0 {
            quotas.extend(self.snapshot_quota(snapshots).await?);
        }
        Ok(quotas)
    }

    async fn credentials_until(&self) -> Answer<Option<Timestamp>> {
        let until = self.connection.credentials_until().await?;
        until
            .map(Timestamp::try_from)
            .transpose()
            .map_err(|error| Failure::permanent(format!("the AWS credentials expire at an impossible time: {error}")))
    }
}

fn filters(name: &str, values: &[String]) -> Vec<ec2::Filter> {
    vec![ec2::Filter { name: name.to_owned(), values: values.to_vec() }]
}

/// The vCPUs of so many instances of each type, those of other than the standard families left out.
fn standard_vcpus(instances: &BTreeMap<String, u64>, vcpus: &BTreeMap<String, u64>) -> u64 {
    let standard = instances.iter().filter(|(kind, _)| is_standard(kind));
    standard.map(|(kind, count)| count * vcpus.get(kind).copied().unwrap_or_default()).sum()
}

/// Whether an instance type, such as `r5.large`, is of a standard family: the letters before its generation tell.
fn is_standard(kind: &str) -> bool {
    let family = kind.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    STANDARD_FAMILIES.contains(&family)
}

/// A count, which AWS never reports as negative.
fn number(count: i64) -> u64 {
    count.try_into().unwrap_or_default()
}

/// A limit, which Service Quotas writes with a fraction that is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and limits are whole")]
fn whole(limit: f64) -> u64 {
    limit as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_before_the_generation_are_the_family() {
        for kind in ["r5.large", "t3.xlarge", "m6gd.metal", "c7i-flex.large", "i4i.large", "im4gn.large", "a1.large"] {
            assert!(is_standard(kind), "{kind}");
        }
        for kind in [
            "dl1.24xlarge",
            "inf1.xlarge",
            "hpc7g.4xlarge",
            "mac2.metal",
            "trn1.2xlarge",
            "g5.xlarge",
            "x2gd.large",
            "u-6tb1.metal",
            "",
        ] {
            assert!(!is_standard(kind), "{kind}");
        }
    }

    #[test]
    fn vcpus_are_counted_for_the_standard_families_only() {
        let instances = BTreeMap::from([("r5.large".to_owned(), 18), ("g5.xlarge".to_owned(), 1)]);
        let vcpus = BTreeMap::from([("r5.large".to_owned(), 2), ("g5.xlarge".to_owned(), 4)]);
        assert_eq!(standard_vcpus(&instances, &vcpus), 36);
    }

    #[test]
    fn a_limit_keeps_its_integer_part() {
        assert_eq!((whole(1152.0), whole(0.0)), (1152, 0));
    }
}
