//! What `cutover look` does: shows the ways, and for `--open` and `--watch` goes on until it is told to end.

use std::time::Duration;

use futures_util::future::{Either, select};

use super::addresses::{Addresses, resolved};
use super::browser::Browser;
use super::ways::{Ways, changes, text};
use crate::args::LookArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::session::Loaded;
use crate::{output, wall};

/// How often the browser is looked after.
const MOMENT: Duration = Duration::from_secs(1);
/// After how many moments the names are resolved again. ELB's names have a TTL of 60 s.
const MOMENTS_BETWEEN_LOOKS: u32 = 30;

pub(in super::super) fn run(args: &LookArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    super::super::block_on(async {
        let addresses = resolved(&loaded.deployment).await;
        let ways = show(args, &loaded, &addresses)?;
        if ways.hosts.is_empty() {
            return Err(CommandError::refused(
                "no balancer's name resolves on this machine, so no way leads to a site",
                "see that this machine has a network and a resolver, and that each `domain` under [[balancer]] is right",
            ));
        }
        let browser = if args.open { Some(Browser::open(&ways.chromium)?) } else { None };
        if browser.is_some() || args.watch {
            watch(args, &loaded, addresses, browser).await?;
        }
        Ok(Exit::Done)
    })
}

fn show(args: &LookArgs, loaded: &Loaded, addresses: &Addresses) -> Result<Ways, CommandError> {
    let ways = Ways::of(&loaded.deployment, addresses, wall::now());
    match args.json {
        true => output::result(&output::json_line(&ways)?)?,
        false => output::result(&text(&ways, &loaded.deployment))?,
    }
    Ok(ways)
}

/// Shows the ways again whenever addresses have changed, until the browser is closed or this process is told to end.
async fn watch(
    args: &LookArgs,
    loaded: &Loaded,
    mut shown: Addresses,
    mut browser: Option<Browser>,
) -> Result<(), CommandError> {
    let mut interrupted = wall::interrupted();
    for moment in 1_u32.. {
        if let Either::Left(_) = select(&mut interrupted, wall::sleep(MOMENT)).await {
            break;
        }
        if browser.as_mut().is_some_and(Browser::is_closed) {
            break;
        }
        if moment % MOMENTS_BETWEEN_LOOKS != 0 {
            continue;
        }
        let now = resolved(&loaded.deployment).await;
        let changed = changes(&shown, &now);
        if !changed.is_empty() {
            output::note(&format!("\nAddresses have changed: {}.", changed.join("; ")));
            if browser.is_some() {
                output::note(
                    "The browser still uses the old ones. If pages fail, close it and type the same command again.",
                );
            }
            show(args, loaded, &now)?;
            shown = now;
        }
    }
    Ok(())
}
