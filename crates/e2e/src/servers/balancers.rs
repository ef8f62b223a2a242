//! HAProxy, as balancers that send visitors to hosts. Hosts are added and removed while it runs, through its runtime socket.

use std::time::Duration;

use super::process::Process;
use super::room::Room;
use super::runtime::Runtime;
use crate::waiting::until;

/// A balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    /// Its name, such as `residential-lms`.
    pub name: String,
    /// Where it listens for HTTPS, at port 443.
    pub address: String,
    /// A certificate with its key, in PEM.
    pub certificate: String,
    /// How it looks whether hosts are healthy.
    pub checks: Checks,
}

/// How a balancer looks whether a host is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The path that must be answered with status 200, such as `/heartbeat`.
    pub path: String,
    /// The host name that is asked for.
    pub host: String,
    /// The time between two checks.
    pub interval: Duration,
    /// How many checks in a row have to succeed until a host is healthy.
    pub healthy: u32,
    /// How many checks in a row have to fail until it is not any more.
    pub unhealthy: u32,
}

/// What a balancer says of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is sent visitors.
    Healthy,
    /// Its checks have failed, or not succeeded often enough yet.
    Unhealthy,
    /// It gets no new requests, and ends those that it has.
    Draining,
}

/// Running balancers, all in one HAProxy.
pub struct Balancers {
    balancers: Vec<Balancer>,
    runtime: Runtime,
    _process: Process,
}

impl Balancers {
    /// Starts balancers without hosts. They answer everything with status 503.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start(room: &Room, balancers: &[Balancer]) -> Self {
        let sections: String = balancers.iter().map(|balancer| section(room, balancer)).collect();
        let (process, runtime) = super::haproxy::start(room, "balancers", &sections);
        Self { balancers: balancers.to_vec(), runtime, _process: process }
    }

    /// Adds a host, whose web server listens at `address` and `port`. It is sent visitors once its checks have succeeded.
    ///
    /// # Panics
    /// When HAProxy refuses, since the balancer has it already.
    pub fn add(&self, balancer: &str, host: &str, address: &str, port: u16) {
        let checks = &self.balancer(balancer).checks;
        let (interval, up, down) = (checks.interval.as_millis(), checks.healthy, checks.unhealthy);
        let check = format!("check inter {interval}ms rise {up} fall {down}");
        self.must(&format!("add server {balancer}/{host} {address}:{port} {check}"), "New server registered");
        // HAProxy takes servers for healthy when they are enabled. Nothing is sent to it between the two.
        let order = "enable health SERVER; enable server SERVER; set server SERVER health down";
        self.must(&order.replace("SERVER", &format!("{balancer}/{host}")), "");
    }

    /// Sends no new requests to a host, which ends those that it has.
    ///
    /// # Panics
    /// When the balancer does not have it.
    pub fn drain(&self, balancer: &str, host: &str) {
        self.must(&format!("set server {balancer}/{host} state drain"), "");
    }

    /// Removes a host. Requests that it still has are cut off.
    ///
    /// # Panics
    /// When the balancer does not have it.
    pub fn remove(&self, balancer: &str, host: &str) {
        self.must(&format!("set server {balancer}/{host} state maint"), "");
        self.must(&format!("shutdown sessions server {balancer}/{host}"), "");
        // Connections take a moment to close.
        let removed = || self.runtime.ask(&format!("del server {balancer}/{host}")).contains("deleted").then_some(());
        assert!(until(Duration::from_secs(10), removed).is_some(), "{host} cannot be removed from {balancer}");
    }

    /// What a balancer says of a host; nothing if it does not have it.
    ///
    /// # Panics
    /// When there is no such balancer.
    #[must_use]
    pub fn health(&self, balancer: &str, host: &str) -> Option<Health> {
        self.hosts(balancer).into_iter().find(|(name, _)| name == host).map(|(_, health)| health)
    }

    /// The hosts of a balancer.
    ///
    /// # Panics
    /// When there is no such balancer.
    #[must_use]
    pub fn hosts(&self, balancer: &str) -> Vec<(String, Health)> {
        let _ = self.balancer(balancer);
        // A version, a line with the names of the columns, and a line for each server: see "show servers state" in HAProxy's management guide.
        let answer = self.runtime.ask(&format!("show servers state {balancer}"));
        let lines = answer.lines().skip(2).map(|line| line.split(' ').collect::<Vec<_>>());
        lines.filter(|fields| fields.len() > 6).map(|fields| (fields[3].to_owned(), read(&fields))).collect()
    }

    fn balancer(&self, name: &str) -> &Balancer {
        let found = self.balancers.iter().find(|balancer| balancer.name == name);
        found.unwrap_or_else(|| panic!("there is no balancer {name}"))
    }

    /// Gives an order whose answer contains `wanted`, or is empty.
    fn must(&self, order: &str, wanted: &str) {
        let answer = self.runtime.ask(order);
        assert!(answer.is_empty() || (!wanted.is_empty() && answer.contains(wanted)), "{order}: {answer}");
    }
}

/// The bits of `srv_admin_state` that say that a server drains.
const DRAINS: u32 = 0x08 | 0x10;

fn read(fields: &[&str]) -> Health {
    let (operation, administration) = (fields[5], fields[6].parse::<u32>().unwrap_or(0));
    match operation {
        _ if administration & DRAINS != 0 => Health::Draining,
        // Running.
        "2" => Health::Healthy,
        _ => Health::Unhealthy,
    }
}

fn section(room: &Room, balancer: &Balancer) -> String {
    let Balancer { name, address, certificate, checks } = balancer;
    let file = format!("balancer-{name}.pem");
    room.write(&file, certificate);
    format!(
        "frontend {name}\n  bind {address}:443 ssl crt {}\n  http-request set-header X-Forwarded-Proto https\n  \
         default_backend {name}\n\
         backend {name}\n  balance roundrobin\n  option httpchk\n  \
         http-check send meth GET uri {} ver HTTP/1.1 hdr Host {}\n  http-check expect status 200\n",
        room.inside(&file),
        checks.path,
        checks.host
    )
}
