//! The maintenance page's bucket: anybody may read its object; replacing it takes a permit, and succeeds only if it is
//! still the version that was read.

use std::sync::Arc;

use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, PageObject, PageVersion};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use super::failure::{cause, failure};
use crate::connection::Connection;
use crate::dry::{Line, Writes};
use crate::error::{Cause, Refusal};
use crate::operations::Effect;

const CONTENT_TYPE: &str = "text/html; charset=utf-8";
/// Browsers must not keep the page after the window; CloudFront may for a minute.
const CACHE_CONTROL: &str = "public, max-age=0, s-maxage=60, must-revalidate";

/// The bucket of the maintenance page.
#[derive(Clone, Debug)]
pub struct PageBucket {
    name: String,
    objects: AmazonS3,
    writes: Arc<Writes>,
    /// The options with which the `aws` command reaches it.
    options: Vec<(&'static str, String)>,
}

impl Connection {
    /// The bucket of the maintenance page.
    ///
    /// # Errors
    /// When the bucket's name is not valid.
    pub fn page_bucket(&self, name: &str) -> Result<PageBucket, Failure> {
        Ok(PageBucket {
            name: name.to_owned(),
            objects: self.s3(name)?,
            writes: Arc::clone(&self.writes),
            options: self.command_options(),
        })
    }
}

impl PageBucket {
    /// The object of that key, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn page(&self, key: &str) -> Answer<Option<PageObject>> {
        match self.read(&Path::from(key)).await {
            Ok(page) => Ok(Some(page)),
            Err(Cause::Refused(refusal)) if is_missing(&refusal) => Ok(None),
            Err(cause) => Err(failure(Effect::Read, &self.request("GetObject", key), &cause)),
        }
    }

    async fn read(&self, path: &Path) -> Result<PageObject, Cause> {
        let found = self.objects.get(path).await.map_err(|error| cause(&error))?;
        let version = found.meta.e_tag.clone();
        let body = found.bytes().await.map_err(|error| cause(&error))?;
        let version = version.ok_or_else(|| Cause::Unreadable("it has no entity tag".to_owned()))?;
        Ok(PageObject { text: String::from_utf8_lossy(&body).into_owned(), version: PageVersion(version) })
    }

    /// Replaces the version that was read; where there was none, there must be none now. With a dry permit, or on
    /// a connection in dry mode, the write is recorded and not sent.
    ///
    /// # Errors
    /// When it cannot be written. If the version is another one by now, it is certain that nothing was written.
    pub async fn put(&self, permit: &Permit, key: &str, body: &str, instead_of: Option<&PageVersion>) -> Answer<()> {
        let path = Path::from(key);
        if permit.is_dry() || self.writes.is_dry() {
            self.writes.record(self.line(&path, instead_of));
            return Ok(());
        }
        let attributes =
            Attributes::from_iter([(Attribute::ContentType, CONTENT_TYPE), (Attribute::CacheControl, CACHE_CONTROL)]);
        let options = PutOptions { mode: mode(instead_of), attributes, ..PutOptions::default() };
        let put = self.objects.put_opts(&path, body.to_owned().into(), options).await;
        put.map(|_| ()).map_err(|error| self.not_put(key, &cause(&error), instead_of))
    }

    fn not_put(&self, key: &str, cause: &Cause, instead_of: Option<&PageVersion>) -> Failure {
        let failed = failure(Effect::Write, &self.request("PutObject", key), cause);
        match cause {
            // So S3 says of a version where there is no object any more.
            Cause::Refused(refusal) if is_missing(refusal) && instead_of.is_some() => {
                let why = "it was removed after it was read, and nothing was written";
                Failure::not_applied(format!("{}; {why}", failed.message))
            }
            _ => failed,
        }
    }

    /// The command that an operator would type, with the page in a local file.
    fn line(&self, path: &Path, instead_of: Option<&PageVersion>) -> String {
        let condition = match instead_of {
            Some(PageVersion(version)) => ("if-match", version.clone()),
            None => ("if-none-match", "*".to_owned()),
        };
        let mut options =
            vec![("content-type", CONTENT_TYPE.to_owned()), ("cache-control", CACHE_CONTROL.to_owned()), condition];
        options.extend(self.options.clone());
        Line::put_object(&self.name, path.as_ref()).with(&options).to_string()
    }

    fn request(&self, operation: &str, key: &str) -> String {
        format!("{operation} of s3://{}/{key}", self.name)
    }
}

fn mode(instead_of: Option<&PageVersion>) -> PutMode {
    match instead_of {
        Some(PageVersion(version)) => PutMode::Update(UpdateVersion { e_tag: Some(version.clone()), version: None }),
        None => PutMode::Create,
    }
}

/// Whether the object is missing, and not the bucket.
fn is_missing(refusal: &Refusal) -> bool {
    refusal.status == 404 && refusal.code != "NoSuchBucket"
}
