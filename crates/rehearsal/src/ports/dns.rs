//! Route 53 and the resolvers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;

use cutover_core::names::{ChangeId, DnsName};
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Dns, ServerAnswer};

use crate::EmbeddedCloud;

#[async_trait(?Send)]
impl Dns for EmbeddedCloud {
    async fn records(&self, zone: &str, names: &[DnsName]) -> Answer<BTreeMap<DnsName, Record>> {
        self.look("records", |world| world.records(zone, names)).await
    }

    async fn fence(&self, zone: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
        self.look("fence", |world| world.fence(zone, name)).await
    }

    async fn change_records(
        &self,
        permit: &Permit,
        zone: &str,
        records: &[RecordTarget],
        fence: &FenceChange,
    ) -> Answer<ChangeId> {
        let (zone, records, fence) = (zone.to_owned(), records.to_vec(), fence.clone());
        self.change("change_records", permit, move |world| world.change_records(&zone, &records, &fence)).await
    }

    async fn in_sync(&self, change: &ChangeId) -> Answer<bool> {
        self.look("in_sync", |world| world.in_sync(change)).await
    }

    async fn ask_servers(&self, zone: &str, name: &DnsName) -> Answer<Vec<ServerAnswer>> {
        self.look("ask_servers", |world| world.ask_servers(zone, name)).await
    }

    async fn ask_resolver(&self, resolver: IpAddr, name: &DnsName) -> Answer<Option<DnsName>> {
        self.look("ask_resolver", |world| Ok(world.ask_resolver(resolver, name))).await
    }
}
