//! A forecast: one line for each patch, then what conflicts and why, then the verdict.

use cutover_patchstack::forecast::{Fate, Forecast, PatchForecast};
use cutover_patchstack::names::ObjectId;

use super::causes::causes_text;
use super::left_behind::left_behind;
use super::typed::{Typed, quoted};
use super::withdrawn::withdrawn;
use super::words::{self, fitted, left_out, plain};
use crate::show::text::{WIDTH, hang, length};

/// How many lost files are shown.
const LOST: usize = 8;

/// Up to so many conflicts are shown with all their details; more are grouped by their causes.
const FEW: usize = 3;

/// The conflicts of a forecast that are shown with their details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// All, if they are few.
    Few,
    /// All.
    All,
    /// Those of these patches, and nothing else is shown.
    Of(Vec<ObjectId>),
}

impl Details {
    /// Whether the conflict of a patch is shown with its details.
    #[must_use]
    pub fn include(&self, forecast: &Forecast, patch: &PatchForecast) -> bool {
        match self {
            Self::Few => number(forecast, Fate::Conflicts) <= FEW,
            Self::All => true,
            Self::Of(patches) => patches.contains(&patch.commit),
        }
    }
}

/// The first part of `branch forecast` for people: what becomes of each patch.
#[must_use]
pub fn outcomes_text(forecast: &Forecast) -> String {
    let mut parts = vec![head(forecast)];
    parts.extend(left_behind(&forecast.left_behind, &forecast.onto_name, forecast.leaves.as_ref()));
    parts.extend(lost(forecast));
    parts.extend(withdrawn(&forecast.withdrawn));
    if !forecast.patches.is_empty() {
        parts.push(table(forecast));
    }
    parts.join("\n\n")
}

/// The last part, after the conflicts that are shown with their details: the causes of the others, reasons, and the verdict.
/// `typed` has the options that say which branch is meant.
#[must_use]
pub fn verdict_text(forecast: &Forecast, details: &Details, typed: &Typed) -> String {
    let mut parts = Vec::new();
    if forecast.patches.iter().any(|patch| patch.fate == Fate::Conflicts && !details.include(forecast, patch)) {
        parts.push(causes_text(forecast, typed));
    }
    parts.extend(reasons(forecast));
    parts.push(format!("{}\n{}", hang("", &verdict(forecast), WIDTH), next(forecast, typed)));
    parts.join("\n\n")
}

/// `branch forecast --brief`: a line for each patch, and the sum.
#[must_use]
pub fn brief_text(forecast: &Forecast) -> String {
    let mut parts = Vec::new();
    parts.extend(lost(forecast));
    if !forecast.patches.is_empty() {
        parts.push(table(forecast));
    }
    parts.push(hang("", &verdict(forecast), WIDTH));
    parts.join("\n\n")
}

/// A patch that does not conflict, for those who ask for its details.
#[must_use]
pub fn fate_text(patch: &PatchForecast) -> String {
    let because = if patch.because.is_empty() { String::new() } else { format!(": {}", plain(&patch.because)) };
    hang(&format!("{}  ", patch.commit.short()), &format!("{}{because}", word(patch.fate)), WIDTH)
}

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
    let target = forecast.target.as_ref().map_or_else(String::new, |target| format!(" --as {}", quoted(target)));
    let onto = format!("--onto {}{target}{backwards}", quoted(&forecast.onto_name));
    if !forecast.flattening.lost.is_empty() {
        let words = "Commit what the merges changed as a separate patch, or say why it can be lost:";
        let onto = format!("{onto} --accept-loss \"...\"");
        return format!("{words}\n  {}", typed.command("rebase", &onto));
    }
    let command = typed.command("rebase", &onto);
    match number(forecast, Fate::Conflicts) {
        0 if forecast.patches.is_empty() => String::new(),
        0 if !forecast.left_behind.is_empty() && forecast.leaves.is_none() => {
            let all = typed.command("forecast", "--all-candidates");
            format!("To compare all candidates, or to leave these commits behind:\n  {all}\n  {command}")
        }
        0 => format!("Type:  {command}"),
        _ => format!("A rebase stops at each conflict, with a folder to resolve it in:\n  {command}"),
    }
}

#[cfg(test)]
mod tests {
    use cutover_patchstack::forecast::{Hunk, UpstreamCommit};
    use cutover_patchstack::ledger::Named;

    use super::*;
    use crate::show::branch::conflict::conflict_text;
    use crate::show::branch::testing::{
        assert_fits, clean_forecast, conflicting_forecast, contested_forecast, id, path,
    };

    /// All parts, as a command prints them one after the other.
    fn forecast_text(forecast: &Forecast, typed: &Typed) -> String {
        text_with(forecast, &Details::Few, typed)
    }

    fn text_with(forecast: &Forecast, details: &Details, typed: &Typed) -> String {
        let conflicts = forecast.patches.iter().filter(|patch| patch.fate == Fate::Conflicts);
        let shown = conflicts.filter(|patch| details.include(forecast, patch));
        let mut parts = vec![outcomes_text(forecast)];
        parts.extend(shown.map(|patch| conflict_text(forecast, patch)));
        parts.push(verdict_text(forecast, details, typed));
        parts.join("\n\n")
    }

    #[test]
    fn many_conflicts_are_grouped_by_what_causes_them_and_where() {
        let text = forecast_text(&contested_forecast(), &typed());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn all_details_are_there_on_demand() {
        let forecast = contested_forecast();
        let text = text_with(&forecast, &Details::All, &typed());
        assert_eq!(text.matches("CONFLICT  ").count(), number(&forecast, Fate::Conflicts), "{text}");
        assert!(!text.contains("--details"), "{text}");
    }

    #[test]
    fn a_brief_forecast_has_a_line_for_each_patch_and_the_sum() {
        let text = brief_text(&contested_forecast());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

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
    fn a_rebase_onto_another_release_is_printed_for_our_branch_of_that_release() {
        let forecast = Forecast { target: Some("mitx/lilac".to_owned()), ..clean_forecast() };
        let text = forecast_text(&forecast, &typed());
        assert!(text.contains("--onto upstream/open-release/koa.rc3 --as mitx/lilac"), "{text}");
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
