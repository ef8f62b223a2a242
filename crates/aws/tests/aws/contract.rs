//! The contracts of the engine's ports, kept by AWS's ports on moto: all of them in one furnished moto, and every
//! broken one reported.
//!
//! moto is not AWS: what it is known to get wrong is listed here with each contract that it breaks. These are tried all
//! the same, so that an exemption that is no longer needed fails the test.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use cutover_contract::{CONTRACTS, Contract, Stage, WallClock, deployment, gate};
use cutover_engine::ports::Clock;

use crate::obedient::Obedient;
use crate::stage::{Furnished, furnish};
use crate::surroundings::Surroundings;

/// A contract that moto breaks.
struct Untruth {
    contract: &'static str,
    /// What its breaking says, so that it cannot break in another way unseen.
    says: &'static str,
    /// What moto does instead of what AWS does.
    moto: &'static str,
}

/// What moto is known to get wrong.
const UNTRUTHS: &[Untruth] = &[
    Untruth {
        contract: "dns::a_refused_batch_changes_nothing",
        says: "the other record of the batch: found Some",
        moto: "makes the changes of a batch one by one, up to the one that it refuses",
    },
    Untruth {
        contract: "dns::a_batch_whose_fence_is_not_as_told_changes_nothing",
        says: "a batch on None was to be refused: Ok(",
        moto: "creates a second record of a name and a type that is there, and deletes by name and type alone",
    },
    Untruth {
        contract: "dns::an_unknown_change_is_never_in_sync",
        says: "a change that nobody made is in sync",
        moto: "says INSYNC of every change, whether it knows it or not",
    },
    Untruth {
        contract: "balancers::an_unknown_instance_is_refused_for_good",
        says: "was to be refused for good: Ok(())",
        moto: "registers whatever it is told to",
    },
    Untruth {
        contract: "compute::launching_twice_with_one_token_is_launching_once",
        says: "the second launch: found",
        moto: "ignores ClientToken",
    },
    Untruth {
        contract: "compute::an_instance_is_up_only_after_a_while",
        says: "right after its launch it is Running",
        moto: "has instances running, with their checks passed, when it is first asked",
    },
    Untruth {
        contract: "compute::a_launch_from_an_unknown_image_is_refused_for_good",
        says: "was to be refused for good: Ok(",
        moto: "launches from any image id",
    },
    Untruth {
        contract: "pages::invalidating_twice_with_one_reference_is_one_invalidation",
        says: "the second invalidation: found",
        moto: "ignores CallerReference",
    },
    Untruth {
        contract: "account::quotas_leave_room_for_what_there_is",
        says: "NoSuchResourceException",
        moto: "has quotas of VPC alone",
    },
];

fn stage(furnished: &Furnished, surroundings: &Surroundings) -> Stage {
    // Hosts and messages to people are no business of AWS's, and of no contract.
    let (others, clock) = (Rc::new(Obedient::default()), Rc::new(WallClock) as Rc<dyn Clock>);
    let world = surroundings.world(furnished, Rc::clone(&clock), Rc::clone(&others) as _, others);
    Stage {
        gate: gate(&world, &clock, &furnished.deployment),
        world,
        clock,
        deployment: furnished.deployment.clone(),
        foreign_instances: furnished.foreign_instances.clone(),
        foreign_images: furnished.foreign_images.clone(),
        interval: Duration::from_millis(100),
        patience: Duration::from_secs(3),
    }
}

#[tokio::test]
async fn the_ports_keep_their_contracts_but_for_motos_untruths() {
    let furnished = furnish(&deployment()).await;
    let stage = stage(&furnished, &Surroundings::of(&furnished));
    let mut wrong = Vec::new();
    for Contract { name, run } in CONTRACTS {
        let untruth = UNTRUTHS.iter().find(|untruth| untruth.contract == *name);
        match (untruth, run(&stage).await) {
            (None, Err(broken)) => wrong.push(format!("{name}: {broken}")),
            (Some(Untruth { moto, .. }), Ok(())) => {
                wrong.push(format!("{name} is kept: drop its exemption (\"moto {moto}\")"));
            }
            (Some(Untruth { says, .. }), Err(broken)) if !broken.0.contains(says) => {
                wrong.push(format!("{name} is broken otherwise than by moto: {broken}"));
            }
            (None, Ok(())) | (Some(_), Err(_)) => {}
        }
    }
    assert!(wrong.is_empty(), "{} contracts:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_exemption_is_of_a_contract_and_of_another_one() {
    let all: BTreeSet<&str> = CONTRACTS.iter().map(|contract| contract.name).collect();
    let exempt: BTreeSet<&str> = UNTRUTHS.iter().map(|untruth| untruth.contract).collect();
    assert_eq!(exempt.difference(&all).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(exempt.len(), UNTRUTHS.len());
}
