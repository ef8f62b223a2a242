//! The port for the view from outside: pages as visitors get them, and the certificates that they are shown. Nothing of
//! AWS's API is used here.

use std::cell::OnceCell;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::ports::{Answer, Outside, Page};

use super::certificates::certificate;
use super::tls::Tls;
use crate::connection::Connection;
use crate::times::Times;
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
            Some(Err(why)) => Ok(nobody(&no_answer(host, at, &why))),
            None => Ok(nobody(&format!("{at} does not answer: {}", silence(self.vantage.limit)))),
        }
    }

    async fn certificate(&self, host: &DnsName, domain: &DnsName) -> Answer<Option<Certificate>> {
        certificate(&self.times, &self.vantage, self.tls()?, domain, host).await
    }
}

/// Why no page came from `at`, for which `why` is the HTTP client's own reason.
fn no_answer(host: &DnsName, at: &DnsName, why: &str) -> String {
    match why.split_once("invalid peer certificate: ") {
        Some((_, objection)) => format!("{at} shows a certificate for {host} that browsers refuse: {objection}"),
        None => format!("{at} does not answer: {why}"),
    }
}

/// A page for which there was nobody to ask. Patience with it is the engine's.
fn nobody(why: &str) -> Page {
    Page { status: 0, body: why.to_owned() }
}
