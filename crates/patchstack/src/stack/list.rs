//! Lists a stack: one `git log`, read to its end.

use super::{Author, Base, Change, Patch, Stack};
use crate::error::{Error, Result};
use crate::names::{GitPath, ObjectId};
use crate::repository::{Repository, Revision, ids};

/// A record begins with a byte that git writes nowhere else there, and has its fields one NUL apart.
const FORMAT: &str = "%x01%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%s";
const FIELDS: usize = 7;

impl Stack {
    /// The patches of `branch` on top of `base`, oldest first: what `git rebase --onto NEW BASE` would pick, in its order.
    ///
    /// # Errors
    /// When git cannot list them.
    pub fn list(repository: &Repository, branch: Revision, base: Base) -> Result<Self> {
        let range = [branch.commit.as_str().to_owned(), format!("^{}", base.commit)];
        let patches = patches(repository, &branch.name, &range)?;
        let call = repository
            .call("rev-list", format!("list the merges of {}", branch.name))
            .options(&["--merges", "--topo-order"])
            .operands(&range);
        let merges = ids(&repository.git().output(&call)?);
        Ok(Self { branch, base, patches, merges })
    }
}

/// The commits of a range that are no merges, oldest first, with what each changes.
pub(crate) fn patches(repository: &Repository, what: &str, range: &[String]) -> Result<Vec<Patch>> {
    let call = repository
        .call("log", format!("list the patches of {what}"))
        .options(&[
            "-z",
            "--raw",
            "-r",
            "--root",
            "--no-abbrev",
            "--no-renames",
            "--no-merges",
            "--topo-order",
            "--reverse",
        ])
        .options(&[
            "--encoding=UTF-8",
            "--no-color",
            "--no-mailmap",
            "--no-notes",
            "--no-show-signature",
            "--no-decorate",
        ])
        .options(&["--no-ext-diff", "--no-textconv", "--ignore-submodules=none"])
        .setting("log.showRoot", "true")
        .option("--format=", FORMAT)
        .operands(range);
    let bytes = repository.git().output(&call)?;
    read(&bytes)
        .ok_or_else(|| Error::refused("git listed patches in a form that cannot be read", "nothing was changed"))
}

/// Reads `-z` output in which a path always follows what is said of it, so that no path is taken for anything else.
fn read(bytes: &[u8]) -> Option<Vec<Patch>> {
    let mut patches: Vec<Patch> = Vec::new();
    let mut words = bytes.split(|byte| *byte == 0).peekable();
    while let Some(word) = words.next() {
        match word.trim_ascii_start() {
            [1, commit @ ..] => {
                let mut fields = vec![commit];
                while fields.len() < FIELDS {
                    fields.push(words.next()?);
                }
                patches.push(read_patch(&fields)?);
            }
            [b':', change @ ..] => {
                let change = read_change(std::str::from_utf8(change).ok()?, words.next()?)?;
                patches.last_mut()?.changes.push(change);
            }
            [] => {}
            _ => return None,
        }
    }
    Some(patches)
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
