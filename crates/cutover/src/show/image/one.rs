//! Everything that is known of one image.

use cutover_core::inventory::ListedImage;
use cutover_core::names::DiskId;
use cutover_core::time::{between, human};
use serde_json::{Value, json};

use super::words::{Around, called, ledger, trouble, used};
use crate::harmless::one_line;
use crate::show::text::{WIDTH, hang};

/// `image show` as JSON.
#[must_use]
pub fn one_json(one: &ListedImage, snapshots: &[DiskId]) -> Value {
    json!({ "image": one, "snapshots": snapshots })
}

/// `image show` for people.
#[must_use]
pub fn one_text(one: &ListedImage, snapshots: &[DiskId], around: &Around<'_>) -> String {
    let image = &one.image;
    let commit = image.commit.as_deref().map(|commit| format!("{}{}", one_line(commit), ledger(one)));
    let newest = if one.newest { ", the newest of its role" } else { "" };
    let mut rows = vec![
        ("state", trouble(one).unwrap_or_else(|| format!("available{newest}"))),
        ("role", image.role.to_string()),
        ("release", format!("{}, release-version {}", one_line(&image.codename), one_line(&image.version))),
        ("commit", commit.unwrap_or_else(|| "no tag says which".to_owned())),
        ("created", format!("{}, {} ago", image.created.strftime("%Y-%m-%d %H:%M:%S UTC"), age(one, around))),
    ];
    rows.extend(one.uses.iter().map(|by| ("used by", used(by))));
    if one.uses.is_empty() {
        rows.push(("used by", format!("nothing of {} that is seen from here", around.deployment)));
    }
    rows.extend(snapshots.iter().map(|disk| ("snapshot", one_line(disk.as_str()))));
    if snapshots.is_empty() {
        rows.push(("snapshot", "none is listed".to_owned()));
    }
    let rows = rows.iter().map(|(label, text)| hang(&format!("  {label:<10}"), text, WIDTH));
    let lines: Vec<String> = std::iter::once(hang("", &called(one), WIDTH)).chain(rows).collect();
    lines.join("\n") + "\n"
}

fn age(one: &ListedImage, around: &Around<'_>) -> String {
    human(between(one.image.created, around.now))
}
