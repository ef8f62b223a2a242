//! Host names as the deployment file writes them, and in the order in which Route 53 lists them.

/// A name as the deployment file has it: in lower case, without the dot at the end.
pub(super) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The key by which Route 53 sorts names: the labels in reverse order, each with its dot.
pub(super) fn sort_key(name: &str) -> String {
    let name = plain(name);
    name.rsplit('.').flat_map(|label| [label, "."]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_route_53_sorts_them() {
        let mut names =
            ["studio.mitx.mit.edu", "mitx.mit.edu.", "a.lms.mitx.mit.edu", "LMS.mitx.mit.edu", "lms-a.mitx.mit.edu"];
        names.sort_by_key(|name| sort_key(name));
        // A hyphen comes before the dot, as AWS's documentation points out.
        let expected =
            ["mitx.mit.edu.", "lms-a.mitx.mit.edu", "LMS.mitx.mit.edu", "a.lms.mitx.mit.edu", "studio.mitx.mit.edu"];
        assert_eq!(names, expected);
    }
}
