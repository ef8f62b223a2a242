//! The figures that the README promises, measured on this machine: `cargo bench -p cutover`.
//!
//! Each figure is shown with its bound, and some with a peer measured in the same run. `cargo xtask bench` fails if a
//! figure misses its bound. `~` marks figures that vary from run to run; a little excess is accepted there. What only
//! computes is measured in processor time, so that a busy machine spoils no figure.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the wall clock and starts processes")]
#![expect(clippy::print_stdout, reason = "its table is its result")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cutover::{output, show};
use cutover_core::deployment::{Deployment, parse};
use cutover_core::journal::{Upgrade, critical_path, gates_and_migrations, window_length};
use cutover_core::plan::{Order, Phase, WindowForecast, lint};
use cutover_core::planner::{Inputs, forecast};
use cutover_core::time::Span;
use cutover_engine::observe::observe;
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_hosts::command::{Ask, Command};
use cutover_rehearsal::{EmbeddedCloud, Rehearsed, SimulatedClock, conduct, rehearse, run};

const PRODUCTION: &str = include_str!("../../../examples/mitx-production.toml");
const QA: &str = include_str!("../../../examples/mitx-qa.toml");
const RUNS: usize = 5;

fn main() {
    let production = parse(PRODUCTION).expect("the example has no mistakes");
    let qa = parse(QA).expect("the example has no mistakes");
    println!("| figure | measured | bound | of the bound |");
    println!("|---|---|---|---|");
    rehearsal(&production);
    upgrades(&qa);
    windows(&[&production, &qa]);
    large(&production);
    planning(&production);
    plan_size(&production);
    durability(&qa);
    start_up();
}

/// A figure that is the same in every run, and the part of its bound that it takes.
fn exact(figure: &str, measured: &str, bound: &str, part: f64) {
    println!("| {figure} | {measured} | {bound} | {part:.2} |");
}

/// A figure that depends on the machine and on what else it does.
fn varying(figure: &str, measured: &str, bound: &str, part: f64) {
    println!("| {figure} | {measured} | {bound} | ~{part:.2} |");
}

fn median(mut lengths: Vec<Duration>) -> Duration {
    lengths.sort();
    lengths[lengths.len() / 2]
}

/// The median processor time of some runs. For what only computes, this is its length on an idle machine, whatever else
/// the machine does now.
fn timed<T>(work: impl Fn() -> T) -> Duration {
    median((0..RUNS).map(|_| timed_once(&work)).collect())
}

fn timed_once<T>(work: impl FnOnce() -> T) -> Duration {
    let begin = processor_time();
    std::hint::black_box(work());
    processor_time() - begin
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(used).expect("it is not negative")
}

/// The median time that some runs took, with their waits for other processes and for the disk.
fn waited<T>(work: impl Fn() -> T) -> Duration {
    let times = (0..RUNS).map(|_| {
        let begin = Instant::now();
        std::hint::black_box(work());
        begin.elapsed()
    });
    median(times.collect())
}

fn milliseconds(length: Duration) -> String {
    format!("{:.1} ms", length.as_secs_f64() * 1000.0)
}

fn rehearsed(deployment: &Deployment, order: Order) -> Rehearsed {
    rehearse(deployment, 1, order, |_| {}, Rc::new(|_| {})).expect("the rehearsal works")
}

fn rehearsal(production: &Deployment) {
    let time = timed(|| rehearsed(production, Order::Overlapped));
    let figure = "rehearsal of mitx-production, 34 + 34 hosts, all phases";
    varying(figure, &milliseconds(time), "1 s", time.as_secs_f64());
    peak_memory("peak memory of the rehearsal of mitx-production");
}

/// The peak memory of this process until now: the measurements are in an order in which each takes more than those before.
fn peak_memory(figure: &str) {
    match peak_memory_mb() {
        Some(peak) => varying(figure, &format!("{peak:.0} MB"), "200 MB", peak / 200.0),
        None => println!("| {figure} | not known on this system | 200 MB | |"),
    }
}

/// The peak memory of this process in MB, if the operating system provides it.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

fn windows(deployments: &[&Deployment]) {
    for deployment in deployments {
        let [overlapped, runbook] = [Order::Overlapped, Order::Runbook].map(|order| {
            let upgrade = rehearsed(deployment, order).upgrade;
            upgrade.run_of(Phase::Window).expect("the window was run").clone()
        });
        let length = |run| window_length(run).expect("the window came to its end").as_secs_f64();
        let (window, critical) = (length(&overlapped), critical_path(&overlapped).length.as_secs_f64());
        let figure = format!("window of {} over its critical path", deployment.name);
        exact(&figure, &format!("{window:.0} s / {critical:.0} s"), "1.02", window / critical / 1.02);
        let rest = |run| length(run) - gates_and_migrations(run).as_secs_f64();
        let (least, most) = (rest(&overlapped), rest(&runbook));
        let figure =
            format!("window of {} over the runbook's order, both without gates and migrations", deployment.name);
        exact(&figure, &format!("{least:.0} s / {most:.0} s = {:.2}", least / most), "0.6", least / most / 0.6);
    }
}

/// Whole upgrades in a second of processor time, one after the other.
fn upgrades(qa: &Deployment) {
    const UPGRADES: u32 = 300;
    let time = timed_once(|| {
        for _ in 0..UPGRADES {
            std::hint::black_box(rehearsed(qa, Order::Overlapped));
        }
    });
    let rate = f64::from(UPGRADES) / time.as_secs_f64();
    varying(
        "whole rehearsed upgrades of mitx-qa, per second of a core",
        &format!("{rate:.0}"),
        "at least 300",
        300.0 / rate,
    );
}

/// What is asked of deployments far larger than the examples.
fn large(production: &Deployment) {
    let hosts = with_hosts(production, 1000);
    let begin = processor_time();
    let upgrade = rehearsed(&hosts, Order::Overlapped).upgrade;
    let time = processor_time() - begin;
    varying("rehearsal of 1,000 + 1,000 hosts", &milliseconds(time), "2 s", time.as_secs_f64() / 2.0);
    peak_memory("peak memory of the rehearsal of 1,000 + 1,000 hosts");
    answers_of_many(&hosts);
    let run = upgrade.run_of(Phase::Window).expect("the window was run");
    let length = window_length(run).expect("the window came to its end").as_secs_f64();
    let critical = critical_path(run).length.as_secs_f64();
    let figure = "window of 1,000 hosts over its critical path";
    exact(figure, &format!("{length:.0} s / {critical:.0} s"), "1.02", length / critical / 1.02);
    let window = &hosts.window;
    let forecast = WindowForecast::of(&run.plan, window.start.timestamp, window.ends().timestamp);
    let expected = forecast.expected.as_secs_f64();
    let figure = "window of 1,000 hosts over its forecast";
    exact(figure, &format!("{length:.0} s / {expected:.0} s"), "1.03", length / expected / 1.03);
    let sites = with_sites(production, 1000);
    let time = timed_once(|| rehearsed(&sites, Order::Overlapped));
    varying("rehearsal of 1,000 sites", &milliseconds(time), "2 s", time.as_secs_f64() / 2.0);
    let mut long = production.clone();
    for migration in &mut long.migrations {
        (migration.expected, migration.limit) = (Span::seconds(1000 * 86_400), Span::seconds(2000 * 86_400));
    }
    let time = timed_once(|| rehearsed(&long, Order::Overlapped));
    varying("rehearsal of migrations of 1,000 days each", &milliseconds(time), "5 s", time.as_secs_f64() / 5.0);
}

/// The answers of 1,000 hosts that print a lot, all of which are kept.
fn answers_of_many(deployment: &Deployment) {
    const PRINTED: usize = 64 << 10;
    let start = deployment.window.start.timestamp;
    let clock = SimulatedClock::new(start);
    let world = EmbeddedCloud::furnish(deployment, 1, start);
    let world = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>).world();
    let question = Ask::new(Command::script(&format!("echo {}", "x".repeat(PRINTED - 1)), Vec::<String>::new()));
    let answers = run(&clock, async {
        let instances = world.compute.instances().await.expect("the embedded cloud answers");
        let asks = instances.iter().map(|instance| world.hosts.ask(&instance.id, &question));
        futures_util::future::join_all(asks).await
    });
    let lengths = answers.iter().map(|answer| answer.as_ref().expect("it answers").stdout.len());
    assert_eq!(lengths.filter(|length| *length == PRINTED).count(), 1000);
    peak_memory("peak memory of 1,000 answers of hosts, of 64 KiB each");
}

/// The production example with so many next hosts, in the proportions of its fleets and roles.
fn with_hosts(production: &Deployment, hosts: u32) -> Deployment {
    let mut deployment = production.clone();
    for (fleet, part) in deployment.fleets.iter_mut().zip([6, 2]) {
        fleet.edxapp.count = hosts * part / 10;
        fleet.worker.as_mut().expect("both have workers").count = hosts / 10;
    }
    deployment
}

/// The production example with so many sites, behind its own balancers.
fn with_sites(production: &Deployment, sites: usize) -> Deployment {
    let more = production.sites.iter().cycle().take(sites).enumerate().map(|(number, site)| {
        let mut site = site.clone();
        if number >= production.sites.len() {
            site.name = format!("{}-{number}", site.name).into();
            site.host = format!("site-{number}.{}", site.host).into();
        }
        site
    });
    Deployment { sites: more.collect(), ..production.clone() }
}

/// The time to plan all phases of a deployment.
fn planned(deployment: &Deployment, with_lint: bool) -> Duration {
    observed(deployment, |inputs| {
        timed(|| {
            for phase in Phase::ALL {
                let plan = forecast(inputs, phase, Order::Overlapped);
                if with_lint {
                    std::hint::black_box(lint(&plan, deployment));
                }
            }
        })
    })
}

/// What is done with a deployment as it is observed before its upgrade.
fn observed<T>(deployment: &Deployment, work: impl FnOnce(Inputs<'_>) -> T) -> T {
    let start = deployment.window.start.timestamp;
    let clock = SimulatedClock::new(start);
    let world = EmbeddedCloud::furnish(deployment, 1, start);
    let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
    let upgrade = Upgrade::default();
    let observed = run(&clock, observe(&cloud.world(), &*clock, deployment, &upgrade));
    let observation = observed.expect("the embedded cloud answers");
    work(Inputs { deployment, observation: &observation, upgrade: &upgrade })
}

fn planning(production: &Deployment) {
    let [some, many, most] = [250, 1000, 10_000].map(|hosts| with_hosts(production, hosts));
    let [before, time] = [&some, &many].map(|deployment| planned(deployment, false));
    varying("planning all phases for 1,000 hosts", &milliseconds(time), "200 ms", time.as_secs_f64() / 0.2);
    let growth = time.as_secs_f64() / before.as_secs_f64();
    let figure = "planning time, 250 to 1,000 hosts";
    varying(figure, &format!("{growth:.1} x"), "linear: 4 x", growth / 4.0);
    let time = planned(&many, true);
    varying("planning and linting all phases for 1,000 hosts", &milliseconds(time), "200 ms", time.as_secs_f64() / 0.2);
    let time = planned(&most, true);
    varying("planning and linting all phases for 10,000 hosts", &milliseconds(time), "3 s", time.as_secs_f64() / 3.0);
    let time = planned(&with_sites(production, 1000), true);
    varying("planning and linting all phases for 1,000 sites", &milliseconds(time), "2 s", time.as_secs_f64() / 2.0);
}

/// The size of what `plan --json` prints, and the edges of the plan.
fn plan_size(production: &Deployment) {
    let large = with_hosts(production, 1000);
    let plan = observed(&large, |inputs| forecast(inputs, Phase::Window, Order::Overlapped));
    let shown = show::plan_json(plan.clone(), &large, lint(&plan, &large), Vec::new());
    let text = output::json_line(&BTreeMap::from([("plans", [shown])])).expect("a plan is JSON");
    let megabytes = text.len() as f64 / 1e6;
    exact("`plan --json` of the window of 1,000 hosts", &format!("{megabytes:.1} MB"), "3 MB", megabytes / 3.0);
    let edges: usize = plan.steps.iter().map(|step| step.waits_for.len()).sum();
    let per_step = edges as f64 / plan.steps.len() as f64;
    exact("edges per step of the window plan of 1,000 hosts", &format!("{per_step:.1}"), "2", per_step / 2.0);
}

/// The cost of a step with a journal on disk, compared with writing and syncing the same number of plain files.
fn durability(qa: &Deployment) {
    let folder = std::env::temp_dir().join(format!("cutover-bench-{}", std::process::id()));
    let mut records = 0;
    let mut steps = 0;
    let mut times = Vec::new();
    for number in 0..RUNS {
        let store = Store::folder(&folder.join(number.to_string()), &qa.upgrade()).expect("a folder");
        let start = qa.window.start.timestamp.checked_sub(Duration::from_secs(5 * 86_400)).expect("in range");
        let clock = SimulatedClock::new(start);
        let world = EmbeddedCloud::furnish(qa, 1, start);
        let cloud = EmbeddedCloud::in_memory(world, Rc::clone(&clock) as Rc<dyn Clock>);
        let begin = Instant::now();
        let upgrade = conduct(qa, Order::Overlapped, &cloud, Rc::clone(&clock) as _, &store, Rc::new(|_| {}));
        let ended = run(&clock, upgrade).expect("the rehearsal works");
        times.push(begin.elapsed());
        records = ended.records.len();
        steps = ended.upgrade.last_runs().map(|phase| phase.plan.steps.len()).sum();
    }
    let without = waited(|| rehearsed(qa, Order::Overlapped));
    let per_step = (median(times).saturating_sub(without)) / u32::try_from(steps).expect("few");
    varying(
        "a step's cost with a journal on disk, fsynced",
        &milliseconds(per_step),
        "5 ms",
        per_step.as_secs_f64() / 0.005,
    );
    let bare = bare_files(&folder, records) / u32::try_from(steps).expect("few");
    let ratio = per_step.as_secs_f64() / bare.as_secs_f64();
    let figure = "a step's cost over that of as many bare files, fsynced";
    println!("| {figure} | {ratio:.1} x of {} | (a peer) | |", milliseconds(bare));
    // A leftover in the temporary folder does no harm.
    let _ = std::fs::remove_dir_all(folder);
}

fn bare_files(folder: &Path, count: usize) -> Duration {
    let begin = Instant::now();
    for number in 0..count {
        let mut file = std::fs::File::create(folder.join(format!("bare-{number}"))).expect("a file");
        std::io::Write::write_all(&mut file, &[b'x'; 400]).expect("written");
        file.sync_all().expect("synced");
        std::fs::File::open(folder).expect("the folder").sync_all().expect("synced");
    }
    begin.elapsed()
}

fn start_up() {
    let spawn = |program: &str, argument: &str| {
        let mut command = std::process::Command::new(program);
        let status = command.arg(argument).stdout(Stdio::null()).status();
        assert!(status.expect("it starts").success());
    };
    let time = waited(|| spawn(env!("CARGO_BIN_EXE_cutover"), "--version"));
    varying("`cutover --version`", &milliseconds(time), "20 ms", time.as_secs_f64() / 0.02);
}
