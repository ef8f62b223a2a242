//! Route 53 and load balancers through the engine's ports, on moto with what is found in the wild; the zone's servers
//! and resolvers, on stand-ins; and what moto never says, on a server that does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use cutover_aws::ports::{AwsBalancers, AwsDns};
use cutover_aws::service::Service;
use cutover_aws::{Connection, Limits, Vantage, cloud};
use cutover_core::deployment::{Balancer, BalancerKind, Deployment};
use cutover_core::names::{BalancerName, ChangeId, DnsName, InstanceId};
use cutover_core::observation::{Health, Record};
use cutover_core::plan::RecordTarget;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::ports::{Answer, Balancers, Dns, ServerAnswer};
use hickory_proto::op::ResponseCode;

use crate::moto::Moto;
use crate::stand_ins::NameServer;
use crate::support::{by_permit, connect};

const ZONE: &str = "mitx.mit.edu";
const LMS: &str = "lms.mitx.mit.edu";

fn deployment() -> Deployment {
    let mut deployment = cutover_contract::deployment();
    let balancer = |(name, kind): (&str, BalancerKind)| Balancer { name: name.into(), kind, domain: "a.com".into() };
    deployment.balancers = [
        ("classic-live", BalancerKind::Classic),
        ("classic-draft", BalancerKind::Classic),
        ("called-classic", BalancerKind::Classic),
        ("bare", BalancerKind::Classic),
        ("group-live", BalancerKind::TargetGroup),
        ("called-a-group", BalancerKind::TargetGroup),
        ("group-of-addresses", BalancerKind::TargetGroup),
        ("nowhere-classic", BalancerKind::Classic),
        ("nowhere-group", BalancerKind::TargetGroup),
    ]
    .map(balancer)
    .to_vec();
    deployment
}

struct Scene {
    moto: Moto,
    connection: Rc<Connection>,
    vantage: Vantage,
}

impl Scene {
    async fn zones() -> Self {
        Self::furnished("zones\n").await
    }

    async fn balancers() -> Self {
        Self::furnished("balancers\n").await
    }

    async fn furnished(with: &str) -> Self {
        let moto = Moto::run_with("traffic.py", with);
        let connection = Rc::new(connect(&moto.fact("endpoint"), Limits::default()).await);
        Self { moto, connection, vantage: Vantage { limit: Duration::from_secs(6), ..Vantage::default() } }
    }

    fn dns(&self) -> AwsDns {
        cloud::dns(&self.connection, &deployment(), &Rc::new(self.vantage.clone()))
    }

    fn port(&self) -> AwsBalancers {
        cloud::balancers(&self.connection, &deployment())
    }

    fn instances(&self) -> Vec<InstanceId> {
        let all = self.moto.facts()["instances"].as_array().expect("a list").iter();
        all.map(|one| InstanceId::from(one.as_str().expect("an id"))).collect()
    }

    fn calls(&self, service: Service, operation: &str) -> u64 {
        let calls = self.connection.calls();
        calls.iter().filter(|((one, name), _)| *one == service && *name == operation).map(|(_, count)| count).sum()
    }
}

fn names<T: for<'a> From<&'a str>>(names: &[&str]) -> Vec<T> {
    names.iter().map(|name| T::from(name)).collect()
}

fn wanted(name: &str, target: &str) -> RecordTarget {
    RecordTarget { name: name.into(), target: target.into(), ttl: Duration::from_secs(60) }
}

/// The fence as a conductor of one upgrade goes on with it.
fn fence(was: Option<u64>, next: u64) -> FenceChange {
    let record = |count| FenceRecord { values: vec![format!("cutover koa 1 a {count}")], ttl: Duration::from_secs(60) };
    FenceChange { name: "_cutover.contract.mitx.mit.edu".into(), was: was.map(record), next: record(next) }
}

async fn changed(dns: &AwsDns, zone: &str, records: &[RecordTarget], fence: &FenceChange) -> Answer<ChangeId> {
    by_permit(async |permit| dns.change_records(permit, zone, records, fence).await).await
}

async fn registered(ports: &AwsBalancers, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
    by_permit(async |permit| ports.register(permit, name, instances).await).await
}

async fn deregistered(ports: &AwsBalancers, name: &BalancerName, instances: &[InstanceId]) -> Answer<()> {
    by_permit(async |permit| ports.deregister(permit, name, instances).await).await
}

#[tokio::test]
async fn simple_records_are_found_in_a_large_zone_with_few_calls() {
    let scene = Scene::zones().await;
    let asked: Vec<DnsName> =
        names(&["studio.mitx.mit.edu", LMS, "weighted.mitx.mit.edu", "alias.mitx.mit.edu", "missing.mitx.mit.edu"]);
    let found = scene.dns().records(ZONE, &asked).await.expect("records");
    let record = Record { target: "elb.example.com".into(), ttl: Duration::from_secs(60) };
    let expected = [(DnsName::from(LMS), record.clone()), ("studio.mitx.mit.edu".into(), record)];
    assert_eq!(found, BTreeMap::from(expected));
    // 700 other records lie between the first name and the last, and a page holds 300 at most.
    assert!(scene.calls(Service::Route53, "ListResourceRecordSets") <= 3, "{:?}", scene.connection.calls());
    assert_eq!(scene.dns().records(ZONE, &[]).await, Ok(BTreeMap::new()));
}

#[tokio::test]
async fn records_are_changed_together_and_the_zone_is_looked_for_once() {
    let scene = Scene::zones().await;
    let dns = scene.dns();
    let records = [wanted(LMS, "page.example.com"), wanted("new.mitx.mit.edu", "page.example.com")];
    let change = changed(&dns, "mitx.mit.edu.", &records, &fence(None, 1)).await.expect("a change");
    assert!(!change.as_str().contains('/'), "{change}");
    assert_eq!(dns.in_sync(&change).await, Ok(true));
    let asked: Vec<DnsName> = records.iter().map(|record| record.name.clone()).collect();
    let found = dns.records("mitx.mit.edu.", &asked).await.expect("records");
    assert_eq!(found.len(), 2);
    assert!(found.values().all(|record| record.target.as_str() == "page.example.com"), "{found:?}");
    assert_eq!(scene.calls(Service::Route53, "ListHostedZonesByName"), 1);
    let many: Vec<_> = (0..500).map(|number| wanted(&format!("s{number}.mitx.mit.edu"), "a.com")).collect();
    let failure = changed(&dns, ZONE, &many, &fence(Some(1), 2)).await.expect_err("too many");
    assert_eq!(failure.class, FailureClass::Permanent);
    assert_eq!(scene.calls(Service::Route53, "ChangeResourceRecordSets"), 1, "it was not sent");
}

#[tokio::test]
async fn the_fence_is_replaced_alone_or_with_records_and_read_with_one_call() {
    let scene = Scene::zones().await;
    let dns = scene.dns();
    let name = fence(None, 1).name;
    assert_eq!(dns.fence(ZONE, &name).await, Ok(None));
    let mut was = None;
    for (count, records) in [(1, vec![]), (2, vec![wanted(LMS, "page.example.com")]), (3, vec![])] {
        let fence = fence(was, count);
        changed(&dns, ZONE, &records, &fence).await.expect("a change");
        assert_eq!(dns.fence(ZONE, &name).await, Ok(Some(fence.next)));
        was = Some(count);
    }
    assert_eq!(scene.calls(Service::Route53, "ListResourceRecordSets"), 4);
    let found = dns.records(ZONE, &names(&[LMS, name.as_str()])).await.expect("records");
    assert_eq!(found.keys().map(DnsName::as_str).collect::<Vec<_>>(), [LMS], "the fence is no CNAME");
}

#[tokio::test]
async fn a_zone_that_is_missing_or_there_twice_is_named() {
    let scene = Scene::zones().await;
    for (zone, words) in [("example.org", "no public hosted zone example.org"), ("twice.example.com", "has 2 public")] {
        let failure = scene.dns().records(zone, &names(&["a.example.com"])).await.expect_err("no one zone");
        assert_eq!(failure.class, FailureClass::Permanent);
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

/// A scene whose zone has these servers.
async fn with_servers(first: u8) -> (Scene, Vec<NameServer>) {
    let mut scene = Scene::zones().await;
    let id = scene.moto.fact("zone");
    let zone = cutover_aws::operations::route53::GetHostedZone { id };
    let set = scene.connection.call(&zone).await.expect("GetHostedZone").delegation_set.expect("servers");
    let count = u8::try_from(set.name_servers.len()).expect("a few");
    let servers = NameServer::several(first, count);
    let addresses: Vec<IpAddr> = servers.iter().map(NameServer::ip).collect();
    scene.vantage.name_servers = set.name_servers.into_iter().zip(addresses).collect();
    scene.vantage.dns_port = servers[0].address.port();
    (scene, servers)
}

fn targets(answers: Vec<ServerAnswer>) -> Vec<Option<DnsName>> {
    answers.into_iter().map(|answer| answer.target).collect()
}

#[tokio::test]
async fn each_server_of_the_zone_says_what_it_has() {
    let (scene, servers) = with_servers(20).await;
    let dns = scene.dns();
    for (number, server) in servers.iter().enumerate().skip(1) {
        server.point(LMS, &format!("elb{number}.example.com"));
    }
    let answers = dns.ask_servers(ZONE, &LMS.into()).await.expect("answers");
    let expected = |number| (number > 0).then(|| DnsName::from(format!("elb{number}.example.com")));
    assert_eq!(targets(answers), (0..servers.len()).map(expected).collect::<Vec<_>>());
    for server in &servers {
        server.point(LMS, "page.example.com");
    }
    let answers = dns.ask_servers(ZONE, &LMS.into()).await.expect("answers");
    assert!(answers.iter().all(|answer| answer.target == Some("page.example.com".into())), "{answers:?}");
    assert_eq!(scene.calls(Service::Route53, "GetHostedZone"), 2, "one of the test, one of the port");
    assert!(servers[0].book().asked.iter().all(|(_, recursion)| !recursion));
    let last = servers.last().expect("a server");
    last.book().silent = true;
    let mut hasty = scene.vantage.clone();
    hasty.limit = Duration::from_millis(600);
    let dns = cloud::dns(&scene.connection, &deployment(), &Rc::new(hasty));
    let failure = dns.ask_servers(ZONE, &LMS.into()).await.expect_err("one says nothing");
    assert_eq!(failure.class, FailureClass::NotApplied);
    let port = format!("port {}", last.address.port());
    for part in [last.ip().to_string().as_str(), "no answer within 600ms", LMS, &port] {
        assert!(failure.to_string().contains(part), "{part}: {failure}");
    }
}

/// A resolver, and the port that asks it.
async fn resolver(address: [u8; 4]) -> (NameServer, AwsDns) {
    let server = NameServer::start(address.into(), 0);
    let connection = Rc::new(connect("http://127.0.0.1:9", Limits::default()).await);
    let vantage = Vantage { dns_port: server.address.port(), limit: Duration::from_millis(900), ..Vantage::default() };
    let dns = cloud::dns(&connection, &deployment(), &Rc::new(vantage));
    (server, dns)
}

#[tokio::test]
async fn a_resolver_is_asked_to_ask_others() {
    let (server, dns) = resolver([127, 0, 0, 40]).await;
    server.point(LMS, "elb.example.com");
    assert_eq!(dns.ask_resolver(server.ip(), &LMS.into()).await, Ok(Some("elb.example.com".into())));
    assert_eq!(dns.ask_resolver(server.ip(), &"gone.mitx.mit.edu".into()).await, Ok(None));
    assert!(server.book().asked.iter().all(|(_, recursion)| *recursion));
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_udp_is_fetched_over_tcp() {
    let (server, dns) = resolver([127, 0, 0, 41]).await;
    server.point(LMS, "elb.example.com");
    server.book().only_tcp = true;
    assert_eq!(dns.ask_resolver(server.ip(), &LMS.into()).await, Ok(Some("elb.example.com".into())));
    assert_eq!(server.book().asked.len(), 2);
}

#[tokio::test]
async fn a_question_that_was_lost_is_asked_again() {
    let (server, dns) = resolver([127, 0, 0, 42]).await;
    server.point(LMS, "elb.example.com");
    server.book().lost = 1;
    assert_eq!(dns.ask_resolver(server.ip(), &LMS.into()).await, Ok(Some("elb.example.com".into())));
}

#[tokio::test]
async fn a_resolver_that_fails_is_not_a_missing_record() {
    let (server, dns) = resolver([127, 0, 0, 43]).await;
    server.book().code = Some(ResponseCode::ServFail);
    let failed = dns.ask_resolver(server.ip(), &LMS.into()).await.expect_err("it cannot say");
    let nobody = dns.ask_resolver([127, 0, 0, 44].into(), &LMS.into()).await.expect_err("nobody is there");
    server.book().silent = true;
    let silent = dns.ask_resolver(server.ip(), &LMS.into()).await.expect_err("it says nothing");
    for failure in [failed, nobody, silent] {
        assert_eq!(failure.class, FailureClass::NotApplied);
        assert!(failure.to_string().contains("resolver 127.0.0.4"), "{failure}");
    }
}

#[tokio::test]
async fn balancers_of_both_kinds_are_read_with_settings_and_members() {
    let scene = Scene::balancers().await;
    let ports = scene.port();
    let instances = scene.instances();
    let asked: Vec<BalancerName> = names(&["classic-live", "classic-draft", "group-live"]);
    registered(&ports, &asked[0], &instances[..2]).await.expect("registered");
    registered(&ports, &asked[2], &instances[2..3]).await.expect("registered");
    let found = ports.balancers(&asked).await.expect("balancers");
    let (live, draft, group) = (&found[&asked[0]], &found[&asked[1]], &found[&asked[2]]);
    assert_eq!(
        (live.kind, draft.kind, group.kind),
        (BalancerKind::Classic, BalancerKind::Classic, BalancerKind::TargetGroup)
    );
    assert_eq!((live.draining.as_secs(), draft.draining.as_secs(), group.draining.as_secs()), (120, 0, 90));
    let (check, other) = (&live.health_check, &group.health_check);
    assert_eq!((check.interval.as_secs(), check.healthy_threshold, check.unhealthy_threshold), (30, 10, 2));
    assert_eq!((other.interval.as_secs(), other.healthy_threshold, other.unhealthy_threshold), (20, 3, 4));
    assert_eq!(live.members.keys().collect::<Vec<_>>().len(), 2);
    assert_eq!(live.members[&instances[0]], Health::InService);
    assert!(group.members.contains_key(&instances[2]) && draft.members.is_empty());
    assert_eq!(scene.calls(Service::Elb, "DescribeLoadBalancers"), 2, "one look for registering, one for reading");
}

#[tokio::test]
async fn names_that_are_not_there_are_left_out_and_foreign_kinds_are_told() {
    let scene = Scene::balancers().await;
    let ports = scene.port();
    let asked: Vec<BalancerName> =
        names(&["classic-live", "called-classic", "group-live", "called-a-group", "nowhere-classic", "nowhere-group"]);
    let found = ports.balancers(&asked).await;
    // Of the balancer that the file takes for a group, the health check was set by hand: it is read like others.
    let found = found.expect("balancers");
    let kinds: Vec<_> = found.iter().map(|(name, state)| (name.as_str(), state.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("called-a-group", BalancerKind::Classic),
            ("called-classic", BalancerKind::TargetGroup),
            ("classic-live", BalancerKind::Classic),
            ("group-live", BalancerKind::TargetGroup),
        ]
    );
    let instances = scene.instances();
    let foreign = BalancerName::from("called-classic");
    registered(&ports, &foreign, &instances[..1]).await.expect("it is registered with what it is");
    assert_eq!(ports.health(&foreign).await.expect("health").len(), 1);
    let failure = ports.health(&"nowhere-group".into()).await.expect_err("it is not there");
    assert_eq!(failure.class, FailureClass::Permanent);
    assert!(failure.to_string().contains("nowhere-group"), "{failure}");
    assert_eq!(ports.balancers(&[]).await, Ok(BTreeMap::new()), "no names are not all names");
}

#[tokio::test]
async fn a_balancer_that_cannot_serve_an_upgrade_is_named() {
    let scene = Scene::balancers().await;
    for (name, words) in [("bare", "health check"), ("group-of-addresses", "type ip")] {
        let failure = scene.port().balancers(&names(&[name])).await.expect_err("it cannot be used");
        assert_eq!(failure.class, FailureClass::Permanent);
        assert!(failure.to_string().contains(name) && failure.to_string().contains(words), "{failure}");
    }
}

#[tokio::test]
async fn many_instances_are_registered_and_taken_out_in_batches() {
    let scene = Scene::balancers().await;
    let ports = scene.port();
    let instances = scene.instances();
    assert_eq!(instances.len(), 250);
    let kinds = [
        ("classic-live", Service::Elb, "RegisterInstancesWithLoadBalancer", "DeregisterInstancesFromLoadBalancer"),
        ("group-live", Service::ElbV2, "RegisterTargets", "DeregisterTargets"),
    ];
    for (name, service, add, remove) in kinds {
        let name = BalancerName::from(name);
        registered(&ports, &name, &[]).await.expect("nothing to do");
        deregistered(&ports, &name, &[]).await.expect("nothing to do");
        assert_eq!((scene.calls(service, add), scene.calls(service, remove)), (0, 0));
        registered(&ports, &name, &instances).await.expect("registered");
        assert_eq!(ports.health(&name).await.expect("health").len(), 250);
        deregistered(&ports, &name, &instances).await.expect("taken out");
        assert_eq!(ports.health(&name).await.expect("health").len(), 0);
        assert_eq!((scene.calls(service, add), scene.calls(service, remove)), (3, 3));
    }
}

#[tokio::test]
async fn taking_out_what_is_not_there_changes_nothing() {
    let scene = Scene::balancers().await;
    let ports = scene.port();
    let instances = scene.instances();
    for name in ["classic-live", "group-live"].map(BalancerName::from) {
        registered(&ports, &name, &instances[..2]).await.expect("registered");
        let some = [instances[1].clone(), instances[2].clone()];
        for _ in 0..2 {
            deregistered(&ports, &name, &some).await.expect("moto refuses what is not there, and AWS may");
            let left: Vec<_> = ports.health(&name).await.expect("health").into_keys().collect();
            assert_eq!(left, instances[..1]);
        }
    }
}

/// A server that answers requests by what they ask for, the first of the entries that fits.
fn scripted(answers: Vec<(&'static str, u16, String)>) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 65536];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let found = answers.iter().find(|(part, _, _)| request.contains(part));
            let (_, status, body) = found.unwrap_or_else(|| panic!("nobody expected {request}"));
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    endpoint
}

fn refused(code: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
}

#[tokio::test]
async fn one_gone_instance_does_not_keep_the_others_in_a_classic_balancer() {
    let listed = "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancerDescriptions><member>\
                  <LoadBalancerName>classic-live</LoadBalancerName><DNSName>a.com</DNSName>\
                  </member></LoadBalancerDescriptions></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>";
    let health = "<DescribeInstanceHealthResponse><DescribeInstanceHealthResult><InstanceStates><member>\
                  <InstanceId>i-here</InstanceId><State>InService</State></member></InstanceStates>\
                  </DescribeInstanceHealthResult></DescribeInstanceHealthResponse>";
    let done = "<DeregisterInstancesFromLoadBalancerResponse><DeregisterInstancesFromLoadBalancerResult/>\
                </DeregisterInstancesFromLoadBalancerResponse>";
    let endpoint = scripted(vec![
        ("DescribeLoadBalancers", 200, listed.to_owned()),
        ("DescribeInstanceHealth", 200, health.to_owned()),
        ("i-gone", 400, refused("InvalidInstance")),
        ("i-here", 200, done.to_owned()),
    ]);
    let connection = Rc::new(connect(&endpoint, Limits::default()).await);
    let ports = cloud::balancers(&connection, &deployment());
    deregistered(&ports, &"classic-live".into(), &names(&["i-here", "i-gone"])).await.expect("the other is out");
    assert_eq!(connection.calls()[&(Service::Elb, "DeregisterInstancesFromLoadBalancer")], 2);
    deregistered(&ports, &"classic-live".into(), &names(&["i-gone"])).await.expect("nothing is left to take out");
    assert_eq!(connection.calls()[&(Service::Elb, "DeregisterInstancesFromLoadBalancer")], 3);
}

#[tokio::test]
async fn a_change_that_is_not_known_yet_is_pending() {
    let endpoint =
        scripted(vec![("/change/C1", 404, refused("NoSuchChange")), ("/change/C2", 403, refused("AccessDenied"))]);
    let connection = Rc::new(connect(&endpoint, Limits::default()).await);
    let dns = cloud::dns(&connection, &deployment(), &Rc::new(Vantage::default()));
    assert_eq!(dns.in_sync(&ChangeId::from("C1")).await, Ok(false));
    let failure: Failure = dns.in_sync(&ChangeId::from("C2")).await.expect_err("another refusal is one");
    assert_eq!(failure.class, FailureClass::Permanent);
}
