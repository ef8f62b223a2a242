//! The figures that release branches are held to, measured on this machine: `cargo bench -p cutover-patchstack`.
//!
//! Each is a ratio to git's own commands on the same repository in the same run. `cargo xtask bench` fails if one
//! misses its bound by more than figures vary from run to run, which `~` marks. With `-- contested`, only the stacks are
//! measured in which most patches conflict.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and starts git")]
#![expect(clippy::print_stdout, reason = "its table is its result")]

#[path = "../tests/support/contested.rs"]
mod contested;
#[path = "../tests/support/imported.rs"]
mod imported;
#[path = "../tests/support/project.rs"]
mod project;
#[path = "../tests/support/sandbox.rs"]
mod sandbox;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cutover_patchstack::forecast::{Depth, Fate, forecast_step_by_step};
use cutover_patchstack::git::Environment;
use cutover_patchstack::patches;
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::replay::{AtConflict, Decisions, Engine, replay};
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Base, Stack};

use contested::Mix;
use imported::{CONFIG, empty, import};
use project::Project;
use sandbox::Sandbox;

const FILES: usize = 3_000;
/// Upstream's commits up to the old release, and from there to the new one, of a middling project.
const MIDDLING: [usize; 2] = [4_000, 1_000];
/// The same of one as large as edx-platform.
const LARGE: [usize; 2] = [50_000, 4_000];
const STACKS: [usize; 4] = [20, 40, 80, 400];
/// Upstream's commits between the releases of the contested stacks.
const CONTESTED: usize = 1_000;
/// Half of the patches conflict, in the last one nearly all.
const MIXES: [Mix; 4] = [
    Mix { patches: 20, conflicts: 10 },
    Mix { patches: 40, conflicts: 20 },
    Mix { patches: 84, conflicts: 77 },
    Mix { patches: 160, conflicts: 80 },
];
/// Of the calm stacks, one patch in so many conflicts.
const CONFLICTING: usize = 25;
/// Git writes as carefully as it does for an operator, where the other tests would have it hurry.
const FSYNC: [&str; 2] = ["-c", "core.fsync=default"];
const OLD: &str = "upstream/open-release/koa.rc1";
const NEW: &str = "upstream/open-release/koa.rc2";

fn main() {
    println!("| figure | measured | bound | of the bound |");
    println!("|---|---|---|---|");
    if std::env::args().any(|argument| argument == "contested") {
        return contested();
    }
    let site = Site::new(&calm_stream(MIDDLING), [OLD, NEW]);
    let ratios: Vec<f64> = STACKS[..3].iter().map(|patches| site.replays(*patches, 3)).collect();
    row("full replay, median of these", &format!("{:.1} x faster", median(&ratios)), "5 x", 5.0 / median(&ratios));
    let ratio = site.replays(STACKS[3], 1);
    row("full replay of 400 patches", &format!("1 / {ratio:.1} of git's time"), "1 / 4", 4.0 / ratio);
    site.listing("a middling project");
    drop(site);
    contested();
    Site::new(&calm_stream(LARGE), [OLD, NEW]).listing("a large project");
}

/// Forecasts of stacks that conflict nearly everywhere: with the cause of each conflict, and with outcomes alone.
fn contested() {
    let site = Site::new(&contested::stream(CONTESTED, &MIXES), [contested::OLD, contested::NEW]);
    let ratios: Vec<[f64; 2]> = MIXES.iter().map(|mix| site.forecasts(*mix)).collect();
    let [full, brief] = [0, 1].map(|side| ratios.iter().map(|ratio| ratio[side]).collect::<Vec<f64>>());
    let least = full.iter().copied().fold(f64::INFINITY, f64::min);
    let faster = |ratio: f64| format!("{ratio:.1} x faster");
    row("forecast of contested stacks with causes, median", &faster(median(&full)), "6 x", 6.0 / median(&full));
    row("forecast of contested stacks with causes, least", &faster(least), "2 x", 2.0 / least);
    row("brief forecast of contested stacks, median", &faster(median(&brief)), "8 x", 8.0 / median(&brief));
}

fn row(figure: &str, measured: &str, bound: &str, part: f64) {
    println!("| {figure} | {measured} | {bound} | ~{part:.2} |");
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median time of some runs, each after a preparation that is not timed.
fn timed(runs: usize, prepare: impl Fn(), work: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            prepare();
            let begin = Instant::now();
            work();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// A clone of a project.
struct Site {
    sandbox: Sandbox,
    folder: PathBuf,
    /// Where its stacks stand, and where they go.
    releases: [&'static str; 2],
}

impl Site {
    /// On the disk, where an operator's clone is.
    fn new(stream: &[u8], releases: [&'static str; 2]) -> Self {
        let sandbox = Sandbox::new(false);
        let folder = empty(&sandbox, "site");
        import(&sandbox, &folder, stream);
        let remote = |name: &str| {
            format!("[remote \"{name}\"]\n\turl = ../{name}.git\n\tfetch = +refs/heads/*:refs/remotes/{name}/*\n")
        };
        let config = format!("{CONFIG}{}{}", remote("upstream"), remote("origin"));
        std::fs::write(folder.join(".git/config"), config).expect("a file can be written");
        Self { sandbox, folder, releases }
    }

    fn open(&self) -> Repository {
        Repository::with_git_found(Environment::new(self.sandbox.variables()), &self.folder).expect("it opens")
    }

    fn git(&self, arguments: &[&str]) {
        self.sandbox.git(&self.folder, arguments);
    }

    fn stack(&self, repository: &Repository, branch: &str) -> Stack {
        let branch = repository.revision(branch).expect("the branch is there");
        let base = repository.revision(self.releases[0]).expect("the release is there").commit;
        Stack::list(repository, branch, Base { commit: base, found: "given".to_owned() }).expect("it is listed")
    }

    /// How many times faster a replay is than git's rebase of the same stack.
    fn replays(&self, patches: usize, runs: usize) -> f64 {
        let branch = stack_name(patches);
        let ours = timed(runs, || {}, || self.replay(&branch, patches));
        let git = timed(runs, || self.check_out(&branch), || self.rebase());
        let with_causes = timed(1, || {}, || assert_eq!(self.forecast(&branch, Depth::Causes), patches / CONFLICTING));
        let ratio = git.as_secs_f64() / ours.as_secs_f64();
        let [ours, git, with_causes] = [ours, git, with_causes].map(|time| time.as_millis());
        let measured = format!("{ours} ms, git rebase {git} ms = {ratio:.1} x; forecast with causes {with_causes} ms");
        println!("| replay of {patches} patches | {measured} | | |");
        ratio
    }

    /// How many times faster forecasts are than git's rebase with a `--skip` at each conflict: with causes, and brief.
    fn forecasts(&self, mix: Mix) -> [f64; 2] {
        let branch = mix.branch();
        let git = timed(3, || self.check_out(&branch), || self.rebase());
        let conflicts = std::cell::Cell::new(0);
        let full = timed(3, || {}, || conflicts.set(self.forecast(&branch, Depth::Causes)));
        let brief = timed(3, || {}, || assert_eq!(self.forecast(&branch, Depth::Outcomes), conflicts.get()));
        let ratios = [full, brief].map(|ours| git.as_secs_f64() / ours.as_secs_f64());
        let [git, full, brief] = [git, full, brief].map(|time| time.as_millis());
        let measured = format!(
            "with causes {full} ms, brief {brief} ms, git rebase {git} ms = {:.1} x and {:.1} x",
            ratios[0], ratios[1]
        );
        println!("| forecast of {} patches with {} conflicts | {measured} | | |", mix.patches, conflicts.get());
        ratios
    }

    fn replay(&self, branch: &str, patches: usize) {
        let repository = self.open();
        let stack = self.stack(&repository, branch);
        let onto = repository.revision(self.releases[1]).expect("the release is there").commit;
        let mut engine = Engine::open(&repository, &onto).expect("it opens");
        let decisions = Decisions::default();
        let replayed = replay(&mut engine, &stack.patches, &onto, &decisions, AtConflict::Skip, &mut |_| {});
        assert_eq!(replayed.expect("it is replayed").picks.len(), patches);
    }

    /// How many patches conflict, by a forecast.
    fn forecast(&self, branch: &str, depth: Depth) -> usize {
        let repository = self.open();
        let stack = self.stack(&repository, branch);
        let onto = repository.revision(self.releases[1]).expect("the release is there");
        let forecast = forecast_step_by_step(&repository, &stack, &onto, depth, &mut |_| {}).expect("it is forecast");
        forecast.patches.iter().filter(|patch| patch.fate == Fate::Conflicts).count()
    }

    fn check_out(&self, branch: &str) {
        self.git(&["checkout", "--quiet", "--force", "--detach", branch]);
    }

    fn rebase(&self) {
        let [old, new] = self.releases;
        let mut output =
            self.sandbox.attempt(&self.folder, &[FSYNC[0], FSYNC[1], "rebase", "--quiet", "--onto", new, old]);
        while !output.status.success() {
            assert!(self.folder.join(".git/rebase-merge").is_dir(), "{}", String::from_utf8_lossy(&output.stderr));
            output = self.sandbox.attempt(&self.folder, &[FSYNC[0], FSYNC[1], "rebase", "--skip"]);
        }
    }

    /// Listing patches as `cutover branch patches` does it, beside the command of the runbook. Both take a few starts
    /// of git, so they are measured in turn, and each pair has a ratio of its own.
    fn listing(&self, project: &str) {
        let conventions = Conventions::default();
        let ours = || {
            let repository = self.open();
            let (survey, branch) = std::thread::scope(|scope| {
                let survey = scope.spawn(|| conventions.survey(&repository).expect("the refs are listed"));
                let branch = repository.revision("mitx/koa").expect("the branch is there");
                (survey.join().expect("it does not panic"), branch)
            });
            let listing = patches::list(&repository, &conventions, &survey, &branch, None).expect("they are listed");
            assert_eq!(listing.patches.len(), STACKS[1]);
        };
        let git = || self.git(&["log", "--name-only", "mitx/koa", "--not", NEW]);
        let once = |work: &dyn Fn()| timed(1, || {}, work).as_secs_f64() * 1000.0;
        let pairs: Vec<[f64; 2]> = (0..31).map(|_| [once(&ours), once(&git)]).collect();
        let [ours, git] = [0, 1].map(|side| median(&pairs.iter().map(|pair| pair[side]).collect::<Vec<_>>()));
        let ratio = median(&pairs.iter().map(|[ours, git]| ours / git).collect::<Vec<_>>());
        let measured = format!("{ours:.0} ms / {git:.0} ms = {ratio:.2}");
        row(&format!("patches over git log, in {project}"), &measured, "1.2", ratio / 1.2);
    }
}

/// The stream of a project with upstream's commits before the old release and up to the new one, and the calm stacks.
fn calm_stream(commits: [usize; 2]) -> Vec<u8> {
    let mut project = Project::new(FILES, 60);
    let root = project.commit("first", &[], &[], &(0..FILES).collect::<Vec<_>>());
    let old = upstream(&mut project, root, commits[0], &mut Vec::new());
    let (files, mut hot) = (project.files.clone(), Vec::new());
    let new = upstream(&mut project, old, commits[1], &mut hot);
    project.name(&format!("remotes/{OLD}"), old);
    project.name(&format!("remotes/{NEW}"), new);
    for patches in STACKS {
        project.files.clone_from(&files);
        let head = calm(&mut project, old, patches, &hot);
        project.name(&format!("heads/{}", stack_name(patches)), head);
        if patches == STACKS[1] {
            project.name("heads/mitx/koa", head);
        }
    }
    project.stream
}

fn stack_name(patches: usize) -> String {
    format!("stack-{patches}")
}

/// Upstream of the calm stacks: it works in the upper half of files, and now and then renames one. `touched` gets which
/// line of which file it changes.
fn upstream(project: &mut Project, mut head: usize, commits: usize, touched: &mut Vec<(usize, usize)>) -> usize {
    for commit in 0..commits {
        let (file, line) = (project.number(FILES), project.number(25));
        project.files[file].lines[line] = format!("upstream's {commit} of {commits}");
        touched.push((file, line));
        if commit % 20 == 0 {
            let renamed = project.number(FILES);
            let path = format!("{}.{commit}", project.files[renamed].path);
            let old = std::mem::replace(&mut project.files[renamed].path, path);
            head = project.commit("rename", &[head], &[old], &[renamed, file]);
        } else {
            head = project.commit("upstream", &[head], &[], &[file]);
        }
    }
    head
}

/// A calm stack: we work in the lower half, in files that upstream changes too; some patches change the very line.
fn calm(project: &mut Project, mut head: usize, patches: usize, hot: &[(usize, usize)]) -> usize {
    for patch in 1..=patches {
        let (file, line) = hot[patch * 2 % hot.len()];
        let other = project.number(FILES);
        let line = if patch % CONFLICTING == 0 { line } else { 30 + patch % 25 };
        project.files[file].lines[line] = format!("ours {patch} of {patches}");
        project.files[other].lines[31 + patch % 25] = format!("ours too {patch} of {patches}");
        head = project.commit(&format!("patch {patch}"), &[head], &[], &[file, other]);
    }
    head
}
