//! The command line of `cargo xtask` and its help. The chores themselves are in other modules.

use crate::failure::Failure;

/// Printed by `cargo xtask help`.
pub(crate) const HELP: &str = "\
Checks and chores of this repository.

Usage: cargo xtask CHORE

  test        Everything that must pass before a change is merged: formatting, circles between
              files, clippy, tests, documentation, licences and bans. Stops at the first failure.
              The tests need git, sshd, ssh-keygen and Python; if you are root on Debian, missing
              ones are installed. moto, which stands in for AWS, supervisor, celery, and a Debian
              system for the tests that boot machines are installed into the target folder. Where
              machines cannot be booted, those tests are left out, with a warning.
              `--quick` leaves out what needs more than a Rust toolchain and git, and lists it.
  circles     Files of a crate that need each other. Part of `test`.
  audit       Known vulnerabilities among the dependencies (reads a database from the network).
  bench       The benchmarks. Fails if a figure misses its bound, or is missing although README.md
              shows it. Further arguments are passed to `cargo bench`.
  bench hosts How fast 60 hosts are asked, beside bare ssh, ansible and pyinfra (installed into the
              target folder). Boots the hosts, so it needs root. Takes some minutes.
  bench e2e   How long the window of `e2e` takes, beside its forecast, which has to be right within a tenth.
  e2e         A whole upgrade, from announce to retire, with real hosts, servers, name servers and visitors
              (crates/e2e). Boots the hosts, so it needs root; installs what it needs into the target
              folder. Takes about three minutes. `--json` prints the outcome as one object.
  mutants     Mutation testing of the engine, planner, plan, journal and status. Takes
              hours; further arguments are passed to cargo-mutants, such as `--file` or
              `--shard 1/8`.
  reference   Generate docs/cli.md, docs/rehearsal.svg and the samples in README.md.
  help        This text.

Example: cargo xtask test
";

/// A chore of `cargo xtask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Print [`HELP`].
    Help,
    /// All checks, in order.
    Test,
    /// Those of them that need only a Rust toolchain and git.
    QuickTest,
    /// Files of a crate that need each other.
    Circles,
    /// Known vulnerabilities.
    Audit,
    /// The forecast of a window, beside how long that takes on real parts.
    BenchForecast,
    /// The benchmark that boots hosts.
    BenchHosts,
    /// The benchmarks, with further arguments for `cargo bench`.
    Bench(Vec<String>),
    /// A whole upgrade on real parts.
    EndToEnd {
        /// Whether the outcome is printed as JSON.
        as_json: bool,
    },
    /// Mutation testing, with further arguments for cargo-mutants.
    Mutants(Vec<String>),
    /// Generate the parts of documents that show what the program prints.
    Reference,
}

impl Chore {
    /// Reads the arguments after `cargo xtask`. Without arguments, the chore is the help.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let Some((name, rest)) = arguments.split_first() else {
            return Ok(Self::Help);
        };
        let chore = match name.as_str() {
            "help" | "--help" | "-h" => Self::Help,
            "test" if rest == ["--quick"] => return Ok(Self::QuickTest),
            "test" => Self::Test,
            "circles" => Self::Circles,
            "audit" => Self::Audit,
            "e2e" if rest == ["--json"] => return Ok(Self::EndToEnd { as_json: true }),
            "e2e" => Self::EndToEnd { as_json: false },
            "bench" if rest == ["e2e"] => return Ok(Self::BenchForecast),
            "bench" if rest == ["hosts"] => return Ok(Self::BenchHosts),
            "bench" => return Ok(Self::Bench(rest.to_vec())),
            "mutants" => return Ok(Self::Mutants(rest.to_vec())),
            "reference" => Self::Reference,
            _ => return Err(Failure::UnknownChore { given: name.clone() }),
        };
        match rest.first() {
            None => Ok(chore),
            Some(extra) => Err(Failure::UnexpectedArgument { chore: name.clone(), given: extra.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Chore, Failure> {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        Chore::parse(&arguments)
    }

    #[test]
    fn without_arguments_the_help_is_printed() {
        assert!(matches!(parse(""), Ok(Chore::Help)));
    }

    #[test]
    fn arguments_after_bench_are_passed_to_cargo() {
        let chore = parse("bench planner -- --quick").expect("bench takes arguments");
        assert_eq!(chore, Chore::Bench(["planner", "--", "--quick"].map(String::from).to_vec()));
    }

    #[test]
    fn the_benchmarks_that_boot_hosts_are_chores_of_their_own() {
        assert!(matches!(parse("bench hosts"), Ok(Chore::BenchHosts)));
        assert!(matches!(parse("bench e2e"), Ok(Chore::BenchForecast)));
        assert!(matches!(parse("bench"), Ok(Chore::Bench(_))));
    }

    #[test]
    fn the_outcome_of_the_upgrade_is_for_people_or_json() {
        assert!(matches!(parse("e2e"), Ok(Chore::EndToEnd { as_json: false })));
        assert!(matches!(parse("e2e --json"), Ok(Chore::EndToEnd { as_json: true })));
        assert!(matches!(parse("e2e --xml"), Err(Failure::UnexpectedArgument { .. })));
    }

    #[test]
    fn a_test_may_be_quick() {
        assert!(matches!(parse("test"), Ok(Chore::Test)));
        assert!(matches!(parse("test --quick"), Ok(Chore::QuickTest)));
    }

    #[test]
    fn a_chore_that_takes_no_arguments_refuses_one() {
        assert!(matches!(parse("test quickly"), Err(Failure::UnexpectedArgument { .. })));
    }

    #[test]
    fn an_unknown_chore_is_named_in_the_failure() {
        let failure = parse("tset").expect_err("there is no such chore");
        assert!(failure.to_string().contains("`tset`"));
    }

    #[test]
    fn every_chore_in_the_help_exists() {
        let chores = HELP.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names: Vec<&str> = chores.filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names.len(), 10);
        for name in names {
            assert!(parse(name).is_ok(), "{name} is in the help, but is not a chore");
        }
    }
}
