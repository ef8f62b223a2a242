//! Many conflicts, grouped by what causes them and by the files that they are in.

use cutover_patchstack::forecast::{Fate, Forecast, PatchForecast};

use super::conflict::subject;
use super::typed::Typed;
use super::words::{fitted, plain};
use crate::show::text::{WIDTH, hang, length};

/// The patches of one cause, by their index in the stack.
struct Group {
    cause: String,
    /// The conflicting files, and the patches that conflict in just these.
    places: Vec<(String, Vec<usize>)>,
}

impl Group {
    fn patches(&self) -> usize {
        self.places.iter().map(|(_, patches)| patches.len()).sum()
    }
}

/// The conflicts of a forecast by their causes, those of most conflicts first.
pub(super) fn causes_text(forecast: &Forecast, typed: &Typed) -> String {
    let mut groups: Vec<Group> = Vec::new();
    for (index, patch) in forecast.patches.iter().enumerate().filter(|(_, patch)| patch.fate == Fate::Conflicts) {
        let files: Vec<String> = patch.files.iter().map(ToString::to_string).collect();
        add(&mut groups, cause(forecast, patch), plain(&files.join(", ")), index);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.patches()));
    let command =
        typed.command("forecast", &format!("--onto {} --details PATCH", super::typed::quoted(&forecast.onto_name)));
    let title = format!("CONFLICTS by cause. All about one of them:\n  {command}");
    let mut parts = vec![title];
    parts.extend(groups.iter().map(|group| text(forecast, group)));
    parts.join("\n\n")
}

fn add(groups: &mut Vec<Group>, cause: String, files: String, patch: usize) {
    let group = match groups.iter().position(|group| group.cause == cause) {
        Some(index) => &mut groups[index],
        None => {
            groups.push(Group { cause, places: Vec::new() });
            let last = groups.len() - 1;
            &mut groups[last]
        }
    };
    match group.places.iter_mut().find(|(place, _)| *place == files) {
        Some((_, patches)) => patches.push(patch),
        None => group.places.push((files, vec![patch])),
    }
}

/// What causes a conflict, in words that are the same for all conflicts that it causes.
fn cause(forecast: &Forecast, patch: &PatchForecast) -> String {
    if let Some(culprit) = patch.upstream.iter().find(|commit| commit.culprit) {
        return format!("upstream's {}  {} ({})", culprit.commit.short(), culprit.subject, culprit.author);
    }
    match patch.depends_on.as_slice() {
        [] => patch.because.clone(),
        [needed] => format!("needs {}, which is left out: {}", needed.short(), subject(forecast, needed)),
        [needed, more @ ..] => {
            let names = format!("needs {} and {} more, which are left out", needed.short(), more.len());
            format!("{names}: {}", subject(forecast, needed))
        }
    }
}

fn text(forecast: &Forecast, group: &Group) -> String {
    let mut lines = vec![hang("", &plain(&group.cause), WIDTH)];
    let digits = forecast.patches.len().to_string().len();
    for (files, patches) in &group.places {
        if !files.is_empty() {
            lines.push(hang("  in ", files, WIDTH));
        }
        lines.extend(patches.iter().map(|index| {
            let patch = &forecast.patches[*index];
            let first = format!("    {:>digits$}  {}  ", index + 1, patch.commit.short());
            format!("{first}{}", fitted(&patch.subject, WIDTH - length(&first))).trim_end().to_owned()
        }));
    }
    lines.join("\n")
}
