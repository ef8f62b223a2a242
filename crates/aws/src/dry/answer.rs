//! Answers to writes that were not made: values of the request, where the answer would repeat them, and placeholders
//! such as `<instanceId>` for the rest.

use crate::operations::Operation;
use crate::shape::{Document, Field, Kind, Member, Shape, Unreadable, Value};

/// Every list has one element, since callers often take the first.
pub(crate) fn imagined<O: Operation>(operation: &O) -> Result<O::Output, Unreadable> {
    let asked = Shape::values(operation).into_iter().map(|(name, _, value)| (name, value)).collect();
    let document = structure(&<O::Output as Shape>::members(), &flattened(asked));
    Field::read(Some(&document))
}

/// The members that were asked for, those within structures after those around them.
fn flattened(members: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    let mut inner = Vec::new();
    for (_, value) in &members {
        if let Value::Structure(members) = value {
            inner.extend(flattened(members.clone()));
        }
    }
    members.into_iter().chain(inner).collect()
}

fn structure(members: &[Member], asked: &[(&'static str, Value)]) -> Document {
    let wanted = members.iter().filter(|member| member.required || matches!(member.kind, Kind::List(_)));
    let children = wanted.map(|member| (member.name.to_owned(), of_member(member, asked)));
    Document { text: String::new(), children: children.collect() }
}

fn of_member(member: &Member, asked: &[(&'static str, Value)]) -> Document {
    let same = asked.iter().find(|(name, value)| name.eq_ignore_ascii_case(member.name) && fits(&member.kind, value));
    match same {
        Some((_, value)) => document(value),
        None => of_kind(member.name, &member.kind, asked),
    }
}

fn of_kind(name: &str, kind: &Kind, asked: &[(&'static str, Value)]) -> Document {
    match kind {
        Kind::Text => Document::leaf(format!("<{name}>")),
        Kind::Integer | Kind::Decimal => Document::leaf("0"),
        Kind::Boolean => Document::leaf("false"),
        Kind::Time => Document::leaf("1970-01-01T00:00:00Z"),
        Kind::Map(_) => Document::default(),
        Kind::List(element) => {
            let element = ("member".to_owned(), of_kind(name, element, asked));
            Document { text: String::new(), children: vec![element] }
        }
        Kind::Structure(members) => structure(&members(), asked),
    }
}

/// Whether a value of the request can be read as that kind. Requests have lists of ids where answers have single ones.
fn fits(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::List(kind), Value::List(_, elements)) => elements.iter().all(|element| fits(kind, element)),
        (Kind::Text, Value::List(_, elements)) => matches!(elements.first(), Some(Value::Text(_))),
        (Kind::Structure(members), Value::Structure(given)) => {
            let given = |member: &Member| given.iter().any(|(name, _)| *name == member.name);
            members().iter().all(|member| !member.required || given(member))
        }
        (Kind::Text, Value::Text(_)) | (Kind::Integer, Value::Integer(_)) | (Kind::Boolean, Value::Boolean(_)) => true,
        _ => false,
    }
}

fn document(value: &Value) -> Document {
    match value {
        Value::Text(text) => Document::leaf(text.clone()),
        Value::Integer(number) => Document::leaf(number.to_string()),
        Value::Boolean(yes) => Document::leaf(yes.to_string()),
        Value::Time(moment) => Document::leaf(moment.to_string()),
        Value::List(item, elements) => {
            let children = elements.iter().map(|element| ((*item).to_owned(), document(element))).collect();
            // The text is for whoever wants only one.
            let text = elements.first().map(|first| document(first).text).unwrap_or_default();
            Document { text, children }
        }
        Value::Map(entries) => {
            let children = entries.iter().map(|(key, entry)| (key.clone(), document(entry))).collect();
            Document { text: String::new(), children }
        }
        Value::Structure(members) => {
            let children = members.iter().map(|(name, value)| ((*name).to_owned(), document(value))).collect();
            Document { text: String::new(), children }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{ec2, elb, rds};

    #[test]
    fn a_launch_that_was_not_made_has_an_instance() {
        let launch = ec2::RunInstances { min_count: 1, max_count: 1, ..Default::default() };
        let reservation = imagined(&launch).expect("it can be read");
        assert_eq!(reservation.instances[0].instance_id, "<instanceId>");
    }

    #[test]
    fn what_was_asked_for_is_in_the_answer_where_it_would_be() {
        let stop = ec2::StopInstances { instance_ids: vec!["i-1".to_owned()], force: None };
        assert_eq!(imagined(&stop).expect("it can be read").instances[0].instance_id, "i-1");
        let snapshot = rds::CreateDBSnapshot { snapshot_identifier: "before-koa".to_owned(), ..Default::default() };
        assert_eq!(imagined(&snapshot).expect("it can be read").snapshot.identifier, "before-koa");
        let instances = vec![elb::Instance { instance_id: "i-1".to_owned() }];
        let register =
            elb::RegisterInstancesWithLoadBalancer { load_balancer_name: String::new(), instances: instances.clone() };
        assert_eq!(imagined(&register).expect("it can be read").instances, instances);
    }
}
