//! A state that a team shares in a bucket: what one operator has done, another one sees from another home; and only one
//! conducts at a time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::operator::{AT_ONCE, Operator, SECRET, TOKEN};
use crate::servers::{Server, Trouble};

const BUCKET: &str = "team-state";

/// Creates the bucket, and returns the file with its state there.
fn shared(account: &Account) -> String {
    account.make_bucket(BUCKET);
    account.file().replace("state/contract", &format!("s3://{BUCKET}/cutover"))
}

#[test]
fn another_operator_sees_what_the_first_one_has_done() {
    let account = Account::furnish();
    let text = shared(&account);
    let alice = Operator::at(account.endpoint(), &text);
    assert!(alice.run(&["status"]).ended(0).out.contains("has not started"));
    alice.run(&["announce"]).ended(0);
    assert!(alice.state_files().is_empty(), "nothing is kept here");
    let listed = account.object(&format!("/{BUCKET}?list-type=2"));
    let keys = listed.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().expect("a key"));
    for key in keys {
        let object = account.object(&format!("/{BUCKET}/{key}"));
        assert!(!object.contains(SECRET) && !object.contains(TOKEN), "{key} holds a secret");
    }
    let bob = Operator::at(account.endpoint(), &text).with("USER", "bob");
    let status = bob.run(&["status"]).ended(0).out;
    assert!(status.contains("announce  finished") && status.contains("Conductor alice@"), "{status}");
    let again = bob.run(&["announce"]).failed(4);
    assert!(again.contains("`announce` has succeeded already"), "{again}");
    let hash = bob.run(&["plan", "--phase", "prepare"]).ended(0).out;
    assert!(hash.contains("PREPARE of contract-koa-v4"), "{hash}");
}

#[test]
fn a_dry_run_writes_nothing_into_a_shared_state() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &shared(&account));
    let before = account.object(&format!("/{BUCKET}?list-type=2"));
    operator.run(&["announce", "--dry-run"]).ended(0);
    let after = account.object(&format!("/{BUCKET}?list-type=2"));
    assert!(before.contains("<KeyCount>0</KeyCount>") && after.contains("<KeyCount>0</KeyCount>"), "{after}");
}

/// Whether there is a lease in the bucket, which is written before anything else.
fn alice_conducts(account: &Account) -> bool {
    account.object(&format!("/{BUCKET}?list-type=2")).contains("/lease/")
}

#[test]
fn a_second_conductor_with_the_state_in_a_bucket_is_kept_out_and_told_who_is_at_work() {
    let account = Account::furnish();
    let text = shared(&account);
    let trouble = Arc::new(Mutex::new(Trouble::Delay(Duration::from_secs(5))));
    let slow = Server::before(account.endpoint(), "PUT /upgrading.contract.edu/", &trouble);
    let alice = Operator::at(&slow.endpoint, &text);
    let mut first = alice.start(&["announce"]);
    let started = Instant::now();
    while !alice_conducts(&account) {
        assert!(started.elapsed() < 2 * AT_ONCE, "she never starts");
        std::thread::sleep(Duration::from_millis(20));
    }
    let bob = Operator::at(account.endpoint(), &text).with("USER", "bob");
    let said = bob.run(&["announce"]).failed(5);
    assert!(said.contains("alice@") && said.contains(&format!("(process {})", first.id())), "{said}");
    assert!(said.replace("\n    ", " ").contains("nothing was changed from here"), "{said}");
    let status = bob.run(&["status"]).ended(0).out;
    assert!(status.contains("announce  under way") && status.contains("alive"), "{status}");
    assert!(first.wait().expect("she ends").success());
    assert!(bob.run(&["status"]).ended(0).out.contains("announce  finished"));
}
