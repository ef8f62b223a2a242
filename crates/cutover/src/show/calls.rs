//! How often AWS was called, in a line.

use std::collections::BTreeMap;

use cutover_aws::service::Service;

/// The calls of each service; nothing when there were none. S3 is not among them.
#[must_use]
pub fn calls(calls: &BTreeMap<(Service, &'static str), u64>) -> Option<String> {
    let mut services: BTreeMap<&str, u64> = BTreeMap::new();
    for ((service, _), count) in calls {
        *services.entry(service.command()).or_default() += count;
    }
    let all: u64 = services.values().sum();
    let each: Vec<String> = services.iter().map(|(service, count)| format!("{service} {count}")).collect();
    (all > 0).then(|| format!("AWS was called {all} times: {}", each.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_added_up_by_service_and_none_are_not_worth_a_line() {
        let made = [
            ((Service::Ec2, "RunInstances"), 34),
            ((Service::Ec2, "DescribeInstances"), 3),
            ((Service::Rds, "CreateDBSnapshot"), 2),
        ];
        let line = calls(&BTreeMap::from(made));
        assert_eq!(line.as_deref(), Some("AWS was called 39 times: ec2 37, rds 2"));
        assert_eq!(calls(&BTreeMap::new()), None);
    }
}
