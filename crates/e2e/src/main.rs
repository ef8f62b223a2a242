//! `cargo xtask e2e`: a whole upgrade on real parts. Progress goes to standard error, the outcome to standard output: for people,
//! with `--json` as one object, or with `--figures` as the table of a benchmark.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints to the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "it reads its arguments and measures time")]

use std::process::ExitCode;
use std::time::Instant;

use cutover_e2e::run::{Outcome, run};
use cutover_e2e::stage::Deployment;

fn main() -> ExitCode {
    let form = std::env::args().nth(1);
    let begin = Instant::now();
    let outcome = run(Deployment::whole(), &|line| eprintln!("{:>6.1}s  {line}", begin.elapsed().as_secs_f64()));
    match form.as_deref() {
        Some("--json") => println!("{}", serde_json::to_string_pretty(&outcome).expect("it is JSON")),
        Some("--figures") => println!("{}", figures(&outcome)),
        _ => println!("{}", text(&outcome)),
    }
    if outcome.outcome == "succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How much of the time that was measured the forecast may be wrong.
const TOLERANCE: f64 = 0.10;

/// The forecast beside what was measured, in the form that `cargo xtask bench` reads.
fn figures(outcome: &Outcome) -> String {
    let (forecast, measured) = (outcome.forecast_seconds, outcome.measured_seconds);
    let part = (forecast - measured).abs() / (TOLERANCE * measured);
    format!(
        "| figure | measured | bound | of the bound |\n|---|---|---|---|\n| window on real parts, forecast beside measured | \
         {forecast:.0} s / {measured:.0} s | wrong by {:.0} % at most | ~{part:.2} |",
        100.0 * TOLERANCE
    )
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
