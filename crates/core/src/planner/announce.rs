//! The announce phase: date the maintenance page, then tell people. It also compares what they were told with the file.

use super::Inputs;
use super::build::{CALL_LIMIT, step};
use super::words::{fill, maintenance_page};
use crate::deployment::{AnnounceWhen, Deployment};
use crate::journal::{Upgrade, page_was_posted};
use crate::plan::{Action, Announce, Line, Phase, PublishPage, Rule, Step};

pub(super) fn steps(deployment: &Deployment) -> Vec<Step> {
    let page = publish_page(deployment);
    let notices = announcements(deployment, AnnounceWhen::Scheduled, "announce", Line::Notify);
    let notices = notices.into_iter().map(|notice| notice.after(&page.id, Rule::PageFirst)).collect();
    [vec![page], notices].concat()
}

fn publish_page(deployment: &Deployment) -> Step {
    let page = &deployment.maintenance_page;
    let action = Action::PublishPage(PublishPage {
        bucket: page.bucket.clone(),
        key: page.key.clone(),
        distribution: page.distribution.clone(),
        body: maintenance_page(deployment),
    });
    let title = format!("publish s3://{}/{}", page.bucket, page.key);
    let expected = deployment.expected.invalidation.duration();
    step("announce.page", Line::UpdatePage, title, action).takes(expected, CALL_LIMIT + 10 * expected)
}

/// The messages that are sent at `when`, in the order of the file.
pub(super) fn announcements(deployment: &Deployment, when: AnnounceWhen, phase: &str, line: Line) -> Vec<Step> {
    let messages = deployment.announcements.iter().filter(|announcement| announcement.when == when);
    messages
        .map(|announcement| {
            let action = Action::Announce(Announce {
                announcement: announcement.name.clone(),
                to: announcement.to.clone(),
                text: fill(&announcement.text, deployment),
            });
            let title = format!("send `{}` to {}", announcement.name, announcement.to);
            step(format!("{phase}.announce.{}", announcement.name), line, title, action)
        })
        .collect()
}

/// Whether `announce` has succeeded, and has announced what the file says: its dates, its page and its messages.
#[must_use]
pub fn is_announced(upgrade: &Upgrade, deployment: &Deployment) -> bool {
    upgrade.finished(Phase::Announce) && !was_told_otherwise(upgrade, deployment)
}

/// Whether `announce` has succeeded, and would now announce something else: the dates, the page or a message in the
/// file were edited since. Not once visitors may see the page according to the journal, because then it is too late to
/// announce anything.
#[must_use]
pub fn is_announced_otherwise(upgrade: &Upgrade, deployment: &Deployment) -> bool {
    let may_be_down = upgrade.run_of(Phase::Window).is_some_and(|run| !run.is_under_way() || page_was_posted(run));
    !may_be_down && was_told_otherwise(upgrade, deployment)
}

/// Whether people were told something else than what the file says now.
pub(super) fn was_told_otherwise(upgrade: &Upgrade, deployment: &Deployment) -> bool {
    let Some(announced) = upgrade.run_of(Phase::Announce).filter(|run| !run.is_under_way()) else { return false };
    let was_announced = |step: &Step| announced.plan.step(&step.id).is_some_and(|told| told.action == step.action);
    !steps(deployment).iter().all(was_announced)
}

/// Whether visitors may see the maintenance page of a window that has begun, or have seen it. If a conductor ended at the
/// first change of DNS, only the zone tells.
#[must_use]
pub fn is_down(inputs: Inputs<'_>) -> bool {
    let shows = |step: &Step| match &step.action {
        Action::ChangeRecords(change) => change.records.iter().any(|record| {
            let seen = inputs.observation.records.get(&record.name);
            seen.is_some_and(|seen| seen.target.is_same(&record.target))
        }),
        _ => false,
    };
    let run = inputs.upgrade.run_of(Phase::Window);
    run.is_some_and(|run| page_was_posted(run) || run.plan.steps.iter().filter(|step| step.posts_page()).any(shows))
}
