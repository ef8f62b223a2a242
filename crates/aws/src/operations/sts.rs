//! STS: who we are.

use super::operations;
use crate::shape::shapes;

shapes! {
    /// Asks who we are.
    pub struct GetCallerIdentity {}

    /// Who we are.
    pub struct CallerIdentity {
        /// The account's number.
        account: String => "Account",
        /// The user or the assumed role.
        arn: String => "Arn",
        /// The id behind it.
        user_id: String => "UserId",
    }
}

operations! { Sts:
    Read GetCallerIdentity -> CallerIdentity;
}
