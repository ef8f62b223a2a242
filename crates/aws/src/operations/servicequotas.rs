//! Service Quotas: how much the account may have.

use super::operations;
use crate::shape::shapes;

shapes! {
    /// Reads a quota as it is for this account and region.
    pub struct GetServiceQuota {
        /// The service, such as `ec2`.
        service_code: String => "ServiceCode",
        /// The quota, such as `L-1216C47A`.
        quota_code: String => "QuotaCode",
    }

    /// What comes back.
    pub struct QuotaAnswer {
        /// The quota.
        quota: ServiceQuota => "Quota",
    }

    /// A quota.
    pub struct ServiceQuota {
        /// Its name, in AWS's words.
        name: Option<String> => "QuotaName",
        /// How much there may be.
        value: f64 => "Value",
    }
}

operations! { ServiceQuotas:
    Read GetServiceQuota -> QuotaAnswer;
}
