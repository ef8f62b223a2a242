//! Instances on EC2: listed with their status checks, launched under a token, terminated if they are ours.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::deployment::RootVolume;
use cutover_core::names::{FleetName, ImageId, InstanceId, UpgradeId};
use cutover_core::observation::{Instance, InstanceState};
use cutover_core::plan::Launch;
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Compute};

use super::super::tags::{self, Owner, tag};
use super::listing::{found, listed};
use super::user_data::user_data;
use crate::connection::Connection;
use crate::operations::ec2;

/// Instances in one request for status checks, the most that EC2 accepts.
const STATUS_BATCH: usize = 100;

/// What all new hosts of the deployment have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostSettings {
    /// The EC2 key pair.
    pub(crate) key_pair: Option<String>,
    /// The root disk; the image's own where there is none.
    pub(crate) root_volume: Option<RootVolume>,
    /// The command that keeps services from starting; the usual one where there is none.
    pub(crate) hold_services: Option<Vec<String>>,
}

/// Instances.
pub struct AwsCompute {
    connection: Rc<Connection>,
    owner: Owner,
    settings: HostSettings,
    /// Running instances whose status checks have passed. They are not checked again.
    passed: RefCell<BTreeSet<String>>,
}

impl AwsCompute {
    pub(crate) fn new(connection: &Rc<Connection>, owner: Owner, settings: HostSettings) -> Self {
        Self { connection: Rc::clone(connection), owner, settings, passed: RefCell::default() }
    }

    /// Reads the status checks of running instances that have not passed them yet.
    async fn check(&self, listed: &[ec2::Instance]) -> Answer<()> {
        let running: BTreeSet<&str> =
            listed.iter().filter(|one| one.state.name == "running").map(|one| one.instance_id.as_str()).collect();
        // One that was stopped meanwhile is judged anew once it runs again.
        self.passed.borrow_mut().retain(|id| running.contains(id.as_str()));
        let unknown: Vec<String> =
            running.iter().filter(|id| !self.passed.borrow().contains(**id)).map(|id| (*id).to_owned()).collect();
        for batch in unknown.chunks(STATUS_BATCH) {
            let request = ec2::DescribeInstanceStatus { instance_ids: batch.to_vec(), ..Default::default() };
            let pages = match self.connection.pages(request).await {
                // What one part of EC2 lists another may not know yet. Whoever asks looks again.
                Err(error) if error.is_not_found() => continue,
                pages => pages?,
            };
            let passed = pages.into_iter().flat_map(|page| page.instance_statuses).filter(passes);
            self.passed.borrow_mut().extend(passed.map(|status| status.instance_id));
        }
        Ok(())
    }

    /// An instance of this deployment; nothing for other machines of the environment, which lack the tags of a host.
    fn instance(&self, one: &ec2::Instance) -> Answer<Option<Instance>> {
        let (role, fleet) = (self.owner.role(&one.tags), tag(&one.tags, tags::PURPOSE));
        let (Some(role), Some(fleet)) = (role, fleet) else { return Ok(None) };
        let unclear = |what: &str| Failure::not_applied(format!("EC2 says of {} {what}", one.instance_id));
        let state = state(&one.state.name, self.passed.borrow().contains(&one.instance_id));
        let text = |key| tag(&one.tags, key).unwrap_or_default();
        Ok(Some(Instance {
            id: one.instance_id.as_str().into(),
            name: text(tags::NAME).into(),
            fleet: FleetName::from(fleet),
            role,
            version: text(tags::VERSION).to_owned(),
            launched: one.launch_time.ok_or_else(|| unclear("no time of launch"))?,
            upgrade: tag(&one.tags, tags::UPGRADE).map(UpgradeId::from),
            state: state.ok_or_else(|| unclear(&format!("that it is `{}`, which is unknown to us", one.state.name)))?,
            image: one.image_id.as_deref().unwrap_or_default().into(),
        }))
    }

    /// The instance that was launched under a token before, when EC2 says that the token belongs to another launch.
    async fn launched_before(&self, launch: &Launch, token: &str) -> Answer<InstanceId> {
        let filter = ec2::Filter { name: "client-token".to_owned(), values: vec![token.to_owned()] };
        let living = listed(&self.connection, vec![filter]).await?.into_iter().find(|one| !is_gone(&one.state.name));
        living.map(|one| one.instance_id.into()).ok_or_else(|| {
            Failure::permanent(format!(
                "{} was not launched: EC2 has the token {token} of another launch, whose instance is not there",
                launch.name
            ))
            .with_hint(NEW_TOKEN)
        })
    }
}

#[async_trait(?Send)]
impl Compute for AwsCompute {
    async fn instances(&self) -> Answer<Vec<Instance>> {
        let listed = listed(&self.connection, self.owner.filters()).await?;
        self.check(&listed).await?;
        listed.iter().filter_map(|one| self.instance(one).transpose()).collect()
    }

    async fn launch(&self, permit: &Permit, launch: &Launch, image: &ImageId, token: &str) -> Answer<InstanceId> {
        match self.connection.write(permit, &request(&self.settings, launch, image, token)).await {
            Ok(reservation) => {
                let found = reservation.instances.into_iter().next();
                // EC2 answers a repeated token with the first launch, whatever has become of it.
                let found =
                    found.ok_or_else(|| Failure::in_doubt(format!("EC2 launched nothing as {}", launch.name)))?;
                let gone = is_gone(&found.state.name);
                if gone { Err(terminated(launch, &why_gone(&found))) } else { Ok(found.instance_id.into()) }
            }
            Err(error) if error.code() == Some("IdempotentParameterMismatch") => {
                self.launched_before(launch, token).await
            }
            Err(error) if error.code() == Some("IdempotentInstanceTerminated") => {
                Err(terminated(launch, "the instance of this launch"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn lives(&self, instance: &InstanceId) -> Answer<bool> {
        match found(&self.connection, instance).await {
            Ok(found) => Ok(found.is_some_and(|one| !is_gone(&one.state.name))),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn terminate(&self, permit: &Permit, instance: &InstanceId) -> Answer<()> {
        let found = found(&self.connection, instance).await?.ok_or_else(|| {
            Failure::permanent(format!(
                "EC2 does not list {instance}, so it is not known whose it is; nothing was terminated"
            ))
        })?;
        if is_gone(&found.state.name) {
            return Ok(());
        }
        if !self.owner.owns(&found.tags) {
            return Err(Failure::permanent(format!(
                "{instance} has {}, so it is no host of {} and was not terminated",
                tags::claimed(&found.tags),
                self.owner.deployment
            ))
            .with_hint("find out whose it is"));
        }
        let termination = ec2::TerminateInstances { instance_ids: vec![instance.to_string()] };
        self.connection.write(permit, &termination).await?;
        Ok(())
    }
}

fn terminated(launch: &Launch, instance: &str) -> Failure {
    Failure::permanent(format!("{}: {instance} was terminated", launch.name)).with_hint(NEW_TOKEN)
}

const NEW_TOKEN: &str = "run the phase again: it launches another instance under a new token";

/// An instance that is gone, with EC2's reason: EC2 reports what a launch lacked, such as access to a key, only there.
pub(in crate::ports) fn why_gone(instance: &ec2::Instance) -> String {
    let reason = instance.state_reason.as_ref().and_then(|reason| reason.message.as_ref().or(reason.code.as_ref()));
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{}{reason}", instance.instance_id)
}

fn request(settings: &HostSettings, launch: &Launch, image: &ImageId, token: &str) -> ec2::RunInstances {
    ec2::RunInstances {
        image_id: Some(image.to_string()),
        instance_type: Some(launch.instance_type.clone()),
        min_count: 1,
        max_count: 1,
        key_name: settings.key_pair.clone(),
        subnet_id: Some(launch.subnet.clone()),
        security_group_ids: launch.security_groups.clone(),
        user_data: launch.boot_stopped.then(|| user_data(settings.hold_services.as_deref())),
        iam_instance_profile: profile(&launch.profile),
        block_device_mappings: settings.root_volume.iter().map(root_volume).collect(),
        tag_specifications: ["instance", "volume"].map(|kind| tags::specification(kind, &launch.tags)).to_vec(),
        client_token: Some(token.to_owned()),
        ..Default::default()
    }
}

pub(in crate::ports) fn profile(profile: &str) -> Option<ec2::InstanceProfileSpecification> {
    let given = Some(profile.to_owned()).filter(|profile| !profile.is_empty())?;
    let (arn, name) = if given.starts_with("arn:") { (Some(given), None) } else { (None, Some(given)) };
    Some(ec2::InstanceProfileSpecification { arn, name })
}

pub(in crate::ports) fn root_volume(volume: &RootVolume) -> ec2::NewBlockDevice {
    let new = ec2::NewVolume {
        volume_size: Some(i64::from(volume.size_gib)),
        volume_type: Some(volume.kind.clone()),
        delete_on_termination: Some(true),
        // Nothing takes encryption from a volume: `false` of an encrypted image would be refused.
        encrypted: volume.encrypted.then_some(true),
    };
    ec2::NewBlockDevice { device_name: volume.device.clone(), ebs: Some(new) }
}

/// Whether EC2's two checks of an instance pass.
fn passes(status: &ec2::InstanceStatus) -> bool {
    let ok = |check: &Option<ec2::StatusSummary>| check.as_ref().is_some_and(|check| check.status == "ok");
    ok(&status.system_status) && ok(&status.instance_status)
}

pub(in crate::ports) fn is_gone(state: &str) -> bool {
    matches!(state, "shutting-down" | "terminated")
}

/// Our state for EC2's name of a state; nothing for a name that EC2 does not document.
pub(in crate::ports) fn state(word: &str, passed: bool) -> Option<InstanceState> {
    match word {
        "pending" => Some(InstanceState::Pending),
        "running" if passed => Some(InstanceState::Running),
        "running" => Some(InstanceState::Booting),
        "stopping" => Some(InstanceState::Stopping),
        "stopped" => Some(InstanceState::Stopped),
        "shutting-down" => Some(InstanceState::ShuttingDown),
        "terminated" => Some(InstanceState::Terminated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_instance_boots_until_its_checks_have_passed() {
        assert_eq!(state("running", false), Some(InstanceState::Booting));
        assert_eq!(state("running", true), Some(InstanceState::Running));
    }

    #[test]
    fn stopping_stopped_and_shutting_down_are_different_states() {
        assert_eq!(state("stopping", true), Some(InstanceState::Stopping));
        assert_eq!(state("stopped", true), Some(InstanceState::Stopped));
        assert_eq!(state("shutting-down", true), Some(InstanceState::ShuttingDown));
        assert!(is_gone("shutting-down") && is_gone("terminated") && !is_gone("stopped"));
    }

    #[test]
    fn one_check_of_two_does_not_make_a_host_ready() {
        let check = |status: &str| Some(ec2::StatusSummary { status: status.to_owned() });
        let status = |system, instance| ec2::InstanceStatus {
            system_status: system,
            instance_status: instance,
            ..Default::default()
        };
        assert!(passes(&status(check("ok"), check("ok"))));
        assert!(!passes(&status(check("ok"), check("initializing"))));
        assert!(!passes(&status(check("impaired"), check("ok"))));
        assert!(!passes(&status(check("ok"), None)));
    }

    #[test]
    fn a_profile_is_named_by_name_or_arn_and_left_out_when_there_is_none() {
        let by_name = profile("edx").expect("a profile");
        assert_eq!((by_name.name.as_deref(), by_name.arn), (Some("edx"), None));
        let by_arn = profile("arn:aws:iam::1:instance-profile/edx").expect("a profile");
        assert_eq!((by_arn.name, by_arn.arn.as_deref()), (None, Some("arn:aws:iam::1:instance-profile/edx")));
        assert_eq!(profile(""), None);
    }

    #[test]
    fn a_volume_is_never_requested_as_unencrypted() {
        let volume = |encrypted| {
            let (device, kind) = ("/dev/sda1".to_owned(), "gp3".to_owned());
            root_volume(&RootVolume { device, size_gib: 25, kind, encrypted })
        };
        let encrypted = |encrypted| volume(encrypted).ebs.expect("a volume").encrypted;
        assert_eq!((encrypted(true), encrypted(false)), (Some(true), None));
    }
}
