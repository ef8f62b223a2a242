//! What git's own rebase makes of a stack, in a work tree, patch after patch, with conflicting ones skipped.

use std::collections::BTreeMap;
use std::path::Path;

use super::histories::Told;
use super::sandbox::Sandbox;

/// What a rebase came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The tree of the result.
    pub(crate) tree: String,
    /// Every patch, in the order in which it was picked, and what became of it.
    pub(crate) patches: Vec<(String, Fate)>,
}

/// What became of a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It survived, with this author, date and message.
    Survives(String),
    /// Nothing was left of it, and upstream has the same patch.
    Upstreamed,
    /// Nothing was left of it, and upstream has it by other ways.
    Empty,
    /// It conflicted in these files.
    Conflicts(Vec<String>),
}

impl Outcome {
    /// Whether any patch conflicted.
    pub(crate) fn conflicts(&self) -> bool {
        self.patches.iter().any(|(_, fate)| matches!(fate, Fate::Conflicts(_)))
    }

    /// How many patches had a fate.
    pub(crate) fn count(&self, fate: &Fate) -> usize {
        self.patches.iter().filter(|(_, other)| other == fate).count()
    }
}

/// Rebases the stack in the work tree at `folder`, which is left as git leaves it. The refs stay as they are.
pub(crate) fn rebase(sandbox: &Sandbox, folder: &Path, told: &Told) -> Outcome {
    let marked = marked(sandbox, folder, told);
    std::fs::write(folder.join(".git/HEAD"), format!("{}\n", told.head)).expect("a file can be written");
    sandbox.git(folder, &["reset", "--quiet", "--hard"]);
    let conflicts = run(sandbox, folder, told);
    let tree = line(&sandbox.git(folder, &["rev-parse", "HEAD^{tree}"]));
    let mut survivors = survivors(sandbox, folder, &told.onto, "HEAD");
    let mut patches = Vec::new();
    for Marked { commit, same, written } in marked {
        let fate = match (conflicts.get(&commit), survivors.remove(&written)) {
            (Some(files), None) => Fate::Conflicts(files.clone()),
            (None, Some(words)) => Fate::Survives(words),
            (None, None) if same => Fate::Upstreamed,
            (None, None) => Fate::Empty,
            (Some(_), Some(_)) => panic!("{commit} conflicted and survived"),
        };
        patches.push((commit, fate));
    }
    Outcome { tree, patches }
}

/// A patch of the stack.
struct Marked {
    commit: String,
    /// Whether upstream has the same patch.
    same: bool,
    /// Its author date, which no other commit has.
    written: String,
}

/// The patches in the order in which git picks them, with git's own word on those that upstream has.
fn marked(sandbox: &Sandbox, folder: &Path, told: &Told) -> Vec<Marked> {
    let sides = format!("{}...{}", told.onto, told.head);
    let without = format!("^{}", told.base);
    let order = ["log", "--topo-order", "--reverse", "--no-merges", "--cherry-mark", "--right-only"];
    let list = sandbox.git(folder, &[&order[..], &["--format=%m %H %at", &sides, &without]].concat());
    let text = String::from_utf8(list).expect("ids and numbers");
    let of = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        Marked { commit: fields[1].to_owned(), same: fields[0] == "=", written: fields[2].to_owned() }
    };
    text.lines().map(of).collect()
}

/// Does the rebase, and gives the files of each patch that conflicted.
fn run(sandbox: &Sandbox, folder: &Path, told: &Told) -> BTreeMap<String, Vec<String>> {
    let settings = ["-c", "rerere.enabled=false", "-c", "core.abbrev=40"];
    let begin = ["rebase", "--merge", "--empty=drop", "--onto", &told.onto, &told.base];
    let begin = [&settings[..], &begin].concat();
    let skip = [&settings[..], &["rebase", "--skip"]].concat();
    let mut output = sandbox.attempt(folder, &begin);
    let mut conflicts = BTreeMap::new();
    while !output.status.success() {
        let stopped = std::fs::read_to_string(folder.join(".git/rebase-merge/stopped-sha")).unwrap_or_else(|_| {
            panic!("git rebase failed otherwise than by a conflict: {}", String::from_utf8_lossy(&output.stderr))
        });
        let words = [output.stdout.as_slice(), &output.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        assert!(words.contains("CONFLICT"), "git rebase stopped at {stopped} otherwise than by a conflict: {words}");
        let files = unmerged(sandbox, folder);
        // Git forgets a file that it has put beside a folder that was in its way, and stumbles over it later.
        sandbox.git(folder, &["reset", "--quiet", "--hard"]);
        sandbox.git(folder, &["clean", "--quiet", "-fdx"]);
        let again = conflicts.insert(stopped.trim().to_owned(), files);
        assert!(again.is_none(), "git rebase stopped twice at {stopped}: {words}");
        output = sandbox.attempt(folder, &skip);
    }
    conflicts
}

fn unmerged(sandbox: &Sandbox, folder: &Path) -> Vec<String> {
    let listed = sandbox.git(folder, &["ls-files", "--unmerged", "-z"]);
    let entries = listed.split(|&byte| byte == 0).filter(|entry| !entry.is_empty());
    let path = |entry: &[u8]| {
        let tab = entry.iter().position(|&byte| byte == b'\t').expect("a tab before the path");
        unlabelled(&entry[tab + 1..])
    };
    let mut files: Vec<String> = entries.map(path).collect();
    files.sort();
    files.dedup();
    files
}

/// A path without what git hangs on to it when a folder is in its way: `~HEAD`, or `~` and the commit. Rebase names
/// the sides otherwise than merge-tree does. No file of the histories has a tilde in its own name.
pub(crate) fn unlabelled(path: &[u8]) -> String {
    path.split(|&byte| byte == b'~').next().unwrap_or(path).escape_ascii().to_string()
}

/// Author, date and message of every commit up to `head` and not to `onto`, by author date; decoded.
pub(crate) fn survivors(sandbox: &Sandbox, folder: &Path, onto: &str, head: &str) -> BTreeMap<String, String> {
    let range = format!("{onto}..{head}");
    let format = "--format=%at%x00%an%x00%ae%x00%ad%x00%B%x00%x01";
    let listed = sandbox.git(folder, &["log", "--encoding=UTF-8", "--date=raw", format, &range]);
    let listed = text(&listed);
    let commits = listed.split("\0\u{1}\n").filter(|commit| !commit.is_empty());
    let of = |commit: &str| {
        let (date, rest) = commit.split_once('\0').expect("a date first");
        let (who, message) = rest.rsplit_once('\0').expect("a message last");
        // Git's rebase takes blank lines off the beginning of a message, and replays keep them: not compared.
        (date.to_owned(), format!("{}: {}", who.replace('\0', " "), message.trim_start_matches(char::is_whitespace)))
    };
    commits.map(of).collect()
}

/// Bytes as text. Where they are no UTF-8 git's rebase takes them for Latin-1 and writes them anew, and replays keep
/// them, so both are read that way here.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
    }
    text
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
