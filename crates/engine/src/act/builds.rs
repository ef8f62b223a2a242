//! Images that cutover builds itself: an instance is launched from the base image, its commands run as one job, it is stopped, an
//! image is made of it, and it is terminated.
//!
//! What comes next follows from what there is: the image, the builder, and the job on it. So whichever process looks goes on from
//! there, and each call finds what a lost answer has left. An attempt after a failure has a builder of its own; those of attempts
//! before are terminated first.

use std::time::Duration;

use cutover_core::deployment::Builder;
use cutover_core::journal::Fact;
use cutover_core::names::{ImageId, InstanceId};
use cutover_core::observation::{BuilderInstance, InstanceState, MachineImage};
use cutover_core::plan::BuildImage;
use cutover_hosts::bake;
use cutover_hosts::job::{JobReport, JobState};

use super::commands::name_of;
use super::orders::give;
use super::output::{last_lines, whole};
use super::{Seen, StepContext};
use crate::failure::{Failure, FailureClass};
use crate::halt::{Halt, WriteError};
use crate::ports::Answer;
use crate::retry;

/// How many of a job's last lines are told when it has failed.
pub(super) const TAIL: usize = 12;
/// How many of them are recorded.
const KEPT: usize = 60;

/// What there is of a build.
struct Sight<'a> {
    build: &'a BuildImage,
    image: Option<&'a MachineImage>,
    /// The builder of this attempt.
    builder: Option<&'a BuilderInstance>,
    /// A builder of an attempt before that lives.
    left: Option<&'a InstanceId>,
    /// What the builder's job has come to; `None` if there is none, or it was not asked for.
    job: Option<&'a JobReport>,
    /// Whether it is on record that the commands of this attempt have succeeded.
    provisioned: bool,
    /// How often the step has failed before.
    failures: u32,
}

/// What comes next in a build.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing: the image is there, and its builder is not.
    Nothing,
    /// Something is awaited.
    Wait(String),
    Launch,
    Provision(InstanceId),
    Stop(InstanceId),
    MakeImage(InstanceId),
    /// The image is there: it is finished, and the builder terminated.
    Finish(ImageId, InstanceId),
    Discard(InstanceId),
    RemoveFailed(ImageId),
    /// It has failed.
    Fail(Failure),
}

pub(super) async fn built(context: &StepContext<'_>, build: &BuildImage, builder: &Builder) -> Answer<Seen> {
    Ok(match next(context, build, builder).await? {
        Next::Nothing => Seen::Holds(Vec::from_iter(commit(build))),
        Next::Wait(what) => Seen::UnderWay(what),
        Next::Launch => Seen::NotYet,
        Next::Provision(_) => Seen::Due("the builder has booted: its commands are started".to_owned()),
        Next::Stop(_) => Seen::Due("the commands have succeeded: the builder is stopped".to_owned()),
        Next::MakeImage(_) => Seen::Due("the builder is stopped: the image is made".to_owned()),
        Next::Finish(_, id) | Next::Discard(id) => Seen::Due(format!("builder {id} is terminated")),
        Next::RemoveFailed(id) => Seen::Due(format!("image {id}, which has failed, is removed")),
        Next::Fail(why) => Seen::Never(why),
    })
}

/// What is recorded of an image that was built.
pub(super) fn commit(build: &BuildImage) -> Option<Fact> {
    let commit = build.commit.as_ref()?;
    Some(Fact::Note { text: format!("built from {} at {commit}", build.branch) })
}

/// Makes the call that comes next.
pub(super) async fn build(context: &StepContext<'_>, build: &BuildImage, builder: &Builder) -> Result<(), WriteError> {
    let builders = &context.world.builders;
    match next(context, build, builder).await? {
        Next::Nothing | Next::Wait(_) => Ok(()),
        Next::Fail(why) => Err(why.into()),
        Next::Launch => {
            let token = token(context);
            let launch =
                async |permit: &_| builders.launch_builder(permit, build, builder, &token, context.step.limit).await;
            let instance = context.write("launch_builder", launch).await?;
            Ok(context.learn(Fact::Builder { image: build.name.clone(), instance }).await?)
        }
        Next::Provision(id) => {
            let name = name_of(context, context.failures);
            give(context, "provision", &id, name, bake::command(&builder.provision, &builder.identity)).await
        }
        Next::Stop(id) => {
            // A builder without its host keys cannot be asked any more.
            context.learn(Fact::Provisioned { instance: id.clone() }).await?;
            context.write("stop_builder", async |permit| builders.stop_builder(permit, &id).await).await
        }
        Next::MakeImage(id) => {
            let image =
                context.write("make_image", async |permit| builders.make_image(permit, build, &id).await).await?;
            Ok(context.learn(Fact::ImageBuilt { name: build.name.clone(), image }).await?)
        }
        Next::Finish(image, id) => {
            context.write("require_tokens", async |permit| builders.require_tokens(permit, &image).await).await?;
            discard_once(context, &id).await
        }
        Next::Discard(id) => discard_once(context, &id).await,
        Next::RemoveFailed(id) => {
            context.write("remove", async |permit| context.world.images.remove(permit, &id).await).await
        }
    }
}

/// The token of this attempt's builder.
fn token(context: &StepContext<'_>) -> String {
    format!("{}-{}", context.token(), context.failures)
}

async fn next(context: &StepContext<'_>, build: &BuildImage, builder: &Builder) -> Answer<Next> {
    let images = context.ask(async |_| context.readings.images().await).await?;
    let image = images.iter().find(|image| image.name == build.name);
    if let Some(image) = image {
        context.note(Fact::ImageBuilt { name: build.name.clone(), image: image.id.clone() });
    }
    let builders = context.ask(async |world| world.builders.builders(&build.name).await).await?;
    let token = token(context);
    let own = builders.iter().find(|one| one.token == token);
    if let Some(own) = own {
        context.note(Fact::Builder { image: build.name.clone(), instance: own.id.clone() });
    }
    let provisioned = own.is_some_and(|own| context.knows(&Fact::Provisioned { instance: own.id.clone() }));
    let asks = own.filter(|own| own.state == InstanceState::Running && image.is_none() && !provisioned);
    let job = match asks {
        Some(own) => whole(context, &own.id, &name_of(context, context.failures)).await,
        None => Ok(None),
    };
    let job = match job {
        Err(why) if may_be_new(&why, context.in_this_process()) => {
            return Ok(Next::Wait(format!("the builder has booted, and lets nobody sign in yet: {}", why.message)));
        }
        job => job?,
    };
    if let Some(job) = job.as_ref().filter(|job| job.state != JobState::Running) {
        put_down_output(context, &token, &job.output);
    }
    Ok(decide(
        &Sight {
            build,
            image,
            builder: own,
            left: builders.iter().find(|one| one.token != token && one.lives()).map(|one| &one.id),
            job: job.as_ref(),
            provisioned,
            failures: context.failures,
        },
        builder,
    ))
}

/// The end of what the commands have printed.
fn put_down_output(context: &StepContext<'_>, token: &str, output: &[u8]) {
    let lines = last_lines(output, KEPT);
    let all = last_lines(output, usize::MAX).len();
    let before = (all - lines.len()) as u64;
    context.note(Fact::BuildOutput { token: token.to_owned(), lines, before });
}

/// How long a builder that has booted may let nobody sign in: EC2 shows its host keys on its console some minutes after its launch.
/// Hosts that are launched have more time for that, because their status checks are waited for.
const FIRST_SIGN_IN: Duration = Duration::from_secs(900);

/// Whether a builder may not be ready for its first sign-in yet, if it cannot be asked for this reason.
fn may_be_new(why: &Failure, elapsed: Duration) -> bool {
    why.class == FailureClass::Permanent && elapsed < FIRST_SIGN_IN
}

/// What comes next, from what there is.
fn decide(sight: &Sight<'_>, builder: &Builder) -> Next {
    if let Some(left) = sight.left {
        return Next::Discard(left.clone());
    }
    match (sight.image, sight.builder) {
        (Some(image), own) => of_image(sight, image, own),
        (None, None) => Next::Launch,
        (None, Some(own)) => of_builder(sight, own, builder),
    }
}

/// What comes next once there is an image of that name.
fn of_image(sight: &Sight<'_>, image: &MachineImage, own: Option<&BuilderInstance>) -> Next {
    let called = format!("image {} ({})", image.name, image.id);
    match (&image.failed, image.available) {
        // What an operator has seen fail is built anew under the same name.
        (Some(_), _) if sight.failures > 0 && own.is_none() => Next::RemoveFailed(image.id.clone()),
        (Some(why), _) => Next::Fail(
            Failure::permanent(format!("{called} has failed: {why}"))
                .with_hint("run the phase again: it is removed, and built anew"),
        ),
        (None, _) if image.commit.is_some() && image.commit != sight.build.commit => {
            Next::Fail(exists_with_another_commit(&called, image))
        }
        (None, false) => Next::Wait(format!("{called} is being made")),
        (None, true) => match own.filter(|own| own.lives()) {
            Some(own) => Next::Finish(image.id.clone(), own.id.clone()),
            None => Next::Nothing,
        },
    }
}

pub(super) fn exists_with_another_commit(called: &str, image: &MachineImage) -> Failure {
    let commit = image.commit.as_deref().unwrap_or("a commit that no tag names");
    Failure::permanent(format!("{called} exists already, and contains {commit}"))
        .with_hint("`--replan` gives the new image another number")
}

/// What comes next as long as there is no image.
fn of_builder(sight: &Sight<'_>, own: &BuilderInstance, builder: &Builder) -> Next {
    let id = &own.id;
    match own.state {
        InstanceState::Pending => Next::Wait(format!("builder {id} is pending")),
        InstanceState::Booting => {
            Next::Wait(format!("builder {id} is running, but its status checks have not passed yet"))
        }
        InstanceState::Running if sight.provisioned => Next::Stop(id.clone()),
        InstanceState::Running => of_job(sight, id, builder),
        InstanceState::Stopping if sight.provisioned => Next::Wait(format!("builder {id} is stopping")),
        InstanceState::Stopped if sight.provisioned => Next::MakeImage(id.clone()),
        InstanceState::Stopping | InstanceState::Stopped => {
            Next::Fail(Failure::permanent(format!("builder {id} was stopped by somebody")).with_hint(AGAIN))
        }
        InstanceState::ShuttingDown | InstanceState::Terminated => {
            let why = own.why_gone.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            Next::Fail(Failure::permanent(format!("builder {id} was terminated{why}")).with_hint(AGAIN))
        }
    }
}

const AGAIN: &str = "run the phase again: it builds on another instance";

/// What comes next while the builder runs.
fn of_job(sight: &Sight<'_>, id: &InstanceId, builder: &Builder) -> Next {
    let Some(job) = sight.job else { return Next::Provision(id.clone()) };
    if job.has_succeeded() {
        return Next::Stop(id.clone());
    }
    let printed = String::from_utf8_lossy(&job.output);
    let part = bake::last_begun(&printed).unwrap_or("its commands");
    let failed = |what: String| {
        let tail = last_lines(&job.output, TAIL).join("\n  ");
        let why = format!("{what}\nIts last lines:\n  {tail}");
        Next::Fail(
            Failure::permanent(why)
                .with_hint("correct what has failed; then run the phase again: it builds on another instance"),
        )
    };
    match job.state {
        JobState::Running => {
            let line = last_lines(&job.output, 1).pop().filter(|line| !bake::is_mark(line));
            let said = line.map(|line| format!(": {line}")).unwrap_or_default();
            Next::Wait(format!("builder {id} runs {part} of {}{said}", builder.provision.len() + 1))
        }
        JobState::Ended { exit: 0, .. } => failed(format!("{part} was told to end on builder {id}, and did")),
        JobState::Ended { exit, out_of_memory: true, .. } => {
            failed(format!("{part} was killed on builder {id} because memory was short (exit status {exit})"))
        }
        JobState::Ended { exit, .. } => failed(format!("{part} ended with exit status {exit} on builder {id}")),
        JobState::HostRestarted => failed(format!("builder {id} was restarted while {part} ran")),
        JobState::Vanished => failed(format!("somebody has killed {part} on builder {id}")),
    }
}

/// Terminates every builder of an image whose build has failed. What could not be terminated is told in the reason.
pub(crate) async fn without_builders(
    context: &StepContext<'_>,
    build: &BuildImage,
    why: Failure,
) -> Result<Failure, Halt> {
    let told = |failure: &Failure| {
        let more = format!("its builder may still run, because it could not be terminated: {}", failure.message);
        Failure { message: format!("{}; {more}", why.message), ..why.clone() }
    };
    let builders = match context.ask(async |world| world.builders.builders(&build.name).await).await {
        Ok(builders) => builders,
        Err(failure) => return Ok(told(&failure)),
    };
    for left in builders.iter().filter(|one| one.lives()) {
        let mention = |failure: &Failure| context.mention(&format!("builder {} is terminated: {failure}", left.id));
        let discard = async || discard_once(context, &left.id).await;
        match retry::write(context.clock, DISCARD, mention, discard).await {
            Ok(()) => {}
            Err(WriteError::Failed(failure)) if failure.class != FailureClass::Superseded => return Ok(told(&failure)),
            Err(WriteError::Failed(failure)) => return Err(Halt::Superseded(failure)),
            Err(WriteError::Halt(halt)) => return Err(halt),
        }
    }
    Ok(why)
}

async fn discard_once(context: &StepContext<'_>, id: &InstanceId) -> Result<(), WriteError> {
    let builders = &context.world.builders;
    context.write(DISCARD, async |permit| builders.discard_builder(permit, id).await).await
}

const DISCARD: &str = "discard_builder";

#[cfg(test)]
mod tests {
    use cutover_core::deployment::Role;

    use super::*;
    use crate::testing::at;

    fn builder() -> Builder {
        Builder {
            instance_type: "m5.large".to_owned(),
            subnet: "subnet-1".to_owned(),
            security_groups: Vec::new(),
            profile: None,
            root_volume: None,
            provision: vec![vec!["true".to_owned()]],
            identity: Vec::new(),
        }
    }

    fn build() -> BuildImage {
        BuildImage {
            name: "edx-1".into(),
            role: Role::Edxapp,
            base: "ami-0".to_owned(),
            repository: "r".to_owned(),
            branch: "b".to_owned(),
            commit: Some("c0ffee".into()),
            builder: Some(builder()),
            packer: None,
            tags: std::collections::BTreeMap::new(),
        }
    }

    fn job(state: JobState, was_interrupted: bool) -> JobReport {
        JobReport {
            started: at(0),
            epoch: 1,
            state,
            output: b"@cutover-part command 1 (true)\nsaid\n".to_vec(),
            next: 0,
            size: 0,
            is_cut: false,
            was_signalled: false,
            was_interrupted,
            left: None,
            go_on: Vec::new(),
        }
    }

    fn ended(exit: i32) -> JobState {
        JobState::Ended { exit, out_of_memory: false, peak_memory: None }
    }

    /// What comes next with a builder in that state, and its job.
    fn next(state: InstanceState, provisioned: bool, job: Option<&JobReport>) -> Next {
        let (build, own) = (
            build(),
            BuilderInstance { id: "i-1".into(), image: "edx-1".into(), token: "t".to_owned(), state, why_gone: None },
        );
        let sight =
            Sight { build: &build, image: None, builder: Some(&own), left: None, job, provisioned, failures: 0 };
        decide(&sight, &builder())
    }

    #[test]
    fn commands_have_succeeded_only_if_they_have_ended_by_themselves() {
        let after = |job: JobReport| next(InstanceState::Running, false, Some(&job));
        assert_eq!(after(job(ended(0), false)), Next::Stop("i-1".into()));
        let failed = |job| matches!(after(job), Next::Fail(why) if why.message.contains("command 1 (true)"));
        assert!(failed(job(ended(0), true)) && failed(job(ended(3), false)));
        assert!(failed(job(JobState::HostRestarted, false)) && failed(job(JobState::Vanished, false)));
    }

    #[test]
    fn a_builder_that_lets_nobody_sign_in_is_waited_for_but_not_for_ever() {
        let unknown = Failure::permanent("its host key is not known");
        assert!(may_be_new(&unknown, Duration::from_secs(300)));
        assert!(!may_be_new(&unknown, FIRST_SIGN_IN));
        let superseded = Failure::new(FailureClass::Superseded, "another conductor is in charge");
        assert!(!may_be_new(&superseded, Duration::ZERO));
    }

    #[test]
    fn an_image_is_made_only_of_a_builder_whose_commands_are_known_to_have_succeeded() {
        assert_eq!(next(InstanceState::Stopped, true, None), Next::MakeImage("i-1".into()));
        for state in [InstanceState::Stopped, InstanceState::Stopping, InstanceState::Terminated] {
            assert!(matches!(next(state, false, None), Next::Fail(_)), "{state:?}");
        }
        assert_eq!(next(InstanceState::Running, true, None), Next::Stop("i-1".into()), "a lost order to stop");
    }

    #[test]
    fn an_image_that_has_failed_is_told_first_and_removed_by_the_next_attempt() {
        let build = build();
        let failed = MachineImage {
            id: "ami-1".into(),
            name: "edx-1".into(),
            role: Role::Edxapp,
            codename: "koa".into(),
            version: "4".into(),
            commit: Some("c0ffee".into()),
            available: false,
            failed: Some("Client.InternalError: snapshot".to_owned()),
            created: at(0),
        };
        let next = |image: &MachineImage, failures| {
            let (image, none) = (Some(image), None);
            decide(
                &Sight { build: &build, image, builder: None, left: None, job: none, provisioned: false, failures },
                &builder(),
            )
        };
        let told = next(&failed, 0);
        assert!(
            matches!(&told, Next::Fail(why) if why.message.contains("has failed: Client.InternalError: snapshot")),
            "{told:?}"
        );
        assert_eq!(next(&failed, 1), Next::RemoveFailed("ami-1".into()));
        let pending = MachineImage { failed: None, ..failed };
        assert!(matches!(next(&pending, 0), Next::Wait(what) if what.ends_with("is being made")));
        let other = MachineImage { commit: Some("0ther".into()), available: true, ..pending };
        assert!(matches!(next(&other, 0), Next::Fail(why) if why.message.contains("contains 0ther")));
    }
}
