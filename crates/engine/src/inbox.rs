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
