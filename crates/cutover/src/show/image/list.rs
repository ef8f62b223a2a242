//! The list of images, one block for each, and the builders that live.

use cutover_core::deployment::Role;
use cutover_core::inventory::{GoesOn, Inventory, ListedBuilder, ListedImage};
use cutover_core::observation::Unseen;
use serde_json::{Value, json};

use super::words::{Around, called, contents, trouble, used, word};
use crate::harmless::one_line;
use crate::show::text::{WIDTH, count, hang};

/// `image list` as JSON.
#[must_use]
pub fn list_json(inventory: &Inventory, unseen: &[Unseen]) -> Value {
    json!({ "images": inventory.images, "builders": inventory.builders, "unseen": unseen })
}

/// `image list` for people.
#[must_use]
pub fn list_text(inventory: &Inventory, unseen: &[Unseen], around: &Around<'_>) -> String {
    let mut blocks: Vec<String> = Role::ALL.into_iter().filter_map(|role| of_role(inventory, role, around)).collect();
    if blocks.is_empty() {
        let none = "No image has the tags of {}. If there should be some, check the region, and the account of the credentials.";
        blocks.push(hang("", &none.replace("{}", around.deployment), WIDTH));
    }
    blocks.extend(builders(&inventory.builders, around));
    blocks.extend(unseen.iter().map(not_seen));
    if !inventory.images.is_empty() {
        blocks.push(format!("* the newest of its role. More of one: cutover image show {} NAME", around.file));
    }
    blocks.join("\n\n") + "\n"
}

fn of_role(inventory: &Inventory, role: Role, around: &Around<'_>) -> Option<String> {
    let images: Vec<&ListedImage> = inventory.images.iter().filter(|one| one.image.role == role).collect();
    let head = format!("{role}: {}", count(images.len(), "image"));
    let blocks: Vec<String> = images.iter().map(|one| block(one, around)).collect();
    (!blocks.is_empty()).then(|| format!("{head}\n{}", blocks.join("\n")))
}

/// An image in a few lines.
fn block(one: &ListedImage, around: &Around<'_>) -> String {
    let mark = if one.newest { "* " } else { "  " };
    let mut lines = vec![hang(mark, &called(one), WIDTH), hang("    ", &contents(one, around.now), WIDTH)];
    lines.extend(trouble(one).map(|trouble| hang("    ", &trouble, WIDTH)));
    lines.extend(one.uses.iter().map(|by| hang("    used by ", &used(by), WIDTH)));
    lines.join("\n")
}

fn builders(builders: &[ListedBuilder], around: &Around<'_>) -> Option<String> {
    let lines: Vec<String> = builders.iter().map(|one| builder(one, around)).collect();
    (!lines.is_empty()).then(|| format!("builders: {}\n{}", count(lines.len(), "instance"), lines.join("\n")))
}

fn builder(one: &ListedBuilder, around: &Around<'_>) -> String {
    let ListedBuilder { builder, goes_on } = one;
    let head = format!("{} ({}) for {}", builder.id, word(builder.state), one_line(builder.image.as_str()));
    let mut lines = vec![hang("  ", &head, WIDTH), hang("    ", said(*goes_on), WIDTH)];
    if let Some((why, command)) = to_type(one, around) {
        lines.push(hang("    ", why, WIDTH));
        lines.push(format!("      {command}"));
    }
    lines.join("\n")
}

const fn said(goes_on: GoesOn) -> &'static str {
    match goes_on {
        GoesOn::Now => "A conductor is at work on it.",
        GoesOn::WithPrepare => "Nobody goes on with it now.",
        GoesOn::Never => {
            "NOBODY GOES ON WITH IT: no plan that is under way builds its image. A builder ends by itself once it has run for \
             twice the `limit` of its image; one that is stopped does not."
        }
    }
}

/// What to type about a builder, and what for.
fn to_type(one: &ListedBuilder, around: &Around<'_>) -> Option<(&'static str, String)> {
    match one.goes_on {
        GoesOn::Now => None,
        GoesOn::WithPrepare => Some(("To go on, type:", format!("cutover prepare {}", around.file))),
        GoesOn::Never => {
            let (id, options) = (&one.builder.id, around.aws_options?);
            let command = format!("aws ec2 terminate-instances --instance-ids {id}{options}");
            Some(("If it is no longer wanted, type:", command))
        }
    }
}

fn not_seen(one: &Unseen) -> String {
    hang("NOT SEEN: ", &format!("{}: {}", one.part, one_line(&one.why)), WIDTH)
}
