//! The parts of a status that ask a person to do something. They come before everything that only informs.

use std::collections::BTreeMap;

use cutover_core::journal::OldCode;
use cutover_core::status::{ConductorState, FailedStep, Status, WaitingGate, wake_command};
use cutover_core::time::{between, human};

use cutover_core::words::some_of;

use super::found::joined;
use super::text::{WIDTH, hang};

/// What to do about a state that cannot be written.
pub(super) fn unwritable(status: &Status) -> Option<String> {
    let advice = "The conductor may have stopped because of this. Make sure that the state can be written, for example that \
                  its disk has room, before you run a phase.";
    let lines = |why| [hang("  ", why, WIDTH), hang("", advice, WIDTH)].join("\n");
    status.unwritable.as_ref().map(|why| format!("THE STATE CANNOT BE WRITTEN FROM HERE\n{}", lines(why)))
}

/// What to do about an upgrade that has begun, and whose journal is missing.
pub(super) fn journal_missing(status: &Status) -> Option<String> {
    let epoch = status.journal_missing_since?;
    let why = format!(
        "The zone's fence was written by conductor {epoch} of this upgrade, and nothing is on record here. The journal was \
         removed or moved, or `location` under [state] was edited."
    );
    let advice = "Restore the journal, or correct `location`, before you run anything else: a phase would begin the upgrade \
                  anew. Without the journal, nobody knows what is done; `cutover check` shows the zone and the hosts.";
    Some(["THE JOURNAL IS MISSING".to_owned(), hang("  ", &why, WIDTH), hang("", advice, WIDTH)].join("\n"))
}

/// What to do about a conductor that does nothing.
pub(super) fn suspended(status: &Status) -> Option<String> {
    let ConductorState::Suspended { process, .. } = &status.conductor_state else { return None };
    let about = format!(
        "process {process} does nothing, and ends only with SIGKILL: somebody pressed Ctrl-Z, or it used its terminal \
         from the background. To let it go on, type `fg` in its terminal, or:"
    );
    let mut lines = vec![hang("WAKE IT  ", &about, WIDTH), format!("         {}", wake_command(*process))];
    if let Some(command) = &status.take_over_command {
        lines.push(hang("         ", "If it is not to go on, conduct the upgrade from here:", WIDTH));
        lines.push(format!("         {command}"));
    }
    Some(lines.join("\n"))
}

/// A gate that waits: its question, its checklist, and the command that approves it.
pub(super) fn gate(status: &Status, gate: &WaitingGate) -> String {
    let since = human(between(gate.since, status.now));
    let mut lines =
        vec![hang("DECIDE   ", &format!("{} (gate `{}`, waits for {since})", gate.question, gate.gate), WIDTH)];
    lines.extend(gate.checklist.iter().map(|item| hang("         [ ] ", item, WIDTH)));
    // A command is never broken: it is there to be copied.
    lines.extend(gate.look_command.iter().map(|command| format!("         to look at the new sites: {command}")));
    lines.extend(gate.command.iter().map(|command| format!("         {command}")));
    lines.join("\n")
}

/// A step that has failed: why, what it means for the page, and the choices.
pub(super) fn failed(failed: &FailedStep) -> String {
    let page = match &failed.page_stays_because {
        Some(because) => format!("must stay up: {because}"),
        None => "may be lifted once the finished steps are undone".to_owned(),
    };
    let mut lines = match &failed.refused {
        Some(refused) => vec![hang("refused  ", &failed.title, WIDTH), hang("         ", &refused.words(), WIDTH)],
        None => vec![hang("FAILED   ", &failed.title, WIDTH), hang("         ", &failed.error, WIDTH)],
    };
    lines.extend(failed.page_is_up.then(|| hang("         page: ", &page, WIDTH)));
    lines.push(hang("         step: ", failed.step.as_str(), WIDTH));
    let consent =
        "The operator has confirmed that the schema is repaired. The migration runs again when the window continues.";
    lines.extend(failed.consent_holds.then(|| hang("         ", consent, WIDTH)));
    let job = "Its job may still run. It is waited for when the window goes on, and its failure would be shown here.";
    lines.extend(failed.job_may_run.then(|| hang("         ", job, WIDTH)));
    let because = match failed.accept_command {
        _ if failed.lacks_snapshot => "To go on with the snapshot as it is:",
        _ if failed.tasks_left.is_some() => "To leave the tasks to the next hosts:",
        _ if !failed.unseen.is_empty() => "To let visitors back without a look at these hosts, if that can do no harm:",
        _ if failed.soaked => "To watch the new site again:",
        Some(_) => "It is not done again automatically. If it was not done:",
        None => "It is not run again automatically. Once its schema is repaired:",
    };
    let accepted = if failed.soaked { "If it may stay as it is:" } else { "If it was done:" };
    let choices = [(because, &failed.retry_command), (accepted, &failed.accept_command)];
    for (when, command) in choices {
        // A command is never wrapped, so that it can be copied.
        lines.extend(command.iter().map(|command| format!("         {when}\n         {command}")));
    }
    lines.join("\n")
}

/// Services of current hosts that are stopped although visitors get the site from these hosts.
pub(super) fn stopped(status: &Status) -> Option<String> {
    let hosts = &status.stopped;
    if hosts.is_empty() {
        return None;
    }
    let about = "visitors are not sent to the maintenance page, and the window has stopped services on current hosts. If it \
                 does not go on now, start them by hand on each of these hosts, unless somebody has. When it goes on, it \
                 stops them again. To start them:";
    let mut lines = vec![hang("STOPPED  ", about, WIDTH)];
    let mut together: BTreeMap<&[String], Vec<String>> = BTreeMap::new();
    for stopped in hosts {
        together.entry(&stopped.start_commands).or_default().push(stopped.host.to_string());
    }
    for (commands, hosts) in together {
        lines.push(hang("         ", &format!("on {}:", hosts.join(", ")), WIDTH));
        lines.extend(commands.iter().map(|command| format!("         {command}")));
    }
    Some(lines.join("\n"))
}

/// Old code that has run on a migrated schema.
pub(super) fn old_code(status: &Status) -> Option<String> {
    if status.old_code.is_empty() {
        return None;
    }
    let about = "old code was found running although the migrations of its fleet had begun. What it has \
                 written may be wrong for the new code, so find that out before visitors rely on it:";
    let found =
        |old: &OldCode| format!("{} on {}, found {}", joined(&old.programs), old.host, status.clock.show(old.at));
    let mut lines = vec![hang("OLD CODE ", about, WIDTH)];
    lines.extend(status.old_code.iter().map(|old| hang("         ", &found(old), WIDTH)));
    Some(lines.join("\n"))
}

/// What only people can do, on hosts that the upgrade goes on with.
pub(super) fn left_to_do(status: &Status) -> Option<String> {
    let lines: Vec<String> = status.left_to_do.iter().map(|text| hang("TO DO    ", text, WIDTH)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Next hosts that are gone, and that nothing launches again.
pub(super) fn left_out(status: &Status) -> Option<String> {
    const SHOWN: usize = 5;
    let names: Vec<String> = status.left_out.iter().map(ToString::to_string).collect();
    let about = format!("{}: gone, so the window goes on without; launch others by hand", some_of(&names, SHOWN));
    (!names.is_empty()).then(|| hang("MISSING  ", &about, WIDTH))
}

/// That the file was edited, and how the edit is applied.
pub(super) fn edited(status: &Status) -> Option<String> {
    let edited = status.edited.as_ref()?;
    if let Some(words) = edited.put_back_words(status.clock) {
        return Some(hang("EDITED   ", &words, WIDTH));
    }
    let command = status.apply_command.as_ref()?;
    let is_at_work = status.conductor_state.lives() == Some(true);
    let when = if is_at_work { "To apply the edit, stop the conductor, then:" } else { "To apply the edit:" };
    let words = hang("EDITED   ", &format!("{}. {when}", edited.words()), WIDTH);
    Some(format!("{words}\n         {command}"))
}
