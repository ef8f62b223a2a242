//! `--dry-run` of the real program on an embedded cloud: it shows what each phase would do, and changes nothing, not
//! even the state's folder.
#![expect(clippy::disallowed_methods, reason = "these tests start the real program")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A deployment in a folder of its own, which is removed with this value.
struct Deployment {
    folder: PathBuf,
}

impl Deployment {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cutover-dry-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/mitx-qa.toml");
        let text = std::fs::read_to_string(example).expect("the example") + "\n[embedded]\npace = 100000\n";
        std::fs::write(folder.join("qa.toml"), text).expect("written");
        Self { folder }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.arg(arguments[0]).arg("qa.toml").args(&arguments[1..]).current_dir(&self.folder);
        command.output().expect("it starts")
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Every file with its content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(&path, files);
                } else {
                    files.insert(path.clone(), std::fs::read(&path).expect("a file"));
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.folder, &mut files);
        files
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_dry_run_of_any_phase_changes_nothing_before_and_after_a_phase_was_run() {
    let deployment = Deployment::new("phases");
    for run_before in [None, Some("announce")] {
        if let Some(phase) = run_before {
            deployment.succeeds(&[phase]);
        }
        let before = deployment.files();
        for phase in ["announce", "prepare", "window", "retire"] {
            let script = deployment.succeeds(&[phase, "--dry-run"]);
            assert!(script.starts_with(&format!("# cutover {phase} qa.toml --dry-run")), "{script}");
            let commands: Vec<&str> =
                script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            assert_eq!(commands, Vec::<&str>::new(), "an embedded cloud has no commands");
            assert!(!script.contains("WOULD FAIL") && !script.contains("CANNOT BE SEEN"), "{script}");
        }
        assert_eq!(deployment.files(), before, "a dry run changed a file");
    }
    let done = deployment.succeeds(&["announce", "--dry-run"]);
    assert_eq!(done.matches(": already done").count(), 2, "{done}");
}

#[test]
fn a_dry_run_shows_what_would_happen_on_hosts_and_to_records() {
    let deployment = Deployment::new("words");
    let script = deployment.succeeds(&["window", "--dry-run"]);
    let text = script.replace("\n#  ", "");
    for words in [
        "`prepare` must have succeeded before `window` can begin",
        "would change 3 records of zone mitx.mit.edu.: lms-qa.mitx.mit.edu to d222222abcdef8.cloudfront.net (TTL 1m)",
        "on edx-mitx-qa-residential-live-0-v3: /edx/bin/supervisorctl stop lms cms forum",
        "waits until a person has decided at gate go",
        "would take out of lms-mitx-qa-live: edx-mitx-qa-residential-live-0-v3",
        "would register in lms-mitx-qa-live: edx-mitx-qa-residential-live-0-v4",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn options_without_a_meaning_in_a_dry_run_are_refused() {
    let deployment = Deployment::new("options");
    for option in [&["--late"][..], &["--pace", "10"], &["--retry", "window.migrate"]] {
        let output = deployment.run(&[&["window", "--dry-run"], option].concat());
        assert_eq!(output.status.code(), Some(2), "{option:?}");
    }
    let stale = deployment.run(&["announce", "--dry-run", "--plan", "00000000"]);
    assert!(!stale.status.success());
    assert!(String::from_utf8_lossy(&stale.stderr).contains("not 00000000"));
}
