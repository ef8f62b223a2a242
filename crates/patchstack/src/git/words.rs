//! What git says when it fails: its words made fit for an error of ours, and what to do about those that are known.

use crate::error::SAME_COMMAND;

/// Git's words on one line: without prefixes and advice, without secrets in addresses.
pub(super) fn of(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let lines = lines.map(|line| {
        let prefixes = ["fatal: ", "error: "];
        prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line)
    });
    let lines: Vec<String> = lines.map(without_secrets).filter(|line| !is_advice(line)).collect();
    if lines.is_empty() { "it printed nothing".to_owned() } else { lines.join("; ") }
}

/// What git adds to some errors, in lines of their own. Hints of ours say it shorter.
const ADVICE: [&str; 8] = [
    "Another git process seems to be running in this repository, e.g.",
    "an editor opened by 'git commit'. Please make sure all processes",
    "are terminated then try again. If it still fails, a git process",
    "may have crashed in this repository earlier:",
    "remove the file manually to continue.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
    "To add an exception for this directory, call:",
];

fn is_advice(line: &str) -> bool {
    ADVICE.contains(&line.strip_prefix("remote: ").unwrap_or(line))
}

/// `https://user:secret@host/` becomes `https://***@host/`.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(index) = rest.find("://") {
        let (before, after) = rest.split_at(index + 3);
        safe.push_str(before);
        let end = after.find(|letter: char| letter == '/' || letter.is_whitespace() || letter == '\'');
        let (authority, behind) = after.split_at(end.unwrap_or(after.len()));
        match authority.rfind('@') {
            Some(at) => {
                safe.push_str("***");
                safe.push_str(&authority[at..]);
            }
            None => safe.push_str(authority),
        }
        rest = behind;
    }
    safe.push_str(rest);
    safe
}

/// What was not changed, and what to do.
pub(super) fn hint(words: &str) -> String {
    if let Some((_, folder)) = words.split_once("dubious ownership in repository at '") {
        let folder = folder.split('\'').next().unwrap_or_default();
        return format!(
            "nothing was changed. The repository belongs to somebody else, so git does not trust it. If you do: \
             git config --global --add safe.directory '{folder}'"
        );
    }
    let known = KNOWN.iter().find(|(marks, _)| marks.iter().any(|mark| words.contains(mark)));
    match known.map_or(UNFORESEEN, |(_, remedy)| *remedy) {
        Remedy::ThenAgain(hint) => format!("{hint}, then {SAME_COMMAND} again"),
        Remedy::Other(hint) => hint.to_owned(),
    }
}

/// What to do about words of git.
#[derive(Clone, Copy)]
enum Remedy {
    /// This, and then the same command again.
    ThenAgain(&'static str),
    /// Only this.
    Other(&'static str),
}

/// Words of git, and what to do about them. The first that fits counts: a lock that cannot be made because the disk is
/// full is about the disk.
const KNOWN: [(&[&str], Remedy); 9] = [
    (
        &["No space left on device", "Disk quota exceeded", "File too large"],
        Remedy::ThenAgain(
            "the disk is full, or the memory in /dev/shm, where merging is done: no branch was moved and nothing \
             was published. Make room",
        ),
    ),
    (
        &["Authentication failed", "could not read Username", "Permission denied (publickey"],
        Remedy::ThenAgain("the remote refused access; no branch was moved here. Log in as you do for git"),
    ),
    (
        &["Permission denied", "Read-only file system", "insufficient permission", "Operation not permitted"],
        Remedy::ThenAgain("no branch was changed; get that permission"),
    ),
    (
        &[".lock': File exists", ".lock\": File exists"],
        Remedy::ThenAgain(
            "no branch was changed. Another git is at work in this repository: wait for it, or, if none is, remove the .lock \
             file that is named here",
        ),
    ),
    (
        &["Could not resolve host", "Connection refused", "Connection timed out", "Could not read from remote"],
        Remedy::ThenAgain(
            "the remote could not be reached or does not know you; no branch was moved here. Try `git ls-remote` on it",
        ),
    ),
    (
        &["unable to normalize alternate object path"],
        Remedy::Other(
            "nothing was changed. The repository that this one borrows from has gone: put it back where \
             objects/info/alternates says, or clone again",
        ),
    ),
    (&["bad object", "missing blob", "missing tree", "missing object", "unable to read"], DAMAGED),
    (&["corrupt", "bad tree object", "loose object", "Could not read", "invalid object"], DAMAGED),
    (
        &["unable to write", "could not write", "write error"],
        Remedy::ThenAgain("no branch was moved and nothing was published. Make sure that it can be written"),
    ),
];

const DAMAGED: Remedy = Remedy::Other(
    "nothing was changed. Objects are missing or damaged in the repository: `git fsck --full` says which; a fresh clone \
     has them, or `git fetch --refetch` with the remote that they came from",
);

const UNFORESEEN: Remedy = Remedy::ThenAgain("no branch in this clone was changed; correct what git complains about");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_without_prefixes_advice_and_secrets() {
        let said = b"hint: try this\nfatal: unable to access 'https://bob:s3cret@github.com/x.git/': no\n";
        assert_eq!(of(said), "unable to access 'https://***@github.com/x.git/': no");
        let locked =
            b"fatal: Unable to create '/r/x.lock': File exists.\n\nAnother git process seems to be running in this \
                       repository, e.g.\nan editor opened by 'git commit'. Please make sure all processes\n";
        assert_eq!(of(locked), "Unable to create '/r/x.lock': File exists.");
        assert_eq!(of(b""), "it printed nothing");
        assert_eq!(without_secrets("ssh://git@host/x and https://tok:x@y"), "ssh://***@host/x and https://***@y");
    }

    #[test]
    fn what_is_known_comes_with_what_to_do() {
        let unsafe_words = "detected dubious ownership in repository at '/a b'; git config --global";
        assert!(hint(unsafe_words).ends_with("git config --global --add safe.directory '/a b'"));
        assert!(hint("write error: No space left on device").contains("nothing was published"));
        assert!(hint("Unable to create '/r/.git/packed-refs.lock': File exists.").contains("Another git"));
        assert!(hint("Unable to create '/r/x.lock': Permission denied").contains("get that permission"));
        assert!(hint("Unable to create '/r/x.lock': No space left on device").contains("Make room"));
        assert!(hint("unable to read blob object 1234").contains("git fsck"));
        assert!(hint("cannot lock ref 'refs/x': 'refs/x/y' exists").starts_with("no branch in this clone was changed"));
    }
}
