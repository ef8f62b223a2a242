//! What git says when it fails: its words made fit for an error of ours, and what to do about those that are known.

/// Git's words on one line: without prefixes and advice, without secrets in addresses.
pub(super) fn of(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let lines = lines.map(|line| {
        let prefixes = ["fatal: ", "error: "];
        prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line)
    });
    let lines: Vec<String> = lines.map(without_secrets).collect();
    if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("; ") }
}

/// `https://user:secret@host/` becomes `https://***@host/`.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("://") {
        let (before, after) = rest.split_at(place + 3);
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

/// What is untouched, and what to do, for the words that are known.
pub(super) fn hint(words: &str) -> String {
    const KNOWN: [(&[&str], &str); 8] = [
        (
            &["dubious ownership"],
            "the repository belongs to somebody else, so git does not trust it; nothing was changed. If you do trust it: \
             git config --global --add safe.directory DIR",
        ),
        (
            &["No space left on device", "Disk quota exceeded", "unable to write file", "unable to write loose object"],
            "the disk is full: no ref was moved and nothing was published. Make room, then run the same command again",
        ),
        (
            &[".lock': File exists", ".lock\": File exists", "Unable to create", "cannot lock ref", "Unable to lock"],
            "nothing was changed. Another git is at work in this repository: wait for it and run the same command again; if \
             none is, remove the .lock file that is named here",
        ),
        (
            &["Could not resolve host", "Connection refused", "Connection timed out", "Could not read from remote"],
            "the remote could not be reached or does not know you; no ref was moved here. Try `git ls-remote` on it, then run \
             the same command again",
        ),
        (
            &["Authentication failed", "could not read Username", "Permission denied (publickey"],
            "the remote did not let you in; nothing was changed. Log in the way git does, then run the same command again",
        ),
        (&["bad object", "missing blob", "unable to read tree", "missing tree"], DAMAGED),
        (&["corrupt", "bad tree object", "loose object"], DAMAGED),
        (
            &["Permission denied", "Read-only file system"],
            "nothing was changed; get the permission, then run the same command again",
        ),
    ];
    const DAMAGED: &str = "objects are missing or damaged in the repository; nothing was changed. `git fsck` says which; fetching them again, or a \
                           fresh clone, mends it";
    let known = KNOWN.iter().find(|(marks, _)| marks.iter().any(|mark| words.contains(mark)));
    known.map_or_else(String::new, |(_, hint)| (*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_without_prefixes_advice_and_secrets() {
        let said = b"hint: try this\nfatal: unable to access 'https://bob:s3cret@github.com/x.git/': no\n";
        assert_eq!(of(said), "unable to access 'https://***@github.com/x.git/': no");
        assert_eq!(of(b""), "it said nothing");
        assert_eq!(without_secrets("ssh://git@host/x and https://tok:x@y"), "ssh://***@host/x and https://***@y");
    }

    #[test]
    fn what_is_known_comes_with_what_to_do() {
        assert!(hint("detected dubious ownership in repository at '/x'").contains("safe.directory"));
        assert!(hint("write error: No space left on device").contains("nothing was published"));
        assert!(hint("Unable to create '/r/.git/packed-refs.lock': File exists.").contains("Another git"));
        assert_eq!(hint("something new"), "");
    }
}
