//! What `cargo xtask test --quick` leaves out: everything that needs more than a Rust toolchain and git. It is a list, with the
//! reasons, that is printed with each such run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::workspace::Workspace;

/// Something that is left out, and what it needs.
#[derive(Debug, Clone, Copy)]
struct LeftOut {
    /// How cargo or the test runner names it.
    name: &'static str,
    needs: &'static str,
}

/// Packages all of whose tests are left out.
const PACKAGES: [LeftOut; 2] = [
    LeftOut { name: "cutover-rig", needs: "root on Linux, systemd-nspawn, and a Debian system to boot" },
    LeftOut { name: "cutover-e2e", needs: "the same, MariaDB, Redis, HAProxy, knot, unbound, Django and celery" },
];

/// Test programs, which are files or folders in `crates/*/tests`.
const PROGRAMS: [LeftOut; 6] = [
    LeftOut { name: "aws", needs: "Python, moto and AWS's own API models" },
    LeftOut { name: "lfs", needs: "git-lfs" },
    LeftOut { name: "on_aws", needs: "Python, moto, supervisor, and OpenSSH's server" },
    LeftOut { name: "real_packer", needs: "Python, moto, and the Debian system that has Packer" },
    LeftOut { name: "remotes", needs: "OpenSSH's server" },
    LeftOut { name: "ssh", needs: "Python, supervisor, and OpenSSH's server" },
];

/// Tests of other programs, by a part of their names that no other test has.
const TESTS: [LeftOut; 2] = [
    LeftOut { name: "real_ports_answer_or_are_named_with_the_reason", needs: "Python" },
    LeftOut { name: "a_process_that_has_ended_is_not_listed_and_one_whose_threads_go_on_is", needs: "Python" },
];

/// Checks that are not tests.
const CHECKS: [LeftOut; 1] = [LeftOut { name: "dependencies", needs: "cargo-deny" }];

/// The command that runs the other tests. `tests` is the test runner without a choice of tests.
///
/// # Errors
/// When the folders with tests cannot be read.
pub(crate) fn choose(workspace: &Workspace, tests: Invocation) -> Result<Invocation, Failure> {
    let kept = programs(&workspace.path("crates"))?;
    let excluded = PACKAGES.iter().flat_map(|package| ["--exclude", package.name]);
    let chosen = kept.iter().filter(|name| PROGRAMS.iter().all(|program| program.name != *name));
    let chosen = chosen.flat_map(|name| ["--test", name.as_str()]);
    let skipped = TESTS.iter().flat_map(|test| ["--skip", test.name]);
    let tests = tests.arguments(excluded).arguments(["--lib", "--bins"]).arguments(chosen);
    Ok(tests.arguments(["--"]).arguments(skipped))
}

/// The names of the test programs in a folder of packages, except those of packages that are left out.
fn programs(packages: &Path) -> Result<BTreeSet<String>, Failure> {
    let read = |folder: &Path| -> Result<Vec<_>, Failure> {
        let not_read = |source| Failure::NotRead { file: folder.to_owned(), source };
        let entries = fs::read_dir(folder).map_err(not_read)?.collect::<Result<Vec<_>, _>>().map_err(not_read)?;
        Ok(entries.into_iter().map(|entry| entry.path()).collect())
    };
    let is_left_out =
        |folder: &Path| PACKAGES.iter().any(|one| folder.ends_with(one.name.trim_start_matches("cutover-")));
    let folders =
        read(packages)?.into_iter().filter(|folder| !is_left_out(folder)).map(|package| package.join("tests"));
    let folders = folders.filter(|folder| folder.is_dir());
    let entries = folders.map(|folder| read(&folder)).collect::<Result<Vec<_>, _>>()?.concat();
    let is_program = |path: &Path| path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file();
    let programs = entries.iter().filter(|path| is_program(path)).filter_map(|path| path.file_stem());
    Ok(programs.map(|name| name.to_string_lossy().into_owned()).collect())
}

/// What is left out, for the person who runs the rest: a line for each.
pub(crate) fn told() -> String {
    let lines = |kind: &'static str, left_out: &'static [LeftOut]| {
        left_out.iter().map(move |one| format!("\n  {kind} {}: needs {}", one.name, one.needs))
    };
    let all = lines("package", &PACKAGES).chain(lines("test program", &PROGRAMS));
    let all = all.chain(lines("test", &TESTS)).chain(lines("check", &CHECKS));
    format!("LEFT OUT, since this is the quick run:{}\n  `cargo xtask test` runs all of it.", all.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::at("cargo", Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root"))
    }

    #[test]
    fn everything_that_is_left_out_exists() {
        let programs = programs(&workspace().path("crates")).expect("they can be read");
        for left_out in PROGRAMS {
            assert!(programs.contains(left_out.name), "{left_out:?} is not one of {programs:?}");
        }
        for package in PACKAGES {
            let folder = package.name.trim_start_matches("cutover-");
            assert!(workspace().path("crates").join(folder).is_dir(), "{package:?}");
        }
        let sources = ["answers.rs", "processes/tests.rs"].map(|file| workspace().path("crates/hosts/src").join(file));
        let sources = sources.map(|file| fs::read_to_string(file).expect("it can be read")).concat();
        for test in TESTS {
            assert!(sources.contains(&format!("fn {}(", test.name)), "{test:?}");
        }
    }

    #[test]
    fn all_other_tests_run() {
        let line = choose(&workspace(), workspace().cargo(["test"])).expect("it can be made").to_line();
        for kept in ["--lib --bins", "--test by_hand", "--test upgrades", "--test version_1"] {
            assert!(line.contains(kept), "{kept}: {line}");
        }
        for left_out in PROGRAMS {
            assert!(!line.split(' ').any(|word| word == left_out.name), "{left_out:?}: {line}");
        }
        assert!(line.contains("--exclude cutover-rig --exclude cutover-e2e"), "{line}");
    }

    #[test]
    fn every_part_that_is_left_out_is_told_with_what_it_needs() {
        let told = told();
        for left_out in PACKAGES.iter().chain(&PROGRAMS).chain(&TESTS).chain(&CHECKS) {
            assert!(told.contains(&format!("{}: needs {}", left_out.name, left_out.needs)), "{told}");
        }
    }
}
