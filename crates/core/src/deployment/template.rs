//! The file that `cutover init` writes: a small deployment to start from. Its text is in `template.toml`.

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
    fn the_file_to_start_from_is_one_for_aws_once_its_section_is_no_comment() {
        let (before, section) = template().split_once("# [aws]\n").expect("a section");
        let section = section.lines().map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>();
        let text = format!("{before}[aws]\n{}\n", section.join("\n"));
        let text = text.replace("cloud = \"embedded\"", "cloud = \"aws\"");
        let deployment = parse(&text.replace("location = \"state\"", "location = \"s3://example-state/cutover\""))
            .expect("the template has mistakes");
        assert_eq!(deployment.cloud, Cloud::Aws);
        assert_eq!(deployment.role_tag(crate::deployment::Role::Worker), "edx-worker");
        assert_eq!(deployment.aws.and_then(|aws| aws.root_volume).map(|volume| volume.size_gib), Some(25));
    }

    #[test]
    fn the_section_about_ssh_is_right_once_it_is_no_comment() {
        let (before, after) = template().split_once("# [ssh]\n").expect("a section");
        let section = after.lines().map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>();
        let deployment = parse(&format!("{before}[ssh]\n{}\n", section.join("\n"))).expect("the template has mistakes");
        assert_eq!(deployment.ssh.address, crate::deployment::HostAddress::Private);
        assert_eq!(deployment.ssh.user.as_deref(), Some("ubuntu"));
    }

    #[test]
    fn the_file_to_start_from_fits_a_terminal() {
        for line in template().lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
