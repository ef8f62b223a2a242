//! What to type to take steps back by hand: cutover does not go back by itself.

use serde::Serialize;

use super::stopped::StoppedServices;
use crate::deployment::{BalancerKind, Cloud, Deployment};
use crate::journal::Upgrade;
use crate::names::{HostName, InstanceId};
use crate::plan::{Action, ChangeRecords, HeldItems, Host, InstanceRef, Membership, RecordTarget, Step, Undo};
use crate::shell;

/// Commands that take something back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ByHand {
    /// The hosts on each of which they are typed; none if that is where the operator's credentials for AWS are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<HostName>,
    /// The commands, in their order.
    pub commands: Vec<String>,
}

impl ByHand {
    /// What takes these steps back, in their order. Hosts with the same commands are together.
    pub(super) fn all<'a>(
        steps: impl IntoIterator<Item = &'a Step>,
        upgrade: &Upgrade,
        deployment: &Deployment,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for new in steps.into_iter().filter_map(|step| Self::of(step, upgrade, deployment)) {
            let in_aws = new.on.is_empty();
            let is_alike =
                |known: &&mut Self| known.on.is_empty() == in_aws && (in_aws || known.commands == new.commands);
            match all.iter_mut().find(is_alike) {
                Some(known) if in_aws => known.commands.extend(new.commands),
                Some(known) => known.on.extend(new.on),
                None => all.push(new),
            }
        }
        all
    }

    fn of(step: &Step, upgrade: &Upgrade, deployment: &Deployment) -> Option<Self> {
        let Undo::By { action, .. } = &step.undo else { return None };
        let on_host = |host: &Host, commands| Some(Self { on: vec![host.name.clone()], commands });
        // The embedded cloud has no command that changes it.
        let in_aws = |commands: Vec<String>| {
            (deployment.cloud == Cloud::Aws && !commands.is_empty()).then_some(Self { on: Vec::new(), commands })
        };
        match (&step.action, &**action) {
            (Action::StopServices(stop), Action::StartServices(_)) => {
                on_host(&stop.host, StoppedServices::of(stop, upgrade).start_commands)
            }
            (_, Action::StopServices(stop)) => {
                let programs: Vec<String> = stop.programs.iter().map(ToString::to_string).collect();
                on_host(&stop.host, vec![format!("{} stop {}", stop.supervisorctl, programs.join(" "))])
            }
            (_, Action::PutBack(held)) => on_host(&held.host, put_back(held)),
            (_, Action::RunCommands(run)) => {
                on_host(&run.host, run.commands.iter().map(|command| shell::line(command)).collect())
            }
            (_, Action::ChangeRecords(change)) => in_aws(records(change)),
            (_, Action::Register(members)) => in_aws(membership(members, upgrade, "register")),
            (_, Action::Deregister(members)) => in_aws(membership(members, upgrade, "deregister")),
            (_, Action::Terminate { host, .. }) => in_aws(
                instance(upgrade, host)
                    .map(|id| format!("aws ec2 terminate-instances --instance-ids {id}"))
                    .into_iter()
                    .collect(),
            ),
            (_, Action::RemoveImage { image, .. }) => {
                in_aws(vec![format!("aws ec2 deregister-image --image-id {image}")])
            }
            _ => None,
        }
    }
}

fn instance<'a>(upgrade: &'a Upgrade, host: &'a Host) -> Option<&'a InstanceId> {
    match &host.instance {
        InstanceRef::Known(id) => Some(id),
        InstanceRef::MadeBy(_) => upgrade.launched.get(&host.name),
    }
}

/// One command for each record: a line with all of them could not be read.
fn records(change: &ChangeRecords) -> Vec<String> {
    let zone = format!(
        "zone=$(aws route53 list-hosted-zones-by-name --dns-name {} --max-items 1 --query 'HostedZones[0].Id' --output text)",
        change.zone
    );
    let to = |RecordTarget { name, target, ttl }: &RecordTarget| {
        format!(
            "aws route53 change-resource-record-sets --hosted-zone-id \"$zone\" --change-batch \
             'Changes=[{{Action=UPSERT,ResourceRecordSet={{Name={name},Type=CNAME,TTL={},ResourceRecords=[{{Value={target}}}]}}}}]'",
            ttl.as_secs()
        )
    };
    std::iter::once(zone).chain(change.records.iter().map(to)).collect()
}

fn membership(members: &Membership, upgrade: &Upgrade, verb: &str) -> Vec<String> {
    let balancer = &members.balancer;
    let ids: Vec<&InstanceId> = members.hosts.iter().filter_map(|host| instance(upgrade, host)).collect();
    let joined = |prefix: &str| ids.iter().map(|id| format!("{prefix}{id}")).collect::<Vec<_>>().join(" ");
    match members.kind {
        BalancerKind::Classic => {
            let from = if verb == "register" { "with" } else { "from" };
            vec![format!(
                "aws elb {verb}-instances-{from}-load-balancer --load-balancer-name {balancer} --instances {}",
                joined("")
            )]
        }
        BalancerKind::TargetGroup => vec![
            format!(
                "group=$(aws elbv2 describe-target-groups --names {balancer} --query \
                 'TargetGroups[0].TargetGroupArn' --output text)"
            ),
            format!("aws elbv2 {verb}-targets --target-group-arn \"$group\" --targets {}", joined("Id=")),
        ],
    }
}

/// As `hold.sh` of `cutover_hosts` holds them: a cron file under another name, a timer by a condition that is never true.
fn put_back(held: &HeldItems) -> Vec<String> {
    let (cron, timers): (Vec<&String>, Vec<&String>) = held.items.iter().partition(|item| item.starts_with('/'));
    let moved = cron.into_iter().map(|file| {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        format!("mv {} {}", shell::quote(&format!("{folder}/.{name}.held-by-cutover")), shell::quote(file))
    });
    let conditions = timers.iter().map(|timer| format!("/etc/systemd/system/{timer}.d/cutover-hold.conf"));
    let conditions: Vec<String> = conditions.collect();
    let released = (!timers.is_empty()).then(|| {
        format!(
            "rm -f {} && systemctl daemon-reload && systemctl start {}",
            shell::line(&conditions),
            shell::line(&timers)
        )
    });
    moved.chain(released).collect()
}
