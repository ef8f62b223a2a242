//! What chores print on standard output, with programs that only print in the place of all others.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "it starts the chore as a person does")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder in which nothing is installed yet, with programs that can install it.
struct Computer(PathBuf);

impl Computer {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        let programs = folder.join("bin");
        fs::create_dir_all(&programs).expect("a folder");
        let program = programs.join("program");
        fs::write(&program, include_str!("installed.sh")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be started");
        for name in ["id", "sh", "cargo", "python3", "apt-get"] {
            symlink(&program, programs.join(name)).expect("a link");
        }
        Self(folder)
    }

    fn xtask(&self, words: &[&str]) -> Output {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.args(words).env_clear().env("PATH", self.0.join("bin")).env("CARGO", self.0.join("bin/cargo"));
        xtask.env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", self.0.join("target"));
        xtask.output().expect("xtask")
    }
}

#[test]
fn an_upgrade_that_installs_its_parts_first_prints_json_and_nothing_else_on_standard_output() {
    let computer = Computer::new("standard-output");
    let printed = computer.xtask(&["e2e", "--json"]);
    let errors = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&printed.stdout), "{\"outcome\":\"succeeded\"}\n");
    for program in ["apt-get", "python3", "python", "debootstrap", "cargo"] {
        assert!(errors.contains(&format!("{program} prints this\n")), "{program}: {errors}");
    }
}
