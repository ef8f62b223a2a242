//! `cutover image`: what there is, and what uses it.

use serde_json::Value;

use super::deployment::Deployment;

/// `cutover image VERB FILE ARGUMENTS`.
fn image(deployment: &Deployment, verb: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(["image", verb]).arg(deployment.file()).args(arguments).stdin(std::process::Stdio::null());
    let output = command.output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn list(deployment: &Deployment) -> Vec<Value> {
    let (code, printed, errors) = image(deployment, "list", &["--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let listed: Value = serde_json::from_str(&printed).expect("JSON");
    listed["images"].as_array().expect("images").clone()
}

/// The kinds of what uses an image.
fn uses(image: &Value) -> Vec<&str> {
    image["uses"].as_array().expect("uses").iter().filter_map(|used| used["kind"].as_str()).collect()
}

#[test]
fn images_are_listed_with_the_hosts_and_the_upgrade_that_use_them() {
    let deployment = Deployment::new("images");
    deployment.succeeds(&["announce"]);
    let before = list(&deployment);
    assert!(before.iter().any(|image| uses(image).contains(&"host")), "current hosts run from one: {before:?}");
    assert!(before.iter().all(|image| !uses(image).contains(&"upgrade")), "nothing is planned with any: {before:?}");
    deployment.see_through(deployment.start("prepare"));
    let after = list(&deployment);
    let newest: Vec<&Value> = after.iter().filter(|image| image["newest"] == true).collect();
    assert!(!newest.is_empty() && newest.iter().all(|image| uses(image).contains(&"upgrade")), "{newest:?}");
    let (code, printed, _) = image(&deployment, "list", &[]);
    assert_eq!(code, Some(0));
    for image in &after {
        assert!(printed.contains(image["name"].as_str().expect("a name")), "{printed}");
    }
}

#[test]
fn images_are_built_before_the_rest_of_prepare_which_goes_on_with_them() {
    let deployment = Deployment::new("built");
    deployment.succeeds(&["announce"]);
    let before = list(&deployment).len();
    let (code, printed, errors) = image(&deployment, "build", &["--pace", "100000"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(printed.contains("stopped: only images were to be built") || printed.contains("prepare"), "{printed}");
    assert!(errors.contains("the images are built; `cutover prepare "), "{errors}");
    let built = list(&deployment);
    assert_eq!(built.len(), before + 2, "{built:?}");
    assert!(built.iter().filter(|image| uses(image).contains(&"host")).count() < built.len(), "no host was launched");
    let (code, _, errors) = image(&deployment, "build", &["--pace", "100000"]);
    assert_eq!((code, list(&deployment).len()), (Some(0), before + 2), "nothing is built twice: {errors}");
    deployment.see_through(deployment.start("prepare"));
    assert_eq!(list(&deployment).len(), before + 2);
}

#[test]
fn an_image_is_shown_by_name_and_by_id_and_an_unknown_one_is_refused_with_what_to_type() {
    let deployment = Deployment::new("image");
    let first = list(&deployment).swap_remove(0);
    for key in ["name", "id"] {
        let (code, printed, _) = image(&deployment, "show", &[first[key].as_str().expect("text"), "--json"]);
        assert_eq!(code, Some(0));
        let shown: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!((&shown["image"], shown["snapshots"].is_array()), (&first, true));
    }
    let (code, printed, error) = image(&deployment, "show", &["ami-0"]);
    assert_eq!((code, printed.as_str()), (Some(4), ""));
    assert!(error.contains("no image with the name or id `ami-0`"), "{error}");
    assert!(error.contains(&format!("`cutover image list {}`", deployment.file().display())), "{error}");
}

/// The ids of images.
fn ids(images: &[Value]) -> Vec<String> {
    images.iter().map(|image| image["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn prune_shows_and_asks_before_it_removes_what_nothing_uses() {
    let deployment = Deployment::new("prune");
    let all = list(&deployment);
    let (code, printed, _) = image(&deployment, "prune", &["--keep", "1", "--dry-run", "--json"]);
    let shown: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((code, &shown["done"]), (Some(0), &Value::Bool(false)));
    let removed = ids(shown["pruning"]["removed"].as_array().expect("images"));
    assert!(!removed.is_empty(), "{shown:#}");
    let (code, _, error) = image(&deployment, "prune", &["--keep", "1"]);
    assert_eq!(code, Some(4));
    assert!(error.contains("add --yes to the command"), "{error}");
    assert_eq!(ids(&list(&deployment)), ids(&all), "nothing was removed");
    let (code, printed, said) = image(&deployment, "prune", &["--keep", "1", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    let left: Vec<String> = ids(&all).into_iter().filter(|id| !removed.contains(id)).collect();
    assert_eq!(ids(&list(&deployment)), left);
    for id in &removed {
        assert!(printed.contains(id) && said.contains(id), "{printed}{said}");
        assert!(deployment.state().join("removals").join(format!("{id}.done.json")).exists());
    }
    assert!(deployment.is_released(), "the next conductor need not wait");
    let (code, printed, _) = image(&deployment, "prune", &["--keep", "1"]);
    assert_eq!((code, printed.contains("TO REMOVE: nothing")), (Some(0), true), "{printed}");
    deployment.succeeds(&["announce"]);
}

#[test]
fn a_removal_that_has_not_ended_is_finished_by_the_next_prune() {
    let deployment = Deployment::new("pruned-again");
    let removals = deployment.state().join("removals");
    std::fs::create_dir_all(&removals).expect("a folder");
    let record = r#"{"image":"ami-0","name":"edx-old","disks":["snap-1"]}"#;
    std::fs::write(removals.join("ami-0.json"), record).expect("written");
    let (code, printed, said) = image(&deployment, "prune", &["--keep", "99", "--yes"]);
    assert!(printed.contains("edx-old (ami-0), with 1 snapshot"), "{printed}");
    assert_eq!((code, removals.join("ami-0.done.json").exists()), (Some(0), true), "{said}");
}

#[test]
fn nothing_is_pruned_while_a_conductor_is_at_work() {
    let deployment = Deployment::new("prune-beside");
    deployment.succeeds(&["announce"]);
    let mut prepare = deployment.spawn(deployment.command(&["prepare", "--pace", "1"]));
    let is_of_prepare = |event: &Value| {
        event["event"] == "step-started" && event["step"].as_str().is_some_and(|id| id.starts_with("prepare."))
    };
    super::deployment::until(|| deployment.events().iter().any(is_of_prepare));
    let before = ids(&list(&deployment));
    let (code, _, error) = image(&deployment, "prune", &["--keep", "1", "--yes"]);
    super::deployment::end_at_once(&mut prepare);
    assert_eq!(code, Some(5), "{error}");
    assert!(error.contains("because it may need any of them"), "{error}");
    assert!(before.iter().all(|id| ids(&list(&deployment)).contains(id)));
}
