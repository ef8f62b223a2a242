//! What a template gets from us.
//!
//! Every variable is text, so that the same names serve both languages of templates. Tags are the exception: a template in HCL2
//! declares the variable `tags`, a map. In JSON, variables cannot be maps, so each tag is a variable of its own, `tag_NAME`,
//! with `_` for everything in its name that is neither a letter nor a digit: the tag `release-version` is
//! `tag_release_version`. Templates use them as
//!
//! ```text
//! tags = merge(var.tags, { cutover-build-token = var.cutover_build })                 HCL2
//! "tags": { "cutover-build-token": "{{user `cutover_build`}}",                        JSON
//!           "release-version": "{{user `tag_release_version`}}" }
//! ```
//!
//! Only what a template declares is given to it: Packer would warn of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::template::Language;

/// One image to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What the image is found by. Letters, digits, `.`, `_` and `-`.
    pub token: String,
    /// The name that the image gets.
    pub image_name: String,
    /// The id of the image to start from.
    pub base_image: String,
    /// Where it is built, such as `us-east-1`.
    pub region: String,
    /// The release's code name, such as `koa`.
    pub release: String,
    /// The release's version, such as `open-release/koa.3`.
    pub version: String,
    /// The repository of the code.
    pub repository: String,
    /// The branch of the code.
    pub branch: String,
    /// The commit of the code, in full.
    pub commit: String,
    /// The tags that the image gets, in addition to the token.
    pub tags: BTreeMap<String, String>,
    /// The team's own variables.
    pub others: BTreeMap<String, String>,
}

/// The names of ours that a template has to declare, each with what is lost without it.
pub(crate) const ESSENTIAL: [(&str, &str); 4] = [
    ("cutover_build", "the image and its builder could not be found again after a crash"),
    ("image_name", "the image would not have the name of the plan"),
    ("base_image", "it would not start from the image of the plan"),
    ("commit", "nothing would say which commit of the code it gets"),
];

/// The variables of one build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    values: BTreeMap<String, Value>,
    others: BTreeSet<String>,
}

impl Variables {
    /// The variables for a template in this language. `manifest` is where the `manifest` post-processor may write: each build
    /// has a file of its own.
    ///
    /// # Errors
    /// When a value cannot be given to Packer, or a name is taken.
    pub fn of(wanted: &Wanted, manifest: &Path, language: Language) -> Result<Self> {
        let manifest = manifest.to_string_lossy();
        let ours = [
            ("cutover_build", wanted.token.as_str()),
            ("image_name", &wanted.image_name),
            ("base_image", &wanted.base_image),
            ("region", &wanted.region),
            ("release", &wanted.release),
            ("version", &wanted.version),
            ("repository", &wanted.repository),
            ("branch", &wanted.branch),
            ("commit", &wanted.commit),
            ("manifest", &manifest),
        ];
        let mut variables = Self::default();
        for (name, value) in ours {
            variables.add(name, value, language)?;
        }
        variables.add_tags(&wanted.tags, language)?;
        for (name, value) in &wanted.others {
            if name == "tags" || name.starts_with("tag_") || variables.values.contains_key(name) {
                return Err(Error::refused(
                    format!("the variable {name} is given by cutover, so the deployment file cannot give it as well"),
                    "nothing was started; take it out of the deployment file, or give it another name there and in the template",
                ));
            }
            variables.add(name, value, language)?;
            variables.others.insert(name.clone());
        }
        Ok(variables)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The names that the team has given.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(String::as_str)
    }

    /// Those of them that are declared.
    #[must_use]
    pub fn only(mut self, declared: &BTreeSet<&str>) -> Self {
        self.values.retain(|name, _| declared.contains(name.as_str()));
        self
    }

    /// Writes them to a new file that only its owner can read, in a form that both languages read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        // Packer goes by the name.
        debug_assert!(file.to_string_lossy().ends_with(".pkrvars.json"));
        let _ = fs::remove_file(file);
        let mut options = fs::OpenOptions::new();
        let mut written =
            options.write(true).create_new(true).mode(0o600).open(file).map_err(Error::file(file, "made"))?;
        let text = serde_json::to_vec_pretty(&self.values).expect("text is JSON");
        written.write_all(&text).and_then(|()| written.sync_all()).map_err(Error::file(file, "written"))
    }

    fn add(&mut self, name: &str, value: &str, language: Language) -> Result<()> {
        check_value(name, value, language)?;
        self.values.insert(name.to_owned(), value.into());
        Ok(())
    }

    fn add_tags(&mut self, tags: &BTreeMap<String, String>, language: Language) -> Result<()> {
        for (tag, value) in tags {
            check_value(&format!("the tag {tag}"), value, language)?;
            let name = tag_variable(tag);
            if language == Language::Json && self.values.insert(name.clone(), value.as_str().into()).is_some() {
                return Err(Error::refused(
                    format!(
                        "two tags of the image are the variable {name} of a JSON template: {tag} and one with other signs"
                    ),
                    "nothing was started; rename one of the tags, or write the template in HCL2",
                ));
            }
        }
        if language == Language::Hcl2 {
            self.values.insert(
                "tags".to_owned(),
                tags.iter().map(|(tag, value)| (tag.clone(), Value::from(value.as_str()))).collect(),
            );
        }
        Ok(())
    }
}

/// The variable that a tag is in JSON templates.
fn tag_variable(tag: &str) -> String {
    let sign = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("tag_{}", tag.chars().map(sign).collect::<String>())
}

/// Packer reads the values of variables of JSON templates as templates too (recorded with 1.6.6).
fn check_value(name: &str, value: &str, language: Language) -> Result<()> {
    let because = if value.contains(char::is_control) {
        "has control characters"
    } else if language == Language::Json && value.contains("{{") {
        "has {{, which Packer would take for the beginning of a template"
    } else {
        return Ok(());
    };
    Err(Error::refused(
        format!("{name} cannot be given to Packer: its value {because}"),
        "nothing was started; correct it in the deployment file",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::wanted;

    fn variables(wanted: &Wanted, language: Language) -> Result<Variables> {
        Variables::of(wanted, Path::new("/state/manifest.json"), language)
    }

    #[test]
    fn tags_are_a_map_for_hcl2_and_one_variable_each_for_json() {
        let hcl2 = variables(&wanted(), Language::Hcl2).expect("variables");
        assert_eq!(hcl2.values["tags"], serde_json::json!({"release-version": "open-release/koa.3"}));
        assert!(hcl2.names().all(|name| !name.starts_with("tag_")));
        let json = variables(&wanted(), Language::Json).expect("variables");
        assert_eq!(json.values["tag_release_version"], "open-release/koa.3");
        assert!(json.values.values().all(Value::is_string), "JSON templates take no maps");
    }

    #[test]
    fn names_that_are_ours_cannot_be_given_by_the_team() {
        for name in ["commit", "tags", "tag_a"] {
            let others = [(name.to_owned(), "x".to_owned())].into();
            let refused = variables(&Wanted { others, ..wanted() }, Language::Hcl2).expect_err("taken");
            assert!(refused.to_string().contains(name), "{refused}");
        }
    }

    #[test]
    fn a_value_that_packer_would_take_for_a_template_is_refused_where_it_would() {
        let braces = Wanted { branch: "mitx/{{user `x`}}".to_owned(), ..wanted() };
        assert!(variables(&braces, Language::Json).expect_err("braces").to_string().contains("branch"));
        assert!(variables(&braces, Language::Hcl2).is_ok());
        let lines = Wanted { branch: "a\nb".to_owned(), ..wanted() };
        assert!(variables(&lines, Language::Hcl2).is_err());
    }

    #[test]
    fn two_tags_that_would_be_one_variable_are_refused() {
        let tags = [("a-b".to_owned(), "1".to_owned()), ("a_b".to_owned(), "2".to_owned())].into();
        let both = Wanted { tags, ..wanted() };
        assert!(variables(&both, Language::Json).is_err());
        assert!(variables(&both, Language::Hcl2).is_ok());
    }

    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("variables.pkrvars.json");
        fs::write(&file, "of a crash").expect("written");
        variables(&wanted(), Language::Json).expect("variables").write(&file).expect("written");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        let read: BTreeMap<String, String> = serde_json::from_slice(&fs::read(&file).expect("read")).expect("JSON");
        assert_eq!(read["image_name"], "edxapp_residential_koa_base_release_4");
    }
}
