//! `cutover report`: the upgrade as a document, during and after it.

use cutover_core::status::Evidence;

use super::world;
use crate::args::ReportArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::{output, show};

pub(super) fn run(args: &ReportArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let embedded = session.embedded();
        let (reading, damage) = session.read_to_look().await;
        let mut upgrade = reading.upgrade;
        world::find_pages(&session, &mut upgrade).await;
        let document = || {
            show::report(show::ReportInputs {
                records: &reading.records,
                upgrade: &upgrade,
                deployment: session.deployment(),
                visitors: embedded.map(|cloud| cloud.visitors()).as_ref(),
                violations: embedded.map(|cloud| cloud.violations()).as_deref(),
            })
        };
        let text = match &damage {
            _ if args.json => output::json_line(&Evidence::of(&reading.records))?,
            None => document(),
            Some(damage) => format!("{}\n\n{}", show::damaged(&damage.to_string()), document()),
        };
        match &args.output {
            None => output::result(&text)?,
            Some(path) => {
                output::file(path, &text)?;
                output::note(&format!("wrote {}", path.display()));
            }
        }
        damage.map_or(Ok(Exit::Done), Err)
    })
}
