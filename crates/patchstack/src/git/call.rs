//! One call of git, as data: what it is to do, its arguments, its input, and how long it may take.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Configuration;
use crate::names::ObjectId;

/// How long a call that only works on this machine may take. A listing of a large history takes seconds.
const LOCAL_LIMIT: Duration = Duration::from_secs(600);

/// One call of git.
#[derive(Clone, Debug)]
pub struct Call {
    /// For errors: `git could not {doing}`.
    pub(super) doing: String,
    pub(super) directory: Option<PathBuf>,
    pub(super) before: Vec<OsString>,
    pub(super) arguments: Vec<OsString>,
    pub(super) input: Vec<u8>,
    pub(super) limit: Duration,
    pub(super) configuration: Configuration,
    pub(super) settings: Vec<(String, String)>,
    pub(super) variables: Vec<(&'static str, OsString)>,
}

impl Call {
    /// A call of the subcommand `name`, which is to do what `doing` says: `list the patches of mitx/koa`.
    pub fn new(name: &'static str, doing: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            directory: None,
            before: Vec::new(),
            arguments: vec![name.into()],
            input: Vec::new(),
            limit: LOCAL_LIMIT,
            configuration: Configuration::Neutral,
            settings: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Options of ours, written out in the code.
    #[must_use]
    pub fn options(mut self, options: &[&'static str]) -> Self {
        self.arguments.extend(options.iter().map(Into::into));
        self
    }

    /// An option with a value that is one word with it: `--format=` and a format.
    #[must_use]
    pub fn option(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        let mut word = OsString::from(name);
        word.push(value);
        self.arguments.push(word);
        self
    }

    /// What the call is about: revisions, refs, addresses. Never read as options.
    #[must_use]
    pub fn operands<T: AsRef<OsStr>>(mut self, operands: impl IntoIterator<Item = T>) -> Self {
        self.arguments.push("--end-of-options".into());
        self.arguments.extend(operands.into_iter().map(|operand| operand.as_ref().to_owned()));
        self
    }

    /// An object by its id, which no git takes for an option: for commands that know no `--end-of-options` in older
    /// gits.
    #[must_use]
    pub fn object(mut self, id: &ObjectId) -> Self {
        self.arguments.push(id.as_str().into());
        self
    }

    /// The commits that lead to `to` and not to `from`, by ids, as [`Call::object`].
    #[must_use]
    pub fn range(mut self, from: &ObjectId, to: &ObjectId) -> Self {
        self.arguments.push(format!("{from}..{to}").into());
        self
    }

    /// Only these paths, taken literally.
    #[must_use]
    pub fn paths<'a>(mut self, paths: impl IntoIterator<Item = &'a [u8]>) -> Self {
        use std::os::unix::ffi::OsStrExt;
        self.arguments.push("--".into());
        self.arguments.extend(paths.into_iter().map(|path| OsStr::from_bytes(path).to_owned()));
        self
    }

    /// What git reads on its standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs in this folder, and finds its repository from there as git does.
    #[must_use]
    pub fn inside(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Works on the repository of this git directory, wherever it runs.
    #[must_use]
    pub fn of_repository(mut self, git_directory: &Path) -> Self {
        let mut word = OsString::from("--git-dir=");
        word.push(git_directory);
        self.before.push(word);
        self.directory = Some(git_directory.to_owned());
        self
    }

    /// With the operator's own configuration and identity: for remotes, and for who commits.
    #[must_use]
    pub fn as_the_operator(mut self) -> Self {
        self.configuration = Configuration::Operators;
        self
    }

    /// With a setting of ours, which outranks every file.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// With a variable in git's environment.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name, value.as_ref().to_owned()));
        self
    }

    /// May take this long, and is ended then.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}
