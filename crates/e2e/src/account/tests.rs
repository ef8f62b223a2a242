//! The account with a fake world behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::http::{Request, Response};
use super::{Balancer, Furniture, Host, Moto, Release, Server, Site, base64, xml};
use crate::effects::{Effects, Health, Launch, Served};

/// A world that records what it is told, and says what it was told to say.
#[derive(Default)]
struct World {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    launched: Vec<Launch>,
    booted: Vec<String>,
    stopped: Vec<String>,
    images: Vec<(String, String)>,
    terminated: Vec<String>,
    members: BTreeMap<String, Vec<(String, Health)>>,
    told: Vec<Served>,
    serves: bool,
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread has panicked")
    }
}

impl Effects for World {
    fn launch(&self, launch: &Launch) -> Result<Vec<String>, String> {
        self.state().launched.push(launch.clone());
        Ok(vec!["ssh-ed25519 AAAAC3".to_owned()])
    }
    fn has_booted(&self, instance: &str) -> bool {
        self.state().booted.iter().any(|one| one == instance)
    }
    fn stop(&self, instance: &str) {
        self.state().stopped.push(instance.to_owned());
    }
    fn make_image(&self, instance: &str, image: &str) -> Result<(), String> {
        if !self.state().stopped.iter().any(|one| one == instance) {
            return Err(format!("{instance} is not stopped"));
        }
        self.state().images.push((instance.to_owned(), image.to_owned()));
        Ok(())
    }
    fn terminate(&self, instance: &str) {
        self.state().terminated.push(instance.to_owned());
    }
    fn register(&self, balancer: &str, instances: &[String]) {
        let new = instances.iter().map(|instance| (instance.clone(), Health::Registering));
        self.state().members.entry(balancer.to_owned()).or_default().extend(new);
    }
    fn deregister(&self, balancer: &str, instances: &[String]) {
        for member in self.state().members.entry(balancer.to_owned()).or_default() {
            member.1 = if instances.contains(&member.0) { Health::Draining } else { member.1 };
        }
    }
    fn members(&self, balancer: &str) -> Vec<(String, Health)> {
        self.state().members.get(balancer).cloned().unwrap_or_default()
    }
    fn serve(&self, records: &[Served]) {
        self.state().told.extend_from_slice(records);
    }
    fn is_served(&self, _records: &[Served]) -> bool {
        self.state().serves
    }
}

/// An account in front of such a world.
struct Stage {
    moto: Moto,
    world: Arc<World>,
    server: Server,
}

impl Stage {
    fn new() -> Self {
        let moto = Moto::with(&furniture());
        let world = Arc::new(World::default());
        let server = Server::before(&moto.facts().endpoint, Arc::clone(&world) as Arc<dyn Effects>);
        Self { moto, world, server }
    }

    fn ask(&self, request: &Request) -> Response {
        request.forward(self.server.endpoint().trim_start_matches("http://")).expect("an answer")
    }

    fn query(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.ask(&Request::query(service, fields));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.text()
    }

    fn ec2(&self, fields: &[(&str, &str)]) -> String {
        self.query("ec2", &[&[("Version", "2016-11-15")], fields].concat())
    }

    fn launch(&self, token: &str) -> String {
        let subnet = self.moto.facts().subnet.as_str();
        let user_data = base64::encoded("#cloud-config\n").replace('=', "%3D");
        let launch = [("Action", "RunInstances"), ("ImageId", "ami-1"), ("SubnetId", subnet), ("ClientToken", token)];
        let tag = ["ResourceType", "Tag.1.Key", "Tag.1.Value"].map(|field| format!("TagSpecification.1.{field}"));
        let tag = [(tag[0].as_str(), "instance"), (tag[1].as_str(), "role"), (tag[2].as_str(), "worker")];
        self.ec2(&[&launch[..], &[("MinCount", "1"), ("MaxCount", "1"), ("UserData", &user_data)], &tag].concat())
    }

    fn change_records(&self, changes: &str) -> Response {
        let zone = &self.moto.facts().zone;
        let body = format!(
            "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.ask(&Request::post("route53", &format!("/2013-04-01{zone}/rrset/"), &body))
    }
}

fn furniture() -> Furniture {
    let release =
        |codename: &str, version: &str| Release { codename: codename.to_owned(), version: version.to_owned() };
    let balancer = |name: &str, kind: &str| Balancer {
        name: name.to_owned(),
        kind: kind.to_owned(),
        interval: 5,
        healthy: 2,
        unhealthy: 2,
        draining: 5,
    };
    let host = Host {
        name: "edx-live-0-v3".to_owned(),
        role: "edxapp".to_owned(),
        fleet: "live".to_owned(),
        balancers: vec!["lms".to_owned()],
    };
    Furniture {
        name: "campus".to_owned(),
        network: "10.213.7.0/24".to_owned(),
        current: release("juniper", "3"),
        next: Some(release("koa", "4")),
        image_names: [("edxapp".to_owned(), "edxapp_campus_{codename}_base_release_1".to_owned())].into(),
        hosts: vec![host],
        profile: "edx-instance-role".to_owned(),
        balancers: vec![balancer("lms", "classic"), balancer("staging", "target-group")],
        sites: vec![Site { host: "lms.campus.test".to_owned(), balancer: "lms".to_owned() }],
        zone: "campus.test".to_owned(),
        ttl: 20,
        bucket: "upgrading.campus.test".to_owned(),
        database: "campus-mysql".to_owned(),
    }
}

fn change(action: &str, kind: &str, name: &str, value: &str) -> String {
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>20</TTL>\
         <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
         </ResourceRecordSet></Change>"
    )
}

#[test]
fn a_launch_boots_one_host_at_the_address_that_ec2_gives_it_however_often_it_is_repeated() {
    let stage = Stage::new();
    let current = &stage.moto.facts().hosts["edx-live-0-v3"];
    assert_eq!(current.address, "10.213.7.4");
    let first = stage.launch("token-1");
    assert_eq!(stage.launch("token-1"), first);
    let instance = xml::first(&first, "instanceId").expect("an id");
    let names: Vec<String> = stage.moto.living().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["edx-live-0-v3", ""]);
    let launched = stage.world.state().launched.clone();
    let expected = Launch {
        instance: instance.clone(),
        image: "ami-1".to_owned(),
        address: "10.213.7.5".to_owned(),
        tags: [("role".to_owned(), "worker".to_owned())].into(),
        user_data: "#cloud-config\n".to_owned(),
    };
    assert_eq!(launched, [expected]);
    let status = || stage.ec2(&[("Action", "DescribeInstanceStatus"), ("InstanceId.1", &instance)]);
    assert!(status().contains("initializing") && !status().contains("<status>ok</status>"));
    stage.world.state().booted.push(instance.clone());
    assert!(!status().contains("initializing"));
    let console = stage.ec2(&[("Action", "GetConsoleOutput"), ("InstanceId", &instance)]);
    let console = base64::decoded(&xml::first(&console, "output").expect("an output"));
    assert!(console.contains("-----BEGIN SSH HOST KEY KEYS-----\r\nssh-ed25519 AAAAC3\r\n-----END"), "{console}");
    stage.ec2(&[("Action", "TerminateInstances"), ("InstanceId.1", &instance)]);
    assert_eq!(stage.world.state().terminated, [instance]);
    assert_eq!(stage.moto.living().len(), 1);
    assert_eq!(stage.moto.images().len(), 2);
    assert!(stage.moto.object("upgrading.campus.test", "index.html").is_some());
}

#[test]
fn an_image_is_made_of_a_stopped_instance_once_with_tags_of_its_snapshots() {
    let stage = Stage::new();
    let instance = xml::first(&stage.launch("token-1"), "instanceId").expect("an id");
    let tag = |kind: &str, nth: u8| {
        let pair = |field: &str, value: &str| format!("TagSpecification.{nth}.{field}={value}");
        [pair("ResourceType", kind), pair("Tag.1.Key", "commit"), pair("Tag.1.Value", "c0%2Fffee")]
    };
    let make = || {
        let pairs = [
            "Action=CreateImage".to_owned(),
            "Version=2016-11-15".to_owned(),
            "Name=edxapp_2".to_owned(),
            format!("InstanceId={instance}"),
        ];
        stage.ask(&Request::form("ec2", &[&pairs[..], &tag("image", 1), &tag("snapshot", 2)].concat()))
    };
    let refused = make();
    assert!(refused.status() == 400 && refused.text().contains("is not stopped"), "{}", refused.text());
    assert_eq!(stage.moto.images().len(), 2, "nothing is left of it");
    stage.ec2(&[("Action", "StopInstances"), ("InstanceId.1", &instance)]);
    let made = make();
    let image = xml::first(&made.text(), "imageId").unwrap_or_else(|| panic!("{}", made.text()));
    assert_eq!(stage.world.state().images, [(instance.clone(), image.clone())]);
    let listed = stage.ec2(&[("Action", "DescribeImages"), ("ImageId.1", &image)]);
    assert!(listed.contains("<value>c0/ffee</value>"), "{listed}");
    let snapshot = xml::first(&listed, "snapshotId").expect("a snapshot");
    let listed = stage.ec2(&[("Action", "DescribeSnapshots"), ("SnapshotId.1", &snapshot)]);
    assert!(listed.contains("<value>c0/ffee</value>"), "{listed}");
    assert!(make().text().contains("<Code>InvalidAMIName.Duplicate</Code>"), "it exists");
    assert_eq!(stage.world.state().images.len(), 1);
}

#[test]
fn members_of_a_classic_balancer_are_as_healthy_as_the_balancer_itself_says() {
    let stage = Stage::new();
    let of_lms = |action: &str, instance: Option<&str>| {
        let named = [("Version", "2012-06-01"), ("Action", action), ("LoadBalancerName", "lms")];
        let instance = instance.map(|instance| ("Instances.member.1.InstanceId", instance));
        stage.query("elasticloadbalancing", &named.into_iter().chain(instance).collect::<Vec<_>>())
    };
    let health = || of_lms("DescribeInstanceHealth", None);
    assert!(!health().contains("<member>"));
    of_lms("RegisterInstancesWithLoadBalancer", Some("i-1"));
    assert!(health().contains("<InstanceId>i-1</InstanceId><State>OutOfService</State><ReasonCode>ELB</ReasonCode>"));
    stage.world.state().members.insert("lms".to_owned(), vec![("i-1".to_owned(), Health::InService)]);
    assert!(health().contains("<State>InService</State>"));
    of_lms("DeregisterInstancesFromLoadBalancer", Some("i-1"));
    assert!(health().contains("Instance deregistration currently in progress."));
}

#[test]
fn targets_of_a_group_are_found_by_the_name_in_its_arn() {
    let stage = Stage::new();
    let groups = stage.query("elasticloadbalancing", &[("Version", "2015-12-01"), ("Action", "DescribeTargetGroups")]);
    let arn = xml::first(&groups, "TargetGroupArn").expect("an ARN");
    let instance = stage.moto.facts().hosts["edx-live-0-v3"].id.clone();
    let of_group = |action: &str| {
        let named = [("Version", "2015-12-01"), ("Action", action), ("TargetGroupArn", arn.as_str())];
        let instance = [("Targets.member.1.Id", instance.as_str())];
        let with = if action.starts_with("Describe") { &instance[..0] } else { &instance[..] };
        stage.query("elasticloadbalancing", &[&named[..], with].concat())
    };
    of_group("RegisterTargets");
    assert!(of_group("DescribeTargetHealth").contains("<State>initial</State>"));
    stage.world.state().members.insert("staging".to_owned(), vec![(instance.clone(), Health::OutOfService)]);
    assert!(of_group("DescribeTargetHealth").contains("<State>unhealthy</State>"));
    of_group("DeregisterTargets");
    assert!(of_group("DescribeTargetHealth").contains("<State>draining</State>"));
}

#[test]
fn records_are_changed_all_or_none_and_pending_until_they_are_served() {
    let stage = Stage::new();
    let to_page = change("UPSERT", "CNAME", "lms.campus.test.", "d1.cloudfront.net.");
    let fence = change("CREATE", "TXT", "_cutover.campus.test.", "\"cutover 1\"");
    let refused = stage.change_records(&(to_page.clone() + &fence.replace("CREATE", "DELETE")));
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains("<Code>InvalidChangeBatch</Code>"), "{}", refused.text());
    assert_eq!(stage.world.state().told, []);
    let accepted = stage.change_records(&(to_page + &fence)).text();
    assert!(accepted.contains("<Status>PENDING</Status>"), "{accepted}");
    let told: Vec<String> = stage.world.state().told.iter().map(|set| set.values.concat()).collect();
    assert_eq!(told, ["d1.cloudfront.net.", "\"cutover 1\""]);
    assert!(accepted.contains("<Status>PENDING</Status>"), "{accepted}");
    let id = xml::first(&accepted, "Id").expect("an id");
    let status = || stage.ask(&Request::get("route53", &format!("/2013-04-01{id}"))).text();
    assert!(status().contains("PENDING"), "{}", status());
    stage.world.state().serves = true;
    assert!(status().contains("INSYNC"), "{}", status());
    let of_lms = stage.moto.records().into_iter().find(|set| set.name == "lms.campus.test.").expect("it is there");
    assert_eq!(of_lms.values, ["d1.cloudfront.net."]);
    let again = stage.change_records(&fence);
    assert_eq!(again.status(), 400, "it exists already: {}", again.text());
}
