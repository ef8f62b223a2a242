//! The record of a start.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::error::{Error, Result};

/// What was started, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What the image is found by.
    pub(super) token: String,
    /// Where it was started.
    pub(super) machine: Machine,
    /// The path of Packer.
    pub(super) packer: PathBuf,
    /// Its version.
    pub(super) version: String,
    /// The path of the template.
    pub(super) template: PathBuf,
    /// How many bytes of output are in one file.
    pub(super) piece: u64,
}

const NAME: &str = "start.json";

impl Record {
    /// The record in the folder of a job, if there is one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(NAME);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::File { path: file, done: "read", source }),
        };
        serde_json::from_slice(&text).map(Some).map_err(|source| {
            Error::refused(
                format!("{} is damaged ({source}), so nobody can tell whether this build runs", file.display()),
                format!(
                    "nothing was started; make sure that no instance and no image has the tag {} of this build, then remove {}",
                    crate::TAG,
                    folder.display()
                ),
            )
        })
    }

    /// Writes it, complete or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let (file, new) = (folder.join(NAME), folder.join("start.json.new"));
        let text = serde_json::to_vec_pretty(self).expect("text is JSON");
        fs::write(&new, text).map_err(Error::file(&new, "written"))?;
        fs::File::open(&new).and_then(|opened| opened.sync_all()).map_err(Error::file(&new, "written"))?;
        fs::rename(&new, &file).map_err(Error::file(&file, "written"))?;
        fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(Error::file(folder, "written"))
    }
}
