//! knot: the name servers that are asked for a site's names. The first one is told of changes, and tells the others.

use std::net::TcpStream;
use std::time::Duration;

use super::process::Process;
use super::question::{Answer, ask};
use super::room::Room;
use crate::effects::Served;

/// A zone, when the servers start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name, with the dot at its end.
    pub name: String,
    /// The names of its servers, with the dot at their ends. Their addresses may be in another zone.
    pub servers: Vec<String>,
    /// Its records.
    pub records: Vec<Served>,
}

/// Running name servers.
pub struct NameServers {
    room: Room,
    addresses: Vec<String>,
    zones: Vec<String>,
    _processes: Vec<Process>,
}

impl NameServers {
    /// Starts one at port 53 of each address, each with all zones.
    ///
    /// # Panics
    /// When one does not start, or a zone is not one.
    #[must_use]
    pub fn start(room: &Room, addresses: &[String], zones: &[Zone]) -> Self {
        let start = |number: usize| {
            let folder = folder(number);
            std::fs::create_dir(room.path(&folder)).expect("a folder");
            for zone in zones.iter().filter(|_| number == 0) {
                room.write(&format!("{folder}/{}zone", zone.name), &text(zone));
            }
            room.write(&format!("{folder}/knot.conf"), &configured(room, number, addresses, zones));
            let arguments = ["knotd", "-c", &room.inside(&format!("{folder}/knot.conf"))].map(str::to_owned);
            room.start(&folder, &arguments, || answers(&addresses[number]))
        };
        let processes = (0..addresses.len()).map(start).collect();
        let zones: Vec<String> = zones.iter().map(|zone| zone.name.clone()).collect();
        let servers = Self { room: room.clone(), addresses: addresses.to_vec(), zones, _processes: processes };
        let is_there = |address: &String, zone: &String| ask(address, zone, "SOA", false).is_ok();
        let all = || servers.addresses.iter().all(|address| servers.zones.iter().all(|zone| is_there(address, zone)));
        let ready = crate::waiting::until(Duration::from_secs(20), || all().then_some(()));
        let said = || (0..addresses.len()).map(|number| room.log(&folder(number))).collect::<String>();
        assert!(ready.is_some(), "the name servers do not have all zones:\n{}", said());
        servers
    }

    /// Their addresses. The first one is told of changes first.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// The names of the zones.
    #[must_use]
    pub fn zones(&self) -> &[String] {
        &self.zones
    }

    /// Changes records at the first server, all of a zone at once. It tells the others of that.
    ///
    /// # Panics
    /// When no zone is theirs, or the server refuses.
    pub fn serve(&self, records: &[Served]) {
        for zone in &self.zones {
            let own: Vec<&Served> = records.iter().filter(|record| self.zone_of(&record.name) == zone).collect();
            if own.is_empty() {
                continue;
            }
            self.control(&["zone-begin", zone]);
            for record in own {
                self.replace(zone, record);
            }
            self.control(&["zone-commit", zone]);
        }
    }

    fn replace(&self, zone: &str, record: &Served) {
        if !self.control_may_fail(&["zone-get", zone, &record.name, &record.kind]).is_empty() {
            self.control(&["zone-unset", zone, &record.name, &record.kind]);
        }
        let ttl = record.ttl.to_string();
        record.values.iter().for_each(|value| {
            self.control(&["zone-set", zone, &record.name, &ttl, &record.kind, value]);
        });
    }

    /// Whether all servers answer with exactly these records.
    #[must_use]
    pub fn is_served(&self, records: &[Served]) -> bool {
        let by = |address: &String, record: &Served| {
            ask(address, &record.name, &record.kind, false).is_ok_and(|answers| is_same(record, &answers))
        };
        records.iter().all(|record| self.addresses.iter().all(|address| by(address, record)))
    }

    fn zone_of(&self, name: &str) -> &str {
        let beneath = |zone: &&String| name == zone.as_str() || name.ends_with(&format!(".{zone}"));
        let zone = self.zones.iter().filter(beneath).max_by_key(|zone| zone.len());
        zone.unwrap_or_else(|| panic!("{name} is in none of the zones {:?}", self.zones))
    }

    fn control(&self, words: &[&str]) {
        let output = self.knotc(words);
        assert!(output.status.success(), "knotc {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn control_may_fail(&self, words: &[&str]) -> String {
        let output = self.knotc(words);
        if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() }
    }

    fn knotc(&self, words: &[&str]) -> std::process::Output {
        let socket = self.room.inside(&format!("{}/knot.sock", folder(0)));
        self.room.command("knotc").args(["-s", &socket]).args(words).output().expect("chroot")
    }
}

/// Whether the answers are the record's values. CNAME records that lead elsewhere are answers of another kind.
fn is_same(record: &Served, answers: &[Answer]) -> bool {
    let own = answers.iter().filter(|answer| answer.kind == record.kind);
    let mut values: Vec<(u32, &str)> = own.map(|answer| (answer.ttl, answer.value.as_str())).collect();
    let mut wanted: Vec<(u32, &str)> = record.values.iter().map(|value| (record.ttl, value.as_str())).collect();
    values.sort_unstable();
    wanted.sort_unstable();
    values == wanted
}

fn folder(number: usize) -> String {
    format!("names-{number}")
}

fn answers(address: &str) -> bool {
    let address = format!("{address}:53").parse().expect("an address");
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// The zone's file.
fn text(zone: &Zone) -> String {
    let name = &zone.name;
    let head = format!("{name} 900 SOA {} admin.{name} 1 7200 900 1209600 60\n", zone.servers[0]);
    let servers = zone.servers.iter().map(|server| format!("{name} 900 NS {server}\n"));
    let line = |record: &Served, value: &String| format!("{} {} {} {value}\n", record.name, record.ttl, record.kind);
    let records = zone.records.iter().flat_map(|record| record.values.iter().map(move |value| line(record, value)));
    head + &servers.chain(records).collect::<String>()
}

/// The configuration of a server.
fn configured(room: &Room, number: usize, addresses: &[String], zones: &[Zone]) -> String {
    let own = room.inside(&folder(number));
    let others: Vec<String> = if number == 0 { (1..addresses.len()).map(id).collect() } else { vec![id(0)] };
    let others = others.join(", ");
    // Else the kernel chooses from where it asks, and the others do not know it.
    let via = &addresses[number];
    let remote = |(number, address): (usize, &String)| {
        format!("  - id: {}\n    address: {address}@53\n    via: {via}\n", id(number))
    };
    let remotes: String = addresses.iter().enumerate().map(remote).collect();
    let role = match number {
        _ if addresses.len() == 1 => String::new(),
        0 => format!("    notify: [ {others} ]\n    acl: [ transfers ]\n"),
        _ => format!("    master: [ {others} ]\n    acl: [ notices ]\n"),
    };
    let from: String = addresses.join(", ");
    let zones: String = zones.iter().map(|zone| format!("  - domain: {}\n{role}", zone.name)).collect();
    format!(
        "server:\n    rundir: {own}\n    listen: {via}@53\n    user: root\nlog:\n  - target: stderr\n    any: warning\n\
         database:\n    storage: {own}\nremote:\n{remotes}acl:\n  - id: transfers\n    address: [ {from} ]\n    action: transfer\n  \
         - id: notices\n    address: [ {from} ]\n    action: notify\n\
         template:\n  - id: default\n    storage: {own}\n    file: \"%s.zone\"\n    zonefile-sync: -1\nzone:\n{zones}"
    )
}

fn id(number: usize) -> String {
    format!("server-{number}")
}
