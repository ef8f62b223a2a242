//! `cutover image show`: everything that is known of one image.

use cutover_engine::retry;

use super::look::{around, look};
use crate::args::image::ShowArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::harmless::one_line;
use crate::session::{Access, Loaded, Session};
use crate::{output, show};

pub(super) fn run(args: &ShowArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    crate::commands::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let upgrade = session.read().await?.upgrade;
        let looked = look(&session, &upgrade).await?;
        let one = looked.inventory.find(&args.image).ok_or_else(|| not_found(&session, &args.image))?;
        let id = &one.image.id;
        let disks = retry::read(&*session.clock, async || looked.world.images.disks(id).await).await?;
        match args.json {
            true => output::json(&show::image::one_json(one, &disks))?,
            false => output::result(&show::image::one_text(one, &disks, &around(&session, &looked)))?,
        }
        Ok(Exit::Done)
    })
}

fn not_found(session: &Session, image: &str) -> CommandError {
    let name = &session.deployment().name;
    CommandError::refused(
        format!("{name} has no image with the name or id `{}`, or several with that name", one_line(image)),
        "see what there is, with ids: `cutover image list`",
    )
}
