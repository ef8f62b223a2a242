//! Commands of the `aws` program that take back what a window has changed in AWS.

use crate::deployment::{BalancerKind, Deployment};
use crate::journal::Upgrade;
use crate::names::InstanceId;
use crate::plan::{ChangeRecords, Host, InstanceRef, Membership, RecordTarget};

/// Writes such commands for an upgrade.
#[derive(Clone, Copy)]
pub(super) struct InAws<'a> {
    upgrade: &'a Upgrade,
    deployment: &'a Deployment,
}

/// Whether a balancer is to get hosts or to lose them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Membered {
    Register,
    Deregister,
}

impl Membered {
    const fn verb(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Deregister => "deregister",
        }
    }

    const fn classic(self) -> &'static str {
        match self {
            Self::Register => "register-instances-with-load-balancer",
            Self::Deregister => "deregister-instances-from-load-balancer",
        }
    }
}

impl<'a> InAws<'a> {
    pub(super) const fn new(upgrade: &'a Upgrade, deployment: &'a Deployment) -> Self {
        Self { upgrade, deployment }
    }

    /// A command that reaches the deployment's account and region.
    fn aws(self, words: &str) -> String {
        format!("aws {words}{}", self.deployment.aws_options())
    }

    /// One command for each record: a line with all of them could not be read. None of them is sent unless there is one public
    /// zone of exactly that name: changes in a private zone of the same name would reach no visitor.
    pub(super) fn records(self, change: &ChangeRecords) -> Vec<String> {
        let zone = format!("{}.", change.zone.as_str().trim_end_matches('.'));
        let query = format!("HostedZones[?Name==`\"{zone}\"` && Config.PrivateZone==`false`].Id");
        let words = format!("route53 list-hosted-zones-by-name --dns-name {zone} --query '{query}' --output text");
        let to = |RecordTarget { name, target, ttl }: &RecordTarget| {
            self.aws(&format!(
                "route53 change-resource-record-sets --hosted-zone-id \"${{zone:?}}\" --change-batch \
                 'Changes=[{{Action=UPSERT,ResourceRecordSet={{Name={name},Type=CNAME,TTL={},ResourceRecords=[{{Value={target}}}]}}}}]'",
                ttl.as_secs()
            ))
        };
        std::iter::once(format!("zone=$({})", self.aws(&words))).chain(change.records.iter().map(to)).collect()
    }

    /// A balancer refuses all hosts of a call if one of them does not exist any more, so each host has a call of its own.
    pub(super) fn membership(self, members: &Membership, change: Membered) -> Vec<String> {
        let balancer = &members.balancer;
        let hosts = members.hosts.iter().filter_map(|host| self.instance(host));
        let is_there = |id: &&InstanceId| !self.upgrade.gone.contains(*id) && !self.upgrade.terminated.contains(*id);
        let ids: Vec<&str> = hosts.filter(is_there).map(InstanceId::as_str).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let of_each = |words: &dyn Fn(&str) -> String| match ids.as_slice() {
            [id] => self.aws(&words(id)),
            ids => format!("for id in {}; do {}; done", ids.join(" "), self.aws(&words("$id"))),
        };
        match members.kind {
            BalancerKind::Classic => {
                let verb = change.classic();
                vec![of_each(&|id| format!("elb {verb} --load-balancer-name {balancer} --instances {id}"))]
            }
            BalancerKind::TargetGroup => {
                let query = "--query 'TargetGroups[0].TargetGroupArn' --output text";
                let group = self.aws(&format!("elbv2 describe-target-groups --names {balancer} {query}"));
                let verb = change.verb();
                let words =
                    |id: &str| format!("elbv2 {verb}-targets --target-group-arn \"${{group:?}}\" --targets Id={id}");
                vec![format!("group=$({group})"), of_each(&words)]
            }
        }
    }

    pub(super) fn terminate(self, host: &Host) -> Vec<String> {
        let id = self.instance(host);
        id.map(|id| self.aws(&format!("ec2 terminate-instances --instance-ids {id}"))).into_iter().collect()
    }

    pub(super) fn remove_image(self, image: &str) -> Vec<String> {
        vec![self.aws(&format!("ec2 deregister-image --image-id {image}"))]
    }

    fn instance(self, host: &'a Host) -> Option<&'a InstanceId> {
        match &host.instance {
            InstanceRef::Known(id) => Some(id),
            InstanceRef::MadeBy(_) => self.upgrade.launched.get(&host.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deployment::{Aws, parse};

    fn deployment() -> Deployment {
        let aws = Aws { region: Some("us-east-1".to_owned()), profile: Some("it's mine".to_owned()), ..Aws::default() };
        let example = parse(include_str!("../../../../examples/mitx-qa.toml")).expect("no mistakes");
        Deployment { aws: Some(aws), ..example }
    }

    const OPTIONS: &str = r" --region us-east-1 --profile 'it'\''s mine'";

    fn host(id: &str) -> Host {
        Host { name: format!("edx-{id}").into(), instance: InstanceRef::Known(id.into()) }
    }

    #[test]
    fn records_are_changed_only_in_the_one_public_zone_of_exactly_that_name() {
        let record = RecordTarget {
            name: "lms.example.edu".into(),
            target: "lb.example.net".into(),
            ttl: Duration::from_secs(60),
        };
        let (upgrade, deployment) = (Upgrade::default(), deployment());
        for zone in ["example.edu", "example.edu."] {
            let change = ChangeRecords { zone: zone.into(), records: vec![record.clone()] };
            let commands = InAws::new(&upgrade, &deployment).records(&change);
            assert_eq!(
                commands,
                [
                    format!(
                        "zone=$(aws route53 list-hosted-zones-by-name --dns-name example.edu. --query 'HostedZones[?Name==\
                         `\"example.edu.\"` && Config.PrivateZone==`false`].Id' --output text{OPTIONS})"
                    ),
                    format!(
                        "aws route53 change-resource-record-sets --hosted-zone-id \"${{zone:?}}\" --change-batch 'Changes=[\
                         {{Action=UPSERT,ResourceRecordSet={{Name=lms.example.edu,Type=CNAME,TTL=60,ResourceRecords=[\
                         {{Value=lb.example.net}}]}}}}]'{OPTIONS}"
                    ),
                ]
            );
        }
    }

    #[test]
    fn a_host_that_is_gone_keeps_no_other_host_from_its_balancer() {
        let upgrade = Upgrade { gone: ["i-1".into()].into(), terminated: ["i-2".into()].into(), ..Upgrade::default() };
        let deployment = deployment();
        let of = |kind, ids: &[&str]| {
            let hosts = ids.iter().map(|id| host(id)).collect();
            let members = Membership { balancer: "lb".into(), kind, hosts };
            InAws::new(&upgrade, &deployment).membership(&members, Membered::Register)
        };
        let classic = "aws elb register-instances-with-load-balancer --load-balancer-name lb --instances";
        assert_eq!(of(BalancerKind::Classic, &["i-1", "i-2"]), [""; 0]);
        assert_eq!(of(BalancerKind::Classic, &["i-0", "i-1"]), [format!("{classic} i-0{OPTIONS}")]);
        let each = format!("for id in i-0 i-3; do {classic} $id{OPTIONS}; done");
        assert_eq!(of(BalancerKind::Classic, &["i-0", "i-2", "i-3"]), [each]);
        let targets = of(BalancerKind::TargetGroup, &["i-0", "i-3"]).pop();
        let each =
            "for id in i-0 i-3; do aws elbv2 register-targets --target-group-arn \"${group:?}\" --targets Id=$id";
        assert_eq!(targets, Some(format!("{each}{OPTIONS}; done")));
    }
}
