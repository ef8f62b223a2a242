//! Credentials of all kinds: none, wrong ones, expired ones, those of helpers and roles. The printed text is all that
//! an operator has at four in the morning, so snapshots hold all of it; and it must come at once.

use serde_json::Value;

use crate::account::{Account, file};
use crate::operator::{Operator, Ran, SECRET, TOKEN};
use crate::servers::Server;

/// Where `aws sso login` keeps a sign-in: under the digest of the session's name, or of the portal's address.
const OF_SESSION: &str = "home/.aws/sso/cache/5977a55c75bb4612004451a56b0b4c22d9d3311d.json";
const OF_PORTAL: &str = "home/.aws/sso/cache/8e148f3c31e7d76412312dd9f6ba369b6a103241.json";

const SSO: &str = "[profile ops]\nsso_session = mit\nsso_account_id = 123456789012\nsso_role_name = SiteOperators\n\
                   [sso-session mit]\nsso_region = us-east-1\nsso_start_url = https://mit.awsapps.com/start\n";
const OLD_SSO: &str = "[profile ops]\nsso_account_id = 123456789012\nsso_role_name = SiteOperators\n\
                       sso_region = us-east-1\nsso_start_url = https://mit.awsapps.com/start\n";

/// `file` with a profile for the deployment.
fn with_profile(file: &str) -> String {
    file.replace("[aws]\n", "[aws]\nprofile = \"ops\"\n")
}

/// An operator without keys whose file names the profile `ops`, and who reaches only `server`.
fn of_profile(config: &str) -> (Server, Operator) {
    let server = Server::signing_nobody_in();
    let operator = Operator::at(&server.endpoint, &with_profile(&file())).without_keys().configured(config);
    (server, operator)
}

/// Without credentials, no call is made to AWS, nothing is recorded, and this is printed, before the command to type
/// again.
#[track_caller]
fn is_stopped(server: &Server, operator: &Operator) -> String {
    let told = |command: &str| {
        let said = operator.run(&[command]).failed(1);
        let itself = format!("\n    cutover {command} site.toml");
        said.trim_end()
            .strip_suffix(&itself)
            .unwrap_or_else(|| panic!("it does not end with itself: {said}"))
            .to_owned()
    };
    let said = told("check");
    for command in ["plan", "announce", "prepare"] {
        assert_eq!(told(command), said, "{command}");
    }
    assert_eq!(server.asked(), 0, "AWS was asked");
    assert!(operator.state_files().is_empty(), "{:?}", operator.state_files());
    operator.masked(&said)
}

#[test]
fn without_any_credentials_the_error_says_where_they_were_looked_for() {
    let server = Server::silent();
    let operator = Operator::at(&server.endpoint, &file()).without_keys();
    insta::assert_snapshot!("without_any_credentials", is_stopped(&server, &operator));
    // Without even a home folder.
    let homeless = Operator::at(&server.endpoint, &file()).without_keys().without("HOME");
    assert_eq!(is_stopped(&server, &homeless), is_stopped(&server, &operator));
}

#[test]
fn a_machine_whose_role_cannot_be_read_does_not_wait_for_ever() {
    let (server, metadata) = (Server::silent(), Server::silent());
    let operator = Operator::at(&server.endpoint, &file()).without_keys().without("AWS_EC2_METADATA_DISABLED");
    let operator = operator.with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.endpoint);
    insta::assert_snapshot!("without_any_credentials", is_stopped(&server, &operator));
    assert!(metadata.asked() > 0, "the machine's role was asked for");
}

#[test]
fn without_credentials_status_policy_and_rehearse_work() {
    let operator = Operator::at("http://127.0.0.1:1", &file()).without_keys().without("AWS_ENDPOINT_URL");
    let status = operator.run(&["status"]).ended(0).out;
    assert!(status.contains("contract-koa-v4 has not started"), "{status}");
    assert!(status.contains("Type:    cutover announce site.toml"), "{status}");
    let policy: Value = serde_json::from_str(&operator.run(&["policy"]).ended(0).out).expect("JSON");
    let text = policy.to_string();
    for resource in ["arn:aws:s3:::upgrading.contract.edu/index.html", "arn:aws:cloudfront::123456789012:"] {
        assert!(text.contains(resource), "{resource}: {text}");
    }
    operator.run(&["rehearse"]).ended(0);
}

#[test]
fn half_of_a_pair_of_keys_counts_as_no_credentials() {
    let server = Server::silent();
    let operator = Operator::at(&server.endpoint, &file()).without("AWS_SECRET_ACCESS_KEY");
    insta::assert_snapshot!("without_any_credentials", is_stopped(&server, &operator));
}

#[test]
fn a_missing_profile_is_named_and_not_replaced_by_keys_in_the_environment() {
    for (name, config) in [("among_others", "[profile dev]\nregion = us-east-1\n"), ("of_none", "")] {
        let (server, operator) = of_profile(config);
        let operator = operator.with("AWS_ACCESS_KEY_ID", "AKIAOTHER").with("AWS_SECRET_ACCESS_KEY", SECRET);
        insta::assert_snapshot!(name, is_stopped(&server, &operator));
    }
}

#[test]
fn a_profile_without_credentials_is_named() {
    let (server, operator) = of_profile("[profile ops]\nregion = us-east-1\n");
    insta::assert_snapshot!(is_stopped(&server, &operator));
}

#[test]
fn an_unreadable_configuration_is_reported() {
    let (server, operator) = of_profile("hello\n[profile ops\n");
    insta::assert_snapshot!(is_stopped(&server, &operator));
}

#[test]
fn an_sso_profile_without_a_sign_in_says_how_to_sign_in() {
    let (server, operator) = of_profile(SSO);
    insta::assert_snapshot!(is_stopped(&server, &operator));
    let (server, operator) = of_profile(OLD_SSO);
    insta::assert_snapshot!("of_the_old_kind", is_stopped(&server, &operator));
}

#[test]
fn an_expired_sso_sign_in_is_reported() {
    let token = format!(
        "{{\"accessToken\":\"{TOKEN}\",\"expiresAt\":\"2021-01-01T00:00:00Z\",\"region\":\"us-east-1\",\
         \"startUrl\":\"https://mit.awsapps.com/start\"}}"
    );
    let (server, operator) = of_profile(SSO);
    operator.write(OF_SESSION, &token);
    insta::assert_snapshot!(is_stopped(&server, &operator));
}

#[test]
fn a_sign_in_that_sso_refuses_is_reported() {
    let token = format!("{{\"accessToken\":\"{TOKEN}\",\"expiresAt\":\"2036-01-01T00:00:00Z\"}}");
    let (server, operator) = of_profile(OLD_SSO);
    operator.write(OF_PORTAL, &token);
    insta::assert_snapshot!(operator.run(&["check"]).failed(1));
    assert_eq!(server.asked(), 2, "SSO is asked twice, and nobody else");
}

/// An operator whose credentials come from a program.
fn helped(endpoint: &str, file: &str, script: &str) -> Operator {
    let operator = Operator::at(endpoint, &with_profile(file)).without_keys();
    let helper = operator.program("give-credentials", script);
    operator.configured(&format!("[profile ops]\ncredential_process = {helper}\n"))
}

#[test]
fn a_helper_that_fails_is_quoted() {
    let server = Server::silent();
    let operator = helped(&server.endpoint, &file(), "echo 'Error: Vault is sealed' >&2; exit 3");
    insta::assert_snapshot!(is_stopped(&server, &operator));
}

#[test]
fn a_helper_that_prints_something_else_is_not_quoted_since_it_may_be_secret() {
    let server = Server::silent();
    let operator = helped(&server.endpoint, &file(), &format!("echo '{SECRET}'"));
    insta::assert_snapshot!(is_stopped(&server, &operator));
    let half = format!("echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAHELPER\",\"SessionToken\":\"{TOKEN}\"}}'");
    insta::assert_snapshot!("of_a_part", is_stopped(&server, &helped(&server.endpoint, &file(), &half)));
}

#[test]
fn a_missing_helper_is_named() {
    let server = Server::silent();
    let operator = Operator::at(&server.endpoint, &with_profile(&file())).without_keys();
    let operator = operator.configured("[profile ops]\ncredential_process = /nowhere/give-credentials\n");
    let said = is_stopped(&server, &operator);
    assert!(said.contains("/nowhere/give-credentials") && said.contains("by hand"), "{said}");
}

/// The identity that `check` reports.
fn identity(ran: &Ran) -> String {
    let items: Vec<Value> = serde_json::from_str(&ran.out).expect("JSON");
    let item = items.iter().find(|item| item["subject"] == "identity");
    item.expect("an identity")["seen"].as_str().expect("text").to_owned()
}

#[test]
fn helpers_and_roles_work_like_keys() {
    let account = Account::furnish();
    let keys = format!(
        "echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAHELPER\",\"SecretAccessKey\":\"{SECRET}\",\
         \"SessionToken\":\"{TOKEN}\",\"Expiration\":\"2036-01-01T00:00:00Z\"}}'"
    );
    let operator = helped(account.endpoint(), &account.file(), &keys);
    let ran = operator.run(&["check", "--json"]).ended(9);
    assert_eq!(identity(&ran), "arn:aws:sts::123456789012:user/moto");
    // A helper can be asked for new credentials, so their expiry is no limit.
    assert!(ran.out.contains("do not expire"), "{}", ran.out);

    let role = format!(
        "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/cutover\nrole_session_name = alice\n\
         source_profile = keys\n[profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = {SECRET}\n"
    );
    let operator = Operator::at(account.endpoint(), &with_profile(&account.file()));
    // The profile is used, whatever else the environment contains.
    let operator = operator.configured(&role).with("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE");
    let ran = operator.run(&["check", "--json"]).ended(9);
    assert_eq!(identity(&ran), "arn:aws:sts::123456789012:assumed-role/cutover/alice");
}

#[test]
fn a_role_whose_source_is_missing_or_empty_says_which() {
    let role = "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/cutover\nsource_profile = keys\n";
    let (server, operator) = of_profile(role);
    insta::assert_snapshot!(is_stopped(&server, &operator));
    let (server, operator) = of_profile(&format!("{role}[profile keys]\nregion = us-east-1\n"));
    insta::assert_snapshot!("of_a_source_without_keys", is_stopped(&server, &operator));
}

#[test]
fn a_role_that_may_not_be_assumed_is_reported_with_the_text_of_aws() {
    let server = Server::refusing("ExpiredToken", "The security token included in the request is expired");
    let role = format!(
        "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/cutover\nsource_profile = keys\n\
         [profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
    );
    let operator = Operator::at(&server.endpoint, &with_profile(&file())).without_keys().configured(&role);
    insta::assert_snapshot!(operator.run(&["check"]).failed(1));
}

#[test]
fn expired_credentials_are_tried_once_more_and_then_reported() {
    let server = Server::refusing("ExpiredToken", "The security token included in the request is expired");
    let operator = Operator::at(&server.endpoint, &file());
    let said = operator.run(&["check"]).failed(1);
    assert_eq!(operator.run(&["announce"]).failed(1).replace("cutover announce", "cutover check"), said);
    insta::assert_snapshot!(said);
    assert_eq!(server.asked(), 4);
    assert!(operator.state_files().is_empty());
}

#[test]
fn keys_that_aws_does_not_know_are_reported() {
    let server = Server::refusing("InvalidClientTokenId", "The security token included in the request is invalid.");
    insta::assert_snapshot!(Operator::at(&server.endpoint, &file()).run(&["check"]).failed(1));
    assert_eq!(server.asked(), 1);
}
