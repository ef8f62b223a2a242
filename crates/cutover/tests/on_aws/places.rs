//! The wrong place: another account, an empty region, an address without a server, a proxy that is gone, a bucket that
//! does not exist.

use crate::account::{Account, NUMBER, file};
use crate::operator::Operator;
use crate::servers::{Server, nobody};

#[test]
fn an_account_other_than_the_files_is_refused_before_anything_else_is_asked() {
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
    // A journal in a bucket is not even opened.
    let shared = elsewhere.replace("state/contract", "s3://state-of-another/cutover");
    let said = Operator::at(account.endpoint(), &shared).run(&["status"]).failed(4);
    assert!(said.contains("999988887777") && said.contains(NUMBER), "{said}");
}

#[test]
fn a_region_without_anything_of_the_deployment_is_reported() {
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
fn a_name_that_is_no_region_is_a_mistake_in_the_file() {
    let text = file().replace("\"us-east-1\"", "\"useast\"");
    insta::assert_snapshot!(Operator::at(&nobody(), &text).run(&["check"]).failed(3));
}

#[test]
fn a_missing_region_is_reported() {
    let text = file().replace("region = \"us-east-1\"\n", "");
    let operator = Operator::at(&nobody(), &text);
    insta::assert_snapshot!(operator.run(&["check"]).failed(1));
}

/// `text` without the port of the endpoint.
fn without_port(text: &str, endpoint: &str) -> String {
    let port = endpoint.rsplit(':').next().expect("a port");
    text.replace(&format!(":{port}"), ":PORT")
}

#[test]
fn an_address_at_which_nobody_listens_is_named() {
    let endpoint = nobody();
    let said = Operator::at(&endpoint, &file()).run(&["check"]).failed(1);
    insta::assert_snapshot!(without_port(&said, &endpoint));
}

#[test]
fn an_error_mentions_a_proxy_that_is_gone() {
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

/// What `status` prints on stderr about a state that it cannot read; its result says so too.
fn unread(operator: &Operator) -> String {
    let said = operator.run(&["status"]).ended(1);
    assert!(said.out.starts_with("THE STATE CANNOT BE READ COMPLETELY\n"), "{}", said.out);
    said.err
}

#[test]
fn every_command_names_a_missing_bucket_for_the_state() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &in_bucket(&account));
    let before = account.everything();
    for command in ["status", "check", "plan", "announce"] {
        let said = match command {
            // `status` also says in its result what it could not read.
            "status" => unread(&operator),
            _ => operator.run(&[command]).failed(1),
        };
        for words in ["s3://team-state/cutover", "NoSuchBucket", "check its name"] {
            assert!(said.contains(words), "{command}: {said}");
        }
        for label in ["error: ", "\n  because: ", "\n  next: "] {
            assert_eq!(said.matches(label).count(), 1, "{command}: {said}");
        }
    }
    assert!(before == account.everything(), "the account was changed");
}

#[test]
fn the_error_for_a_bucket_that_may_not_be_read_names_the_missing_permission() {
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
