use super::*;
use crate::program::Program;
use crate::testing::stand_in;

fn template(name: &str, text: &str) -> Template {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("written");
    Template::at(&file).expect("a template")
}

fn refusal(template: &Template) -> String {
    let error = template.check_marks().expect_err("it is not marked");
    format!("{error}\n{}", error.hint())
}

#[test]
fn a_json_template_has_to_mark_the_image_and_its_builder() {
    let text = |tags: &str| format!(r#"{{"builders": [{{"type": "amazon-ebs", {tags} "region": "us-east-1"}}]}}"#);
    let mark = r#"{"cutover-build-token": "{{user `cutover_build`}}"}"#;
    let both = template("a.json", &text(&format!(r#""tags": {mark}, "run_tags": {mark},"#)));
    both.check_marks().expect("marked");
    let image_only = refusal(&template("a.json", &text(&format!(r#""tags": {mark},"#))));
    assert!(image_only.contains("run_tags, so the instance"), "{image_only}");
    assert!(
        image_only.contains(r#"`"run_tags": { "cutover-build-token": "{{user `cutover_build`}}" }`"#),
        "{image_only}"
    );
    let fixed =
        template("a.json", &text(r#""tags": {"cutover-build-token": "x"}, "run_tags": {"cutover-build-token": "x"},"#));
    assert!(fixed.check_marks().is_err(), "a tag that is always the same finds nothing");
}

#[test]
fn an_hcl2_template_has_to_mark_them_outside_of_comments() {
    let marked = "source \"amazon-ebs\" \"a\" {\n  tags = merge(var.tags, { cutover-build-token = var.cutover_build })\n  \
                  run_tags = { cutover-build-token = var.cutover_build } # found again\n}\n";
    template("a.pkr.hcl", marked).check_marks().expect("marked");
    for (comment, end) in [("# ", ""), ("// ", ""), ("/* ", " */")] {
        let hidden = marked.replace("run_tags", &format!("{comment}run_tags")).replace(" # found again", end);
        let said = refusal(&template("a.pkr.hcl", &hidden));
        assert!(said.contains("add `run_tags = { cutover-build-token = var.cutover_build }`"), "{said}");
    }
    let in_text = marked.replace("source \"amazon", "locals { url = \"https://example.org\" }\nsource \"amazon");
    template("a.pkr.hcl", &in_text).check_marks().expect("two strokes in text begin no comment");
}

proptest::proptest! {
    #[test]
    fn no_text_crashes_the_look_for_tags(text in r#"([a-z\n "'#/*\\é=]|run_tags|var.cutover_build|cutover-build-token|//|/\*|\*/){0,60}"#) {
        for name in ["a.pkr.hcl", "a.json"] {
            let _ = template(name, &text).check_marks();
        }
    }
}

#[test]
fn variables_are_read_from_both_forms_of_inspect() {
    // Recorded: Packer 1.6.6, `inspect -machine-readable`. The words of the HCL2 form are those of 1.16's source too.
    let json = b"1796068531,,ui,say,Packer Inspect: JSON mode\n1796068531,,template-variable,image_name,,1\n\
                 1796068531,,template-variable,region,{{env `AWS_REGION`}},0\n1796068531,,template-variable,secret,<sensitive>,0\n";
    let hcl2 = b"1796068791,,ui,say,> input-variables:\\n\\nvar.image_name: \"<unknown>\"\\nvar.region: \"us-east-1\"\\nvar.secret: \"x\"\
                 \\nvar.tags: \"{}\"\\n\\n> local-variables:\\n\\nlocal.a: \"b\"\\n\n";
    let required = |answer: &[u8]| {
        let declared = declared::read(answer);
        let required: Vec<_> =
            declared.iter().filter(|(_, is_required)| **is_required).map(|(name, _)| name.clone()).collect();
        (declared.len(), required)
    };
    assert_eq!(required(json), (3, vec!["image_name".to_owned()]));
    assert_eq!(required(hcl2), (4, vec!["image_name".to_owned()]));
}

#[test]
fn builders_are_read_from_both_forms_of_inspect() {
    // Recorded: Packer 1.6.6.
    let json = b"1,,template-builder,edxapp,amazon-ebs\n1,,template-builder,worker,amazon-ebs\n";
    let hcl2 = b"1,,ui,say,> builds:\\n\\n  > <unnamed build 0>:\\n\\n    sources:\\n\\n      amazon-ebs.edx\\n\\n    provisioners:\\n\\n      \
                 shell-local\\n\\n    post-processors:\\n\\n      0:\\n        manifest\\n\\n  > workers:\\n\\n    sources:\\n\\n      amazon-ebs.a\\n      amazon-ebs.b\\n\n";
    assert_eq!(declared::builders(json), ["edxapp", "worker"]);
    assert_eq!(declared::builders(hcl2), ["amazon-ebs.edx", "workers.amazon-ebs.a", "workers.amazon-ebs.b"]);
}

/// A Packer of this version that refuses everything with these words.
fn refusing(folder: &std::path::Path, version: &str, words: &str) -> Program {
    stand_in(folder, version, &format!("cat <<'END'\n1,,ui,error,{words}\nEND\nexit 1"))
}

#[test]
fn a_missing_plugin_is_told_with_the_command_that_installs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let hcl2 = template("a.pkr.hcl", "packer {\n  required_plugins {}\n}\n");
    let words = [
        // Recorded by others: hashicorp/packer#11402, 1.7.8.
        (
            "1.7.8",
            "Error: Unknown source amazon-ebs.labs_webserver_ami\\n\\n  on  line 0:\\n  (source code not available)\\n\\nKnown: []\\n\\n",
        ),
        // From the source of 1.16, in the machine-readable form.
        (
            "1.11.2",
            "Error: Missing plugins\\n\\nThe following plugins are required%!(PACKER_COMMA) but not installed:\\n\\n* github.com/hashicorp/amazon >= 1.2.8\\n\\nDid you run packer init for this project ?\\n\\n",
        ),
        // wata727/packer-plugin-amazon-ami-management#407, 1.10, in the machine-readable form.
        (
            "1.10.0",
            "Error: Unknown source type amazon-ebs\\n  on a.pkr.hcl line 92:\\n\\nThe source amazon-ebs is unknown by Packer%!(PACKER_COMMA) and is likely part of a plugin that\\nis not installed.\\n",
        ),
    ];
    for (version, said) in words {
        let program = refusing(folder.path(), version, said);
        let variables = crate::variables::Variables::default();
        let error = hcl2.check(&program, folder.path(), &variables, folder.path()).expect_err("refused");
        assert!(error.to_string().contains(&format!("Packer {version} lacks a plugin")), "{error}");
        assert!(error.hint().contains(&format!("packer init {}", hcl2.path().display())), "{}", error.hint());
    }
}

#[test]
fn a_packer_before_plugins_is_told_apart_from_a_broken_template() {
    let folder = tempfile::tempdir().expect("a folder");
    let hcl2 = template("a.pkr.hcl", "packer {\n  required_plugins {}\n}\n");
    let program = refusing(folder.path(), "1.6.6", "Error: Unsupported block type");
    let error = hcl2
        .check(&program, folder.path(), &crate::variables::Variables::default(), folder.path())
        .expect_err("refused");
    assert!(error.to_string().ends_with("does not know: 1.7.0 or later is needed"), "{error}");
}

#[test]
fn what_is_no_template_is_refused_before_packer_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| Template::at(&folder.path().join(name)).expect_err("refused").to_string();
    assert!(at("none.json").contains("there is no Packer template"));
    assert!(at("").contains("no file in it ends with .pkr.hcl"));
    std::fs::write(folder.path().join("large.json"), vec![b' '; (1 << 20) + 1]).expect("written");
    assert!(at("large.json").contains("larger than 1024 KiB"));
    std::fs::write(folder.path().join("binary.json"), b"\xff\xfe").expect("written");
    assert!(at("binary.json").contains("not UTF-8"));
}
