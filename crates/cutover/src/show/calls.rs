//! How often AWS was called, on one line.

use std::collections::BTreeMap;

use cutover_aws::service::Service;

/// The number of calls to each service, without S3; nothing if there were none.
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
    fn calls_are_added_up_by_service_and_no_calls_give_no_line() {
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
