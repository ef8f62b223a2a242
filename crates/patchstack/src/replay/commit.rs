//! Commits as git keeps them, byte for byte: what of a patch's own commit goes into the one that it becomes.

use super::Resolution;
use crate::names::ObjectId;

/// Headers that would be wrong on another tree: signatures, and tags of merges.
const LEFT_OUT: [&[u8]; 3] = [b"gpgsig", b"gpgsig-sha256", b"mergetag"];

/// The commit that the patch `raw` becomes with `tree` on `parent`, which was committed at `not_before` (seconds since
/// 1970). Who resolved a conflict of the patch replaces its committer and, where that person edited it, its message.
pub(super) fn rewrite(
    raw: &[u8],
    tree: &ObjectId,
    parent: &ObjectId,
    not_before: i64,
    resolution: Option<&Resolution>,
) -> Vec<u8> {
    let committer = resolution.map(|resolution| resolution.committer.as_str());
    let message = resolution.and_then(|resolution| resolution.message.as_deref());
    let mut new = format!("tree {tree}\nparent {parent}\n").into_bytes();
    let (headers, body) = split(raw);
    let mut copying = false;
    for line in headers.split_inclusive(|byte| *byte == b'\n') {
        let continues = line.first() == Some(&b' ');
        let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if !continues {
            // An edited message is in UTF-8.
            let is_wrong = name == b"encoding" && message.is_some();
            copying = name != b"tree" && name != b"parent" && !LEFT_OUT.contains(&name) && !is_wrong;
        }
        match (copying, name, committer) {
            (false, ..) => {}
            (true, b"committer", Some(committer)) => new.extend(format!("committer {committer}\n").into_bytes()),
            (true, b"committer", None) => new.extend(put_forward(line, not_before)),
            (true, ..) => new.extend(line),
        }
    }
    match message {
        Some(message) => new.extend(format!("\n{message}").into_bytes()),
        None => new.extend(body),
    }
    new
}

/// When a commit was made, in seconds since 1970; 0 where it does not say.
pub(super) fn committed(raw: &[u8]) -> i64 {
    let (headers, _) = split(raw);
    let mut lines = headers.split(|byte| *byte == b'\n');
    lines.find(|line| line.starts_with(b"committer ")).and_then(moment).map_or(0, |(seconds, _)| seconds)
}

/// The tree of a commit.
pub(super) fn tree(raw: &[u8]) -> Option<ObjectId> {
    let first = raw.split(|byte| *byte == b'\n').next()?;
    ObjectId::parse(std::str::from_utf8(first).ok()?.strip_prefix("tree ")?)
}

/// Who wrote a commit, and its message: what a rebase keeps of it beside its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// The author line.
    pub(crate) author: Vec<u8>,
    /// The message, without newlines at its end.
    pub(crate) message: Vec<u8>,
}

/// The author and the message of a commit.
pub(super) fn words(raw: &[u8]) -> Words {
    let (headers, body) = split(raw);
    let mut lines = headers.split(|byte| *byte == b'\n');
    let author = lines.find(|line| line.starts_with(b"author ")).unwrap_or_default();
    Words { author: author.to_vec(), message: body.trim_ascii().to_vec() }
}

/// Headers with their last newline, and the rest from the empty line on.
fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let end = raw.windows(2).position(|pair| pair == b"\n\n").map_or(raw.len(), |index| index + 1);
    raw.split_at(end)
}

/// The committer line with its moment no earlier than `not_before`, since git stops searching history where
/// dates run backwards.
fn put_forward(line: &[u8], not_before: i64) -> Vec<u8> {
    match moment(line.trim_ascii_end()) {
        Some((seconds, start)) if seconds < not_before => {
            let zone = line[start..].split(|byte| *byte == b' ').nth(1).unwrap_or(b"+0000\n");
            let mut new = line[..start].to_vec();
            new.extend(format!("{not_before} ").into_bytes());
            new.extend(zone);
            new
        }
        _ => line.to_vec(),
    }
}

/// The seconds in a line that ends in `<seconds> <zone>`, and where they begin.
fn moment(line: &[u8]) -> Option<(i64, usize)> {
    let zone = line.iter().rposition(|byte| *byte == b' ')?;
    let start = line[..zone].iter().rposition(|byte| *byte == b' ')? + 1;
    let seconds = std::str::from_utf8(&line[start..zone]).ok()?.parse().ok()?;
    Some((seconds, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] =
        b"tree 1111111111111111111111111111111111111111\nparent 2222222222222222222222222222222222222222\n\
        author J\xf6rg <j@x> 1500000000 +0200\ncommitter Bob <b@x> 1500000100 -0500\nencoding ISO-8859-1\n\
        gpgsig -----BEGIN\n abc\n \n -----END\nother kept\n\n\nSubject \xe9\n\nSigned-off-by: x";

    fn id(digit: char) -> ObjectId {
        ObjectId::parse(&digit.to_string().repeat(40)).expect("an id")
    }

    #[test]
    fn author_message_and_encoding_are_kept_byte_for_byte_and_a_signature_is_not() {
        let new = rewrite(RAW, &id('a'), &id('b'), 0, None);
        let expected =
            b"tree aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nparent bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n\
            author J\xf6rg <j@x> 1500000000 +0200\ncommitter Bob <b@x> 1500000100 -0500\nencoding ISO-8859-1\n\
            other kept\n\n\nSubject \xe9\n\nSigned-off-by: x";
        assert_eq!(new, expected, "{}", String::from_utf8_lossy(&new));
    }

    #[test]
    fn a_commit_is_never_older_than_the_one_before_it() {
        let new = rewrite(RAW, &id('a'), &id('b'), 1_600_000_000, None);
        assert!(new.windows(40).any(|part| part.starts_with(b"committer Bob <b@x> 1600000000 -0500\n")));
        assert_eq!(committed(&new), 1_600_000_000);
        assert_eq!(committed(RAW), 1_500_000_100);
        assert_eq!(tree(RAW), Some(id('1')));
    }

    #[test]
    fn who_resolved_a_conflict_is_its_committer() {
        let resolution = Resolution {
            tree: id('a'),
            on: id('b'),
            committer: "Carol <c@x> 1600000000 +0000".to_owned(),
            message: None,
        };
        let new = rewrite(RAW, &id('a'), &id('b'), 1_700_000_000, Some(&resolution));
        assert!(new.windows(45).any(|part| part.starts_with(b"committer Carol <c@x> 1600000000 +0000\n")));
        assert!(new.ends_with(b"\nSigned-off-by: x"));
        let resolution = Resolution { message: Some("Grüße\n".to_owned()), ..resolution };
        let new = rewrite(RAW, &id('a'), &id('b'), 1_700_000_000, Some(&resolution));
        assert!(new.ends_with("\n\nGrüße\n".as_bytes()), "{}", String::from_utf8_lossy(&new));
        assert!(!String::from_utf8_lossy(&new).contains("encoding"), "it is in UTF-8");
    }
}
