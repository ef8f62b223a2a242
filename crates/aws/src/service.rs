//! The services of AWS that we use, and which protocol each of them speaks.

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The identity behind the credentials.
    Sts,
    /// Instances and images.
    Ec2,
    /// Classic load balancers.
    Elb,
    /// Target groups.
    ElbV2,
    /// Database instances.
    Rds,
    /// DNS records.
    Route53,
    /// The distribution in front of the maintenance page.
    CloudFront,
    /// Commands on hosts.
    Ssm,
    /// The quotas of the account.
    ServiceQuotas,
}

/// The protocol of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Parameters in a form, XML back, lists as `Name.member.N`.
    Query,
    /// The same with EC2's own lists, `Name.N`, and no wrapper around the answer.
    Ec2,
    /// Paths, query strings, and XML both ways.
    RestXml,
    /// JSON both ways, the operation in a header.
    Json,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Sts,
        Self::Ec2,
        Self::Elb,
        Self::ElbV2,
        Self::Rds,
        Self::Route53,
        Self::CloudFront,
        Self::Ssm,
        Self::ServiceQuotas,
    ];

    /// Its protocol.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Ec2 => Protocol::Ec2,
            Self::Sts | Self::Elb | Self::ElbV2 | Self::Rds => Protocol::Query,
            Self::Route53 | Self::CloudFront => Protocol::RestXml,
            Self::Ssm | Self::ServiceQuotas => Protocol::Json,
        }
    }

    /// The version of its API.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Sts => "2011-06-15",
            Self::Ec2 => "2016-11-15",
            Self::Elb => "2012-06-01",
            Self::ElbV2 => "2015-12-01",
            Self::Rds => "2014-10-31",
            Self::Route53 => "2013-04-01",
            Self::CloudFront => "2020-05-31",
            Self::Ssm => "2014-11-06",
            Self::ServiceQuotas => "2019-06-24",
        }
    }

    /// Its name in signatures, IAM policies and endpoints. Both kinds of balancers have the same.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
            Self::Elb | Self::ElbV2 => "elasticloadbalancing",
            Self::Rds => "rds",
            Self::Route53 => "route53",
            Self::CloudFront => "cloudfront",
            Self::Ssm => "ssm",
            Self::ServiceQuotas => "servicequotas",
        }
    }

    /// Its name in the `aws` command and in AWS's model.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::Elb => "elb",
            Self::ElbV2 => "elbv2",
            Self::ServiceQuotas => "service-quotas",
            other => other.name(),
        }
    }

    /// The namespace of its XML.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Route53 => "https://route53.amazonaws.com/doc/2013-04-01/",
            Self::CloudFront => "http://cloudfront.amazonaws.com/doc/2020-05-31/",
            _ => "",
        }
    }

    /// What a JSON request says before the operation's name; nothing in other protocols.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Ssm => "AmazonSSM",
            Self::ServiceQuotas => "ServiceQuotasV20190624",
            _ => "",
        }
    }

    /// Whether the service is the same for all regions. Requests to such services are signed for `us-east-1`.
    #[must_use]
    pub fn is_global(self) -> bool {
        matches!(self, Self::Route53 | Self::CloudFront)
    }

    /// The region that its requests are signed for.
    #[must_use]
    pub fn signing_region(self, region: &str) -> &str {
        if self.is_global() { "us-east-1" } else { region }
    }

    /// Its address in a region, without a slash at the end. Regions outside of the commercial partition have others.
    #[must_use]
    pub fn endpoint(self, region: &str) -> String {
        if self.is_global() {
            format!("https://{}.amazonaws.com", self.name())
        } else {
            format!("https://{}.{region}.amazonaws.com", self.name())
        }
    }
}
