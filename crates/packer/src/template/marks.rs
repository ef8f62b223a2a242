//! Whether a template sets the tag by which its builds are found again.

use serde_json::Value;

use super::{Language, Template};
use crate::TAG;
use crate::error::{Error, Result};

/// The two places that have to have the tag, each with what is found by it.
const PLACES: [(&str, &str); 2] = [("run_tags", "the instance that Packer builds on"), ("tags", "the image")];

impl Template {
    /// # Errors
    /// When nothing puts the token into the tag of the image, or of the instance that it is built on.
    pub(super) fn check_marks(&self) -> Result<()> {
        let is_marked: fn(&Self, &str) -> bool = match self.language {
            Language::Json => Self::is_marked_in_json,
            Language::Hcl2 => Self::is_marked_in_hcl2,
        };
        let Some((place, found)) = PLACES.into_iter().find(|(place, _)| !is_marked(self, place)) else { return Ok(()) };
        let mark = match self.language {
            Language::Json => format!("\"{place}\": {{ \"{TAG}\": \"{{{{user `cutover_build`}}}}\" }}"),
            Language::Hcl2 => format!("{place} = {{ {TAG} = var.cutover_build }}"),
        };
        Err(Error::refused(
            format!(
                "the Packer template {} does not set the tag {TAG} in {place}, so {found} could not be found again after a crash",
                self.path.display()
            ),
            format!("nothing was started; add `{mark}` to the builder in the template"),
        ))
    }

    /// What is not JSON is left to Packer, which tells the place.
    fn is_marked_in_json(&self, place: &str) -> bool {
        let Ok(template) = serde_json::from_str::<Value>(&self.text) else { return true };
        let builders = template["builders"].as_array().map_or(&[][..], Vec::as_slice);
        let is_used = |builder: &&Value| {
            let name = builder["name"].as_str().or_else(|| builder["type"].as_str());
            self.only.as_deref().is_none_or(|only| name == Some(only))
        };
        builders.iter().filter(is_used).all(|builder| {
            let tag = builder[place][TAG].as_str();
            tag.is_some_and(|value| value.contains("cutover_build"))
        })
    }

    /// Expressions can be anywhere in HCL2, so that only their being there is looked for.
    fn is_marked_in_hcl2(&self, place: &str) -> bool {
        let text = without_comments(&self.text);
        let has_place = text.lines().any(|line| {
            let name = line.trim_start().trim_start_matches('"');
            name.strip_prefix(place)
                .is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with(['=', ':']))
        });
        has_place && text.contains(TAG) && text.contains("var.cutover_build")
    }
}

/// HCL2 without its comments: `#`, `//` and `/* */`, but not in text.
fn without_comments(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(letter) = rest.chars().next() {
        let end = if quoted {
            None
        } else if rest.starts_with('#') || rest.starts_with("//") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            Some(rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else {
            None
        };
        let length = end.unwrap_or(if letter == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            letter.len_utf8()
        });
        if end.is_none() {
            // A text ends with its line, so that one quote too many does not hide the rest.
            quoted = letter != '\n' && (quoted != (letter == '"'));
            left.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    left
}
