//! Lists commits: one `git log`, read to its end, gives patches, merges and the commits that they are based on.

use super::{Author, Base, Change, Patch, Stack};
use crate::error::{Error, Result};
use crate::names::{GitPath, ObjectId};
use crate::repository::{Repository, Revision};

/// A record begins with a byte that git writes nowhere else there, and has its fields one NUL apart.
const FORMAT: &str = "%x01%m%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%s";
const FIELDS: usize = 7;

impl Stack {
    /// The patches of `branch` on top of `base`, oldest first: what `git rebase --onto NEW BASE` would pick, in its
    /// order.
    ///
    /// # Errors
    /// When git cannot list them.
    pub fn list(repository: &Repository, branch: Revision, base: Base) -> Result<Self> {
        let Listed { merges, patches, .. } = list(repository, &branch.name, [&branch.commit], [&base.commit])?;
        Ok(Self { branch, base, patches, merges })
    }
}

/// Commits that lead to some and not to others.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Those that are not merges, oldest first.
    pub(crate) patches: Vec<Patch>,
    /// The merges among them.
    pub(crate) merges: Vec<ObjectId>,
    /// The others that they are based on.
    pub(crate) edges: Vec<ObjectId>,
}

/// The commits that lead to `tips` and not to `without`, which belong to `what`.
pub(crate) fn list<'a>(
    repository: &Repository,
    what: &str,
    tips: impl IntoIterator<Item = &'a ObjectId>,
    without: impl IntoIterator<Item = &'a ObjectId>,
) -> Result<Listed> {
    let mut input = String::new();
    tips.into_iter().for_each(|tip| input.push_str(&format!("{tip}\n")));
    without.into_iter().for_each(|other| input.push_str(&format!("^{other}\n")));
    let call = repository
        .log(format!("list the patches of {what}"))
        .options(&["--stdin", "--boundary", "-z", "--raw", "-r", "--root", "--no-abbrev", "--no-renames"])
        .options(&["--topo-order", "--reverse", "--diff-merges=off"])
        .options(&["--no-ext-diff", "--no-textconv", "--ignore-submodules=none"])
        .setting("log.showRoot", "true")
        .option("--format=", FORMAT)
        .input(input);
    let bytes = repository.git().output(&call)?;
    read(&bytes).ok_or_else(|| Error::refused("the list of patches from git cannot be read", "nothing was changed"))
}

/// Reads `-z` output in which a path always follows what is said of it, so that no path is taken for anything else.
fn read(bytes: &[u8]) -> Option<Listed> {
    let mut listed = Listed::default();
    let mut words = bytes.split(|byte| *byte == 0);
    let mut is_patch = false;
    while let Some(word) = words.next() {
        match word.trim_ascii_start() {
            [1, mark, commit @ ..] => {
                let fields: Vec<&[u8]> = std::iter::once(commit).chain(words.by_ref().take(FIELDS - 1)).collect();
                let (is_edge, is_merge) = (*mark == b'-', fields.get(2)?.contains(&b' '));
                is_patch = !is_edge && !is_merge;
                match read_patch(&fields)? {
                    edge if is_edge => listed.edges.push(edge.commit),
                    merge if is_merge => listed.merges.push(merge.commit),
                    patch => listed.patches.push(patch),
                }
            }
            [b':', change @ ..] => {
                let change = read_change(std::str::from_utf8(change).ok()?, words.next()?)?;
                // What an edge changes is told too, and is nobody's here.
                if is_patch {
                    listed.patches.last_mut()?.changes.push(change);
                }
            }
            [] => {}
            _ => return None,
        }
    }
    Some(listed)
}

fn read_patch(fields: &[&[u8]]) -> Option<Patch> {
    let text: Vec<String> = fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    let [commit, tree, parents, name, email, date, subject] = &text[..] else { return None };
    Some(Patch {
        commit: ObjectId::parse(commit)?,
        parent: parents.split(' ').next().and_then(ObjectId::parse),
        tree: ObjectId::parse(tree)?,
        author: Author { name: name.clone(), email: email.clone(), date: date.clone() },
        subject: subject.clone(),
        changes: Vec::new(),
    })
}

/// `100644 100755 <blob> <blob> M` and a path.
fn read_change(words: &str, path: &[u8]) -> Option<Change> {
    let words: Vec<&str> = words.split(' ').collect();
    let [mode_before, mode_after, before, after, kind] = words[..] else { return None };
    Some(Change {
        before: (u32::from_str_radix(mode_before, 8).ok()?, ObjectId::parse(before)?),
        after: (u32::from_str_radix(mode_after, 8).ok()?, ObjectId::parse(after)?),
        kind: kind.chars().next()?,
        path: GitPath::new(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn list(sandbox: &Sandbox, base: &ObjectId) -> Stack {
        let repository = sandbox.open();
        let branch = repository.revision("HEAD").expect("a commit");
        let base = Base { commit: base.clone(), found: "given".to_owned() };
        Stack::list(&repository, branch, base).expect("it is listed")
    }

    #[test]
    fn patches_come_oldest_first_with_what_they_change() {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("base", &[("a", "1\n")]);
        sandbox.commit("first: ä", &[("a", "2\n"), ("folder/\u{1}:odd\nname", "x")]);
        sandbox.commit("nothing", &[]);
        std::fs::remove_file(sandbox.repository().join("a")).expect("removed");
        let head = sandbox.commit("second", &[]);
        let stack = list(&sandbox, &base);
        let subjects: Vec<&str> = stack.patches.iter().map(|patch| patch.subject.as_str()).collect();
        assert_eq!(subjects, ["first: ä", "nothing", "second"]);
        let kinds = |patch: &Patch| patch.changes.iter().map(|change| change.kind).collect::<String>();
        assert_eq!(stack.patches.iter().map(kinds).collect::<Vec<String>>(), ["MA", "", "D"]);
        assert_eq!(stack.patches[0].changes[1].path, GitPath::new("folder/\u{1}:odd\nname"));
        assert_eq!(stack.patches[2].commit, head);
        assert_eq!(stack.patches[0].parent, Some(base));
        assert!(stack.is_linear());
    }

    #[test]
    fn a_root_commit_is_a_patch_without_a_parent() {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("base", &[("a", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "--orphan", "other"]);
        sandbox.commit("root", &[("b", "1\n")]);
        let stack = list(&sandbox, &base);
        assert_eq!(stack.patches.len(), 1);
        assert_eq!(stack.patches[0].parent, None);
        assert!(stack.patches[0].changes.iter().any(|change| change.path == GitPath::new("b")));
    }

    #[test]
    fn merges_are_set_apart_from_patches() {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("base", &[("a", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "-b", "topic"]);
        sandbox.commit("on the topic", &[("t", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.commit("on main", &[("m", "1\n")]);
        sandbox.git(&["merge", "--quiet", "--no-edit", "topic"]);
        let stack = list(&sandbox, &base);
        assert_eq!((stack.patches.len(), stack.merges.len()), (2, 1));
        assert!(!stack.is_linear());
    }
}
