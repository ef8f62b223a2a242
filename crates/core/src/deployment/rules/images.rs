//! Images that cutover builds: what they are made from is clear, their commands are complete, and their commit is known.

use super::Rule;
use super::patterns::unknown;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{BUILD_PLACEHOLDERS, Base, Builder, Cloud, Deployment, Image, PACKER_VARIABLES, Role};

pub(super) const RULES: &[Rule] = &[
    one_way_to_build,
    patterns_have_an_owner,
    commands_are_complete,
    smoke_tests_have_known_placeholders,
    identities_are_paths,
    commits_come_from_a_clone,
    variables_are_the_teams_own,
];

/// The images that cutover builds, with where they are in the file.
fn built<'a>(deployment: &'a Deployment, file: &'a Node) -> impl Iterator<Item = (&'a Image, &'a Node)> {
    let images = Role::ALL.into_iter().filter_map(move |role| {
        let image = &deployment.role.services(role)?.image;
        Some((image, file.get("role").get(role.as_str()).get("image")))
    });
    images.filter(|(image, _)| image.is_built_here())
}

/// Those that it builds on an instance of its own.
fn built_on<'a>(deployment: &'a Deployment, file: &'a Node) -> impl Iterator<Item = (&'a Builder, &'a Node)> {
    built(deployment, file).filter_map(|(image, node)| Some((image.builder.as_ref()?, node)))
}

/// Where the file says how an image is built.
fn way<'a>(image: &Image, node: &'a Node) -> &'a Node {
    node.get(if image.packer.is_some() { "packer" } else { "builder" })
}

fn one_way_to_build(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let both = built(deployment, file).filter(|(image, _)| image.builder.is_some() && image.packer.is_some());
    let message = "the image has a builder and a Packer template, and is built in one way only";
    both.map(|(_, node)| Mistake::at(node.get("packer"), message, "leave out this section or `builder`")).collect()
}

/// Anybody can give an image any name, so a pattern alone could find a stranger's.
fn patterns_have_an_owner(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let without = built(deployment, file).filter(|(image, ..)| matches!(image.base(), Base::Newest { owner: "", .. }));
    let mistake = |(image, node): (&Image, &Node)| {
        let message = format!("`{}` is the pattern of a name, and anybody can give an image that name", image.base);
        Mistake::at(node.get("base"), message, "add base_owner beside it, such as \"099720109477\" (Ubuntu's)")
    };
    without.map(mistake).collect()
}

fn commands_are_complete(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (builder, node) in built_on(deployment, file) {
        for (nth, command) in builder.provision.iter().enumerate() {
            let node = node.get("builder").get("provision").item(nth);
            if command.first().is_none_or(String::is_empty) {
                let label = "such as [\"ansible-playbook\", \"edxapp.yml\"]";
                mistakes.push(Mistake::at(node, "a command is empty", label));
            }
            let words = command.iter().enumerate();
            mistakes.extend(words.flat_map(|(nth, word)| unknown(node.item(nth), word, &BUILD_PLACEHOLDERS)));
        }
    }
    mistakes
}

fn smoke_tests_have_known_placeholders(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let tests = deployment.role.services(role).into_iter().flat_map(|services| &services.smoke_tests);
        for (nth, text) in tests.enumerate().filter_map(|(nth, test)| Some((nth, test.contains.as_deref()?))) {
            let node = file.get("role").get(role.as_str()).get("smoke_test").item(nth).get("contains");
            mistakes.extend(unknown(node, text, &["commit"]));
        }
    }
    mistakes
}

/// They are removed with all that is in them, so a mistake must not remove a system.
fn identities_are_paths(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let is_one = |path: &str| {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        path.starts_with('/') && parts.len() >= 2 && !parts.iter().any(|part| matches!(*part, "" | "." | ".."))
    };
    let mut mistakes = Vec::new();
    for (builder, node) in built_on(deployment, file) {
        for (nth, path) in builder.identity.iter().enumerate().filter(|(_, path)| !is_one(path)) {
            let message = format!("`{path}` would be removed from the image, with all that is in it");
            let node = node.get("builder").get("identity").item(nth);
            mistakes.push(Mistake::at(node, message, "write for example \"/etc/salt/minion_id\""));
        }
    }
    for (image, node) in built(deployment, file) {
        let paths = image.packer.iter().flat_map(|packer| packer.identity.iter().enumerate());
        for (nth, path) in paths.filter(|(_, path)| !path.starts_with('/')) {
            let node = node.get("packer").get("identity").item(nth);
            let message = format!("hosts cannot be compared by `{path}`");
            mistakes.push(Mistake::at(node, message, "write an absolute path, such as \"/etc/salt/minion_id\""));
        }
    }
    mistakes
}

/// The commit of an image is that of the branch's ledger, which is in a clone.
fn commits_come_from_a_clone(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let has_clone = deployment.branches.as_ref().is_some_and(|branches| branches.repository.is_some());
    if deployment.cloud != Cloud::Aws || has_clone {
        return Vec::new();
    }
    let mistake = |(image, node): (&Image, &Node)| {
        let message =
            "the commit of the image comes from the ledger of the release branch, which is in a clone of the fork";
        Mistake::at(way(image, node), message, "needs `repository` under [branches]")
    };
    built(deployment, file).map(mistake).collect()
}

fn variables_are_the_teams_own(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (image, node) in built(deployment, file) {
        let names = image.packer.iter().flat_map(|packer| packer.variables.keys());
        let is_ours =
            |name: &&String| PACKER_VARIABLES.contains(&name.as_str()) || *name == "tags" || name.starts_with("tag_");
        mistakes.extend(names.filter(is_ours).map(|name| {
            let message = format!("cutover gives the variable {name} to the template itself");
            Mistake::at(node.get("packer").get("variables").get(name), message, "leave it out, or use another name")
        }));
    }
    mistakes
}
