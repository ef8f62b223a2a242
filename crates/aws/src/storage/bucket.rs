//! A bucket through `object_store`: the state that a team shares. Its errors are made from the [`Failure`] of the
//! request that failed, with S3's words and what can be done about them.

use std::fmt;

use async_trait::async_trait;
use cutover_engine::failure::Failure;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::failure::{cause, failure};
use crate::connection::Connection;
use crate::operations::Effect;

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    name: String,
    objects: AmazonS3,
}

impl Connection {
    /// A bucket, for the state of an upgrade. Writing there takes no permit: records are not part of the world.
    ///
    /// # Errors
    /// When the bucket's name is not valid.
    pub fn bucket(&self, name: &str) -> std::result::Result<Bucket, Failure> {
        Ok(Bucket { name: name.to_owned(), objects: self.s3(name)? })
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}

impl Bucket {
    /// Turns errors of a request for that key into what S3 said, and what can be done about it.
    fn explain(&self, effect: Effect, operation: &str, key: &str) -> impl Fn(Error) -> Error + Send + 'static {
        let request = format!("{operation} of {self}/{key}");
        move |error| {
            let failure = failure(effect, &request, &cause(&error));
            with_source(error, failure)
        }
    }
}

/// The same kind of error, as far as callers tell kinds apart, with the failure as its source.
fn with_source(error: Error, failure: Failure) -> Error {
    let source = Box::new(failure);
    match error {
        Error::NotFound { path, .. } => Error::NotFound { path, source },
        Error::AlreadyExists { path, .. } => Error::AlreadyExists { path, source },
        Error::Precondition { path, .. } => Error::Precondition { path, source },
        Error::NotModified { path, .. } => Error::NotModified { path, source },
        Error::PermissionDenied { path, .. } => Error::PermissionDenied { path, source },
        Error::Unauthenticated { path, .. } => Error::Unauthenticated { path, source },
        _ => Error::Generic { store: "S3", source },
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.objects.put_opts(location, payload, options).await;
        put.map_err(self.explain(Effect::Write, "PutObject", location.as_ref()))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.objects.put_multipart_opts(location, options).await;
        upload.map_err(self.explain(Effect::Write, "CreateMultipartUpload", location.as_ref()))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { "HeadObject" } else { "GetObject" };
        let explain = self.explain(Effect::Read, operation, location.as_ref());
        match self.objects.get_opts(location, options).await {
            Ok(GetResult { payload: GetResultPayload::Stream(bytes), meta, range, attributes, extensions }) => {
                let bytes = bytes.map(move |piece| piece.map_err(&explain)).boxed();
                Ok(GetResult { payload: GetResultPayload::Stream(bytes), meta, range, attributes, extensions })
            }
            other => other.map_err(explain),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let explain = self.explain(Effect::Write, "DeleteObjects", "");
        self.objects.delete_stream(locations).map(move |deleted| deleted.map_err(&explain)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let explain = self.explain(Effect::Read, "ListObjects", prefix.map_or("", AsRef::as_ref));
        self.objects.list(prefix).map(move |listed| listed.map_err(&explain)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.objects.list_with_delimiter(prefix).await;
        listed.map_err(self.explain(Effect::Read, "ListObjects", prefix.map_or("", AsRef::as_ref)))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copied = self.objects.copy_opts(from, to, options).await;
        copied.map_err(self.explain(Effect::Write, "CopyObject", to.as_ref()))
    }
}
