//! The certificates that a domain presents, as handshakes show them.

use std::net::SocketAddr;

use futures_util::future::{join_all, select_ok};

use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use super::tls::{Shown, Tls};
use crate::connection::Connection;
use crate::times::Times;
use crate::vantage::{Vantage, silence, within};

/// Those of `hosts` for which `domain` presents a certificate that nobody objects to.
///
/// # Errors
/// When a connection cannot be made. What was asked about changes nothing.
pub(in crate::ports) async fn certified(
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

pub(super) async fn certificate(
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
    Failure::not_applied(format!("the certificate that {domain}{at} presents for {host} could not be looked at: {why}"))
        .with_hint("make sure that this machine can reach it over HTTPS")
}
