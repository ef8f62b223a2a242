//! Release branches: patterns give names that git accepts, remotes differ, images are of the right release.

use super::Rule;
use super::patterns::{lacking, unknown};
use crate::deployment::branches::codename;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{Branches, Deployment, Role};

pub(super) const RULES: &[Rule] = &[
    repository_is_named,
    remotes_are_two,
    patterns_are_complete,
    patterns_are_apart,
    protected_branches_are_names,
    images_are_of_the_release,
];

fn repository_is_named(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let Some(repository) = deployment.branches.as_ref().and_then(|branches| branches.repository.as_ref()) else {
        return Vec::new();
    };
    let node = file.get("branches").get("repository");
    let empty = repository.trim().is_empty();
    let mistake = || Mistake::at(node, "the repository has no path", "the folder of a clone of the fork");
    empty.then(mistake).into_iter().collect()
}

fn remotes_are_two(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let (Some(branches), section) = (&deployment.branches, file.get("branches")) else { return Vec::new() };
    let remotes = [("upstream", &branches.upstream), ("origin", &branches.origin)];
    let mut mistakes: Vec<Mistake> =
        remotes.iter().filter_map(|(key, name)| no_name(section.get(key), name, "remote")).collect();
    if branches.upstream == branches.origin {
        let message = format!("releases come from `{}`, and our branches would be pushed to it", branches.origin);
        let mistake = Mistake::at(section.get("origin"), message, "must differ from upstream");
        mistakes.push(mistake.help("upstream is the project's repository, origin the fork's"));
    }
    mistakes
}

fn patterns_are_complete(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let (Some(branches), section) = (&deployment.branches, file.get("branches")) else { return Vec::new() };
    let ours = pattern(section.get("ours"), &branches.ours, &["codename"]);
    let theirs = branches.theirs.iter().enumerate();
    let theirs =
        theirs.flat_map(|(index, text)| pattern(section.get("theirs").item(index), text, &["codename", "candidate"]));
    ours.into_iter().chain(theirs).collect()
}

fn pattern(node: &Node, text: &str, known: &[&str]) -> Vec<Mistake> {
    let mut mistakes = unknown(node, text, known);
    mistakes.extend(lacking(node, text, "codename", "every release would have the same branch"));
    for name in known {
        if text.matches(&format!("{{{name}}}")).count() > 1 {
            mistakes.push(Mistake::at(node, format!("`{{{name}}}` appears in the pattern twice"), "once is enough"));
        }
    }
    if mistakes.is_empty() {
        mistakes.extend(no_name(node, &filled(text), "branch"));
    }
    mistakes
}

/// A branch that is both ours and upstream's would be rebased onto itself.
fn patterns_are_apart(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let (Some(branches), section) = (&deployment.branches, file.get("branches")) else { return Vec::new() };
    let both = |theirs: &str| {
        codename(theirs, &filled(&branches.ours)).is_some() || codename(&branches.ours, &filled(theirs)).is_some()
    };
    let theirs = branches.theirs.iter().enumerate().filter(|(_, theirs)| both(theirs));
    theirs
        .map(|(index, theirs)| {
            let message = format!("upstream's `{theirs}` and our `{}` make the same names", branches.ours);
            let node = section.get("theirs").item(index);
            Mistake::at(node, message, "must differ from ours").help("nobody could tell whose a branch is")
        })
        .collect()
}

fn protected_branches_are_names(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let (Some(branches), section) = (&deployment.branches, file.get("branches")) else { return Vec::new() };
    let protected = branches.protected.iter().enumerate();
    protected.filter_map(|(index, name)| protected_name(section.get("protected").item(index), name, branches)).collect()
}

fn protected_name(node: &Node, name: &str, branches: &Branches) -> Option<Mistake> {
    // Wildcards are replaced by a letter, so that the rest of the pattern is checked as a name.
    no_name(node, &name.replace(['*', '?'], "x"), "branch").or_else(|| {
        codename(&branches.ours, name)?;
        let message = format!("`{name}` is protected, and `{}` makes that name", branches.ours);
        Some(Mistake::at(node, message, "one of our release branches").help("it could never be published"))
    })
}

/// A branch of another release is usually a leftover of the last upgrade. Branches whose names contain no code name are
/// not checked.
fn images_are_of_the_release(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    // A pattern with a mistake would find wrong code names in branches.
    let sound = patterns_are_complete(deployment, file).is_empty();
    let Some(branches) = deployment.branches.as_ref().filter(|_| sound) else { return Vec::new() };
    let wanted = deployment.release.codename.as_str();
    let mut mistakes = Vec::new();
    for role in Role::ALL {
        let Some(services) = deployment.role.services(role) else { continue };
        let branch = services.image.branch.as_str();
        let Some(other) = branches.codename(branch).filter(|codename| *codename != wanted) else { continue };
        let node = file.get("role").get(role.as_str()).get("image").get("branch");
        let message = format!("{role} images of {wanted} would be built from `{branch}`, a branch of {other}");
        let ours = branches.ours.replace("{codename}", wanted);
        mistakes.push(Mistake::at(node, message, format!("the release is {wanted}: \"{ours}\"?")));
    }
    mistakes
}

/// An example of a name that a pattern makes.
fn filled(pattern: &str) -> String {
    pattern.replace("{codename}", "koa").replace("{candidate}", "rc1")
}

fn no_name(node: &Node, name: &str, kind: &str) -> Option<Mistake> {
    let flaw = flaw(name)?;
    Some(Mistake::at(node, format!("git accepts no {kind} of that name"), flaw))
}

/// Why git does not accept a name, following git-check-ref-format(1).
fn flaw(name: &str) -> Option<&'static str> {
    let odd = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if name.is_empty() {
        Some("must not be empty")
    } else if name.starts_with('-') {
        Some("must not begin with a dash, like an option")
    } else if name.chars().any(|letter| letter.is_control() || letter == ' ') {
        Some("no spaces, newlines or other control characters")
    } else if name.contains(['~', '^', ':', '?', '*', '[', '\\']) || name.contains("..") || name.contains("@{") {
        Some("must not contain any of  ~ ^ : ? * [ \\ .. @{")
    } else if name.split('/').any(odd) || name.ends_with('.') || name == "@" {
        Some("no part may be empty, begin with a dot, or end in .lock or a dot")
    } else {
        None
    }
}
