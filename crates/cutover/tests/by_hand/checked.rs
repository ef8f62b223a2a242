//! What `check` says while an upgrade is under way: what cutover itself has done is not reported as a fault.

use serde_json::Value;

use super::deployment::{Deployment, end_at_once, until, wait_for};

/// The items of a check whose subjects begin with one of those words, and which are not as they should be.
fn wrong(deployment: &Deployment, subjects: &[&str]) -> Vec<String> {
    let checked = deployment.run(&["check", "--json"]);
    let items: Vec<Value> = serde_json::from_slice(&checked.stdout).expect("items");
    let concerns =
        |item: &&Value| subjects.iter().any(|subject| item["subject"].as_str().expect("text").starts_with(subject));
    let items: Vec<&Value> = items.iter().filter(concerns).collect();
    assert!(items.len() >= subjects.len(), "{items:?}");
    items
        .into_iter()
        .filter(|item| !matches!(item["state"].as_str(), Some("ok" | "unknown")))
        .map(Value::to_string)
        .collect()
}

#[test]
fn a_check_while_an_upgrade_is_under_way_expects_what_cutover_has_done() {
    let deployment = Deployment::new("checked");
    deployment.succeeds(&["announce", "--pace", "1000"]);
    let mut prepare = deployment.spawn(deployment.command(&["prepare"]));
    until(|| deployment.events().iter().any(|event| event["facts"][0]["fact"] == "launched"));
    end_at_once(&mut prepare);
    let next = wrong(&deployment, &["next "]);
    assert!(!next.iter().any(|item| item.contains("smaller")), "they can still be launched: {next:?}");
    deployment.see_through(deployment.start("prepare"));
    // Slow enough that a check ends before the migrations do.
    let mut window = deployment.spawn(deployment.command(&["window", "--pace", "60"]));
    wait_for(&deployment, "window.migrate.");
    let disturbed = ["balancer ", "record ", "database ", "page ", "next "];
    assert_eq!(wrong(&deployment, &disturbed), [""; 0]);
    end_at_once(&mut window);
    let left = wrong(&deployment, &disturbed);
    assert!(left.iter().any(|item| item.contains("are not served even now")), "nobody brings them back: {left:?}");
    assert!(!left.iter().any(|item| item.contains("record ")), "visitors belong at the page: {left:?}");
    // The page still says what was announced, and it is too late to announce anything else.
    deployment.edit("start = 2020-12-14T10:00:00-05:00", "start = 2020-12-15T10:00:00-05:00");
    assert_eq!(wrong(&deployment, &["page "]), [""; 0]);
    deployment.edit("start = 2020-12-15T10:00:00-05:00", "start = 2020-12-14T10:00:00-05:00");
    deployment.see_through(deployment.spawn(deployment.command(&["window", "--pace", "1000"])));
    assert_eq!(wrong(&deployment, &disturbed), [""; 0]);
}
