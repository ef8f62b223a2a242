//! `cutover image list`: the images of a deployment, and the builders that live.

use super::look::{Looked, around, look};
use crate::args::image::ListArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::{output, show};

pub(super) fn run(args: &ListArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    crate::commands::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let upgrade = session.read().await?.upgrade;
        let looked = look(&session, &upgrade).await?;
        let Looked { inventory, unseen, .. } = &looked;
        match args.json {
            true => output::json(&show::image::list_json(inventory, unseen))?,
            false => output::result(&show::image::list_text(inventory, unseen, &around(&session, &looked)))?,
        }
        Ok(Exit::Done)
    })
}
