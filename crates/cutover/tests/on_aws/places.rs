//! The wrong place: another account, a region without anything, nobody at the other end, a proxy that is gone, a bucket that
//! is not there.

use crate::account::{Account, NUMBER, file};
use crate::operator::Operator;
use crate::servers::{Server, nobody};

#[test]
fn another_account_than_the_files_is_refused_before_anything_is_asked() {
    let account = Account::furnish();
    let elsewhere = account.file().replace(NUMBER, "999988887777");
    let operator = Operator::at(account.endpoint(), &elsewhere);
    let before = account.everything();
    let said = operator.run(&["check"]).failed(4);
    for command in ["announce", "prepare"] {
        assert_eq!(operator.run(&[command]).failed(4), said, "{command}");
    }
    insta::assert_snapshot!(said);
    assert!(operator.state_files().is_empty());
    assert!(before == account.everything(), "the account was changed");
    // A journal elsewhere is not even opened.
    let shared = elsewhere.replace("state/contract", "s3://state-of-another/cutover");
    let said = Operator::at(account.endpoint(), &shared).run(&["status"]).failed(4);
    assert!(said.contains("999988887777") && said.contains(NUMBER), "{said}");
}

#[test]
fn a_region_with_nothing_of_the_deployment_in_it_is_said_to_be_that() {
    let account = Account::furnish();
    let text = account.file().replace("\"us-east-1\"", "\"eu-west-1\"");
    let ran = Operator::at(account.endpoint(), &text).run(&["check"]).ended(9);
    let region = ran.out.split("PROBLEM  ").find(|item| item.starts_with("region")).expect("a problem");
    insta::assert_snapshot!(region);
    for words in ["balancer lms-contract: does not exist", "database contract-rds-mysql: does not exist"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
}

#[test]
fn what_is_no_region_is_a_mistake_of_the_file() {
    let text = file().replace("\"us-east-1\"", "\"useast\"");
    insta::assert_snapshot!(Operator::at(&nobody(), &text).run(&["check"]).failed(3));
}

#[test]
fn without_a_region_anywhere_one_is_asked_for() {
    let text = file().replace("region = \"us-east-1\"\n", "");
    let operator = Operator::at(&nobody(), &text);
    insta::assert_snapshot!(operator.run(&["check"]).failed(1));
}

/// `text` with a port of loopback left out.
fn without_port(text: &str, endpoint: &str) -> String {
    let port = endpoint.rsplit(':').next().expect("a port");
    text.replace(&format!(":{port}"), ":PORT")
}

#[test]
fn where_nobody_listens_is_said_by_name() {
    let endpoint = nobody();
    let said = Operator::at(&endpoint, &file()).run(&["check"]).failed(1);
    insta::assert_snapshot!(without_port(&said, &endpoint));
}

#[test]
fn a_proxy_that_is_gone_is_thought_of() {
    let server = Server::silent();
    let password = "pr0xyPassw0rd";
    let proxy = nobody().replace("http://", &format!("http://alice:{password}@"));
    let operator = Operator::at(&server.endpoint, &file()).without("NO_PROXY").with("HTTP_PROXY", &proxy);
    let said = operator.run(&["check"]).failed(1);
    assert!(!said.contains(password), "{said}");
    insta::assert_snapshot!(without_port(&said, &server.endpoint));
    assert_eq!(server.asked(), 0, "nothing goes past a proxy");
}

/// The file with its state in a bucket.
fn in_bucket(account: &Account) -> String {
    account.file().replace("state/contract", "s3://team-state/cutover")
}

/// What `status` says on stderr of a state it cannot read, once its result has said so too.
fn unread(operator: &Operator) -> String {
    let said = operator.run(&["status"]).ended(1);
    assert!(said.out.starts_with("THE STATE CANNOT BE READ COMPLETELY\n"), "{}", said.out);
    said.err
}

#[test]
fn a_bucket_for_the_state_that_is_not_there_is_named_by_every_command() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &in_bucket(&account));
    let before = account.everything();
    for command in ["status", "check", "plan", "announce"] {
        let said = match command {
            // The status of an upgrade says what it could not read, as its result.
            "status" => unread(&operator),
            _ => operator.run(&[command]).failed(1),
        };
        for words in ["s3://team-state/cutover", "NoSuchBucket", "check its name", "  next: "] {
            assert!(said.contains(words), "{command}: {said}");
        }
        assert_eq!(said.lines().count(), 3, "{command}: {said}");
    }
    assert!(before == account.everything(), "the account was changed");
}

#[test]
fn a_bucket_for_the_state_that_may_not_be_read_says_which_right_is_missing() {
    let server = Server::forbidding();
    let text = file().replace("state/contract", "s3://team-state/cutover");
    let operator = Operator::at(&server.endpoint, &text);
    let said = unread(&operator);
    assert!(said.contains("AccessDenied") && said.contains("cutover policy"), "{said}");
}

#[test]
fn without_credentials_a_state_in_a_bucket_cannot_be_read_and_that_is_why() {
    let text = file().replace("state/contract", "s3://team-state/cutover");
    let said = Operator::at(&nobody(), &text).without_keys().run(&["status"]).failed(1);
    assert!(said.contains("no AWS credentials"), "{said}");
}
