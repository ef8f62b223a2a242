//! A forecast: one line for each patch, then details of those that do not simply apply, then the verdict.

use std::collections::BTreeMap;

use cutover_patchstack::forecast::{Fate, Forecast, Hunk, PatchForecast, UpstreamCommit};
use cutover_patchstack::names::ObjectId;

use super::left_behind::left_behind;
use super::typed::{Typed, quoted};
use super::withdrawn::withdrawn;
use super::words::{self, excerpt, fitted, left_out, plain};
use crate::show::text::{WIDTH, hang, length};

/// How many lines of a conflict inside a file are shown, of both sides together.
const HUNK_LINES: usize = 12;
/// How many conflicts inside files are shown of a patch.
const HUNKS: usize = 4;
/// How many of upstream's commits are shown of a patch, culprits apart.
const COMMITS: usize = 5;
/// How many lost files are shown.
const LOST: usize = 8;

/// `branch forecast` for people. `typed` has the options that say which branch is meant.
#[must_use]
pub fn forecast_text(forecast: &Forecast, typed: &Typed) -> String {
    let mut parts = vec![head(forecast)];
    parts.extend(left_behind(&forecast.left_behind, &forecast.onto_name));
    parts.extend(lost(forecast));
    parts.extend(withdrawn(&forecast.withdrawn));
    if !forecast.patches.is_empty() {
        parts.push(table(forecast));
    }
    let subjects: Subjects<'_> = forecast.patches.iter().map(|patch| (&patch.commit, patch.subject.as_str())).collect();
    let conflicts = forecast.patches.iter().filter(|patch| patch.fate == Fate::Conflicts);
    parts.extend(conflicts.map(|patch| conflict(patch, &subjects)));
    parts.extend(reasons(forecast));
    parts.push(format!("{}\n{}", hang("", &verdict(forecast), WIDTH), next(forecast, typed)));
    parts.join("\n\n") + "\n"
}

type Subjects<'a> = BTreeMap<&'a ObjectId, &'a str>;

fn head(forecast: &Forecast) -> String {
    let Forecast { branch, branch_head, onto, onto_name, base, base_found, .. } = forecast;
    let mut lines = vec![
        hang(
            "",
            &format!("{} ({}) onto {} ({})", plain(branch), branch_head.short(), plain(onto_name), onto.short()),
            WIDTH,
        ),
        hang("", &format!("Its patches begin at {}.", words::base(base, base_found)), WIDTH),
    ];
    let flattening = &forecast.flattening;
    if flattening.merges > 0 && flattening.lost.is_empty() {
        let merges = if flattening.merges == 1 { "1 merge is" } else { &format!("{} merges are", flattening.merges) };
        lines.push(hang(
            "",
            &format!("{merges} left out, as `git rebase` does; the patches alone produce the same tree."),
            WIDTH,
        ));
    }
    lines.join("\n")
}

/// What the merges changed beyond the patches, which a rebase would lose silently.
fn lost(forecast: &Forecast) -> Option<String> {
    let lost = &forecast.flattening.lost;
    if lost.is_empty() {
        return None;
    }
    let merges = match forecast.flattening.merges {
        1 => "its merge".to_owned(),
        merges => format!("its {merges} merges"),
    };
    let what = format!(
        "the patches alone do not produce the tree of the branch: {merges} changed these files too, and a rebase leaves \
         merges out"
    );
    let mut lines = vec![hang("LOSES SOMETHING: ", &what, WIDTH)];
    lines.extend(lost.iter().take(LOST).map(|path| format!("  {}", fitted(&path.to_string(), WIDTH - 2))));
    lines.extend(left_out("  ", lost.len().saturating_sub(LOST), "file"));
    Some(lines.join("\n"))
}

fn table(forecast: &Forecast) -> String {
    let digits = forecast.patches.len().to_string().len();
    let line = |(index, patch): (usize, &PatchForecast)| {
        let first = format!("{:>digits$}  {}  {:<10}  ", index + 1, patch.commit.short(), word(patch.fate));
        format!("{first}{}", fitted(&patch.subject, WIDTH - length(&first))).trim_end().to_owned()
    };
    forecast.patches.iter().enumerate().map(line).collect::<Vec<String>>().join("\n")
}

/// The fate in a word. What needs a person is seen without colours.
const fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Applies => "applies",
        Fate::Changed => "changed",
        Fate::Conflicts => "CONFLICTS",
        Fate::Upstreamed => "upstreamed",
        Fate::Included => "included",
        Fate::Empty => "empty",
    }
}

fn conflict(patch: &PatchForecast, subjects: &Subjects<'_>) -> String {
    let title = format!("CONFLICT  {}  ", patch.commit.short());
    let day = patch.author.date.split(['T', ' ']).next().unwrap_or_default();
    let mut lines = vec![
        format!("{title}{}", fitted(&patch.subject, WIDTH - length(&title))),
        format!("  by     {}", fitted(&format!("{}, {day}", patch.author.name), WIDTH - 9)),
    ];
    for (index, path) in patch.files.iter().enumerate() {
        let name = if index == 0 { "  in     " } else { "         " };
        lines.push(hang(name, &plain(&path.to_string()), WIDTH));
    }
    if !patch.because.is_empty() && !only_names_the_culprit(patch) {
        lines.push(hang("  why    ", &plain(&patch.because), WIDTH));
    }
    for (index, needed) in patch.depends_on.iter().enumerate() {
        let name = if index == 0 { "  needs  " } else { "         " };
        let subject = subjects.get(needed).copied().unwrap_or_default();
        lines.push(format!("{name}{}  {}", needed.short(), fitted(subject, WIDTH - 21)).trim_end().to_owned());
    }
    lines.extend(commits(&patch.upstream));
    lines.extend(hunks(&patch.hunks));
    lines.join("\n")
}

/// Whether the words on a conflict say no more than the mark at one of upstream's commits, which are listed anyway.
fn only_names_the_culprit(patch: &PatchForecast) -> bool {
    let culprit = patch.upstream.iter().find(|commit| commit.culprit);
    culprit.is_some_and(|culprit| patch.because.starts_with(&format!("upstream's {} ", culprit.commit.short())))
}

/// Upstream's commits in the conflicting files, those first that the conflict begins with.
fn commits(upstream: &[UpstreamCommit]) -> Vec<String> {
    if upstream.is_empty() {
        return Vec::new();
    }
    let (culprits, others): (Vec<_>, Vec<_>) = upstream.iter().partition(|commit| commit.culprit);
    let legend = if culprits.is_empty() { "" } else { " (* is the one that causes the conflict)" };
    let mut lines = vec![format!("  upstream's commits there{legend}:")];
    let shown = culprits.iter().chain(others.iter().take(COMMITS));
    lines.extend(shown.map(|commit| {
        let mark = if commit.culprit { '*' } else { ' ' };
        let first = format!("  {mark} {}  ", commit.commit.short());
        let whose = format!(" ({})", fitted(&commit.author, 24));
        let room = WIDTH - length(&first) - length(&whose);
        format!("{first}{}{whose}", fitted(&commit.subject, room))
    }));
    lines.extend(left_out("    ", others.len().saturating_sub(COMMITS), "commit"));
    lines
}

fn hunks(hunks: &[Hunk]) -> Vec<String> {
    let mut lines = Vec::new();
    for hunk in hunks.iter().take(HUNKS) {
        lines.push(hang("  at     ", &format!("{}:{}", plain(&hunk.path.to_string()), hunk.line), WIDTH));
        let (there, patch) = (hunk.there.lines().count(), hunk.patch.lines().count());
        // Each side has half of the room, and what the other leaves of its half.
        let half = HUNK_LINES / 2;
        let rooms = [HUNK_LINES - patch.min(half), HUNK_LINES - there.min(half)];
        for (name, text, room) in [("there now:", &hunk.there, rooms[0]), ("the patch:", &hunk.patch, rooms[1])] {
            let none = if text.is_empty() { " nothing" } else { "" };
            lines.push(format!("    {name}{none}"));
            let (shown, more) = excerpt(text, "    | ", room, WIDTH);
            lines.extend(shown);
            lines.extend(left_out("    | ", more, "line"));
        }
    }
    lines.extend(left_out("  ", hunks.len().saturating_sub(HUNKS), "conflict"));
    lines
}

/// Why patches that need nobody do not simply apply.
fn reasons(forecast: &Forecast) -> Vec<String> {
    let kinds = [
        (Fate::Changed, "Applies, but its diff is different on the new base:"),
        (Fate::Upstreamed, "Upstream has it already:"),
        (Fate::Included, "Another patch of ours has it already:"),
        (Fate::Empty, "Nothing is left of it:"),
    ];
    let mut parts = Vec::new();
    for (fate, title) in kinds {
        let patches: Vec<&PatchForecast> = forecast.patches.iter().filter(|patch| patch.fate == fate).collect();
        if patches.is_empty() {
            continue;
        }
        let lines = patches.iter().map(|patch| {
            let because = if patch.because.is_empty() { &patch.subject } else { &patch.because };
            hang(&format!("  {}  ", patch.commit.short()), &plain(because), WIDTH)
        });
        parts.push(format!("{title}\n{}", lines.collect::<Vec<String>>().join("\n")));
    }
    parts
}

/// What a rebase would come to, in one sentence.
pub(super) fn verdict(forecast: &Forecast) -> String {
    if forecast.patches.is_empty() {
        return "There are no patches: the branch is the same as upstream's.".to_owned();
    }
    let skipped = number(forecast, Fate::Conflicts);
    let skipped = if skipped > 0 { format!(" (with {skipped} skipped)") } else { String::new() };
    format!("{}; result {}{skipped}.", counts(forecast), forecast.head.short())
}

/// `12 apply, 1 conflicts`.
pub(super) fn counts(forecast: &Forecast) -> String {
    let words = [
        (Fate::Applies, "applies", "apply"),
        (Fate::Changed, "with changed context", "with changed context"),
        (Fate::Conflicts, "CONFLICTS", "CONFLICT"),
        (Fate::Upstreamed, "already upstream", "already upstream"),
        (Fate::Included, "in another patch of ours", "in other patches of ours"),
        (Fate::Empty, "empty", "empty"),
    ];
    let counted = words.iter().filter_map(|(fate, one, several)| match number(forecast, *fate) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {several}")),
    });
    counted.collect::<Vec<String>>().join(", ")
}

fn number(forecast: &Forecast, fate: Fate) -> usize {
    forecast.patches.iter().filter(|patch| patch.fate == fate).count()
}

fn next(forecast: &Forecast, typed: &Typed) -> String {
    let backwards = if forecast.left_behind.is_empty() { "" } else { " --backwards" };
    let onto = format!("--onto {}{backwards}", quoted(&forecast.onto_name));
    if !forecast.flattening.lost.is_empty() {
        let words = "Commit what the merges changed as a separate patch, or say why it can be lost:";
        let onto = format!("{onto} --accept-loss \"...\"");
        return format!("{words}\n  {}", typed.command("rebase", &onto));
    }
    let command = typed.command("rebase", &onto);
    match number(forecast, Fate::Conflicts) {
        0 if forecast.patches.is_empty() => String::new(),
        0 if !forecast.left_behind.is_empty() => {
            let all = typed.command("forecast", "--all-candidates");
            format!("To compare all candidates, or to leave these commits behind:\n  {all}\n  {command}")
        }
        0 => format!("Type:  {command}"),
        _ => format!("A rebase stops at each conflict, with a folder to resolve it in:\n  {command}"),
    }
}

#[cfg(test)]
mod tests {
    use cutover_patchstack::ledger::Named;

    use super::*;
    use crate::show::branch::testing::{assert_fits, clean_forecast, conflicting_forecast, id, path};

    fn typed() -> Typed {
        Typed::default().with("--branch", Some("mitx/koa"))
    }

    #[test]
    fn a_forecast_says_of_every_patch_what_becomes_of_it_and_of_a_conflict_why() {
        let text = forecast_text(&conflicting_forecast(), &typed());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_clean_forecast_is_short_and_ends_in_the_command_that_does_it() {
        let text = forecast_text(&clean_forecast(), &typed());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_flattening_would_lose_is_said_first_and_a_rebase_is_not_offered_without_a_reason() {
        let mut forecast = clean_forecast();
        forecast.flattening.lost = vec![path("requirements/edx/base.txt"), path("lms/urls.py")];
        let text = forecast_text(&forecast, &typed());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_target_that_lacks_commits_of_the_base_says_which_and_is_not_offered_as_if_nothing_were_lost() {
        let mut forecast = clean_forecast();
        let named = |number, subject: &str| Named { commit: id(number), subject: subject.to_owned() };
        forecast.left_behind = vec![named(0x71, "Escape names in certificates"), named(0x72, "Pin the grader")];
        let text = forecast_text(&forecast, &typed());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn long_conflicts_are_cut_with_a_count() {
        let mut forecast = conflicting_forecast();
        let lines = |number: usize| (0..number).map(|line| format!("    line_{line} = True\n")).collect::<String>();
        let hunk = |there, patch| Hunk { path: path("a.py"), line: 7, there: lines(there), patch: lines(patch) };
        for (hunk, shown) in [(hunk(40, 0), 12), (hunk(40, 40), 12), (hunk(3, 40), 12), (hunk(2, 2), 4)] {
            let lines = hunks(std::slice::from_ref(&hunk));
            assert_eq!(lines.iter().filter(|line| line.contains("line_")).count(), shown, "{lines:?}");
        }
        let index = forecast.patches.iter().position(|patch| patch.fate == Fate::Conflicts).expect("one");
        forecast.patches[index].hunks = vec![hunk(40, 1); 9];
        let text = forecast_text(&forecast, &typed());
        assert!(text.contains("(29 more lines not shown: --json lists all)"), "{text}");
        assert!(text.contains("(5 more conflicts not shown: --json lists all)"), "{text}");
    }

    #[test]
    fn the_commit_behind_a_conflict_is_named_once() {
        let mut forecast = conflicting_forecast();
        let patch = forecast.patches.iter_mut().find(|patch| patch.fate == Fate::Conflicts).expect("one");
        patch.because = "upstream's 9292929292 (Move static and media storage) changed the same lines".to_owned();
        let shown = |patch: &PatchForecast| conflict(patch, &Subjects::new());
        assert_eq!(shown(patch).matches("9292929292").count(), 1, "{}", shown(patch));
        assert!(!shown(patch).contains("  why "), "{}", shown(patch));
        patch.because = "upstream has the same patch as 9191919191 (Serve assets) and changed it since".to_owned();
        assert!(shown(patch).contains("  why    upstream has the same patch"), "{}", shown(patch));
    }

    #[test]
    fn a_branch_without_patches_needs_no_command() {
        let mut forecast = clean_forecast();
        forecast.patches.clear();
        let text = forecast_text(&forecast, &typed());
        assert!(text.contains("There are no patches") && !text.contains("Type:"), "{text}");
    }

    #[test]
    fn words_of_others_cannot_steer_the_terminal() {
        let mut forecast = conflicting_forecast();
        for patch in &mut forecast.patches {
            patch.subject = "a\u{1b}]0;title\u{7}b".to_owned();
            patch.because = "c\u{9b}d\u{1b}[2J".to_owned();
            patch.author.name = "\u{1b}[8m".to_owned();
            patch.upstream.push(UpstreamCommit {
                commit: id(77),
                subject: "x\u{1b}c".to_owned(),
                author: "\u{1b}c".to_owned(),
                culprit: false,
            });
            let hunk = |hunk: &mut Hunk| hunk.there = "\u{1b}[2J\n".to_owned();
            patch.hunks.iter_mut().for_each(hunk);
        }
        let text = forecast_text(&forecast, &typed());
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
    }
}
