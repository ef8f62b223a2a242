//! What is to be published, and where.

use std::time::Duration;

use crate::names::ObjectId;

/// What is to be published, and where.
#[derive(Clone, Debug)]
pub struct Request {
    /// Our branch: `mitx/koa`.
    pub branch: String,
    /// The commit that it is to become: the verified head of the work ref.
    pub head: ObjectId,
    /// The remote.
    pub remote: String,
    /// Branches that are never pushed to beside `master`, `main` and upstream's: names or patterns as in a shell.
    pub protected: Vec<String>,
    /// How long each conversation with the remote may take; [`LIMIT`](crate::remote::LIMIT) unless the operator says
    /// otherwise.
    pub limit: Duration,
}
