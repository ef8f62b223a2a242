//! The deployment file as a whole: the examples, many mistakes at once, and random text.

use std::fmt::Write;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

pub(super) const PRODUCTION: &str = include_str!("../../../../examples/mitx-production.toml");
pub(super) const QA: &str = include_str!("../../../../examples/mitx-qa.toml");

/// Every mistake in `text`, as `line:column message | label | help`.
pub(super) fn mistakes(text: &str) -> String {
    let mut shown = String::new();
    for mistake in parse(text).err().unwrap_or_default() {
        let (line, column) = mistake.position(text);
        write!(shown, "{line}:{column} {} | {}", mistake.message, mistake.label).expect("a string takes everything");
        if let Some(help) = mistake.help {
            write!(shown, " | {help}").expect("a string takes everything");
        }
        shown.push('\n');
    }
    shown
}

/// `text` with the first occurrence of each edit's first text replaced by its second.
pub(super) fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "nothing to edit: {old}");
        text.replacen(old, new, 1)
    })
}

#[test]
fn what_the_example_shows_about_queues_in_comments_can_be_used_as_it_is() {
    let commands: Vec<&str> = PRODUCTION.lines().filter(|line| line.starts_with("# count_queues")).collect();
    assert_eq!(commands.len(), 2, "one for RabbitMQ and one for Redis");
    for command in commands {
        let uncommented = PRODUCTION.lines().map(|line| match line.strip_prefix("# ") {
            Some(setting) if line == command || setting.starts_with("drain_queues") => setting,
            _ => line,
        });
        let deployment = parse(&uncommented.collect::<Vec<_>>().join("\n"));
        let worker = deployment.expect("no mistakes").role.worker.expect("it has workers");
        assert!(worker.drain_queues.is_some() && !worker.count_queues.is_empty(), "{command}");
    }
}

#[test]
fn the_examples_have_no_mistakes() {
    assert_eq!(mistakes(PRODUCTION), "");
    assert_eq!(mistakes(QA), "");
}

#[test]
fn the_examples_contain_only_what_the_schema_allows() {
    for text in [PRODUCTION, QA, template()] {
        let (file, _) = syntax::read(text);
        let findings = shape::check(&file, &schema());
        assert!(findings.wrong.is_empty() && findings.missing.is_empty(), "{findings:?}");
    }
}

#[test]
fn the_production_example_has_the_real_topology() {
    let deployment = parse(PRODUCTION).expect("no mistakes");
    let hosts = |name: &str| {
        let fleet = deployment.fleet(&name.into()).expect(name);
        (fleet.edxapp.count, fleet.worker.as_ref().map_or(0, |worker| worker.count), fleet.edxapp.balancers.len())
    };
    assert_eq!(hosts("residential-live"), (18, 6, 2));
    assert_eq!(hosts("residential-draft"), (6, 4, 1));
    assert!(deployment.balancers.iter().all(|balancer| balancer.name.as_str().len() == 32));
    assert_eq!(deployment.fleets_on(&"mitx-production-rds-mysql".into()).count(), 2);
    assert_eq!(deployment.sites.len(), 6);
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once_by_position() {
    let text = edited(
        template(),
        &[
            ("codename = \"koa\"", "codname = \"koa\""),
            ("length = \"3h\"", "length = 3"),
            ("bucket = ", "# bucket = "),
            ("ttl = \"5m\"", "ttl = \"soon\""),
            ("\"1.1.1.1\"", "\"1.1.1\""),
            ("kind = \"target-group\"", "kind = \"clasic\""),
            ("subnets = [\"subnet-0a\", \"subnet-0b\"]", "subnets = []"),
            ("count = 2", "count = 0"),
            ("snapshot = true", "snapshot = \"yes\""),
        ],
    );
    assert_snapshot!(mistakes(&text), @r#"
    11:1 unknown key `codname` in `release` | allowed here: codename, current_codename, current_version, keep_images or version | did you mean "codename"?
    18:10 `window.length` is a length of time, not a whole number | write for example "90s", "15m", "1h30m" or "3d" | did you mean "3s"?
    26:1 missing key `bucket` in `maintenance_page` | `bucket` belongs here | bucket: The S3 bucket that is the distribution's origin.
    34:7 `soon` is not a length of time | write for example "90s", "15m", "1h30m" or "3d"
    37:25 `1.1.1` is not an IP address | write for example "8.8.8.8"
    56:8 `balancer.kind` cannot be "clasic" | allowed: "classic" or "target-group" | did you mean "classic"?
    74:9 `fleet.edxapp.count` cannot be 0 | allowed: 1 to 10000
    77:11 `fleet.edxapp.subnets` has 0 entries | at least 1 needed
    126:20 `database.warm_up_snapshot` is true or false, not a text | write true or false, without quotes
    "#);
}

#[test]
fn rules_are_also_checked_if_the_file_without_its_mistakes_of_shape_is_a_deployment() {
    let text = edited(
        template(),
        &[("balancer = \"example-lms\"", "balancer = \"example-lsm\""), ("length = \"3h\"", "lenght = \"3h\"")],
    );
    assert_snapshot!(mistakes(&text), @r#"
    18:1 unknown key `lenght` in `window` | allowed here: end, length, notice or start | did you mean "length"?
    43:12 site `lms` names balancer `example-lsm`, which does not exist | there are: example-lms and example-studio | did you mean "example-lms"?
    "#);
}

#[test]
fn a_value_of_the_wrong_kind_is_reported_with_the_kind_that_is_wanted() {
    let text = edited(
        template(),
        &[
            ("name = \"example-production\"", "name = 2021-01-04"),
            ("version = \"2\"", "version = 2"),
            ("start = 2021-01-04T04:00:00-05:00", "start = 2021-01-04T04:00:00"),
            ("[maintenance_page]", "[[maintenance_page]]"),
            ("default = \"edxapp\"", "default = [\"edxapp\"]"),
            ("balancers = [\"example-lms\", \"example-studio\"]", "balancers = \"example-lms\""),
            ("count = 2", "count = 2.5"),
            ("[[gate]]\nname = \"retire\"\nbefore = \"terminate\"", "[[gate]]\nname = \"retire\"\nbefore = 5"),
            ("programs = [\"lms\", \"cms\"]", "programs = [\"lms\", true]"),
            ("schemas = [\"edxapp\", \"edxapp_csmh\"]", "schemas = []"),
        ],
    );
    assert_snapshot!(mistakes(&text), @r#"
    7:8 `name` is a text, not a date or time | write it in double quotes
    12:11 `release.version` is a text, not a whole number | write it in double quotes | did you mean "2"?
    17:9 `2021-01-04T04:00:00` is not a moment with a zone offset | write for example 2021-01-04T04:00:00-05:00
    26:1 `maintenance_page` is a table, not a list | write a header in [brackets], or {braces}
    70:11 `fleet.schemas.default` is a text, not a list | write it in double quotes
    74:9 `fleet.edxapp.count` is a whole number, not a fraction | write it in digits, without quotes
    80:13 `fleet.edxapp.balancers` is a list, not a text | write it in [brackets] | did you mean ["example-lms"]?
    92:20 `role.edxapp.programs` is a text, not true or false | write it in double quotes
    125:11 `database.schemas` has 0 entries | at least 1 needed
    176:10 `gate.before` is one of a few words, not a whole number | allowed: "launch", "window", "migrate", "lift" or "terminate"
    "#);
    assert_snapshot!(mistakes("name = \"x\"\n[site]\nname = \"lms\"\n"), @"
    1:1 missing key `balancer` | `balancer` belongs here | balancer: The load balancers.
    1:1 missing key `cloud` | `cloud` belongs here | cloud: Where the deployment lives.
    1:1 missing key `database` | `database` belongs here | database: The database instances.
    1:1 missing key `dns` | `dns` belongs here | dns: The zone, its TTLs, and which resolvers to ask whether a change has arrived.
    1:1 missing key `fleet` | `fleet` belongs here | fleet: Hosts of one purpose that share databases.
    1:1 missing key `maintenance_page` | `maintenance_page` belongs here | maintenance_page: What visitors see while the site is down.
    1:1 missing key `release` | `release` belongs here | release: The release that the upgrade brings.
    1:1 missing key `role` | `role` belongs here | role: How the services of each role are controlled and tested on a host.
    1:1 missing key `state` | `state` belongs here | state: Where cutover keeps its journal.
    1:1 missing key `window` | `window` belongs here | window: When the site may be down.
    2:1 `site` is a list of tables, not a table | write a header in double brackets for each | did you mean [[site]]?
    ");
}

#[test]
fn missing_keys_point_at_the_header_and_say_what_they_mean() {
    let text = edited(
        template(),
        &[("host = \"lms.example.org\"\n", ""), ("notice = \"3d\"", ""), ("cloud = \"embedded\"", "")],
    );
    assert_snapshot!(mistakes(&text), @"
    1:1 missing key `cloud` | `cloud` belongs here | cloud: Where the deployment lives.
    16:1 missing key `notice` in `window` | `notice` belongs here | notice: How long before the start the downtime is announced.
    40:1 missing key `host` in `site` | `host` belongs here | host: The public host name, such as `lms.mitx.mit.edu`.
    ");
}

#[test]
fn a_moment_may_be_written_as_a_text() {
    let moment = "2021-01-04T04:00:00-05:00";
    let text = edited(template(), &[(moment, &format!("\"{moment}\""))]);
    assert_eq!(parse(&text), parse(template()));
}

#[test]
fn syntax_errors_are_reported_together_with_what_is_certain() {
    let text = edited(
        template(),
        &[
            ("codename = \"koa\"", "codename = koa"),
            ("notice = ", "notise = "),
            ("location = \"state\"", "location = \"state"),
            ("zone = \"example.org.\"", "zone = \"example.org.\"\nzone = \"example.com.\""),
        ],
    );
    assert_snapshot!(mistakes(&text), @r#"
    11:12 string values must be quoted | write "koa"
    19:1 unknown key `notise` in `window` | allowed here: end, length, notice or start | did you mean "notice"?
    22:93 invalid basic string | expected `"`
    34:1 duplicate key | already given above
    "#);
}

#[test]
fn a_list_that_never_closes_is_reported_where_it_opens() {
    let text =
        edited(template(), &[("cloud = ", "clowd = "), ("\"1.1.1.1\"]", "\"1.1.1.1\""), ("[[gate]]", "[[gaet]]")]);
    assert_snapshot!(mistakes(&text), @r#"
    8:1 unknown key `clowd` | allowed here: announcement, aws, balancer, branches, cloud, database, dns, embedded, expected, fleet, gate, maintenance_page, migration, name, prices, release, role, site, soak, ssh, state, window or write_check | did you mean "cloud"?
    37:13 this list is never closed | expected `]` at its end
    "#);
}

#[test]
fn a_header_that_never_closes_is_reported_without_its_consequences() {
    assert_snapshot!(mistakes(&edited(template(), &[("[release]", "[release")])), @"
    10:9 unclosed table | expected `]`
    ");
}

#[test]
fn an_empty_file_is_reported_with_everything_that_is_missing() {
    assert_snapshot!(mistakes(""), @"
    1:1 missing key `balancer` | `balancer` belongs here | balancer: The load balancers.
    1:1 missing key `cloud` | `cloud` belongs here | cloud: Where the deployment lives.
    1:1 missing key `database` | `database` belongs here | database: The database instances.
    1:1 missing key `dns` | `dns` belongs here | dns: The zone, its TTLs, and which resolvers to ask whether a change has arrived.
    1:1 missing key `fleet` | `fleet` belongs here | fleet: Hosts of one purpose that share databases.
    1:1 missing key `maintenance_page` | `maintenance_page` belongs here | maintenance_page: What visitors see while the site is down.
    1:1 missing key `name` | `name` belongs here | name: The environment's name, such as `mitx-production`. It becomes part of host names and tags.
    1:1 missing key `release` | `release` belongs here | release: The release that the upgrade brings.
    1:1 missing key `role` | `role` belongs here | role: How the services of each role are controlled and tested on a host.
    1:1 missing key `site` | `site` belongs here | site: The public host names that must end up served.
    1:1 missing key `state` | `state` belongs here | state: Where cutover keeps its journal.
    1:1 missing key `window` | `window` belongs here | window: When the site may be down.
    ");
}

/// A file that differs from a real one in a few bytes.
fn mutated() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, "[\\x00-\\x7f\u{e9}]{0,3}"), 1..6);
    (prop::sample::select(vec![PRODUCTION, QA, template()]), edits).prop_map(|(text, edits)| {
        edits.into_iter().fold(text.to_owned(), |mut text, (place, length, with)| {
            let start = text.floor_char_boundary(place.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &with);
            text
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_mistake_has_a_position_inside_the_text(text in mutated()) {
        if let Err(mistakes) = parse(&text) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.is_sorted_by_key(|mistake| mistake.span.start));
            for mistake in mistakes {
                prop_assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?}");
                prop_assert!(!mistake.message.is_empty() && !mistake.label.is_empty(), "{mistake:?}");
            }
        }
    }

    #[test]
    fn words_of_toml_in_any_order_do_no_harm(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "\n", "'", "\"", "\"\"\"", "#", "fleet", "site", "name",
                "edxapp", "1", "-0x1", "2021-01-04", "true", "inf", "99999999999999999999", " ", "\\", "é",
            ]),
            0..40,
        )
    ) {
        prop_assert!(parse(&words.concat()).is_err());
    }
}

#[test]
fn hosts_keep_the_jobs_of_each_upgrade_in_a_folder_of_its_own() {
    let mut deployment = parse(QA).expect("no mistakes");
    let upgrade = deployment.upgrade();
    assert_eq!(deployment.job_folder(), format!("/var/lib/cutover/{upgrade}"));
    deployment.release.version = "99".into();
    deployment.ssh.job_folder = "/var/jobs/".to_owned();
    assert_ne!(deployment.upgrade(), upgrade);
    assert_eq!(deployment.job_folder(), format!("/var/jobs/{}", deployment.upgrade()));
}
