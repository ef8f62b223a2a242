//! The identity behind the credentials, as AWS reports it.

use crate::connection::Connection;
use crate::error::{Cause, Error};
use crate::operations::Operation;
use crate::operations::sts::{CallerIdentity, GetCallerIdentity};
use crate::service::Service;

impl Connection {
    /// The identity behind the credentials. With `account`, it must belong to that account.
    ///
    /// # Errors
    /// When AWS does not accept the credentials, or the account is another one.
    pub async fn identity(&self, account: Option<&str>) -> Result<CallerIdentity, Error> {
        let identity = self.call(&GetCallerIdentity::default()).await?;
        if let Some(expected) = account.filter(|expected| *expected != identity.account) {
            let CallerIdentity { account, arn, .. } = &identity;
            let why = format!(
                "the credentials are of account {account} ({arn}), and the deployment belongs to account {expected}"
            );
            let operation = GetCallerIdentity::NAME;
            return Err(Error::new(Service::Sts, operation, GetCallerIdentity::EFFECT, Cause::Mismatch(why)));
        }
        Ok(identity)
    }
}
