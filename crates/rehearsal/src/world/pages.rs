//! The maintenance page: objects in buckets, and the distribution with its cache in front of them.

use cutover_core::digest::Digest;
use cutover_core::names::{DnsName, InvalidationId};
use cutover_core::observation::Distribution;
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use cutover_engine::ports::{Answer, PageObject, PageVersion};

use super::events::Event;
use super::parts::location;
use super::state::WorldState;

impl WorldState {
    pub(crate) fn page(&self, bucket: &str, key: &str) -> Option<PageObject> {
        let text = self.pages.objects.get(&location(bucket, key))?.clone();
        // As in S3 for objects of this size, the same content has the same tag.
        let version = PageVersion(Digest::of(text.as_bytes()).to_string());
        Some(PageObject { text, version })
    }

    pub(crate) fn put_page(
        &mut self,
        bucket: &str,
        key: &str,
        body: &str,
        instead_of: Option<&PageVersion>,
    ) -> Answer<()> {
        if self.page(bucket, key).as_ref().map(|page| &page.version) != instead_of {
            let why = format!("s3://{bucket}/{key} was changed since it was read, so it was not written");
            return Err(Failure::not_applied(why));
        }
        self.pages.objects.insert(location(bucket, key), body.to_owned());
        self.traffic_changed = true;
        Ok(())
    }

    pub(crate) fn distribution(&self, id: &str) -> Option<Distribution> {
        (id == self.deployment.maintenance_page.distribution).then(|| self.pages.distribution.clone())
    }

    pub(crate) fn invalidate(&mut self, distribution: &str, reference: &str) -> Answer<InvalidationId> {
        self.own_distribution(distribution)?;
        let id =
            InvalidationId::from(format!("I{}", self.hexadecimal(&["invalidation", reference], 13).to_uppercase()));
        if !self.pages.invalidations.contains_key(&id) {
            let length = self.varied(&["invalidation", reference], self.deployment.expected.invalidation.duration());
            self.pages.invalidations.insert(id.clone(), false);
            self.agenda.schedule(later(self.now, length), Event::InvalidationCompletes { invalidation: id.clone() });
        }
        Ok(id)
    }

    pub(crate) fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool> {
        self.own_distribution(distribution)?;
        let known = self.pages.invalidations.get(id).copied();
        known.ok_or_else(|| Failure::permanent(format!("{distribution} has no invalidation {id}")))
    }

    pub(crate) fn invalidation_completes(&mut self, id: &InvalidationId) {
        self.pages.invalidations.insert(id.clone(), true);
        self.pages.cached = self.origin().cloned();
        self.traffic_changed = true;
    }

    /// What CloudFront answers for a host name: the page in its edge caches; `None` means an error.
    pub(crate) fn page_for(&self, host: &DnsName) -> Option<&String> {
        let distribution = &self.pages.distribution;
        let answers =
            distribution.deployed && distribution.aliases.contains(host) && distribution.certified.contains(host);
        if !answers {
            return None;
        }
        self.pages.cached.as_ref().or_else(|| self.origin())
    }

    fn origin(&self) -> Option<&String> {
        let page = &self.deployment.maintenance_page;
        self.pages.objects.get(&location(&page.bucket, &page.key))
    }

    fn own_distribution(&self, id: &str) -> Answer<()> {
        if id == self.deployment.maintenance_page.distribution {
            return Ok(());
        }
        Err(Failure::permanent(format!("there is no distribution {id}; see maintenance_page.distribution in the file")))
    }
}
