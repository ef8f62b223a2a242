//! The zone's fence in Route 53: a simple TXT record, replaced by deleting it exactly as it is listed and creating the
//! next one in the same batch. If the record differs, Route 53 refuses the whole batch.

use std::time::Duration;

use cutover_core::names::DnsName;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::fence::{FenceChange, FenceRecord};
use cutover_engine::ports::Answer;

use super::names::plain;
use crate::connection::Connection;
use crate::error::{Error, Refusal};
use crate::operations::route53::{Change, ListResourceRecordSets, ResourceRecord, ResourceRecordSet};

const TYPE: &str = "TXT";

/// The record of that name, if it is there.
pub(super) async fn read(connection: &Connection, zone_id: &str, name: &DnsName) -> Answer<Option<FenceRecord>> {
    let list = ListResourceRecordSets {
        hosted_zone_id: zone_id.to_owned(),
        start_record_name: Some(format!("{}.", plain(name.as_str()))),
        start_record_type: Some(TYPE.to_owned()),
        max_items: Some("1".to_owned()),
        ..Default::default()
    };
    let sets = connection.call(&list).await?.record_sets;
    let is_it = |set: &&ResourceRecordSet| plain(&set.name) == plain(name.as_str()) && set.record_type == TYPE;
    Ok(sets.iter().find(is_it).and_then(listed))
}

/// Nothing for a record that shares its name with others by a policy: it is not one of ours.
fn listed(set: &ResourceRecordSet) -> Option<FenceRecord> {
    let seconds = u64::try_from(set.ttl?).ok()?;
    if set.set_identifier.is_some() {
        return None;
    }
    let values = set.resource_records.iter().map(|record| unquoted(&record.value)).collect();
    Some(FenceRecord { values, ttl: Duration::from_secs(seconds) })
}

/// The fence's part of a batch: first the old record is deleted, then the new one is created.
pub(super) fn changes(fence: &FenceChange) -> Vec<Change> {
    let change = |action: &str, record: &FenceRecord| Change {
        action: action.to_owned(),
        record_set: ResourceRecordSet {
            name: format!("{}.", plain(fence.name.as_str())),
            record_type: TYPE.to_owned(),
            ttl: Some(i64::try_from(record.ttl.as_secs()).unwrap_or(i64::MAX)),
            resource_records: record.values.iter().map(|value| ResourceRecord { value: quoted(value) }).collect(),
            ..Default::default()
        },
    };
    let was = fence.was.iter().map(|was| change("DELETE", was));
    was.chain([change("CREATE", &fence.next)]).collect()
}

/// The failure of a batch, for its caller.
pub(super) fn failure(error: Error, fence: &DnsName) -> Failure {
    let differs = error.refusal().is_some_and(|refusal| says_that_it_differs(refusal, fence));
    if !differs {
        return error.into();
    }
    let why = format!("{error}; {fence} is not as expected: another conductor has changed records of the zone since");
    Failure::new(FailureClass::Superseded, why)
}

/// Whether the reason is that the fence's record is missing, exists already, or differs. Such as: "Tried to delete
/// resource record set [name='_cutover.x.', type='TXT'] but the values provided do not match the current values". Any
/// other reason against a batch is a mistake in it.
fn says_that_it_differs(refusal: &Refusal, fence: &DnsName) -> bool {
    let set = format!("[name='{}.', type='{TYPE}'", plain(fence.as_str()));
    let is_tried = |verb: &str| refusal.message.contains(&format!("Tried to {verb} resource record set {set}"));
    refusal.code == "InvalidChangeBatch" && (is_tried("delete") || is_tried("create"))
}

/// A value for Route 53, which always begins and ends with a quote. Nothing between the quotes is changed in either
/// direction, so that a record of somebody else is deleted exactly as it was listed.
fn quoted(value: &str) -> String {
    format!("\"{value}\"")
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use crate::operations::Effect;
    use crate::service::Service;

    fn record(values: &[&str]) -> FenceRecord {
        FenceRecord { values: values.iter().map(|value| (*value).to_owned()).collect(), ttl: Duration::from_secs(60) }
    }

    fn class(code: &str, message: &str) -> FailureClass {
        let refusal = Refusal { status: 400, code: code.to_owned(), message: message.to_owned(), request_id: None };
        let (name, cause) = ("ChangeResourceRecordSets", Cause::Refused(refusal));
        failure(Error::new(Service::Route53, name, Effect::Write, cause), &"_cutover.x.mit.edu".into()).class
    }

    #[test]
    fn the_old_record_is_deleted_before_the_new_one_is_created() {
        let fence = |was| FenceChange { name: "_cutover.X.mit.edu.".into(), was, next: record(&["cutover koa 2 b 1"]) };
        let replaced = changes(&fence(Some(record(&["cutover koa 1 a 3"]))));
        let told: Vec<(&str, &str)> = replaced
            .iter()
            .map(|one| (one.action.as_str(), one.record_set.resource_records[0].value.as_str()))
            .collect();
        assert_eq!(told, [("DELETE", "\"cutover koa 1 a 3\""), ("CREATE", "\"cutover koa 2 b 1\"")]);
        assert_eq!(replaced[0].record_set.name, "_cutover.x.mit.edu.");
        let raised = changes(&fence(None));
        assert_eq!(raised.len(), 1);
        assert_eq!(raised[0].action, "CREATE");
    }

    #[test]
    fn a_record_is_deleted_exactly_as_it_was_listed() {
        for value in [r#""cutover koa 1 a 1""#, r#""two" "strings""#, r#""a \"quote\" \344""#, r#""""#] {
            let value = value.to_owned();
            let set = ResourceRecordSet {
                ttl: Some(60),
                resource_records: vec![ResourceRecord { value: value.clone() }],
                ..Default::default()
            };
            let fence =
                FenceChange { name: "_cutover.x.mit.edu".into(), was: listed(&set), next: record(&["cutover"]) };
            assert_eq!(changes(&fence)[0].record_set.resource_records[0].value, value);
        }
        let weighted = ResourceRecordSet { ttl: Some(60), set_identifier: Some("a".to_owned()), ..Default::default() };
        assert_eq!(listed(&weighted), None);
    }

    #[test]
    fn only_what_is_said_of_the_fence_itself_means_that_another_has_written() {
        let set = "resource record set [name='_cutover.x.mit.edu.', type='TXT']";
        for reason in [
            format!("[Tried to delete {set} but it was not found]"),
            format!("Tried to delete {set} but the values provided do not match the current values"),
            format!("[Tried to create {set} but it already exists]"),
            format!(
                "RRSet with DNS name a.b. is not permitted in zone mit.edu.; Tried to create {set} but it already exists"
            ),
        ] {
            assert_eq!(class("InvalidChangeBatch", &reason), FailureClass::Superseded, "{reason}");
        }
        for reason in [
            "Tried to create resource record set [name='lms.mit.edu.', type='CNAME'] but it already exists",
            "Tried to create resource record set [name='y._cutover.x.mit.edu.', type='TXT'] but it already exists",
            "RRSet of type TXT with DNS name _cutover.x.mit.edu. is not permitted as it conflicts with other records",
        ] {
            assert_eq!(class("InvalidChangeBatch", reason), FailureClass::Permanent, "{reason}");
        }
        assert_eq!(class("InvalidInput", &format!("Tried to create {set}")), FailureClass::Permanent);
        assert_eq!(class("PriorRequestNotComplete", "m"), FailureClass::Throttled);
    }
}
