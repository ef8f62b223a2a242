//! What a plan costs: the instances on which images are built, and the storage of the images.

use std::time::Duration;

use serde::Serialize;

use super::{Action, Plan};
use crate::deployment::{Deployment, Prices};

/// What building the images of a plan costs, about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BuildCost {
    /// The currency.
    pub currency: String,
    /// What the instances cost, if the builds take as long as the file expects.
    pub instances: f64,
    /// What the images cost a month, for as long as they are kept: at most, as if every GiB of their disks were used.
    pub images_month: f64,
    /// What is not counted, and why, in words.
    pub not_counted: Vec<String>,
}

impl BuildCost {
    /// What the plan's builds cost. Nothing if it builds no images, or the file gives no prices.
    #[must_use]
    pub fn of(plan: &Plan, deployment: &Deployment) -> Option<Self> {
        let prices = deployment.prices.as_ref()?;
        let mut cost =
            Self { currency: prices.currency.clone(), instances: 0.0, images_month: 0.0, not_counted: Vec::new() };
        let mut builds = 0;
        for step in &plan.steps {
            let Action::BuildImage(build) = &step.action else { continue };
            builds += 1;
            match &build.builder {
                None => cost.not_counted.push(format!("{}, which cutover does not launch an instance for", build.name)),
                Some(builder) => {
                    cost.add_instance(prices, &builder.instance_type, step.expected);
                    cost.add_image(prices, build.name.as_str(), builder.root_volume.as_ref().map(|disk| disk.size_gib));
                }
            }
        }
        cost.not_counted.dedup();
        (builds > 0).then_some(cost)
    }

    fn add_instance(&mut self, prices: &Prices, kind: &str, length: Duration) {
        match prices.instance_hour.get(kind) {
            Some(price) => self.instances += price.value() * length.as_secs_f64() / 3600.0,
            None => self.not_counted.push(format!("hours of {kind}, whose price the file does not give")),
        }
    }

    fn add_image(&mut self, prices: &Prices, name: &str, gib: Option<u32>) {
        match (&prices.image_gib_month, gib) {
            (Some(price), Some(gib)) => self.images_month += price.value() * f64::from(gib),
            (Some(_), None) => self.not_counted.push(format!("the storage of {name}: the file gives no root_volume")),
            (None, _) => self.not_counted.push("storage, whose price the file does not give".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::deployment::{Builder, Role, RootVolume, parse, template};
    use crate::plan::{BuildImage, Phase, Step};
    use crate::testing::{plan, step};

    fn build(role: Role, builder: Option<Builder>) -> Step {
        let build = BuildImage {
            name: role.to_string().into(),
            role,
            base: "ami-0".to_owned(),
            repository: "r".to_owned(),
            branch: "b".to_owned(),
            commit: None,
            builder,
            packer: None,
            tags: BTreeMap::new(),
        };
        Step { expected: Duration::from_secs(5400), ..step(role.as_str(), Action::BuildImage(build), &[]) }
    }

    fn builder(kind: &str, gib: Option<u32>) -> Builder {
        let disk =
            |size_gib| RootVolume { device: "/dev/sda1".to_owned(), size_gib, kind: "gp3".to_owned(), encrypted: true };
        Builder {
            instance_type: kind.to_owned(),
            subnet: "subnet-1".to_owned(),
            security_groups: Vec::new(),
            profile: None,
            root_volume: gib.map(disk),
            provision: Vec::new(),
            identity: Vec::new(),
        }
    }

    /// The cost of these builds, with the price of an hour of `m5.xlarge`, and of a month of a GiB.
    fn cost(steps: Vec<Step>) -> Option<BuildCost> {
        let mut deployment = parse(template()).expect("the template has no mistakes");
        let price = |text: &str| text.parse().expect("a price");
        let instance_hour = [("m5.xlarge".to_owned(), price("0.192"))].into();
        let image_gib_month = Some(price("0.05"));
        deployment.prices = Some(Prices { currency: "USD".to_owned(), instance_hour, image_gib_month });
        BuildCost::of(&plan(Phase::Prepare, steps), &deployment)
    }

    #[test]
    fn hours_of_instances_and_months_of_storage_are_added_up() {
        let steps = Role::ALL.map(|role| build(role, Some(builder("m5.xlarge", Some(50))))).to_vec();
        let cost = cost(steps).expect("it builds images");
        assert!((cost.instances - 0.576).abs() < 1e-9 && (cost.images_month - 5.0).abs() < 1e-9, "{cost:?}");
        assert_eq!(cost.not_counted, [""; 0]);
    }

    #[test]
    fn what_has_no_price_is_named_and_a_plan_that_builds_nothing_costs_nothing() {
        assert_eq!(cost(Vec::new()), None);
        let unknown = cost(vec![build(Role::Edxapp, Some(builder("x9.huge", None))), build(Role::Worker, None)]);
        let told = unknown.expect("it builds images").not_counted.join("; ");
        for words in
            ["hours of x9.huge", "the storage of edxapp: the file gives no root_volume", "worker, which cutover"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
