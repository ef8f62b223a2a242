//! Where a remote is fetched from and pushed to, and whether both are the same repository: what is pushed has to be read back.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::{have_the_same_refs, require};
use crate::error::{Error, Result};
use crate::git::without_secrets;
use crate::names::RefName;
use crate::repository::Repository;

/// The addresses of a remote that may be pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    remote: String,
    fetched_from: String,
    pushed_to: String,
    likeness: Likeness,
}

/// Hosts on which the names of repositories may be written in upper or lower case.
const IGNORE_CASE: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];

/// How much two addresses have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// The same host and path; protocol and user may differ.
    Same,
    /// The same path on hosts with different names. The operator's ssh configuration can give a host other names.
    SamePath,
    /// Nothing that would tell.
    Different,
}

/// Two addresses of a remote that lead to the same repository, without passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Where it is fetched from.
    pub fetched_from: String,
    /// Where it is pushed to.
    pub pushed_to: String,
}

/// Where `remote` is fetched from and pushed to. Asks only the configuration of this repository.
///
/// # Errors
/// When there is no such remote, when it is `upstream` by name or by address, or when it pushes to several addresses: then it is
/// not to be pushed to.
pub fn addresses(repository: &Repository, remote: &str, upstream: &str) -> Result<Addresses> {
    require(repository, remote)?;
    const ELSEWHERE: &str =
        "nothing was changed; our branches belong on our own remote; `git remote -v` lists the remotes";
    if remote == upstream {
        return Err(Error::refused(format!("{remote} is the remote of upstream's releases"), ELSEWHERE));
    }
    let pushed_to = configured(repository, remote, &["--push", "--all"])?;
    if pushed_to.len() > 1 {
        return Err(Error::refused(
            format!("{remote} pushes to several addresses at once: {}", shown(&pushed_to)),
            format!(
                "nothing was changed; remove all but one with `git remote set-url --delete --push {remote} ADDRESS`"
            ),
        ));
    }
    let fetched_from = configured(repository, remote, &["--all"])?;
    let from = repository.folder();
    if repository.remotes()?.contains_key(upstream) {
        let theirs = configured(repository, upstream, &["--all"])?;
        let same = |ours: &&String| theirs.iter().any(|their| likeness(from, their, ours) == Likeness::Same);
        if let Some(address) = pushed_to.iter().chain(&fetched_from).find(same) {
            return Err(Error::refused(
                format!("{remote} and {upstream} have the same address: {}", without_secrets(address)),
                ELSEWHERE,
            ));
        }
    }
    let first = |addresses: Vec<String>| addresses.into_iter().next().unwrap_or_default();
    let (fetched_from, pushed_to) = (first(fetched_from), first(pushed_to));
    let likeness = likeness(from, &fetched_from, &pushed_to);
    Ok(Addresses { remote: remote.to_owned(), fetched_from, pushed_to, likeness })
}

impl Addresses {
    /// Makes sure that what is pushed can be read back. Addresses with the same host and path are the same repository. Others have
    /// to have the same refs; where not even their paths are the same, one of `ours` must be among them, since a new fork has the
    /// same refs too. None where both are one address.
    ///
    /// # Errors
    /// When they are not the same repository, or one of them does not answer.
    pub fn confirm(
        &self,
        repository: &Repository,
        ours: impl Fn(&RefName) -> bool,
        limit: Duration,
    ) -> Result<Option<Confirmed>> {
        if self.fetched_from == self.pushed_to {
            return Ok(None);
        }
        let (fetched_from, pushed_to) = (without_secrets(&self.fetched_from), without_secrets(&self.pushed_to));
        if self.likeness != Likeness::Same {
            let refs = have_the_same_refs(repository, [&self.fetched_from, &self.pushed_to], limit)?;
            let is_confirmed = refs.is_some_and(|refs| self.likeness == Likeness::SamePath || refs.keys().any(ours));
            if !is_confirmed {
                return Err(self.elsewhere());
            }
        }
        Ok(Some(Confirmed { fetched_from, pushed_to }))
    }

    /// Says so if only the two addresses themselves can tell whether they are the same repository.
    ///
    /// # Errors
    /// When that is so.
    pub(crate) fn may_differ(&self) -> Result<()> {
        if self.likeness != Likeness::Different {
            return Ok(());
        }
        let (fetched_from, pushed_to) = (without_secrets(&self.fetched_from), without_secrets(&self.pushed_to));
        Err(Error::refused(
            format!("{} is fetched from {fetched_from}, but pushed to {pushed_to}", self.remote),
            "publish compares their branches and tags, and refuses unless both are the same repository",
        ))
    }

    fn elsewhere(&self) -> Error {
        let remote = &self.remote;
        let (fetched_from, pushed_to) = (without_secrets(&self.fetched_from), without_secrets(&self.pushed_to));
        Error::refused(
            format!(
                "{remote} is fetched from {fetched_from}, but pushed to {pushed_to}, and these are different repositories: their \
                 branches and tags differ, or have none of ours among them"
            ),
            format!(
                "nothing was changed; what is pushed has to be read back: `git remote -v` shows both addresses, and `git remote \
                 set-url --push {remote} ADDRESS` sets the one that is pushed to. A setting url.*.pushInsteadOf may have changed it"
            ),
        )
    }
}

/// How much two addresses have in common. Relative ones are seen from `folder`.
fn likeness(folder: &Path, one: &str, other: &str) -> Likeness {
    // Servers of one protocol at two ports of a host are two servers.
    let may_be_one = protocol(one) != protocol(other) || port(one) == port(other);
    let (one, other) = (normalised(folder, one), normalised(folder, other));
    if one == other && may_be_one {
        Likeness::Same
    } else if path(&one) == path(&other) {
        Likeness::SamePath
    } else {
        Likeness::Different
    }
}

fn configured(repository: &Repository, remote: &str, kind: &[&'static str]) -> Result<Vec<String>> {
    let call = repository.call("remote", format!("see where {remote} is")).as_the_operator();
    let text = repository.git().text(&call.options(&["get-url"]).options(kind).operands([remote]))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn protocol(address: &str) -> Option<&str> {
    Some(address.split_once("://")?.0)
}

/// The port that an address names.
fn port(address: &str) -> Option<&str> {
    let host = address.split_once("://")?.1.split('/').next()?;
    host.rsplit('@').next()?.split_once(':').map(|(_, port)| port)
}

fn shown(addresses: &[String]) -> String {
    addresses.iter().map(|address| without_secrets(address)).collect::<Vec<_>>().join(", ")
}

/// An address without the parts that do not tell repositories apart: protocol, user, port, `.git`. Relative ones are
/// seen from `folder`.
fn normalised(folder: &Path, address: &str) -> String {
    let address = address.strip_prefix("file://").unwrap_or(address);
    let bare = |text: &str| text.trim_end_matches('/').trim_end_matches(".git").trim_end_matches('/').to_owned();
    let distant = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/'),
        // `git@github.com:org/repo`: a colon before the first slash.
        None => address.split_once(':').filter(|(host, _)| !host.contains('/')),
    };
    match distant {
        Some((host, path)) => {
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let host = host.split_once(':').map_or(host, |(host, _)| host);
            let (host, path) = (host.to_ascii_lowercase(), bare(path.trim_start_matches('/')));
            let ignores_case = IGNORE_CASE.contains(&host.as_str());
            format!("{host}:{}", if ignores_case { path.to_ascii_lowercase() } else { path })
        }
        None => {
            let path = folder.join(address);
            bare(&path.canonicalize().unwrap_or(path).to_string_lossy())
        }
    }
}

/// The path in what `normalised` returns. Host names are ignored, since the operator's ssh configuration may give a
/// host other names.
fn path(address: &str) -> &str {
    address.split_once(':').filter(|(host, _)| !host.contains('/')).map_or(address, |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    #[test]
    fn our_remote_is_not_upstreams_however_its_address_is_written_and_another_port_is_another_server() {
        let is_refused = |upstream: &str, origin: &str| {
            let sandbox = Sandbox::new();
            sandbox.git(&["remote", "add", "upstream", upstream]);
            sandbox.git(&["remote", "add", "origin", origin]);
            addresses(&sandbox.open(), "origin", "upstream").is_err()
        };
        assert!(is_refused("https://github.com/openedx/edx-platform.git", "git@github.com:OpenEdX/edx-platform"));
        assert!(is_refused("ssh://localhost:7001/repo", "ssh://localhost:7001/repo.git"));
        assert!(!is_refused("ssh://localhost:7001/repo", "ssh://localhost:7002/repo"));
    }

    #[test]
    fn one_place_is_known_by_all_its_addresses() {
        let normalised = |address: &str| super::normalised(Path::new("/clone"), address);
        let one = normalised("https://github.com/mitodl/edx-platform.git");
        for address in [
            "git@github.com:mitodl/edx-platform",
            "ssh://git@GitHub.com:22/mitodl/edx-platform.git/",
            "https://bob:secret@github.com/mitodl/edx-platform/",
            "https://github.com/MITodl/edx-platform",
        ] {
            assert_eq!(normalised(address), one, "{address}");
        }
        assert_ne!(normalised("https://github.com/openedx/edx-platform"), one);
        assert_eq!(normalised("file:///srv/origin.git"), normalised("/srv/origin"));
        assert_eq!(normalised("../origin.git"), "/clone/../origin", "a folder that does not exist is still named");
    }

    #[test]
    fn protocols_and_users_do_not_tell_repositories_apart_but_hosts_and_paths_do() {
        let likeness = |one: &str, other: &str| super::likeness(Path::new("/clone"), one, other);
        let https = "https://github.com/mitodl/edx-platform.git";
        assert_eq!(likeness(https, "git@github.com:mitodl/edx-platform.git"), Likeness::Same);
        assert_eq!(likeness(https, "git@github-work:mitodl/edx-platform.git"), Likeness::SamePath);
        assert_eq!(likeness(https, "git@gitlab.com:mitodl/edx-platform.git"), Likeness::SamePath);
        assert_eq!(likeness(https, "git@github.com:openedx/edx-platform.git"), Likeness::Different);
        assert_eq!(likeness("../origin.git", "../other.git"), Likeness::Different);
        assert_ne!(likeness("https://example.org/a.git", "https://example.org/A.git"), Likeness::Same);
        assert_eq!(port("git://bob@example.org:9512/a.git"), Some("9512"));
        assert_eq!((port("https://example.org/a:1.git"), port("git@example.org:a.git")), (None, None));
    }
}
