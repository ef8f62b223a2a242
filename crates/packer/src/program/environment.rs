//! The environment of Packer: which variables it inherits.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The variables that Packer inherits. The caller reads them: this crate reads none. They are never written anywhere.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// What would change the output, or write it elsewhere.
const NOT_INHERITED: [&str; 2] = ["PACKER_LOG", "PACKER_LOG_PATH"];

impl Environment {
    /// Created from the variables of this process.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut variables: BTreeMap<_, _> = variables.into_iter().collect();
        for name in NOT_INHERITED {
            variables.remove(OsStr::new(name));
        }
        // Packer asks its makers for news, and colours its output.
        Self(variables).with("CHECKPOINT_DISABLE", "1").with("PACKER_NO_COLOR", "1")
    }

    /// The same with another variable, such as credentials.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }

    /// The program of this name that a shell would start: the first executable file of that name on `PATH`.
    pub(super) fn program(&self, name: &OsStr) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let is_executable = |path: &PathBuf| {
            std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        let folders = std::env::split_paths(self.0.get(OsStr::new("PATH"))?).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(name)).find(is_executable)
    }
}

/// Without values, which may be credentials.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
