//! The announce phase: date the maintenance page, then tell people.

use super::Inputs;
use super::build::{CALL_LIMIT, step};
use super::words::{fill, maintenance_page};
use crate::deployment::{AnnounceWhen, Deployment};
use crate::plan::{Action, Announce, Line, PublishPage, Rule, Step};

pub(super) fn steps(inputs: Inputs<'_>) -> Vec<Step> {
    let deployment = inputs.deployment;
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
