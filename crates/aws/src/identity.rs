//! Who we are, as AWS says.

use crate::connection::Connection;
use crate::error::{Cause, Error};
use crate::operations::Operation;
use crate::operations::sts::{CallerIdentity, GetCallerIdentity};
use crate::service::Service;

impl Connection {
    /// Who we are. With `account`, whether it is the one that the deployment belongs to.
    ///
    /// # Errors
    /// When AWS does not know us, or the account is another.
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
