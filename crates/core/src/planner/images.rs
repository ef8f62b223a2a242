//! The images of next hosts: those that were built already, and the steps that build the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Inputs;
use super::blocked::Blocked;
use super::build::step;
use super::hosts::wanted_hosts;
use super::prepared::planned;
use crate::deployment::{Builder, Deployment, Fleet, Image, Role};
use crate::journal::StepStatus;
use crate::names::{ImageId, ImageName, InstanceId, StepId};
use crate::observation::{BranchHead, MachineImage, ReleaseBranch};
use crate::plan::{Action, BuildImage, ImageRef, Line, Step};

/// The image for a role: one that was already built for this release, or a step that builds it.
pub(super) fn image_of(inputs: Inputs<'_>, role: Role, steps: &mut Vec<Step>) -> ImageRef {
    let deployment = inputs.deployment;
    let new = build_image(inputs, role);
    let of_role = |step: &Step| matches!(&step.action, Action::BuildImage(build) if build.role == role);
    // When the phase is planned again, the step that built the image is kept, because other steps refer to it. If it
    // built something else, the image is built again under a new name.
    let kept = planned(inputs, |step| of_role(step) && builds_the_same(step, &new), |_| true)
        .or_else(|| planned(inputs, of_role, StepStatus::is_done));
    let wanted = head(inputs, image_in_file(deployment, role));
    let built = inputs.observation.images.iter().rev().find(|image| {
        image.role == role
            && image.available
            && *image.codename == *deployment.release.codename
            && *image.version == *deployment.release.version
            && wanted.is_none_or(|commit| image.commit.as_ref() == Some(commit))
    });
    if let (Some(image), None) = (built, &kept) {
        return ImageRef::Known(image.id.clone());
    }
    let step = kept.unwrap_or(new);
    let made_by = ImageRef::MadeBy(step.id.clone());
    steps.push(step);
    made_by
}

/// The image that `prepare` would build for a role, whether or not there is one already.
#[must_use]
pub fn image_to_build(inputs: Inputs<'_>, role: Role) -> Option<BuildImage> {
    match build_image(inputs, role).action {
        Action::BuildImage(build) => Some(build),
        _ => None,
    }
}

/// The commit that an image contains, which exists or is built by one of these steps.
pub(super) fn commit_in(inputs: Inputs<'_>, steps: &[Step], image: &ImageRef) -> Option<Arc<str>> {
    match image {
        ImageRef::Known(id) => inputs.observation.images.iter().find(|image| image.id == *id)?.commit.clone(),
        ImageRef::MadeBy(step) => match &steps.iter().find(|made| made.id == *step)?.action {
            Action::BuildImage(build) => {
                let known = || head(inputs, image_in_file(inputs.deployment, build.role)).cloned();
                build.commit.clone().or_else(known)
            }
            _ => None,
        },
    }
}

/// What the file says of the images of a role.
fn image_in_file(deployment: &Deployment, role: Role) -> &Image {
    deployment.role.services(role).map_or(&deployment.role.edxapp.image, |services| &services.image)
}

/// The commit that images of that branch must contain, where that is known.
fn head<'a>(inputs: Inputs<'a>, image: &Image) -> Option<&'a Arc<str>> {
    match &inputs.observation.branches.get(&image.branch)?.head {
        BranchHead::Ready(commit) => Some(commit),
        BranchHead::Refused { .. } => None,
    }
}

/// The first letters of a commit, for people.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// A builder with nothing left to fill in in its commands.
fn filled_in(builder: &Builder, deployment: &Deployment, image: &Image, commit: Option<&str>) -> Builder {
    let values = [
        ("repository", image.repository.as_str()),
        ("branch", &image.branch),
        ("commit", commit.unwrap_or_default()),
        ("codename", &deployment.release.codename),
        ("version", &deployment.release.version),
        ("deployment", deployment.name.as_str()),
    ];
    let fill = |word: &String| {
        values.iter().fold(word.clone(), |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
    };
    let provision = builder.provision.iter().map(|command| command.iter().map(fill).collect()).collect();
    Builder { provision, ..builder.clone() }
}

/// Whether two steps build the same image, whatever its number.
fn builds_the_same(one: &Step, other: &Step) -> bool {
    match (&one.action, &other.action) {
        (Action::BuildImage(one), Action::BuildImage(other)) => {
            BuildImage { name: other.name.clone(), ..one.clone() } == *other
        }
        _ => false,
    }
}

fn build_image(inputs: Inputs<'_>, role: Role) -> Step {
    let deployment = inputs.deployment;
    let image = image_in_file(deployment, role);
    let name = next_image_name(inputs, &image.name, role);
    let commit = head(inputs, image).filter(|_| image.is_built_here()).cloned();
    let mut tags = BTreeMap::from([
        ("environment".to_owned(), deployment.name.to_string()),
        ("role".to_owned(), deployment.role_tag(role).to_owned()),
        ("edx_codename".to_owned(), deployment.release.codename.clone()),
        ("release-version".to_owned(), deployment.release.version.clone()),
        ("repository".to_owned(), image.repository.clone()),
        ("branch".to_owned(), image.branch.clone()),
        ("cutover-upgrade".to_owned(), deployment.upgrade().to_string()),
    ]);
    tags.extend(commit.iter().map(|commit| ("commit".to_owned(), commit.to_string())));
    let title = match &commit {
        Some(commit) => format!("build image {name} from {} at {}", image.branch, short(commit)),
        None => format!("build image {name} from {}", image.branch),
    };
    let base = inputs.observation.bases.get(&role).map(|base| base.id.to_string());
    let builder = image.builder.as_ref().map(|builder| filled_in(builder, deployment, image, commit.as_deref()));
    let action = Action::BuildImage(BuildImage {
        name,
        role,
        base: base.unwrap_or_else(|| image.base.clone()),
        repository: image.repository.clone(),
        branch: image.branch.clone(),
        commit,
        builder,
        packer: image.packer.clone(),
        tags,
    });
    step(format!("prepare.image.{role}"), Line::BuildImages, title, action)
        .takes(image.expected.duration(), image.limit.duration())
}

/// The first name of the pattern whose number is higher than those of all images of the role.
fn next_image_name(inputs: Inputs<'_>, pattern: &str, role: Role) -> ImageName {
    let count = |n: u64| {
        let name = pattern
            .replace("{deployment}", inputs.deployment.name.as_str())
            .replace("{codename}", &inputs.deployment.release.codename)
            .replace("{n}", &n.to_string());
        ImageName::from(name)
    };
    let of_role = inputs.observation.images.iter().filter(|image| image.role == role);
    let last = of_role.filter_map(|image| trailing_number(image.name.as_str())).max().unwrap_or(0);
    count(last + 1)
}

fn trailing_number(name: &str) -> Option<u64> {
    let digits = name.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Why `prepare` cannot have the images that it needs.
pub(super) fn not_to_be_had(inputs: Inputs<'_>) -> Vec<Blocked> {
    let roles: BTreeSet<Role> = inputs.deployment.fleets.iter().flat_map(Fleet::groups).map(|(role, _)| role).collect();
    let of_role = |role: Role| {
        let mut steps = Vec::new();
        match image_of(inputs, role, &mut steps) {
            ImageRef::Known(id) => of_known(inputs, role, &id),
            ImageRef::MadeBy(step) if is_built(inputs, &step) => Vec::new(),
            ImageRef::MadeBy(_) => not_to_be_built(inputs, role),
        }
    };
    roles.into_iter().flat_map(of_role).collect()
}

/// Whether the recorded plan has built that image.
fn is_built(inputs: Inputs<'_>, step: &StepId) -> bool {
    planned(inputs, |planned| planned.id == *step, StepStatus::is_done).is_some()
}

/// Why an image that cutover builds cannot be built.
fn not_to_be_built(inputs: Inputs<'_>, role: Role) -> Vec<Blocked> {
    let image = image_in_file(inputs.deployment, role);
    if !image.is_built_here() {
        return Vec::new();
    }
    let no_base = !inputs.observation.bases.contains_key(&role);
    let no_base = no_base.then(|| Blocked::NoBase { role, base: image.base.clone() });
    let branch = image.branch.clone();
    let refused = match inputs.observation.branches.get(&image.branch).map(|branch| &branch.head) {
        Some(BranchHead::Ready(_)) => None,
        Some(BranchHead::Refused { why, remedy }) => Some((why.clone(), remedy.clone())),
        None => {
            Some(("it is not known here".to_owned(), "name a clone of the fork in [branches] repository".to_owned()))
        }
    };
    let refused = refused.map(|(why, remedy)| Blocked::NotBuildable { branch, why, remedy });
    no_base.into_iter().chain(refused).collect()
}

/// The images of next hosts of which no ledger accounts for the commit. They are not looked for once visitors may see the page:
/// then the window goes on.
pub(super) fn unaccounted_hosts(inputs: Inputs<'_>) -> Vec<Blocked> {
    let wanted = wanted_hosts(inputs.deployment);
    let launched: BTreeSet<&InstanceId> = wanted.iter().filter_map(|host| inputs.upgrade.launched.get(host)).collect();
    let hosts = inputs.observation.instances.iter().filter(|instance| launched.contains(&instance.id));
    let used: BTreeSet<(Role, &ImageId)> = hosts.map(|instance| (instance.role, &instance.image)).collect();
    used.into_iter().flat_map(|(role, id)| of_known(inputs, role, id)).collect()
}

/// Why hosts may not run an existing image, if the release branch is known.
fn of_known(inputs: Inputs<'_>, role: Role, id: &ImageId) -> Vec<Blocked> {
    let branch = &image_in_file(inputs.deployment, role).branch;
    let found = inputs.observation.images.iter().find(|image| image.id == *id);
    let (Some(image), Some(known)) = (found, inputs.observation.branches.get(branch)) else { return Vec::new() };
    unaccounted(image, known, branch).into_iter().collect()
}

fn unaccounted(image: &MachineImage, known: &ReleaseBranch, branch: &str) -> Option<Blocked> {
    let commit = image.commit.as_deref();
    let accounted = commit.is_some_and(|commit| known.accounts_for(commit));
    (!accounted).then(|| Blocked::NotAccounted {
        image: image.name.clone(),
        commit: commit
            .map_or_else(|| "a commit that its tags do not name".to_owned(), |commit| short(commit).to_owned()),
        branch: branch.to_owned(),
    })
}
