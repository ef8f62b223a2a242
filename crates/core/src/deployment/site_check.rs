//! The checks of a site from outside: what is requested, and which answer must come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Release;

/// A request from outside and the answer that it must get. It is made several times, each time on a new connection, so that a
/// balancer passes it on to every host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteCheck {
    /// The path, such as `/heartbeat`.
    pub path: String,
    /// The HTTP status that must come back.
    #[serde(default = "default_status")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// A text that must appear in the page. `{version}` and `{codename}` are those of the release that the upgrade brings: if the
    /// page shows them, as in `content="{codename}-{version}"`, a current host that still answers is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Whether this is a heartbeat of edx-platform, which names its services in JSON. Each of them must work, whatever the
    /// status says. Default: whether the path ends in `/heartbeat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<bool>,
}

/// The placeholders in the text of a check.
pub(super) const PLACEHOLDERS: [&str; 2] = ["codename", "version"];

fn default_status() -> u16 {
    200
}

impl SiteCheck {
    /// Whether the answer must be a heartbeat.
    #[must_use]
    pub fn is_heartbeat(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.heartbeat.unwrap_or_else(|| path.trim_end_matches('/').ends_with("/heartbeat"))
    }

    /// The check with the release's names in its text.
    #[must_use]
    pub fn of_release(&self, release: &Release) -> Self {
        self.filled(&release.codename, &release.version)
    }

    /// The check as the release that runs now would pass it.
    #[must_use]
    pub fn of_current_release(&self, release: &Release) -> Self {
        self.filled(&release.current_codename, &release.current_version)
    }

    /// The check without a text that names a release, which the releases before and after an upgrade do not share.
    #[must_use]
    pub fn of_any_release(&self) -> Self {
        let names = |text: &String| PLACEHOLDERS.iter().any(|placeholder| text.contains(&format!("{{{placeholder}}}")));
        Self { contains: self.contains.clone().filter(|text| !names(text)), ..self.clone() }
    }

    fn filled(&self, codename: &str, version: &str) -> Self {
        let fill = |text: &String| text.replace("{codename}", codename).replace("{version}", version);
        Self { contains: self.contains.as_ref().map(fill), ..self.clone() }
    }
}
