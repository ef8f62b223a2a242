//! `cutover report --json`: what the journal can prove, for other programs.

use serde_json::{Value, json};

use super::deployment::Deployment;

#[test]
fn a_report_as_json_is_one_object_with_who_answered_what_and_when() {
    let deployment = Deployment::new("proved");
    let report = |deployment: &Deployment| -> Value {
        serde_json::from_str(&deployment.succeeds(&["report", "--json"])).expect("one object")
    };
    assert_eq!(report(&deployment), json!({ "dns": [], "late_requests": [], "checks": [] }), "nothing is on record");

    deployment.succeeds(&["announce"]);
    deployment.see_through(deployment.start("prepare"));
    let evidence = report(&deployment);
    let said = evidence["dns"].as_array().expect("a list");
    let by = |who: &str| said.iter().find(|line| line["who"].as_str().is_some_and(|by| by.starts_with(who)));
    for who in ["Route 53", "name server"] {
        let line = by(who).unwrap_or_else(|| panic!("{who}: {evidence}"));
        assert_eq!(line["step"], "prepare.ttl");
        let at = line["at"].as_str().expect("a moment");
        assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
        assert!(["title", "lane", "said"].iter().all(|key| line[key].is_string()), "{line}");
    }

    let file = deployment.folder.join("evidence.json");
    let path = file.to_str().expect("a path");
    deployment.succeeds(&["report", "--json", "--output", path]);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("written")).expect("one object");
    assert_eq!(written, evidence);
}
