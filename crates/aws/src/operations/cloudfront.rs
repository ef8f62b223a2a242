//! CloudFront: the distribution in front of the maintenance page.

use jiff::Timestamp;

use super::operations;
use crate::shape::shapes;

shapes! {
    /// Reads a distribution.
    pub struct GetDistribution {
        /// The distribution.
        id: String => "Id" in Uri,
    }

    /// What comes back.
    pub struct DistributionAnswer {
        /// The distribution.
        distribution: Distribution => "Distribution" in Payload,
        /// The version of its settings.
        etag: Option<String> => "ETag" in Header,
    }

    /// A distribution.
    pub struct Distribution {
        /// Its id.
        id: String => "Id",
        /// `InProgress`, or `Deployed` once all edge locations have its settings.
        status: String => "Status",
        /// The name that records point at.
        domain_name: String => "DomainName",
        /// Its settings.
        config: DistributionConfig => "DistributionConfig",
    }

    /// The settings of a distribution.
    pub struct DistributionConfig {
        /// The names that it answers for.
        aliases: Option<Aliases> => "Aliases",
        /// What is served at `/`.
        default_root_object: Option<String> => "DefaultRootObject",
        /// Where pages come from.
        origins: Origins => "Origins",
        /// What is served instead of errors.
        custom_error_responses: Option<CustomErrorResponses> => "CustomErrorResponses",
        /// Whether it serves at all.
        enabled: bool => "Enabled",
        /// The certificate that it shows.
        viewer_certificate: Option<ViewerCertificate> => "ViewerCertificate",
    }

    /// The names that a distribution answers for.
    pub struct Aliases {
        /// The names.
        items: Vec<String> => "Items" of "CNAME",
    }

    /// Where pages come from.
    pub struct Origins {
        /// One for each.
        items: Vec<Origin> => "Items" of "Origin",
    }

    /// Where pages come from.
    pub struct Origin {
        /// Its id.
        id: String => "Id",
        /// Its name, for a bucket `NAME.s3.amazonaws.com`.
        domain_name: String => "DomainName",
        /// The folder in it.
        origin_path: Option<String> => "OriginPath",
    }

    /// What is served instead of errors.
    pub struct CustomErrorResponses {
        /// One for each.
        items: Vec<CustomErrorResponse> => "Items" of "CustomErrorResponse",
    }

    /// What is served instead of an error.
    pub struct CustomErrorResponse {
        /// The origin's status.
        error_code: i64 => "ErrorCode",
        /// The page.
        response_page_path: Option<String> => "ResponsePagePath",
        /// The status that visitors get.
        response_code: Option<String> => "ResponseCode",
        /// How long it is kept, in seconds.
        error_caching_min_ttl: Option<i64> => "ErrorCachingMinTTL",
    }

    /// The certificate that a distribution shows, by one of these.
    pub struct ViewerCertificate {
        /// CloudFront's own, which knows no aliases.
        cloudfront_default_certificate: Option<bool> => "CloudFrontDefaultCertificate",
        /// One of IAM.
        iam_certificate_id: Option<String> => "IAMCertificateId",
        /// One of Certificate Manager.
        acm_certificate_arn: Option<String> => "ACMCertificateArn",
    }

    /// Makes a distribution forget pages.
    pub struct CreateInvalidation {
        /// The distribution.
        distribution_id: String => "DistributionId" in Uri,
        /// The pages.
        batch: InvalidationBatch => "InvalidationBatch" in Payload,
    }

    /// Pages to forget.
    pub struct InvalidationBatch {
        /// The pages.
        paths: Paths => "Paths",
        /// Makes asking twice asking once.
        caller_reference: String => "CallerReference",
    }

    /// Pages.
    pub struct Paths {
        /// How many.
        quantity: i64 => "Quantity",
        /// The pages, such as `/*`.
        items: Vec<String> => "Items" of "Path",
    }

    /// Asks whether pages are forgotten.
    pub struct GetInvalidation {
        /// The distribution.
        distribution_id: String => "DistributionId" in Uri,
        /// The invalidation.
        id: String => "Id" in Uri,
    }

    /// What comes back.
    pub struct InvalidationAnswer {
        /// The invalidation.
        invalidation: Invalidation => "Invalidation" in Payload,
    }

    /// An invalidation.
    pub struct Invalidation {
        /// Its id.
        id: String => "Id",
        /// `InProgress`, or `Completed` once all edge locations have forgotten.
        status: String => "Status",
        /// When it was asked for.
        create_time: Timestamp => "CreateTime",
    }
}

operations! { CloudFront:
    Read GetDistribution -> DistributionAnswer, "GET" "/2020-05-31/distribution/{Id}";
    Write CreateInvalidation -> InvalidationAnswer, "POST" "/2020-05-31/distribution/{DistributionId}/invalidation";
    Read GetInvalidation -> InvalidationAnswer, "GET" "/2020-05-31/distribution/{DistributionId}/invalidation/{Id}";
}
