//! The inbox of decisions: anybody may drop one in; only the conductor puts it on record.
//!
//! Plans that people look at before they approve them are kept here too, so that a stale one can be told apart
//! by what has changed since.

use std::collections::BTreeMap;

use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Upgrade};
use cutover_core::names::GateName;
use cutover_core::plan::Plan;

use crate::store::{Store, StoreError};

/// Drops a decision in; `nonce` tells it apart from every other.
///
/// # Errors
/// When the store fails.
pub async fn drop_in(store: &Store, decision: &Decision, nonce: &str) -> Result<(), StoreError> {
    let name = format!("decisions/{}-{nonce}.json", decision.at.as_millisecond());
    let bytes = serde_json::to_vec(decision).map_err(|source| store.damaged(&name, source))?;
    store.create(&name, bytes).await.map(|_| ())
}

/// The last decision for each gate that is not on record yet.
///
/// # Errors
/// When the store fails or a decision is damaged.
pub async fn undelivered(store: &Store, upgrade: &Upgrade) -> Result<BTreeMap<GateName, Decision>, StoreError> {
    let mut decisions = BTreeMap::new();
    for name in store.list("decisions").await? {
        let Some(bytes) = store.read(&name).await? else { continue };
        let decision: Decision = serde_json::from_slice(&bytes).map_err(|source| store.damaged(&name, source))?;
        let on_record = upgrade.decisions.get(&decision.gate);
        if on_record.is_none_or(|last| last.at < decision.at) {
            decisions.insert(decision.gate.clone(), decision);
        }
    }
    Ok(decisions)
}

/// Keeps a plan that somebody was shown.
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
    for name in store.list("plans").await? {
        if !name.starts_with(&format!("plans/{hash}")) {
            continue;
        }
        let Some(bytes) = store.read(&name).await? else { continue };
        let plan: Plan = serde_json::from_slice(&bytes).map_err(|source| store.damaged(&name, source))?;
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

    fn drop_all(store: &Store, decisions: &[&Decision]) {
        for (place, decision) in decisions.iter().enumerate() {
            now(drop_in(store, decision, &format!("n{place}"))).expect("it can be written");
        }
    }

    fn waiting(store: &Store, upgrade: &Upgrade) -> Vec<Decision> {
        now(undelivered(store, upgrade)).expect("it can be read").into_values().collect()
    }

    /// An upgrade that has this decision on record.
    fn after(decision: &Decision) -> Upgrade {
        let mut upgrade = Upgrade::default();
        upgrade.apply(decision.at, &Event::GateDecided(decision.clone())).expect("it can follow");
        upgrade
    }

    fn plan(fact: &str) -> Plan {
        let mut basis = Basis::default();
        basis.state("record lms", fact);
        let (phase, order) = (Phase::Window, Order::Overlapped);
        Plan { upgrade: upgrade(), phase, order, made_at: at(0), basis, steps: Vec::new() }
    }

    #[test]
    fn a_decision_is_delivered_until_it_is_on_record_and_never_after() {
        let (store, go) = (memory(), decision("go", true, 10));
        drop_all(&store, &[&go]);
        assert_eq!(waiting(&store, &Upgrade::default()), std::slice::from_ref(&go));
        assert_eq!(waiting(&store, &after(&go)), []);
    }

    #[test]
    fn a_decision_older_than_the_one_on_record_is_not_delivered() {
        let store = memory();
        drop_all(&store, &[&decision("go", true, 10)]);
        assert_eq!(waiting(&store, &after(&decision("go", false, 20))), []);
    }

    #[test]
    fn a_decision_later_than_the_one_on_record_is_delivered() {
        let (store, later) = (memory(), decision("go", true, 30));
        drop_all(&store, &[&later]);
        assert_eq!(waiting(&store, &after(&decision("go", false, 20))), [later]);
    }

    #[test]
    fn the_later_of_two_decisions_wins_in_whichever_order_they_were_dropped_in() {
        let (refused, approved) = (decision("go", false, 10), decision("go", true, 11));
        for both in [[&refused, &approved], [&approved, &refused]] {
            let store = memory();
            drop_all(&store, &both);
            assert_eq!(waiting(&store, &Upgrade::default()), std::slice::from_ref(&approved));
        }
    }

    #[test]
    fn every_gate_has_its_own_decision() {
        let (store, go, verified) = (memory(), decision("go", true, 10), decision("verified", false, 10));
        drop_all(&store, &[&go, &verified]);
        assert_eq!(waiting(&store, &Upgrade::default()), [go.clone(), verified.clone()]);
        assert_eq!(waiting(&store, &after(&go)), [verified]);
    }

    #[test]
    fn a_damaged_decision_is_named() {
        let store = memory();
        now(store.create("decisions/1-n.json", b"{".to_vec())).expect("it can be written");
        let error = now(undelivered(&store, &Upgrade::default())).expect_err("it is damaged");
        assert!(error.to_string().starts_with("decisions/1-n.json in memory is damaged"), "{error}");
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
