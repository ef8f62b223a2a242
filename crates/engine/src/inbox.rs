//! The inbox of decisions: any process may add one, but only the conductor records it.
//!
//! Plans that were shown for approval are kept here too. If a plan is out of date when it is approved, this makes it
//! possible to say what has changed since.

use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Upgrade};
use cutover_core::plan::Plan;

use crate::store::{Created, Store, StoreError, number_of};

/// A decision in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The name of the object that contains it, which identifies it from then on.
    pub object: String,
    /// What was decided.
    pub decision: Decision,
}

/// Adds a decision to the inbox, after all others. Their order is that in which they were added, which the names of the
/// objects show; clocks of different machines cannot be compared. The numbers of decisions on record count too, because
/// the inbox may have been emptied.
///
/// # Errors
/// When the store fails.
pub async fn drop_in(store: &Store, upgrade: &Upgrade, decision: &Decision) -> Result<String, StoreError> {
    loop {
        let there = decisions(store).await?;
        let last = there.iter().chain(upgrade.delivered.values()).filter_map(|name| number_in(name)).max();
        let name = format!("{FOLDER}/{:08}.json", last.unwrap_or(0) + 1);
        let bytes = serde_json::to_vec(decision).map_err(|source| store.damaged(&name, source))?;
        if store.create(&name, bytes).await? == Created::New {
            return Ok(name);
        }
    }
}

/// The decisions that came after the last one on record for their gate, in the order in which they were added.
///
/// # Errors
/// When the store fails.
pub async fn undelivered(store: &Store, upgrade: &Upgrade) -> Result<Vec<Delivery>, StoreError> {
    let mut waiting = Vec::new();
    for object in decisions(store).await? {
        let Some(bytes) = store.read(&object).await? else { continue };
        let decision: Decision = match serde_json::from_slice(&bytes) {
            Ok(decision) => decision,
            // A file that is not a decision, or is damaged, must not prevent others from deciding.
            Err(error) => {
                store.warn(&format!("{object} in {} is not a decision, and is ignored ({error})", store.location()));
                continue;
            }
        };
        if !is_delivered(upgrade, &object, &decision) {
            waiting.push(Delivery { object, decision });
        }
    }
    Ok(waiting)
}

const FOLDER: &str = "decisions";

/// The objects that contain decisions: first those of the first format, which are named after the time, then those that
/// are numbered.
async fn decisions(store: &Store) -> Result<Vec<String>, StoreError> {
    let is_ours = |name: &str| number_of(name).is_some() || is_of_version_1(name);
    let mut names = store.list(FOLDER, is_ours).await?;
    names.sort_by_key(|name| number_in(name));
    Ok(names)
}

fn number_in(object: &str) -> Option<u64> {
    number_of(object.strip_prefix(FOLDER)?.strip_prefix('/')?)
}

/// Whether an object has a name as given by older programs: the time in milliseconds, and a unique text.
fn is_of_version_1(name: &str) -> bool {
    let name = name.strip_prefix(FOLDER).and_then(|name| name.strip_prefix('/')).unwrap_or(name);
    let parts = name.strip_suffix(".json").and_then(|name| name.split_once('-'));
    parts.is_some_and(|(at, nonce)| {
        // Since 2001 these numbers have had at least twelve digits.
        let is_a_time = at.len() >= 12 && at.bytes().all(|byte| byte.is_ascii_digit());
        is_a_time && !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether a decision is on record, or a later one for the same gate is. Older programs did not record the name of the
/// object, so their decisions are compared by time.
fn is_delivered(upgrade: &Upgrade, object: &str, decision: &Decision) -> bool {
    let last = upgrade.delivered.get(&decision.gate).and_then(|last| number_in(last));
    if let (Some(last), Some(number)) = (last, number_in(object)) {
        return last >= number;
    }
    is_of_version_1(object) && upgrade.decisions.get(&decision.gate).is_some_and(|last| last.at >= decision.at)
}

/// Keeps a plan that was shown to the operator.
///
/// # Errors
/// When the store fails.
pub async fn keep_plan(store: &Store, plan: &Plan) -> Result<(), StoreError> {
    let name = plan_name(plan.hash().as_str());
    let bytes = serde_json::to_vec(plan).map_err(|source| store.damaged(&name, source))?;
    store.create(&name, bytes).await.map(|_| ())
}

/// The plans that were shown whose hash begins with `hash`.
///
/// # Errors
/// When the store fails or a plan is damaged.
pub async fn shown_plans(store: &Store, hash: &str) -> Result<Vec<(Digest, Plan)>, StoreError> {
    let mut plans = Vec::new();
    let is_plan = |name: &str| name.strip_suffix(".json").is_some_and(|hash| hash.len() == 64);
    for name in store.list("plans", is_plan).await?.iter().filter(|name| name.starts_with(&format!("plans/{hash}"))) {
        let Some(bytes) = store.read(name).await? else { continue };
        let plan: Plan = serde_json::from_slice(&bytes).map_err(|source| store.damaged(name, source))?;
        plans.push((plan.hash(), plan));
    }
    Ok(plans)
}

fn plan_name(hash: &str) -> String {
    format!("plans/{hash}.json")
}

#[cfg(test)]
mod tests {
    use cutover_core::journal::Event;
    use cutover_core::plan::{Basis, Order, Phase};

    use super::*;
    use crate::testing::{at, memory, now, upgrade};

    fn decision(gate: &str, approved: bool, seconds: u64) -> Decision {
        Decision { gate: gate.into(), approved, by: "ada".to_owned(), at: at(seconds), note: None, plan: None }
    }

    fn drop_all(store: &Store, decisions: &[&Decision]) -> Vec<String> {
        decisions
            .iter()
            .map(|decision| now(drop_in(store, &Upgrade::default(), decision)).expect("it can be written"))
            .collect()
    }

    fn waiting(store: &Store, upgrade: &Upgrade) -> Vec<Decision> {
        now(undelivered(store, upgrade)).expect("it can be read").into_iter().map(|one| one.decision).collect()
    }

    /// An upgrade that has this decision on record, which lay in that object.
    fn after(decision: &Decision, object: Option<&str>) -> Upgrade {
        let mut upgrade = Upgrade::default();
        let event = Event::GateDecided { decision: decision.clone(), object: object.map(str::to_owned) };
        upgrade.apply(decision.at, &event).expect("the event is possible");
        upgrade
    }

    fn plan(fact: &str) -> Plan {
        let mut basis = Basis::default();
        basis.state("record lms", fact);
        let (phase, order) = (Phase::Window, Order::Overlapped);
        Plan { upgrade: upgrade(), phase, order, made_at: at(0), basis, pending: Vec::new(), steps: Vec::new() }
    }

    #[test]
    fn a_decision_is_delivered_until_it_is_on_record_and_never_after() {
        let (store, go) = (memory(), decision("go", true, 10));
        let objects = drop_all(&store, &[&go]);
        assert_eq!(waiting(&store, &Upgrade::default()), std::slice::from_ref(&go));
        assert_eq!(waiting(&store, &after(&go, Some(&objects[0]))), []);
    }

    #[test]
    fn decisions_stand_in_the_order_in_which_they_were_dropped_in_whatever_their_clocks_say() {
        let (late, early) = (decision("go", true, 500), decision("go", false, 10));
        let store = memory();
        let objects = drop_all(&store, &[&late, &early]);
        assert_eq!(waiting(&store, &Upgrade::default()), [late.clone(), early.clone()]);
        // The first is on record, and the clock of the second is behind.
        assert_eq!(waiting(&store, &after(&late, Some(&objects[0]))), [early]);
    }

    #[test]
    fn a_decision_that_a_later_one_has_overtaken_is_never_delivered_afterwards() {
        let (store, first, second) = (memory(), decision("go", false, 10), decision("go", true, 10));
        let objects = drop_all(&store, &[&first, &second, &decision("lift", true, 10)]);
        let left = waiting(&store, &after(&second, Some(&objects[1])));
        assert_eq!(left, [decision("lift", true, 10)], "and other gates have their own");
    }

    #[test]
    fn two_that_are_dropped_in_at_once_have_a_place_each() {
        let (store, go) = (memory(), decision("go", true, 10));
        now(store.create("decisions/00000002.json", b"{}".to_vec())).expect("it can be written");
        assert_eq!(drop_all(&store, &[&go]), ["decisions/00000003.json"]);
    }

    #[test]
    fn a_decision_counts_even_if_the_inbox_was_emptied_before() {
        let (no, go) = (decision("go", false, 10), decision("go", true, 20));
        let before = after(&no, Some("decisions/00000003.json"));
        let emptied = memory();
        assert_eq!(now(drop_in(&emptied, &before, &go)).expect("it can be written"), "decisions/00000004.json");
        assert_eq!(waiting(&emptied, &before), [go]);
    }

    #[test]
    fn a_decision_of_the_first_format_is_known_by_its_time() {
        let (store, go, later) = (memory(), decision("go", true, 10), decision("go", false, 30));
        for (decision, nonce) in [(&go, "n1"), (&later, "n2")] {
            let name = format!("decisions/{}-{nonce}.json", decision.at.as_millisecond());
            now(store.create(&name, serde_json::to_vec(decision).expect("JSON"))).expect("it can be written");
        }
        assert_eq!(waiting(&store, &Upgrade::default()), [go.clone(), later.clone()]);
        assert_eq!(waiting(&store, &after(&go, None)), [later]);
    }

    #[test]
    fn a_file_that_is_no_decision_does_not_prevent_decisions() {
        let (store, go) = (memory(), decision("go", true, 10));
        for name in [
            "decisions/.DS_Store",
            "decisions/zz",
            "decisions/1.json~",
            "decisions/00000001-2.json",
            "decisions/2024-notes.json",
            "decisions/1719792000000-notes.json",
        ] {
            now(store.create(name, b"theirs".to_vec())).expect("it can be written");
        }
        drop_all(&store, &[&go]);
        assert_eq!(waiting(&store, &Upgrade::default()), [go]);
    }

    #[test]
    fn a_copy_of_a_decision_under_another_name_is_no_decision() {
        let (store, go) = (memory(), decision("go", true, 10));
        for name in [
            "00000001 copy.json",
            "00000001-2.json",
            "2024-copy.json",
            "copyofdecision-n1.json",
            "1719792000000-.json",
            "1719792000000-n1 (2).json",
            "1719792000000-n1.json~",
        ] {
            let bytes = serde_json::to_vec(&go).expect("JSON");
            now(store.create(&format!("decisions/{name}"), bytes)).expect("it can be written");
        }
        assert_eq!(waiting(&store, &Upgrade::default()), []);
    }

    #[test]
    fn a_damaged_decision_keeps_nobody_from_deciding() {
        let (store, go) = (memory(), decision("go", true, 10));
        now(store.create("decisions/00000001.json", b"{\"gate\":\"go\",".to_vec())).expect("it can be written");
        drop_all(&store, &[&go]);
        assert_eq!(waiting(&store, &Upgrade::default()), [go]);
    }

    #[test]
    fn a_plan_that_was_shown_twice_is_kept_once_and_found_by_the_beginning_of_its_hash() {
        let (store, plan) = (memory(), plan("the balancer"));
        for _ in 0..2 {
            now(keep_plan(&store, &plan)).expect("it can be written");
        }
        let found = now(shown_plans(&store, plan.hash().short())).expect("it can be read");
        assert_eq!(found, [(plan.hash(), plan)]);
    }

    #[test]
    fn only_plans_of_that_hash_are_found() {
        let (store, shown, other) = (memory(), plan("the balancer"), plan("the page"));
        for plan in [&shown, &other] {
            now(keep_plan(&store, plan)).expect("it can be written");
        }
        let found = now(shown_plans(&store, shown.hash().as_str())).expect("it can be read");
        assert_eq!(found, [(shown.hash(), shown)]);
        assert_eq!(now(shown_plans(&store, "not a hash")).expect("it can be read"), []);
        assert_eq!(now(shown_plans(&store, "")).expect("it can be read").len(), 2);
    }
}
