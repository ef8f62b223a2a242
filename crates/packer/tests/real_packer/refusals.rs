//! Templates that are refused before anything is made.

use std::fs;

use cutover_packer::template::Template;

use crate::stage::{EXAMPLES, Team};

/// What somebody who gives this template is told.
fn refused(team: &Team, template: &Template) -> String {
    let error = team.check(template).expect_err("it is refused");
    format!("{error}\n{}", error.hint())
}

/// A template of the team after a change of its text.
fn changed(team: &Team, template: &Template, from: &str, to: &str) -> Template {
    let text = fs::read_to_string(template.path()).expect("read");
    assert!(text.contains(from), "{text}");
    let name = template.path().file_name().expect("a name").to_string_lossy().into_owned();
    team.template(&name, &text.replace(from, to))
}

#[test]
fn the_examples_use_everything_that_they_are_given() {
    let team = Team::new();
    for template in [team.json("true"), team.hcl2()] {
        let ready = team.check(&template).expect("it is right");
        assert_eq!(ready.undeclared, [""; 0], "{}", template.path().display());
    }
}

#[test]
fn the_example_in_json_is_right_as_it_is() {
    let team = Team::new();
    let text = fs::read_to_string(format!("{EXAMPLES}/edxapp.json")).expect("an example");
    team.check(&team.template("example.json", &text)).expect("it is right");
}

#[test]
fn a_broken_template_is_refused_with_the_place() {
    let team = Team::new();
    let json = refused(&team, &team.template("a.json", "{\n  \"builders\": [\n"));
    assert!(json.contains("At line 3, column 1") && json.contains("correct the template"), "{json}");
    let hcl2 = refused(&team, &team.template("a.pkr.hcl", "variable \"x\" {\n  default = {} }\n"));
    assert!(hcl2.contains("on a.pkr.hcl line 2") || hcl2.contains("a.pkr.hcl line 2"), "{hcl2}");
    assert_eq!(hcl2.matches("Missing newline after argument").count(), 1, "{hcl2}");
}

#[test]
fn an_option_that_packer_does_not_know_is_refused_in_its_words() {
    let team = Team::new();
    let said = refused(&team, &changed(&team, &team.json("true"), "\"instance_type\":", "\"instance_typo\":"));
    assert!(said.contains("instance_typo"), "{said}");
}

#[test]
fn a_variable_that_nobody_gives_is_named() {
    let mut team = Team::new();
    let json =
        changed(&team, &team.json("true"), "\"playbook\":\"edxapp.yml\"", "\"playbook\":null,\"vault_token\":null");
    assert!(refused(&team, &json).contains("needs 2 variables that nobody gives: playbook, vault_token"));
    team.wanted.others =
        [("playbook", "a"), ("vault_token", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    team.check(&json).expect("they are given");
    team.wanted.others.clear();
    let hcl2 = changed(&team, &team.hcl2(), "  default = \"edxapp.yml\"\n", "");
    assert!(refused(&team, &hcl2).contains("needs 1 variable that nobody gives: playbook"));
}

#[test]
fn a_variable_that_the_template_does_not_declare_is_refused_with_the_one_that_was_meant() {
    let mut team = Team::new();
    team.wanted.others = [("instance_typ".to_owned(), "m5.xlarge".to_owned())].into();
    for template in [team.json("true"), team.hcl2()] {
        let said = refused(&team, &template);
        assert!(
            said.contains("declares no variable instance_typ") && said.contains("did you mean instance_type?"),
            "{said}"
        );
    }
}

#[test]
fn a_template_that_declares_none_of_ours_is_told_which_it_needs() {
    let team = Team::new();
    let said = refused(&team, &team.template("a.json", r#"{"builders": [{"type": "null", "communicator": "none"}]}"#));
    assert!(said.contains("does not declare cutover_build, image_name, base_image, commit, so the image"), "{said}");
    assert!(said.contains("examples/packer/"), "{said}");
}

#[test]
fn a_template_with_two_builders_needs_the_name_of_one() {
    let team = Team::new();
    let text = fs::read_to_string(team.json("true").path()).expect("read");
    let mut both: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut worker = both["builders"][0].clone();
    worker["name"] = "worker".into();
    worker["run_tags"] = serde_json::json!({});
    both["builders"].as_array_mut().expect("a list").push(worker);
    let both = team.template("both.json", &both.to_string());
    let said = refused(&team, &both);
    assert!(said.contains("has 2 builders, and a build makes one image: edxapp, worker"), "{said}");
    team.check(&both.clone().only("edxapp")).expect("it makes one image");
    assert!(
        refused(&team, &both.clone().only("worker")).contains("does not set the tag"),
        "the other one is not looked at"
    );
    assert!(refused(&team, &both.only("edx")).contains("has no builder edx; it has edxapp, worker"));
    let hcl2 = team.hcl2().only("amazon-ebs.edxapp");
    team.check(&hcl2).expect("it is right");
}

#[test]
fn a_template_whose_builds_could_not_be_found_again_is_refused() {
    let team = Team::new();
    let json = changed(&team, &team.json("true"), "\"run_tags\":", "\"run_volume_tags_\":");
    assert!(refused(&team, &json).contains("does not set the tag cutover-build-token in run_tags"));
    let hcl2 = changed(&team, &team.hcl2(), "  run_tags =", "  snapshot_tags =");
    assert!(refused(&team, &hcl2).contains("does not set the tag cutover-build-token in run_tags"));
}
