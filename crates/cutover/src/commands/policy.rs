//! `cutover policy`: the least-privilege IAM policy for a deployment, on standard output. It makes no calls to AWS.

use cutover_aws::policy::{LONGEST, policy};
use cutover_core::deployment::Cloud;
use cutover_core::plan::Phase;

use crate::args::PolicyArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output;
use crate::session::Loaded;

pub(super) fn run(args: &PolicyArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    let deployment = &loaded.deployment;
    let phases = match args.phase {
        Some(phase) => vec![phase.into()],
        None => Phase::ALL.to_vec(),
    };
    let account = deployment.aws.as_ref().and_then(|aws| aws.account.as_deref());
    let region = deployment.aws.as_ref().and_then(|aws| aws.region.as_deref());
    let policy = policy(deployment, &phases, account, region);
    output::json(&policy)?;
    if policy.length() > LONGEST {
        output::note(&format!(
            "this policy has {} characters, and IAM takes {LONGEST} in a managed policy: print one for each phase, with --phase",
            policy.length()
        ));
    }
    if deployment.cloud == Cloud::Embedded {
        let file = args.file.display();
        output::note(&format!(
            "{file} uses the embedded cloud, which needs no policy; this policy is for `cloud = \"aws\"`."
        ));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::rc::Rc;

    use cutover_aws::policy::{When, methods};
    use cutover_core::deployment::{Aws, Builder, Deployment, Dns, Packer, parse};
    use cutover_core::plan::{Action, Order};
    use cutover_core::time::Span;
    use cutover_rehearsal::rehearse;

    use super::*;

    const PRODUCTION: &str = include_str!("../../../../examples/mitx-production.toml");

    fn production() -> Deployment {
        let deployment = parse(PRODUCTION).expect("the example has no mistakes");
        let [account, region] = ["123456789012", "us-east-1"].map(|word| Some(word.to_owned()));
        Deployment { aws: Some(Aws { account, region, ..Aws::default() }), ..deployment }
    }

    /// The methods of ports that ask AWS, among those with which the engine observes and carries out an action.
    fn methods_of(action: &Action) -> &'static [&'static str] {
        match action {
            Action::PublishPage(_) => &["pages.page", "pages.put_page", "pages.invalidate", "pages.invalidated"],
            Action::ChangeRecords(_) => &["dns.records", "dns.change_records", "dns.in_sync", "dns.ask_servers"],
            Action::BuildImage(build) if build.builder.is_some() => &[
                "images.images",
                "images.remove",
                "builders.builders",
                "builders.launch_builder",
                "builders.stop_builder",
                "builders.make_image",
                "builders.require_tokens",
                "builders.discard_builder",
            ],
            Action::BuildImage(build) if build.packer.is_some() => {
                &["images.images", "images.remove", "packers.packer_rests", "packers.remove_packer_rest"]
            }
            Action::BuildImage(_) => &["images.images", "images.build"],
            Action::Launch(_) => &["compute.instances", "compute.launch"],
            Action::TakeSnapshot { .. } => &["databases.snapshot", "databases.begin_snapshot"],
            Action::Register(_) => &["balancers.health", "balancers.register"],
            Action::Deregister(_) => &["balancers.health", "compute.lives", "balancers.deregister"],
            Action::AwaitHealthy(_) | Action::AwaitDrained(_) => &["balancers.health"],
            Action::Terminate { .. } => {
                &["balancers.health", "compute.instances", "compute.lives", "compute.terminate"]
            }
            Action::RemoveImage { .. } => &["images.images", "images.disks", "images.remove", "images.remove_disk"],
            // People, waiting, resolvers, checks of sites from outside, and work on hosts.
            Action::Milestone
            | Action::WaitUntil { .. }
            | Action::Decide(_)
            | Action::Announce(_)
            | Action::Capture { .. }
            | Action::AwaitResolvers(_)
            | Action::SmokeTest { .. }
            | Action::HoldBack(_)
            | Action::PutBack(_)
            | Action::RunCommands(_)
            | Action::StopServices(_)
            | Action::StartServices(_)
            | Action::DrainQueues { .. }
            | Action::AwaitSessions(_)
            | Action::CheckStorage(_)
            | Action::CountRows(_)
            | Action::ReadStatements(_)
            | Action::ConfirmStopped { .. }
            | Action::ConfirmRunning { .. }
            | Action::Migrate(_)
            | Action::CheckSite(_)
            | Action::Baseline(_)
            | Action::Soak(_)
            | Action::WriteCheck(_) => &[],
        }
    }

    #[test]
    fn the_policy_of_the_built_in_deployment() {
        let deployment = production();
        let aws = deployment.aws.as_ref().expect("a section");
        let policy = policy(&deployment, &Phase::ALL, aws.account.as_deref(), aws.region.as_deref());
        insta::assert_snapshot!(serde_json::to_string_pretty(&policy).expect("JSON"));
    }

    /// The same with images of workers that cutover builds on an instance, and others that Packer builds.
    fn building() -> Deployment {
        let mut deployment = production();
        let builder = Builder {
            instance_type: "m5.xlarge".to_owned(),
            subnet: "subnet-build".to_owned(),
            security_groups: vec!["sg-build".to_owned()],
            profile: Some("image-builder".to_owned()),
            root_volume: None,
            provision: vec![vec!["true".to_owned()]],
            identity: Vec::new(),
        };
        let worker = deployment.role.worker.as_mut().expect("it has workers");
        worker.image.base_owner = Some("099720109477".to_owned());
        worker.image.builder = Some(builder);
        let (template, program) = ("edxapp.json".to_owned(), "packer".to_owned());
        deployment.role.edxapp.image.base_owner = Some("099720109477".to_owned());
        deployment.role.edxapp.image.packer =
            Some(Packer { template, only: None, program, variables: BTreeMap::new(), identity: Vec::new() });
        deployment
    }

    #[test]
    fn building_images_adds_to_the_policy_of_prepare_what_builders_and_images_need() {
        let statements = |deployment: &Deployment| {
            let policy = policy(deployment, &[Phase::Prepare], Some("123456789012"), Some("us-east-1"));
            policy.statement.iter().map(|one| serde_json::to_string_pretty(one).expect("JSON")).collect::<Vec<_>>()
        };
        let before = statements(&production());
        let new = statements(&building()).into_iter().filter(|one| !before.contains(one));
        insta::assert_snapshot!(new.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn the_policy_of_each_phase_allows_exactly_the_methods_that_its_plan_needs() {
        // One with images that cutover builds, and one with images that are built by other means.
        let rehearsed = [building(), production()].map(|deployment| {
            let deployment =
                Deployment { dns: Dns { window_ttl: Span::seconds(30), ..production().dns }, ..deployment };
            rehearse(&deployment, 1, Order::Overlapped, |_| {}, Rc::new(|_| {})).expect("it begins")
        });
        let mut used = BTreeSet::new();
        for run in rehearsed.iter().flat_map(|rehearsed| rehearsed.upgrade.last_runs()) {
            let phase = run.plan.phase;
            let methods = run.plan.steps.iter().flat_map(|step| methods_of(&step.action));
            // The fence is raised before the first write of any phase.
            let methods = methods.chain(&["dns.fence", "dns.change_records"]);
            used.extend(methods.map(|name| (*name, phase)));
        }
        let is_always = |name: &str| {
            let method = methods().iter().find(|method| method.name == name);
            method.unwrap_or_else(|| panic!("no method {name}")).when == When::Always
        };
        used.retain(|(name, _)| !is_always(name));
        let in_table = methods().iter().flat_map(|method| match method.when {
            When::Always => Vec::new(),
            When::In(phases) => phases.iter().map(|phase| (method.name, *phase)).collect(),
        });
        assert_eq!(in_table.collect::<BTreeSet<_>>(), used);
    }
}
