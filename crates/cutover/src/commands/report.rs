//! `cutover report`: the upgrade as a document, during it and after.

use crate::args::ReportArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::{output, show};

pub(super) fn run(args: &ReportArgs) -> Result<Exit, CommandError> {
    let session = Session::open(Loaded::read(&args.file)?, Access::Look)?;
    super::block_on(async {
        let (reading, damage) = session.read_to_look().await;
        let text = show::report(show::ReportInputs {
            records: &reading.records,
            upgrade: &reading.upgrade,
            deployment: session.deployment(),
            visitors: Some(&session.cloud.visitors()),
            violations: &session.cloud.violations(),
        });
        match &args.output {
            None => output::result(&text)?,
            Some(path) => {
                let failed = |source| CommandError::File { path: path.display().to_string(), done: "written", source };
                std::fs::write(path, text).map_err(failed)?;
                output::note(&format!("wrote {}", path.display()));
            }
        }
        damage.map_or(Ok(Exit::Done), Err)
    })
}
