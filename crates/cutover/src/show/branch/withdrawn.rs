//! Patches that upstream had and has withdrawn: somebody decides whether they are kept.

use cutover_patchstack::withdrawn::Withdrawn;

use super::words::{fitted, plain};
use crate::show::text::{WIDTH, hang, length};

/// The patches, with how it is known that they were upstream's, and what there is to decide; none if there are none.
pub(super) fn withdrawn(patches: &[Withdrawn]) -> Option<String> {
    if patches.is_empty() {
        return None;
    }
    let what = match patches.len() {
        1 => "1 patch is not ours: upstream had it, and has it no more.".to_owned(),
        number => format!("{number} patches are not ours: upstream had them, and has them no more."),
    };
    let mut lines = vec![hang("WITHDRAWN: ", &what, WIDTH)];
    for patch in patches {
        let first = format!("  {}  ", patch.commit.short());
        lines.push(format!("{first}{}", fitted(&patch.subject, WIDTH - length(&first))));
        lines.push(hang("              ", &plain(&patch.known_from), WIDTH));
    }
    let decide = "Leave it out with --skip PATCH --because \"...\" when the rebase starts, or say in `branch verify` why it is kept, \
                  with --explain PATCH --because \"...\".";
    lines.push(hang("  ", decide, WIDTH));
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, id};

    #[test]
    fn each_patch_that_upstream_withdrew_is_named_with_what_is_known_and_what_to_decide() {
        let one = |number: u8, known_from: &str| Withdrawn {
            commit: id(number),
            subject: format!("Release candidate: use version {number} of the grader in every course"),
            known_from: known_from.to_owned(),
        };
        let patches = [
            one(1, "it was in upstream/open-release/koa.rc2 until 2020-12-01"),
            one(2, "a ledger of 2020-12-09 has it as upstream's"),
        ];
        let text = withdrawn(&patches).expect("a warning");
        assert_fits(&text);
        insta::assert_snapshot!(text);
        assert!(withdrawn(&patches[..1]).expect("a warning").contains("1 patch is not ours: upstream had it"));
        assert_eq!(withdrawn(&[]), None);
    }
}
