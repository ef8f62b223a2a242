//! The maintenance page: its object in S3, and the CloudFront distribution in front of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;

use cutover_core::names::{DnsName, InvalidationId};
use cutover_core::observation::Distribution;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, PageObject, PageVersion, Pages};

use crate::connection::Connection;
use crate::operations::cloudfront;
use crate::storage::PageBucket;
use crate::vantage::Vantage;

/// What the origin answers for a path at which it has nothing: 403 where it may not be listed, else 404.
const ORIGIN_ERRORS: [i64; 2] = [403, 404];

/// The maintenance page.
pub struct AwsPages {
    connection: Rc<Connection>,
    /// The sites that the page stands in for.
    sites: Vec<DnsName>,
    /// The key of the page in its bucket.
    key: String,
    vantage: Rc<Vantage>,
    buckets: RefCell<BTreeMap<String, PageBucket>>,
}

impl AwsPages {
    /// The page of that key, which stands in for those sites.
    pub(crate) fn new(connection: &Rc<Connection>, sites: Vec<DnsName>, key: &str, vantage: &Rc<Vantage>) -> Self {
        Self {
            connection: Rc::clone(connection),
            sites,
            key: key.to_owned(),
            vantage: Rc::clone(vantage),
            buckets: RefCell::default(),
        }
    }

    fn bucket(&self, name: &str) -> Answer<PageBucket> {
        if let Some(bucket) = self.buckets.borrow().get(name) {
            return Ok(bucket.clone());
        }
        let bucket = self.connection.page_bucket(name)?;
        self.buckets.borrow_mut().insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }

    /// The sites for which the distribution answers.
    fn answers_for<'a>(&'a self, aliases: &'a [String]) -> impl Iterator<Item = &'a DnsName> {
        self.sites.iter().filter(move |host| aliases.iter().any(|alias| covers(alias, host.as_str())))
    }

    /// The sites among `hosts` whose name the certificate covers, as a handshake shows.
    async fn certified(&self, domain: &DnsName, hosts: &[DnsName], shows_own: bool) -> Answer<Vec<DnsName>> {
        // CloudFront's own certificate knows no aliases.
        if hosts.is_empty() || shows_own {
            return Ok(Vec::new());
        }
        super::outside::certified(&self.connection, &self.vantage, domain, hosts).await
    }
}

#[async_trait(?Send)]
impl Pages for AwsPages {
    async fn page(&self, bucket: &str, key: &str) -> Answer<Option<PageObject>> {
        self.bucket(bucket)?.page(key).await
    }

    async fn put_page(
        &self,
        permit: &Permit,
        bucket: &str,
        key: &str,
        body: &str,
        instead_of: Option<&PageVersion>,
    ) -> Answer<()> {
        self.bucket(bucket)?.put(permit, key, body, instead_of).await
    }

    async fn distribution(&self, id: &str) -> Answer<Option<Distribution>> {
        let found = match self.connection.call(&cloudfront::GetDistribution { id: id.to_owned() }).await {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?.distribution,
        };
        let config = found.config;
        let mut aliases = config.aliases.map(|aliases| aliases.items).unwrap_or_default();
        let sites: Vec<DnsName> = self.answers_for(&aliases).cloned().collect();
        // A wildcard answers for a site as its own name does.
        aliases.retain(|alias| !sites.iter().any(|site| site.as_str() == alias));
        let domain = DnsName::from(found.domain_name);
        let own = config.viewer_certificate.is_some_and(|shown| shown.cloudfront_default_certificate == Some(true));
        let looked = self.certified(&domain, &sites, own).await;
        Ok(Some(Distribution {
            domain,
            deployed: found.status == "Deployed",
            aliases: sites.into_iter().chain(aliases.into_iter().map(DnsName::from)).collect(),
            // Who cannot make handshakes from here can still see all else.
            uncertain: looked.as_ref().err().map(ToString::to_string),
            certified: looked.unwrap_or_default(),
            errors_show_page: errors_show_page(&config.custom_error_responses.unwrap_or_default().items, &self.key),
            enabled: config.enabled,
            origins: config.origins.items.into_iter().map(|origin| origin.domain_name).collect(),
        }))
    }

    async fn invalidate(&self, permit: &Permit, distribution: &str, reference: &str) -> Answer<InvalidationId> {
        let request = cloudfront::CreateInvalidation {
            distribution_id: distribution.to_owned(),
            batch: cloudfront::InvalidationBatch {
                paths: cloudfront::Paths { quantity: 1, items: vec!["/*".to_owned()] },
                caller_reference: reference.to_owned(),
            },
        };
        Ok(self.connection.write(permit, &request).await?.invalidation.id.into())
    }

    async fn invalidated(&self, distribution: &str, id: &InvalidationId) -> Answer<bool> {
        let request = cloudfront::GetInvalidation { distribution_id: distribution.to_owned(), id: id.to_string() };
        match self.connection.call(&request).await {
            // Soon after it was asked for.
            Err(error) if error.code() == Some("NoSuchInvalidation") => Ok(false),
            answer => Ok(answer?.invalidation.status.eq_ignore_ascii_case("completed")),
        }
    }
}

/// Whether an alternate domain name, perhaps `*.example.org`, stands for `host`.
fn covers(alias: &str, host: &str) -> bool {
    let by_wildcard = alias
        .strip_prefix("*.")
        .zip(host.split_once('.'))
        .is_some_and(|(rest, (_, parent))| rest.eq_ignore_ascii_case(parent));
    by_wildcard || alias.eq_ignore_ascii_case(host)
}

/// Whether the page is what visitors get for every path at which the origin has nothing.
fn errors_show_page(responses: &[cloudfront::CustomErrorResponse], key: &str) -> bool {
    let page = format!("/{key}");
    let shows = |code: &i64| {
        responses.iter().any(|one| one.error_code == *code && one.response_page_path.as_ref() == Some(&page))
    };
    ORIGIN_ERRORS.iter().all(shows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(error_code: i64, page: &str) -> cloudfront::CustomErrorResponse {
        cloudfront::CustomErrorResponse { error_code, response_page_path: Some(page.to_owned()), ..Default::default() }
    }

    #[test]
    fn deep_paths_show_the_page_only_when_both_errors_of_the_origin_do() {
        let both = [response(403, "/index.html"), response(404, "/index.html")];
        assert!(errors_show_page(&both, "index.html"));
        assert!(!errors_show_page(&both[..1], "index.html"));
        assert!(!errors_show_page(&both[1..], "index.html"));
        assert!(!errors_show_page(&[response(403, "/index.html"), response(404, "/404.html")], "index.html"));
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(covers("*.mitx.mit.edu", "lms.mitx.mit.edu"));
        assert!(covers("lms.mitx.mit.edu", "lms.mitx.mit.edu"));
        assert!(!covers("*.mitx.mit.edu", "mitx.mit.edu"));
        assert!(!covers("*.mitx.mit.edu", "a.b.mitx.mit.edu"));
    }
}
