//! What AWS refuses is a mistake in the files of deployments on AWS.

use insta::assert_snapshot;

use super::every::small;
use crate::deployment::template;
use crate::deployment::tests::{edited, mistakes};

/// The mistakes of the template for AWS, with these lines in its section `[aws]`, after `edits`.
fn on_aws(lines: &str, edits: &[(&str, &str)]) -> String {
    let text = edited(template(), &[("cloud = \"embedded\"", "cloud = \"aws\"")]);
    let before = text.split_once("# [aws]\n").expect("a section").0;
    mistakes(&edited(&format!("{before}[aws]\n{lines}\n"), edits))
}

#[test]
fn cloud_aws_requires_the_section_aws() {
    assert_snapshot!(small(&[("cloud = \"embedded\"", "cloud = \"aws\"")]), @r#"
    8:9 nothing says which account and region this is | needs [aws] | add a section [aws] with account = "123456789012" and region = "us-east-1"
    "#);
    assert_snapshot!(on_aws("", &[]), @"");
}

#[test]
fn accounts_and_regions_have_the_form_that_aws_gives_them() {
    assert_snapshot!(on_aws("account = \"1234-5678-9012\"\nregion = \"us-east-1a\"", &[]), @r#"
    190:11 `1234-5678-9012` is not the number of an account | has 12 digits | did you mean "123456789012"?
    191:10 `us-east-1a` is not a region | write for example "us-east-1" | did you mean "us-east-1", the region of that zone?
    "#);
    assert_snapshot!(on_aws("account = \"mitx\"\nregion = \"Virginia\"", &[]), @r#"
    190:11 `mitx` is not the number of an account | has 12 digits
    191:10 `Virginia` is not a region | write for example "us-east-1"
    "#);
    for region in ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-10", "us-isob-east-1"] {
        assert_eq!(on_aws(&format!("account = \"123456789012\"\nregion = \"{region}\""), &[]), "");
    }
    for region in ["", "us-east", "us--1", "useast1", "us-east-1-1", "us-east-one", "US-EAST-1", "us-a-b-c-1"] {
        assert_ne!(on_aws(&format!("region = \"{region}\""), &[]), "", "{region}");
    }
}

#[test]
fn settings_for_aws_are_not_empty() {
    assert_snapshot!(on_aws("profile = \" \"\nkey_pair = \"\"\nhold_services = []", &[]), @"
    190:11 `aws.profile` is empty | leave it out to use what the `aws` command uses
    191:12 `aws.key_pair` is empty | leave it out to launch hosts without one
    192:17 the command is empty | leave it out to turn supervisor's autostart off | a worker that starts its services at boot takes tasks from the live site
    ");
    assert_snapshot!(on_aws("hold_services = [\"systemctl\", \"\"]", &[]), @"
    190:31 a word of the command is empty | remove it
    ");
}

#[test]
fn role_tags_differ() {
    assert_snapshot!(on_aws("role_tags = { edxapp = \"edx\", worker = \"edx\" }", &[]), @"
    190:40 hosts of both roles are tagged `edx` | must differ from role_tags.edxapp | otherwise workers are mistaken for hosts that serve the sites
    ");
    assert_snapshot!(on_aws("role_tags = { edxapp = \"worker\" }", &[]), @"
    190:13 hosts of both roles are tagged `worker` | must differ from role_tags.edxapp | otherwise workers are mistaken for hosts that serve the sites
    ");
    assert_snapshot!(on_aws("role_tags = { worker = \"\" }", &[]), @"
    190:24 the role tag of worker hosts is empty | write the value of their tag `role`
    ");
}

#[test]
fn the_root_volume_is_one_that_hosts_can_boot_from() {
    assert_snapshot!(on_aws("root_volume = { size_gib = 25, kind = \"gp33\", device = \"sda1\" }", &[]), @r#"
    190:39 no host boots from a disk of type `gp33` | allowed: gp2, gp3, io1, io2 or standard | did you mean "gp3"?
    190:56 `sda1` is not the name of a device | the image's root device, such as "/dev/sda1"
    "#);
    assert_snapshot!(on_aws("root_volume = { size_gib = 500, kind = \"st1\", device = \"/dev/\" }", &[]), @r#"
    190:40 no host boots from a disk of type `st1` | allowed: gp2, gp3, io1, io2 or standard
    190:56 `/dev/` is not the name of a device | the image's root device, such as "/dev/sda1"
    "#);
    assert_eq!(on_aws("root_volume = { size_gib = 25, kind = \"io2\", device = \"xvda\" }", &[]), "");
}

#[test]
fn settings_for_launches_have_the_form_that_aws_expects() {
    assert_snapshot!(
        on_aws("", &[("\"subnet-0b\"]", "\"subnet-0x\", \"\"]"), ("[\"sg-0e1dab1e\"]", "[\"default\", \"sg-\"]")]),
        @"
        77:25 `subnet-0x` is not the id of a subnet | `subnet-` and digits of 0-9 and a-f
        77:38 `` is not the id of a subnet | `subnet-` and digits of 0-9 and a-f
        78:20 `default` is not the id of a security group | `sg-` and digits of 0-9 and a-f
        78:31 `sg-` is not the id of a security group | `sg-` and digits of 0-9 and a-f
        "
    );
    assert_snapshot!(on_aws("", &[("\"r5.large\"", "\"r5.larg\""), ("\"t3.large\"", "\"t3-large\"")]), @r#"
    75:17 `r5.larg` is not an instance type | write for example "r5.large" | did you mean "r5.large"?
    84:17 `t3-large` is not an instance type | write for example "r5.large"
    "#);
    for kind in ["t3.nano", "m7i-flex.2xlarge", "u-6tb1.112xlarge", "r5.metal", "c7i.metal-24xl"] {
        assert_eq!(on_aws("", &[("r5.large", kind)]), "");
    }
    for kind in ["R5.large", "r5", ".large", "r5.", "large.r5", "r5.large.x", "r.large"] {
        assert_ne!(on_aws("", &[("r5.large", kind)]), "", "{kind}");
    }
}

#[test]
fn distributions_are_named_by_id_and_balancers_by_host_name() {
    let distribution = "distribution = \"E1EXAMPLE00000\"";
    assert_snapshot!(on_aws("", &[(distribution, "distribution = \"d111111abcdef8.cloudfront.net\"")]), @"
    28:16 `d111111abcdef8.cloudfront.net` is not the id of a distribution | 13 or 14 upper-case letters and digits | its host name belongs in `domain`
    ");
    assert_snapshot!(on_aws("", &[(distribution, "distribution = \"e1example00000\"")]), @"
    28:16 `e1example00000` is not the id of a distribution | 13 or 14 upper-case letters and digits
    ");
    assert_snapshot!(on_aws("", &[("domain = \"example-1234567890.us-east-1.elb.amazonaws.com\"", "domain = \"10.0.0.1\"")]), @"
    57:10 `10.0.0.1` is an address, and sites' records are CNAMEs | the balancer's own host name
    ");
}

#[test]
fn state_in_a_bucket_has_a_bucket_and_a_folder() {
    let at = |location: &str| on_aws("", &[("location = \"state\"", &format!("location = \"{location}\""))]);
    assert_snapshot!(at("s3://mitx-cutover/production"), @"");
    assert_snapshot!(at("s3://mitx-cutover"), @"");
    assert_snapshot!(at("s3://"), @"
    22:12 `` cannot be a name here | allowed: 3 to 63 lower-case letters, digits, hyphens and dots
    ");
    assert_snapshot!(at("s3://Mitx/production//x/"), @"
    22:12 `Mitx` cannot be a name here | allowed: 3 to 63 lower-case letters, digits, hyphens and dots
    22:12 the folder in `s3://Mitx/production//x/` has an empty or a relative part | write s3://BUCKET/FOLDER, without a / at the end
    ");
    assert_snapshot!(at("s3://mitx-cutover/../other"), @"
    22:12 the folder in `s3://mitx-cutover/../other` has an empty or a relative part | write s3://BUCKET/FOLDER, without a / at the end
    ");
}

#[test]
fn what_only_aws_refuses_is_no_mistake_on_the_embedded_cloud() {
    let odd = "[aws]\naccount = \"x\"\nregion = \"x\"\nprofile = \"\"\nrole_tags = { worker = \"edxapp\" }\n";
    let text = edited(template(), &[("r5.large", "large"), ("subnet-0a", "here"), ("E1EXAMPLE00000", "page")]);
    assert_eq!(mistakes(&format!("{text}\n{odd}")), "");
}
