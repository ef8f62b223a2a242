//! `cutover check` and `cutover plan`: what exists and what is wrong, and what cannot be observed from this machine.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::account::{Account, file};
use crate::operator::{AT_ONCE, Operator, Ran};
use crate::servers::{Server, Trouble};

/// The items of `check --json`.
fn items(ran: &Ran) -> Vec<Value> {
    serde_json::from_str(&ran.out).expect("JSON")
}

/// `text` without the ids of instances, which are in parentheses.
fn without_instances(text: &str) -> String {
    let mut parts = text.split("(i-");
    let first = parts.next().unwrap_or_default().to_owned();
    let after = |part: &str| part.split_once(')').map_or_else(String::new, |(_, after)| after.to_owned());
    parts.fold(first, |text, part| text + "(i-...)" + &after(part))
}

/// Those items without what differs between runs and networks.
fn masked(account: &Account, items: &[Value]) -> String {
    let line = |item: &Value| {
        let text = |name: &str| item[name].as_str().expect("text").to_owned();
        let mut seen = text("seen");
        for (from, to) in [("could not be looked at: ", "; make sure"), ("last snapshot ", " ago"), ("(request ", ")")]
        {
            if let Some((before, rest)) = seen.split_once(from)
                && let Some((_, after)) = rest.split_once(to)
            {
                seen = format!("{before}{from}...{to}{after}");
            }
        }
        seen = without_instances(&seen);
        // The zone's servers belong to AWS, and can be reached from machines with a network.
        if text("subject").starts_with("name servers ") {
            seen.truncate("cannot be asked".len());
        }
        // What they say of a name that nobody has depends on the network, too.
        if text("subject").starts_with("checks of ") {
            seen.truncate("on the current site, /".len());
        }
        let more = [("\n  then: ", text("consequence")), ("\n  do: ", text("remedy"))];
        let more = more.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}{text}"));
        format!("{} {}: {seen}{}", text("state"), text("subject"), more.collect::<String>())
    };
    let text = account.masked(&items.iter().map(line).collect::<Vec<_>>().join("\n"));
    // Subnets are sorted by their ids, which differ in each run.
    let mut lines: Vec<&str> = text.lines().collect();
    for subnets in lines.chunk_by_mut(|one, next| [one, next].iter().all(|line| line.starts_with("ok subnet-"))) {
        subnets.sort_unstable();
    }
    lines.join("\n")
}

#[test]
fn a_check_shows_everything_at_once_also_what_cannot_be_observed_and_changes_nothing() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &account.file());
    let before = account.everything();
    let json = operator.run(&["check", "--json"]).ended(9);
    insta::assert_snapshot!(masked(&account, &items(&json)));
    let table = operator.run(&["check"]).ended(9);
    for ran in [&json, &table] {
        assert_eq!(ran.err, "");
        assert!(ran.took < 2 * AT_ONCE, "{:?}", ran.took);
    }
    assert!(before == account.everything(), "the account was changed");
    for line in table.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let words = table.out.split_whitespace().collect::<String>();
    for item in items(&json) {
        for part in ["subject", "remedy"] {
            let part: String = item[part].as_str().expect("text").split_whitespace().collect();
            assert!(words.contains(&part), "{part}: {}", table.out);
        }
    }
}

#[test]
fn a_part_that_cannot_be_observed_is_one_problem_and_hides_nothing_else() {
    let account = Account::furnish();
    let trouble = Arc::new(Mutex::new(Trouble::Fail));
    let relay = Server::before(account.endpoint(), "Action=DescribeDBInstances", &trouble);
    let operator = Operator::at(&relay.endpoint, &account.file());
    let ran = operator.run(&["check", "--json"]).ended(9);
    let items = items(&ran);
    let of = |word: &str| items.iter().filter(|item| item["subject"].as_str().expect("text").contains(word)).collect();
    let databases: Vec<&Value> = of("database");
    assert_eq!(databases.len(), 1, "{databases:?}");
    let seen = databases[0]["seen"].as_str().expect("text");
    assert!(seen.contains("cannot be seen: rds DescribeDBInstances was refused: InternalFailure"), "{seen}");
    assert_eq!(databases[0]["state"], "problem");
    let balancers: Vec<&Value> = of("balancer ");
    assert_eq!(balancers.len(), 3);
    assert!(balancers.iter().all(|item| item["state"] == "ok"), "{balancers:?}");

    // A plan needs everything, so none is made.
    let said = operator.run(&["plan"]).failed(1);
    assert!(said.contains("could not be observed\n  because: rds DescribeDBInstances"), "{said}");
    assert!(said.contains("nothing was changed; run the same command again"), "{said}");
    *trouble.lock().expect("no panic") = Trouble::None;
    operator.run(&["plan"]).ended(0);
}

#[test]
fn an_operator_without_any_permission_gets_one_error() {
    let server = Server::forbidding();
    insta::assert_snapshot!(Operator::at(&server.endpoint, &file()).run(&["check"]).failed(1));
}

#[test]
fn plans_are_made_from_what_exists_and_show_how_to_run_them() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &account.file());
    let before = account.everything();
    let text = operator.run(&["plan"]).ended(0).out;
    let announce = text.split("PREPARE of").next().expect("the first plan");
    let hash = announce.rsplit("--plan ").next().expect("a hash").trim();
    let made = announce.split_once("made ").and_then(|(_, rest)| rest.split_once(", plan")).expect("a moment").0;
    insta::assert_snapshot!(announce.replace(hash, "HASH").replace(made, "NOW"));
    for phase in ["ANNOUNCE", "PREPARE", "WINDOW", "RETIRE"] {
        assert!(text.contains(&format!("{phase} of contract-koa-v4\n")), "{text}");
    }
    assert!(text.contains("launch 2 next edxapp hosts"), "{text}");
    let json: Value = serde_json::from_str(&operator.run(&["plan", "--json"]).ended(0).out).expect("JSON");
    assert_eq!(json["plans"][0]["hash"].as_str().map(|whole| whole.starts_with(hash)), Some(true));
    assert!(before == account.everything(), "the account was changed");
    // The plan that is run is the plan that was shown.
    operator.run(&["announce", "--plan", hash]).ended(0);
}
