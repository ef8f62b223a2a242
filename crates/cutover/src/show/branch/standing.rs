//! The state of a rebase: done, or stopped at a patch with the commands that resolve it.

use cutover_patchstack::ledger::Ledger;
use cutover_patchstack::names::{GitPath, ObjectId};
use cutover_patchstack::rebase::exec::{Exec, ExecState};
use cutover_patchstack::rebase::{Standing, Stop, Submodule};

use super::left_behind::left_behind;
use super::typed::{Typed, quoted};
use super::withdrawn::withdrawn;
use super::words::{fitted, patches, plain};
use crate::show::text::{WIDTH, hang};

/// How many of git's words on a conflict are shown.
const MESSAGES: usize = 8;

/// The state of a rebase, for people, and what the ledger of its result says, if there is one. `typed` has the options
/// that say which branch is meant.
#[must_use]
pub fn standing_text(standing: &Standing, ledger: Option<&Ledger>, typed: &Typed) -> String {
    let mut parts = vec![head(standing)];
    parts.extend(left_behind(&standing.left_behind, &standing.onto_name, standing.leaves.as_ref()));
    parts.extend(withdrawn(&standing.withdrawn));
    parts.extend(decided(standing, typed));
    match &standing.stop {
        Some(stop) if stop.given_up => parts.extend([stopped(stop), show_again(stop, typed), other_ways(stop, typed)]),
        Some(stop) => parts.extend([stopped(stop), resolve(stop, typed), other_ways(stop, typed)]),
        None => parts.push(ended(standing, ledger, typed)),
    }
    parts.join("\n\n") + "\n"
}

/// When no rebase is under way.
#[must_use]
pub fn no_standing_text(branch: &str, typed: &Typed) -> String {
    format!("No rebase of {} is under way.\n\nType:  {}\n", plain(branch), typed.command("forecast", ""))
}

/// When a rebase was aborted.
#[must_use]
pub fn aborted_text(branch: &str) -> String {
    let text = format!(
        "The rebase of {} was aborted: its folder and its ref are removed. The branch never moved.",
        plain(branch)
    );
    hang("", &text, WIDTH) + "\n"
}

fn head(standing: &Standing) -> String {
    let Standing { branch, old, onto, onto_name, done, total, .. } = standing;
    let title = format!("{} ({}) onto {} ({})", plain(branch), old.short(), plain(onto_name), onto.short());
    let position = match &standing.stop {
        Some(_) => format!("STOPPED after {done} of {}", patches(*total)),
        None => format!("Done: {}", replayed(standing)),
    };
    format!("{}\n{position}.", hang("", &title, WIDTH))
}

/// `6 of 8 patches replayed, 1 left out, 1 empty`.
fn replayed(standing: &Standing) -> String {
    let (left_out, empty) = (standing.skipped.len(), standing.empty.len());
    let count = standing.total.saturating_sub(left_out + empty);
    if count == standing.total {
        return format!("{} replayed", patches(count));
    }
    let mut words = format!("{count} of {} replayed", patches(standing.total));
    for (number, what) in [(left_out, "left out"), (empty, "empty")] {
        if number > 0 {
            words.push_str(&format!(", {number} {what}"));
        }
    }
    words
}

/// The decisions so far, and the patches of which nothing was left.
fn decided(standing: &Standing, typed: &Typed) -> Option<String> {
    let mut lines = Vec::new();
    for skipped in &standing.skipped {
        let words = format!("{}; because: {}", plain(&skipped.subject), plain(&skipped.because));
        lines.push(hang(&format!("  left out  {}  ", skipped.commit.short()), &words, WIDTH));
    }
    if let Some(skipped) = standing.skipped.last() {
        let command = typed.command("rebase", &format!("--unskip {}", skipped.commit.short()));
        lines.push(format!("  to take it in again: {command}"));
    }
    lines.extend(standing.resolved.iter().map(|commit| format!("  resolved  {}", commit.short())));
    lines.extend(standing.empty.iter().map(|commit| format!("  empty     {}  nothing is left of it", commit.short())));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn stopped(stop: &Stop) -> String {
    let mut lines = vec![format!("CONFLICT  {}  {}", stop.commit.short(), fitted(&stop.subject, WIDTH - 22))];
    for path in &stop.files {
        // A path is never broken: it is copied.
        lines.push(format!("  in  {}", plain(&path.to_string())));
    }
    let said = stop.messages.iter().flat_map(|message| message.lines()).filter(|line| !line.trim().is_empty());
    lines.extend(said.take(MESSAGES).map(|line| hang("  git says: ", &plain(line), WIDTH)));
    lines.join("\n")
}

/// After somebody has given up the cherry-pick in the folder.
fn show_again(stop: &Stop, typed: &Typed) -> String {
    format!(
        "Nothing of the conflict is in its folder any more:\n  {}\nThis shows it there again:\n  {}",
        quoted(&stop.folder),
        typed.command("rebase", "--continue")
    )
}

fn resolve(stop: &Stop, typed: &Typed) -> String {
    let folder = quoted(&stop.folder);
    let mut lines = vec!["Resolve it in this folder, which is a separate work tree:".to_owned(), format!("  {folder}")];
    if !stop.offered.is_empty() {
        lines.push("An earlier resolution was applied to these files. Check them; nothing is staged:".to_owned());
        lines.extend(stop.offered.iter().map(|path| format!("  {}", quoted(&path.to_string()))));
    }
    let moved = moved(stop);
    let chosen = stop.submodules.iter().filter(|submodule| !moved.contains(&&submodule.path));
    lines.extend(chosen.flat_map(|submodule| choose(submodule, &folder)));
    lines.extend(moved.iter().flat_map(|path| out_of_the_way(path, &folder)));
    lines.push("Mark what is resolved, as with any conflict, and continue:".to_owned());
    let is_file =
        |path: &&GitPath| !moved.contains(path) && !stop.submodules.iter().any(|submodule| submodule.path == **path);
    let files: Vec<&GitPath> = stop.files.iter().filter(is_file).collect();
    if !files.is_empty() {
        lines.extend(staged(&files, &folder));
    }
    lines.push(format!("  {}", typed.command("rebase", "--continue")));
    lines.join("\n")
}

/// The command that stages resolved files, and nothing else: what was edited or checked out beside them may belong to another patch, and
/// new files may be copies of `git mergetool`. Many paths, and those that cannot be typed, are asked of git.
fn staged(files: &[&GitPath], folder: &str) -> Vec<String> {
    if files.len() <= 3 && files.iter().all(|path| is_typable(path)) {
        let paths = files.iter().map(|path| quoted(&path.to_string())).collect::<Vec<String>>().join(" ");
        return vec![format!("  git -C {folder} add -- {paths}")];
    }
    vec![
        format!("  git -C {folder} diff --name-only --diff-filter=U -z |"),
        format!("    git -C {folder} add --pathspec-from-file=- --pathspec-file-nul"),
    ]
}

/// A path that is no text cannot be typed the way it is shown.
fn is_typable(path: &GitPath) -> bool {
    path.as_bytes() == path.to_string().as_bytes()
}

/// How to choose the commit of a submodule. Its folder is empty in a work tree for conflicts, so there is nothing to add.
fn choose(submodule: &Submodule, folder: &str) -> Vec<String> {
    let Submodule { path, there, patch } = submodule;
    let shown = quoted(&path.to_string());
    let command = |commit: &Option<ObjectId>| match commit {
        Some(commit) => {
            format!("  git -C {folder} update-index --add --cacheinfo {}", quoted(&format!("160000,{commit},{path}")))
        }
        None => format!("  git -C {folder} update-index --force-remove -- {shown}"),
    };
    vec![
        hang(
            "",
            &format!("{} is a submodule, whose commit is chosen in the index. What is there now:", plain(&shown)),
            WIDTH,
        ),
        command(there),
        "What the patch wants:".to_owned(),
        command(patch),
    ]
}

/// Files that git has given another name, because something else is in their place: a folder, a link, a submodule.
fn moved(stop: &Stop) -> Vec<&GitPath> {
    let digits = &stop.commit.as_str()[..7];
    let was_moved = |path: &&GitPath| {
        let shown = path.to_string();
        let label = shown.rsplit_once('~').map(|(_, label)| label);
        is_typable(path) && label.is_some_and(|label| label == "HEAD" || label.starts_with(digits))
    };
    stop.files.iter().filter(was_moved).collect()
}

/// What to do with such a file.
fn out_of_the_way(path: &GitPath, folder: &str) -> [String; 2] {
    let shown = path.to_string();
    let name = shown.rsplit_once('~').map_or(shown.as_str(), |(name, _)| name);
    let what = format!(
        "{} is something else on the other side, so git calls this one {}. Leave it out, or give it another name with `git mv`:",
        plain(name),
        plain(&shown)
    );
    [hang("", &what, WIDTH), format!("  git -C {folder} rm -- {}", quoted(&shown))]
}

fn other_ways(stop: &Stop, typed: &Typed) -> String {
    let skip = typed.command("rebase", &format!("--skip {} --because \"...\"", stop.commit.short()));
    format!(
        "Or leave the patch out, and say why; or abort the rebase:\n  {skip}\n  {}",
        typed.command("rebase", "--abort")
    )
}

fn ended(standing: &Standing, ledger: Option<&Ledger>, typed: &Typed) -> String {
    if let Some(exec) = standing.exec.as_ref().filter(|exec| exec.state != ExecState::Succeeded) {
        return not_yet(standing, exec, typed);
    }
    let (branch, head) = (plain(&standing.branch), standing.head.short());
    let result = format!("The result is {head}, kept in {}.", standing.work_ref);
    let (text, next) = match ledger.map(|ledger| &ledger.published) {
        Some(Some(published)) => {
            let (by, at) = (plain(&published.by), &published.at);
            (format!("{result} It was published as {branch} by {by}, {at}."), typed.of_all().command("status", ""))
        }
        Some(None) => {
            let text = format!("{result} Its patches are accounted for; {branch} itself has not moved.");
            (text, typed.command("publish", ""))
        }
        None => {
            let text = format!("{result} {branch} itself has not moved: account for its patches, then publish it.");
            (text, typed.command("verify", ""))
        }
    };
    format!("{}\n\nType:  {next}", hang("", &text, WIDTH))
}

/// The command of `--exec` has not succeeded.
fn not_yet(standing: &Standing, exec: &Exec, typed: &Typed) -> String {
    let head = standing.head.short();
    let (text, has_folder) = match exec.state {
        ExecState::Running => {
            (format!("The command of --exec is running on the result, {head}, in this folder:"), true)
        }
        ExecState::BrokenOff => {
            (format!("The command of --exec was BROKEN OFF on the result, {head}. It has left this folder:"), true)
        }
        ExecState::Failed => {
            (format!("The command of --exec FAILED on the result, {head}. The folder is as the command left it:"), true)
        }
        ExecState::NotRun | ExecState::Succeeded => {
            (format!("The command of --exec has not been run on the result, {head}, yet."), false)
        }
    };
    let folder = if has_folder { format!("  {}\n", quoted(&exec.folder)) } else { String::new() };
    let next = if exec.state == ExecState::Running { "Once it has ended, it" } else { "It" };
    let again = match standing.resolved.first() {
        Some(patch) if exec.state == ExecState::Failed => {
            let unskip = typed.command("rebase", &format!("--unskip {}", patch.short()));
            let which = if standing.resolved.len() > 1 { ", or another that was resolved" } else { "" };
            format!("\nIf a conflict was resolved wrongly, resolve it again{which}:\n  {unskip}")
        }
        _ => String::new(),
    };
    format!(
        "{}\n{folder}{next} is run again, and the rebase is given up, by:\n  {}\n  {}{again}",
        hang("", &text, WIDTH),
        typed.command("rebase", "--continue"),
        typed.command("rebase", "--abort")
    )
}

#[cfg(test)]
mod tests {
    use cutover_patchstack::ledger::Published;
    use cutover_patchstack::rebase::Skipped;

    use super::*;
    use crate::show::branch::testing::{assert_fits, empty_ledger, id, path};

    fn standing() -> Standing {
        Standing {
            branch: "mitx/koa".to_owned(),
            old: id(1),
            base: id(2),
            onto: id(3),
            onto_name: "upstream/open-release/koa.rc3".to_owned(),
            left_behind: Vec::new(),
            leaves: None,
            withdrawn: Vec::new(),
            exec: None,
            total: 8,
            done: 8,
            skipped: Vec::new(),
            resolved: Vec::new(),
            empty: vec![id(6)],
            head: id(4),
            work_ref: "refs/cutover/rebased/mitx/koa".to_owned(),
            stop: None,
        }
    }

    fn stopped() -> Standing {
        let skipped = Skipped {
            commit: id(7),
            subject: "Turn the banner off".to_owned(),
            because: "upstream has a setting for it since koa.rc2".to_owned(),
        };
        let stop = Stop {
            commit: id(5),
            subject: "Serve course assets from the CDN".to_owned(),
            folder: "../edx-platform.mitx-koa.rebase".to_owned(),
            files: vec![path("lms/envs/production.py"), path("cms/envs/my production.py")],
            submodules: Vec::new(),
            offered: vec![path("lms/envs/production.py")],
            given_up: false,
            messages: vec!["CONFLICT (content): Merge conflict in lms/envs/production.py\n".to_owned()],
        };
        Standing { done: 4, skipped: vec![skipped], resolved: vec![id(8)], stop: Some(stop), ..standing() }
    }

    #[test]
    fn a_stop_says_where_to_resolve_it_and_all_three_ways_on() {
        let typed = Typed::default().with("--deployment", Some("cutover.toml")).with("--branch", Some("mitx/koa"));
        insta::assert_snapshot!(standing_text(&stopped(), None, &typed));
    }

    #[test]
    fn a_conflict_that_is_not_in_its_folder_any_more_is_shown_again_before_anything_is_resolved() {
        let mut standing = stopped();
        let stop = standing.stop.as_mut().expect("a stop");
        (stop.given_up, stop.files) = (true, Vec::new());
        let text = standing_text(&standing, None, &Typed::default());
        assert_fits(&text);
        assert!(text.contains("This shows it there again:\n  cutover branch rebase --continue\n"), "{text}");
        assert!(!text.contains("Mark what is resolved"), "{text}");
    }

    #[test]
    fn the_end_says_that_the_branch_has_not_moved_and_what_comes_next() {
        let text = standing_text(&standing(), None, &Typed::default().with("--branch", Some("mitx/koa")));
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_verified_is_to_be_published_and_what_is_published_is_done() {
        let typed = Typed::default().with("--branch", Some("mitx/koa"));
        let mut ledger = empty_ledger();
        let verified = standing_text(&standing(), Some(&ledger), &typed);
        assert!(verified.ends_with("Type:  cutover branch publish --branch mitx/koa\n"), "{verified}");
        ledger.published = Some(Published { by: "Alice".to_owned(), at: "2020-11-24T15:00:00Z".to_owned() });
        let published = standing_text(&standing(), Some(&ledger), &typed);
        assert_fits(&published);
        assert!(published.contains("published as mitx/koa by Alice"), "{published}");
    }

    #[test]
    fn a_command_that_failed_on_the_result_comes_before_what_is_next() {
        let mut standing = standing();
        let folder = "../edx-platform.mitx-koa.rebase.exec".to_owned();
        standing.exec = Some(Exec { command: "make test".to_owned(), state: ExecState::Failed, folder });
        let text = standing_text(&standing, None, &Typed::default());
        assert_fits(&text);
        insta::assert_snapshot!(text);
        standing.exec.as_mut().expect("a command").state = ExecState::Succeeded;
        assert!(standing_text(&standing, None, &Typed::default()).ends_with("cutover branch verify\n"));
    }

    #[test]
    fn without_a_rebase_a_forecast_is_offered() {
        insta::assert_snapshot!(no_standing_text("mitx/koa", &Typed::default()), @"
        No rebase of mitx/koa is under way.

        Type:  cutover branch forecast
        ");
        insta::assert_snapshot!(aborted_text("mitx/koa"), @"
        The rebase of mitx/koa was aborted: its folder and its ref are removed. The
        branch never moved.
        ");
    }

    #[test]
    fn a_path_that_cannot_be_typed_is_not_offered_to_be_typed() {
        let mut standing = stopped();
        standing.stop.as_mut().expect("a stop").files = vec![cutover_patchstack::names::GitPath::new(*b"caf\xe9")];
        assert!(standing_text(&standing, None, &Typed::default()).contains(" add --pathspec-from-file=-"));
    }

    #[test]
    fn a_submodule_and_a_file_in_the_way_of_a_folder_have_commands_of_their_own() {
        let mut standing = stopped();
        let stop = standing.stop.as_mut().expect("a stop");
        stop.files = vec![path("themes/mitx"), path("static~HEAD")];
        let (there, patch) = (Some(id(0x31)), Some(id(0x32)));
        stop.submodules = vec![Submodule { path: path("themes/mitx"), there, patch }];
        stop.offered = Vec::new();
        stop.messages = vec![
            "CONFLICT (submodule): Merge conflict in themes/mitx".to_owned(),
            "CONFLICT (file/directory): directory in the way of static from HEAD; moving it to static~HEAD instead."
                .to_owned(),
        ];
        let text = standing_text(&standing, None, &Typed::default());
        assert_fits(&text);
        insta::assert_snapshot!(text);
        standing.stop.as_mut().expect("a stop").submodules[0].patch = None;
        let text = standing_text(&standing, None, &Typed::default());
        assert!(text.contains("update-index --force-remove -- themes/mitx"), "{text}");
    }

    #[test]
    fn commands_to_type_are_never_broken_over_lines() {
        let mut standing = stopped();
        standing.stop.as_mut().expect("a stop").folder = "/home/alice/source code/edx/platform".repeat(3);
        let text = standing_text(&standing, None, &Typed::default());
        assert!(text.lines().any(|line| line.starts_with("  '/home") && line.ends_with("platform'")), "{text}");
    }
}
