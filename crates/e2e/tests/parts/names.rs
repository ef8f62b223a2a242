//! The name servers and a resolver that keeps answers.

use cutover_e2e::effects::Served;
use cutover_e2e::servers::{Answer, NameServers, Resolver, Room, Zone, ask};
use cutover_rig::Machines;

use crate::support::wait;

fn record(name: &str, kind: &str, ttl: u32, value: &str) -> Served {
    Served { name: name.to_owned(), kind: kind.to_owned(), ttl, values: vec![value.to_owned()] }
}

fn zone(name: &str, records: Vec<Served>) -> Zone {
    Zone { name: name.to_owned(), servers: vec!["ns-1.awsdns.invalid.".to_owned()], records }
}

/// Two name servers with a site that is at one of two balancers.
fn start(machines: &Machines, room: &Room) -> NameServers {
    let site = zone("site.invalid.", vec![record("lms.site.invalid.", "CNAME", 2, "old.elb.invalid.")]);
    let balancers = ["old", "new"].map(|name| format!("{name}.elb.invalid."));
    let balancers = balancers.iter().zip(["10.0.0.1", "10.0.0.2"]).map(|(name, at)| record(name, "A", 60, at));
    let servers = [machines.add_address(230), machines.add_address(231)];
    NameServers::start(room, &servers, &[site, zone("elb.invalid.", balancers.collect())])
}

#[test]
fn every_server_answers_with_a_change_once_it_is_served() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let servers = start(&machines, &room);
    let before = record("lms.site.invalid.", "CNAME", 2, "old.elb.invalid.");
    let fence = record("_fence.site.invalid.", "TXT", 5, "\"epoch 7\"");
    assert!(servers.is_served(std::slice::from_ref(&before)) && !servers.is_served(std::slice::from_ref(&fence)));

    let after = [record("lms.site.invalid.", "CNAME", 2, "new.elb.invalid."), fence.clone()];
    servers.serve(&after);
    wait("both servers have it", || servers.is_served(&after));
    let with_ttl = |ttl| record("lms.site.invalid.", "CNAME", ttl, "new.elb.invalid.");
    assert!(!servers.is_served(&[before]) && !servers.is_served(&[with_ttl(3)]));
    for server in servers.addresses() {
        let answers = ask(server, "_fence.site.invalid.", "TXT", false).expect("an answer");
        assert_eq!(answers, [Answer { kind: "TXT".to_owned(), ttl: 5, value: "\"epoch 7\"".to_owned() }]);
    }

    let removed = [Served { values: Vec::new(), ..fence }];
    servers.serve(&removed);
    wait("it is removed from both", || servers.is_served(&removed));
}

#[test]
fn a_resolver_follows_names_into_other_zones_and_keeps_answers_for_their_ttl() {
    let (machines, room) = (Machines::chosen(), Room::new());
    let servers = start(&machines, &room);
    let resolver = Resolver::start(&room, &machines.add_address(240), servers.addresses(), servers.zones());
    let address = || {
        let answers = ask(resolver.address(), "lms.site.invalid", "A", true).expect("an answer");
        answers.into_iter().find(|answer| answer.kind == "A").expect("an address").value
    };
    let move_to = |target: &str| servers.serve(&[record("lms.site.invalid.", "CNAME", 60, target)]);
    assert_eq!(address(), "10.0.0.1");
    move_to("new.elb.invalid.");
    wait("the TTL of 2 s is over", || address() == "10.0.0.2");
    move_to("old.elb.invalid.");
    assert_eq!(address(), "10.0.0.2", "it may be kept for a minute now");
    assert!(ask(resolver.address(), "elsewhere.org", "A", true).is_err(), "no other names are known");
}
