//! What stands in for CloudFront: it answers every request for a site with a page of a bucket, and does not keep it.

use std::net::SocketAddr;

use super::process::Process;
use super::room::Room;

/// A page in a bucket of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where S3 is reached, without TLS.
    pub s3: SocketAddr,
    /// The bucket.
    pub bucket: String,
    /// The name of the page in the bucket.
    pub key: String,
}

/// The header that CloudFront puts into its answers, and its usual value.
pub const CACHE_HEADER: (&str, &str) = ("X-Cache", "Hit from cloudfront");

/// The page is not public: CloudFront signs its requests. moto looks who has signed, and not at the signature.
const ACCESS: &str = "AWS4-HMAC-SHA256 Credential=AKIATEST/20370101/us-east-1/s3/aws4_request, SignedHeaders=host, \
                      Signature=0";

/// A running one.
pub struct Edge {
    _process: Process,
}

impl Edge {
    /// Starts one at port 443 of `address`. `certificate` is one with its key, in PEM.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(room: &Room, address: &str, certificate: &str, page: &Page) -> Self {
        room.write("edge.pem", certificate);
        let Page { s3, bucket, key } = page;
        let ((header, value), file) = (CACHE_HEADER, room.inside("edge.pem"));
        let sections = format!(
            "frontend edge\n  bind {address}:443 ssl crt {file}\n  default_backend s3\n\
             backend s3\n  http-request set-path /{bucket}/{key}\n  http-request set-header Host s3.amazonaws.com\n  \
             http-request set-header Authorization \"{ACCESS}\"\n  \
             http-response set-header {header} \"{value}\"\n  server s3 {s3}\n"
        );
        let (process, _) = super::haproxy::start(room, "edge", &sections);
        Self { _process: process }
    }
}
