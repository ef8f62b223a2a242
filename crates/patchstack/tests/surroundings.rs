//! The surroundings of a clone: configuration and files of the repository and of the operator that change what git does. ARCHITECTURE.md
//! has the table of what is read and what is neutralised. Each setting here must make no difference: all commands are run with a
//! group of settings and without, and everything that they say and make is compared. When a group fails, its settings are tried one by
//! one, and the failure names those that make a difference.
#![expect(clippy::disallowed_methods, reason = "these tests start git, and give it their own PATH")]

#[path = "support/sandbox.rs"]
mod sandbox;

use std::path::Path;

use cutover_patchstack::forecast::forecast;
use cutover_patchstack::git::{Environment, Git};
use cutover_patchstack::rebase;
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Stack, compute_base};
use cutover_patchstack::{patches, publish, remote, status, verify};

use sandbox::Sandbox;

const BRANCH: &str = "mitx/koa";
const ONTO: &str = "upstream/open-release/koa.rc2";
/// A name that git quotes unless it is told not to.
const CONFLICTING: &str = "ä b.py";

/// Upstream and origin, and a place for clones of them.
struct World {
    sandbox: Sandbox,
}

impl World {
    /// Upstream with two candidates of koa; origin with four patches on the first, of which the second conflicts.
    fn new() -> Self {
        let world = Self { sandbox: Sandbox::new(true) };
        let maker = world.sandbox.path("maker");
        std::fs::create_dir(&maker).expect("a folder can be made");
        for name in ["upstream.git", "origin.git"] {
            let path = world.sandbox.path(name);
            world.sandbox.git(&maker, &["init".as_ref(), "--quiet".as_ref(), "--bare".as_ref(), path.as_os_str()]);
        }
        let git = |arguments: &[&str]| world.sandbox.git(&maker, arguments);
        git(&["init", "--quiet", "--initial-branch=main"]);
        let commit = |message: &str, files: &[(&str, String)]| {
            for (name, text) in files {
                std::fs::create_dir_all(maker.join(name).parent().expect("a folder")).expect("made");
                std::fs::write(maker.join(name), text).expect("a file can be written");
            }
            git(&["add", "--all"]);
            git(&["commit", "--quiet", "--message", message]);
        };
        let push = |to: &str, branch: &str| git(&["push", "--quiet", to, &format!("HEAD:refs/heads/{branch}")]);
        commit("first", &[(CONFLICTING, lines(0, "")), ("lms/b.py", lines(0, "")), ("moved.py", lines(0, ""))]);
        push("../upstream.git", "open-release/koa.rc1");
        git(&["checkout", "--quiet", "-b", "ours"]);
        commit("applies", &[("lms/b.py", lines(3, "ours"))]);
        commit("conflicts", &[(CONFLICTING, lines(10, "ours"))]);
        commit("the lines around it change", &[("moved.py", lines(6, "ours"))]);
        commit("a file more", &[("new.py", "new  \n".to_owned())]);
        push("../origin.git", BRANCH);
        git(&["checkout", "--quiet", "main"]);
        commit("upstream's own", &[(CONFLICTING, lines(10, "theirs")), ("moved.py", lines(8, "theirs"))]);
        push("../upstream.git", "open-release/koa.rc2");
        world
    }

    /// Everything that the commands say and make in a new clone after `prepare` has changed its surroundings.
    fn all(&self, prepare: &dyn Fn(&Path)) -> Result<String, String> {
        let (site, conflict) = (self.sandbox.path("site"), self.sandbox.path("conflict"));
        for left_over in [&site, &conflict] {
            let _ = std::fs::remove_dir_all(left_over);
        }
        self.sandbox.git(&self.sandbox.path("maker"), &["init".as_ref(), "--quiet".as_ref(), site.as_os_str()]);
        for remote in ["upstream", "origin"] {
            self.sandbox.git(&site, &["remote", "add", remote, &format!("../{remote}.git")]);
            self.sandbox.git(&site, &["fetch", "--quiet", remote]);
        }
        self.sandbox.git(&site, &["branch", BRANCH, "origin/mitx/koa"]);
        prepare(&site);
        self.commands(&site, &conflict).map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
    }

    fn commands(&self, site: &Path, conflict: &Path) -> cutover_patchstack::error::Result<String> {
        let git = Git::find(Environment::new(self.sandbox.variables()))?;
        let repository = Repository::open(&git, site)?;
        let conventions = Conventions::default();
        let branch = repository.revision(BRANCH)?;
        let base = compute_base(&repository, &conventions, &branch, None)?;
        let stack = Stack::list(&repository, branch.clone(), base)?;
        let onto = repository.revision(ONTO)?;
        let survey = conventions.survey(&repository)?;
        let mut all = vec![format!("{:#?}", status::status(&repository, &conventions)?)];
        all.push(format!("{:#?}", patches::list(&repository, &conventions, &survey, &branch, None)?));
        all.push(format!("{:#?}", forecast(&repository, &stack, &onto, &mut |_, _| {})?));
        let request = rebase::Request {
            conventions: conventions.clone(),
            stack,
            onto,
            target: BRANCH.to_owned(),
            skip: Vec::new(),
            folder: Some(conflict.to_owned()),
            accept_loss: None,
            exec: None,
            backwards: false,
        };
        all.push(format!("{:#?}", rebase::begin(&repository, request, &mut |_, _| {})?));
        all.push(std::fs::read_to_string(conflict.join(CONFLICTING)).unwrap_or_else(|error| error.to_string()));
        std::fs::write(conflict.join(CONFLICTING), lines(10, "theirs and ours")).expect("a file can be written");
        // The person's own git, which heeds its configuration.
        self.sandbox.git(conflict, &["-c", "core.autocrlf=false", "-c", "core.safecrlf=false", "add", "--all"]);
        let standing = rebase::proceed(&repository, BRANCH, &mut |_, _| {})?;
        all.push(format!("{standing:#?}"));
        let request = verify::Request {
            conventions: conventions.clone(),
            branch: BRANCH.to_owned(),
            old: None,
            new: None,
            explained: Vec::new(),
            backwards: false,
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        all.push(format!("{:#?}", verify::verify(&repository, &request, at, &mut |_, _| {})?));
        let obstacles = publish::obstacles(&repository, &conventions, &[], &[BRANCH]);
        all.push(format!("{obstacles:?}"));
        all.push(format!("{:?}", remote::heads(&repository, "origin", &["refs/heads/*"], remote::LIMIT)?));
        Ok(self.without_new_ids(site, all.join("\n")))
    }

    /// The same with the trees in the place of the commits that were made: their committer's time is that of the test.
    fn without_new_ids(&self, site: &Path, mut all: String) -> String {
        let range = ["rev-list", &format!("^{ONTO}"), "refs/cutover/rebased/mitx/koa"];
        let made = String::from_utf8(self.sandbox.git(site, &range)).expect("text");
        for commit in made.lines() {
            let tree = self.sandbox.git(site, &["rev-parse", &format!("{commit}^{{tree}}")]);
            let tree = String::from_utf8(tree).expect("text");
            all = all.replace(commit, tree.trim()).replace(&commit[..10], &tree[..10]);
        }
        all
    }

    /// Fails if a change of the surroundings makes a difference.
    fn makes_no_difference(&self, what: &str, prepare: &dyn Fn(&Path)) {
        let baseline = self.all(&|_| {}).expect("it works without");
        let outcome = self.all(prepare);
        assert!(outcome.as_ref() == Ok(&baseline), "{what}: {}", difference(&baseline, outcome));
    }

    /// Fails with the settings that make a difference.
    fn make_no_difference(&self, settings: &[(&str, &str)]) {
        let baseline = self.all(&|_| {}).expect("it works without settings");
        let with = |settings: &[(&str, &str)]| {
            self.all(&|site| {
                for (name, value) in settings {
                    self.sandbox.git(site, &["config", name, value]);
                }
            })
        };
        let together = with(settings);
        if together.as_ref() == Ok(&baseline) {
            return;
        }
        let together = difference(&baseline, together);
        let alone = settings.iter().filter_map(|setting| {
            let outcome = with(std::slice::from_ref(setting));
            (outcome.as_ref() != Ok(&baseline)).then(|| format!("{setting:?}: {}", difference(&baseline, outcome)))
        });
        let alone: Vec<String> = alone.collect();
        panic!("together: {together}\nalone:\n{}", alone.join("\n"));
    }
}

/// The first line that is different, or the error.
fn difference(baseline: &str, outcome: Result<String, String>) -> String {
    match outcome {
        Err(error) => error,
        Ok(outcome) => {
            let lines = baseline.lines().zip(outcome.lines());
            let mut different = lines.filter(|(was, is)| was != is);
            different.next().map_or_else(
                || format!("{} lines -> {} lines", baseline.lines().count(), outcome.lines().count()),
                |(was, is)| format!("{was} -> {is}"),
            )
        }
    }
}

/// Twelve lines, of which one reads otherwise.
fn lines(changed: usize, text: &str) -> String {
    (1..=12).map(|line| if line == changed { format!("{text}\n") } else { format!("line {line}\n") }).collect()
}

#[test]
fn files_that_settings_name_are_not_looked_for() {
    World::new().make_no_difference(&[
        ("diff.orderFile", "order"),
        ("core.excludesFile", "missing/ignored"),
        ("core.attributesFile", "missing/attributes"),
        ("core.hooksPath", "missing/hooks"),
        ("core.fsmonitor", "./missing"),
        ("commit.template", "missing/template"),
        ("mailmap.file", "missing/mailmap"),
        ("mailmap.blob", "HEAD:missing"),
        ("blame.ignoreRevsFile", "missing/revs"),
        ("fsck.skipList", "missing/skip"),
        ("fetch.fsck.skipList", "missing/skip"),
        ("receive.fsck.skipList", "missing/skip"),
        ("gpg.program", "./missing"),
        ("gpg.ssh.allowedSignersFile", "missing/signers"),
        ("core.editor", "./missing"),
        ("sequence.editor", "./missing"),
        ("core.pager", "./missing"),
        ("diff.external", "./missing"),
        ("interactive.diffFilter", "./missing"),
    ]);
}

#[test]
fn how_the_operator_likes_to_see_differences_and_logs_changes_nothing() {
    World::new().make_no_difference(&[
        ("color.ui", "always"),
        ("color.diff", "always"),
        ("color.grep", "always"),
        ("column.ui", "always"),
        ("core.abbrev", "4"),
        ("core.quotePath", "true"),
        ("diff.algorithm", "patience"),
        ("diff.context", "0"),
        ("diff.interHunkContext", "9"),
        ("diff.noPrefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.srcPrefix", "x/"),
        ("diff.relative", "true"),
        ("diff.indentHeuristic", "false"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.submodule", "log"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.wsErrorHighlight", "all"),
        ("diff.colorMoved", "zebra"),
        ("diff.statGraphWidth", "10"),
        ("format.pretty", "oneline"),
        ("log.abbrevCommit", "true"),
        ("log.date", "relative"),
        ("log.decorate", "full"),
        ("log.diffMerges", "off"),
        ("log.follow", "true"),
        ("log.mailmap", "false"),
        ("log.showRoot", "false"),
        ("log.showSignature", "true"),
        ("log.excludeDecoration", "refs/remotes/*"),
        ("grep.patternType", "fixed"),
        ("grep.lineNumber", "true"),
        ("grep.column", "true"),
        ("grep.fullName", "true"),
        ("status.relativePaths", "false"),
        ("versionsort.suffix", ".rc"),
        ("tag.sort", "-version:refname"),
        ("branch.sort", "-committerdate"),
        ("core.commentChar", "%"),
        ("pager.log", "./missing"),
        ("alias.log", "status"),
        ("advice.detachedHead", "true"),
    ]);
}

#[test]
fn how_the_operator_commits_and_rebases_changes_nothing() {
    World::new().make_no_difference(&[
        ("commit.gpgSign", "true"),
        ("commit.verbose", "true"),
        ("commit.cleanup", "scissors"),
        ("commit.status", "false"),
        ("tag.gpgSign", "true"),
        ("push.gpgSign", "if-asked"),
        ("rerere.enabled", "false"),
        ("rerere.autoUpdate", "true"),
        ("rebase.autoStash", "true"),
        ("rebase.autoSquash", "true"),
        ("rebase.updateRefs", "true"),
        ("rebase.missingCommitsCheck", "error"),
        ("pull.rebase", "true"),
        ("branch.autoSetupMerge", "always"),
        ("branch.autoSetupRebase", "always"),
        ("checkout.defaultRemote", "upstream"),
        ("checkout.guess", "false"),
        ("worktree.guessRemote", "true"),
        // Not beside `feature.manyFiles`: git cannot read such an index itself.
        ("core.splitIndex", "true"),
        ("worktree.useRelativePaths", "true"),
        ("core.logAllRefUpdates", "always"),
        ("notes.rewriteRef", "refs/notes/*"),
        ("notes.displayRef", "refs/notes/*"),
        ("core.notesRef", "refs/notes/others"),
        ("notes.mergeStrategy", "ours"),
    ]);
}

#[test]
fn how_the_operator_fetches_and_pushes_changes_nothing() {
    World::new().make_no_difference(&[
        ("fetch.prune", "true"),
        ("fetch.pruneTags", "true"),
        ("fetch.recurseSubmodules", "true"),
        ("fetch.fsckObjects", "true"),
        ("fetch.writeCommitGraph", "true"),
        ("fetch.output", "compact"),
        ("transfer.fsckObjects", "true"),
        ("transfer.hideRefs", "refs/remotes"),
        ("push.default", "nothing"),
        ("push.followTags", "true"),
        ("push.recurseSubmodules", "check"),
        ("push.autoSetupRemote", "true"),
        ("remote.pushDefault", "upstream"),
        ("submodule.recurse", "true"),
        ("submodule.active", "*"),
        ("gc.auto", "1"),
        ("maintenance.auto", "true"),
        ("gc.autoDetach", "false"),
        ("protocol.version", "0"),
    ]);
}

#[test]
fn how_the_clone_keeps_its_files_changes_nothing() {
    World::new().make_no_difference(&[
        ("core.fileMode", "false"),
        ("core.ignoreCase", "true"),
        ("core.precomposeUnicode", "true"),
        ("core.untrackedCache", "true"),
        ("core.preloadIndex", "false"),
        ("core.commitGraph", "false"),
        ("core.multiPackIndex", "false"),
        ("core.checkStat", "minimal"),
        ("core.trustctime", "false"),
        ("core.bigFileThreshold", "1"),
        ("core.compression", "0"),
        ("core.whitespace", "trailing-space,cr-at-eol"),
        ("core.safecrlf", "true"),
        ("index.version", "4"),
        ("index.sparse", "true"),
        ("feature.manyFiles", "true"),
        ("feature.experimental", "true"),
        ("i18n.logOutputEncoding", "latin1"),
        ("i18n.commitEncoding", "latin1"),
    ]);
}

/// Writes a file of a clone's git directory.
fn write(site: &Path, name: &str, text: &str) {
    let path = site.join(".git").join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

#[test]
fn files_of_the_git_directory_that_hide_files_or_change_history_make_no_difference() {
    let world = World::new();
    world.makes_no_difference("ignored files", &|site| write(site, "info/exclude", "*.py\n"));
    world.makes_no_difference("grafts", &|site| {
        let commit = world.sandbox.git(site, &["rev-parse", BRANCH]);
        write(site, "info/grafts", &String::from_utf8(commit).expect("text"));
    });
    world.makes_no_difference("replaced objects", &|site| {
        world.sandbox.git(site, &["replace", "mitx/koa~3", "mitx/koa~2"]);
    });
    world.makes_no_difference("a sparse work tree", &|site| {
        world.sandbox.git(site, &["config", "core.sparseCheckout", "true"]);
        write(site, "info/sparse-checkout", "/lms/\n");
    });
    world.makes_no_difference("an index of another command", &|site| write(site, "index.lock", ""));
    world.makes_no_difference("hooks", &|site| {
        use std::os::unix::fs::PermissionsExt;
        for hook in
            ["post-checkout", "pre-commit", "commit-msg", "reference-transaction", "pre-push", "post-index-change"]
        {
            write(site, &format!("hooks/{hook}"), "#!/bin/sh\nexit 1\n");
            let path = site.join(".git/hooks").join(hook);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        }
    });
}
