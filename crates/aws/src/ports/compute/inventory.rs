//! Where instances are reached, and what they have written to their consoles.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_smithy_types::base64;
use futures_util::lock::Mutex;

use cutover_core::names::{HostName, InstanceId};
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use super::super::tags::{self, Owner, tag};
use super::listing::listed;
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::ec2;

/// Where an instance is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its Name tag.
    pub name: HostName,
    /// Its address within the network.
    pub private: Option<String>,
    /// Its address on the internet. It changes when an instance is stopped and started again.
    pub public: Option<String>,
}

impl Location {
    fn of(one: &ec2::Instance) -> Self {
        Self {
            name: tag(&one.tags, tags::NAME).unwrap_or_default().into(),
            private: one.private_ip_address.clone(),
            public: one.public_ip_address.clone(),
        }
    }
}

/// The instances of a deployment, as somebody needs to know them who wants to reach them.
pub struct AwsInventory {
    connection: Rc<Connection>,
    owner: Owner,
    /// What was found. One listing finds all hosts of the deployment.
    found: RefCell<BTreeMap<String, Location>>,
    /// How many listings have begun.
    begun: Cell<u64>,
    /// What came of the last listing. Locked while one is under way.
    listing: Mutex<Answer<()>>,
}

impl AwsInventory {
    pub(crate) fn new(connection: &Rc<Connection>, owner: Owner) -> Self {
        let (connection, found) = (Rc::clone(connection), RefCell::default());
        Self { connection, owner, found, begun: Cell::new(0), listing: Mutex::new(Ok(())) }
    }

    /// Where an instance is reached. All who ask at the same time share a listing.
    ///
    /// # Errors
    /// When EC2 cannot be asked, or does not list the instance.
    pub async fn location(&self, instance: &InstanceId) -> Answer<Location> {
        if let Some(location) = self.known(instance) {
            return Ok(location);
        }
        let begun = self.begun.get();
        let mut listing = self.listing.lock().await;
        if let Some(location) = self.known(instance) {
            return Ok(location);
        }
        // A listing that had begun before may be older than the instance. One that has begun since tells.
        if self.begun.get() == begun {
            self.begun.set(begun + 1);
            *listing = self.list().await;
        }
        listing.clone()?;
        self.known(instance).ok_or_else(|| {
            // A new instance is not listed at once.
            Failure::not_applied(format!("EC2 does not list {instance} among the hosts of {}", self.owner.deployment))
        })
    }

    async fn list(&self) -> Answer<()> {
        let listed = listed(&self.connection, self.owner.filters()).await?;
        self.found.borrow_mut().extend(listed.iter().map(|one| (one.instance_id.clone(), Location::of(one))));
        Ok(())
    }

    fn known(&self, instance: &InstanceId) -> Option<Location> {
        let found = self.found.borrow();
        found.get(instance.as_str()).filter(|one| one.private.is_some() || one.public.is_some()).cloned()
    }

    /// What was found about an instance may no longer be true: EC2 is asked again when it is needed next.
    pub fn forget(&self, instance: &InstanceId) {
        self.found.borrow_mut().remove(instance.as_str());
    }

    /// What an instance has written to its console; empty as long as EC2 does not show it, which takes some minutes after
    /// the launch.
    ///
    /// # Errors
    /// When EC2 cannot be asked.
    pub async fn console(&self, instance: &InstanceId) -> Answer<String> {
        let kept = self.output(instance, None).await?;
        if !kept.is_empty() {
            return Ok(kept);
        }
        // Older types of instances do not have it.
        self.output(instance, Some(true)).await.or_else(|error| match error.code() {
            Some("UnsupportedOperation") => Ok(String::new()),
            _ => Err(error.into()),
        })
    }

    async fn output(&self, instance: &InstanceId, latest: Option<bool>) -> Result<String, Error> {
        let request = ec2::GetConsoleOutput { instance_id: instance.to_string(), latest };
        let output = self.connection.call(&request).await?.output.unwrap_or_default();
        let bytes = base64::decode(output.trim()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
