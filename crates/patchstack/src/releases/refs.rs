//! Which refs of a repository are upstream's releases, and which are our release branches.

use super::{Codename, Conventions, Release, pattern};
use crate::error::{Error, Result};
use crate::ledger::NOTES;
use crate::names::RefName;
use crate::repository::{Ref, Repository};

/// The refs of a repository that have to do with releases, as one call of git lists them.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Upstream's, with the releases that they are; none for `master` and `main`.
    pub(crate) upstream: Vec<(Ref, Option<Release>)>,
    /// Our release branches, in code name order.
    pub(crate) ours: Vec<Ours>,
    /// Whether there are any ledgers.
    pub(crate) ledgers: bool,
}

/// One of our release branches.
#[derive(Clone, Debug)]
pub(crate) struct Ours {
    /// Its release.
    pub(crate) codename: Codename,
    /// The branch here.
    pub(crate) here: Option<Ref>,
    /// The branch on origin, as far as this clone knows.
    pub(crate) there: Option<Ref>,
}

/// Branches of upstream that are not releases themselves, but that releases are made from.
const MAIN: [&str; 2] = ["master", "main"];

impl Conventions {
    /// The refs that count as upstream's, with the releases that they are, in the order of their names.
    ///
    /// These are the remote-tracking branches that match `theirs` or are `master` or `main`, and the tags that match
    /// `theirs`. Where there is no such remote-tracking branch at all, as in a bare mirror, it is the local branches
    /// that match `theirs`.
    ///
    /// # Errors
    /// When the patterns are wrong or git cannot list refs.
    pub fn upstream_refs(&self, repository: &Repository) -> Result<Vec<(Ref, Option<Release>)>> {
        self.check()?;
        Ok(self.upstreams(&listed(repository, &self.upstream_globs())?))
    }

    /// Upstream's refs and ours, with one call of git.
    ///
    /// # Errors
    /// When the patterns are wrong or git cannot list refs.
    pub fn survey(&self, repository: &Repository) -> Result<Survey> {
        self.check()?;
        let mut globs = self.upstream_globs();
        globs.extend(self.our_globs());
        globs.push(NOTES.to_owned());
        let refs = listed(repository, &globs)?;
        let ledgers = refs.iter().any(|found| found.name.as_str() == NOTES);
        Ok(Survey { upstream: self.upstreams(&refs), ours: self.branches_of_ours(&refs), ledgers })
    }

    /// Our branch of one code name, in this clone and on origin.
    pub(crate) fn our_branches(&self, repository: &Repository, codename: &Codename) -> Result<Option<Ours>> {
        self.check()?;
        let branch = self.our_branch(codename);
        let names = [format!("refs/heads/{branch}"), format!("refs/remotes/{}/{branch}", self.origin)];
        Ok(self.branches_of_ours(&listed(repository, &names)?).into_iter().find(|ours| ours.codename == *codename))
    }

    fn upstream_globs(&self) -> Vec<String> {
        let remote = format!("refs/remotes/{}/", self.upstream);
        let prefixes = [remote.as_str(), "refs/tags/", "refs/heads/"];
        let releases =
            prefixes.iter().flat_map(|prefix| self.theirs.iter().flat_map(|theirs| pattern::globs(theirs, prefix)));
        releases.chain(MAIN.iter().map(|branch| format!("{remote}{branch}"))).collect()
    }

    fn our_globs(&self) -> Vec<String> {
        let prefixes = ["refs/heads/".to_owned(), format!("refs/remotes/{}/", self.origin)];
        prefixes.iter().flat_map(|prefix| pattern::globs(&self.ours, prefix)).collect()
    }

    fn upstreams(&self, refs: &[Ref]) -> Vec<(Ref, Option<Release>)> {
        let is_main = |found: &Ref| self.upstream_branch(&found.name).is_some_and(|branch| MAIN.contains(&branch));
        let remote = refs.iter().filter_map(|found| {
            let release = self.release_of(&found.name);
            (release.is_some() || is_main(found)).then(|| (found.clone(), release))
        });
        let (mut upstream, tags): (Vec<_>, Vec<_>) =
            remote.partition(|(found, _)| found.name.as_str().starts_with("refs/remotes/"));
        if upstream.is_empty() {
            upstream =
                refs.iter().filter_map(|found| Some((found.clone(), Some(self.local_release(found)?)))).collect();
        }
        upstream.extend(tags);
        upstream
    }

    fn local_release(&self, found: &Ref) -> Option<Release> {
        let branch = found.name.as_str().strip_prefix("refs/heads/")?;
        if self.codename(branch).is_some() { None } else { self.release(branch) }
    }

    fn branches_of_ours(&self, refs: &[Ref]) -> Vec<Ours> {
        let mut found: Vec<Ours> = Vec::new();
        for one in refs {
            let Some(codename) = self.codename_of(&one.name) else { continue };
            let index = found.iter().position(|ours| ours.codename == codename).unwrap_or_else(|| {
                found.push(Ours { codename, here: None, there: None });
                found.len() - 1
            });
            let here = one.name.as_str().starts_with("refs/heads/");
            let side = if here { &mut found[index].here } else { &mut found[index].there };
            *side = Some(one.clone());
        }
        found.sort_by(|one, other| one.codename.cmp(&other.codename));
        found
    }

    /// Fails when one of `names` is not a remote of the repository.
    pub(crate) fn need_remotes(&self, repository: &Repository, names: &[&str]) -> Result<()> {
        let remotes = repository.remotes()?;
        let Some(missing) = names.iter().find(|name| !remotes.contains_key(**name)) else { return Ok(()) };
        let there_are = match remotes.len() {
            0 => "it has none".to_owned(),
            _ => format!("it has {}", remotes.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
        };
        Err(Error::refused(
            format!("{} has no remote named {missing}: {there_are}", repository.named().display()),
            format!(
                "nothing was changed; `git remote add {missing} URL` and `git fetch {missing}`, or say which remote is \
                 meant in [branches] of the deployment file"
            ),
        ))
    }
}

impl Survey {
    /// Upstream's refs.
    pub(crate) fn upstream_refs(&self) -> Vec<Ref> {
        self.upstream.iter().map(|(found, _)| found.clone()).collect()
    }

    /// Upstream's refs of one release, or all of them where it has none. The others rarely add anything for this
    /// release, and make git walk farther.
    pub(crate) fn upstream_of(&self, codename: &Codename) -> Vec<&Ref> {
        let is_own = |release: &Option<Release>| release.as_ref().is_some_and(|release| release.codename == *codename);
        let own: Vec<&Ref> =
            self.upstream.iter().filter(|(_, release)| is_own(release)).map(|(found, _)| found).collect();
        if own.is_empty() { self.upstream.iter().map(|(found, _)| found).collect() } else { own }
    }
}

impl Ours {
    /// The refs that exist, the one in this clone first.
    pub(crate) fn refs(&self) -> impl Iterator<Item = &Ref> {
        self.here.iter().chain(&self.there)
    }
}

/// The name of a release's ref without its remote: `open-release/koa.rc3`.
pub(crate) fn bare_name<'a>(conventions: &Conventions, name: &'a RefName) -> &'a str {
    conventions.upstream_branch(name).unwrap_or_else(|| name.short())
}

fn listed(repository: &Repository, globs: &[String]) -> Result<Vec<Ref>> {
    let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
    repository.refs(&globs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn with_refs(names: &[&str]) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.commit("Upstream", &[("a", "1\n")]);
        for name in names {
            sandbox.git(&["update-ref", name, "HEAD"]);
        }
        sandbox
    }

    fn upstream(sandbox: &Sandbox) -> Vec<String> {
        let found = Conventions::default().upstream_refs(&sandbox.open()).expect("listed");
        let named = |release: Release| format!(" {} {}", release.codename, release.candidate);
        found
            .into_iter()
            .map(|(one, release)| format!("{}{}", one.name, release.map_or(String::new(), named)))
            .collect()
    }

    #[test]
    fn upstreams_refs_are_its_releases_its_main_branch_and_the_tags_of_releases() {
        let sandbox = with_refs(&[
            "refs/remotes/upstream/open-release/koa.rc3",
            "refs/remotes/upstream/open-release/koa.mistake",
            "refs/remotes/upstream/release/teak",
            "refs/remotes/upstream/master",
            "refs/remotes/upstream/feature",
            "refs/remotes/origin/open-release/koa.rc1",
            "refs/remotes/origin/master",
            "refs/heads/open-release/koa.rc2",
            "refs/tags/open-release/koa.3",
            "refs/tags/release/teak.1",
            "refs/tags/v1",
        ]);
        let expected = [
            "upstream/master",
            "upstream/open-release/koa.rc3 koa rc3",
            "upstream/release/teak teak master",
            "open-release/koa.3 koa 3",
            "release/teak.1 teak 1",
        ];
        assert_eq!(upstream(&sandbox), expected);
    }

    #[test]
    fn local_branches_count_as_upstreams_only_where_there_are_no_remote_ones() {
        let sandbox =
            with_refs(&["refs/heads/open-release/koa.rc3", "refs/heads/mitx/koa", "refs/tags/open-release/koa.3"]);
        assert_eq!(upstream(&sandbox), ["open-release/koa.rc3 koa rc3", "open-release/koa.3 koa 3"]);
        sandbox.git(&["update-ref", "refs/remotes/upstream/main", "HEAD"]);
        assert_eq!(upstream(&sandbox), ["upstream/main", "open-release/koa.3 koa 3"]);
    }

    #[test]
    fn our_branches_are_never_upstreams_even_when_a_wide_pattern_would_take_them() {
        let sandbox = with_refs(&["refs/heads/open-release/koa.rc3", "refs/heads/mitx/koa"]);
        let wide = Conventions {
            theirs: vec!["mitx/{codename}".to_owned()],
            ours: "mitx/{codename}".to_owned(),
            ..Conventions::default()
        };
        assert!(wide.upstream_refs(&sandbox.open()).is_err(), "the patterns are the same");
        let wide =
            Conventions { theirs: vec!["{candidate}/{codename}".to_owned()], ours: "rc/{codename}".to_owned(), ..wide };
        sandbox.git(&["update-ref", "refs/heads/rc/koa", "HEAD"]);
        assert!(wide.upstream_refs(&sandbox.open()).expect("listed").is_empty());
    }

    #[test]
    fn a_survey_has_our_branches_in_code_name_order_with_both_sides() {
        let sandbox = with_refs(&[
            "refs/heads/mitx/koa",
            "refs/remotes/origin/mitx/koa",
            "refs/remotes/origin/mitx/juniper",
            "refs/heads/mitx/koa-hotfix",
            "refs/notes/cutover",
        ]);
        let survey = Conventions::default().survey(&sandbox.open()).expect("surveyed");
        let sides = |ours: &Ours| (ours.codename.0.clone(), ours.here.is_some(), ours.there.is_some());
        let sides: Vec<_> = survey.ours.iter().map(sides).collect();
        assert_eq!(sides, [("juniper".to_owned(), false, true), ("koa".to_owned(), true, true)]);
        assert!(survey.ledgers);
    }

    #[test]
    fn a_missing_remote_is_named_with_those_there_are() {
        let sandbox = with_refs(&[]);
        sandbox.git(&["remote", "add", "origin", "https://bob:secret@example.org/x.git"]);
        let error = Conventions::default().need_remotes(&sandbox.open(), &["origin", "upstream"]).expect_err("refused");
        assert!(error.to_string().ends_with("has no remote named upstream: it has origin"), "{error}");
    }
}
