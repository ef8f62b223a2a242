//! Images that cutover builds: what they are made from is clear, their commands are complete, and their commit is known.

use super::Rule;
use super::patterns::unknown;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{BUILD_PLACEHOLDERS, Base, Builder, Cloud, Deployment, Image, Role};

pub(super) const RULES: &[Rule] = &[
    patterns_have_an_owner,
    commands_are_complete,
    smoke_tests_have_known_placeholders,
    identities_are_paths,
    commits_come_from_a_clone,
];

/// The images that cutover builds, with where they are in the file.
fn built<'a>(deployment: &'a Deployment, file: &'a Node) -> impl Iterator<Item = (&'a Image, &'a Builder, &'a Node)> {
    Role::ALL.into_iter().filter_map(move |role| {
        let image = &deployment.role.services(role)?.image;
        Some((image, image.builder.as_ref()?, file.get("role").get(role.as_str()).get("image")))
    })
}

/// Anybody can give an image any name, so a pattern alone could find a stranger's.
fn patterns_have_an_owner(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let without = built(deployment, file).filter(|(image, ..)| matches!(image.base(), Base::Newest { owner: "", .. }));
    let mistake = |(image, _, node): (&Image, &Builder, &Node)| {
        let message = format!("`{}` is the pattern of a name, and anybody can give an image that name", image.base);
        Mistake::at(node.get("base"), message, "add base_owner beside it, such as \"099720109477\" (Ubuntu's)")
    };
    without.map(mistake).collect()
}

fn commands_are_complete(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (_, builder, node) in built(deployment, file) {
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
    for (_, builder, node) in built(deployment, file) {
        for (nth, path) in builder.identity.iter().enumerate().filter(|(_, path)| !is_one(path)) {
            let message = format!("`{path}` would be removed from the image, with all that is in it");
            let node = node.get("builder").get("identity").item(nth);
            mistakes.push(Mistake::at(node, message, "write for example \"/etc/salt/minion_id\""));
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
    let mistake = |(_, _, node): (&Image, &Builder, &Node)| {
        let message =
            "the commit of the image comes from the ledger of the release branch, which is in a clone of the fork";
        Mistake::at(node.get("builder"), message, "needs `repository` under [branches]")
    };
    built(deployment, file).map(mistake).collect()
}
