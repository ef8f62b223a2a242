//! What somebody said of patches in words: when they were skipped in a rebase, or now.

use std::collections::BTreeMap;

use super::sides::Sides;
use crate::error::{Error, Result};
use crate::names::ObjectId;

/// What somebody said of a patch.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    pub(super) because: String,
    pub(super) by: String,
}

/// What was said, by patch of the old stack. Merges are among them: of what flattening loses.
pub(super) type Explanations = BTreeMap<ObjectId, Explanation>;

/// What was said in the rebase, and over it what is said now, `by` the operator.
pub(super) fn of(sides: &Sides, now: &[(String, String)], by: &str) -> Result<Explanations> {
    let mut explanations = Explanations::new();
    if let Some(rebase) = &sides.rebase {
        for skip in &rebase.skips {
            let explanation = Explanation { because: skip.because.clone(), by: skip.by.clone() };
            explanations.insert(skip.patch.clone(), explanation);
        }
        let accepted = rebase.loss_accepted.iter();
        let accepted = accepted.flat_map(|accepted| sides.old.merges.iter().map(move |merge| (merge, accepted)));
        for (merge, accepted) in accepted {
            let explanation = Explanation { because: accepted.because.clone(), by: accepted.by.clone() };
            explanations.insert(merge.clone(), explanation);
        }
    }
    for (id, because) in now {
        if because.trim().is_empty() {
            return Err(Error::refused(format!("nothing is said of {id}"), "nothing was changed; say why, in words"));
        }
        let explanation = Explanation { because: because.clone(), by: by.to_owned() };
        explanations.insert(find(sides, id)?, explanation);
    }
    Ok(explanations)
}

fn find(sides: &Sides, id: &str) -> Result<ObjectId> {
    let digits = id.to_ascii_lowercase();
    let old = sides.old.patches.iter().map(|patch| &patch.commit).chain(&sides.old.merges);
    let found: Vec<&ObjectId> = old.filter(|commit| commit.as_str().starts_with(&digits)).collect();
    match found[..] {
        [commit] if digits.len() >= 4 => Ok(commit.clone()),
        _ => Err(Error::refused(
            format!(
                "{id:?} names {} of the commits of the old stack",
                if found.is_empty() { "none" } else { "several" }
            ),
            "nothing was changed; give at least four digits of a patch's id: `cutover branch verify` lists them",
        )),
    }
}
