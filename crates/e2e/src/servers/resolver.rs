//! unbound: a resolver as networks have it, which keeps answers as long as they may be kept.

use super::process::Process;
use super::question::ask;
use super::room::Room;

/// A running resolver.
pub struct Resolver {
    address: String,
    _process: Process,
}

impl Resolver {
    /// Starts one at port 53 of `address`. It asks `servers` for the names of `zones`, and knows no others.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(room: &Room, address: &str, servers: &[String], zones: &[String]) -> Self {
        let name = format!("resolver-{address}");
        room.write(&format!("{name}.conf"), &configured(address, servers, zones));
        let arguments = ["unbound", "-d", "-c", &room.inside(&format!("{name}.conf"))].map(str::to_owned);
        let process = room.start(&name, &arguments, || ask(address, &zones[0], "SOA", true).is_ok());
        Self { address: address.to_owned(), _process: process }
    }

    /// The address at which it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn configured(address: &str, servers: &[String], zones: &[String]) -> String {
    let servers: String = servers.iter().map(|server| format!("  stub-addr: {server}\n")).collect();
    let known: String = zones.iter().map(|zone| format!("  local-zone: \"{zone}\" transparent\n")).collect();
    let asked: String = zones.iter().map(|zone| format!("stub-zone:\n  name: \"{zone}\"\n{servers}")).collect();
    format!(
        "server:\n  interface: {address}\n  access-control: 0.0.0.0/0 allow\n  username: \"\"\n  chroot: \"\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  do-daemonize: no\n  do-ip6: no\n  num-threads: 1\n  \
         do-not-query-localhost: no\n  module-config: \"iterator\"\n  qname-minimisation: no\n  local-zone: \".\" refuse\n{known}\
         remote-control:\n  control-enable: no\n{asked}"
    )
}
