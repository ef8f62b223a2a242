//! `cargo xtask test`: everything that must pass before a change is merged, cheapest first. With `--quick`, what of that needs
//! only a Rust toolchain and git. Also `audit`, which needs the network.

use std::time::{Duration, Instant};

use crate::components;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::machines::{self, Machines};
use crate::python::{self, Python};
use crate::quick;
use crate::tools::{self, TestRunner};
use crate::workspace::Workspace;

/// A check: its name, and the command that runs it.
#[derive(Debug)]
struct Step {
    name: &'static str,
    invocation: Invocation,
    /// What to print when it fails, if the command's own output is not enough.
    hint: Option<&'static str>,
}

/// Runs all checks, and stops at the first one that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let started = Instant::now();
    tools::require(workspace)?;
    components::require(workspace)?;
    let python = python::require(workspace)?;
    let machines = machines::require(workspace)?;
    tell_hosts(&machines);
    let runner = runner(workspace);
    let tests = all_tests(workspace, runner, &python, &machines);
    for step in code_steps(workspace, tests_and_examples(workspace, runner, tests)) {
        perform(&step)?;
    }
    // Last, because cargo-deny may have to be fetched or built: by now all other checks have passed.
    for step in policy_steps(workspace, tools::cargo_deny(workspace)?.as_path()) {
        perform(&step)?;
    }
    eprintln!("xtask: all checks passed in {}", shown(started.elapsed()));
    // Again, because the first line is far above.
    tell_hosts(&machines);
    Ok(())
}

/// Runs the checks that need only a Rust toolchain and git, and says which ones are left out.
pub(crate) fn quick(workspace: &Workspace) -> Result<(), Failure> {
    let started = Instant::now();
    tools::require(workspace)?;
    components::require_git(workspace)?;
    eprintln!("xtask: {}", quick::told());
    let tests = Step::new("tests", quick::choose(workspace, runner_of_tests(workspace, runner(workspace)))?);
    for step in code_steps(workspace, vec![tests, examples(workspace)]) {
        perform(&step)?;
    }
    eprintln!("xtask: the checks of the quick run passed in {}", shown(started.elapsed()));
    // Again, because the list is far above.
    eprintln!("xtask: {}", quick::told());
    Ok(())
}

/// The test runner. Says so if it is the slower one.
fn runner(workspace: &Workspace) -> TestRunner {
    let runner = TestRunner::installed(workspace);
    if runner == TestRunner::CargoTest {
        eprintln!("xtask: cargo-nextest is not installed; `cargo test` runs the same tests, more slowly");
    }
    runner
}

/// Says which hosts the end-to-end run has, or that there are none.
fn tell_hosts(machines: &Machines) {
    eprintln!("xtask: {}", machines.told());
}

/// Looks for known vulnerabilities. It is separate from [`run`] because its result can change without a change here.
pub(crate) fn audit(workspace: &Workspace) -> Result<(), Failure> {
    let cargo_deny = tools::cargo_deny(workspace)?;
    perform(&Step::new("advisories", workspace.program(&cargo_deny, ["check", "advisories"])))
}

impl Step {
    fn new(name: &'static str, invocation: Invocation) -> Self {
        Self { name, invocation, hint: None }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// The checks of the code itself, in order, with these for the tests.
fn code_steps(workspace: &Workspace, tests: Vec<Step>) -> Vec<Step> {
    let formatting = workspace.cargo(["fmt", "--all", "--check"]);
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    let documentation = workspace.cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);

    let circles = workspace.cargo(["run", "--package", "xtask", "--locked", "--quiet", "--", "circles"]);

    let mut steps = vec![
        Step::new("formatting", formatting).hint("`cargo fmt --all` fixes this."),
        Step::new("circles between files", circles),
        Step::new("clippy", workspace.cargo(clippy)),
    ];
    steps.extend(tests);
    steps.push(Step::new("documentation", documentation.environment("RUSTDOCFLAGS", "-D warnings")));
    steps
}

/// The command of all tests, which are told where their parts are.
fn all_tests(workspace: &Workspace, runner: TestRunner, python: &Python, machines: &Machines) -> Step {
    Step::new("tests", machines.tell_tests(python.tell(runner_of_tests(workspace, runner))))
}

/// The test runner with its options. A failure does not hide the ones after it.
fn runner_of_tests(workspace: &Workspace, runner: TestRunner) -> Invocation {
    let runner = match runner {
        TestRunner::Nextest => workspace.cargo(["nextest", "run", "--profile", "checks", "--test-threads", &places()]),
        TestRunner::CargoTest => workspace.cargo(["test"]),
    };
    runner.arguments(["--workspace", "--locked", "--no-fail-fast"])
}

/// All tests with the examples in the documentation, which `cargo test` runs by itself.
fn tests_and_examples(workspace: &Workspace, runner: TestRunner, tests: Step) -> Vec<Step> {
    match runner {
        TestRunner::Nextest => vec![tests, examples(workspace)],
        TestRunner::CargoTest => vec![tests],
    }
}

fn examples(workspace: &Workspace) -> Step {
    Step::new("documentation tests", workspace.cargo(["test", "--workspace", "--locked", "--quiet", "--doc"]))
}

/// How many places there are for tests: two for each processor. See the profile in `.config/nextest.toml`.
fn places() -> String {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    (2 * processors).to_string()
}

/// The checks of what the code depends on (deny.toml).
fn policy_steps(workspace: &Workspace, cargo_deny: &std::path::Path) -> Vec<Step> {
    let policies = workspace.program(cargo_deny, ["--offline", "check", "bans", "licenses", "sources"]);
    vec![
        // A build fetches the crates of one platform, but licences are checked for all platforms in deny.toml.
        Step::new("fetching dependencies", workspace.cargo(["fetch", "--locked"])),
        Step::new("dependencies", policies).hint("deny.toml has the policy and its reasons."),
    ]
}

/// Runs a check, and prints a line before it and a line with its time after it.
fn perform(step: &Step) -> Result<(), Failure> {
    eprintln!("xtask: {}: {}", step.name, step.invocation.to_line());
    let started = Instant::now();
    let outcome = step.invocation.run(step.name);
    let verdict = if outcome.is_ok() { "passed" } else { "failed" };
    eprintln!("xtask: {}: {verdict} after {}", step.name, shown(started.elapsed()));
    outcome.map_err(|failure| match failure {
        Failure::Failed { what, command, .. } => Failure::Failed { what, command, hint: step.hint },
        other => other,
    })
}

/// `4.2 s`, or `3 min 07 s` from a minute on.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn lines(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| step.invocation.to_line()).collect()
    }

    fn workspace() -> Workspace {
        Workspace::at("cargo", Path::new("."))
    }

    fn test_steps(runner: TestRunner) -> Vec<Step> {
        let machines = Machines::Impossible("this is a test".to_owned());
        tests_and_examples(&workspace(), runner, all_tests(&workspace(), runner, &Python::imagined(), &machines))
    }

    fn steps(runner: TestRunner) -> Vec<Step> {
        code_steps(&workspace(), test_steps(runner))
    }

    #[test]
    fn the_cheapest_checks_come_first() {
        for runner in [TestRunner::Nextest, TestRunner::CargoTest] {
            let steps = steps(runner);
            let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
            assert_eq!(names[..4], ["formatting", "circles between files", "clippy", "tests"]);
            assert_eq!(names.last(), Some(&"documentation"));
        }
    }

    #[test]
    fn warnings_are_denied_in_code_and_in_documentation() {
        let lines = lines(&steps(TestRunner::Nextest));
        assert_eq!(lines[2], "cargo clippy --workspace --all-targets --locked -- -D warnings");
        assert!(lines[5].starts_with("RUSTDOCFLAGS='-D warnings' cargo doc"));
    }

    #[test]
    fn with_nextest_the_examples_in_the_documentation_are_run_too() {
        let lines = lines(&test_steps(TestRunner::Nextest));
        assert!(lines.iter().any(|line| line.starts_with("cargo test ") && line.ends_with("--doc")));
    }

    #[test]
    fn both_test_runners_pass_the_path_of_moto_to_the_tests() {
        for runner in [TestRunner::Nextest, TestRunner::CargoTest] {
            let lines = lines(&test_steps(runner));
            assert!(lines[0].starts_with("CUTOVER_BOTOCORE=models CUTOVER_SUPERVISOR="), "{}", lines[0]);
        }
    }

    #[test]
    fn without_nextest_one_command_runs_all_tests() {
        let lines = lines(&test_steps(TestRunner::CargoTest));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains(" cargo test --workspace --locked --no-fail-fast"), "{}", lines[0]);
    }

    #[test]
    fn no_check_may_change_the_lock_file() {
        let mut steps = steps(TestRunner::Nextest);
        steps.extend(policy_steps(&workspace(), Path::new("cargo-deny")));
        for line in lines(&steps) {
            let resolves = !line.starts_with("cargo fmt") && !line.starts_with("cargo-deny");
            assert_eq!(line.contains("--locked"), resolves, "{line}");
        }
    }

    #[test]
    fn the_dependencies_are_checked_without_the_network() {
        let lines = lines(&policy_steps(&workspace(), Path::new("cargo-deny")));
        assert_eq!(lines.last().map(String::as_str), Some("cargo-deny --offline check bans licenses sources"));
    }

    #[test]
    fn a_failed_check_says_how_to_repeat_it_alone() {
        let step = Step::new("tests", Invocation::new("false", "false", Path::new("."))).hint("Look there.");
        let failure = perform(&step).expect_err("false fails");
        assert_eq!(failure.to_string(), "tests failed. To repeat only this step:\n  false\nLook there.");
    }

    #[test]
    fn times_are_shown_for_people() {
        assert_eq!(shown(Duration::from_millis(4_240)), "4.2 s");
        assert_eq!(shown(Duration::from_secs(187)), "3 min 07 s");
    }
}
