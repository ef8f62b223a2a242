//! Which file does what `cutover image` is asked for.

use super::{build, list, prune, show};
use crate::args::image::{ImageArgs, ImageCommand};
use crate::error::CommandError;
use crate::exit::Exit;

pub(crate) fn run(args: &ImageArgs) -> Result<Exit, CommandError> {
    match &args.command {
        ImageCommand::Build(args) => build::run(args),
        ImageCommand::List(args) => list::run(args),
        ImageCommand::Show(args) => show::run(args),
        ImageCommand::Prune(args) => prune::run(args),
    }
}
