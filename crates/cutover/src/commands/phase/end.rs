//! What is printed at the end of a phase.

use serde::Serialize;

use cutover_core::plan::Phase;
use cutover_core::status::Status;
use cutover_engine::drive::{Conductor, Stop};
use cutover_engine::halt::Halt;
use cutover_engine::journal::{Journal, JournalError};
use cutover_engine::lease::LeaseLost;
use cutover_engine::phase::Ending;

use super::status::last_status;
use crate::args::PhaseArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::Session;
use crate::{output, show};

/// The last line of `--json`: the status after all progress.
#[derive(Serialize)]
#[serde(tag = "progress", rename = "ended")]
struct Ended {
    status: Status,
}

/// Prints the status at the end, for people or as the last line of `--json`.
async fn show_end(args: &PhaseArgs, status: Status, leave: &Stop) -> Result<(), CommandError> {
    let text = if args.json { output::json_line(&Ended { status })? } else { show::status_text(&status) };
    output::result_in_time(text, leave).await
}

/// Prints how the phase ended and what is next.
pub(super) async fn ended(
    args: &PhaseArgs,
    session: &Session,
    phase: Phase,
    conductor: &Conductor,
    ending: &Ending,
    leave: &Stop,
) -> Result<Exit, CommandError> {
    let upgrade = conductor.journal.upgrade().clone();
    let status = last_status(session, &upgrade, None);
    let advice = show::after_failure(phase, status.next_command.as_deref(), &status.failed);
    show_end(args, status, leave).await?;
    if let Some(line) = session.connection().and_then(|aws| show::calls(&aws.calls())) {
        output::note(&line);
    }
    Ok(match ending {
        Ending::Finished => Exit::Done,
        Ending::Failed(_) => {
            output::note(&advice);
            Exit::StepFailed
        }
        Ending::Stopped => Exit::Stopped,
        Ending::PartDone => {
            output::note(&format!("the images are built; `cutover {phase} {}` does the rest", session.file()));
            Exit::Done
        }
    })
}

/// The conductor has stopped at once. If the state is gone, only this process still knows what happened, and shows it.
pub(super) async fn halted(
    args: &PhaseArgs,
    session: &Session,
    journal: &Journal,
    halt: Halt,
    leave: &Stop,
) -> CommandError {
    let is_gone = matches!(halt, Halt::Journal(JournalError::Gone { .. }) | Halt::Lease(LeaseLost::Gone { .. }));
    if is_gone {
        let (upgrade, words) = (journal.upgrade().clone(), halt.to_string());
        let status = last_status(session, &upgrade, Some(&words));
        let _ = show_end(args, status, leave).await;
    }
    CommandError::Halted(Box::new(halt))
}
