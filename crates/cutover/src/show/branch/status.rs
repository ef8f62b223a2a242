//! The state of our release branches, one block for each, in the order of their code names.

use cutover_patchstack::publish::Obstacle;
use cutover_patchstack::releases::Conventions;
use cutover_patchstack::status::{BranchStatus, Published, RebaseStatus};

use super::typed::Typed;
use super::words::{patches, plain};
use crate::show::text::{WIDTH, count, hang};

/// `branch status` for people.
#[must_use]
pub fn status_text(
    branches: &[BranchStatus],
    new: &[RebaseStatus],
    obstacles: &[Obstacle],
    conventions: &Conventions,
    typed: &Typed,
) -> String {
    if branches.is_empty() && new.is_empty() {
        let none = format!("There is no branch like {}, in this clone or on {}.", conventions.ours, conventions.origin);
        return format!("{}\n  {}\n", hang("", &none, WIDTH), typed.command("create", "CODENAME"));
    }
    let mut blocks: Vec<String> = branches.iter().map(|branch| block(branch, conventions)).collect();
    blocks.extend(new.iter().map(new_branch));
    blocks.extend(obstacles.iter().map(obstacle));
    blocks.extend(next(branches, new, &conventions.origin, typed));
    blocks.join("\n\n") + "\n"
}

fn block(branch: &BranchStatus, conventions: &Conventions) -> String {
    let mut lines = vec![hang("", &head(branch), WIDTH)];
    if let Some(base) = &branch.base {
        lines.push(hang("  base       ", &format!("{} ({})", plain(&base.release), base.commit.short()), WIDTH));
    }
    for withdrawn in &branch.withdrawn {
        let words = format!("{} {}: {}", withdrawn.commit.short(), withdrawn.subject, withdrawn.known_from);
        lines.push(hang("  WITHDRAWN  ", &plain(&words), WIDTH));
    }
    if let Some(newest) = &branch.newest {
        let behind = match newest.behind {
            0 => "up to date".to_owned(),
            behind => format!("{} behind", count(behind, "commit")),
        };
        let lacks = match newest.lacks {
            0 => String::new(),
            lacks => format!("; it LACKS {} of the base", count(lacks, "commit")),
        };
        lines.push(hang(
            "  newest     ",
            &format!("{} ({}): {behind}{lacks}", plain(&newest.name), newest.commit.short()),
            WIDTH,
        ));
    }
    lines.push(hang("  published  ", &published(branch, &conventions.origin), WIDTH));
    lines.extend(branch.rebase.as_ref().map(|rebase| hang("  rebase     ", &progress(rebase), WIDTH)));
    if let Some(trouble) = &branch.trouble {
        lines.push(hang("  TROUBLE    ", &plain(trouble), WIDTH));
    }
    lines.join("\n")
}

/// How far a rebase is.
fn progress(rebase: &RebaseStatus) -> String {
    let onto = plain(&rebase.onto);
    match &rebase.result {
        Some(result) if rebase.lacks_command => {
            format!("done, onto {onto}: the command of --exec has NOT SUCCEEDED on {}", result.short())
        }
        Some(result) => format!("done, onto {onto}: {} is not published", result.short()),
        None => format!("in progress, onto {onto}"),
    }
}

/// A rebase for a branch that does not exist yet.
fn new_branch(rebase: &RebaseStatus) -> String {
    let head = format!("{}: there is no such branch yet, in this clone or on the remote", plain(&rebase.branch));
    format!("{}\n{}", hang("", &head, WIDTH), hang("  rebase     ", &progress(rebase), WIDTH))
}

/// What would refuse at `publish`.
fn obstacle(obstacle: &Obstacle) -> String {
    let words = format!("{}. To do: {}", obstacle.what, obstacle.hint);
    let title = if obstacle.certain { "PUBLISH WOULD REFUSE: " } else { "PUBLISH MAY REFUSE: " };
    hang(title, &plain(&words), WIDTH)
}

fn head(branch: &BranchStatus) -> String {
    let patches = branch.patches.map_or_else(|| "number of patches unknown".to_owned(), patches);
    let verified = if branch.verified { "verified" } else { "not verified" };
    format!("{} ({}): {patches}, {verified}", plain(&branch.branch), branch.head.short())
}

fn published(branch: &BranchStatus, origin: &str) -> String {
    let state = match &branch.published {
        Published::No => return format!("no: {origin} has none"),
        Published::Same => format!("yes: {origin} has the same"),
        Published::OnlyThere => format!("yes: only {origin} has it"),
        Published::Differs { ahead, behind } => {
            format!(
                "differs: {} only in this clone, {} only on {origin}",
                count(*ahead, "commit"),
                count(*behind, "commit")
            )
        }
    };
    match &branch.last {
        Some(last) => format!("{state}; {} by {}, {}", last.known_from, plain(&last.who), last.at),
        None => state,
    }
}

/// The command to type next: the state of a rebase that is in progress, or else a forecast for the newest branch that
/// is behind upstream or has patches that upstream withdrew. The remote's branch is used if this clone has none, or lacks commits of it.
fn next(branches: &[BranchStatus], new: &[RebaseStatus], origin: &str, typed: &Typed) -> Option<String> {
    let rebases = branches.iter().filter_map(|branch| branch.rebase.as_ref()).chain(new);
    if let Some(branch) = rebases.last() {
        return Some(format!("Type:  {}", typed.with("--branch", Some(&branch.branch)).command("rebase", "")));
    }
    let is_due = |branch: &&BranchStatus| {
        !branch.withdrawn.is_empty() || branch.newest.as_ref().is_some_and(|newest| newest.behind > 0)
    };
    let branch = branches.iter().rev().find(|branch| is_due(branch) && branch.trouble.is_none())?;
    let is_there = match branch.published {
        Published::OnlyThere => true,
        Published::Differs { behind, .. } => behind > 0,
        Published::No | Published::Same => false,
    };
    let name = if is_there { format!("{origin}/{}", branch.branch) } else { branch.branch.clone() };
    Some(format!("Type:  {}", typed.with("--branch", Some(&name)).command("forecast", "")))
}

#[cfg(test)]
mod tests {
    use cutover_patchstack::releases::Codename;
    use cutover_patchstack::status::{BaseStatus, LastPush, NewestStatus};
    use cutover_patchstack::withdrawn::Withdrawn;

    use super::*;
    use crate::show::branch::testing::{assert_fits, id};

    fn branch(codename: &str) -> BranchStatus {
        BranchStatus {
            branch: format!("mitx/{codename}"),
            codename: Codename(codename.to_owned()),
            head: id(1),
            base: Some(BaseStatus { commit: id(2), release: format!("open-release/{codename}.rc2") }),
            patches: Some(8),
            withdrawn: Vec::new(),
            newest: Some(NewestStatus {
                name: format!("upstream/open-release/{codename}.rc3"),
                commit: id(3),
                behind: 27,
                lacks: 0,
            }),
            published: Published::Differs { ahead: 3, behind: 1 },
            last: Some(LastPush {
                who: "Alice <alice@mit.edu>".to_owned(),
                at: "2020-12-01T10:00:00Z".to_owned(),
                known_from: "published",
            }),
            rebase: None,
            verified: true,
            trouble: None,
        }
    }

    #[test]
    fn each_branch_says_what_it_stands_on_and_what_is_new() {
        let mut juniper = branch("juniper");
        juniper.newest.as_mut().expect("there").behind = 0;
        juniper.published = Published::Same;
        let mut lilac = branch("lilac");
        lilac.base = None;
        lilac.patches = None;
        lilac.newest = None;
        lilac.published = Published::No;
        lilac.last = None;
        lilac.verified = false;
        lilac.trouble = Some(
            "it merged two releases, open-release/koa.rc3 and open-release/lilac.rc1: say which with --base".into(),
        );
        let typed = Typed::default().with("--deployment", Some("cutover.toml"));
        let text = status_text(&[juniper, branch("koa"), lilac], &[], &[], &Conventions::default(), &typed);
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_rebase_under_way_is_the_next_command() {
        let mut koa = branch("koa");
        let rebase = |branch: &str, result| RebaseStatus {
            branch: branch.to_owned(),
            onto: "upstream/open-release/koa.rc3".to_owned(),
            result,
            lacks_command: false,
        };
        koa.rebase = Some(rebase("mitx/koa", None));
        let shown = |koa: &BranchStatus, new: &[RebaseStatus]| {
            status_text(&[koa.clone(), branch("lilac")], new, &[], &Conventions::default(), &Typed::default())
        };
        let text = shown(&koa, &[]);
        assert!(text.contains("  rebase     in progress, onto upstream/open-release/koa.rc3\n"), "{text}");
        assert!(text.ends_with("Type:  cutover branch rebase --branch mitx/koa\n"), "{text}");
        koa.rebase = Some(rebase("mitx/koa", Some(id(9))));
        let text = shown(&koa, &[]);
        assert!(text.contains("  rebase     done, onto upstream/open-release/koa.rc3: 0909090909 is not"), "{text}");
        koa.rebase.as_mut().expect("a rebase").lacks_command = true;
        let words = shown(&koa, &[]).split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(words.contains("the command of --exec has NOT SUCCEEDED on 0909090909"), "{words}");
        let text = shown(&koa, &[rebase("mitx/maple", None)]);
        assert!(text.contains("mitx/maple: there is no such branch yet"), "{text}");
        assert!(text.ends_with("Type:  cutover branch rebase --branch mitx/maple\n"), "{text}");
    }

    #[test]
    fn a_branch_that_is_up_to_date_and_has_patches_that_upstream_withdrew_has_a_command_too() {
        let mut koa = branch("koa");
        koa.newest.as_mut().expect("there").behind = 0;
        koa.published = Published::Same;
        let shown = |koa: &BranchStatus| {
            status_text(std::slice::from_ref(koa), &[], &[], &Conventions::default(), &Typed::default())
        };
        assert!(!shown(&koa).contains("Type:"), "{}", shown(&koa));
        let known_from = "it was in upstream/open-release/koa.rc2 until 2020-12-01".to_owned();
        koa.withdrawn = vec![Withdrawn { commit: id(7), subject: "A mistake".to_owned(), known_from }];
        assert!(shown(&koa).ends_with("Type:  cutover branch forecast --branch mitx/koa\n"), "{}", shown(&koa));
    }

    #[test]
    fn a_branch_that_only_the_remote_has_is_named_as_the_remotes_in_the_next_command() {
        let mut lilac = branch("lilac");
        lilac.published = Published::OnlyThere;
        let text = status_text(&[lilac], &[], &[], &Conventions::default(), &Typed::default());
        assert!(text.ends_with("Type:  cutover branch forecast --branch origin/mitx/lilac\n"), "{text}");
    }

    #[test]
    fn what_would_refuse_at_publish_is_said_with_what_to_do() {
        let obstacle = Obstacle {
            what: "origin pushes to several addresses at once: ../origin.git, ../other.git".to_owned(),
            hint: "remove all but one with `git remote set-url --delete --push origin ADDRESS`".to_owned(),
            certain: true,
        };
        let text = status_text(&[branch("koa")], &[], &[obstacle], &Conventions::default(), &Typed::default());
        assert!(text.contains("PUBLISH WOULD REFUSE: origin pushes to several addresses at once:"), "{text}");
    }

    #[test]
    fn no_branch_at_all_is_said_with_how_to_make_one() {
        let text = status_text(&[], &[], &[], &Conventions::default(), &Typed::default());
        insta::assert_snapshot!(text, @"
        There is no branch like mitx/{codename}, in this clone or on origin.
          cutover branch create CODENAME
        ");
    }

    #[test]
    fn names_that_a_terminal_would_act_on_do_no_harm() {
        let mut koa = branch("koa");
        koa.last.as_mut().expect("there").who = "M\u{1b}[31mallory".to_owned();
        assert!(!status_text(&[koa], &[], &[], &Conventions::default(), &Typed::default()).contains('\u{1b}'));
    }
}
