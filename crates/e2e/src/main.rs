//! `cargo xtask e2e`: a whole upgrade on real parts. Progress goes to standard error, the outcome to standard output: for people,
//! or with `--json` as one object.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints to the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "it reads its arguments and measures time")]

use std::process::ExitCode;
use std::time::Instant;

use cutover_e2e::run::{Outcome, run};
use cutover_e2e::stage::Deployment;

fn main() -> ExitCode {
    let as_json = std::env::args().any(|argument| argument == "--json");
    let begin = Instant::now();
    let outcome = run(Deployment::whole(), &|line| eprintln!("{:>6.1}s  {line}", begin.elapsed().as_secs_f64()));
    match as_json {
        true => println!("{}", serde_json::to_string_pretty(&outcome).expect("it is JSON")),
        false => println!("{}", text(&outcome)),
    }
    if outcome.outcome == "succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The outcome for people.
fn text(outcome: &Outcome) -> String {
    let lines = outcome.as_runbook.iter().map(|line| {
        let mark = if line.holds { "ok      " } else { "PROBLEM " };
        format!("{mark} {}\n", line.line)
    });
    let lines: String = lines.collect();
    let (hosts, visitors) = (&outcome.hosts, &outcome.visitors);
    format!(
        "{lines}\n{}: {} current and {} next hosts ({}), {} migrations\nwindow    {:.0} s, expected {:.0} s\nvisitors  {} saw \
         the old site, {} the maintenance page, {} the new site, {} something else",
        outcome.outcome,
        hosts.current,
        hosts.next,
        outcome.kind,
        outcome.migrations.len(),
        outcome.measured_seconds,
        outcome.forecast_seconds,
        visitors.old,
        visitors.page,
        visitors.new,
        visitors.error
    )
}
