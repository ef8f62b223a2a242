//! Upstream's commits between two releases, read once, from which questions about paths are answered in memory: `git log`
//! with paths would read the trees of all these commits again for each conflict.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

use crate::error::Result;
use crate::names::{GitPath, ObjectId};
use crate::replay::Engine;
use crate::repository::Repository;
use crate::upstream::UpstreamCommit;

/// How many of upstream's commits are named for one patch.
const NAMED: usize = 30;

/// The commits that lead to one commit and not to another.
pub(super) struct History {
    /// The one that they do not lead to.
    from: ObjectId,
    /// Children before parents. The first is where the history leads to.
    commits: Vec<Commit>,
    /// Which commits change a path from their first parent, by their index, and what it is afterwards.
    changes: BTreeMap<GitPath, BTreeMap<usize, Version>>,
    /// Files that some commit does otherwise with than change their content: it adds, renames or removes them, say.
    unsteady: HashSet<GitPath>,
    /// The commits without merges, by what they change. For patches that upstream may have.
    alike: HashMap<Vec<GitPath>, Vec<usize>>,
}

struct Commit {
    told: UpstreamCommit,
    committed: i64,
    parents: Vec<Parent>,
}

/// A parent: its index in the history, or its id if it is outside.
#[derive(Clone, PartialEq, Eq)]
enum Parent {
    Inside(usize),
    Outside(ObjectId),
}

/// The mode and the blob of a file; the null id where there is none.
type Version = (String, ObjectId);

impl History {
    /// The commits that lead to `to` and not to `from`.
    pub(super) fn read(repository: &Repository, to: &ObjectId, from: &ObjectId) -> Result<Self> {
        let call = repository
            .log("list upstream's commits and what they change")
            .options(&["-z", "--topo-order", "--diff-merges=first-parent", "--raw", "--no-abbrev", "--no-renames"])
            .options(&["--ignore-submodules=none", "--format=%x01%H%x01%P%x01%ct%x01%an%x01%s"])
            .setting("log.showRoot", "true")
            .setting("diff.orderFile", "/dev/null")
            .operands([to.as_str().to_owned(), format!("^{from}")]);
        Ok(Self::parse(&repository.git().output(&call)?, from.clone()))
    }

    /// Reads what `git log` prints: for each commit a word of its fields, and two words for each file that it changes.
    fn parse(bytes: &[u8], from: ObjectId) -> Self {
        let mut records = Vec::new();
        let mut changes: BTreeMap<GitPath, BTreeMap<usize, Version>> = BTreeMap::new();
        let mut unsteady = HashSet::new();
        let mut words = bytes.split(|byte| *byte == 0);
        while let Some(word) = words.next() {
            // An empty line is between the fields of a commit and its files.
            let word = word.strip_prefix(b"\n").unwrap_or(word);
            match word.first() {
                Some(1) => records.extend(Record::parse(&word[1..])),
                Some(b':') => {
                    let path = GitPath::new(words.next().unwrap_or_default());
                    if !word.ends_with(b" M") || !is_regular(word) {
                        unsteady.insert(path.clone());
                    }
                    if let (Some(index), Some(version)) = (records.len().checked_sub(1), version(word)) {
                        changes.entry(path).or_default().insert(index, version);
                    }
                }
                _ => {}
            }
        }
        let index: HashMap<ObjectId, usize> =
            records.iter().enumerate().map(|(index, record)| (record.told.commit.clone(), index)).collect();
        let place =
            |id: ObjectId| index.get(&id).map_or_else(|| Parent::Outside(id.clone()), |index| Parent::Inside(*index));
        let commits = records.into_iter().map(|Record { told, committed, parents }| {
            let parents = parents.into_iter().map(place).collect();
            Commit { told, committed, parents }
        });
        let commits: Vec<Commit> = commits.collect();
        let alike = alike(&commits, &changes);
        Self { from, commits, changes, unsteady, alike }
    }

    /// Commits of the main line, oldest first, merges of pull requests among them, that touch `paths`.
    pub(super) fn main_line(&self, paths: &[GitPath]) -> Vec<ObjectId> {
        let touching = self.touch(paths);
        let mut line = Vec::new();
        let mut next = (!self.commits.is_empty()).then_some(0);
        while let Some(index) = next {
            if touching.contains(&index) {
                line.push(self.commits[index].told.commit.clone());
            }
            next = self.main_parent(index);
        }
        line.reverse();
        line
    }

    /// The commits that touch `paths`, newest first, without merges. As `git log` has it, what a merge took nothing of is
    /// passed over.
    pub(super) fn touching(&self, engine: &mut Engine, paths: &[GitPath]) -> Result<Vec<UpstreamCommit>> {
        let touching = self.touch(paths);
        let mut found = Vec::new();
        let (mut seen, mut queue) = (BTreeSet::new(), BinaryHeap::new());
        self.push(0, &mut seen, &mut queue);
        while let Some((_, _, index)) = queue.pop() {
            let commit = &self.commits[index];
            if commit.parents.len() < 2 && touching.contains(&index) {
                found.push(commit.told.clone());
                if found.len() == NAMED {
                    break;
                }
            }
            for parent in self.followed(engine, index, &touching, paths)? {
                self.push(parent, &mut seen, &mut queue);
            }
        }
        Ok(found)
    }

    /// The commits without merges that change the files `paths`, which are in order, and no others: newest first.
    pub(super) fn changing_just(&self, paths: &[GitPath]) -> impl Iterator<Item = &UpstreamCommit> {
        self.alike.get(paths).into_iter().flatten().map(|index| &self.commits[*index].told)
    }

    /// Whether the file at `path` is a regular one in all of the commits and where they begin, if it is in one of them.
    pub(super) fn is_steady(&self, path: &GitPath) -> bool {
        !self.unsteady.contains(path)
    }

    /// Whether none of the commits does anything at `path`.
    pub(super) fn leaves_alone(&self, path: &GitPath) -> bool {
        !self.changes.contains_key(path)
    }

    /// The commit of this id.
    pub(super) fn commit(&self, id: &ObjectId) -> Option<&UpstreamCommit> {
        self.commits.iter().map(|commit| &commit.told).find(|told| told.commit == *id)
    }

    /// The indices of the commits that change one of `paths`, or a file below one that is a folder, from their first parent.
    fn touch(&self, paths: &[GitPath]) -> BTreeSet<usize> {
        let at_or_below = paths.iter().flat_map(|path| self.changes.get(path).into_iter().chain(self.below(path)));
        at_or_below.flat_map(BTreeMap::keys).copied().collect()
    }

    /// What changes in the files below a folder.
    fn below(&self, folder: &GitPath) -> impl Iterator<Item = &BTreeMap<usize, Version>> {
        let (first, after) = ([folder.as_bytes(), b"/"].concat(), [folder.as_bytes(), b"0"].concat());
        self.changes.range(GitPath::new(first)..GitPath::new(after)).map(|(_, changes)| changes)
    }

    /// Puts a commit in the queue, once: by date, and among those of one date in the order in which they are met.
    fn push(
        &self,
        index: usize,
        seen: &mut BTreeSet<usize>,
        queue: &mut BinaryHeap<(i64, std::cmp::Reverse<usize>, usize)>,
    ) {
        if let Some(commit) = self.commits.get(index)
            && seen.insert(index)
        {
            queue.push((commit.committed, std::cmp::Reverse(seen.len()), index));
        }
    }

    /// The parents whose history explains the content of `paths` in the commit at `index`: the first one that has the same
    /// content, or else all.
    fn followed(
        &self,
        engine: &mut Engine,
        index: usize,
        touching: &BTreeSet<usize>,
        paths: &[GitPath],
    ) -> Result<Vec<usize>> {
        let parents = &self.commits[index].parents;
        let inside = |parent: &Parent| match parent {
            Parent::Inside(index) => Some(*index),
            Parent::Outside(_) => None,
        };
        for (number, parent) in parents.iter().enumerate().filter(|_| parents.len() > 1) {
            // Commits outside say nothing of where the content comes from, except for the one where the history begins.
            let counts = match parent {
                Parent::Inside(_) => true,
                Parent::Outside(commit) => *commit == self.from,
            };
            let is_same = match number {
                _ if !counts => false,
                0 => !touching.contains(&index),
                _ => self.is_same(engine, index, parent, paths)?,
            };
            if is_same {
                return Ok(inside(parent).into_iter().collect());
            }
        }
        Ok(parents.iter().filter_map(inside).collect())
    }

    /// Whether `paths` are the same in the commit at `index` and in this parent of it.
    fn is_same(&self, engine: &mut Engine, index: usize, parent: &Parent, paths: &[GitPath]) -> Result<bool> {
        for path in paths {
            let there = match parent {
                Parent::Inside(parent) => self.content(*parent, path),
                Parent::Outside(commit) => Content::Of(commit),
            };
            if !self.content(index, path).is(&there, engine, path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a path is in the commit at `index`.
    fn content(&self, mut index: usize, path: &GitPath) -> Content<'_> {
        let versions = self.changes.get(path);
        loop {
            if let Some(version) = versions.and_then(|versions| versions.get(&index)) {
                return Content::Known(version);
            }
            match self.commits[index].parents.first() {
                Some(Parent::Inside(parent)) => index = *parent,
                Some(Parent::Outside(commit)) => return Content::Of(commit),
                None => return Content::Nothing,
            }
        }
    }

    fn main_parent(&self, index: usize) -> Option<usize> {
        match self.commits[index].parents.first() {
            Some(Parent::Inside(parent)) => Some(*parent),
            _ => None,
        }
    }
}

/// What a path is somewhere.
enum Content<'a> {
    Known(&'a Version),
    /// The same as in this commit, which is outside the history.
    Of(&'a ObjectId),
    Nothing,
}

impl Content<'_> {
    fn is(&self, other: &Self, engine: &mut Engine, path: &GitPath) -> Result<bool> {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => Ok(one == other),
            (Self::Of(one), Self::Of(other)) if one == other => Ok(true),
            _ => Ok(self.blob(engine, path)? == other.blob(engine, path)?),
        }
    }

    fn blob(&self, engine: &mut Engine, path: &GitPath) -> Result<Option<ObjectId>> {
        match self {
            Self::Known((_, blob)) => Ok((!blob.is_null()).then(|| blob.clone())),
            Self::Of(commit) => engine.id_at(commit, path),
            Self::Nothing => Ok(None),
        }
    }
}

struct Record {
    told: UpstreamCommit,
    committed: i64,
    parents: Vec<ObjectId>,
}

impl Record {
    fn parse(fields: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(fields);
        let mut fields = text.split('\u{1}');
        let commit = ObjectId::parse(fields.next()?)?;
        let parents = fields.next()?.split(' ').filter_map(ObjectId::parse).collect();
        let committed = fields.next()?.parse().ok()?;
        let author = fields.next()?.to_owned();
        let subject = fields.next()?.to_owned();
        Some(Self { told: UpstreamCommit { commit, subject, author, culprit: false }, committed, parents })
    }
}

/// `:100644 100644 <blob> <blob> M`: what there is afterwards.
fn version(word: &[u8]) -> Option<Version> {
    let text = std::str::from_utf8(word).ok()?;
    let mut fields = text.split(' ').skip(1);
    let mode = fields.next()?.to_owned();
    Some((mode, ObjectId::parse(fields.nth(1)?)?))
}

/// Whether a file is a regular one before and after a change.
fn is_regular(word: &[u8]) -> bool {
    word.starts_with(b":100") && word.get(8..11) == Some(b"100")
}

fn alike(
    commits: &[Commit],
    changes: &BTreeMap<GitPath, BTreeMap<usize, Version>>,
) -> HashMap<Vec<GitPath>, Vec<usize>> {
    let mut paths: Vec<Vec<GitPath>> = vec![Vec::new(); commits.len()];
    for (path, versions) in changes {
        for index in versions.keys() {
            paths[*index].push(path.clone());
        }
    }
    let mut alike: HashMap<Vec<GitPath>, Vec<usize>> = HashMap::new();
    for (index, mut paths) in paths.into_iter().enumerate().filter(|(index, _)| commits[*index].parents.len() < 2) {
        paths.sort();
        alike.entry(paths).or_default().push(index);
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    /// Two topics that are merged, one of which upstream throws away again in the merge.
    fn merged() -> (Sandbox, ObjectId) {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("base", &[("a", "1\n"), ("b", "1\n"), ("c/d", "1\n")]);
        let topic = |name: &str, path: &str| {
            sandbox.git(&["checkout", "--quiet", "-b", name]);
            sandbox.commit(&format!("{name} one"), &[(path, "2\n")]);
            sandbox.commit(&format!("{name} two"), &[(path, "3\n")]);
            sandbox.git(&["checkout", "--quiet", "main"]);
        };
        topic("kept", "a");
        sandbox.git(&["merge", "--quiet", "--no-ff", "--no-edit", "kept"]);
        topic("lost", "b");
        sandbox.commit("beside", &[("c/d", "2\n"), ("a", "4\n")]);
        sandbox.git(&["merge", "--quiet", "--no-edit", "--strategy=ours", "lost"]);
        sandbox.git(&["mv", "c/d", "c/e"]);
        sandbox.commit("rename", &[]);
        (sandbox, base)
    }

    fn paths(names: &[&str]) -> Vec<GitPath> {
        names.iter().copied().map(GitPath::new).collect()
    }

    #[test]
    fn commits_that_touch_paths_are_those_that_git_log_lists() {
        let (sandbox, base) = merged();
        let repository = sandbox.open();
        let onto = repository.revision("main").expect("it is there").commit;
        let history = History::read(&repository, &onto, &base).expect("it is read");
        let mut engine = Engine::open(&repository, &onto).expect("it opens");
        for names in [&["a"][..], &["b"], &["c/d"], &["c/e"], &["a", "b"], &["a", "c/d"], &["none"]] {
            let paths = paths(names);
            let log = |options: &[&'static str]| {
                let call = repository.call("log", "compare").options(options).options(&["--format=%H"]);
                let call = call.range(&base, &onto).paths(paths.iter().map(GitPath::as_bytes));
                crate::repository::ids(&repository.git().output(&call).expect("git logs"))
            };
            let touching = history.touching(&mut engine, &paths).expect("they are found");
            let touching: Vec<ObjectId> = touching.into_iter().map(|commit| commit.commit).collect();
            assert_eq!(touching, log(&["--no-merges"]), "{names:?}");
            let line = log(&["--first-parent", "--reverse", "--topo-order"]);
            assert_eq!(history.main_line(&paths), line, "{names:?}");
        }
    }

    #[test]
    fn only_files_that_stay_where_they_are_are_steady() {
        let (sandbox, base) = merged();
        let repository = sandbox.open();
        let onto = repository.revision("main").expect("it is there").commit;
        let history = History::read(&repository, &onto, &base).expect("it is read");
        let steady = |name: &str| history.is_steady(&GitPath::new(name));
        assert!(steady("a") && steady("b") && !steady("c/d") && !steady("c/e"));
        assert!(history.leaves_alone(&GitPath::new("none")) && !history.leaves_alone(&GitPath::new("a")));
        let alike: Vec<&str> =
            history.changing_just(&paths(&["a", "c/d"])).map(|commit| commit.subject.as_str()).collect();
        assert_eq!(alike, ["beside"]);
    }
}
