//! A candidate that upstream cut again from an earlier commit, and a branch of ours that is based on what it was before.

use super::{find, traces};
use crate::ledger::{Ledger, Side, VERSION};
use crate::releases::Conventions;
use crate::testing::Sandbox;

const RC2: &str = "refs/remotes/upstream/open-release/koa.rc2";

/// `mitx/koa` with one patch on koa.rc2. Upstream forces rc2 back to rc1 if `forced`.
fn koa(reflog: bool, forced: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.commit("Koa rc1", &[("a", "1\n")]);
    sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.rc1", "HEAD"]);
    sandbox.commit("Upstream changes its mind about this", &[("b", "1\n")]);
    sandbox.git(&["-c", &format!("core.logAllRefUpdates={reflog}"), "update-ref", RC2, "HEAD"]);
    sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa"]);
    sandbox.commit("Ours", &[("ours", "1\n")]);
    if forced {
        sandbox.git(&["-c", &format!("core.logAllRefUpdates={reflog}"), "update-ref", RC2, "mitx/koa~2"]);
    }
    sandbox
}

/// The subjects of patches of `mitx/koa` that were upstream's, and how that is known, without days.
fn withdrawn(sandbox: &Sandbox) -> Vec<String> {
    let (repository, conventions) = (sandbox.open(), Conventions::default());
    let branch = repository.revision("mitx/koa").expect("a branch");
    let upstream: Vec<_> = conventions.upstream_refs(&repository).expect("listed").into_iter().map(|it| it.0).collect();
    let traces = traces(&repository, &conventions, &upstream).expect("read");
    let base = crate::stack::compute_base(&repository, &conventions, &branch, None).expect("a base");
    let found = find(&repository, &traces, &base.commit, &branch.commit).expect("found");
    found
        .into_iter()
        .map(|it| format!("{}: {}", it.subject, it.known_from.split(" until").next().unwrap_or_default()))
        .collect()
}

const SUBJECT: &str = "Upstream changes its mind about this";

#[test]
fn a_commit_that_upstream_forced_away_is_known_from_the_reflog_of_its_ref() {
    assert_eq!(withdrawn(&koa(true, true)), [format!("{SUBJECT}: it was in upstream/open-release/koa.rc2")]);
}

#[test]
fn nothing_is_withdrawn_while_upstream_has_it_and_nothing_is_made_up_where_nothing_is_known() {
    assert_eq!(withdrawn(&koa(true, false)), Vec::<String>::new());
    assert_eq!(withdrawn(&koa(false, true)), Vec::<String>::new());
}

#[test]
fn a_commit_is_known_from_the_release_on_our_own_remote_and_from_no_branch_of_ours() {
    let sandbox = koa(false, true);
    sandbox.git(&["update-ref", "refs/remotes/origin/mitx/koa", "mitx/koa"]);
    sandbox.git(&["update-ref", "refs/heads/open-release/koa.rc2", "mitx/koa"]);
    assert_eq!(withdrawn(&sandbox), Vec::<String>::new());
    sandbox.git(&["update-ref", "refs/remotes/origin/open-release/koa.rc2", "mitx/koa~1"]);
    assert_eq!(withdrawn(&sandbox), [format!("{SUBJECT}: origin/open-release/koa.rc2 has it")]);
}

#[test]
fn a_commit_is_known_from_the_base_of_an_older_ledger_unless_somebody_had_named_that_base() {
    for (base_name, is_known) in [
        ("upstream/open-release/koa.rc2", true),
        ("is upstream/open-release/koa.rc2", true),
        ("is part of upstream/master", true),
        ("open-release/koa.2", true),
        ("given as mitx/juniper", false),
        ("mitx/juniper", false),
    ] {
        let sandbox = koa(false, true);
        let side = |head: &str| Side {
            head: sandbox.id(head),
            base: sandbox.id("mitx/koa~1"),
            base_name: base_name.to_owned(),
        };
        let ledger = Ledger {
            version: VERSION,
            branch: "mitx/koa".to_owned(),
            old: side("mitx/koa"),
            new: side("mitx/koa"),
            entries: Vec::new(),
            added: Vec::new(),
            left_behind: Vec::new(),
            by: "Bob <bob@example.org>".to_owned(),
            at: "2020-12-09T10:00:00Z".to_owned(),
            published: None,
        };
        ledger.write(&sandbox.open()).expect("written");
        let expected =
            if is_known { vec![format!("{SUBJECT}: a ledger of 2020-12-09 has it as upstream's")] } else { vec![] };
        assert_eq!(withdrawn(&sandbox), expected, "{base_name}");
    }
}

#[test]
fn a_base_of_a_colleagues_ledger_that_this_clone_has_never_had_does_no_harm() {
    let sandbox = koa(true, true);
    let (repository, conventions) = (sandbox.open(), Conventions::default());
    let mut traces = traces(&repository, &conventions, &[]).expect("read");
    traces.push(super::Trace {
        commit: crate::names::ObjectId::parse(&"7".repeat(40)).expect("an id"),
        known_from: String::new(),
    });
    let found = find(&repository, &traces, &sandbox.id("mitx/koa~2"), &sandbox.id("mitx/koa")).expect("found");
    assert_eq!(found, []);
}
