//! What AWS refuses, checked only for deployments on AWS: the account, how hosts are launched, ids of existing
//! resources, and the bucket that holds the state. `naming` checks names.

use std::net::Ipv4Addr;

use super::Rule;
use super::naming::{is_bucket_name, no_bucket};
use crate::deployment::aws::is_region;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};
use crate::deployment::{Aws, Cloud, Deployment, HostGroup};

pub(super) const RULES: &[Rule] = &[
    section_is_there,
    account_is_a_number,
    region_is_one,
    words_are_not_empty,
    role_tags_tell_roles_apart,
    services_are_held_by_a_command,
    root_volume_can_boot,
    instance_types_are_some,
    networks_are_ids,
    distribution_is_an_id,
    balancers_have_names,
    state_lives_in_a_bucket,
];

/// The disk types that AWS boots from. The types `st1` and `sc1` cannot be a root disk.
const BOOTING: [&str; 5] = ["gp2", "gp3", "io1", "io2", "standard"];

/// The sizes of instances, apart from bare metal.
const SIZES: [&str; 17] = [
    "nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "3xlarge", "4xlarge", "6xlarge", "8xlarge",
    "9xlarge", "10xlarge", "12xlarge", "16xlarge", "18xlarge", "24xlarge",
];

fn section_is_there(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    if deployment.cloud != Cloud::Aws || deployment.aws.is_some() {
        return Vec::new();
    }
    let mistake = Mistake::at(file.get("cloud"), "nothing says which account and region this is", "needs [aws]");
    vec![mistake.help("add a section [aws] with account = \"123456789012\" and region = \"us-east-1\"")]
}

fn account_is_a_number(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(account) = section(deployment).and_then(|aws| aws.account.as_deref()) else { return Vec::new() };
    let is_number = |text: &str| text.len() == 12 && text.chars().all(|digit| digit.is_ascii_digit());
    if is_number(account) {
        return Vec::new();
    }
    let message = format!("`{account}` is not the number of an account");
    let mistake = Mistake::at(file.get("aws").get("account"), message, "has 12 digits");
    let bare = account.replace(['-', ' '], "");
    vec![if is_number(&bare) { mistake.help(format!("did you mean \"{bare}\"?")) } else { mistake }]
}

fn region_is_one(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(region) = section(deployment).and_then(|aws| aws.region.as_deref()) else { return Vec::new() };
    if is_region(region) {
        return Vec::new();
    }
    let message = format!("`{region}` is not a region");
    let mistake = Mistake::at(file.get("aws").get("region"), message, "write for example \"us-east-1\"");
    // The name of an availability zone is that of its region and a letter.
    let without_letter = region.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    vec![match is_region(without_letter) {
        true => mistake.help(format!("did you mean \"{without_letter}\", the region of that zone?")),
        false => mistake,
    }]
}

fn words_are_not_empty(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(aws) = section(deployment) else { return Vec::new() };
    [
        ("profile", &aws.profile, "leave it out to use what the `aws` command uses"),
        ("key_pair", &aws.key_pair, "leave it out to launch hosts without one"),
    ]
    .into_iter()
    .filter(|(_, word, _)| word.as_ref().is_some_and(|word| word.trim().is_empty()))
    .map(|(key, _, label)| Mistake::at(file.get("aws").get(key), format!("`aws.{key}` is empty"), label))
    .collect()
}

fn role_tags_tell_roles_apart(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(tags) = section(deployment).map(|aws| &aws.role_tags) else { return Vec::new() };
    let node = file.get("aws").get("role_tags");
    let both = [("edxapp", &tags.edxapp), ("worker", &tags.worker)];
    let empty = both.into_iter().filter(|(_, tag)| tag.trim().is_empty()).map(|(role, _)| {
        let message = format!("the role tag of {role} hosts is empty");
        Mistake::at(node.get(role), message, "write the value of their tag `role`")
    });
    let mut mistakes: Vec<Mistake> = empty.collect();
    if mistakes.is_empty() && tags.edxapp == tags.worker {
        let message = format!("hosts of both roles are tagged `{}`", tags.worker);
        let mistake = Mistake::at(node.get("worker"), message, "must differ from role_tags.edxapp");
        mistakes.push(mistake.help("otherwise workers are mistaken for hosts that serve the sites"));
    }
    mistakes
}

fn services_are_held_by_a_command(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(command) = section(deployment).and_then(|aws| aws.hold_services.as_ref()) else { return Vec::new() };
    let node = file.get("aws").get("hold_services");
    if command.is_empty() {
        let mistake = Mistake::at(node, "the command is empty", "leave it out to turn supervisor's autostart off");
        return vec![mistake.help("a worker that starts its services at boot takes tasks from the live site")];
    }
    let empty = command.iter().enumerate().filter(|(_, word)| word.trim().is_empty());
    empty.map(|(index, _)| Mistake::at(node.item(index), "a word of the command is empty", "remove it")).collect()
}

fn root_volume_can_boot(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(volume) = section(deployment).and_then(|aws| aws.root_volume.as_ref()) else { return Vec::new() };
    let node = file.get("aws").get("root_volume");
    let mut mistakes = Vec::new();
    if !BOOTING.contains(&volume.kind.as_str()) {
        let message = format!("no host boots from a disk of type `{}`", volume.kind);
        let label = format!("allowed: {}", list(BOOTING, "or"));
        mistakes.push(Mistake::at(node.get("kind"), message, label).suggest(&volume.kind, BOOTING));
    }
    let device = volume.device.strip_prefix("/dev/").or_else(|| volume.device.strip_prefix("xvd"));
    if device.is_none_or(str::is_empty) {
        let message = format!("`{}` is not the name of a device", volume.device);
        let label = "the image's root device, such as \"/dev/sda1\"";
        mistakes.push(Mistake::at(node.get("device"), message, label));
    }
    mistakes
}

fn instance_types_are_some(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let other = groups(deployment, file).into_iter().filter(|(group, _)| !is_instance_type(&group.instance_type));
    other
        .map(|(group, node)| {
            let (family, size) = group.instance_type.split_once('.').unwrap_or((&group.instance_type, ""));
            let message = format!("`{}` is not an instance type", group.instance_type);
            let mistake = Mistake::at(node.get("instance_type"), message, "write for example \"r5.large\"");
            let known = SIZES.map(|known| format!("{family}.{known}"));
            if is_family(family) && !size.is_empty() { mistake.suggest(&group.instance_type, known) } else { mistake }
        })
        .collect()
}

fn is_instance_type(text: &str) -> bool {
    let is_size = |size: &str| {
        let times = size.strip_suffix("xlarge").is_some_and(|times| times.chars().all(|digit| digit.is_ascii_digit()));
        times || SIZES.contains(&size) || size == "metal" || size.starts_with("metal-")
    };
    text.split_once('.').is_some_and(|(family, size)| is_family(family) && is_size(size))
}

fn is_family(text: &str) -> bool {
    let characters = text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    characters
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.contains(|c: char| c.is_ascii_digit())
}

fn networks_are_ids(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (group, node) in groups(deployment, file) {
        let (subnets, security_groups) = (node.get("subnets"), node.get("security_groups"));
        let ids = group.subnets.iter().enumerate().map(|(index, id)| (id, "subnet-", "a subnet", subnets.item(index)));
        let others = group.security_groups.iter().enumerate();
        let others = others.map(|(index, id)| (id, "sg-", "a security group", security_groups.item(index)));
        mistakes.extend(ids.chain(others).filter(|(id, prefix, ..)| !is_id(id, prefix)).map(
            |(id, prefix, what, node)| {
                let label = format!("`{prefix}` and digits of 0-9 and a-f");
                Mistake::at(node, format!("`{id}` is not the id of {what}"), label)
            },
        ));
    }
    mistakes
}

fn is_id(text: &str, prefix: &str) -> bool {
    let digit = |letter: char| letter.is_ascii_digit() || matches!(letter, 'a'..='f');
    text.strip_prefix(prefix).is_some_and(|digits| !digits.is_empty() && digits.chars().all(digit))
}

fn distribution_is_an_id(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let id = &deployment.maintenance_page.distribution;
    let characters = id.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit());
    if deployment.cloud != Cloud::Aws || (characters && (13..=14).contains(&id.len())) {
        return Vec::new();
    }
    let node = file.get("maintenance_page").get("distribution");
    let message = format!("`{id}` is not the id of a distribution");
    let mistake = Mistake::at(node, message, "13 or 14 upper-case letters and digits");
    vec![if id.contains('.') { mistake.help("its host name belongs in `domain`") } else { mistake }]
}

fn balancers_have_names(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let balancers = deployment.balancers.iter().enumerate().filter(|_| deployment.cloud == Cloud::Aws);
    balancers
        .filter(|(_, balancer)| balancer.domain.as_str().parse::<Ipv4Addr>().is_ok())
        .map(|(index, balancer)| {
            let message = format!("`{}` is an address, and sites' records are CNAMEs", balancer.domain);
            let node = file.get("balancer").item(index).get("domain");
            Mistake::at(node, message, "the balancer's own host name")
        })
        .collect()
}

fn state_lives_in_a_bucket(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(location) = deployment.state.location.strip_prefix("s3://") else { return Vec::new() };
    let node = file.get("state").get("location");
    if deployment.cloud != Cloud::Aws {
        let message = "state in a bucket needs `cloud = \"aws\"`";
        return vec![Mistake::at(node, message, "write a folder, such as \"./state\"")];
    }
    let (bucket, folder) = match location.split_once('/') {
        Some((bucket, folder)) => (bucket, Some(folder)),
        None => (location, None),
    };
    let mut mistakes = Vec::new();
    if !is_bucket_name(bucket) {
        mistakes.push(no_bucket(node, bucket));
    }
    // S3 treats such a path as different from the same one without these parts, but tools show both alike.
    if folder.is_some_and(|folder| folder.split('/').any(|part| matches!(part, "" | "." | ".."))) {
        let message = format!("the folder in `{}` has an empty or a relative part", deployment.state.location);
        mistakes.push(Mistake::at(node, message, "write s3://BUCKET/FOLDER, without a / at the end"));
    }
    mistakes
}

/// The section `[aws]` of a deployment on AWS.
fn section(deployment: &Deployment) -> Option<&Aws> {
    deployment.aws.as_ref().filter(|_| deployment.cloud == Cloud::Aws)
}

/// The host groups of a deployment on AWS, with their positions in the file.
fn groups<'a>(deployment: &'a Deployment, file: &'a Node) -> Vec<(&'a HostGroup, &'a Node)> {
    let fleets = deployment.fleets.iter().enumerate().filter(|_| deployment.cloud == Cloud::Aws);
    fleets
        .flat_map(|(index, fleet)| {
            let node = file.get("fleet").item(index);
            fleet.groups().map(move |(role, group)| (group, node.get(role.as_str())))
        })
        .collect()
}
