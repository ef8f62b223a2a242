//! The yes of somebody who has seen what is to be removed.

use futures_util::future::{Either, select};

use crate::args::image::PruneArgs;
use crate::error::CommandError;
use crate::output;
use crate::wall::{Keyboard, Typed, interrupted};

/// Returns if images may be removed: with `--yes`, or once somebody has typed it.
///
/// # Errors
/// When nobody has said so.
pub(super) async fn consent(args: &PruneArgs) -> Result<(), CommandError> {
    if args.yes {
        return Ok(());
    }
    let keyboard = Keyboard::of_this_terminal().filter(|keyboard| keyboard.is_in_foreground() && !args.json);
    let Some(keyboard) = keyboard else {
        return Err(CommandError::refused(
            "nobody can be asked here whether these images may be removed",
            "nothing was changed; if they may, add --yes to the command",
        ));
    };
    output::note("Removed images cannot be brought back. Type `yes` to remove them; anything else removes nothing:");
    let mut listening = keyboard.listen().await;
    let typed = Box::pin(listening.next());
    match select(typed, interrupted()).await {
        Either::Left((Typed::Line(line), _)) if line.trim() == "yes" => Ok(()),
        _ => Err(CommandError::refused("that was no `yes`", "nothing was changed")),
    }
}
