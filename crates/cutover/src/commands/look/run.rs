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
    shown: Addresses,
    mut browser: Option<Browser>,
) -> Result<(), CommandError> {
    let has_browser = browser.is_some();
    let mut interrupted = wall::interrupted();
    let goes_on = async || {
        for _ in 0..MOMENTS_BETWEEN_LOOKS {
            let is_told = matches!(select(&mut interrupted, wall::sleep(MOMENT)).await, Either::Left(_));
            if is_told || browser.as_mut().is_some_and(Browser::is_closed) {
                return false;
            }
        }
        true
    };
    let tell = |changed: &[String], now: &Addresses| {
        output::note(&format!("\nAddresses have changed: {}.", changed.join("; ")));
        if has_browser {
            output::note(
                "The browser still uses the old ones. If pages fail, close it and type the same command again.",
            );
        }
        show(args, loaded, now).map(drop)
    };
    each_change(shown, goes_on, async || resolved(&loaded.deployment).await, tell).await
}

/// Tells each change of the addresses: what has changed, and the addresses of now. Before each look it waits for `goes_on`, and ends
/// once that says no.
async fn each_change(
    mut shown: Addresses,
    mut goes_on: impl AsyncFnMut() -> bool,
    mut resolve: impl AsyncFnMut() -> Addresses,
    mut tell: impl FnMut(&[String], &Addresses) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    while goes_on().await {
        let now = resolve().await;
        let changed = changes(&shown, &now);
        if !changed.is_empty() {
            tell(&changed, &now)?;
            shown = now;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(address: &str) -> Addresses {
        [("alb.example.com".into(), vec![address.parse().expect("an address")])].into()
    }

    #[test]
    fn each_change_of_an_address_is_told_once_with_the_new_ones_until_it_is_over() {
        let [old, new] = ["192.0.2.7", "192.0.2.9"].map(at);
        let mut looks = [old.clone(), new.clone(), new.clone(), old.clone()].into_iter();
        let mut waits = [true, true, true, true, false].into_iter();
        let goes_on = async || waits.next().expect("it is not asked again");
        let mut told = Vec::new();
        let tell = |changed: &[String], now: &Addresses| {
            told.push((changed.join("; "), now.clone()));
            Ok(())
        };
        let resolve = async || looks.next().expect("it is not over");
        let ended = each_change(old.clone(), goes_on, resolve, tell).now_or_never();
        assert!(matches!(ended, Some(Ok(()))));
        let change = |from: &str, to: &str| format!("alb.example.com had {from}, and has {to} now");
        assert_eq!(told, [(change("192.0.2.7", "192.0.2.9"), new), (change("192.0.2.9", "192.0.2.7"), old)]);
    }
}
