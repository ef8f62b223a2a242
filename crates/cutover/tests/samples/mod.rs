//! A fork of edx-platform as README shows it: `mitx/juniper` and `mitx/koa` with their patches, and an upstream that
//! has moved on to koa.rc3. Names, dates and contents are fixed, so the commits have the same ids in each run.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const SETTINGS: &str = "lms/envs/production.py";
const SESSIONS: &str = "lms/envs/sessions.py";
const REQUIREMENTS: &str = "requirements/edx/base.txt";
const GRADES: &str = "lms/djangoapps/instructor_task/grades.py";
const LIMITS: &str = "cms/envs/common.py";
const LOGIN: &str = "common/djangoapps/student/login.py";

const ALICE: &str = "Alice Chen <alice@mit.edu>";
const BOB: &str = "Bob Diaz <bob@mit.edu>";
const KIM: &str = "Kim Lund <kim@openedx.org>";
const RAVI: &str = "Ravi Shah <ravi@openedx.org>";

/// One commit: its day in 2020, author, subject, and edits `(file, old, new)`; an empty `old` adds `new` at the end.
type Change<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str, &'a str)]);

/// Our patches. `mitx/juniper` has the first three of them.
const PATCHES: [Change<'static>; 6] = [
    (
        "06-02",
        ALICE,
        "Name the session cookie after the site",
        &[(SESSIONS, "COOKIE_NAME = 'sessionid'", "COOKIE_NAME = ENV_TOKENS.get('COOKIE_NAME', 'sessionid')")],
    ),
    (
        "06-03",
        ALICE,
        "Serve static files from the CDN",
        &[(SETTINGS, "STATIC_URL = '/static/'\n", "STATIC_URL = ENV_TOKENS['CDN_URL'] + '/static/'\n")],
    ),
    (
        "06-09",
        BOB,
        "Let course teams upload files of 100 MB",
        &[(LIMITS, "MAX_ASSET_UPLOAD_MB = 10", "MAX_ASSET_UPLOAD_MB = 100")],
    ),
    (
        "11-23",
        BOB,
        "Go on with a grade report past deleted accounts",
        &[(
            GRADES,
            "        rows.append(grade(user))\n",
            "        if user.is_active:\n            rows.append(grade(user))\n",
        )],
    ),
    (
        "11-23",
        BOB,
        "Add the grader of staff-graded assignments",
        &[(REQUIREMENTS, "edx-sga==0.10.0", "edx-sga==0.11.0")],
    ),
    (
        "11-24",
        ALICE,
        "Log failed logins with the address they come from",
        &[(LOGIN, "log.warning('failed')", "log.warning('failed from %s', request.META['REMOTE_ADDR'])")],
    ),
];

/// What upstream commits after koa.rc2 and before koa.rc3, in addition to the fix that it takes from us.
const CANDIDATE_3: [Change<'static>; 3] = [
    ("11-25", RAVI, "Upgrade edx-ace", &[(REQUIREMENTS, "edx-ace==0.1.17", "edx-ace==1.0.0")]),
    (
        "11-26",
        KIM,
        "Read where static files are from STORAGE",
        &[(SETTINGS, "STATIC_URL = '/static/'\n", "STATIC_URL = STORAGE['static'].base_url\n")],
    ),
    ("11-27", RAVI, "Say in the log which language was asked for", &[("lms/urls.py", "", "log_language = True\n")]),
];

/// The fork: a clone with the remotes `upstream` and `origin`, in a folder of its own.
pub(crate) struct Fork {
    folder: TempDir,
}

impl Fork {
    /// `mitx/koa`, six patches on koa.rc2, is checked out.
    pub(crate) fn new() -> Self {
        let fork = Self { folder: tempfile::tempdir().expect("a folder") };
        for remote in ["upstream", "origin"] {
            let bare = format!("{remote}.git");
            fork.git_in(fork.folder.path(), &["init", "--quiet", "--bare", "--object-format=sha1", &bare]);
        }
        let init = ["init", "--quiet", "--object-format=sha1", "--initial-branch=master", "edx-platform"];
        fork.git_in(fork.folder.path(), &init);
        for remote in ["upstream", "origin"] {
            let place = fork.folder.path().join(format!("{remote}.git")).display().to_string();
            fork.git(&["remote", "add", remote, &place]);
        }
        fork.juniper();
        fork.koa();
        fork.git(&["fetch", "--quiet", "--all"]);
        fork
    }

    fn juniper(&self) {
        self.commit(("05-20", KIM, "Prepare the Juniper release", &files()));
        self.release("juniper.master");
        self.ours("juniper", &PATCHES[..3]);
    }

    fn koa(&self) {
        self.git(&["switch", "--quiet", "master"]);
        self.commit(("10-20", RAVI, "Run on Python 3.8", &[("tox.ini", "", "envlist = py38\n")]));
        self.release("koa.alpha1");
        self.commit(("11-09", KIM, "Translate the new course outline", &[("lms/urls.py", "", "outline = True\n")]));
        self.release("koa.rc1");
        self.commit(("11-19", RAVI, "Upgrade the discussion forum", &[("tox.ini", "", "forum = 4\n")]));
        self.release("koa.rc2");
        self.ours("koa", &PATCHES);
        self.git(&["switch", "--quiet", "master"]);
        let (_, _, _, files) = PATCHES[3];
        self.commit(("11-25", KIM, "Fix grade reports of deleted users", files));
        CANDIDATE_3.into_iter().for_each(|change| self.commit(change));
        self.release("koa.rc3");
        self.git(&["switch", "--quiet", "mitx/koa"]);
    }

    /// Pushes `master` as upstream's branch of a release.
    fn release(&self, candidate: &str) {
        self.git(&["push", "--quiet", "upstream", &format!("master:refs/heads/open-release/{candidate}")]);
    }

    /// Creates our branch of a release on the current `master`, and pushes it.
    fn ours(&self, codename: &str, patches: &[Change<'_>]) {
        let branch = format!("mitx/{codename}");
        self.git(&["switch", "--quiet", "--create", &branch]);
        patches.iter().for_each(|patch| self.commit(*patch));
        self.git(&["push", "--quiet", "origin", &branch]);
    }

    /// Resolves the conflict with koa.rc3 as a person would, in the folder that was prepared for it.
    pub(crate) fn resolve(&self, folder: &Path) {
        let text = std::fs::read_to_string(folder.join(SETTINGS)).expect("the file with the conflict");
        let (before, conflict) = text.split_once("<<<<<<<").expect("a conflict");
        let (_, after) = conflict.split_once(">>>>>>>").expect("its end");
        let after = after.split_once('\n').expect("a line").1;
        let resolved = format!("{before}STATIC_URL = ENV_TOKENS['CDN_URL'] + STORAGE['static'].base_url\n{after}");
        std::fs::write(folder.join(SETTINGS), resolved).expect("written");
        self.git_in(folder, &["add", SETTINGS]);
    }

    /// Runs the real program in the clone, checks that it ends with `code`, and returns its output.
    pub(crate) fn run(&self, code: i32, arguments: &str) -> String {
        let mut program = self.command(env!("CARGO_BIN_EXE_cutover"));
        let output = program.args(arguments.split(' ')).current_dir(self.clone()).output().expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The first digits of the commits that the rebase has made. They differ in each run, because a resolved conflict
    /// is committed with the name of the person and the current time.
    pub(crate) fn made(&self) -> Vec<String> {
        let range = "upstream/open-release/koa.rc3..refs/cutover/rebased/mitx/koa";
        self.git(&["rev-list", range]).lines().map(|id| id[..10].to_owned()).collect()
    }

    fn clone(&self) -> PathBuf {
        self.folder.path().join("edx-platform")
    }

    /// Without the machine's configuration, with a fixed person and time.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Alice Chen").env(format!("GIT_{role}_EMAIL"), "alice@mit.edu");
            command.env(format!("GIT_{role}_DATE"), "2020-12-01T10:00:00-05:00");
        }
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.clone(), arguments)
    }

    fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        succeeds(self.command("git").args(arguments).current_dir(folder))
    }

    fn commit(&self, (day, who, subject, files): Change<'_>) {
        for (name, old, new) in files {
            let path = self.clone().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(text.contains(old), "{name} has no {old}");
            let text = if old.is_empty() { text + new } else { text.replace(old, new) };
            std::fs::write(path, text).expect("written");
        }
        self.git(&["add", "--all"]);
        let (name, email) = who.trim_end_matches('>').split_once(" <").expect("a name and an address");
        let mut command = self.command("git");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), email);
            command.env(format!("GIT_{role}_DATE"), format!("2020-{day}T10:00:00-05:00"));
        }
        succeeds(command.args(["commit", "--quiet", "--message", subject]).current_dir(self.clone()));
    }
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("git starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The files that upstream starts with, each as an addition.
fn files() -> [(&'static str, &'static str, &'static str); 6] {
    let settings = "DEBUG = False\nSTATIC_URL = '/static/'\nMEDIA_URL = '/media/'\n";
    let sessions = "COOKIE_NAME = 'sessionid'\nCOOKIE_SECURE = True\n";
    let requirements = "\
        django==2.2.17\nedx-ace==0.1.17\nedx-enterprise==3.10.0\nedx-proctoring==2.4.9\nedx-search==1.4.1\n\
        edx-sga==0.10.0\nedx-submissions==3.2.3\nedxval==1.4.4\n";
    let grades = "\
        def report(course):\n    rows = []\n    for user in course.users():\n        rows.append(grade(user))\n    \
        return rows\n";
    let login = "\
        def login(request):\n    user = authenticate(request)\n    if user is None:\n        \
        log.warning('failed')\n    return user\n";
    [
        (SETTINGS, "", settings),
        (SESSIONS, "", sessions),
        (REQUIREMENTS, "", requirements),
        (GRADES, "", grades),
        (LIMITS, "", "MAX_ASSET_UPLOAD_MB = 10\n"),
        (LOGIN, "", login),
    ]
}
