//! Random histories: upstream's two releases and a stack of ours on the older one, as data that shrinks, and the
//! fast-import stream that makes a repository of it in one call.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::changes::{ATTRIBUTES, Change, Side, any_change, first_tree};
use super::imported::{CONFIG, data, import};
use super::messages::{AUTHORS, MESSAGES, words};
use super::sandbox::Sandbox;
use super::tree::{Entry, Tree};

/// A history.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Whether the two sides keep out of each other's way.
    pub(crate) calm: bool,
    /// Which settings the repository has; see [`SETTINGS`].
    pub(crate) settings: usize,
    /// Which attributes there are from the beginning; past the last, there are none at all.
    pub(crate) attributes: u8,
    /// Upstream's commits from the old release to the new one.
    pub(crate) upstream: Vec<Theirs>,
    /// Which of them the old release has on a branch of its own; then the new one does not contain the old.
    pub(crate) backports: Vec<u8>,
    /// Our stack on the old release.
    pub(crate) stack: Vec<Ours>,
}

/// A commit of either side.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    /// What it does; it may do nothing.
    pub(crate) changes: Vec<Change>,
    /// Who wrote it.
    pub(crate) author: u8,
    /// What kind of message it has.
    pub(crate) message: u8,
    /// How far its committer's clock was off, in seconds.
    pub(crate) skew: i32,
}

/// What upstream does.
#[derive(Clone, Debug)]
pub(crate) enum Theirs {
    /// A commit.
    Commit(Commit),
    /// Takes over a patch of ours.
    Pick { patch: u8 },
    /// Takes over a patch of ours among other things.
    Absorb { patch: u8, with: Change },
    /// Takes its newest commit back.
    Undo,
    /// Merges a branch of its own.
    Merge(Vec<Commit>),
}

/// What we do.
#[derive(Clone, Debug)]
pub(crate) enum Ours {
    /// A patch.
    Patch(Commit),
    /// Merges a topic branch of ours, beside which we went on with `aside`; `odd` is in the merge alone.
    Topic { topic: Vec<Commit>, aside: Vec<Commit>, odd: Option<Change> },
    /// Merges upstream's later commits, this share of them (of 8).
    MergeUpstream { share: u8 },
}

/// The settings that repositories have, the first one far more often than the others.
pub(crate) const SETTINGS: [&[(&str, &str)]; 8] = [
    &[],
    &[("merge.renormalize", "true")],
    &[("merge.directoryRenames", "true")],
    &[("merge.directoryRenames", "false")],
    &[("merge.renames", "false")],
    &[("merge.conflictStyle", "zdiff3")],
    &[("diff.renames", "copies"), ("merge.renameLimit", "1")],
    &[("diff.algorithm", "histogram")],
];

impl Commit {
    /// One that does nothing and says nothing odd.
    fn plain() -> Self {
        Self { changes: Vec::new(), author: 0, message: 0, skew: 0 }
    }
}

/// Where things are in a repository that was made of a history.
pub(crate) struct Told {
    /// The release that the stack stands on, with upstream's later commits that it has merged.
    pub(crate) base: String,
    /// The release that it goes to.
    pub(crate) onto: String,
    /// The head of the stack.
    pub(crate) head: String,
    /// The fast-import stream.
    pub(crate) stream: Vec<u8>,
}

/// Any history.
pub(crate) fn any_history() -> impl Strategy<Value = History> {
    let settings = prop_oneof![14 => Just(0_usize), 6 => 1..SETTINGS.len()];
    let backports = prop_oneof![4 => Just(Vec::new()), 1 => vec(0..8_u8, 1..=2)];
    (prop::bool::weighted(0.35), settings, 0..8_u8, vec(theirs(), 1..=8), backports, vec(ours(), 1..=11)).prop_map(
        |(calm, settings, attributes, upstream, backports, stack)| History {
            calm,
            settings,
            attributes,
            upstream,
            backports,
            stack,
        },
    )
}

fn commit() -> impl Strategy<Value = Commit> {
    let changes = prop_oneof![1 => Just(Vec::new()), 12 => vec(any_change(), 1..=2), 2 => vec(any_change(), 3..=4)];
    let message = prop_oneof![3 => Just(0_u8), 2 => 0..MESSAGES];
    let skew = prop_oneof![6 => Just(0), 1 => -200_000..200_000];
    (changes, 0..AUTHORS, message, skew).prop_map(|(changes, author, message, skew)| Commit {
        changes,
        author,
        message,
        skew,
    })
}

fn theirs() -> impl Strategy<Value = Theirs> {
    prop_oneof![
        10 => commit().prop_map(Theirs::Commit),
        3 => (0..16_u8).prop_map(|patch| Theirs::Pick { patch }),
        2 => (0..16_u8, any_change()).prop_map(|(patch, with)| Theirs::Absorb { patch, with }),
        1 => Just(Theirs::Undo),
        2 => vec(commit(), 1..=2).prop_map(Theirs::Merge),
    ]
}

fn ours() -> impl Strategy<Value = Ours> {
    let topic = (vec(commit(), 1..=2), vec(commit(), 0..=1), prop::option::weighted(0.2, any_change()));
    prop_oneof![
        20 => commit().prop_map(Ours::Patch),
        2 => topic.prop_map(|(topic, aside, odd)| Ours::Topic { topic, aside, odd }),
        1 => (1..=8_u8).prop_map(|share| Ours::MergeUpstream { share }),
    ]
}

/// Makes a repository of a history.
pub(crate) fn tell(history: &History, sandbox: &Sandbox, folder: &Path) -> Told {
    let mut teller = Teller {
        calm: history.calm,
        plain: usize::from(history.attributes) >= ATTRIBUTES.len(),
        stream: Vec::new(),
        commits: Vec::new(),
    };
    let (base, onto, head) = teller.all(history);
    for (name, commit) in [("remotes/upstream/old", base), ("remotes/upstream/new", onto), ("heads/main", head)] {
        teller.stream.extend_from_slice(format!("reset refs/{name}\nfrom :{}\n\n", commit + 1).as_bytes());
    }
    let marks = import(sandbox, folder, &teller.stream);
    let mut config = format!("{CONFIG}[merge \"keep\"]\n\tdriver = true\n");
    for (name, value) in SETTINGS[history.settings] {
        let (section, key) = name.split_once('.').expect("a setting is in a section");
        config.push_str(&format!("[{section}]\n\t{key} = {value}\n"));
    }
    std::fs::write(folder.join(".git/config"), config).expect("a file can be written");
    let id = |commit: usize| marks.get(&(commit + 1)).expect("every commit has a mark").clone();
    Told { base: id(base), onto: id(onto), head: id(head), stream: teller.stream }
}

/// What upstream did in a commit, so that it can be done again elsewhere.
enum Deed {
    Did(Vec<Change>),
    Restored(Vec<(Vec<u8>, Option<Entry>)>),
}

impl Deed {
    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Did(changes) => changes.iter().for_each(|change| change.apply(tree)),
            Self::Restored(paths) => {
                for (path, entry) in paths {
                    match entry {
                        Some(entry) => tree.put(path, entry.clone()),
                        None => tree.remove(path),
                    }
                }
            }
        }
    }
}

/// Writes the stream, and knows every commit's tree.
struct Teller {
    calm: bool,
    /// Whether there are no attributes at all.
    plain: bool,
    stream: Vec<u8>,
    commits: Vec<Tree>,
}

/// A commit, by its index in the stream.
type Index = usize;

impl Teller {
    /// All of a history: the base of the stack, the new release, and the stack's head.
    fn all(&mut self, history: &History) -> (Index, Index, Index) {
        let plain = Commit::plain();
        let root = self.write(&plain, &[], first_tree(history.attributes));
        let patches = patches(&history.stack);
        let mut chain = vec![root];
        let mut deeds = Vec::new();
        for theirs in &history.upstream {
            let (index, deed) = self.theirs(theirs, &chain, &patches);
            chain.push(index);
            deeds.push(deed);
        }
        let mut old = root;
        for choice in &history.backports {
            let mut tree = self.commits[old].clone();
            deeds[usize::from(*choice) % deeds.len()].apply(&mut tree);
            old = self.write(&plain, &[old], tree);
        }
        let (mut head, mut merged) = (old, 0);
        for ours in &history.stack {
            match ours {
                Ours::MergeUpstream { share } if history.backports.is_empty() => {
                    let until = deeds.len() * usize::from(*share) / 8;
                    if until > merged {
                        let mut tree = self.commits[head].clone();
                        deeds[merged..until].iter().for_each(|deed| deed.apply(&mut tree));
                        head = self.write(&plain, &[head, chain[until]], tree);
                        merged = until;
                    }
                }
                Ours::MergeUpstream { .. } => {}
                Ours::Patch(commit) => head = self.ours(commit, head),
                Ours::Topic { topic, aside, odd } => head = self.topic(topic, aside, odd.as_ref(), head),
            }
        }
        let base = if merged > 0 { chain[merged] } else { old };
        (base, chain[chain.len() - 1], head)
    }

    fn theirs(&mut self, theirs: &Theirs, chain: &[Index], patches: &[&Commit]) -> (Index, Deed) {
        let head = chain[chain.len() - 1];
        let plain = Commit::plain();
        let patch = |number: &u8| {
            if patches.is_empty() { plain.clone() } else { patches[usize::from(*number) % patches.len()].clone() }
        };
        match theirs {
            Theirs::Commit(commit) => {
                let changes = self.kept_apart(&commit.changes, Side::Theirs);
                (self.follow(commit, &changes, head), Deed::Did(changes))
            }
            Theirs::Pick { patch: number } => {
                let commit = patch(number);
                let changes = self.kept_apart(&commit.changes, Side::Ours);
                (self.follow(&commit, &changes, head), Deed::Did(changes))
            }
            Theirs::Absorb { patch: number, with } => {
                let mut changes = self.kept_apart(&patch(number).changes, Side::Ours);
                changes.extend(self.kept_apart(std::slice::from_ref(with), Side::Theirs));
                (self.follow(&plain, &changes, head), Deed::Did(changes))
            }
            Theirs::Undo => {
                let parent = chain[chain.len().saturating_sub(2)];
                let paths = self.commits[parent].before(&self.commits[head]);
                let deed = Deed::Restored(paths);
                let mut tree = self.commits[head].clone();
                deed.apply(&mut tree);
                (self.write(&plain, &[head], tree), deed)
            }
            Theirs::Merge(side) => {
                let mut tip = head;
                let mut all = Vec::new();
                for commit in side {
                    let changes = self.kept_apart(&commit.changes, Side::Theirs);
                    tip = self.follow(commit, &changes, tip);
                    all.extend(changes);
                }
                let tree = self.commits[tip].clone();
                (self.write(&plain, &[head, tip], tree), Deed::Did(all))
            }
        }
    }

    fn topic(&mut self, topic: &[Commit], aside: &[Commit], odd: Option<&Change>, fork: Index) -> Index {
        let tip = topic.iter().fold(fork, |head, commit| self.ours(commit, head));
        let main = aside.iter().fold(fork, |head, commit| self.ours(commit, head));
        let mut tree = self.commits[main].clone();
        for change in topic.iter().flat_map(|commit| &commit.changes).chain(odd) {
            self.kept_apart(std::slice::from_ref(change), Side::Ours).iter().for_each(|change| change.apply(&mut tree));
        }
        self.write(&Commit::plain(), &[main, tip], tree)
    }

    fn ours(&mut self, commit: &Commit, parent: Index) -> Index {
        let changes = self.kept_apart(&commit.changes, Side::Ours);
        self.follow(commit, &changes, parent)
    }

    fn kept_apart(&self, changes: &[Change], side: Side) -> Vec<Change> {
        let changes = changes.iter().filter(|change| !(self.plain && matches!(change, Change::Attributes { .. })));
        changes.map(|change| if self.calm { change.kept_apart(side) } else { change.clone() }).collect()
    }

    fn follow(&mut self, commit: &Commit, changes: &[Change], parent: Index) -> Index {
        let mut tree = self.commits[parent].clone();
        changes.iter().for_each(|change| change.apply(&mut tree));
        self.write(commit, &[parent], tree)
    }

    fn write(&mut self, commit: &Commit, parents: &[Index], tree: Tree) -> Index {
        let index = self.commits.len();
        let words = words(index, commit.author, commit.message);
        // No two commits have the same author date: it tells which patch a commit was made of.
        let written = 1_600_000_000 + i64::try_from(index).expect("few commits") * 600;
        let committed = written + i64::from(commit.skew);
        let mut header = format!("commit refs/heads/main\nmark :{}\nauthor ", index + 1).into_bytes();
        header.extend_from_slice(&words.author);
        header.extend_from_slice(format!(" {written} {}\n", words.zone).as_bytes());
        header.extend_from_slice(format!("committer Carol <carol@example.org> {committed} +0000\n").as_bytes());
        if let Some(encoding) = words.encoding {
            header.extend_from_slice(format!("encoding {encoding}\n").as_bytes());
        }
        self.stream.extend_from_slice(&header);
        data(&words.message, &mut self.stream);
        for (number, parent) in parents.iter().enumerate() {
            let word = if number == 0 { "from" } else { "merge" };
            self.stream.extend_from_slice(format!("{word} :{}\n", parent + 1).as_bytes());
        }
        let empty = Tree::default();
        let parent = parents.first().map_or(&empty, |parent| &self.commits[*parent]);
        tree.differences(parent, &mut self.stream);
        self.stream.push(b'\n');
        self.commits.push(tree);
        index
    }
}

/// Our patches, as upstream might take them over.
fn patches(stack: &[Ours]) -> Vec<&Commit> {
    fn of(ours: &Ours) -> &[Commit] {
        match ours {
            Ours::Patch(commit) => std::slice::from_ref(commit),
            Ours::Topic { topic, .. } => topic.as_slice(),
            Ours::MergeUpstream { .. } => &[],
        }
    }
    stack.iter().flat_map(of).collect()
}
