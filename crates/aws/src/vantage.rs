//! How names and sites outside of AWS's API are reached: as by everybody else, unless a test redirects them.
//!
//! Names are resolved anew each time, by this machine's resolver. How name servers are queried, and how pages and
//! certificates are fetched, is in the ports.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use aws_smithy_async::rt::sleep::AsyncSleep;
use cutover_core::names::DnsName;
use futures_util::future::{Either, select};

use crate::times::Times;

/// Where connections go and whom they trust.
#[derive(Clone, Debug)]
pub struct Vantage {
    /// Where connections to a host name go instead of where DNS points, as `curl --connect-to` has it.
    pub connect_to: BTreeMap<DnsName, SocketAddr>,
    /// The addresses of name servers by their names, where the system's resolver is not to be used.
    pub name_servers: BTreeMap<String, IpAddr>,
    /// The port that name servers and resolvers listen on.
    pub dns_port: u16,
    /// Certificates to trust besides the system's, in DER.
    pub roots: Vec<Vec<u8>>,
    /// How long one question to a name server, a handshake or a page may take.
    pub limit: Duration,
}

impl Default for Vantage {
    fn default() -> Self {
        Self {
            connect_to: BTreeMap::new(),
            name_servers: BTreeMap::new(),
            dns_port: 53,
            roots: Vec::new(),
            limit: Duration::from_secs(10),
        }
    }
}

/// The port of HTTPS.
const HTTPS: u16 = 443;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unresolved {
    /// It does not resolve.
    #[error("the name {0} does not resolve")]
    Unknown(String),
    /// This machine's resolver could not be reached, or could not find out.
    #[error("this machine cannot resolve {0} at the moment: {1}")]
    Failed(String, String),
}

impl Vantage {
    /// Where connections for HTTPS to `host` go.
    pub(crate) async fn addresses(&self, times: &Times, host: &DnsName) -> Result<Vec<SocketAddr>, Unresolved> {
        match self.connect_to.get(host) {
            Some(address) => Ok(vec![*address]),
            None => self.look_up(times, host.as_str(), HTTPS).await,
        }
    }

    /// Where a name server of that name listens.
    pub(crate) async fn name_server(&self, times: &Times, name: &str) -> Result<SocketAddr, Unresolved> {
        let name = name.trim_end_matches('.');
        if let Some(address) = self.name_servers.get(name) {
            return Ok(SocketAddr::new(*address, self.dns_port));
        }
        let found = self.look_up(times, name, self.dns_port).await?;
        // Not every network has IPv6, and every name server has an address of the older kind.
        let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
        best.copied().ok_or_else(|| Unresolved::Unknown(name.to_owned()))
    }

    async fn look_up(&self, times: &Times, name: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved> {
        let asked = name.trim_end_matches('.');
        match within(times, self.limit, tokio::net::lookup_host((asked, port))).await {
            Some(Ok(found)) => Ok(found.collect()),
            // The system's resolver tells the two apart in words only.
            Some(Err(error)) if error.to_string().contains("Temporary failure") => {
                Err(Unresolved::Failed(name.to_owned(), error.to_string()))
            }
            Some(Err(_)) => Err(Unresolved::Unknown(name.to_owned())),
            None => Err(Unresolved::Failed(name.to_owned(), silence(self.limit))),
        }
    }
}

/// The result of `work`, or nothing when it takes longer than `limit`.
pub(crate) async fn within<T>(times: &Times, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(times.sleep.sleep(limit))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The message about something that took longer than `limit`.
pub(crate) fn silence(limit: Duration) -> String {
    format!("no answer within {}", cutover_core::time::human(limit))
}
