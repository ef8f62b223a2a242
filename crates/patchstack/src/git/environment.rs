//! The environment of git: which variables it inherits, and which configuration it reads.
//!
//! The result of a replay must not depend on who runs it. So git reads neither the system's nor the operator's
//! configuration, prints messages in English, and does not see the variables that control it. Only for the identity of
//! the committer and for access to remotes does it see what the operator's own git sees.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Which configuration git reads in addition to the repository's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// None, so that the result is the same for every operator.
    Neutral,
    /// The operator's own: for remotes and identity.
    Operators,
}

/// The variables of this process that git may inherit. The caller reads them: this crate reads none.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    inherited: Vec<(OsString, OsString)>,
    operators: Vec<(OsString, OsString)>,
}

/// Those of the variables that control git that determine the committer, the configuration, and how remotes are
/// reached.
const OPERATORS: [&str; 18] = [
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_PROXY_SSL_CERT",
    "GIT_PROXY_SSL_KEY",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "GIT_ALLOW_PROTOCOL",
];

/// Settings for every call: git runs no hooks, no file system monitor and no maintenance because of it, lists files in its own
/// order (an order file is looked for where git runs, and it may not be there), shows differences of all but huge files, and
/// checks out all files in the folder of a conflict.
const ALWAYS: [(&str, &str); 9] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.quotePath", "false"),
    ("core.bigFileThreshold", "512m"),
    ("diff.orderFile", "/dev/null"),
    ("core.sparseCheckout", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
];

impl Environment {
    /// Created from the variables of this process.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let word = name.to_string_lossy();
            if OPERATORS.contains(&word.as_ref()) {
                environment.operators.push((name, value));
            } else if !steers(&word) {
                environment.inherited.push((name, value));
            }
        }
        environment
    }

    /// Everything that git finds in its environment.
    pub(super) fn variables(
        &self,
        configuration: Configuration,
        settings: &[(String, String)],
    ) -> Vec<(OsString, OsString)> {
        let mut variables = self.inherited.clone();
        let mut set = |name: &str, value: &str| variables.push((name.into(), value.into()));
        set("LC_ALL", "C");
        set("LANGUAGE", "C");
        set("GIT_NO_REPLACE_OBJECTS", "1");
        set("GIT_GRAFT_FILE", "/dev/null");
        // git-lfs downloads nothing for the folder of a conflict, and shows pointers.
        set("GIT_LFS_SKIP_SMUDGE", "1");
        set("GIT_LITERAL_PATHSPECS", "1");
        set("GIT_OPTIONAL_LOCKS", "0");
        set("GIT_TERMINAL_PROMPT", "0");
        set("GIT_PAGER", "cat");
        set("GIT_EDITOR", "true");
        set("GIT_SEQUENCE_EDITOR", "true");
        set("GIT_MERGE_AUTOEDIT", "no");
        match configuration {
            Configuration::Neutral => {
                set("GIT_CONFIG_GLOBAL", "/dev/null");
                set("GIT_CONFIG_NOSYSTEM", "1");
                set("GIT_ATTR_NOSYSTEM", "1");
            }
            Configuration::Operators => variables.extend(self.operators.iter().cloned()),
        }
        let ours = ALWAYS.iter().map(|(name, value)| (*name, *value));
        let settings: Vec<(&str, &str)> =
            ours.chain(settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect();
        for (index, (name, value)) in settings.iter().enumerate() {
            variables.push((format!("GIT_CONFIG_KEY_{index}").into(), (*name).into()));
            variables.push((format!("GIT_CONFIG_VALUE_{index}").into(), (*value).into()));
        }
        variables.push(("GIT_CONFIG_COUNT".into(), settings.len().to_string().into()));
        variables
    }

    /// The program of this name that a shell would start: the first executable file of that name on `PATH`.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let is_executable = |path: &PathBuf| {
            std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        let folders = std::env::split_paths(self.get("PATH")?).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(name)).find(is_executable)
    }

    /// The value of a variable that git inherits, including those for the committer and for remotes only.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.inherited
            .iter()
            .chain(&self.operators)
            // If a name occurs several times, the last value is used, as when a process is started.
            .rfind(|(inherited, _)| inherited == name)
            .map(|(_, value)| value.as_os_str())
    }
}

/// Whether a variable changes what git does, where it looks, or what language it speaks.
fn steers(name: &str) -> bool {
    name.starts_with("GIT_") || name.starts_with("LC_") || name == "LANG" || name == "LANGUAGE" || name == "PREFIX"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let of = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        Environment::new([
            of("PATH", "/usr/bin"),
            of("GIT_DIR", "/elsewhere"),
            of("GIT_SSH_COMMAND", "ssh -i key"),
            of("LANG", "de_DE.UTF-8"),
            of("LC_MESSAGES", "de_DE.UTF-8"),
            of("GIT_CONFIG_COUNT", "1"),
            of("GIT_CONFIG_KEY_0", "merge.renames"),
            of("GIT_CONFIG_VALUE_0", "false"),
        ])
    }

    fn value(variables: &[(OsString, OsString)], name: &str) -> Option<String> {
        let found: Vec<_> = variables.iter().filter(|(other, _)| other == name).collect();
        assert!(found.len() <= 1, "{name} is set twice");
        found.first().map(|(_, value)| value.to_string_lossy().into_owned())
    }

    #[test]
    fn a_replay_ignores_the_operators_language_and_configuration() {
        let variables = environment().variables(Configuration::Neutral, &[]);
        assert_eq!(value(&variables, "PATH").as_deref(), Some("/usr/bin"));
        assert_eq!(value(&variables, "GIT_CONFIG_GLOBAL").as_deref(), Some("/dev/null"));
        assert_eq!(value(&variables, "LC_ALL").as_deref(), Some("C"));
        for name in ["GIT_DIR", "LANG", "LC_MESSAGES", "GIT_SSH_COMMAND"] {
            assert_eq!(value(&variables, name), None, "{name}");
        }
        assert_eq!(value(&variables, "GIT_CONFIG_KEY_0").as_deref(), Some("core.hooksPath"));
    }

    #[test]
    fn a_remote_is_reached_the_way_the_operator_reaches_it() {
        let variables = environment().variables(Configuration::Operators, &[]);
        assert_eq!(value(&variables, "GIT_SSH_COMMAND").as_deref(), Some("ssh -i key"));
        assert_eq!(value(&variables, "GIT_CONFIG_GLOBAL"), None);
        assert_eq!(value(&variables, "GIT_DIR"), None, "a repository is named, never inherited");
        assert_eq!(value(&variables, "GIT_TERMINAL_PROMPT").as_deref(), Some("0"), "nothing waits for a password");
    }

    #[test]
    fn settings_of_a_call_come_after_those_that_always_hold() {
        let settings = [("merge.renames".to_owned(), "true".to_owned())];
        let variables = environment().variables(Configuration::Neutral, &settings);
        let last = format!("GIT_CONFIG_KEY_{}", ALWAYS.len());
        assert_eq!(value(&variables, &last).as_deref(), Some("merge.renames"));
        assert_eq!(value(&variables, "GIT_CONFIG_COUNT"), Some((ALWAYS.len() + 1).to_string()));
    }
}
