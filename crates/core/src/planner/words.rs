//! The words of announcements and of the maintenance page, with the upgrade's facts filled in.

use crate::deployment::Deployment;
use crate::time::human;

/// `text` with `{start}`, `{end}`, `{length}` and `{sites}` filled in.
pub(super) fn fill(text: &str, deployment: &Deployment) -> String {
    let window = &deployment.window;
    let sites: Vec<&str> = deployment.sites.iter().map(|site| site.host.as_str()).collect();
    text.replace("{start}", &window.start.to_string())
        .replace("{end}", &window.ends().to_string())
        .replace("{length}", &human(window.whole_length()))
        .replace("{sites}", &sites.join(", "))
}

/// The maintenance page, as the file has it.
#[must_use]
pub fn maintenance_page(deployment: &Deployment) -> String {
    fill(&deployment.maintenance_page.text, deployment)
}
