//! The view from outside: pages as visitors get them, and the certificates that they are shown.
//!
//! Nothing of AWS's API is used here. How a handshake goes, and what is wrong with a certificate, is in `tls`.

mod tls;

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;

use async_trait::async_trait;
use futures_util::future::{join_all, select_ok};

use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Answer, Outside, Page};

use self::tls::{Shown, Tls};
use crate::connection::{Connection, Times};
use crate::vantage::{Vantage, silence, within};
use crate::web;

/// The view from outside.
pub struct AwsOutside {
    times: Times,
    vantage: Rc<Vantage>,
    tls: OnceCell<Tls>,
}

impl AwsOutside {
    /// From that vantage. The connection lends its clock.
    #[must_use]
    pub fn new(connection: &Rc<Connection>, vantage: &Rc<Vantage>) -> Self {
        Self { times: connection.times.clone(), vantage: Rc::clone(vantage), tls: OnceCell::new() }
    }

    /// Made when it is first needed: most commands look at no page.
    fn tls(&self) -> Answer<&Tls> {
        if let Some(made) = self.tls.get() {
            return Ok(made);
        }
        let made = Tls::new(&self.vantage)?;
        Ok(self.tls.get_or_init(|| made))
    }
}

#[async_trait(?Send)]
impl Outside for AwsOutside {
    async fn fetch(&self, host: &DnsName, path: &str, pinned: Option<&DnsName>) -> Answer<Page> {
        let tls = self.tls()?.visiting();
        let at = pinned.unwrap_or(host);
        let addresses = match self.vantage.addresses(&self.times, at).await {
            Ok(addresses) => addresses,
            Err(why) => return Ok(nobody(&why.to_string())),
        };
        let name = host.as_str().trim_end_matches('.');
        let visit = web::visit(tls, name, &addresses, path);
        match within(&self.times, self.vantage.limit, visit).await {
            Some(Ok((status, body))) => Ok(Page { status, body: String::from_utf8_lossy(&body).into_owned() }),
            Some(Err(why)) => Ok(nobody(&format!("{at} does not answer: {why}"))),
            None => Ok(nobody(&format!("{at} does not answer: {}", silence(self.vantage.limit)))),
        }
    }

    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>> {
        certificate(&self.times, &self.vantage, self.tls()?, domain, host).await
    }
}

/// Those of `hosts` for which `domain` presents a certificate that nobody objects to.
///
/// # Errors
/// When a connection cannot be made. What was asked about changes nothing.
pub(crate) async fn certified(
    connection: &Connection,
    vantage: &Vantage,
    domain: &DnsName,
    hosts: &[DnsName],
) -> Answer<Vec<DnsName>> {
    let tls = Tls::new(vantage)?;
    let looks = hosts.iter().map(|host| certificate(&connection.times, vantage, &tls, domain, host));
    // Of several that cannot be looked at it is always the first that is named.
    let shown = join_all(looks).await.into_iter().collect::<Answer<Vec<_>>>()?;
    let flawless = |shown: &Option<Certificate>| shown.as_ref().is_some_and(|one| one.objection.is_none());
    Ok(hosts.iter().zip(&shown).filter(|(_, shown)| flawless(shown)).map(|(host, _)| host.clone()).collect())
}

/// A page for which there was nobody to ask. Patience with it is the engine's.
fn nobody(why: &str) -> Page {
    Page { status: 0, body: why.to_owned() }
}

async fn certificate(
    times: &Times,
    vantage: &Vantage,
    tls: &Tls,
    domain: &DnsName,
    host: &DnsName,
) -> Answer<Option<Certificate>> {
    let addresses = match vantage.addresses(times, domain).await {
        Ok(addresses) => addresses,
        // A name that leads nowhere from here may lead somewhere for visitors.
        Err(why) => return Err(not_seen(domain, host, None, &why.to_string())),
    };
    if addresses.is_empty() {
        return Err(not_seen(domain, host, None, "its name has no address"));
    }
    // All at once: of the addresses of a name, one that is out of reach must not take up the time of the others.
    let looks = addresses.iter().map(|address| {
        Box::pin(async move {
            let looked = within(times, vantage.limit, tls.handshake(*address, host)).await;
            looked.unwrap_or_else(|| Err(silence(vantage.limit))).map_err(|why| (address, why))
        })
    });
    match select_ok(looks).await {
        Ok((Shown::Chain(chain), _)) => tls.judged(&chain, host, times.clock.now()).map(Some),
        Ok((Shown::Nothing, _)) => Ok(None),
        Err((address, why)) => Err(not_seen(domain, host, Some(address), &why)),
    }
}

fn not_seen(domain: &DnsName, host: &DnsName, address: Option<&SocketAddr>, why: &str) -> Failure {
    let at = address.map(|address| format!(" ({address})")).unwrap_or_default();
    Failure::not_applied(format!(
        "the certificate that {domain}{at} presents for {host} could not be looked at: {why}; \
         the machine that runs cutover must reach it on the port of HTTPS"
    ))
}
