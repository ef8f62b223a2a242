//! `cutover branch mirror`: copies of upstream's release branches on our remote.

use cutover_patchstack::mirror::{Outcome, mirror};
use cutover_patchstack::remote::LIMIT;

use super::fork::Fork;
use super::needs_a_person;
use super::progress::Progress;
use crate::args::branch::MirrorArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::{output, show};

pub(super) fn run(args: &MirrorArgs) -> Result<Exit, CommandError> {
    let fork = Fork::open(&args.common)?;
    let mirrored = {
        let mut progress = Progress::of("mirroring");
        let pattern = args.pattern.as_deref();
        mirror(&fork.repository, &fork.conventions, pattern, LIMIT, &mut |doing| progress.hear(doing))?
    };
    if args.common.json {
        output::json(&serde_json::json!({ "mirrored": mirrored }))?;
    } else {
        output::result(&show::branch::mirror_text(&mirrored, &fork.conventions))?;
    }
    let refused = mirrored.iter().any(|copy| matches!(copy.outcome, Outcome::Refused { .. }));
    let diverged = mirrored.iter().any(|copy| matches!(copy.outcome, Outcome::Diverged { .. }));
    Ok(if refused { Exit::Failed } else { needs_a_person(diverged) })
}
