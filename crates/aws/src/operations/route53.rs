//! Route 53: zones, records, and whether a change has arrived everywhere.

use jiff::Timestamp;

use super::{Paged, operations};
use crate::shape::shapes;

shapes! {
    /// Lists zones in the order of their names, from a name on.
    pub struct ListHostedZonesByName {
        /// From this name on.
        dns_name: Option<String> => "dnsname" in Query,
        /// Of zones with that name, from this id on.
        hosted_zone_id: Option<String> => "hostedzoneid" in Query,
        /// So many in a page.
        max_items: Option<String> => "maxitems" in Query,
    }

    /// A page of zones.
    pub struct HostedZones {
        /// The zones.
        hosted_zones: Vec<HostedZone> => "HostedZones" of "HostedZone",
        /// Whether there are more. AWS always says so. It may be absent all the same because moto, which the tests
        /// run against, leaves it out; the name of a next page then speaks for it.
        is_truncated: Option<bool> => "IsTruncated",
        /// The next page begins with this name.
        next_dns_name: Option<String> => "NextDNSName",
        /// And this id.
        next_hosted_zone_id: Option<String> => "NextHostedZoneId",
    }

    /// A zone.
    pub struct HostedZone {
        /// Its id, as `/hostedzone/Z123`.
        id: String => "Id",
        /// Its name, with a dot at the end.
        name: String => "Name",
        /// What kind of zone it is.
        config: Option<HostedZoneConfig> => "Config",
    }

    /// What kind of zone it is.
    pub struct HostedZoneConfig {
        /// Whether it is seen from some networks only.
        private_zone: Option<bool> => "PrivateZone",
    }

    /// Reads a zone.
    pub struct GetHostedZone {
        /// The zone.
        id: String => "Id" in Uri,
    }

    /// A zone with its servers.
    pub struct ZoneAnswer {
        /// The zone.
        hosted_zone: HostedZone => "HostedZone",
        /// Its servers. A private zone has none.
        delegation_set: Option<DelegationSet> => "DelegationSet",
    }

    /// The servers of a zone.
    pub struct DelegationSet {
        /// Their names.
        name_servers: Vec<String> => "NameServers" of "NameServer",
    }

    /// Lists records in Route 53's order, from one on.
    pub struct ListResourceRecordSets {
        /// The zone.
        hosted_zone_id: String => "Id" in Uri,
        /// From this name on.
        start_record_name: Option<String> => "name" in Query,
        /// Of that name, from this type on.
        start_record_type: Option<String> => "type" in Query,
        /// Of those, from this set on.
        start_record_identifier: Option<String> => "identifier" in Query,
        /// So many in a page.
        max_items: Option<String> => "maxitems" in Query,
    }

    /// A page of records.
    pub struct ResourceRecordSets {
        /// The records.
        record_sets: Vec<ResourceRecordSet> => "ResourceRecordSets" of "ResourceRecordSet",
        /// Whether there are more.
        is_truncated: bool => "IsTruncated",
        /// The next page begins with this name.
        next_record_name: Option<String> => "NextRecordName",
        /// And this type.
        next_record_type: Option<String> => "NextRecordType",
        /// And this set.
        next_record_identifier: Option<String> => "NextRecordIdentifier",
    }

    /// The records of a name and a type.
    pub struct ResourceRecordSet {
        /// The name, with a dot at the end.
        name: String => "Name",
        /// The type, such as `CNAME`.
        record_type: String => "Type",
        /// What tells it from others of that name: such records share their work by a policy.
        set_identifier: Option<String> => "SetIdentifier",
        /// How long answers may be kept, in seconds.
        ttl: Option<i64> => "TTL",
        /// The records.
        resource_records: Vec<ResourceRecord> => "ResourceRecords" of "ResourceRecord",
        /// What it stands for, instead of records.
        alias_target: Option<AliasTarget> => "AliasTarget",
    }

    /// A record.
    pub struct ResourceRecord {
        /// What it says.
        value: String => "Value",
    }

    /// What an alias stands for.
    pub struct AliasTarget {
        /// The zone of what it stands for: of the balancer, or of CloudFront.
        hosted_zone_id: String => "HostedZoneId",
        /// Its name.
        dns_name: String => "DNSName",
        /// Whether the alias goes when its target is not healthy.
        evaluate_target_health: bool => "EvaluateTargetHealth",
    }

    /// Changes records, all or none.
    pub struct ChangeResourceRecordSets {
        /// The zone.
        hosted_zone_id: String => "Id" in Uri,
        /// The changes.
        change_batch: ChangeBatch => "ChangeBatch",
    }

    /// Changes that are made together.
    pub struct ChangeBatch {
        /// What they are for.
        comment: Option<String> => "Comment",
        /// The changes.
        changes: Vec<Change> => "Changes" of "Change",
    }

    /// A change.
    pub struct Change {
        /// `CREATE`, `DELETE` or `UPSERT`.
        action: String => "Action",
        /// The records.
        record_set: ResourceRecordSet => "ResourceRecordSet",
    }

    /// Asks whether a change has arrived everywhere.
    pub struct GetChange {
        /// The change.
        id: String => "Id" in Uri,
    }

    /// What comes back.
    pub struct ChangeAnswer {
        /// The change.
        change_info: ChangeInfo => "ChangeInfo",
    }

    /// A change that was made.
    pub struct ChangeInfo {
        /// Its id, as `/change/C123`.
        id: String => "Id",
        /// `PENDING`, or `INSYNC` once all servers have it.
        status: String => "Status",
        /// When it was asked for.
        submitted_at: Timestamp => "SubmittedAt",
    }
}

operations! { Route53:
    Read ListHostedZonesByName -> HostedZones, "GET" "/2013-04-01/hostedzonesbyname";
    Read GetHostedZone -> ZoneAnswer, "GET" "/2013-04-01/hostedzone/{Id}";
    Read ListResourceRecordSets -> ResourceRecordSets, "GET" "/2013-04-01/hostedzone/{Id}/rrset";
    Write ChangeResourceRecordSets -> ChangeAnswer, "POST" "/2013-04-01/hostedzone/{Id}/rrset/";
    Read GetChange -> ChangeAnswer, "GET" "/2013-04-01/change/{Id}";
}

impl Paged for ListHostedZonesByName {
    fn next(&self, page: &HostedZones) -> Option<Self> {
        page.is_truncated.unwrap_or(page.next_dns_name.is_some()).then(|| Self {
            dns_name: page.next_dns_name.clone(),
            hosted_zone_id: page.next_hosted_zone_id.clone(),
            ..self.clone()
        })
    }
}

impl Paged for ListResourceRecordSets {
    fn next(&self, page: &ResourceRecordSets) -> Option<Self> {
        page.is_truncated.then(|| Self {
            start_record_name: page.next_record_name.clone(),
            start_record_type: page.next_record_type.clone(),
            start_record_identifier: page.next_record_identifier.clone(),
            ..self.clone()
        })
    }
}
