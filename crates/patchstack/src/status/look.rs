//! Examines one of our release branches. What cannot be found out is explained in `trouble`.

use super::{BaseStatus, BranchStatus, LastPush, NewestStatus, Published, RebaseStatus};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::left_behind::left_behind;
use crate::names::{ObjectId, RefName};
use crate::rebase::State;
use crate::releases::{Apart, Codename, Conventions, Ours, Release, Survey, apart, bare_name, in_order};
use crate::repository::{Ref, Repository, Revision};
use crate::stack::base_commit_among;
use crate::withdrawn::{self, Gone};

/// What is needed to examine a branch.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) repository: &'a Repository,
    pub(super) conventions: &'a Conventions,
    pub(super) survey: &'a Survey,
    /// Commits that upstream had.
    pub(super) gone: &'a Gone,
}

/// What could not be found out, in the order in which it was tried.
#[derive(Default)]
struct Troubles(Vec<String>);

impl Troubles {
    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.inspect_err(|error| self.0.push(words(error))).ok()
    }

    fn into_words(self) -> Option<String> {
        if self.0.is_empty() { None } else { Some(self.0.join("; ")) }
    }
}

fn words(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl<'a> Look<'a> {
    /// The status of the branch.
    pub(super) fn branch(self, ours: &Ours) -> Option<BranchStatus> {
        let head = ours.refs().next()?;
        let mut troubles = Troubles::default();
        let base = troubles.keep(self.base(head));
        let patches = base.as_ref().and_then(|base| troubles.keep(self.patches(head, base)));
        let withdrawn = base
            .as_ref()
            .and_then(|base| troubles.keep(withdrawn::find(self.repository, self.gone, base, &head.commit)));
        let newest = troubles.keep(self.newest(&ours.codename)).flatten();
        let lacks = base.as_ref().unwrap_or(&head.commit);
        let newest = newest.and_then(|newest| troubles.keep(self.behind(&newest, lacks)));
        let base = base.map(|base| self.named(base, &ours.codename, &mut troubles));
        let ledger = troubles.keep(self.ledger(&head.commit)).flatten();
        let verified = ledger.as_ref().is_some_and(|ledger| ledger.is_complete() && ledger.new.head == head.commit);
        Some(BranchStatus {
            branch: self.conventions.our_branch(&ours.codename),
            codename: ours.codename.clone(),
            head: head.commit.clone(),
            base,
            patches,
            withdrawn: withdrawn.unwrap_or_default(),
            newest,
            published: self.published(ours, &mut troubles),
            rebase: troubles.keep(self.rebase(ours)).flatten(),
            last: ours.there.as_ref().map(|there| self.last(there, head, ledger, &mut troubles)),
            verified,
            trouble: troubles.into_words(),
        })
    }

    fn base(self, head: &Ref) -> Result<ObjectId> {
        let revision = Revision {
            name: head.name.short().to_owned(),
            reference: Some(head.name.clone()),
            commit: head.commit.clone(),
        };
        base_commit_among(self.repository, self.conventions, &self.survey.upstream_refs(), &revision, None)
    }

    fn patches(self, head: &Ref, base: &ObjectId) -> Result<usize> {
        let call = self
            .repository
            .call("rev-list", format!("count the patches of {}", head.name))
            .options(&["--count", "--no-merges"])
            .operands([head.commit.as_str().to_owned(), format!("^{base}")]);
        let text = self.repository.git().text(&call)?;
        text.parse().map_err(|_| Error::refused(format!("git counted {text:?}"), "nothing was changed"))
    }

    /// Upstream's newest of a release.
    fn newest(self, codename: &Codename) -> Result<Option<Ref>> {
        let of_codename = self.of_codename(codename).into_iter();
        let candidates = of_codename.map(|(release, found)| (release.clone(), found.clone())).collect();
        Ok(in_order(self.repository, candidates)?.pop().map(|(_, found)| found))
    }

    fn of_codename(self, codename: &Codename) -> Vec<(&'a Release, &'a Ref)> {
        let releases = self.survey.upstream.iter().filter_map(|(found, release)| Some((release.as_ref()?, found)));
        releases.filter(|(release, _)| release.codename == *codename).collect()
    }

    fn behind(self, newest: &Ref, base: &ObjectId) -> Result<NewestStatus> {
        let Apart { ahead, behind } = apart(self.repository, &newest.commit, base)?;
        let lacks = if behind == 0 { 0 } else { left_behind(self.repository, base, &newest.commit)?.len() };
        let name = newest.name.short().to_owned();
        Ok(NewestStatus { name, commit: newest.commit.clone(), behind: ahead, lacks })
    }

    /// The base with the release that it is, or is part of.
    fn named(self, base: ObjectId, codename: &Codename, troubles: &mut Troubles) -> BaseStatus {
        let release = self.exactly(&base, codename).or_else(|| {
            let own: Vec<&Ref> = self.of_codename(codename).into_iter().map(|(_, found)| found).collect();
            let all: Vec<&Ref> = self.survey.upstream.iter().map(|(found, _)| found).collect();
            let contained =
                |refs: &[&Ref], troubles: &mut Troubles| troubles.keep(self.earliest_with(&base, refs)).flatten();
            contained(&own, troubles).or_else(|| contained(&all, troubles))
        });
        let release = release.map(|name| bare_name(self.conventions, &name).to_owned());
        let release = release.unwrap_or_else(|| base.short().to_owned());
        BaseStatus { commit: base, release }
    }

    /// The newest release at exactly this commit; releases of `codename` are preferred.
    fn exactly(self, commit: &ObjectId, codename: &Codename) -> Option<RefName> {
        let exact = self.survey.upstream.iter().filter(|(found, _)| found.commit == *commit);
        let exact = exact.max_by_key(|(_, release)| {
            let own = release.as_ref().is_some_and(|release| release.codename == *codename);
            (own, release.as_ref())
        });
        exact.map(|(found, _)| found.name.clone())
    }

    /// Of these refs the earliest release that contains the commit, or upstream's main branch.
    fn earliest_with(self, commit: &ObjectId, refs: &[&Ref]) -> Result<Option<RefName>> {
        // Without a name, for-each-ref would go through all refs of the repository.
        if refs.is_empty() {
            return Ok(None);
        }
        let call = self
            .repository
            .call("for-each-ref", format!("see which releases contain {}", commit.short()))
            .option("--contains=", commit.as_str())
            .options(&["--format=%(refname)"])
            .operands(refs.iter().map(|found| found.name.as_str()));
        let text = self.repository.git().text(&call)?;
        let containing =
            self.survey.upstream.iter().filter(|(found, _)| text.lines().any(|it| it == found.name.as_str()));
        // Main branches contain much and say little, so they come last.
        let earliest = containing.min_by_key(|(_, release)| (release.is_none(), release.as_ref()));
        Ok(earliest.map(|(found, _)| found.name.clone()))
    }

    fn published(self, ours: &Ours, troubles: &mut Troubles) -> Published {
        match (&ours.here, &ours.there) {
            (None, _) => Published::OnlyThere,
            (Some(_), None) => Published::No,
            (Some(here), Some(there)) if here.commit == there.commit => Published::Same,
            (Some(here), Some(there)) => {
                let counted = troubles.keep(apart(self.repository, &here.commit, &there.commit));
                // When they cannot be counted, `trouble` says so.
                let Apart { ahead, behind } = counted.unwrap_or(Apart { ahead: 0, behind: 0 });
                Published::Differs { ahead, behind }
            }
        }
    }

    /// What the branch is being rebased onto.
    fn rebase(self, ours: &Ours) -> Result<Option<RebaseStatus>> {
        let branch = self.conventions.our_branch(&ours.codename);
        let Some(state) = State::load(self.repository, &branch)? else { return Ok(None) };
        let result = self.repository.find(&State::work_ref(&branch)?)?;
        // The head so far of a rebase that is not finished may have been published earlier.
        let is_done = result.is_some() && state.result == result;
        let is_there = is_done && ours.refs().any(|found| Some(&found.commit) == result.as_ref());
        Ok((!is_there).then(|| RebaseStatus::of(state)))
    }

    /// Who pushed what the remote has, by its ledger, which is `known` when the branch here is the same.
    fn last(self, there: &Ref, head: &Ref, known: Option<Ledger>, troubles: &mut Troubles) -> LastPush {
        let ledger =
            if there.commit == head.commit { known } else { troubles.keep(self.ledger(&there.commit)).flatten() };
        match ledger.and_then(|ledger| ledger.published) {
            Some(published) => LastPush { who: published.by, at: published.at, known_from: "published" },
            None => LastPush { who: there.committer.clone(), at: moment(there.committed), known_from: "committed" },
        }
    }

    fn ledger(self, commit: &ObjectId) -> Result<Option<Ledger>> {
        if self.survey.ledgers { Ledger::read(self.repository, commit) } else { Ok(None) }
    }
}

/// Seconds since 1970 as RFC 3339. Git accepts dates that no calendar has; these are returned as numbers.
fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("@{seconds}"), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use crate::ledger::{Ledger, NOTES, Side};
    use crate::releases::Conventions;
    use crate::status::{BranchStatus, Published, status};
    use crate::testing::Sandbox;

    /// Upstream's koa: rc1, then two commits to rc2; mitx/koa with one patch on a commit between them.
    fn koa() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.git(&["remote", "add", "upstream", "https://example.org/upstream.git"]);
        sandbox.git(&["remote", "add", "origin", "https://example.org/origin.git"]);
        sandbox.commit("Koa rc1", &[("a", "1\n")]);
        upstream(&sandbox, "koa.rc1");
        sandbox.commit("Between", &[("a", "2\n")]);
        sandbox.git(&["branch", "between"]);
        sandbox.commit("Koa rc2", &[("a", "3\n")]);
        upstream(&sandbox, "koa.rc2");
        sandbox.git(&["checkout", "--quiet", "-b", "mitx/koa", "between"]);
        sandbox.commit("Ours", &[("ours", "1\n")]);
        sandbox
    }

    fn upstream(sandbox: &Sandbox, release: &str) {
        sandbox.git(&["update-ref", &format!("refs/remotes/upstream/open-release/{release}"), "HEAD"]);
    }

    fn published(sandbox: &Sandbox, branch: &str, commit: &str) {
        sandbox.git(&["update-ref", &format!("refs/remotes/origin/{branch}"), commit]);
    }

    fn seen(sandbox: &Sandbox) -> Vec<BranchStatus> {
        let before = sandbox.snapshot();
        let seen = status(&sandbox.open(), &Conventions::default()).expect("seen");
        assert_eq!(sandbox.snapshot(), before);
        seen
    }

    fn only(sandbox: &Sandbox) -> BranchStatus {
        let mut seen = seen(sandbox);
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    #[test]
    fn a_branch_is_shown_with_its_base_patches_and_commits_behind() {
        let sandbox = koa();
        let koa = only(&sandbox);
        assert_eq!((koa.branch.as_str(), koa.codename.0.as_str()), ("mitx/koa", "koa"));
        assert_eq!((koa.head, koa.patches, koa.trouble), (sandbox.id("HEAD"), Some(1), None));
        let base = koa.base.expect("a base");
        assert_eq!((base.commit, base.release.as_str()), (sandbox.id("between"), "open-release/koa.rc2"));
        let newest = koa.newest.expect("a newest");
        assert_eq!((newest.name.as_str(), newest.behind), ("upstream/open-release/koa.rc2", 1));
        assert_eq!((koa.published, koa.last, koa.verified), (Published::No, None, false));
    }

    #[test]
    fn a_base_at_a_release_has_its_name_and_the_newest_candidate_is_the_greatest() {
        let sandbox = koa();
        sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.beta1", "between"]);
        sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.alpha1", "between"]);
        sandbox.git(&["update-ref", "refs/tags/open-release/koa.rc2", "upstream/open-release/koa.rc2"]);
        let koa = only(&sandbox);
        assert_eq!(koa.base.expect("a base").release, "open-release/koa.beta1");
        assert_eq!(koa.newest.expect("a newest").name, "upstream/open-release/koa.rc2", "the branch before the tag");
        sandbox.git(&["update-ref", "refs/tags/open-release/koa.1", "upstream/open-release/koa.rc1"]);
        let newest = only(&sandbox).newest.expect("a newest");
        assert_eq!(
            (newest.name.as_str(), newest.behind),
            ("upstream/open-release/koa.rc2", 1),
            "it contains the point"
        );
    }

    #[test]
    fn a_patch_that_upstream_had_and_withdrew_is_not_counted_as_ours_without_a_word() {
        let sandbox = koa();
        sandbox.git(&["update-ref", "--create-reflog", "refs/remotes/upstream/open-release/koa.rc2", "between"]);
        sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
        sandbox.git(&["rebase", "--quiet", "upstream/open-release/koa.rc2"]);
        assert_eq!(only(&sandbox).withdrawn, []);
        sandbox.git(&["update-ref", "refs/remotes/upstream/open-release/koa.rc2", "upstream/open-release/koa.rc1"]);
        let koa = only(&sandbox);
        assert_eq!(koa.patches, Some(2));
        let withdrawn: Vec<_> = koa.withdrawn.iter().map(|it| it.subject.as_str()).collect();
        assert_eq!(withdrawn, ["Between"]);
    }

    #[test]
    fn published_says_who_has_what() {
        let sandbox = koa();
        published(&sandbox, "mitx/koa", "HEAD");
        let koa = only(&sandbox);
        assert_eq!(koa.published, Published::Same);
        let last = koa.last.expect("someone");
        assert_eq!((last.who.as_str(), last.known_from), ("Carol", "committed"));
        assert!(last.at.ends_with('Z'), "{}", last.at);
        sandbox.commit("Ahead", &[("ours", "2\n")]);
        assert_eq!(only(&sandbox).published, Published::Differs { ahead: 1, behind: 0 });
        sandbox.git(&["reset", "--quiet", "--hard", "between"]);
        sandbox.commit("Other", &[("ours", "3\n")]);
        assert_eq!(only(&sandbox).published, Published::Differs { ahead: 1, behind: 1 });
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.git(&["branch", "--quiet", "-D", "mitx/koa"]);
        let koa = only(&sandbox);
        assert_eq!((koa.published, koa.patches), (Published::OnlyThere, Some(1)));
        assert_eq!(koa.head, sandbox.id("origin/mitx/koa"));
    }

    #[test]
    fn a_ledger_says_who_pushed_and_that_the_head_is_verified() {
        let sandbox = koa();
        published(&sandbox, "mitx/koa", "HEAD");
        let side = |head| Side { head, base: sandbox.id("between"), base_name: "between".to_owned() };
        let ledger = Ledger {
            version: 1,
            branch: "mitx/koa".to_owned(),
            old: side(sandbox.id("HEAD")),
            new: side(sandbox.id("HEAD")),
            entries: Vec::new(),
            added: Vec::new(),
            left_behind: Vec::new(),
            by: "Bob <bob@example.org>".to_owned(),
            at: "2020-12-09T10:00:00Z".to_owned(),
            published: None,
        };
        ledger.write(&sandbox.open()).expect("written");
        let koa = only(&sandbox);
        assert!(koa.verified);
        assert_eq!(koa.last.expect("someone").known_from, "committed", "it was pushed by hand");
        let published = crate::ledger::Published {
            by: "Alice <alice@example.org>".to_owned(),
            at: "2020-12-09T11:00:00Z".to_owned(),
        };
        Ledger { published: Some(published), ..ledger }.write(&sandbox.open()).expect("written");
        let koa = only(&sandbox);
        let last = koa.last.expect("someone");
        assert_eq!((last.who.as_str(), last.known_from), ("Alice <alice@example.org>", "published"));
        assert!(koa.verified);
        sandbox.commit("Ahead", &[("ours", "2\n")]);
        let koa = only(&sandbox);
        assert!(!koa.verified, "the head here is another one");
        assert_eq!(koa.last.expect("someone").known_from, "published");
        assert!(sandbox.git(&["for-each-ref", NOTES]).contains(NOTES));
    }

    #[test]
    fn trouble_with_one_branch_does_not_hide_the_others() {
        let sandbox = koa();
        // Two lines of upstream's in one branch of ours: neither is its base.
        sandbox.git(&["checkout", "--quiet", "-b", "one", "between"]);
        sandbox.commit("One line", &[("one", "1\n")]);
        upstream(&sandbox, "lilac.rc1");
        sandbox.git(&["checkout", "--quiet", "-b", "other", "between"]);
        sandbox.commit("Another line", &[("other", "1\n")]);
        upstream(&sandbox, "maple.rc1");
        sandbox.git(&["checkout", "--quiet", "-b", "mitx/juniper", "one"]);
        sandbox.git(&["merge", "--quiet", "--no-edit", "other"]);
        let seen = seen(&sandbox);
        assert_eq!(seen.iter().map(|it| it.branch.as_str()).collect::<Vec<_>>(), ["mitx/juniper", "mitx/koa"]);
        let trouble = seen[0].trouble.clone().expect("a trouble");
        assert!(trouble.contains("none of which contains"), "{trouble}");
        assert!(trouble.contains("upstream/open-release/lilac.rc1 ("), "both are named: {trouble}");
        assert!(trouble.contains("upstream/open-release/maple.rc1 ("), "both are named: {trouble}");
        assert_eq!((&seen[0].base, seen[0].patches, &seen[0].newest), (&None, None, &None));
        assert_eq!((&seen[1].trouble, seen[1].patches), (&None, Some(1)));
    }

    #[test]
    fn a_branch_that_is_still_on_an_older_release_says_which() {
        let sandbox = koa();
        sandbox.git(&["branch", "mitx/lilac", "mitx/koa"]);
        let seen = seen(&sandbox);
        assert_eq!(seen[1].base.as_ref().map(|base| base.release.as_str()), Some("open-release/koa.rc2"));
        assert_eq!(seen[1].newest, None);
    }

    #[test]
    fn a_rebase_is_told_for_a_branch_that_does_not_exist_yet_and_whether_it_is_done() {
        let sandbox = koa();
        let repository = sandbox.open();
        let conventions = Conventions::default();
        let branch = repository.revision("mitx/koa").expect("a branch");
        let base = crate::stack::compute_base(&repository, &conventions, &branch, None).expect("a base");
        let request = |target: &str| crate::rebase::Request {
            conventions: conventions.clone(),
            stack: crate::stack::Stack::list(&repository, branch.clone(), base.clone()).expect("a stack"),
            onto: repository.revision("upstream/open-release/koa.rc2").expect("a release"),
            target: target.to_owned(),
            skip: Vec::new(),
            folder: None,
            accept_loss: None,
            exec: None,
            backwards: false,
        };
        for target in ["mitx/koa", "mitx/lilac"] {
            crate::rebase::begin(&repository, request(target), &mut |_, _| {}).expect("it begins");
        }
        let seen = status(&repository, &conventions).expect("seen");
        let own = seen[0].rebase.clone().expect("a rebase");
        assert_eq!((own.branch.as_str(), own.result.is_some()), ("mitx/koa", true));
        let new = crate::status::rebases_of_new_branches(&repository, &seen).expect("listed");
        let new: Vec<_> = new.iter().map(|rebase| (rebase.branch.as_str(), rebase.onto.as_str())).collect();
        assert_eq!(new, [("mitx/lilac", "upstream/open-release/koa.rc2")]);
    }

    #[test]
    fn no_branches_is_an_empty_list_and_a_missing_remote_an_error() {
        let sandbox = koa();
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.git(&["branch", "--quiet", "-D", "mitx/koa"]);
        assert_eq!(seen(&sandbox), Vec::new());
        sandbox.git(&["remote", "remove", "origin"]);
        let error = status(&sandbox.open(), &Conventions::default()).expect_err("refused");
        assert!(error.to_string().contains("no remote named origin: it has upstream"), "{error}");
    }
}
