//! The port for Route 53, its servers, and resolvers. What does not change while an upgrade runs, the id of the zone
//! and the addresses of its servers, is asked for once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use hickory_proto::rr::RecordType;

use cutover_core::names::{ChangeId, DnsName, UpgradeId};
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_engine::failure::Failure;
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Dns, ServerAnswer};

use super::ask::{Question, ask};
use super::{fence, zone};
use crate::connection::Connection;
use crate::operations::route53::{GetChange, GetHostedZone};
use crate::vantage::Vantage;

/// Route 53, its servers, and resolvers.
pub struct AwsDns {
    connection: Rc<Connection>,
    vantage: Rc<Vantage>,
    /// The comment on our changes in Route 53.
    comment: String,
    ids: RefCell<BTreeMap<String, String>>,
    servers: RefCell<BTreeMap<String, Vec<Server>>>,
}

/// A server of the zone.
#[derive(Clone)]
struct Server {
    name: String,
    address: SocketAddr,
}

impl AwsDns {
    /// For changes of that upgrade.
    pub(crate) fn new(connection: &Rc<Connection>, upgrade: &UpgradeId, vantage: &Rc<Vantage>) -> Self {
        Self {
            connection: Rc::clone(connection),
            vantage: Rc::clone(vantage),
            comment: format!("cutover {upgrade}"),
            ids: RefCell::default(),
            servers: RefCell::default(),
        }
    }

    async fn id(&self, zone: &str) -> Answer<String> {
        let known = self.ids.borrow().get(zone).cloned();
        if let Some(id) = known {
            return Ok(id);
        }
        let id = zone::id(&self.connection, zone).await?;
        self.ids.borrow_mut().insert(zone.to_owned(), id.clone());
        Ok(id)
    }

    async fn servers(&self, zone: &str) -> Answer<Vec<Server>> {
        let known = self.servers.borrow().get(zone).cloned();
        if let Some(servers) = known {
            return Ok(servers);
        }
        let id = self.id(zone).await?;
        let answer = self.connection.call(&GetHostedZone { id }).await?;
        let names = answer.delegation_set.map(|set| set.name_servers).unwrap_or_default();
        let found = names.into_iter().map(|name| self.server(name));
        let servers = try_join_all(found).await?;
        self.servers.borrow_mut().insert(zone.to_owned(), servers.clone());
        Ok(servers)
    }

    async fn server(&self, name: String) -> Answer<Server> {
        let found = self.vantage.name_server(&self.connection.times, &name).await;
        let address = found.map_err(|why| {
            Failure::not_applied(format!("name server {name} of the zone cannot be asked: {why}"))
                .with_hint("check this machine's DNS")
        })?;
        Ok(Server { name, address })
    }

    async fn asked(&self, whom: &str, address: SocketAddr, question: &Question<'_>) -> Answer<Option<DnsName>> {
        let answer = ask(&self.connection.times, self.vantage.limit, address, question).await;
        answer.map_err(|why| {
            let (name, port) = (question.name, address.port());
            let hint = format!(
                "make sure that this machine can reach port {port} of name servers and resolvers over UDP and TCP"
            );
            Failure::not_applied(format!("{whom} was asked for {name}: {why}")).with_hint(hint)
        })
    }
}

#[async_trait(?Send)]
impl Dns for AwsDns {
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        zone::records(&self.connection, &self.id(zone).await?, names).await
    }

    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
        fence::read(&self.connection, &self.id(zone).await?, name).await
    }

    async fn change_records(
        &self,
        permit: &Permit,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        let id = self.id(zone).await?;
        let changes = zone::changes(&id, records, fence, &self.comment).map_err(Failure::permanent)?;
        let answer = self.connection.write(permit, &changes).await;
        let answer = answer.map_err(|error| fence::failure(error, &fence.name))?;
        Ok(ChangeId::from(answer.change_info.id.trim_start_matches("/change/")))
    }

    async fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        match self.connection.call(&GetChange { id: change.to_string() }).await {
            Ok(answer) => Ok(answer.change_info.status == "INSYNC"),
            // Not known everywhere yet: what a change did is read from the records, and never from this.
            Err(error) if error.code() == Some("NoSuchChange") => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>> {
        let servers = self.servers(zone).await?;
        let question = Question { name, kind: RecordType::CNAME, recursive: false };
        let answers = servers.iter().map(|server| async {
            let Server { name, address } = server;
            let target = self.asked(&format!("name server {} ({})", name, address.ip()), *address, &question).await?;
            Ok(ServerAnswer { server: name.clone(), target })
        });
        try_join_all(answers).await
    }

    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>> {
        // Resolvers keep answers by name *and* type, and what visitors ask for is an address.
        let question = Question { name, kind: RecordType::A, recursive: true };
        let address = SocketAddr::new(resolver, self.vantage.dns_port);
        self.asked(&format!("resolver {resolver}"), address, &question).await
    }
}
