//! Images that cutover builds: what would be built from something unknown, or would remove too much, is a mistake.

use super::every::small;

const BUILDER: &str = "limit = \"2h\"

[role.edxapp.image.builder]
instance_type = \"m5.xlarge\"
subnet = \"subnet-1\"
security_groups = [\"sg-1\"]
provision = [[\"git\", \"clone\", \"{repository}\"]]
";

/// The mistakes of the template whose edxapp image is built on an instance, after these edits of its section.
fn built(edits: &[(&str, &str)]) -> String {
    let base = ("base = \"edxapp-base\"", "base = \"edxapp-base\"\nbase_owner = \"self\"");
    let builder = edits.iter().fold(BUILDER.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let builder = format!("{builder}\n# Smoke tests run");
    small(&[base, ("limit = \"2h\"\n\n# Smoke tests run", &builder)])
}

#[test]
fn a_builder_needs_an_owner_of_a_pattern_and_none_of_an_id_or_a_parameter() {
    assert_eq!(built(&[]), "");
    let builder = format!("{BUILDER}\n# Smoke tests run");
    let of = |base: &str| small(&[("\"edxapp-base\"", base), ("limit = \"2h\"\n\n# Smoke tests run", &builder)]);
    assert!(of("\"edxapp-base\"").contains("anybody can give an image that name"), "{}", of("\"edxapp-base\""));
    for base in ["\"ami-0123456789abcdef0\"", "\"/aws/service/canonical/ubuntu/id\""] {
        assert_eq!(of(base), "", "{base}");
    }
}

#[test]
fn commands_of_a_builder_have_words_and_known_placeholders() {
    let provision = |commands: &str| built(&[("[[\"git\", \"clone\", \"{repository}\"]]", commands)]);
    assert_eq!(provision("[[\"sh\", \"-c\", \"echo {commit} $HOME {}\"]]"), "");
    assert!(provision("[[]]").contains("a command is empty"));
    let misspelt = provision("[[\"git\", \"checkout\", \"{comit}\"]]");
    assert!(misspelt.contains("nothing fills in `{comit}`") && misspelt.contains("{commit}"), "{misspelt}");
}

#[test]
fn what_is_removed_from_an_image_is_never_a_whole_system() {
    let removed = |paths: &str| built(&[("provision", &format!("identity = {paths}\nprovision"))]);
    assert_eq!(removed("[\"/etc/salt/minion_id\", \"/var/ossec/etc/client.keys\"]"), "");
    for path in ["/", "/etc", "etc/salt/minion_id", "/etc/", "/etc//x", "/etc/../usr", "/./etc", ""] {
        let told = removed(&format!("[\"{path}\"]"));
        assert!(told.contains("would be removed from the image, with all that is in it"), "{path}: {told}");
    }
}

#[test]
fn on_aws_the_commit_needs_a_clone_of_the_fork() {
    let aws = ("cloud = \"embedded\"", "cloud = \"aws\"");
    let builder = format!("{BUILDER}\n# Smoke tests run");
    let id = ("\"edxapp-base\"", "\"ami-0123456789abcdef0\"");
    let told = small(&[aws, id, ("limit = \"2h\"\n\n# Smoke tests run", &builder)]);
    assert!(told.contains("needs `repository` under [branches]"), "{told}");
}

#[test]
fn smoke_tests_know_the_commit_and_nothing_else() {
    let test = |contains: &str| {
        let test =
            format!("[[role.edxapp.smoke_test]]\nname = \"code\"\ncommand = [\"git\"]\ncontains = \"{contains}\"\n\n");
        small(&[("[role.worker.image]", &format!("{test}[role.worker.image]"))])
    };
    assert_eq!(test("{commit}"), "");
    assert!(test("{version}").contains("nothing fills in `{version}`"), "{}", test("{version}"));
}

const PACKER: &str = "limit = \"2h\"

[role.edxapp.image.packer]
template = \"packer/edxapp.json\"
variables = { play = \"edxapp.yml\" }
";

#[test]
fn a_packer_template_needs_an_owner_of_the_base_a_clone_and_variables_of_its_own() {
    let owned = ("base = \"edxapp-base\"", "base = \"edxapp-base\"\nbase_owner = \"self\"");
    let of = |packer: &str, edits: &[(&str, &str)]| {
        let packer = format!("{packer}\n# Smoke tests run");
        let packer = ("limit = \"2h\"\n\n# Smoke tests run", packer.as_str());
        small(&[&[packer], edits].concat())
    };
    assert_eq!(of(PACKER, &[owned]), "");
    assert!(of(PACKER, &[]).contains("anybody can give an image that name"));
    let aws = ("cloud = \"embedded\"", "cloud = \"aws\"");
    assert!(of(PACKER, &[owned, aws]).contains("needs `repository` under [branches]"));
    for name in ["commit", "tags", "tag_role"] {
        let told = of(&PACKER.replace("play", name), &[owned]);
        assert!(told.contains(&format!("cutover gives the variable {name} to the template itself")), "{told}");
    }
    let relative = of(&PACKER.replace("variables", "identity = [\"etc/agent\"]\nvariables"), &[owned]);
    assert!(relative.contains("hosts cannot be compared by `etc/agent`"), "{relative}");
    let both = of(&format!("{}{}", BUILDER, PACKER.replace("limit = \"2h\"\n", "")), &[owned]);
    assert!(both.contains("is built in one way only"), "{both}");
}
