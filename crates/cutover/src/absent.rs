//! What this version of cutover cannot do on AWS yet: build images and send messages. Phases that need it are refused before
//! anything is started.

use async_trait::async_trait;

use cutover_core::plan::{Action, Announce, Plan};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Announcer, Answer};

use crate::error::CommandError;

/// The port for messages, which fails every call: messages cannot be sent.
pub struct NoAnnouncer;

/// Refuses a plan with steps that this version cannot carry out on AWS. A plan without such steps passes.
///
/// # Errors
/// When the plan has such steps: how many steps need what.
pub fn refuse(plan: &Plan) -> Result<(), CommandError> {
    let absent: Vec<String> = reasons(plan).iter().map(|reason| format!("  - {reason}")).collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("`{}` cannot be run on AWS yet:\n{}", plan.phase, absent.join("\n")),
        "nothing was changed; --dry-run or `cutover rehearse` shows what it would do",
    ))
}

/// What this version cannot do of a plan on AWS: how many steps need what. Empty if it can do everything.
#[must_use]
pub fn reasons(plan: &Plan) -> Vec<String> {
    let count = |needs: fn(&Action) -> bool| plan.steps.iter().filter(|step| needs(&step.action)).count();
    let messages = count(|action| matches!(action, Action::Announce(_)));
    let builds = count(|action| matches!(action, Action::BuildImage(build) if !build.is_built_here()));
    let all = [
        (messages, "send messages: send them yourself, and remove them from the file"),
        (
            builds,
            "build images without `builder` or `packer`: add one to the file, or build and tag them yourself, as `--dry-run` shows",
        ),
    ];
    let absent = all.into_iter().filter(|(steps, _)| *steps > 0);
    absent.map(|(steps, what)| format!("{steps} of {} steps {what}", plan.steps.len())).collect()
}

#[async_trait(?Send)]
impl Announcer for NoAnnouncer {
    async fn announce(&self, _permit: &Permit, message: &Announce, _token: &str) -> Answer<()> {
        let why = format!("`{}` was not sent: cutover cannot send messages on AWS yet", message.announcement);
        Err(Failure::permanent(why))
    }

    async fn announced(&self, _token: &str) -> Answer<Option<bool>> {
        Ok(Some(false))
    }
}
