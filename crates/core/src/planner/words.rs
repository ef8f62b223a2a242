//! The words of announcements and of the maintenance page, with the upgrade's facts filled in.

use crate::deployment::Deployment;
use crate::time::human;

/// `text` with `{start}`, `{end}`, `{length}` and `{sites}` filled in.
pub(super) fn fill(text: &str, deployment: &Deployment) -> String {
    let window = &deployment.window;
    let sites: Vec<&str> = deployment.sites.iter().map(|site| site.host.as_str()).collect();
    text.replace("{start}", &window.start.to_string())
        .replace("{end}", &window.ends().to_string())
        .replace("{length}", &human(window.announced_length()))
        .replace("{sites}", &sites.join(", "))
}

/// The maintenance page: the file's words as a small HTML document that needs nothing else.
pub(super) fn maintenance_page(deployment: &Deployment) -> String {
    let words = escape(&fill(&deployment.maintenance_page.text, deployment));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Maintenance</title>\n<main style=\"max-width: 40em; margin: 20vh auto; font: 1.2em/1.5 sans-serif\">\n\
         <h1>Down for maintenance</h1>\n<p>{words}</p>\n</main>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
