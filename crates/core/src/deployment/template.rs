//! The file that `cutover init` writes: a small deployment to start from. Its words are in `template.toml`.

/// A commented deployment file without mistakes, for the embedded cloud.
#[must_use]
pub fn template() -> &'static str {
    include_str!("template.toml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::{Cloud, parse};

    #[test]
    fn the_file_to_start_from_has_no_mistakes_and_touches_no_real_cloud() {
        let deployment = parse(template()).expect("the template has mistakes");
        assert_eq!(deployment.cloud, Cloud::Embedded);
    }

    #[test]
    fn the_file_to_start_from_fits_a_terminal() {
        for line in template().lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
