//! Every rule, shown by a file that breaks only this rule: a valid file with one or two edits.

use insta::assert_snapshot;

use crate::deployment::template;
use crate::deployment::tests::{PRODUCTION, QA, edited, mistakes};

/// The mistakes of the template after `edits`.
pub(super) fn small(edits: &[(&str, &str)]) -> String {
    mistakes(&edited(template(), edits))
}

/// The mistakes of the production example, which has two fleets and three classic ELBs, after `edits`.
fn large(edits: &[(&str, &str)]) -> String {
    mistakes(&edited(PRODUCTION, edits))
}

#[test]
fn nothing_is_named_twice() {
    assert_snapshot!(small(&[("name = \"studio\"", "name = \"lms\"")]), @"
    47:8 site `lms` appears twice | already taken above
    ");
    assert_snapshot!(small(&[("host = \"studio.example.org\"", "host = \"LMS.example.org\"")]), @"
    48:8 host name `lms.example.org` appears twice | already taken above
    ");
    assert_snapshot!(small(&[("name = \"retire\"", "name = \"go\"")]), @"
    175:8 gate `go` appears twice | already taken above
    ");
    assert_snapshot!(small(&[("programs = [\"lms\", \"cms\"]", "programs = [\"lms\", \"cms\", \"lms\"]")]), @"
    92:27 program `lms` appears twice | already taken above
    ");
    assert_snapshot!(large(&[("name = \"started\"", "name = \"scheduled\"")]), @"
    427:8 announcement `scheduled` appears twice | already taken above
    ");
    assert_snapshot!(
        small(&[("[[database]]", "[[database]]\nname = \"example-production-mysql\"\nschemas = [\"edxapp\"]\n[[database]]")]),
        @"
        127:8 database `example-production-mysql` appears twice | already taken above
        128:12 the schema `edxapp` is held twice | database `example-production-mysql` holds it already
        "
    );
    assert_snapshot!(
        small(&[("[[balancer]]", "[[balancer]]\nname = \"example-lms\"\nkind = \"classic\"\ndomain = \"a.b\"\n[[balancer]]")]),
        @"
        59:8 balancer `example-lms` appears twice | already taken above
        "
    );
    assert_snapshot!(large(&[("name = \"residential-draft\"", "name = \"residential-live\"")]), @"
    121:8 fleet `residential-live` appears twice | already taken above
    ");
}

/// The mistakes of the template with a soak.
fn soaking(terms: &str) -> String {
    mistakes(&format!("{}\n[soak]\n{terms}\n", template().trim_end()))
}

#[test]
fn a_soak_makes_requests_and_limits_what_can_be_counted() {
    assert_snapshot!(soaking("length = \"10m\""), @"");
    assert_snapshot!(soaking("length = \"0s\""), @"
    203:10 a soak cannot take 0s | more than 0s, and at most 7d; without the table there is no soak
    ");
    assert_snapshot!(soaking("length = \"8d\""), @"
    203:10 a soak cannot take 8d | more than 0s, and at most 7d; without the table there is no soak
    ");
    assert_snapshot!(soaking("length = \"4s\""), @"
    202:1 a soak of 4s ends before its second request | at most 4s
    ");
    assert_snapshot!(soaking("length = \"10m\"\nrequests_every = \"11m\""), @"
    204:18 a soak of 10m ends before its second request | at most 10m
    ");
    assert_snapshot!(soaking("length = \"10m\"\nrequests_every = \"500ms\""), @"
    204:18 the site cannot be requested every 500ms | at least 1s
    ");
    assert_snapshot!(soaking("length = \"10m\"\nmax_slower = 0\nmax_errors_per_mille = 1001"), @"
    204:14 `soak.max_slower` cannot be 0 | allowed: 1 to 1000
    205:24 `soak.max_errors_per_mille` cannot be 1001 | allowed: 0 to 1000
    ");
    assert_snapshot!(soaking("length = \"10m\"\nmax_queued_more = 5"), @"
    204:19 nothing counts the tasks that `max_queued_more` limits | needs `count_queues` of [role.worker]
    ");
}

#[test]
fn a_deployment_without_sites_is_refused() {
    let sites = template().split_once("[[site]]").and_then(|(_, rest)| rest.split_once("# kind:")).expect("sites").0;
    let without = edited(template(), &[(&format!("[[site]]{sites}"), "")]);
    assert_snapshot!(mistakes(&format!("site = []\n{without}")), @"
    1:8 there is no site | at least one [[site]] needed
    ");
}

#[test]
fn a_site_names_a_balancer_that_exists_and_serves() {
    assert_snapshot!(small(&[("balancer = \"example-lms\"", "balancer = \"exampel-lms\"")]), @r#"
    43:12 site `lms` names balancer `exampel-lms`, which does not exist | there are: example-lms and example-studio | did you mean "example-lms"?
    "#);
    assert_snapshot!(small(&[("balancers = [\"example-lms\", ", "balancers = [")]), @"
    43:12 nobody serves site `lms`: no fleet is behind `example-lms` | name it in a fleet's edxapp.balancers
    ");
}

#[test]
fn a_balancer_that_serves_nothing_is_reported() {
    let balancer =
        "[[balancer]]\nname = \"idle\"\nkind = \"classic\"\ndomain = \"idle.elb.amazonaws.com\"\n\n[[balancer]]";
    assert_snapshot!(small(&[("[[balancer]]", balancer)]), @"
    55:8 no fleet is behind balancer `idle` | name it in a fleet's edxapp.balancers, or remove it
    ");
}

#[test]
fn a_site_lies_in_the_zone_and_is_checked_by_a_program_that_runs() {
    assert_snapshot!(small(&[("host = \"lms.example.org\"", "host = \"lms.notexample.org\"")]), @"
    42:8 `lms.notexample.org` lies outside the zone `example.org.` | must end in .example.org
    ");
    assert_snapshot!(small(&[("check = [{ path = \"/heartbeat\" }]", "check = []")]), @"
    46:1 site `studio` has no check | needs at least one [[site.check]] | without one, visitors are let in before anything has tested that it works
    ");
    assert_snapshot!(small(&[("program = \"cms\"", "program = \"cmss\"")]), @r#"
    50:11 site `studio` is answered by `cmss`, which no edxapp host runs | one of role.edxapp.programs: lms or cms | did you mean "cms"?
    "#);
}

#[test]
fn invalid_addresses_are_refused() {
    assert_snapshot!(small(&[("host = \"lms.example.org\"", "host = \"lms_.example.org.\"")]), @r#"
    42:8 `lms_.example.org.` is not a host name | write for example "lms.mitx.mit.edu", without a trailing dot
    "#);
    assert_snapshot!(small(&[("domain = \"d111111abcdef8.cloudfront.net\"", "domain = \"https://d1.net\"")]), @r#"
    29:10 `https://d1.net` is not a host name | write for example "lms.mitx.mit.edu", without a trailing dot
    "#);
    assert_snapshot!(small(&[("path = \"/heartbeat\"", "path = \"heartbeat\"")]), @"
    44:69 `heartbeat` is not a path | must begin with /
    ");
    assert_snapshot!(small(&[("mailto:status@example.org", "status@example.org")]), @r#"
    158:6 cutover cannot send to `status@example.org` | write for example "mailto:3down@mit.edu" | did you mean "mailto:status@example.org"?
    "#);
    assert_snapshot!(small(&[("mailto:status@example.org", "https://example.org/status")]), @r#"
    158:6 cutover cannot send to `https://example.org/status` | write for example "mailto:3down@mit.edu"
    "#);
}

#[test]
fn state_lives_in_a_folder() {
    assert_snapshot!(small(&[("location = \"state\"", "location = \"s3://mitx-cutover\"")]), @r#"
    22:12 state in a bucket needs `cloud = "aws"` | write a folder, such as "./state"
    "#);
    assert_snapshot!(small(&[("location = \"state\"", "location = \"ftp://state\"")]), @r#"
    22:12 cutover cannot keep its state in `ftp://state` | write a folder, such as "./state"
    "#);
    assert_snapshot!(small(&[("location = \"state\"", "location = \"\"")]), @r#"
    22:12 the state has no location | write a folder, such as "./state"
    "#);
}

#[test]
fn the_window_has_one_end_after_its_start() {
    assert_snapshot!(small(&[("length = \"3h\"", "end = 2021-01-04T03:59:59-05:00")]), @"
    18:7 the window ends before it starts | must be later than 2021-01-04 04:00:00 -05:00
    ");
    assert_snapshot!(small(&[("length = \"3h\"", "length = \"3h\"\nend = 2021-01-04T07:00:00-05:00")]), @"
    19:7 the window has both a length and an end | give only one of the two
    ");
    assert_snapshot!(small(&[("length = \"3h\"", "")]), @r#"
    16:1 the window has neither a length nor an end | write for example length = "4h"
    "#);
    assert_snapshot!(small(&[("length = \"3h\"", "length = \"0s\"")]), @r#"
    18:10 the window takes no time | write for example "4h"
    "#);
    assert_snapshot!(small(&[("length = \"3h\"", "end = 2023-10-02T04:00:00-05:00")]), @"
    18:7 the window is longer than any upgrade | at most 1000d later than 2021-01-04 04:00:00 -05:00
    ");
    assert_snapshot!(small(&[("length = \"3h\"", "end = 2023-10-01T04:00:00-05:00")]), @"");
    assert_snapshot!(small(&[("length = \"3h\"", "end = 2021-01-04T10:00:00Z")]), @"");
}

#[test]
fn ttls_are_sensible_and_lowered_for_the_window() {
    assert_snapshot!(small(&[("\nttl = \"5m\"", "\nttl = \"8d\"")]), @"
    34:7 `dns.ttl` cannot be 8d | allowed: 1s to 7d
    ");
    assert_snapshot!(small(&[("window_ttl = \"60s\"", "window_ttl = \"0s\"")]), @"
    35:14 `dns.window_ttl` cannot be 0s | allowed: 1s to 7d
    ");
    assert_snapshot!(small(&[("window_ttl = \"60s\"", "window_ttl = \"10m\"")]), @"
    35:14 the TTL during the upgrade is longer than in ordinary times | at most dns.ttl, 5m | it is lowered so that visitors follow a change soon
    ");
}

#[test]
fn writes_become_visible_before_cutover_treats_them_as_lost() {
    let late = |late: &str| small(&[("\n[window]", &format!("\n[embedded]\nshown_late = \"{late}\"\n\n[window]"))]);
    assert_snapshot!(late("30s"), @"");
    assert_snapshot!(late("31s"), @"
    17:14 `embedded.shown_late` cannot be 31s | at most 30s: cutover does not wait longer for a write to become visible
    ");
}

#[test]
fn a_limit_is_not_shorter_than_the_expected_time() {
    assert_snapshot!(
        small(&[
            ("stop_limit = \"3m\"", "stop_limit = \"10s\"\nstart_limit = \"30s\""),
            ("expected = \"1h\"", "expected = \"3h\""),
            ("expected = \"10m\"", "expected = \"90m\""),
        ]),
        @"
        93:14 `stop_limit` is 10s, but `stop_expected` is 20s | at least 20s
        94:15 `start_limit` is 30s, but `start_expected` is 45s | at least 45s
        103:9 `limit` is 2h, but `expected` is 3h | at least 3h
        136:9 `limit` is 1h, but `expected` is 1h 30m | at least 1h 30m
        "
    );
}

#[test]
fn a_warning_comes_before_the_limit() {
    assert_snapshot!(small(&[("limit = \"1h\"", "warn_after = \"1h\"\nlimit = \"1h\"")]), @"
    135:14 `warn_after` is 1h, but `limit` is 1h | less than 1h
    ");
    assert_snapshot!(small(&[("limit = \"1h\"", "warn_after = \"59m\"\nlimit = \"1h\"")]), @"");
}

#[test]
fn names_that_aws_refuses_are_refused() {
    assert_snapshot!(mistakes(&PRODUCTION.replace("live-mitx-produc\"", "live-mitx-product\"")), @"
    78:8 `edx-residential-live-mitx-product` has 33 characters, too many for the name of a classic ELB | at most 32 characters
    ");
    let renamed = |to: &str| mistakes(&template().replace("example-lms", to));
    assert_snapshot!(renamed("example_lms"), @"
    55:8 `example_lms` cannot be a name here | allowed: letters, digits and hyphens, with no hyphen at either end
    ");
    assert_snapshot!(renamed("-lms"), @"
    55:8 `-lms` cannot be a name here | allowed: letters, digits and hyphens, with no hyphen at either end
    ");
    assert_snapshot!(mistakes(&QA.replace("studio-mitx-qa-draft", "studio-mitx-qa-residential-draft-x")), @"
    83:8 `studio-mitx-qa-residential-draft-x` has 34 characters, too many for the name of a target group | at most 32 characters
    ");
    assert_snapshot!(small(&[("name = \"example-production-mysql\"", "name = \"2-example--mysql-\"")]), @"
    124:8 `2-example--mysql-` cannot be a name here | allowed: at most 63 letters, digits and single hyphens, beginning with a letter and not ending with a hyphen
    ");
    assert_snapshot!(small(&[("bucket = \"upgrading", "bucket = \"Upgrading")]), @"
    27:10 `Upgrading.example.org` cannot be a name here | allowed: 3 to 63 lower-case letters, digits, hyphens and dots
    ");
    assert_snapshot!(small(&[("count = 2", "count = 2\ntags = { \"aws:owner\" = \"x\" }")]), @"
    75:24 AWS refuses the tag `aws:owner` | `aws:` is reserved for AWS
    ");
    assert_snapshot!(small(&[("name = \"example-production\"", "name = \"example production\"")]), @"
    7:8 `example production` cannot be a name here | allowed: letters, digits and hyphens
    ");
    assert_snapshot!(small(&[("name = \"manual-checks\"", "name = \"manual checks\"")]), @"
    168:8 `manual checks` cannot be a name here | allowed: letters, digits, hyphens and underscores
    ");
}

#[test]
fn the_next_version_differs_from_the_current_one() {
    assert_snapshot!(small(&[("current_version = \"1\"", "current_version = \"2\"")]), @"
    12:11 the next and the current version are both `2` | must differ from current_version | it distinguishes current from next hosts
    ");
}

#[test]
fn every_host_has_a_name_of_its_own() {
    let pattern = "edx-{deployment}-{fleet}-{n}-v{version}";
    assert_snapshot!(small(&[(pattern, "edx-{fleet}-v{version}")]), @"
    76:13 the pattern lacks `{n}` | every host of the group would have one name
    ");
    assert_snapshot!(small(&[(pattern, "edx-{fleet}-{n}")]), @"
    76:13 the pattern lacks `{version}` | current and next hosts would have one name
    ");
    assert_snapshot!(small(&[(pattern, "edx-{flet}-{n}-v{version}")]), @r#"
    76:13 nothing fills in `{flet}` | allowed: {deployment}, {fleet}, {n} or {version} | did you mean "fleet"?
    "#);
    assert_snapshot!(small(&[("edx-worker-{deployment}", "edx-{deployment}")]), @"
    85:13 two hosts would be called `edx-example-production-main-0-v1` | the edxapp hosts of fleet `main` have the same name | put {fleet}, or a word for the role, in it
    ");
    assert_snapshot!(mistakes(&PRODUCTION.replace("-{fleet}-{n}", "-{n}")), @"
    131:13 two hosts would be called `edx-mitx-production-0-v3` | the edxapp hosts of fleet `residential-live` have the same name | put {fleet}, or a word for the role, in it
    141:13 two hosts would be called `edx-worker-mitx-production-0-v3` | the worker hosts of fleet `residential-live` have the same name | put {fleet}, or a word for the role, in it
    ");
    let numbers_run_together =
        [(pattern, "edx{n}{version}"), ("version = \"2\"", "version = \"21\""), ("count = 2", "count = 30")];
    assert_snapshot!(small(&numbers_run_together), @"
    76:13 two hosts would be called `edx121` | this pattern makes it twice | put something between {n} and {version}
    ");
}

#[test]
fn image_names_differ_between_builds_and_roles() {
    assert_snapshot!(small(&[("_{codename}_base_release_{n}", "_{codname}_base_release")]), @r#"
    97:8 nothing fills in `{codname}` | allowed: {deployment}, {codename} or {n} | did you mean "codename"?
    97:8 the pattern lacks `{n}` | a second build would have the first one's name
    "#);
    assert_snapshot!(small(&[("edx_worker_{deployment}_", "edxapp_{deployment}_")]), @"
    115:8 images of both roles would have the same name | must differ from role.edxapp.image.name
    ");
}

#[test]
fn unknown_placeholders_are_refused() {
    assert_snapshot!(small(&[("from {start} for", "from {begin} for")]), @"
    159:8 nothing fills in `{begin}` | allowed: {start}, {end}, {length} or {sites}
    ");
    assert_snapshot!(small(&[("upgraded until {end}", "upgraded until {ends}")]), @r#"
    30:8 nothing fills in `{ends}` | allowed: {start}, {end}, {length} or {sites} | did you mean "end"?
    "#);
    assert_snapshot!(small(&[("Powered by Open edX", "{codename}-{versoin}")]), @r#"
    44:35 nothing fills in `{versoin}` | allowed: {codename} or {version} | did you mean "version"?
    "#);
    assert_snapshot!(small(&[("upgraded until {end}", "<style>p { color: red }</style> {}")]), @"");
}

#[test]
fn a_write_check_has_a_plain_name_of_its_own_fleets_that_exist_and_time_enough() {
    let with = |check: &str| small(&[("[[announcement]]", &format!("{check}\n[[announcement]]"))]);
    let check = "[[write_check]]\nname = \"enrol\"\ncommand = [\"true\"]\n";
    assert_snapshot!(with(check), @"");
    assert_snapshot!(with(&format!("{check}{check}")), @"
    159:8 write check `enrol` appears twice | already taken above
    ");
    assert_snapshot!(with(&check.replace("enrol", "enrol me")), @"
    156:8 `enrol me` cannot be the name of a write check | letters, digits, - and _, as in `enrol`
    ");
    assert_snapshot!(with(&format!("{check}fleets = [\"mian\"]")), @r#"
    158:11 the write check names fleet `mian`, which does not exist | there are: main | did you mean "main"?
    "#);
    assert_snapshot!(with(&format!("{check}expected = \"5m\"")), @"
    155:1 `limit` is 2m, but `expected` is 5m | at least 5m
    ");
}

#[test]
fn a_fleet_names_balancers_that_exist_and_are_its_own() {
    assert_snapshot!(small(&[("\"example-studio\"]", "\"example-studio\", \"example-stdio\"]")]), @r#"
    80:47 fleet `main` names balancer `example-stdio`, which does not exist | there are: example-lms and example-studio | did you mean "example-studio"?
    "#);
    let shared = [(
        "\"edx-residential-draft-mitx-produ\"]",
        "\"edx-residential-draft-mitx-produ\", \"edx-residential-live-mitx-produc\"]",
    )];
    assert_snapshot!(large(&shared), @"
    136:50 balancer `edx-residential-live-mitx-produc` is used by two fleets | fleet `residential-live` is behind it already | visitors would see either fleet at random
    ");
    assert_snapshot!(small(&[("\"example-studio\"]", "\"example-studio\", \"example-lms\"]")]), @"
    80:47 balancer `example-lms` appears twice | already taken above
    ");
    assert_snapshot!(
        large(&[("balancers = [\"edx-residential-draft-mitx-produ\"]\n", "")]),
        @"
        60:12 nobody serves site `staging`: no fleet is behind `edx-residential-draft-mitx-produ` | name it in a fleet's edxapp.balancers
        66:12 nobody serves site `preview-staging`: no fleet is behind `edx-residential-draft-mitx-produ` | name it in a fleet's edxapp.balancers
        72:12 nobody serves site `studio-staging`: no fleet is behind `edx-residential-draft-mitx-produ` | name it in a fleet's edxapp.balancers
        128:1 the edxapp hosts of fleet `residential-draft` are in no balancer | needs balancers = [...]
        "
    );
}

#[test]
fn workers_are_in_no_balancer_and_have_a_role() {
    assert_snapshot!(
        small(&[("count = 1\n", "count = 1\nbalancers = [\"example-lms\"]\n")]),
        @"
        84:13 the worker hosts of fleet `main` are in a balancer | workers serve no requests: remove this
        "
    );
    let role = template()
        .split_once("\n[role.worker]\n")
        .and_then(|(_, rest)| rest.split_once("# A snapshot"))
        .expect("role")
        .0;
    assert_snapshot!(small(&[(&format!("\n[role.worker]\n{role}"), "")]), @"
    82:1 fleet `main` has workers, but [role.worker] is missing | add [role.worker], or remove this
    ");
    let group =
        template().split_once("[fleet.worker]").and_then(|(_, rest)| rest.split_once("# Per role")).expect("group").0;
    assert_snapshot!(small(&[(&format!("[fleet.worker]{group}"), "")]), @"
    101:1 [role.worker] describes workers, but no fleet has any | add [fleet.worker] to a fleet, or remove this
    ");
}

#[test]
fn queues_that_are_to_drain_are_counted_by_a_command() {
    let worker = "stop_limit = \"8m\"\n";
    let drains = format!("{worker}drain_queues = \"10m\"\n");
    assert_snapshot!(small(&[(worker, &drains)]), @r#"
    113:16 the queues are to drain, and no command counts their tasks | needs count_queues beside it, such as ["redis-cli", "LLEN", "celery"]
    "#);
    let counts =
        format!("{drains}count_queues = [\"rabbitmqctl\", \"list_queues\", \"--quiet\", \"name\", \"messages\"]\n");
    assert_snapshot!(small(&[(worker, &counts)]), @"");
    let edxapp = "[role.edxapp]\nprograms";
    assert_snapshot!(small(&[(edxapp, "[role.edxapp]\ndrain_queues = \"10m\"\nprograms")]), @"
    92:16 drain_queues is about workers, and this is another role | move it to [role.worker]
    ");
    assert_snapshot!(small(&[(edxapp, "[role.edxapp]\ncount_queues = [\"redis-cli\"]\nprograms")]), @"
    92:16 count_queues is about workers, and this is another role | move it to [role.worker]
    ");
}

#[test]
fn only_web_hosts_count_requests() {
    let asked = "[role.worker]\ncount_requests = [\"count-requests\"]";
    assert_snapshot!(large(&[("[role.worker]", asked)]), @"
    214:18 count_requests is about web hosts, and workers get no requests | move it to [role.edxapp]
    ");
}

#[test]
fn only_workers_are_asked_for_their_tasks() {
    let asked = "running_tasks = [\"celery\", \"inspect\", \"active\", \"--json\"]\nprograms";
    assert_snapshot!(small(&[("[role.edxapp]\nprograms", &format!("[role.edxapp]\n{asked}"))]), @"
    92:17 running_tasks is about workers, and this is another role | move it to [role.worker]
    ");
}

#[test]
fn what_must_answer_is_an_address_on_the_host() {
    let with = |addresses: &str| small(&[("[role.edxapp]\n", &format!("[role.edxapp]\nanswers = [{addresses}]\n"))]);
    assert_eq!(with("\"http://127.0.0.1:8000/heartbeat\", \"127.0.0.1:18040\", \"http://localhost/\""), "");
    assert_snapshot!(with("\"8000\", \"https://127.0.0.1:8000/\", \"http://127.0.0.1:x/\", \"http://127.0.0.1:80\""), @r#"
    92:12 `8000` is not an address on the host | write "http://127.0.0.1:8000/heartbeat", or "127.0.0.1:8000" for a port
    92:20 `https://127.0.0.1:8000/` is not an address on the host | write "http://127.0.0.1:8000/heartbeat", or "127.0.0.1:8000" for a port
    92:47 `http://127.0.0.1:x/` is not an address on the host | write "http://127.0.0.1:8000/heartbeat", or "127.0.0.1:8000" for a port
    92:70 `http://127.0.0.1:80` is not an address on the host | write "http://127.0.0.1:8000/heartbeat", or "127.0.0.1:8000" for a port
    "#);
}

#[test]
fn what_is_held_back_is_a_file_or_a_timer() {
    let with = |held: &str| small(&[("[role.edxapp]\n", &format!("[role.edxapp]\nhold_back = {held}\n"))]);
    assert_eq!(with("{ cron = [\"/etc/cron.d/edxapp\"], timers = [\"edx-nightly.timer\"] }"), "");
    assert_snapshot!(with("{ cron = [\"edxapp\"], timers = [\"edx-nightly.service\"] }"), @r#"
    92:23 `edxapp` is not the path of a file | such as "/etc/cron.d/edxapp"
    92:44 `edx-nightly.service` is not the name of a timer | such as "edx-nightly.timer"
    "#);
}

#[test]
fn what_is_unrelated_is_a_program() {
    let with = |list: &str| small(&[("[role.edxapp]\n", &format!("[role.edxapp]\nunrelated_processes = [{list}]\n"))]);
    assert_eq!(with("\"/opt/backup/agent\", \"backup-agent\""), "");
    assert_snapshot!(with("\"/usr/bin/python3\", \"su\", \"opt/agent\", \"agent --all\", \"\""), @r#"
    92:24 `/usr/bin/python3` may run anything, also programs of the site | name the file that it runs
    92:44 `su` may run anything, also programs of the site | name the file that it runs
    92:50 `opt/agent` is not the path or the name of a program | such as "/opt/backup/agent"
    92:63 `agent --all` is not the path or the name of a program | such as "/opt/backup/agent"
    92:78 `` is not the path or the name of a program | such as "/opt/backup/agent"
    "#);
}

#[test]
fn what_is_frozen_is_released() {
    let with = |keys: &str| small(&[("[role.edxapp]\n", &format!("[role.edxapp]\n{keys}\n"))]);
    assert_eq!(with("freeze = [[\"a\", \"stop\"]]\nrelease = [[\"a\", \"start\"]]"), "");
    assert_snapshot!(with("freeze = [[\"a\", \"stop\"]]"), @"
    92:10 freeze without release | needs release = [[...]] beside it
    ");
    assert_snapshot!(with("release = [[\"a\", \"start\"]]"), @"
    92:11 release without freeze | needs freeze = [[...]] beside it
    ");
    assert_snapshot!(with("freeze = [[]]\nrelease = [[\"a\"]]"), @r#"
    92:11 a command is empty | such as ["systemctl", "stop", "unattended-upgrades"]
    "#);
}

#[test]
fn smoke_tests_start_no_services() {
    let list = |command: &str| small(&[("[\"systemctl\", \"is-active\", \"nginx\"]", command)]);
    assert_snapshot!(list("[\"/edx/bin/supervisorctl\", \"restart\", \"all\"]"), @"
    107:11 smoke test `nginx runs` starts services on edxapp hosts | a smoke test may ask for the status, but not start or restart | smoke tests run days before the window: a next worker that runs takes production tasks
    ");
    assert_snapshot!(list("[\"bash\", \"-c\", \"sudo supervisorctl start edxapp_worker:\"]"), @"
    107:11 smoke test `nginx runs` starts services on edxapp hosts | a smoke test may ask for the status, but not start or restart | smoke tests run days before the window: a next worker that runs takes production tasks
    ");
    assert_snapshot!(list("[\"/edx/bin/supervisorctl\", \"status\"]"), @"");
}

#[test]
fn every_schema_belongs_to_one_fleet_and_one_database() {
    assert_snapshot!(large(&[("default = \"edxapp_residential_draft\"", "default = \"edxapp_residential_live\"")]), @"
    124:11 fleets `residential-live` and `residential-draft` share the schema `edxapp_residential_live` | every fleet needs schemas of its own | two fleets would migrate it at once
    ");
    assert_snapshot!(small(&[("default = \"edxapp\"", "default = \"edxap\"")]), @r#"
    70:11 no database holds the schema `edxap` | name it in a database's schemas | did you mean "edxapp"?
    "#);
    let twice = "[[database]]\nname = \"other\"\nschemas = [\"edxapp\"]\n\n[[database]]";
    assert_snapshot!(small(&[("[[database]]", twice)]), @"
    129:12 the schema `edxapp` is held twice | database `other` holds it already
    ");
    let unused = "[[database]]\nname = \"other\"\nschemas = [\"forum\"]\n\n[[database]]";
    assert_snapshot!(small(&[("[[database]]", unused)]), @"
    124:8 no fleet uses database `other` | name its schemas in a fleet's schemas, or remove it
    ");
}

#[test]
fn migrations_reach_every_database_of_every_fleet() {
    assert_snapshot!(small(&[("database = \"student_module_history\"", "database = \"student_module_histroy\"")]), @r#"
    71:26 no migration touches the database alias `student_module_history` of fleet `main` | needs a [[migration]] with database = "student_module_history"
    139:12 fleet `main` has no database alias `student_module_histroy` | keys of its schemas: default and student_module_history | did you mean "student_module_history"?
    "#);
    assert_snapshot!(small(&[("default = \"edxapp\"", "default = \"edxapp\"\nxqueue = \"edxapp\"")]), @r#"
    71:10 no migration touches the database alias `xqueue` of fleet `main` | needs a [[migration]] with database = "xqueue"
    "#);
    assert_snapshot!(small(&[("default = \"edxapp\"", "default = \"edxapp\"\nread_replica = \"edxapp\"")]), @"");
    let only_live =
        ("database = \"xqueue\"", "database = \"xqueue\"\nfleets = [\"residential-live\", \"residential-draught\"]");
    assert_snapshot!(large(&[only_live]), @r#"
    126:10 no migration touches the database alias `xqueue` of fleet `residential-draft` | needs a [[migration]] with database = "xqueue"
    399:31 the migration names fleet `residential-draught`, which does not exist | there are: residential-live and residential-draft | did you mean "residential-draft"?
    "#);
}

#[test]
fn a_django_migration_names_its_database() {
    assert_snapshot!(small(&[("\"migrate\", \"--database\", \"default\", ", "\"migrate\", ")]), @r#"
    132:11 `manage.py migrate` without --database migrates only `default` | add "--database", "default"
    "#);
    assert_snapshot!(small(&[("\"--database\", \"default\", \"--noinput\"", "\"--database=default\"")]), @"");
}

#[test]
fn statements_of_migrations_are_of_use_only_with_the_schema() {
    let with = |key: &str| small(&[("limit = \"1h\"", &format!("{key} = [\"x\"]\nlimit = \"1h\""))]);
    assert_snapshot!(with("sql_command"), @"
    135:15 `sql_command` is of no use without `schema_command` | after a failure, the statements of a migration are compared with the schema
    ");
    assert_snapshot!(with("schema_command"), @"
    135:18 `schema_command` is of no use without `sql_command` | after a failure, the statements of a migration are compared with the schema
    ");
}

#[test]
fn free_storage_is_measured_where_the_file_says_how_much_is_wanted() {
    let with = |lines: &str| small(&[("[[database]]\n", &format!("[[database]]\n{lines}\n"))]);
    assert_eq!(with("free_storage_command = [\"a\"]\nmin_free = \"20 GB\""), "");
    assert_snapshot!(with("free_storage_command = [\"a\"]\nmin_free = \"20\""), @r#"
    125:12 `20` is not an amount of storage | write for example "20 GB" or "512 MiB"
    "#);
    assert_snapshot!(with("free_storage_command = [\"a\"]"), @r#"
    124:24 `free_storage_command` without `min_free` | add min_free = "20 GB" beside it
    "#);
    assert_snapshot!(with("min_free = \"20 GB\""), @"
    124:12 `min_free` without `free_storage_command` | add free_storage_command = [...] beside it
    ");
}

#[test]
fn tables_whose_rows_are_counted_are_of_their_database_and_there_is_a_command_that_counts_them() {
    let with = |lines: &str| small(&[("[[database]]\n", &format!("[[database]]\n{lines}\n"))]);
    let counted = |tables: &str| with(&format!("count_rows_command = [\"a\"]\ntables = [{tables}]"));
    assert_eq!(counted("\"edxapp.auth_user\", \"edxapp.student_courseenrollment\""), "");
    assert_snapshot!(with("tables = [\"edxapp.auth_user\"]"), @"
    124:10 `tables` without `count_rows_command` | add count_rows_command = [...] beside it
    ");
    assert_snapshot!(with("count_rows_command = [\"a\"]"), @r#"
    124:22 `count_rows_command` without `tables` | add tables = ["edxapp.courseware_studentmodule"] beside it
    "#);
    let wrong = counted("\"other.auth_user\", \"auth_user\", \"edxapp.\", \"edxapp.t\", \"edxapp.t\"");
    assert_eq!(wrong.matches(" is no table of a schema of this database | write SCHEMA.TABLE").count(), 3, "{wrong}");
    assert_eq!(wrong.matches("table `edxapp.t` appears twice").count(), 1, "{wrong}");
}

#[test]
fn what_a_migration_does_besides_its_command_can_be_done() {
    let with = |lines: &str| small(&[("service = \"lms\"\n", &format!("service = \"lms\"\n{lines}\n"))]);
    let fake = |name: &str, reason: &str| with(&format!("fake = [{{ name = \"{name}\", reason = \"{reason}\" }}]"));
    assert_eq!(with("before = [[\"a\"]]\nafter = [[\"b\", \"c\"]]"), "");
    assert_eq!(fake("courseware.0012_grade_index", "added in May"), "");
    assert_snapshot!(with("before = [[]]"), @r#"
    131:11 a command is empty | such as ["manage.py", "lms", "clearsessions"]
    "#);
    assert_snapshot!(fake("0012_grade_index", " "), @"
    131:18 `0012_grade_index` is not the name of a migration | its app, a dot and its name: courseware.0012_grade_index
    131:47 a migration is not run, and nobody would know why | say why, for those who read the report
    ");
    let twice = "{ name = \"a.0001_b\", reason = \"c\" }";
    assert_snapshot!(with(&format!("fake = [{twice}, {twice}]")), @"
    131:55 migration `a.0001_b` appears twice | already taken above
    ");
    let elsewhere = [
        ("\"migrate\", \"--database\", \"default\"", "\"do-migrate\", \"--database\", \"default\""),
        ("service = \"lms\"\n", "service = \"lms\"\nfake = [{ name = \"a.0001_b\", reason = \"c\" }]\n"),
    ];
    assert_snapshot!(small(&elsewhere), @"
    131:8 `fake` needs a `command` that is Django's `migrate`: it is run with --fake, an app and a name | the command has no argument `migrate`
    ");
}

#[test]
fn no_migration_is_a_copy_of_another() {
    let copied =
        ("\"--database\", \"student_module_history\", \"--noinput\"", "\"--database\", \"default\", \"--noinput\"");
    assert_snapshot!(small(&[copied]), @"
    140:11 this repeats the command of migration 1 | change it, or remove this migration
    ");
}

/// The mistakes of the production example, whose last section is `[branches]`, with these lines for that section.
fn branches(lines: &str) -> String {
    let before = PRODUCTION.split_once("[branches]\n").expect("a section").0;
    let from = before.lines().count() + 1;
    // The examples may grow: lines are counted from the section's header.
    let shown = mistakes(&format!("{before}[branches]\n{lines}\n"));
    let relative = |line: &str| {
        let (number, rest) = line.split_once(':').expect("a position");
        format!("+{}:{rest}\n", number.parse::<usize>().expect("a line") - from)
    };
    shown.lines().map(relative).collect()
}

#[test]
fn branch_patterns_make_names_that_git_accepts() {
    assert_snapshot!(branches("ours = \"mitx/{code}\""), @"
    +1:8 nothing fills in `{code}` | allowed: {codename}
    +1:8 the pattern lacks `{codename}` | every release would have the same branch
    ");
    assert_snapshot!(branches("ours = \"{codename}/{codename}\"\ntheirs = [\"-{codename}\", \"release/{codename}.lock\"]"), @"
    +1:8 `{codename}` appears in the pattern twice | once is enough
    +2:11 git accepts no branch of that name | must not begin with a dash, like an option
    +2:26 git accepts no branch of that name | no part may be empty, begin with a dot, or end in .lock or a dot
    ");
    assert_snapshot!(branches("ours = \"mitx {codename}\"\ntheirs = [\"release//{codename}\", \"{codename}..{candidate}\"]"), @r#"
    +1:8 git accepts no branch of that name | no spaces, newlines or other control characters
    +2:11 git accepts no branch of that name | no part may be empty, begin with a dot, or end in .lock or a dot
    +2:34 git accepts no branch of that name | must not contain any of  ~ ^ : ? * [ \ .. @{
    "#);
    assert_snapshot!(branches("theirs = []"), @"
    +1:10 `branches.theirs` has 0 entries | at least 1 needed
    ");
    assert_snapshot!(branches(""), @"");
}

#[test]
fn our_branches_have_other_names_than_upstreams() {
    assert_snapshot!(branches("ours = \"release/{codename}\""), @"
    +0:1 upstream's `release/{codename}` and our `release/{codename}` make the same names | must differ from ours | nobody could tell whose a branch is
    ");
    assert_snapshot!(branches("ours = \"{codename}\""), @"
    +0:1 `main` is protected, and `{codename}` makes that name | one of our release branches | it could never be published
    +0:1 `master` is protected, and `{codename}` makes that name | one of our release branches | it could never be published
    ");
}

#[test]
fn our_branches_are_never_pushed_to_upstream() {
    assert_snapshot!(branches("upstream = \"origin\""), @"
    +0:1 releases come from `origin`, and our branches would be pushed to it | must differ from upstream | upstream is the project's repository, origin the fork's
    ");
    assert_snapshot!(branches("origin = \"--upload-pack=x\"\nrepository = \" \""), @"
    +1:10 git accepts no remote of that name | must not begin with a dash, like an option
    +2:14 the repository has no path | the folder of a clone of the fork
    ");
}

#[test]
fn protected_branches_are_valid_names_and_not_ours() {
    assert_snapshot!(branches("protected = [\"mitx/koa\", \"a b\"]"), @"
    +1:14 `mitx/koa` is protected, and `mitx/{codename}` makes that name | one of our release branches | it could never be published
    +1:26 git accepts no branch of that name | no spaces, newlines or other control characters
    ");
}

#[test]
fn images_are_not_built_from_a_branch_of_another_release() {
    assert_snapshot!(large(&[("branch = \"mitx/koa\"", "branch = \"mitx/juniper\"")]), @r#"
    166:10 edxapp images of koa would be built from `mitx/juniper`, a branch of juniper | the release is koa: "mitx/koa"?
    "#);
    assert_snapshot!(large(&[("branch = \"mitx/koa\"", "branch = \"open-release/juniper.master\"")]), @r#"
    166:10 edxapp images of koa would be built from `open-release/juniper.master`, a branch of juniper | the release is koa: "mitx/koa"?
    "#);
    assert_snapshot!(large(&[("branch = \"mitx/koa\"", "branch = \"mitx/koa-hotfix\"")]), @"");
}

#[test]
fn hosts_are_reached_in_a_way_that_ssh_can_use() {
    let ssh = |line: &str| small(&[("[release]", &format!("[ssh]\n{line}\n[release]"))]);
    assert_snapshot!(ssh("address = \"lms.example.org\""), @r#"
    11:11 `lms.example.org` does not say how a host is reached | write "private" or "public" | or a pattern with the name of the host, such as "{name}.example.org"
    "#);
    assert_snapshot!(ssh("address = \"-oProxyCommand={name}\""), @r#"
    11:11 `-oProxyCommand={name}` does not say how a host is reached | write "private" or "public" | or a pattern with the name of the host, such as "{name}.example.org"
    "#);
    assert_snapshot!(ssh("user = \"\""), @"
    11:8 `ssh.user` is not usable | leave it out to use your own SSH configuration
    ");
    assert_snapshot!(ssh("user = \"ubuntu@bastion\""), @r#"
    11:8 `ubuntu@bastion` is not a user | a name, such as "ubuntu" | a jump host is named by `ProxyJump` in the SSH configuration
    "#);
    assert_snapshot!(ssh("config = \"-F\""), @"
    11:10 `ssh.config` is not usable | leave it out to use your own SSH configuration
    ");
    assert_snapshot!(ssh("job_folder = \"jobs\""), @r#"
    11:14 `jobs` is not a folder of its own on a host | write for example "/var/lib/cutover"
    "#);
    assert_snapshot!(ssh("job_folder = \"/run/jobs\""), @r#"
    11:14 what is in /run is lost when a host boots, and with it what is on record of jobs | write for example "/var/lib/cutover"
    "#);
    assert_snapshot!(ssh("job_folder = \"/runs/jobs\""), @"");
    assert_snapshot!(ssh("connect_timeout = \"10m\""), @r#"
    11:19 connecting to a host may take between 1 second and 1 minute | write for example "10s"
    "#);
}
