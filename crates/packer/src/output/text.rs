//! What people read, without the name of the builder that Packer puts before it.

/// The builder that a text for people is about, and the text without it. Packer begins each line with `==> NAME: ` or
/// `    NAME: `, and lists at the end with `--> NAME: `.
pub(super) fn split(text: &str) -> (Option<&str>, String) {
    let builder = text.lines().find_map(|line| prefixed(line).map(|(builder, _)| builder));
    let without = |line| match prefixed(line) {
        Some((name, rest)) if Some(name) == builder => rest,
        _ => line,
    };
    (builder, text.trim_matches('\n').lines().map(without).collect::<Vec<_>>().join("\n"))
}

fn prefixed(line: &str) -> Option<(&str, &str)> {
    let rest = ["==> ", "    ", "--> "].iter().find_map(|mark| line.strip_prefix(mark))?;
    let (builder, rest) = rest.split_once(": ").or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    // Names of builders have no spaces: `edxapp`, `amazon-ebs.edxapp`.
    (!builder.is_empty() && !builder.contains(' ')).then_some((builder, rest))
}
