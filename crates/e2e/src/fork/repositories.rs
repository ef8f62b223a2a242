//! Upstream's repository with the old and the new release, the team's fork with patches on the old one, and the operator's clone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::{Release, files};

/// The name of the project.
pub const REPOSITORY: &str = "edx-platform";
/// Upstream's next release, onto which the patches go.
pub const UPSTREAM_RELEASE: &str = "open-release/koa.1";
/// The header in which a site with the team's patches says its commit.
pub const COMMIT_HEADER: &str = "X-Commit";

/// A patch of the team's: its subject, and what it puts where in which files.
type Patch = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const PATCHES: [Patch; 2] = [
    (
        "Say in each answer which commit it is of",
        &[
            (
                "settings.py",
                "USE_TZ = True\n",
                "USE_TZ = True\nwith open(f\"{os.path.dirname(__file__)}/REVISION\") as file:\n    COMMIT = file.read().strip()\n",
            ),
            (
                "views.py",
                "        response[\"X-Release\"] = settings.RELEASE\n",
                "        response[\"X-Release\"] = settings.RELEASE\n        response[\"X-Commit\"] = settings.COMMIT\n",
            ),
        ],
    ),
    ("Name the campus on its pages", &[("views.py", "students. Powered", "students of the campus. Powered")]),
];

/// The repositories, in one folder.
pub struct Fork {
    folder: PathBuf,
}

impl Fork {
    /// Makes them in that folder, which is the home of the operator.
    ///
    /// # Panics
    /// When git is not there, or refuses something.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        let fork = Self { folder: folder.to_owned() };
        let identity = "[user]\n\tname = Ada Example\n\temail = ada@campus.test\n[init]\n\tdefaultBranch = master\n";
        std::fs::write(folder.join(".gitconfig"), identity).expect("written");
        let project = fork.work_tree();
        git(folder, folder, &["init", "--quiet", REPOSITORY]);
        for remote in ["upstream", "origin"] {
            let bare = folder.join(format!("{remote}.git")).display().to_string();
            git(folder, folder, &["init", "--quiet", "--bare", &bare]);
            fork.git(&["remote", "add", remote, &bare]);
        }
        for (release, tag, branch) in
            [(Release::One, "open-release/juniper.3", "juniper"), (Release::Two, UPSTREAM_RELEASE, "koa")]
        {
            files(release).for_each(|(path, text)| write(&project.join(path), text));
            fork.commit(&format!("Release {branch}"));
            fork.git(&["tag", tag]);
            let branch = format!("HEAD:refs/heads/open-release/{branch}.master");
            fork.git(&["push", "--quiet", "upstream", &branch, tag]);
        }
        fork.git(&["switch", "--quiet", "--create", "campus/juniper", "open-release/juniper.3"]);
        PATCHES.iter().for_each(|patch| fork.apply(patch));
        fork.git(&["push", "--quiet", "origin", "campus/juniper"]);
        fork.git(&["fetch", "--quiet", "--all"]);
        fork
    }

    /// The operator's clone.
    fn work_tree(&self) -> PathBuf {
        self.folder.join(REPOSITORY)
    }

    /// The team's fork, without a work tree.
    #[must_use]
    pub fn bare(&self) -> PathBuf {
        self.folder.join("origin.git")
    }

    /// The commit that a branch of the fork is at, if it is there.
    #[must_use]
    pub fn published(&self, branch: &str) -> Option<String> {
        let listed = git(
            &self.folder,
            &self.bare(),
            &["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{branch}")],
        );
        Some(listed).filter(|commit| !commit.is_empty())
    }

    /// What the team has in a branch of the fork on top of upstream's next release: the subjects of its patches, the oldest first.
    #[must_use]
    pub fn patches(&self, branch: &str) -> Vec<String> {
        let Some(head) = self.published(branch) else { return Vec::new() };
        let listed = self.git(&["log", "--reverse", "--format=%s", &format!("{UPSTREAM_RELEASE}..{head}")]);
        listed.lines().map(str::to_owned).collect()
    }

    /// The subjects of the team's patches.
    #[must_use]
    pub fn subjects() -> Vec<String> {
        PATCHES.iter().map(|(subject, _)| (*subject).to_owned()).collect()
    }

    fn apply(&self, (subject, changes): &Patch) {
        for (path, from, to) in *changes {
            let file = self.work_tree().join(path);
            let text = std::fs::read_to_string(&file).expect("a file of the project");
            assert!(text.contains(from), "{path} has no {from:?}");
            write(&file, &text.replacen(from, to, 1));
        }
        self.commit(subject);
    }

    fn commit(&self, subject: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", subject]);
    }

    fn git(&self, words: &[&str]) -> String {
        git(&self.folder, &self.work_tree(), words)
    }
}

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder");
    std::fs::write(file, text).expect("written");
}

/// Runs git as the operator with this home.
fn git(home: &Path, folder: &Path, words: &[&str]) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new("git");
    command.args(words).current_dir(folder).env_clear().env("PATH", path).env("HOME", home);
    let output = command.output().expect("git");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
