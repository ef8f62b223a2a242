//! What the account's writes do: hosts boot and end, balancers and name servers are told.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cutover_rig::{Debian, Host, Image, Machines, Outfit};

use super::members::{Members, Verdict};
use super::pace::Pace;
use crate::effects::{Effects, Health, Launch, Served};
use crate::servers::{Balancers, NameServers};
use crate::site::{Fleet, Release, Role, Site};
use crate::waiting::until;

/// How long a question to a host that may not have booted may take.
const SOON: Duration = Duration::from_millis(200);
/// How long name servers may take to tell each other of a change.
const TRANSFER: Duration = Duration::from_secs(10);
/// How long supervisor may take to start on a busy computer.
const BOOT: Duration = Duration::from_secs(60);
/// How old the program's listing of instances may be when it looks for what it has launched or terminated. A machine boots sooner.
const OLDEST_LISTING: Duration = Duration::from_secs(2);
/// The tag of instances on which the program builds images.
pub(super) const BUILDER: &str = "cutover-build";
/// The port of nginx on hosts.
const HTTP: u16 = 80;

/// The world of a run.
pub struct World {
    machines: Machines,
    site: Site,
    fleets: BTreeMap<String, Fleet>,
    balancers: Balancers,
    members: Members,
    names: NameServers,
    /// The hosts, by their instances.
    hosts: Mutex<BTreeMap<String, Debian>>,
    /// The images that were made in this run, by their ids.
    images: Mutex<BTreeMap<String, Image>>,
    /// The lines of the operator's known_hosts: those of current hosts. Keys of others are told by their consoles.
    known: Mutex<String>,
    pace: Pace,
}

impl World {
    /// One without hosts.
    pub(super) fn new(
        machines: Machines,
        fleets: Vec<Fleet>,
        balancers: Balancers,
        names: NameServers,
        pace: Pace,
    ) -> Self {
        Self {
            machines,
            site: Site::new(),
            fleets: fleets.into_iter().map(|fleet| (fleet.name.clone(), fleet)).collect(),
            balancers,
            // Two checks, with the time until the first one.
            members: Members::new(3 * pace.checks, pace.draining),
            names,
            hosts: Mutex::default(),
            images: Mutex::default(),
            known: Mutex::default(),
            pace,
        }
    }

    /// The machines.
    #[must_use]
    pub fn machines(&self) -> &Machines {
        &self.machines
    }

    /// The name servers.
    #[must_use]
    pub fn names(&self) -> &NameServers {
        &self.names
    }

    /// Does something with a host.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn with_host<T>(&self, instance: &str, act: impl FnOnce(&Debian) -> T) -> T {
        let hosts = self.hosts();
        act(hosts.get(instance).unwrap_or_else(|| panic!("there is no host {instance}")))
    }

    /// Boots a current host, whose key the operator knows. It is not waited for.
    pub(super) fn boot_current(&self, instance: &str, address: &str, fleet: &str, role: Role) {
        let outfit = self.site.outfit(&self.fleets[fleet], role, Release::One, address, "");
        let host = self.machines.launch_at(address, &outfit);
        let line = host.endpoint().known_line();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
        self.hosts().insert(instance.to_owned(), host);
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Debian>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<String, Image>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an instance boots from, and what it has besides. Without an image that was made here, it is as if one existed beforehand.
    fn boots_from(&self, launch: &Launch) -> Result<(Image, Outfit), String> {
        let tag = |key: &str| launch.tags.get(key).map(String::as_str).ok_or(format!("the instance has no tag {key}"));
        if tag(BUILDER).is_ok() {
            let all_programs = self.fleets.values().any(|fleet| fleet.runs_all_programs);
            return Ok((Image::default(), self.site.builder(all_programs, &launch.user_data)));
        }
        let fleet = self.fleets.get(tag("purpose")?).ok_or("the tag purpose names no fleet")?;
        if let Some(image) = self.images().get(&launch.image) {
            return Ok((image.clone(), self.site.own(fleet, &launch.user_data)));
        }
        let role = if tag("role")? == "worker" { Role::Worker } else { Role::Edxapp };
        let outfit = self.site.outfit(fleet, role, Release::Two, &launch.address, &launch.user_data);
        Ok((Image::default(), outfit))
    }

    fn address(&self, instance: &str) -> Option<String> {
        self.hosts().get(instance).map(|host| host.address().to_owned())
    }
}

impl Effects for World {
    fn launch(&self, launch: &Launch) -> Result<Vec<String>, String> {
        let (image, outfit) = self.boots_from(launch)?;
        let begin = Instant::now();
        let host = self.machines.launch_from(&image, &launch.address, &outfit);
        // The rig makes every host known. This one is known by its console alone.
        self.machines.operator().knows_lines(&self.known.lock().unwrap_or_else(PoisonError::into_inner));
        if self.pace.answers_once_done {
            host.wait_until_up();
            let answers = || (host.run("/usr/bin/supervisorctl pid").exit == 0).then_some(());
            until(BOOT, answers).ok_or("its supervisor does not start")?;
            thread::sleep(OLDEST_LISTING.saturating_sub(begin.elapsed()));
        }
        let key = host.key().to_owned();
        self.hosts().insert(launch.instance.clone(), host);
        Ok(vec![key])
    }

    fn has_booted(&self, instance: &str) -> bool {
        let Some(address) = self.address(instance) else { return false };
        let address = format!("{address}:{}", self.machines.kind().port()).parse().expect("an address");
        TcpStream::connect_timeout(&address, SOON).is_ok()
    }

    fn stop(&self, instance: &str) {
        // Others are not to wait for it meanwhile.
        let Some(host) = self.hosts().remove(instance) else { return };
        host.power_off();
        self.hosts().insert(instance.to_owned(), host);
    }

    fn make_image(&self, instance: &str, image: &str) -> Result<(), String> {
        let stopped = |host: &&Debian| host.is_off();
        let made = self.hosts().get(instance).filter(stopped).map(Debian::image);
        let made = made.ok_or_else(|| format!("{instance} is not stopped"))?;
        self.images().insert(image.to_owned(), made);
        Ok(())
    }

    fn terminate(&self, instance: &str) {
        let begin = Instant::now();
        let host = self.hosts().remove(instance);
        drop(host);
        if self.pace.answers_once_done {
            thread::sleep(OLDEST_LISTING.saturating_sub(begin.elapsed()));
        }
    }

    fn register(&self, balancer: &str, instances: &[String]) {
        for instance in instances {
            let address = self.address(instance).unwrap_or_default();
            if self.members.register(balancer, instance) {
                self.balancers.add(balancer, instance, &address, HTTP);
            }
        }
    }

    fn deregister(&self, balancer: &str, instances: &[String]) {
        for instance in instances.iter().filter(|instance| self.members.deregister(balancer, instance)) {
            self.balancers.drain(balancer, instance);
        }
    }

    fn members(&self, balancer: &str) -> Vec<(String, Health)> {
        let hosts = self.balancers.hosts(balancer).into_iter();
        hosts
            .filter_map(|(instance, health)| match self.members.judge(balancer, &instance, health) {
                Verdict::Is(health) => Some((instance, health)),
                Verdict::HasLeft => {
                    self.balancers.remove(balancer, &instance);
                    None
                }
                Verdict::IsRemoved => None,
            })
            .collect()
    }

    fn serve(&self, records: &[Served]) {
        self.names.serve(records);
        if self.pace.answers_once_done {
            until(TRANSFER, || self.names.is_served(records).then_some(()));
        }
    }

    fn is_served(&self, records: &[Served]) -> bool {
        self.names.is_served(records)
    }
}
