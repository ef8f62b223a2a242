//! Reads the conflicts out of a file with git's markers in it.

use super::Hunk;
use crate::names::GitPath;

/// The conflicts in `content`, in order.
pub(super) fn read(path: &GitPath, content: &[u8]) -> Vec<Hunk> {
    enum Part {
        Outside,
        There,
        Patch,
    }
    let text = String::from_utf8_lossy(content);
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut part = Part::Outside;
    for (index, line) in text.lines().enumerate() {
        match (&part, marker(line)) {
            (Part::Outside, Some('<')) => {
                let (there, patch) = (String::new(), String::new());
                hunks.push(Hunk { path: path.clone(), line: index + 1, there, patch });
                part = Part::There;
            }
            (Part::There, Some('=')) => part = Part::Patch,
            (Part::Patch, Some('>')) => part = Part::Outside,
            (Part::There, _) => add(hunks.last_mut().map(|hunk| &mut hunk.there), line),
            (Part::Patch, _) => add(hunks.last_mut().map(|hunk| &mut hunk.patch), line),
            (Part::Outside, _) => {}
        }
    }
    hunks
}

fn add(side: Option<&mut String>, line: &str) {
    if let Some(side) = side {
        side.push_str(line);
        side.push('\n');
    }
}

/// The sign of a marker line: seven of it, and then nothing or a label.
fn marker(line: &str) -> Option<char> {
    let sign = line.chars().next().filter(|sign| matches!(sign, '<' | '=' | '>'))?;
    let rest = line.trim_end_matches('\r').trim_start_matches(sign);
    let length = line.trim_end_matches('\r').len() - rest.len();
    (length == 7 && (rest.is_empty() || rest.starts_with(' '))).then_some(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_conflict_are_read_with_the_line_where_it_begins() {
        let content = b"a\n<<<<<<< 1234\nx\n=======\ny\nz\n>>>>>>> 5678\nb\n<<<<<<< 1\n=======\n>>>>>>> 2\n";
        let hunks = read(&GitPath::new("f"), content);
        assert_eq!(hunks.len(), 2);
        assert_eq!((hunks[0].line, hunks[0].there.as_str(), hunks[0].patch.as_str()), (2, "x\n", "y\nz\n"));
        assert_eq!((hunks[1].line, hunks[1].there.as_str(), hunks[1].patch.as_str()), (9, "", ""));
    }

    #[test]
    fn a_heading_underlined_with_equal_signs_is_no_marker() {
        assert!(read(&GitPath::new("f"), b"Title\n=======\ntext\n========\n").is_empty());
    }
}
