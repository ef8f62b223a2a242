//! What checks of sites have seen.

use serde::{Deserialize, Serialize};

use crate::words::count;

/// A page of a site that was as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageSeen {
    /// Its path.
    pub path: String,
    /// The HTTP status of its answers.
    pub status: u16,
    /// How often it was requested, each time on a new connection. All answers were as they must be.
    pub requests: u32,
    /// The text that was found in each of them, such as one that names the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl PageSeen {
    /// In words: `/ 200 with \`koa-4\` (3 requests)`.
    #[must_use]
    pub fn words(&self) -> String {
        let text = self.text.as_ref().map_or_else(String::new, |text| format!(" with `{text}`"));
        let requests = count(usize::try_from(self.requests).unwrap_or(usize::MAX), "request");
        format!("{} {}{text} ({requests})", self.path, self.status)
    }
}
