//! Stacks of which most patches conflict: the two sides work in the same files, which upstream also renames, moves and
//! removes. So are old forks that go to a much later release.

use super::project::{File, Project};

/// Where the stacks stand, and where they go.
pub(crate) const OLD: &str = "upstream/open-release/koa.master";
pub(crate) const NEW: &str = "upstream/open-release/lilac.master";

const FILES: usize = 3_000;
const LINES: usize = 120;
/// Every second change of upstream's is in one of so many files.
const HOT: usize = 240;
/// Upstream works in the lines before this one, and we in those after it.
const BORDER: usize = 60;

/// How many patches a stack has, and how many of them conflict.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    pub(crate) patches: usize,
    pub(crate) conflicts: usize,
}

impl Mix {
    /// The branch of such a stack.
    pub(crate) fn branch(self) -> String {
        format!("contested-{}-{}", self.conflicts, self.patches)
    }

    /// Whether the patch of this number conflicts, so that those that do are spread evenly.
    fn conflicts(self, patch: usize) -> bool {
        patch * self.conflicts / self.patches > (patch - 1) * self.conflicts / self.patches
    }
}

/// The stream of a project with `commits` of upstream's between the two releases, and of these stacks.
pub(crate) fn stream(commits: usize, stacks: &[Mix]) -> Vec<u8> {
    let mut project = Project::new(FILES, LINES);
    let root = project.commit("first", &[], &[], &(0..FILES).collect::<Vec<_>>());
    let old = Upstream::new(&mut project).work(root, 100);
    let files = project.files.clone();
    let mut upstream = Upstream::new(&mut project);
    let new = upstream.work(old, commits);
    let contested = upstream.contested;
    project.name(&format!("remotes/{OLD}"), old);
    project.name(&format!("remotes/{NEW}"), new);
    for mix in stacks {
        project.files.clone_from(&files);
        let head = stack(&mut project, old, *mix, &contested);
        project.name(&format!("heads/{}", mix.branch()), head);
    }
    project.stream
}

/// A place that upstream has changed: a file, and a line of it as it was at the old release.
type Place = (usize, usize);

/// Upstream at work.
struct Upstream<'a> {
    project: &'a mut Project,
    /// Where we can conflict with it, in the order in which it changed them.
    contested: Vec<Place>,
}

impl<'a> Upstream<'a> {
    fn new(project: &'a mut Project) -> Self {
        Self { project, contested: Vec::new() }
    }

    /// So many commits after `head`. Every fifth is a merge of a pull request of two others.
    fn work(&mut self, mut head: usize, commits: usize) -> usize {
        for commit in (0..commits).step_by(5) {
            let (first, mut files) = self.change(commit, head);
            let (topic, more) = self.change(commit + 1, first);
            files.extend(more);
            head = self.project.commit(&format!("Merge pull request {commit}"), &[head, topic], &[], &files);
            head = match commit / 5 % 10 {
                2 | 5 => self.rename(commit, head),
                7 => self.remove(commit, head),
                9 => self.move_folder(commit, head),
                _ => self.change(commit + 2, head).0,
            };
            head = self.change(commit + 3, head).0;
        }
        head
    }

    /// Changes two lines in each of one to three files.
    fn change(&mut self, commit: usize, head: usize) -> (usize, Vec<usize>) {
        let mut files = Vec::new();
        for _ in 0..=self.project.number(3) {
            let file = self.file();
            let line = self.project.number(BORDER / 2) * 2;
            for line in [line, line + 1] {
                let lines = &mut self.project.files[file].lines;
                if lines.len() > line {
                    lines[line] = format!("upstream's {commit} in line {line}");
                }
            }
            self.contested.push((file, line));
            files.push(file);
        }
        let head = self.project.commit(&format!("upstream {commit}"), &[head], &[], &files);
        (head, files)
    }

    fn rename(&mut self, commit: usize, head: usize) -> usize {
        let file = self.file();
        let path = format!("{}.renamed{commit}.py", self.project.files[file].path.trim_end_matches(".py"));
        let was = std::mem::replace(&mut self.project.files[file].path, path);
        self.project.commit(&format!("rename {commit}"), &[head], &[was], &[file])
    }

    fn remove(&mut self, commit: usize, head: usize) -> usize {
        let file = self.file();
        self.contested.push((file, 0));
        self.project.files[file].lines.clear();
        let was = self.project.files[file].path.clone();
        self.project.commit(&format!("remove {commit}"), &[head], &[was], &[])
    }

    /// Moves a folder with all that is in it.
    fn move_folder(&mut self, commit: usize, head: usize) -> usize {
        let file = self.file();
        let (folder, _) = self.project.files[file].path.rsplit_once('/').expect("a folder");
        let (from, to) = (format!("{folder}/"), format!("{folder}_moved{commit}/"));
        let inside = |index: &usize| self.project.files[*index].path.starts_with(&from);
        let inside: Vec<usize> = (0..FILES).filter(inside).collect();
        let mut paths = Vec::new();
        for index in &inside {
            let path = &mut self.project.files[*index].path;
            paths.push(path.clone());
            *path = path.replacen(&from, &to, 1);
        }
        self.project.commit(&format!("move {commit}"), &[head], &paths, &inside)
    }

    /// Any file that is there, every second time one of the hot ones.
    fn file(&mut self) -> usize {
        loop {
            let hot = self.project.number(2) == 0;
            let file = self.project.number(if hot { HOT } else { FILES });
            if !self.project.files[file].lines.is_empty() {
                return file;
            }
        }
    }
}

/// Our patches on `head`, of two to five files each. One that conflicts changes what upstream has changed in one or two of
/// them, or what an earlier patch that conflicts has brought. Every fourth adds a file.
fn stack(project: &mut Project, mut head: usize, mix: Mix, contested: &[Place]) -> usize {
    let present: Vec<Place> =
        contested.iter().copied().filter(|(file, _)| !project.files[*file].lines.is_empty()).collect();
    let mut brought: Vec<Place> = Vec::new();
    for patch in 1..=mix.patches {
        let mut places: Vec<Place> = Vec::new();
        if mix.conflicts(patch) {
            let lot = project.number(10);
            match brought.len() {
                // What a patch before it has brought, and has been left out with it.
                1.. if lot < 2 => places.push(brought[project.number(brought.len())]),
                _ => {
                    for _ in 0..=usize::from(lot > 6) {
                        places.push(present[project.number(present.len())]);
                    }
                    let (file, _) = places[0];
                    let ours = (file, BORDER + 2 + project.number(LINES - BORDER - 4));
                    brought.push(ours);
                    places.push(ours);
                }
            }
        }
        for _ in 0..=1 + project.number(2) {
            let file = project.number(FILES);
            if !project.files[file].lines.is_empty() {
                places.push((file, BORDER + 2 + project.number(LINES - BORDER - 4)));
            }
        }
        for (file, line) in &places {
            project.files[*file].lines[*line] = format!("ours {patch} in line {line}");
        }
        let mut files: Vec<usize> = places.iter().map(|(file, _)| *file).collect();
        if patch % 4 == 0 {
            let beside = &project.files[files[files.len() - 1]].path;
            let path = format!("{}_new{patch}.py", beside.trim_end_matches(".py"));
            let lines = (0..LINES).map(|line| format!("line {line} of new {patch}")).collect();
            files.push(project.files.len());
            project.files.push(File { path, lines });
        }
        files.sort_unstable();
        files.dedup();
        head = project.commit(&format!("patch {patch}"), &[head], &[], &files);
    }
    head
}
