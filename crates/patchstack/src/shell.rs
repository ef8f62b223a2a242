//! Words of commands that people paste into a shell.

use std::path::Path;

/// A path as a POSIX shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !path.is_empty() && path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted(Path::new("/srv/edx-platform.mitx-koa.rebase")), "/srv/edx-platform.mitx-koa.rebase");
        assert_eq!(quoted(Path::new("a b'c")), r"'a b'\''c'");
    }
}
