//! Explanations of patches: those given in the rebase, and those given now.

use std::collections::BTreeMap;

use super::sides::Sides;
use crate::error::{Error, Result};
use crate::names::ObjectId;

/// The explanation of a patch.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    pub(super) because: String,
    pub(super) by: String,
}

/// Explanations by patch of the old stack, and by merge, for changes that flattening loses.
pub(super) type Explanations = BTreeMap<ObjectId, Explanation>;

/// The explanations from the rebase, overridden by those that the operator, `by`, gives now.
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
            return Err(Error::refused(
                format!("there is no explanation for {id}"),
                "nothing was changed; give the explanation in words",
            ));
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
            "nothing was changed; give at least four digits of a patch's id; the same command without --explain lists them",
        )),
    }
}
