//! Phases on AWS: one that is carried out, those that cannot be carried out yet, and dry runs of all of them.

use serde_json::Value;

use crate::account::Account;
use crate::operator::Operator;

const SCHEDULED: &str = "\n[[announcement]]\nname = \"scheduled\"\nwhen = \"scheduled\"\nto = \"mailto:support@mit.edu\"\n\
                         text = \"The sites will be down from {start}.\"\n";

#[test]
fn a_phase_with_messages_is_refused_and_nothing_is_recorded() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &(account.file() + SCHEDULED));
    let before = account.everything();
    insta::assert_snapshot!(operator.run(&["announce"]).failed(4));
    assert!(before == account.everything(), "the account was changed");
    assert!(operator.state_files().is_empty(), "{:?}", operator.state_files());
}

#[test]
fn the_page_is_published_with_its_headers_and_the_steps_are_recorded() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &account.file());
    let out = operator.run(&["announce"]).ended(0).out;
    assert!(out.contains("contract-koa-v4 waits until `prepare` is run"), "{out}");
    assert!(out.contains("Type:    cutover prepare site.toml"), "{out}");

    let page = account.object("/upgrading.contract.edu/index.html");
    let (head, body) = page.split_once("\r\n\r\n").expect("a page");
    let head = head.to_lowercase();
    for line in
        ["content-type: text/html; charset=utf-8", "cache-control: public, max-age=0, s-maxage=60, must-revalidate"]
    {
        assert!(head.lines().any(|other| other == line), "{line}: {head}");
    }
    assert_eq!(body, "Back at 2037-01-05 08:00:00 -05:00.");
    let everything = account.everything();
    let (_, invalidations) = everything.iter().find(|(what, _)| what == "invalidations").expect("they are listed");
    assert!(invalidations.contains("<Quantity>1</Quantity>"), "{invalidations}");

    let names: Vec<String> = events(&operator).iter().map(|event| event["event"].to_string()).collect();
    for name in ["conductor-took-over", "run-started", "step-started", "step-learned", "step-done", "run-finished"] {
        assert!(names.contains(&format!("\"{name}\"")), "{name}: {names:?}");
    }
    let status = operator.without_keys().run(&["status"]).ended(0).out;
    assert!(status.contains("announce  finished"), "without credentials: {status}");
}

/// The events in the state folder's journal, in order.
fn events(operator: &Operator) -> Vec<Value> {
    let files = operator.state_files().into_iter().filter(|(path, _)| path.contains("/journal/"));
    let records = files.map(|(_, bytes)| serde_json::from_slice::<Value>(&bytes).expect("a record is JSON"));
    records.flat_map(|record| record["events"].as_array().expect("events").clone()).collect()
}

#[test]
fn phases_that_need_hosts_are_refused_with_what_they_need_and_nothing_is_recorded() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &account.file());
    insta::assert_snapshot!("too_early", operator.run(&["prepare"]).failed(4));
    operator.run(&["announce"]).ended(0);
    let (before, files) = (account.everything(), operator.state_files());
    insta::assert_snapshot!(operator.run(&["prepare"]).failed(4));
    let early = operator.run(&["window"]).failed(4).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(early.contains("`prepare` must have succeeded before `window` can begin"), "{early}");
    assert!(early.contains("answers for the sites cannot be seen: "), "{early}");
    assert!(before == account.everything(), "the account was changed");
    assert_eq!(files, operator.state_files());
}

#[test]
fn dry_runs_print_writes_and_do_not_make_them() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &account.file());
    let before = account.everything();
    for (phase, writes) in [
        ("announce", &["aws s3", "aws cloudfront create-invalidation"][..]),
        ("prepare", &["aws ec2 run-instances", "aws route53 change-resource-record-sets"]),
        ("window", &["aws rds create-db-snapshot", "aws elb deregister-instances-from-load-balancer"]),
        ("retire", &["aws ec2 terminate-instances", "aws ec2 deregister-image"]),
    ] {
        let out = operator.run(&[phase, "--dry-run"]).ended(0).out;
        assert!(out.starts_with(&format!("# cutover {phase} site.toml --dry-run: ")), "{out}");
        operator.reads_as_a_script(&out);
        for write in writes {
            assert!(out.lines().any(|line| line.starts_with(write)), "{write}: {out}");
        }
    }
    assert!(before == account.everything(), "the account was changed");
    assert!(operator.state_files().is_empty(), "{:?}", operator.state_files());
    // A dry run also works for a file with messages.
    operator.write("site.toml", &(account.file() + SCHEDULED));
    let out = operator.run(&["announce", "--dry-run"]).ended(0).out;
    assert!(out.contains("support@mit.edu"), "{out}");
    let words = out.replace("\n#", " ").split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(words.contains("It cannot start yet: - it cannot be run on AWS yet: "), "{out}");
    assert!(words.contains("send messages: send them yourself"), "{out}");
}
