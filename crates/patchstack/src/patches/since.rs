//! Since which release a patch is carried: our older release branches, followed back for as long as they have it.
//!
//! A rebase keeps author, author's date and subject, so that these are a patch's identity. One that was made anew is
//! found by its changes (git's patch id).

use std::collections::{BTreeMap, BTreeSet};

use super::listing::Listed;
use super::own::listed;
use crate::error::Result;
use crate::identity::{Likeness, patch_ids};
use crate::names::{GitPath, ObjectId};
use crate::releases::{Codename, Conventions, Ours, Survey};
use crate::repository::{Repository, Revision};
use crate::stack::{Author, list_commits};
use crate::threads::joined;

/// How many older branches are listed at once. Each is listed by a call of its own: a single one over all of them would
/// walk through all that upstream did between the oldest and the newest, which takes ten times as long.
const AT_ONCE: usize = 4;

/// How many patches of older branches may be compared by what they change: about a second's worth.
const COMPARED: usize = 500;

/// Our older release branches, of which the newest have been listed.
#[derive(Debug)]
pub(super) struct Older<'a> {
    survey: &'a Survey,
    /// Newest first.
    branches: Vec<&'a Ours>,
    first: Vec<Carrier>,
}

/// A release branch of ours, with all its patches.
#[derive(Debug)]
struct Carrier {
    codename: Codename,
    patches: Vec<Listed>,
}

/// What a rebase keeps of a patch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    author: Author,
    subject: String,
}

impl Identity {
    fn of(patch: &Listed) -> Self {
        Self { author: patch.author.clone(), subject: patch.subject.clone() }
    }
}

impl<'a> Older<'a> {
    /// Finds the release branches that are older than `branch`, and lists the newest of them.
    pub(super) fn begin(
        repository: &Repository,
        conventions: &Conventions,
        survey: &'a Survey,
        branch: &Revision,
    ) -> Result<Self> {
        let codename = branch.reference.as_ref().and_then(|name| conventions.codename_of(name));
        let is_older = |ours: &&Ours| codename.as_ref().is_none_or(|codename| ours.codename < *codename);
        let branches: Vec<&Ours> = survey.ours.iter().filter(is_older).rev().collect();
        let first = carriers(repository, survey, &branches[..branches.len().min(AT_ONCE)])?;
        Ok(Self { survey, branches, first })
    }

    /// For each patch the oldest release from which on every branch has it, if it is older than this one.
    pub(super) fn since(self, repository: &Repository, patches: &[Listed]) -> Result<Vec<Option<Codename>>> {
        let mut chain = Chain::new(patches);
        let mut carriers_of_wave = self.first;
        for wave in 0.. {
            chain.follow(repository, &carriers_of_wave)?;
            let next = self.branches.chunks(AT_ONCE).nth(wave + 1);
            let Some(next) = next.filter(|_| chain.goes_on()) else { break };
            carriers_of_wave = carriers(repository, self.survey, next)?;
        }
        Ok(chain.since)
    }
}

/// Patches of a branch, while older branches are searched.
struct Chain<'a> {
    patches: &'a [Listed],
    identities: Vec<Identity>,
    since: Vec<Option<Codename>>,
    /// Whether every branch so far has had it.
    unbroken: Vec<bool>,
}

impl<'a> Chain<'a> {
    fn new(patches: &'a [Listed]) -> Self {
        Self {
            patches,
            identities: patches.iter().map(Identity::of).collect(),
            since: vec![None; patches.len()],
            unbroken: vec![true; patches.len()],
        }
    }

    fn goes_on(&self) -> bool {
        self.unbroken.contains(&true)
    }

    /// Searches these, newest first.
    fn follow(&mut self, repository: &Repository, carriers: &[Carrier]) -> Result<()> {
        let changes = self.compare_changes(repository, carriers)?;
        for carrier in carriers {
            let identities: BTreeSet<Identity> = carrier.patches.iter().map(Identity::of).collect();
            let carried: BTreeSet<&String> =
                carrier.patches.iter().filter_map(|patch| changes.get(&patch.commit)).collect();
            for (index, patch) in self.patches.iter().enumerate() {
                let same_change = || changes.get(&patch.commit).is_some_and(|change| carried.contains(change));
                let has_it = identities.contains(&self.identities[index]) || same_change();
                self.unbroken[index] &= has_it;
                if self.unbroken[index] {
                    self.since[index] = Some(carrier.codename.clone());
                }
            }
        }
        Ok(())
    }

    /// What those patches change that cannot be found by identity, here and in `carriers`. Patches of other files are
    /// other patches, so that text is compared only where it could be the same.
    fn compare_changes(&self, repository: &Repository, carriers: &[Carrier]) -> Result<BTreeMap<ObjectId, String>> {
        let own: BTreeSet<&Identity> = self.identities.iter().collect();
        let found: Vec<BTreeSet<Identity>> =
            carriers.iter().map(|carrier| carrier.patches.iter().map(Identity::of).collect()).collect();
        let left = self.patches.iter().zip(&self.identities).zip(&self.unbroken).filter(|((_, identity), unbroken)| {
            **unbroken && !found.iter().all(|identities| identities.contains(*identity))
        });
        let left: Vec<&Listed> = left.map(|((patch, _), _)| patch).collect();
        let theirs = carriers.iter().flat_map(|carrier| &carrier.patches);
        let theirs: Vec<&Listed> = theirs.filter(|patch| !own.contains(&Identity::of(patch))).collect();
        let (here, there) = (files(&left), files(&theirs));
        let alike = |patch: &&&Listed| here.contains(&patch.files) && there.contains(&patch.files);
        let theirs = theirs.iter().filter(alike).take(COMPARED);
        let commits = left.iter().filter(alike).chain(theirs).map(|patch| &patch.commit);
        let call = |name, doing: &str| repository.call(name, doing);
        patch_ids(repository.git(), &call, commits, Likeness::Stable)
    }
}

fn files<'a>(patches: &[&'a Listed]) -> BTreeSet<&'a Vec<GitPath>> {
    patches.iter().map(|patch| &patch.files).collect()
}

/// Lists the patches of several branches at once.
fn carriers(repository: &Repository, survey: &Survey, branches: &[&Ours]) -> Result<Vec<Carrier>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            branches.iter().map(|ours| scope.spawn(move || carrier(repository, survey, ours))).collect();
        threads.into_iter().map(joined).collect()
    })
}

fn carrier(repository: &Repository, survey: &Survey, ours: &Ours) -> Result<Carrier> {
    let what = format!("our {} branch", ours.codename);
    let tips = ours.refs().map(|found| &found.commit);
    let release = survey.upstream_of(&ours.codename).into_iter().map(|found| &found.commit);
    let patches = list_commits(repository, &what, tips, release)?.patches.into_iter().map(listed).collect();
    Ok(Carrier { codename: ours.codename.clone(), patches })
}

#[cfg(test)]
mod tests {
    use crate::patches::{Listing, list};
    use crate::releases::Conventions;
    use crate::repository::{Repository, Revision};
    use crate::testing::Sandbox;

    const RELEASES: [&str; 4] = ["hawthorn", "ironwood", "juniper", "koa"];

    /// Four releases of upstream's, each one commit on the one before.
    fn upstream() -> Sandbox {
        let sandbox = Sandbox::new();
        for release in RELEASES {
            sandbox.commit(&format!("Upstream's {release}"), &[("upstream", release)]);
            let name = format!("refs/remotes/upstream/open-release/{release}.master");
            sandbox.git(&["update-ref", &name, "HEAD"]);
        }
        sandbox
    }

    fn begin(sandbox: &Sandbox, release: &str) {
        let from = format!("upstream/open-release/{release}.master");
        sandbox.git(&["checkout", "--quiet", "--no-track", "-b", &format!("mitx/{release}"), &from]);
    }

    fn list_all(repository: &Repository, branch: &Revision, base: Option<&Revision>) -> Listing {
        let conventions = Conventions::default();
        let survey = conventions.survey(repository).expect("surveyed");
        list(repository, &conventions, &survey, branch, base).expect("listed")
    }

    fn listing(sandbox: &Sandbox, branch: &str) -> Listing {
        let repository = sandbox.open();
        let branch = repository.revision(branch).expect("a branch");
        list_all(&repository, &branch, None)
    }

    fn since(sandbox: &Sandbox, branch: &str) -> Vec<(String, String)> {
        let since = |codename: Option<crate::releases::Codename>| codename.map_or("-".to_owned(), |it| it.0);
        listing(sandbox, branch).patches.into_iter().map(|patch| (patch.subject, since(patch.since))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(subject, since)| ((*subject).to_owned(), (*since).to_owned())).collect()
    }

    #[test]
    fn a_patch_is_carried_since_the_oldest_release_from_which_on_every_one_has_it() {
        let sandbox = upstream();
        begin(&sandbox, "hawthorn");
        let gap = sandbox.commit("With a gap", &[("gap", "1\n")]);
        let always = sandbox.commit("Always", &[("always", "1\n")]);
        begin(&sandbox, "ironwood");
        sandbox.git(&["cherry-pick", always.as_str()]);
        begin(&sandbox, "juniper");
        sandbox.git(&["cherry-pick", always.as_str(), gap.as_str()]);
        let later = sandbox.commit("Later", &[("later", "1\n")]);
        begin(&sandbox, "koa");
        sandbox.git(&["cherry-pick", gap.as_str(), later.as_str(), always.as_str()]);
        sandbox.commit("New", &[("new", "1\n")]);
        let expected = pairs(&[("With a gap", "juniper"), ("Later", "juniper"), ("Always", "hawthorn"), ("New", "-")]);
        assert_eq!(since(&sandbox, "mitx/koa"), expected);
        assert_eq!(since(&sandbox, "mitx/hawthorn"), pairs(&[("With a gap", "-"), ("Always", "-")]));
    }

    #[test]
    fn a_recreated_patch_is_found_by_its_changes() {
        let sandbox = upstream();
        begin(&sandbox, "ironwood");
        sandbox.commit("Old words", &[("ours", "1\n")]);
        std::fs::write(sandbox.repository().join("binary"), [0, 1]).expect("written");
        sandbox.commit("A binary file", &[]);
        begin(&sandbox, "juniper");
        let anew = sandbox.commit("New words", &[("ours", "1\n")]);
        begin(&sandbox, "koa");
        sandbox.git(&["cherry-pick", anew.as_str()]);
        std::fs::write(sandbox.repository().join("binary"), [0, 2]).expect("written");
        sandbox.commit("Another binary file", &[]);
        let expected = pairs(&[("New words", "ironwood"), ("Another binary file", "-")]);
        assert_eq!(since(&sandbox, "mitx/koa"), expected);
    }

    #[test]
    fn branches_that_only_origin_has_count_and_upstreams_own_commits_do_not() {
        let sandbox = upstream();
        begin(&sandbox, "juniper");
        let patch = sandbox.commit("Ours", &[("ours", "1\n")]);
        begin(&sandbox, "koa");
        sandbox.git(&["cherry-pick", patch.as_str()]);
        sandbox.git(&["update-ref", "refs/remotes/origin/mitx/juniper", "mitx/juniper"]);
        sandbox.git(&["branch", "--quiet", "-D", "mitx/juniper"]);
        assert_eq!(since(&sandbox, "mitx/koa"), pairs(&[("Ours", "juniper")]));
    }

    #[test]
    fn more_older_branches_than_are_listed_at_once_are_followed_to_the_end() {
        let sandbox = Sandbox::new();
        sandbox.commit("Root", &[("root", "1\n")]);
        let mut patch = None;
        for letter in 'a'..='k' {
            let release = format!("rel{letter}");
            sandbox.git(&["checkout", "--quiet", "main"]);
            begin_on_main(&sandbox, &release, patch.as_ref());
            patch = Some(sandbox.id("HEAD"));
        }
        assert_eq!(since(&sandbox, "mitx/relk"), pairs(&[("Ours", "rela")]));
    }

    /// Upstream goes on by a commit, and our branch carries `patch` on it, or begins it.
    fn begin_on_main(sandbox: &Sandbox, release: &str, patch: Option<&crate::names::ObjectId>) {
        sandbox.commit(&format!("Upstream's {release}"), &[("upstream", release)]);
        sandbox.git(&["update-ref", &format!("refs/remotes/upstream/open-release/{release}.master"), "HEAD"]);
        begin(sandbox, release);
        match patch {
            Some(patch) => drop(sandbox.git(&["cherry-pick", patch.as_str()])),
            None => drop(sandbox.commit("Ours", &[("ours", "1\n")])),
        }
    }

    #[test]
    fn a_listing_says_files_base_and_flattened_merges() {
        let sandbox = upstream();
        begin(&sandbox, "koa");
        sandbox.commit("One", &[("one", "1\n"), ("folder/two", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "-b", "topic"]);
        sandbox.commit("Topic", &[("topic", "1\n")]);
        sandbox.git(&["checkout", "--quiet", "mitx/koa"]);
        sandbox.git(&["merge", "--quiet", "--no-ff", "--message", "Merge topic", "topic"]);
        let before = sandbox.snapshot();
        let listing = listing(&sandbox, "mitx/koa");
        let files: Vec<String> = listing.patches[0].files.iter().map(ToString::to_string).collect();
        assert_eq!((listing.branch.as_str(), listing.patches.len(), listing.merges), ("mitx/koa", 2, 1));
        assert_eq!(files, ["folder/two", "one"]);
        assert_eq!(listing.base.commit, sandbox.id("upstream/open-release/koa.master"));
        assert_eq!(sandbox.snapshot(), before);
        let base = sandbox.open().revision("upstream/open-release/juniper.master").expect("a commit");
        let branch = sandbox.open().revision("mitx/koa").expect("a branch");
        let given = list_all(&sandbox.open(), &branch, Some(&base));
        assert_eq!((given.patches.len(), given.base.found.as_str()), (3, "given"));
    }
}
