//! HAProxy as balancers, what stands in for CloudFront, and what visitors see of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_e2e::effects::Served;
use cutover_e2e::servers::{
    Authority, Balancer, Balancers, Checks, Edge, Health, NameServers, Page, Resolver, Room, Zone,
};
use cutover_e2e::visitors::{Counts, Habit, Mishap, Visit, Visitors};
use cutover_rig::Machines;

use crate::support::{chunked, response, wait, web_server};

const SITE: &str = "lms.site.invalid";

fn balancers(machines: &Machines, room: &Room, authority: &Authority) -> (Balancers, String) {
    let checks = Checks {
        path: "/heartbeat".to_owned(),
        host: SITE.to_owned(),
        interval: Duration::from_millis(100),
        healthy: 2,
        unhealthy: 2,
    };
    let (address, certificate) = (machines.add_address(210), authority.issue(&[SITE.to_owned()]));
    let balancer = Balancer { name: "lms".to_owned(), address: address.clone(), certificate, checks };
    (Balancers::start(room, &[balancer]), address)
}

/// A host of a release, which is healthy as long as the other value says so.
fn host(machines: &Machines, release: &'static str) -> (u16, Arc<AtomicBool>) {
    let healthy = Arc::new(AtomicBool::new(true));
    let is_healthy = Arc::clone(&healthy);
    let port = web_server(&machines.address(1), move |request| match request.starts_with("GET /heartbeat") {
        true if !is_healthy.load(Ordering::SeqCst) => response("503 Service Unavailable", "", "{}"),
        true => response("200 OK", "", "{}"),
        false => response("200 OK", &format!("X-Release: {release}\r\n"), "Powered by Open edX"),
    });
    (port, healthy)
}

#[test]
fn a_balancer_finds_hosts_healthy_by_its_own_checks_and_drains_them() {
    let (machines, room, authority) = (Machines::chosen(), Room::new(), Authority::new());
    let (balancers, _) = balancers(&machines, &room, &authority);
    let (port, healthy) = host(&machines, "1");
    assert_eq!(balancers.health("lms", "i-1"), None);
    healthy.store(false, Ordering::SeqCst);
    balancers.add("lms", "i-1", &machines.address(1), port);
    assert_eq!(balancers.health("lms", "i-1"), Some(Health::Unhealthy));
    healthy.store(true, Ordering::SeqCst);
    wait("it is healthy", || balancers.health("lms", "i-1") == Some(Health::Healthy));
    healthy.store(false, Ordering::SeqCst);
    wait("it is unhealthy again", || balancers.health("lms", "i-1") == Some(Health::Unhealthy));
    balancers.drain("lms", "i-1");
    assert_eq!(balancers.health("lms", "i-1"), Some(Health::Draining));
    balancers.remove("lms", "i-1");
    assert_eq!(balancers.hosts("lms"), []);
}

#[test]
fn visitors_count_the_old_site_the_page_the_new_site_and_errors() {
    let (machines, room, authority) = (Machines::chosen(), Room::new(), Authority::new());
    let (balancers, balancer) = balancers(&machines, &room, &authority);
    let page = web_server("127.0.0.1", |request| match request.starts_with("GET /bucket/index.html") {
        true => chunked(&["The site is ", "being upgraded."]),
        false => response("404 Not Found", "", ""),
    });
    let page = Page { s3: ([127, 0, 0, 1], page).into(), bucket: "bucket".to_owned(), key: "index.html".to_owned() };
    let edge_address = machines.add_address(220);
    let _edge = Edge::start(&room, &edge_address, &authority.issue(&[SITE.to_owned()]), &page);
    let at = |address: &str| {
        let name = format!("{SITE}.");
        [Served { name, kind: "A".to_owned(), ttl: 1, values: vec![address.to_owned()] }]
    };
    let zone = Zone {
        name: "site.invalid.".to_owned(),
        servers: vec!["ns.invalid.".to_owned()],
        records: at(&balancer).to_vec(),
    };
    let names = NameServers::start(&room, &[machines.add_address(230)], &[zone]);
    let resolver = Resolver::start(&room, &machines.add_address(240), names.addresses(), names.zones());
    let (old, _) = host(&machines, "1");
    balancers.add("lms", "i-1", &machines.address(1), old);
    wait("the old host is healthy", || balancers.health("lms", "i-1") == Some(Health::Healthy));

    let visitors = Visitors::come(&Visit {
        sites: vec![SITE.to_owned()],
        habits: Habit::USUAL.to_vec(),
        resolver: resolver.address().to_owned(),
        authority: authority.pem().to_owned(),
        releases: ["1", "2"].map(str::to_owned),
        pause: Duration::from_millis(20),
    });
    let all = |is_so: fn(&Counts) -> bool| {
        let counts: BTreeMap<Habit, Counts> = visitors.seen().counts;
        counts.len() == 3 && counts.values().all(is_so)
    };
    wait("all see the old site", || all(|counts| counts.old > 0));
    names.serve(&at(&edge_address));
    wait("one sees the page", || visitors.seen().counts[&Habit::Resolves].page > 0);
    let keeps = Habit::USUAL[2];
    balancers.remove("lms", "i-1");
    wait("who keeps the address sees an error", || visitors.seen().counts[&keeps].error > 0);
    let (new, _) = host(&machines, "2");
    balancers.add("lms", "i-2", &machines.address(1), new);
    wait("the new host is healthy", || balancers.health("lms", "i-2") == Some(Health::Healthy));
    names.serve(&at(&balancer));
    // A connection that was cut off with the old host has been made anew to the edge, and stays there.
    let see_new = |habits: [Habit; 2]| habits.iter().all(|habit| visitors.seen().counts[habit].new > 0);
    wait("who resolves and who keeps the address see the new site", || see_new([Habit::Resolves, keeps]));
    let seen = visitors.leave();
    assert_eq!((seen.counts[&Habit::Resolves].error, seen.counts[&keeps].page), (0, 0), "{seen:?}");
    // A request that was cut off is answered with status 502.
    let of_balancer = format!("status 503 from {balancer}: ");
    let is_one = |mishap: &Mishap| mishap.habit == keeps && mishap.what.starts_with(&of_balancer);
    assert!(seen.mishaps.iter().any(is_one), "{:?}", seen.mishaps);
}

#[test]
fn visitors_do_not_trust_a_stranger() {
    let (machines, room, authority) = (Machines::chosen(), Room::new(), Authority::new());
    let (_balancers, balancer) = balancers(&machines, &room, &Authority::new());
    let record = Served { name: format!("{SITE}."), kind: "A".to_owned(), ttl: 1, values: vec![balancer] };
    let zone =
        Zone { name: "site.invalid.".to_owned(), servers: vec!["ns.invalid.".to_owned()], records: vec![record] };
    let names = NameServers::start(&room, &[machines.add_address(230)], &[zone]);
    let resolver = Resolver::start(&room, &machines.add_address(240), names.addresses(), names.zones());
    let visitors = Visitors::come(&Visit {
        sites: vec![SITE.to_owned()],
        habits: vec![Habit::Resolves],
        resolver: resolver.address().to_owned(),
        authority: authority.pem().to_owned(),
        releases: ["1", "2"].map(str::to_owned),
        pause: Duration::from_millis(20),
    });
    wait("he says why", || visitors.seen().mishaps.iter().any(|mishap| mishap.what.contains("certificate")));
    assert_eq!(visitors.leave().total().old, 0);
}
