//! The command line of `cargo xtask` and its help. The chores themselves are in other modules.

use crate::failure::Failure;
use crate::machines::Kind;

/// Printed by `cargo xtask help`.
pub(crate) const HELP: &str = "\
Checks and chores of this repository.

Usage: cargo xtask CHORE

  test        Everything that must pass before a change is merged: formatting, circles between
              files, clippy, tests, documentation, licences and bans. Stops at the first failure.
              The tests need git, sshd, ssh-keygen and Python; if you are root on Debian, missing
              ones are installed. moto, which stands in for AWS, supervisor, celery, and a Debian
              system for the tests that boot machines are installed into the target folder. Where
              machines cannot be booted, the end-to-end run has plain hosts, and the tests that boot
              some are left out, with a warning.
              `--quick` leaves out what needs more than a Rust toolchain and git, and lists it.
  circles     Files of a crate that need each other. Part of `test`.
  audit       Known vulnerabilities among the dependencies (reads a database from the network).
  bench       The benchmarks. Fails if a figure misses its bound, or is missing although README.md
              shows it. Further arguments are passed to `cargo bench`.
  bench hosts How fast 60 hosts are asked, beside bare ssh, ansible and pyinfra (installed into the
              target folder). Boots the hosts, so it needs root. Takes some minutes.
  bench e2e   How long the window of `e2e` takes, beside its forecast, which has to be right within a tenth.
  e2e         A whole upgrade, from the release branch to retire, with real hosts, servers, name servers
              and visitors (crates/e2e). Makes the hosts, so it needs root; installs what it needs into the
              target folder. Takes about three and a half minutes. `--json` prints the outcome as one object. `--kind machines`
              boots the hosts, which takes networks and control groups; `--kind plain` starts them as
              processes on loopback. Without it, they are machines where those can be booted.
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
        /// The kind of its hosts, if it matters.
        kind: Option<Kind>,
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
            "e2e" => return end_to_end(rest),
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

/// The arguments of `e2e`, in any order.
fn end_to_end(arguments: &[String]) -> Result<Chore, Failure> {
    let unexpected = |given: &str| Failure::UnexpectedArgument { chore: "e2e".to_owned(), given: given.to_owned() };
    let (mut kind, mut as_json) = (None, false);
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--json" => as_json = true,
            "--kind" => {
                let name = words.next().ok_or_else(|| unexpected("--kind"))?;
                let named = Kind::ALL.into_iter().find(|kind| kind.name() == name);
                kind = Some(named.ok_or_else(|| unexpected(name))?);
            }
            other => return Err(unexpected(other)),
        }
    }
    Ok(Chore::EndToEnd { kind, as_json })
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
        assert!(matches!(parse("e2e"), Ok(Chore::EndToEnd { kind: None, as_json: false })));
        assert!(matches!(parse("e2e --json"), Ok(Chore::EndToEnd { kind: None, as_json: true })));
        assert!(matches!(parse("e2e --xml"), Err(Failure::UnexpectedArgument { .. })));
    }

    #[test]
    fn the_hosts_of_the_upgrade_may_be_of_a_certain_kind() {
        for line in ["e2e --kind plain --json", "e2e --json --kind plain"] {
            assert!(matches!(parse(line), Ok(Chore::EndToEnd { kind: Some(Kind::Plain), as_json: true })), "{line}");
        }
        for line in ["e2e --kind", "e2e --kind paper"] {
            assert!(matches!(parse(line), Err(Failure::UnexpectedArgument { .. })), "{line}");
        }
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
