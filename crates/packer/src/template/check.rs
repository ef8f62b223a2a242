//! Checks a template with the variables that it is to get.

use std::collections::BTreeSet;
use std::path::Path;

use cutover_core::words;

use super::{Template, declared};
use crate::error::{Error, Result};
use crate::folder;
use crate::program::Program;
use crate::variables::{ESSENTIAL, Variables};

/// A template that Packer takes, with what it is given.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Of the variables, those that the template declares.
    pub variables: Variables,
    /// Those of ours that it does not declare, and so does not use. Worth a note, no more.
    pub undeclared: Vec<String>,
}

impl Template {
    /// Checks it with these variables. Packer runs in `directory`, where relative paths in the template start. `room` is a
    /// folder for the file with the variables, which is removed again; it is made if it is not there.
    ///
    /// # Errors
    /// When the template could not be found again after a crash, lacks a variable that it has to have, needs one that nobody
    /// gives, or is refused by Packer, with the place.
    pub fn check(&self, program: &Program, directory: &Path, variables: &Variables, room: &Path) -> Result<Ready> {
        self.check_version(program)?;
        let inspected = program.ask("inspect", vec![self.path.clone().into()], directory, self.doing("read"))?;
        if !inspected.success {
            return Err(self.refused(program, &inspected));
        }
        let declared = declared::read(&inspected.stdout);
        let names: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
        self.check_essential(&names)?;
        self.check_single(&declared::builders(&inspected.stdout))?;
        self.check_marks()?;
        self.check_tags(&names, variables)?;
        self.check_others(&names, variables)?;
        let given: BTreeSet<&str> = variables.names().collect();
        let lacking = declared.iter().filter(|(name, is_required)| **is_required && !given.contains(name.as_str()));
        self.check_given(&lacking.map(|(name, _)| name.as_str()).collect::<Vec<_>>())?;
        let undeclared = variables.names().filter(|name| !names.contains(name)).map(str::to_owned).collect();
        let ready = Ready { variables: variables.clone().only(&names), undeclared };
        self.validate(program, directory, &ready.variables, room)?;
        Ok(ready)
    }

    fn doing(&self, verb: &str) -> String {
        format!("{verb} the template {}", self.path.display())
    }

    fn check_essential(&self, declared: &BTreeSet<&str>) -> Result<()> {
        let missing: Vec<_> = ESSENTIAL.into_iter().filter(|(name, _)| !declared.contains(name)).collect();
        let Some((_, lost)) = missing.first() else { return Ok(()) };
        let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
        Err(Error::refused(
            format!(
                "the Packer template {} does not declare {}, so {lost}",
                self.path.display(),
                words::some_of(&names, names.len())
            ),
            "nothing was started; declare and use them as examples/packer/ shows",
        ))
    }

    /// Hosts are launched from an image that is found by its tags.
    fn check_tags(&self, declared: &BTreeSet<&str>, variables: &Variables) -> Result<()> {
        let is_lacking = |name: &&str| (*name == "tags" || name.starts_with("tag_")) && !declared.contains(name);
        let lacking: Vec<&str> = variables.names().filter(is_lacking).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Error::refused(
            format!(
                "the Packer template {} does not declare {}, so the image would not have these tags",
                self.path.display(),
                words::some_of(&lacking, lacking.len())
            ),
            "nothing was started; declare and use them as examples/packer/ shows",
        ))
    }

    /// Two builders would make two images of one name.
    fn check_single(&self, builders: &[String]) -> Result<()> {
        let path = self.path.display();
        match &self.only {
            None if builders.len() > 1 => Err(Error::refused(
                format!(
                    "the Packer template {path} has {} builders, and a build makes one image: {}",
                    builders.len(),
                    builders.join(", ")
                ),
                "nothing was started; name one of them in the deployment file, or make a template of each",
            )),
            Some(only) if !builders.contains(only) => Err(Error::refused(
                format!("the Packer template {path} has no builder {only}; it has {}", words::some_of(builders, 8)),
                "nothing was started; correct the name in the deployment file",
            )),
            _ => Ok(()),
        }
    }

    fn check_others(&self, declared: &BTreeSet<&str>, variables: &Variables) -> Result<()> {
        let Some(other) = variables.others().find(|name| !declared.contains(name)) else { return Ok(()) };
        let meant = words::nearest(other, declared).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Err(Error::refused(
            format!(
                "the Packer template {} declares no variable {other}, which the deployment file gives{meant}",
                self.path.display()
            ),
            "nothing was started; correct the name in the deployment file, or declare it in the template",
        ))
    }

    fn check_given(&self, lacking: &[&str]) -> Result<()> {
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Error::refused(
            format!(
                "the Packer template {} needs {} that nobody gives: {}",
                self.path.display(),
                words::count(lacking.len(), "variable"),
                words::some_of(lacking, lacking.len())
            ),
            "nothing was started; give them in the deployment file, or give them defaults in the template",
        ))
    }

    fn validate(&self, program: &Program, directory: &Path, variables: &Variables, room: &Path) -> Result<()> {
        folder::make(room)?;
        let room = tempfile::Builder::new().prefix(".check-").tempdir_in(room).map_err(Error::file(room, "used"))?;
        let file = room.path().join("variables.pkrvars.json");
        variables.write(&file)?;
        let outcome = program.ask("validate", self.arguments(&file), directory, self.doing("check"))?;
        if outcome.success { Ok(()) } else { Err(self.refused(program, &outcome)) }
    }
}
