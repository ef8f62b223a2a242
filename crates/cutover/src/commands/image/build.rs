//! `cutover image build`: the steps of `prepare` that build images, and nothing else of it.

use cutover_core::plan::Phase;
use cutover_engine::drive::Part;

use crate::args::image::BuildArgs;
use crate::args::{OrderName, PhaseArgs};
use crate::commands::phase;
use crate::error::CommandError;
use crate::exit::Exit;

pub(super) fn run(args: &BuildArgs) -> Result<Exit, CommandError> {
    let args = PhaseArgs {
        file: args.file.clone(),
        plan: None,
        order: OrderName::Overlapped,
        replan: args.replan,
        retry: Vec::new(),
        accept: Vec::new(),
        because: None,
        take_over: args.take_over.clone(),
        late: false,
        dry_run: false,
        pace: args.pace,
        json: args.json,
    };
    phase::run_part(&args, Phase::Prepare, Part::Images)
}
