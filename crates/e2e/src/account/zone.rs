//! Route 53's own rules for a batch of changes, which moto does not have: all of it or nothing, what is created must not
//! exist, what is deleted must be there exactly like that, and a CNAME stands alone.

use super::xml;
use crate::effects::Served;

/// A change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// `CREATE`, `DELETE` or `UPSERT`.
    action: String,
    /// The records.
    set: Served,
}

/// The changes of a request.
pub(super) fn changes(body: &str) -> Vec<Change> {
    let change = |text: &str| Some(Change { action: xml::first(text, "Action")?, set: set(text)? });
    xml::parts(body, "Change").into_iter().filter_map(change).collect()
}

/// The records of a listing.
pub(super) fn listed(body: &str) -> Vec<Served> {
    xml::parts(body, "ResourceRecordSet").into_iter().filter_map(set).collect()
}

fn set(text: &str) -> Option<Served> {
    let name = xml::first(text, "Name")?.to_lowercase();
    Some(Served {
        name: format!("{}.", name.trim_end_matches('.')),
        kind: xml::first(text, "Type")?,
        ttl: xml::first(text, "TTL").and_then(|ttl| ttl.parse().ok()).unwrap_or(0),
        values: xml::all(text, "Value"),
    })
}

/// What changes in a zone with these records; a removed record has no values.
///
/// # Errors
/// When Route 53 refuses the batch: its reasons.
pub(super) fn apply(zone: &str, before: &[Served], batch: &[Change]) -> Result<Vec<Served>, Vec<String>> {
    let mut records = before.to_vec();
    let mut refusals = Vec::new();
    for Change { action, set } in batch {
        let at = records.iter().position(|one| (&one.name, &one.kind) == (&set.name, &set.kind));
        let tried =
            |verb: &str| format!("Tried to {verb} resource record set [name='{}', type='{}']", set.name, set.kind);
        match (action.as_str(), at) {
            ("CREATE", Some(_)) => refusals.push(tried("create") + " but it already exists"),
            ("CREATE" | "UPSERT", None) => records.push(set.clone()),
            ("UPSERT", Some(at)) => records[at] = set.clone(),
            ("DELETE", None) => refusals.push(tried("delete") + " but it was not found"),
            ("DELETE", Some(at)) if records[at] == *set => drop(records.remove(at)),
            ("DELETE", Some(_)) => {
                refusals.push(tried("delete") + " but the values provided do not match the current values");
            }
            _ => refusals.push(format!("Invalid action {action}")),
        }
    }
    refusals.extend(conflicts(zone, &records));
    if refusals.is_empty() { Ok(differences(before, &records)) } else { Err(refusals) }
}

/// What no zone may have.
fn conflicts(zone: &str, records: &[Served]) -> Vec<String> {
    let zone = format!("{}.", zone.trim_end_matches('.').to_lowercase());
    let of = |set: &Served| format!("RRSet of type {} with DNS name {}", set.kind, set.name);
    let mut found = Vec::new();
    for set in records {
        let within = set.name == zone || set.name.ends_with(&format!(".{zone}"));
        if !within {
            found.push(format!("RRSet with DNS name {} is not permitted in zone {zone}", set.name));
        }
        let is_cname = set.kind == "CNAME";
        if is_cname && set.name == zone {
            found.push(format!("{} is not permitted at apex in zone {zone}", of(set)));
        }
        if is_cname && set.values.len() != 1 {
            found.push(format!("{} needs exactly one value", of(set)));
        }
        if is_cname && records.iter().any(|other| other.name == set.name && other.kind != set.kind) {
            let why = "is not permitted as it conflicts with other records with the same DNS name in zone";
            found.push(format!("{} {why} {zone}", of(set)));
        }
    }
    found
}

fn differences(before: &[Served], after: &[Served]) -> Vec<Served> {
    let key = |set: &Served| (set.name.clone(), set.kind.clone());
    let new = after.iter().filter(|set| !before.contains(set)).cloned();
    let gone = before.iter().filter(|set| !after.iter().any(|other| key(other) == key(set)));
    gone.map(|set| Served { values: Vec::new(), ..set.clone() }).chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, kind: &str, value: &str) -> Served {
        Served { name: name.to_owned(), kind: kind.to_owned(), ttl: 60, values: vec![value.to_owned()] }
    }

    fn change(action: &str, set: Served) -> Change {
        Change { action: action.to_owned(), set }
    }

    fn refused(before: &[Served], batch: &[Change]) -> String {
        apply("b.test", before, batch).expect_err("it is refused").join(", ")
    }

    #[test]
    fn a_batch_is_all_or_nothing() {
        let lms = set("lms.b.test.", "CNAME", "elb.");
        let fence = set("_cutover.b.test.", "TXT", "\"1\"");
        let batch = [change("UPSERT", set("lms.b.test.", "CNAME", "page.")), change("DELETE", fence.clone())];
        let why = refused(std::slice::from_ref(&lms), &batch);
        let expected = "Tried to delete resource record set [name='_cutover.b.test.', type='TXT'] but it was not found";
        assert_eq!(why, expected);
        assert_eq!(apply("b.test", &[lms, fence], &batch).expect("it is accepted").len(), 2);
    }

    #[test]
    fn what_exists_is_not_created_and_what_differs_is_not_deleted() {
        let fence = set("_cutover.b.test.", "TXT", "\"1\"");
        let before = [fence.clone()];
        assert!(refused(&before, &[change("CREATE", fence.clone())]).ends_with("but it already exists"));
        let other = change("DELETE", Served { ttl: 61, ..fence.clone() });
        assert!(refused(&before, &[other]).ends_with("do not match the current values"));
        let next = set("_cutover.b.test.", "TXT", "\"2\"");
        let replaced = apply("b.test", &before, &[change("DELETE", fence), change("CREATE", next.clone())]);
        assert_eq!(replaced, Ok(vec![next]));
    }

    #[test]
    fn a_cname_stands_alone_and_never_at_the_apex_of_a_zone() {
        let before = [set("lms.b.test.", "A", "192.0.2.1")];
        let cname = change("CREATE", set("lms.b.test.", "CNAME", "elb."));
        assert!(refused(&before, &[cname]).contains("conflicts with other records"));
        assert!(refused(&[], &[change("CREATE", set("b.test.", "CNAME", "elb."))]).contains("at apex"));
        assert!(
            refused(&[], &[change("CREATE", set("lms.c.test.", "A", "192.0.2.1"))]).contains("not permitted in zone")
        );
    }

    #[test]
    fn a_removed_record_is_told_without_values() {
        let lms = set("lms.b.test.", "A", "192.0.2.1");
        let told = apply("b.test", std::slice::from_ref(&lms), &[change("DELETE", lms.clone())]).expect("accepted");
        assert_eq!(told, [Served { values: Vec::new(), ..lms }]);
    }
}
