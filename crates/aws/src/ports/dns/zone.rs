//! A zone of Route 53 through the API: which one it is, its simple CNAME records, and batches that change them.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::names::DnsName;
use cutover_core::observation::Record;
use cutover_core::plan::RecordTarget;
use cutover_engine::failure::Failure;
use cutover_engine::fence::FenceChange;
use cutover_engine::ports::Answer;

use super::fence;
use super::names::{plain, sort_key};
use crate::connection::Connection;
use crate::operations::Paged;
use crate::operations::route53::{
    Change, ChangeBatch, ChangeResourceRecordSets, HostedZone, ListHostedZonesByName, ListResourceRecordSets,
    ResourceRecord, ResourceRecordSet,
};

/// The most records that Route 53 accepts in a batch. Those of an UPSERT count twice.
const MOST_RECORDS: usize = 1_000;
/// The most characters of values that it accepts. Those of an UPSERT count twice.
const MOST_CHARACTERS: usize = 32_000;

const UPSERT: &str = "UPSERT";

/// The id of the public zone of that name.
pub(super) async fn id(connection: &Connection, zone: &str) -> Answer<String> {
    let wanted = plain(zone);
    // Zones come in the order of their names, so those of this one come first. Far fewer than a page have one name.
    let list = ListHostedZonesByName { dns_name: Some(format!("{wanted}.")), ..Default::default() };
    let answer = connection.call(&list).await?;
    let is_public = |zone: &HostedZone| !zone.config.as_ref().and_then(|config| config.private_zone).unwrap_or(false);
    let found = answer.hosted_zones.into_iter().filter(|zone| plain(&zone.name) == wanted && is_public(zone));
    let mut ids: Vec<String> = found.map(|zone| zone.id.trim_start_matches("/hostedzone/").to_owned()).collect();
    match (ids.pop(), ids.len()) {
        (Some(id), 0) => Ok(id),
        (None, _) => Err(Failure::permanent(format!(
            "Route 53 has no public hosted zone {wanted} in this account"
        ))
        .with_hint("check `dns.zone` in the deployment file, and that the profile belongs to the account of the zone")),
        (Some(last), others) => Err(Failure::permanent(format!(
            "Route 53 has {} public hosted zones {wanted} in this account ({}, {last}), and only one of them can be the \
             one that resolvers use",
            others + 1,
            ids.join(", ")
        ))
        .with_hint("remove those to which nothing is delegated")),
    }
}

/// The simple CNAME records of those names. Aliases, and records that share a name by a policy, are left out.
pub(super) async fn records(
    connection: &Connection,
    zone_id: &str,
    names: &[DnsName],
) -> Answer<BTreeMap<DnsName, Record>> {
    let mut wanted: BTreeMap<String, &DnsName> = names.iter().map(|name| (sort_key(name.as_str()), name)).collect();
    let mut found = BTreeMap::new();
    let mut next = wanted.values().next().map(|first| listing(zone_id, first));
    while let Some(list) = next {
        let page = connection.call(&list).await?;
        for set in &page.record_sets {
            if let Some(name) = wanted.get(&sort_key(&set.name))
                && let Some(record) = simple(set)
            {
                found.insert((*name).clone(), record);
            }
        }
        next = list.next(&page).and_then(|rest| {
            let next = rest.start_record_name.as_deref()?;
            // Where an escape such as `\\052` stands is not told by its letters.
            if next.contains('\\') {
                return Some(rest);
            }
            let reached = sort_key(next);
            wanted = wanted.split_off(&reached);
            let (at, name) = wanted.first_key_value()?;
            // What lies between two wanted names need not be read.
            Some(if *at == reached { rest } else { listing(zone_id, name) })
        });
    }
    Ok(found)
}

fn listing(zone_id: &str, from: &DnsName) -> ListResourceRecordSets {
    ListResourceRecordSets {
        hosted_zone_id: zone_id.to_owned(),
        start_record_name: Some(format!("{}.", plain(from.as_str()))),
        ..Default::default()
    }
}

/// A batch that sets the records, whatever they are now, if the fence is as expected. It may change only the fence.
pub(super) fn changes(
    zone_id: &str,
    records: &[RecordTarget],
    fence: &FenceChange,
    comment: &str,
) -> Result<ChangeResourceRecordSets, String> {
    let upserts = records.iter().map(|record| Change { action: UPSERT.to_owned(), record_set: cname(record) });
    let changes: Vec<Change> = fence::changes(fence).into_iter().chain(upserts).collect();
    let (counted, characters) = size(&changes);
    if counted > MOST_RECORDS || characters > MOST_CHARACTERS {
        return Err(format!(
            "{} records cannot be changed all at once: with {} they count as {counted} records and {characters} \
             characters, and Route 53 takes {MOST_RECORDS} and {MOST_CHARACTERS}; nothing was changed, move fewer sites \
             in one step",
            records.len(),
            fence.name
        ));
    }
    Ok(ChangeResourceRecordSets {
        hosted_zone_id: zone_id.to_owned(),
        change_batch: ChangeBatch { comment: Some(comment.to_owned()), changes },
    })
}

/// The records of a batch and the characters of their values, as Route 53 counts them.
fn size(changes: &[Change]) -> (usize, usize) {
    let mut size = (0, 0);
    for change in changes {
        let times = if change.action == UPSERT { 2 } else { 1 };
        for record in &change.record_set.resource_records {
            size.0 += times;
            size.1 += times * record.value.len();
        }
    }
    size
}

fn cname(record: &RecordTarget) -> ResourceRecordSet {
    ResourceRecordSet {
        name: format!("{}.", plain(record.name.as_str())),
        record_type: "CNAME".to_owned(),
        ttl: Some(i64::try_from(record.ttl.as_secs()).unwrap_or(i64::MAX)),
        resource_records: vec![ResourceRecord { value: format!("{}.", plain(record.target.as_str())) }],
        ..Default::default()
    }
}

fn simple(set: &ResourceRecordSet) -> Option<Record> {
    let plain_cname = set.record_type == "CNAME" && set.set_identifier.is_none() && set.alias_target.is_none();
    let ([record], true) = (set.resource_records.as_slice(), plain_cname) else { return None };
    let ttl = Duration::from_secs(u64::try_from(set.ttl?).ok()?);
    Some(Record { target: DnsName::from(plain(&record.value)), ttl })
}

#[cfg(test)]
mod tests {
    use cutover_engine::fence::FenceRecord;

    use super::*;
    use crate::operations::route53::AliasTarget;

    fn target(name: &str, target: &str) -> RecordTarget {
        RecordTarget { name: name.into(), target: target.into(), ttl: Duration::from_secs(60) }
    }

    fn fence(was: Option<&str>) -> FenceChange {
        let record = |value: &str| FenceRecord { values: vec![value.to_owned()], ttl: Duration::from_secs(60) };
        FenceChange { name: "_cutover.x.example.com".into(), was: was.map(record), next: record("cutover koa 1 a 2") }
    }

    #[test]
    fn a_batch_above_route_53s_limits_is_refused_before_it_is_sent() {
        let many: Vec<_> = (0..500).map(|number| target(&format!("s{number}.example.com"), "a.com")).collect();
        let refused = |records: &[RecordTarget], was| changes("Z1", records, &fence(was), "c").expect_err("too much");
        assert!(changes("Z1", &many[..499], &fence(Some("w")), "c").is_ok(), "998 and the two of the fence");
        assert!(refused(&many, None).contains("500 records cannot"), "the fence counts");
        assert!(refused(&many, Some("w")).contains("1002 records"), "and what it was counts");
        let long = format!("{}.com", "a".repeat(200));
        let long: Vec<_> = (0..100).map(|number| target(&format!("s{number}.example.com"), &long)).collect();
        assert!(refused(&long, None).contains("41019 characters"));
    }

    #[test]
    fn a_batch_holds_whole_names_what_it_is_for_and_the_fence_first() {
        let records = [target("LMS.mitx.mit.edu", "elb.example.com.")];
        let batch = changes("Z1", &records, &fence(Some("was")), "cutover koa").expect("a batch").change_batch;
        let actions: Vec<&str> = batch.changes.iter().map(|change| change.action.as_str()).collect();
        assert_eq!(actions, ["DELETE", "CREATE", "UPSERT"]);
        let set = &batch.changes[2].record_set;
        assert_eq!((set.name.as_str(), set.ttl), ("lms.mitx.mit.edu.", Some(60)));
        assert_eq!(set.resource_records[0].value, "elb.example.com.");
        assert_eq!(batch.comment.as_deref(), Some("cutover koa"));
    }

    #[test]
    fn a_batch_may_be_about_the_fence_alone() {
        let batch = changes("Z1", &[], &fence(None), "c").expect("a batch").change_batch;
        assert_eq!(batch.changes.len(), 1);
    }

    #[test]
    fn aliases_and_records_that_share_a_name_are_no_simple_records() {
        let set = cname(&target("lms.mitx.mit.edu", "elb.example.com"));
        assert_eq!(simple(&set).expect("it is simple").target.as_str(), "elb.example.com");
        let weighted = ResourceRecordSet { set_identifier: Some("blue".to_owned()), ..set.clone() };
        assert_eq!(simple(&weighted), None);
        let alias = ResourceRecordSet {
            alias_target: Some(AliasTarget::default()),
            resource_records: Vec::new(),
            ttl: None,
            ..set.clone()
        };
        assert_eq!(simple(&alias), None);
        assert_eq!(simple(&ResourceRecordSet { record_type: "A".to_owned(), ..set }), None);
    }
}
