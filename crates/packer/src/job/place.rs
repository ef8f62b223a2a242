//! Where the files of a build are.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A build of this machine, by its token.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) jobs: PathBuf,
    pub(super) folder: PathBuf,
    token: String,
}

impl Job {
    /// The build with this token, in an absolute folder for all builds. Nothing is made yet.
    ///
    /// # Errors
    /// When the token cannot be the name of a folder.
    pub fn new(jobs: &Path, token: &str) -> Result<Self> {
        debug_assert!(jobs.is_absolute());
        let is_sign = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        // `door` is beside the folders.
        if token.is_empty()
            || token.len() > 128
            || token.starts_with('.')
            || token == "door"
            || !token.chars().all(is_sign)
        {
            return Err(Error::refused(
                format!("{token:?} cannot be the token of a build"),
                "nothing was started; names in the deployment file may have letters, digits, `.`, `_` and `-`",
            ));
        }
        Ok(Self { jobs: jobs.to_owned(), folder: jobs.join(token), token: token.to_owned() })
    }

    /// What the image is found by.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the template's `manifest` post-processor may write.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.folder.join("manifest.json")
    }
}
