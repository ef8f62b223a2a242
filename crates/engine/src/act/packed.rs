//! Images that Packer builds from a template of the team, on the machine where cutover runs.
//!
//! Packer goes on without cutover, so what comes next follows from what there is: the image, and the build with the token of this
//! attempt. The machine is recorded before Packer is started, because no other machine can tell whether it runs. An attempt after a
//! failure has another token; what attempts before have left in the account is removed first.

use cutover_core::deployment::Packer;
use cutover_core::journal::Fact;
use cutover_core::names::ImageId;
use cutover_core::observation::MachineImage;
use cutover_core::packing::{PackerBuild, PackerMachine, PackerRest, PackerState};
use cutover_core::plan::BuildImage;

use super::builds::{TAIL, commit, exists_with_another_commit};
use super::{Seen, StepContext};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::Answer;

/// For how long an image that Packer has made may not be listed yet.
const LISTED_WITHIN_SECONDS: u64 = 120;

/// What there is of a build.
struct Sight<'a> {
    build: &'a BuildImage,
    image: Option<&'a MachineImage>,
    packed: &'a PackerBuild,
    /// Another machine on which this attempt was started, according to the journal.
    elsewhere: Option<&'a PackerMachine>,
    /// What attempts before have left in the account, with the token of each.
    rests: &'a [(String, PackerRest)],
    /// Whether Packer has certainly had time to be started, or its image to be listed, since this process first saw that it was not.
    is_overdue: bool,
    failures: u32,
}

/// What comes next in a build.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing: the image is there.
    Nothing,
    Wait(String),
    /// The same, for an image that is not listed yet.
    WaitForListing,
    Start,
    /// What an attempt before has left behind is removed.
    Remove(String, PackerRest),
    RemoveFailed(ImageId),
    Fail(Failure),
}

pub(super) async fn built(context: &StepContext<'_>, build: &BuildImage) -> Answer<Seen> {
    Ok(match next(context, build).await? {
        Next::Nothing => Seen::Holds(Vec::from_iter(commit(build))),
        Next::Wait(what) => Seen::UnderWay(what),
        Next::WaitForListing => Seen::UnderWay(format!("Packer has succeeded; image {} is not listed yet", build.name)),
        Next::Start => Seen::NotYet,
        Next::Remove(_, rest) => Seen::Due(format!("{rest}, which an attempt before has left behind, is removed")),
        Next::RemoveFailed(id) => Seen::Due(format!("image {id}, which has failed, is removed")),
        Next::Fail(why) => Seen::Never(why),
    })
}

/// Makes the call that comes next.
pub(super) async fn build(context: &StepContext<'_>, build: &BuildImage, packer: &Packer) -> Result<(), WriteError> {
    let packers = &context.world.packers;
    match next(context, build).await? {
        Next::Nothing | Next::Wait(_) | Next::WaitForListing => Ok(()),
        Next::Fail(why) => Err(why.into()),
        Next::Start => {
            let token = token(context, context.failures);
            context.learn(Fact::Packing { token: token.clone(), machine: packers.machine() }).await?;
            let start = async |permit: &_| packers.start_packer(permit, build, packer, &token).await;
            context.write("start_packer", start).await
        }
        Next::Remove(token, rest) => {
            let remove = async |permit: &_| packers.remove_packer_rest(permit, &token, &rest).await;
            context.write("remove_packer_rest", remove).await
        }
        Next::RemoveFailed(id) => {
            context.write("remove", async |permit| context.world.images.remove(permit, &id).await).await
        }
    }
}

/// The token of an attempt's build, after so many failures.
pub(super) fn token(context: &StepContext<'_>, failures: u32) -> String {
    format!("{}-{failures}", context.token())
}

async fn next(context: &StepContext<'_>, build: &BuildImage) -> Answer<Next> {
    let images = context.ask(async |_| context.readings.images().await).await?;
    let image = images.iter().find(|image| image.name == build.name);
    if let Some(image) = image {
        context.note(Fact::ImageBuilt { name: build.name.clone(), image: image.id.clone() });
    }
    let token = token(context, context.failures);
    let packed = context.ask(async |world| world.packers.packed(&token).await).await?;
    for instance in &packed.made.instances {
        context.note(Fact::Builder { image: build.name.clone(), instance: instance.clone() });
    }
    output(&token, &packed).into_iter().for_each(|fact| context.note(fact));
    let elsewhere = elsewhere(context, &token);
    let rests = rests_of_attempts_before(context).await?;
    let awaits_listing = packed.state == PackerState::Ended(0) && image.is_none();
    let is_overdue = awaits_listing && context.has_lasted().as_secs() > LISTED_WITHIN_SECONDS;
    Ok(decide(&Sight {
        build,
        image,
        packed: &packed,
        elsewhere: elsewhere.as_ref(),
        rests: &rests,
        is_overdue,
        failures: context.failures,
    }))
}

/// The end of the output, once there is no more of it.
pub(super) fn output(token: &str, packed: &PackerBuild) -> Option<Fact> {
    let has_ended = matches!(packed.state, PackerState::Ended(_) | PackerState::Died);
    let (token, lines, before) = (token.to_owned(), packed.lines.clone(), packed.before);
    has_ended.then_some(Fact::BuildOutput { token, lines, before })
}

/// The other machine on which the build was started.
fn elsewhere(context: &StepContext<'_>, token: &str) -> Option<PackerMachine> {
    let this = context.world.packers.machine();
    let is_elsewhere = |fact: &Fact| match fact {
        Fact::Packing { token: of, machine } if of == token && machine.id != this.id => Some(machine.clone()),
        _ => None,
    };
    context.run().facts.iter().rev().find_map(is_elsewhere)
}

async fn rests_of_attempts_before(context: &StepContext<'_>) -> Answer<Vec<(String, PackerRest)>> {
    let mut rests = Vec::new();
    for failures in 0..context.failures {
        let token = token(context, failures);
        let packed = context.ask(async |world| world.packers.packed(&token).await).await?;
        let found = context.ask(async |world| world.packers.packer_rests(&token, &packed.made).await).await?;
        rests.extend(found.into_iter().map(|rest| (token.clone(), rest)));
    }
    Ok(rests)
}

/// What comes next, from what there is.
fn decide(sight: &Sight<'_>) -> Next {
    match sight.rests.first() {
        Some((_, PackerRest::Ending(id))) => {
            return Next::Wait(format!("instance {id} of an attempt before is terminated"));
        }
        Some((token, rest)) => return Next::Remove(token.clone(), rest.clone()),
        None => {}
    }
    let packed = sight.packed;
    match (&packed.state, sight.image) {
        // Packer tags the image when it is available, and is still at work then.
        (PackerState::Running, _) => {
            let said = packed.lines.last().map(|line| format!(": {line}")).unwrap_or_default();
            Next::Wait(format!("Packer builds image {}{said}", sight.build.name))
        }
        (PackerState::Ended(0) | PackerState::None, Some(image)) => of_image(sight, image),
        (PackerState::Ended(0), None) if sight.is_overdue => Next::Fail(not_listed(sight.build)),
        (PackerState::Ended(0), None) => Next::WaitForListing,
        (PackerState::None, None) => match sight.elsewhere {
            Some(machine) => Next::Fail(runs_elsewhere(&machine.host)),
            None => Next::Start,
        },
        (PackerState::Elsewhere { host }, _) => Next::Fail(runs_elsewhere(host)),
        (PackerState::Ended(status), _) => {
            Next::Fail(failed(packed, &format!("Packer ended with exit status {status}")))
        }
        (PackerState::Died, _) => Next::Fail(failed(packed, "Packer was killed, or this machine was restarted")),
    }
}

fn of_image(sight: &Sight<'_>, image: &MachineImage) -> Next {
    let called = format!("image {} ({})", image.name, image.id);
    match &image.failed {
        // What an operator has seen fail is built anew under the same name.
        Some(_) if sight.failures > 0 && sight.packed.state == PackerState::None => {
            Next::RemoveFailed(image.id.clone())
        }
        Some(why) => Next::Fail(
            Failure::permanent(format!("{called} has failed: {why}"))
                .with_hint("run the phase again: it is removed, and built anew"),
        ),
        None if !image.available => Next::Wait(format!("{called} is being made")),
        None if image.commit != sight.build.commit => Next::Fail(exists_with_another_commit(&called, image)),
        None => Next::Nothing,
    }
}

fn runs_elsewhere(host: &str) -> Failure {
    Failure::permanent(format!("Packer was started on {host}, and only that machine can tell whether it still runs"))
        .with_hint(format!("go on there; or end it on {host}, and run the phase again: it builds anew"))
}

fn not_listed(build: &BuildImage) -> Failure {
    Failure::permanent(format!("Packer has succeeded, and there is no image {} with the tags of the plan", build.name))
        .with_hint("let the template use the variables image_name and tags, as examples/packer shows; then run the phase again")
}

/// Why Packer has failed, with the last lines that it has printed.
fn failed(packed: &PackerBuild, what: &str) -> Failure {
    let (why, hint) = match &packed.failure {
        Some((why, hint)) => (format!("{what}: {why}"), hint.clone()),
        None => (what.to_owned(), "correct what has failed".to_owned()),
    };
    let tail = packed.lines[packed.lines.len().saturating_sub(TAIL)..].join("\n  ");
    let tail = if tail.is_empty() { "it has printed nothing".to_owned() } else { format!("Its last lines:\n  {tail}") };
    Failure::permanent(format!("{why}\n{tail}"))
        .with_hint(format!("{}; then run the phase again: it builds anew", hint.trim_end_matches(", then build again")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cutover_core::deployment::Role;
    use cutover_core::packing::PackerMade;

    use super::*;
    use crate::testing::at;

    fn build() -> BuildImage {
        BuildImage {
            name: "edx-1".into(),
            role: Role::Edxapp,
            base: "ami-0".to_owned(),
            repository: "r".to_owned(),
            branch: "b".to_owned(),
            commit: Some("c0ffee".into()),
            builder: None,
            packer: None,
            tags: BTreeMap::new(),
        }
    }

    fn image(commit: &str, available: bool) -> MachineImage {
        MachineImage {
            id: "ami-1".into(),
            name: "edx-1".into(),
            role: Role::Edxapp,
            codename: "koa".into(),
            version: "4".into(),
            commit: Some(commit.into()),
            available,
            failed: None,
            created: at(0),
        }
    }

    /// What comes next with Packer in that state, as an image and other things say more.
    fn next<'a>(state: PackerState, more: impl FnOnce(&mut Sight<'a>)) -> Next {
        let (build, lines) = (build(), vec!["installs edxapp".to_owned()]);
        let packed = PackerBuild { state, lines, before: 0, failure: None, made: PackerMade::default() };
        let (build, packed): (&'a BuildImage, &'a PackerBuild) =
            (Box::leak(Box::new(build)), Box::leak(Box::new(packed)));
        let mut sight =
            Sight { build, image: None, packed, elsewhere: None, rests: &[], is_overdue: false, failures: 0 };
        more(&mut sight);
        decide(&sight)
    }

    fn why(next: Next) -> String {
        let Next::Fail(why) = next else { panic!("{next:?}") };
        why.to_string()
    }

    #[test]
    fn packer_is_started_once_and_never_while_it_may_run_elsewhere() {
        assert_eq!(next(PackerState::None, |_| {}), Next::Start);
        assert!(matches!(next(PackerState::Running, |_| {}), Next::Wait(what) if what.ends_with(": installs edxapp")));
        let other = PackerMachine { id: "2".to_owned(), host: "laptop".to_owned() };
        let told = why(next(PackerState::None, |sight| sight.elsewhere = Some(Box::leak(Box::new(other)))));
        assert!(told.contains("Packer was started on laptop") && told.contains("go on there"), "{told}");
        let told = why(next(PackerState::Elsewhere { host: "desk".to_owned() }, |_| {}));
        assert!(told.contains("Packer was started on desk"), "{told}");
    }

    #[test]
    fn an_image_counts_once_packer_has_ended_and_with_the_commit_of_the_plan() {
        let with = |state, commit, available| {
            let image: &MachineImage = Box::leak(Box::new(image(commit, available)));
            next(state, |sight| sight.image = Some(image))
        };
        assert!(matches!(with(PackerState::Running, "c0ffee", true), Next::Wait(_)), "it may still be at work");
        assert_eq!(with(PackerState::Ended(0), "c0ffee", true), Next::Nothing);
        assert_eq!(with(PackerState::None, "c0ffee", true), Next::Nothing, "built by an attempt before");
        assert!(matches!(with(PackerState::None, "c0ffee", false), Next::Wait(_)));
        assert!(why(with(PackerState::Ended(0), "0ther", true)).contains("contains 0ther"));
        assert!(why(with(PackerState::Ended(1), "c0ffee", true)).contains("exit status 1"));
    }

    #[test]
    fn an_image_that_is_not_found_by_its_tags_is_waited_for_and_then_missed() {
        assert_eq!(next(PackerState::Ended(0), |_| {}), Next::WaitForListing);
        let told = why(next(PackerState::Ended(0), |sight| sight.is_overdue = true));
        assert!(told.contains("there is no image edx-1 with the tags of the plan"), "{told}");
    }

    #[test]
    fn what_an_attempt_before_has_left_is_removed_first() {
        let rests: &[_] = Box::leak(Box::new([("t-0".to_owned(), PackerRest::Instance("i-1".into()))]));
        let removed = next(PackerState::None, |sight| sight.rests = rests);
        assert_eq!(removed, Next::Remove("t-0".to_owned(), PackerRest::Instance("i-1".into())));
        let rests: &[_] = Box::leak(Box::new([("t-0".to_owned(), PackerRest::Ending("i-1".into()))]));
        assert!(matches!(next(PackerState::None, |sight| sight.rests = rests), Next::Wait(_)));
    }
}
