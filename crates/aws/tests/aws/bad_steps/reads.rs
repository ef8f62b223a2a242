//! Readings on bad days: each request that observing makes, with each trouble. The engine makes the reading again, and
//! in the end the answer is the one that there is without trouble.

use std::rc::Rc;

use cutover_aws::Connection;
use cutover_aws::operations::servicequotas::GetServiceQuota;
use cutover_core::deployment::BalancerKind;
use cutover_core::names::{ChangeId, DnsName, InvalidationId};
use cutover_core::plan::RecordTarget;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, World};
use cutover_engine::retry;

use super::lane::{Ground, Lane};
use super::table::{Bad, broken, lanes};

/// A question to a port.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Instances,
    Images,
    Balancer(BalancerKind),
    Databases,
    Records,
    Fence,
    Servers,
    InSync,
    Distribution,
    Invalidated,
    Page,
    Identity,
    Subnets,
    SecurityGroups,
    Quota,
}

/// The questions, with the words of each request that answers them.
const READINGS: &[(Reading, &[&str])] = &[
    (Reading::Instances, &["Action=DescribeInstances", "Action=DescribeInstanceStatus"]),
    (Reading::Images, &["Action=DescribeImages"]),
    (
        Reading::Balancer(BalancerKind::Classic),
        &["Action=DescribeLoadBalancers", "Action=DescribeLoadBalancerAttributes", "Action=DescribeInstanceHealth"],
    ),
    (
        Reading::Balancer(BalancerKind::TargetGroup),
        &["Action=DescribeTargetGroups", "Action=DescribeTargetGroupAttributes", "Action=DescribeTargetHealth"],
    ),
    (Reading::Databases, &["Action=DescribeDBInstances", "Action=DescribeDBSnapshots"]),
    (Reading::Records, &["GET /2013-04-01/hostedzonesbyname", "/rrset?"]),
    (Reading::Fence, &["/rrset?"]),
    (Reading::Servers, &["GET /2013-04-01/hostedzone/"]),
    (Reading::InSync, &["GET /2013-04-01/change/"]),
    (Reading::Distribution, &["GET /2020-05-31/distribution/"]),
    (Reading::Invalidated, &["GET /2020-05-31/distribution/"]),
    (Reading::Page, &["GET /upgrading.contract.edu/"]),
    (Reading::Identity, &["Action=GetCallerIdentity"]),
    (Reading::Subnets, &["Action=DescribeSubnets"]),
    (Reading::SecurityGroups, &["Action=DescribeSecurityGroups"]),
    (Reading::Quota, &["GetServiceQuota"]),
];

/// What was asked for before, so that it can be asked after.
struct Asked {
    change: ChangeId,
    invalidation: InvalidationId,
}

impl Asked {
    async fn of(ground: &Ground) -> Self {
        let deployment = ground.deployment();
        let ttl = deployment.dns.ttl.duration();
        let record = RecordTarget { name: "asked.contract.edu".into(), target: "asked.target.example".into(), ttl };
        let change = ground.change_record(record).await.expect("a change");
        let (pages, distribution) = (&ground.truth.pages, &deployment.maintenance_page.distribution);
        let invalidate = async |permit: &Permit| pages.invalidate(permit, distribution, "asked").await;
        Self { change, invalidation: ground.write(invalidate).await.expect("an invalidation") }
    }
}

/// The answer, as text.
async fn ask(
    reading: Reading,
    ground: &Ground,
    asked: &Asked,
    world: &World,
    connection: &Rc<Connection>,
) -> Answer<String> {
    let deployment = ground.deployment();
    let (zone, page) = (&deployment.dns.zone, &deployment.maintenance_page);
    let site: &DnsName = &deployment.sites[0].host;
    let group = &deployment.fleets[0].edxapp;
    Ok(match reading {
        Reading::Instances => format!("{:?}", world.compute.instances().await?),
        Reading::Images => format!("{:?}", world.images.images().await?),
        Reading::Balancer(kind) => {
            let named = deployment.balancers.iter().find(|one| one.kind == kind).expect("one of each kind");
            format!("{:?}", world.balancers.balancers(std::slice::from_ref(&named.name)).await?)
        }
        Reading::Databases => {
            format!("{:?}", world.databases.databases(std::slice::from_ref(&deployment.databases[0].name)).await?)
        }
        Reading::Records => format!("{:?}", world.dns.records(zone, std::slice::from_ref(site)).await?),
        Reading::Fence => format!("{:?}", world.dns.fence(zone, &deployment.fence()).await?),
        Reading::Servers => format!("{:?}", world.dns.ask_servers(zone, site).await?),
        Reading::InSync => format!("{:?}", world.dns.in_sync(&asked.change).await?),
        Reading::Distribution => format!("{:?}", world.pages.distribution(&page.distribution).await?),
        Reading::Invalidated => {
            format!("{:?}", world.pages.invalidated(&page.distribution, &asked.invalidation).await?)
        }
        Reading::Page => format!("{:?}", world.pages.page(&page.bucket, &page.key).await?),
        Reading::Identity => format!("{:?}", world.account.identity().await?),
        Reading::Subnets => format!("{:?}", world.account.subnets(&group.subnets).await?),
        Reading::SecurityGroups => format!("{:?}", world.account.security_groups(&group.security_groups).await?),
        // moto knows quotas of VPC only, which no port asks for.
        Reading::Quota => {
            let quota = ("vpc".to_owned(), "L-F678F1CE".to_owned());
            let quota = GetServiceQuota { service_code: quota.0, quota_code: quota.1 };
            format!("{:?}", connection.call(&quota).await.map_err(Failure::from)?.quota.value)
        }
    })
}

/// A request in trouble.
struct Cell {
    reading: Reading,
    /// What is answered without.
    expected: Rc<str>,
    words: &'static str,
    bad: Bad,
}

async fn try_reading(lane: &Lane<'_>, asked: &Asked, cell: &Cell) -> Result<(), String> {
    let Cell { reading, expected, words, bad } = cell;
    let ground = lane.ground;
    (0..bad.times).for_each(|_| lane.proxy.order(words, bad.trouble));
    // A port that knows nothing yet, so that it asks for everything.
    let (connection, world) = lane.unread(bad.trouble);
    let read = async || {
        let reading = retry::read(&*lane.clock, async || ask(*reading, ground, asked, &world, connection).await);
        lane.clock.run(reading).await
    };
    let mut answer = read().await;
    if bad.times > 1 {
        match answer {
            Err(failure) if failure.class == FailureClass::Throttled => {}
            other => return Err(format!("to be throttled, and not {other:?}")),
        }
        answer = read().await;
    }
    let left = lane.proxy.withdraw();
    match answer {
        _ if left > 0 => Err(format!("{left} requests never got into trouble")),
        Ok(answer) if *answer == **expected => Ok(()),
        other => Err(format!("{other:?} instead of {expected}")),
    }
}

#[tokio::test]
async fn a_reading_that_fails_in_any_way_is_repeated_with_the_same_result() {
    let ground = Ground::new(&cutover_contract::deployment()).await;
    let asked = Asked::of(&ground).await;
    let mut cells = Vec::new();
    // Hosts of lanes are instances too.
    let lanes = lanes(&ground).await;
    for (reading, requests) in READINGS {
        let expected = ask(*reading, &ground, &asked, &ground.truth, &ground.furnished.connection).await;
        let expected: Rc<str> = expected.expect("it is answered without trouble").into();
        for words in *requests {
            let cell = |bad| Cell { reading: *reading, expected: Rc::clone(&expected), words, bad };
            cells.extend(Bad::all(retry::LOOK.attempts).into_iter().map(cell));
        }
    }
    let run = async |lane: &Lane<'_>, cell: &Cell| {
        let named = |why| format!("{:?} by `{}` {}: {why}", cell.reading, cell.words, cell.bad.name);
        try_reading(lane, &asked, cell).await.map_err(named)
    };
    let broken = broken(&lanes, &cells, run).await;
    assert!(broken.is_empty(), "{} of {} cells:\n{}", broken.len(), cells.len(), broken.join("\n"));
}
