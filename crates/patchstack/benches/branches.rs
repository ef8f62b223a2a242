//! The figures that release branches are held to, measured on this machine: `cargo bench -p cutover-patchstack`.
//!
//! Each is a ratio to git's own commands on the same repository in the same run. `cargo xtask bench` fails if one
//! misses its bound by more than figures vary from run to run, which `~` marks.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and starts git")]
#![expect(clippy::print_stdout, reason = "its table is its result")]

#[path = "../tests/support/imported.rs"]
mod imported;
#[path = "../tests/support/sandbox.rs"]
mod sandbox;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cutover_patchstack::forecast::{Fate, forecast};
use cutover_patchstack::git::Environment;
use cutover_patchstack::patches;
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::replay::{AtConflict, Decisions, Engine, replay};
use cutover_patchstack::repository::Repository;
use cutover_patchstack::stack::{Base, Stack};

use imported::{CONFIG, data, empty, import};
use sandbox::Sandbox;

const FILES: usize = 3_000;
/// Upstream's commits up to the old release, and from there to the new one, of a middling project.
const MIDDLING: [usize; 2] = [4_000, 1_000];
/// The same of one as large as edx-platform.
const LARGE: [usize; 2] = [50_000, 4_000];
const STACKS: [usize; 4] = [20, 40, 80, 400];
/// One patch in so many conflicts.
const CONFLICTING: usize = 25;
/// Git writes as carefully as it does for an operator, where the other tests would have it hurry.
const FSYNC: [&str; 2] = ["-c", "core.fsync=default"];
const OLD: &str = "upstream/open-release/koa.rc1";
const NEW: &str = "upstream/open-release/koa.rc2";

fn main() {
    let site = Site::new(MIDDLING);
    println!("| figure | measured | bound | of the bound |");
    println!("|---|---|---|---|");
    let ratios: Vec<f64> = STACKS[..3].iter().map(|patches| site.replays(*patches, 3)).collect();
    row("full replay, median of these", &format!("{:.1} x faster", median(&ratios)), "5 x", 5.0 / median(&ratios));
    let ratio = site.replays(STACKS[3], 1);
    row("full replay of 400 patches", &format!("1 / {ratio:.1} of git's time"), "1 / 4", 4.0 / ratio);
    site.listing("a middling project");
    drop(site);
    Site::new(LARGE).listing("a large project");
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
}

impl Site {
    /// On the disk, where an operator's clone is.
    fn new(upstream: [usize; 2]) -> Self {
        let sandbox = Sandbox::new(false);
        let site = Self { folder: empty(&sandbox, "site"), sandbox };
        site.fill(upstream);
        site
    }

    fn open(&self) -> Repository {
        Repository::with_git_found(Environment::new(self.sandbox.variables()), &self.folder).expect("it opens")
    }

    fn git(&self, arguments: &[&str]) {
        self.sandbox.git(&self.folder, arguments);
    }

    fn stack(&self, repository: &Repository, patches: usize) -> Stack {
        let branch = repository.revision(&stack_name(patches)).expect("the branch is there");
        let base = repository.revision(OLD).expect("the release is there").commit;
        Stack::list(repository, branch, Base { commit: base, found: "given".to_owned() }).expect("it is listed")
    }

    /// How many times faster a replay is than git's rebase of the same stack.
    fn replays(&self, patches: usize, runs: usize) -> f64 {
        let ours = timed(runs, || {}, || self.replay(patches));
        let git = timed(runs, || self.check_out(patches), || self.rebase());
        let with_causes = timed(1, || {}, || self.forecast(patches));
        let ratio = git.as_secs_f64() / ours.as_secs_f64();
        let [ours, git, with_causes] = [ours, git, with_causes].map(|time| time.as_millis());
        let measured = format!("{ours} ms, git rebase {git} ms = {ratio:.1} x; forecast with causes {with_causes} ms");
        println!("| replay of {patches} patches | {measured} | | |");
        ratio
    }

    fn replay(&self, patches: usize) {
        let repository = self.open();
        let stack = self.stack(&repository, patches);
        let onto = repository.revision(NEW).expect("the release is there").commit;
        let mut engine = Engine::open(&repository, &onto).expect("it opens");
        let decisions = Decisions::default();
        let replayed = replay(&mut engine, &stack.patches, &onto, &decisions, AtConflict::Skip, &mut |_| {});
        assert_eq!(replayed.expect("it is replayed").picks.len(), patches);
    }

    fn forecast(&self, patches: usize) {
        let repository = self.open();
        let stack = self.stack(&repository, patches);
        let onto = repository.revision(NEW).expect("the release is there");
        let forecast = forecast(&repository, &stack, &onto, &mut |_, _| {}).expect("it is forecast");
        let conflicts = forecast.patches.iter().filter(|patch| patch.fate == Fate::Conflicts).count();
        assert_eq!(conflicts, patches / CONFLICTING, "so many conflict");
    }

    fn check_out(&self, patches: usize) {
        self.git(&["checkout", "--quiet", "--force", "--detach", &stack_name(patches)]);
    }

    fn rebase(&self) {
        let mut output =
            self.sandbox.attempt(&self.folder, &[FSYNC[0], FSYNC[1], "rebase", "--quiet", "--onto", NEW, OLD]);
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

    /// Makes the project, in one stream.
    fn fill(&self, upstream: [usize; 2]) {
        let mut project = Project::new();
        let root = project.commit("first", None, &(0..FILES).collect::<Vec<_>>());
        let old = project.upstream(root, upstream[0]);
        let (files, touched) = (project.files.clone(), project.touched.len());
        let new = project.upstream(old, upstream[1]);
        let hot = project.touched.split_off(touched);
        let mut refs = vec![(format!("remotes/{OLD}"), old), (format!("remotes/{NEW}"), new)];
        for patches in STACKS {
            project.files.clone_from(&files);
            let head = project.stack(old, patches, &hot);
            refs.push((format!("heads/{}", stack_name(patches)), head));
            if patches == STACKS[1] {
                refs.push(("heads/mitx/koa".to_owned(), head));
            }
        }
        for (name, mark) in refs {
            project.stream.extend(format!("reset refs/{name}\nfrom :{mark}\n\n").into_bytes());
        }
        import(&self.sandbox, &self.folder, &project.stream);
        let remote = |name: &str| {
            format!("[remote \"{name}\"]\n\turl = ../{name}.git\n\tfetch = +refs/heads/*:refs/remotes/{name}/*\n")
        };
        let config = format!("{CONFIG}{}{}", remote("upstream"), remote("origin"));
        std::fs::write(self.folder.join(".git/config"), config).expect("a file can be written");
    }
}

fn stack_name(patches: usize) -> String {
    format!("stack-{patches}")
}

/// A project as it grows: its files as lines, and the stream that tells of them.
struct Project {
    stream: Vec<u8>,
    files: Vec<(String, Vec<String>)>,
    /// Which line of which file upstream changed, in order.
    touched: Vec<(usize, usize)>,
    marks: usize,
    chance: u64,
}

impl Project {
    fn new() -> Self {
        let path = |file: usize| format!("part{}/module{}/file{file}.py", file % 30, file / 30 % 10);
        let lines = |file: usize| (0..60).map(|line| format!("line {line} of file {file}")).collect();
        let files = (0..FILES).map(|file| (path(file), lines(file))).collect();
        Self { stream: Vec::new(), files, touched: Vec::new(), marks: 0, chance: 1 }
    }

    /// A number below `limit`, the same ones in every run.
    fn number(&mut self, limit: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.chance >> 33).expect("31 bits") % limit
    }

    /// Upstream works in the upper half of files, and now and then renames one.
    fn upstream(&mut self, mut head: usize, commits: usize) -> usize {
        for commit in 0..commits {
            let (file, line) = (self.number(FILES), self.number(25));
            self.files[file].1[line] = format!("upstream's {commit} of {commits}");
            self.touched.push((file, line));
            if commit % 20 == 0 {
                let renamed = self.number(FILES);
                let path = format!("{}.{commit}", self.files[renamed].0);
                let old = std::mem::replace(&mut self.files[renamed].0, path);
                head = self.commit_with(&format!("D {old}\n"), "rename", Some(head), &[renamed, file]);
            } else {
                head = self.commit("upstream", Some(head), &[file]);
            }
        }
        head
    }

    /// We work in the lower half, in files that upstream changes too; some patches change the very line.
    fn stack(&mut self, mut head: usize, patches: usize, hot: &[(usize, usize)]) -> usize {
        for patch in 1..=patches {
            let (file, line) = hot[patch * 2 % hot.len()];
            let other = self.number(FILES);
            let line = if patch % CONFLICTING == 0 { line } else { 30 + patch % 25 };
            self.files[file].1[line] = format!("ours {patch} of {patches}");
            self.files[other].1[31 + patch % 25] = format!("ours too {patch} of {patches}");
            head = self.commit(&format!("patch {patch}"), Some(head), &[file, other]);
        }
        head
    }

    fn commit(&mut self, message: &str, parent: Option<usize>, files: &[usize]) -> usize {
        self.commit_with("", message, parent, files)
    }

    fn commit_with(&mut self, before: &str, message: &str, parent: Option<usize>, files: &[usize]) -> usize {
        self.marks += 1;
        let (mark, when) = (self.marks, 1_600_000_000 + self.marks * 60);
        let who = format!("Alice <alice@example.org> {when} +0000");
        self.stream
            .extend(format!("commit refs/heads/main\nmark :{mark}\nauthor {who}\ncommitter {who}\n").into_bytes());
        data(format!("{message}\n").as_bytes(), &mut self.stream);
        if let Some(parent) = parent {
            self.stream.extend(format!("from :{parent}\n").into_bytes());
        }
        self.stream.extend(before.as_bytes());
        for file in files {
            let (path, lines) = &self.files[*file];
            self.stream.extend(format!("M 100644 inline {path}\n").into_bytes());
            data(format!("{}\n", lines.join("\n")).as_bytes(), &mut self.stream);
        }
        self.stream.push(b'\n');
        mark
    }
}
