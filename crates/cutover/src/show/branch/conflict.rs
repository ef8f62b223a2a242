//! One conflict of a forecast with its details: where, why, what upstream did there, and both sides.

use cutover_patchstack::forecast::{Forecast, Hunk, PatchForecast, UpstreamCommit};
use cutover_patchstack::names::ObjectId;

use super::words::{excerpt, fitted, left_out, plain};
use crate::show::text::{WIDTH, hang, length};

/// How many lines of a conflict inside a file are shown, of both sides together.
const HUNK_LINES: usize = 12;
/// How many conflicts inside files are shown of a patch.
const HUNKS: usize = 4;
/// How many of upstream's commits are shown of a patch, culprits apart.
const COMMITS: usize = 5;

/// A conflict with its details.
#[must_use]
pub fn conflict_text(forecast: &Forecast, patch: &PatchForecast) -> String {
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
        let subject = subject(forecast, needed);
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

/// The subject of a patch of the stack.
pub(super) fn subject<'a>(forecast: &'a Forecast, commit: &ObjectId) -> &'a str {
    forecast.patches.iter().find(|patch| patch.commit == *commit).map_or("", |patch| &patch.subject)
}

#[cfg(test)]
mod tests {
    use cutover_patchstack::forecast::Fate;

    use super::*;
    use crate::show::branch::testing::{clean_forecast, conflicting_forecast, path};

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
        let text = conflict_text(&forecast, &forecast.patches[index]);
        assert!(text.contains("(29 more lines not shown: --json lists all)"), "{text}");
        assert!(text.contains("(5 more conflicts not shown: --json lists all)"), "{text}");
    }

    #[test]
    fn the_commit_behind_a_conflict_is_named_once() {
        let mut forecast = conflicting_forecast();
        let empty = clean_forecast();
        let patch = forecast.patches.iter_mut().find(|patch| patch.fate == Fate::Conflicts).expect("one");
        patch.because = "upstream's 9292929292 (Move static and media storage) changed the same lines".to_owned();
        let shown = |patch: &PatchForecast| conflict_text(&empty, patch);
        assert_eq!(shown(patch).matches("9292929292").count(), 1, "{}", shown(patch));
        assert!(!shown(patch).contains("  why "), "{}", shown(patch));
        patch.because = "upstream has the same patch as 9191919191 (Serve assets) and changed it since".to_owned();
        assert!(shown(patch).contains("  why    upstream has the same patch"), "{}", shown(patch));
    }
}
