//! `cutover check`: the preflight. It changes nothing of the upgrade; it writes an object in the state and removes it.

use cutover_core::deployment::{Deployment, Role};
use cutover_core::journal::Record;
use cutover_core::observation::{Observation, Part};
use cutover_core::planner::{Inputs, image_to_build};
use cutover_core::preflight::{CheckItem, CheckState, account, check, name_servers, readiness};
use cutover_engine::failure::Failure;
use cutover_engine::fence::Mark;
use cutover_engine::ports::{Clock, World};
use cutover_engine::store::Store;
use cutover_engine::{observe, retry};
use futures_util::future::join4;

use crate::args::FileArgs;
use crate::commands_to_type::GivenArguments;
use crate::error::{CommandError, with_cause};
use crate::exit::Exit;
use crate::session::{Access, Loaded, Session};
use crate::{output, ready, show};

pub(super) fn run(args: &FileArgs) -> Result<Exit, CommandError> {
    let loaded = Loaded::read(&args.file)?;
    let (session, mut items) = super::block_on(async {
        let session = Session::open(loaded, Access::Look).await?;
        let reading = session.read().await?;
        let upgrade = reading.upgrade;
        let observation = session.observe_to_look(&upgrade).await?;
        let inputs = Inputs { deployment: session.deployment(), observation: &observation, upgrade: &upgrade };
        // Whether the lease can be read is an item of its own, about the state.
        let is_conducted = session.conductor().await.is_ok_and(|conductor| conductor.is_at_work());
        let mut items = check(inputs, is_conducted);
        items.extend(session.connection().map(|connection| region(inputs, connection.region())));
        let world = session.world().await?;
        let asked = observe::name_answers(&world, session.deployment());
        let clock = &*session.clock;
        let hosts = ready::asked(&session, inputs);
        let sites = ready::of_the_sites(&session, inputs);
        let (account, answers, hosts, sites) = join4(of_the_account(&world, clock, inputs), asked, hosts, sites).await;
        items.extend(sites?);
        items.extend(account);
        items.extend(readiness(&hosts?));
        items.push(of_the_state(&session.store).await);
        items.push(of_the_fence(&world, clock, session.deployment(), &reading.records).await);
        items.extend(of_the_templates(&world, inputs).await);
        items.extend(answers.iter().flat_map(|answers| name_servers(inputs, answers)));
        Ok((session, items))
    })?;
    items.extend(super::branch::check_imaged_branches(&args.file, session.deployment()));
    items.sort_by_key(|item| item.state);
    let given = GivenArguments::file(&args.file);
    items.iter_mut().for_each(|item| item.remedy = given.complete(&item.remedy));
    if args.json {
        output::json(&items)?;
    } else {
        output::result(&show::check_text(&items))?;
    }
    let problem = items.iter().any(|item| item.state == CheckState::Problem);
    Ok(if problem { Exit::Problem } else { Exit::Done })
}

/// The region. If it has nothing of the deployment, that is the first thing to know.
fn region(inputs: Inputs<'_>, region: &str) -> CheckItem {
    let Observation { balancers, instances, databases, .. } = inputs.observation;
    let is_seen = |part: &Part| inputs.observation.why_unseen(part).is_none();
    let looked = [Part::Balancers, Part::Instances, Part::Databases].iter().all(is_seen);
    if looked && balancers.is_empty() && instances.is_empty() && databases.is_empty() {
        return CheckItem::ok("region", format!("{region} has no balancer, host or database of this deployment"))
            .problem("the upgrade would find nothing to upgrade", "correct `region` under `[aws]`, or the profile's");
    }
    CheckItem::ok("region", region)
}

/// The items about the account. A part that cannot be observed is an item too, and does not hide the others.
async fn of_the_account(world: &World, clock: &dyn Clock, inputs: Inputs<'_>) -> Vec<CheckItem> {
    let seen = match observe::account(world, clock, inputs).await {
        Ok(seen) => seen,
        Err(failure) => {
            let consequence = "nobody knows whether hosts can be launched at all";
            return vec![unseen("account", &failure).problem(consequence, LOOK_AGAIN)];
        }
    };
    let mut items = account(inputs, &seen.state);
    if let Some(failure) = &seen.quotas_unseen {
        let consequence = "nobody knows whether launches and snapshots would be refused half-way";
        items.push(unseen("quotas", failure).warning(consequence, LOOK_AGAIN));
    }
    items
}

/// Whether Packer takes the templates of images, with what it would be given.
async fn of_the_templates(world: &World, inputs: Inputs<'_>) -> Vec<CheckItem> {
    let mut items = Vec::new();
    for role in Role::ALL {
        let build = inputs.deployment.role.services(role).and_then(|_| image_to_build(inputs, role));
        let Some((build, packer)) = build.and_then(|build| Some((build.clone(), build.packer?))) else { continue };
        let subject = format!("Packer template of {role}");
        items.push(match world.packers.check_template(&build, &packer).await {
            Ok(said) => CheckItem::ok(&subject, said),
            Err(failure) => {
                let remedy = failure.hint.clone().unwrap_or_else(|| LOOK_AGAIN.to_owned());
                let consequence = "`prepare` cannot build the image";
                CheckItem::ok(&subject, failure.message).problem(consequence, &remedy)
            }
        });
    }
    items
}

/// Whether the state can be written. That it was read is known already.
async fn of_the_state(store: &Store) -> CheckItem {
    let item = CheckItem::ok("state", format!("{} can be read and written", store.location()));
    let Err(error) = store.probe().await else { return item };
    CheckItem { seen: with_cause(&error), ..item }
        .problem("no phase can start, because nothing could be recorded", LOOK_AGAIN)
}

/// Who was the last to change records of the zone, according to its fence.
async fn of_the_fence(world: &World, clock: &dyn Clock, deployment: &Deployment, records: &[Record]) -> CheckItem {
    let (zone, name, upgrade) = (&deployment.dns.zone, deployment.fence(), deployment.upgrade());
    let subject = format!("fence {name}");
    let record = match retry::read(clock, async || world.dns.fence(zone, &name).await).await {
        Ok(Some(record)) => record,
        Ok(None) => {
            return CheckItem::ok(&subject, "does not exist yet; the first phase that changes anything creates it");
        }
        Err(failure) => {
            let consequence = "nobody knows whether another conductor changes records of the zone";
            return unseen(&subject, &failure).problem(consequence, LOOK_AGAIN);
        }
    };
    let Some(mark) = Mark::of(&record) else {
        return CheckItem::ok(&subject, format!("says \"{}\"", record.values.join("\" \"")))
            .warning("cutover did not write it, and would replace it", "find out who uses this name");
    };
    let item = CheckItem::ok(&subject, format!("was written by conductor {} of {}", mark.epoch, mark.upgrade));
    match mark.is_unknown(&upgrade, |writer| records.iter().any(|record| record.nonce == writer)) {
        true => item.problem(
            "this state has no record of that conductor: it is at work, or the upgrade was started with another state",
            "run this again; if the problem stays, find the other state and correct `location` under `[state]`",
        ),
        false => item,
    }
}

fn unseen(subject: &str, failure: &Failure) -> CheckItem {
    CheckItem::ok(subject, format!("cannot be seen: {failure}"))
}

const LOOK_AGAIN: &str = "run this again; if permissions are missing, `cutover policy` prints those that are needed";

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::rc::Rc;

    use async_trait::async_trait;
    use cutover_core::account::{Quota, Subnet};
    use cutover_core::deployment::{parse, template};
    use cutover_core::journal::Upgrade;
    use cutover_engine::fence::ZoneFence;
    use cutover_engine::gate::Gate;
    use cutover_engine::ports::{Account, Answer, Clock};
    use cutover_rehearsal::{EmbeddedCloud, SimulatedClock, run as run_until};
    use jiff::Timestamp;

    use super::*;

    /// An account that refuses to show its quotas and, unless it is `open`, everything else too.
    struct Refusing {
        open: bool,
    }

    impl Refusing {
        fn answer<T>(&self, answer: T) -> Answer<T> {
            if self.open { Ok(answer) } else { Err(Failure::permanent("UnauthorizedOperation: request 1-2-3")) }
        }
    }

    #[async_trait(?Send)]
    impl Account for Refusing {
        async fn identity(&self) -> Answer<String> {
            self.answer("somebody".to_owned())
        }

        async fn subnets(&self, ids: &[String]) -> Answer<BTreeMap<String, Subnet>> {
            let subnet = Subnet { available: true, free_addresses: 200 };
            self.answer(ids.iter().map(|id| (id.clone(), subnet.clone())).collect())
        }

        async fn security_groups(&self, ids: &[String]) -> Answer<BTreeSet<String>> {
            self.answer(ids.iter().cloned().collect())
        }

        async fn quotas(&self, _: &BTreeMap<String, u64>, _: u64) -> Answer<Vec<Quota>> {
            Err(Failure::permanent("AccessDeniedException: request 4-5-6"))
        }

        async fn credentials_until(&self) -> Answer<Option<Timestamp>> {
            self.answer(None)
        }
    }

    /// The items about an embedded cloud's account, or about `refusing` if there is one.
    fn items(refusing: Option<Refusing>) -> Vec<CheckItem> {
        let deployment = parse(template()).expect("no mistakes");
        let start = deployment.window.start.timestamp;
        let clock = SimulatedClock::new(start);
        let state = EmbeddedCloud::furnish(&deployment, 1, start);
        let mut world = EmbeddedCloud::in_memory(state, Rc::clone(&clock) as Rc<dyn Clock>).world();
        let upgrade = Upgrade::default();
        let looked = async {
            let observation = observe::observe(&world, &*clock, &deployment, &upgrade).await?;
            if let Some(refusing) = refusing {
                world.account = Rc::new(refusing);
            }
            let inputs = Inputs { deployment: &deployment, observation: &observation, upgrade: &upgrade };
            Ok::<_, Failure>(of_the_account(&world, &*clock, inputs).await)
        };
        run_until(&clock, looked).expect("the embedded cloud answers")
    }

    fn wrong(items: &[CheckItem]) -> Vec<(&str, CheckState)> {
        let wrong = items.iter().filter(|item| item.state != CheckState::Ok);
        wrong.map(|item| (item.subject.as_str(), item.state)).collect()
    }

    #[test]
    fn an_embedded_account_has_room_for_everything() {
        let items = items(None);
        assert!(wrong(&items).is_empty(), "{items:?}");
        assert!(items.iter().any(|item| item.subject.starts_with("subnet-")), "{items:?}");
    }

    #[test]
    fn quotas_that_may_not_be_read_do_not_hide_the_rest_of_the_account() {
        let items = items(Some(Refusing { open: true }));
        assert_eq!(wrong(&items), [("quotas", CheckState::Warning)]);
        assert!(items.iter().any(|item| item.subject == "security groups"), "{items:?}");
        assert!(items.iter().any(|item| item.seen.contains("request 4-5-6")), "the failure's own words: {items:?}");
    }

    #[test]
    fn an_account_that_may_not_be_read_is_a_single_problem() {
        let items = items(Some(Refusing { open: false }));
        assert_eq!(wrong(&items), [("account", CheckState::Problem)]);
        assert!(items[0].seen.contains("request 1-2-3"), "{items:?}");
    }

    /// The item about the zone's fence after a conductor has changed records, if the journal has these `records`.
    fn fence_item(records: &[Record]) -> CheckItem {
        let deployment = parse(template()).expect("no mistakes");
        let start = deployment.window.start.timestamp;
        let clock = SimulatedClock::new(start);
        let state = EmbeddedCloud::furnish(&deployment, 1, start);
        let time = Rc::clone(&clock) as Rc<dyn Clock>;
        let world = EmbeddedCloud::in_memory(state, Rc::clone(&time)).world();
        let gate = Gate::alone(&time).with_zone(ZoneFence::of(&deployment, &world, &time));
        let looked = async {
            gate.change_records(&deployment.dns.zone, &[]).await.expect("the zone takes it");
            Ok::<_, Failure>(of_the_fence(&world, &*clock, &deployment, records).await)
        };
        run_until(&clock, looked).expect("the embedded cloud answers")
    }

    #[test]
    fn a_fence_of_a_conductor_that_the_state_does_not_know_is_a_problem() {
        let item = fence_item(&[]);
        assert_eq!(item.state, CheckState::Problem, "{item:?}");
        let words = format!("{item:?}");
        assert!(words.contains("no record of that conductor") && words.contains("find the other state"), "{words}");
    }

    #[test]
    fn a_fence_of_a_conductor_in_the_journal_is_in_order() {
        let (nonce, at) = ("alone".to_owned(), Timestamp::UNIX_EPOCH);
        let record = Record { version: 2, number: 1, epoch: 1, nonce, previous: None, at, events: Vec::new() };
        assert_eq!(fence_item(&[record]).state, CheckState::Ok);
    }
}
