//! The zone's own servers and the resolvers: checks days before the window that they can be asked from this machine.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::CheckItem;
use crate::names::DnsName;
use crate::planner::Inputs;

/// What name servers answer for one name, or why they could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAnswers {
    /// The name.
    pub name: DnsName,
    /// The CNAME that each of the zone's own servers answers.
    pub servers: Result<Vec<Option<DnsName>>, String>,
    /// The CNAME that each resolver of the file answers.
    pub resolvers: BTreeMap<IpAddr, Result<Option<DnsName>, String>>,
}

const CONSEQUENCE: &str = "the window could not tell whether a change of records has arrived";

/// Whether all servers that the window will ask can be asked, and what they answer now.
#[must_use]
pub fn name_servers(inputs: Inputs<'_>, answers: &NameAnswers) -> Vec<CheckItem> {
    let target = inputs.observation.records.get(&answers.name).map(|record| &record.target);
    let subject = format!("name servers of {}", inputs.deployment.dns.zone.trim_end_matches('.'));
    let servers = match &answers.servers {
        Err(why) => CheckItem::ok(subject, format!("cannot be asked: {why}"))
            .problem(CONSEQUENCE, "open port 53 (UDP and TCP) from this machine, or run cutover where it is open"),
        Ok(servers) => {
            let behind = servers.iter().filter(|answer| !is_answer(answer.as_ref(), target)).count();
            let item = CheckItem::ok(
                subject,
                format!("{} of {} answer what the zone says", servers.len() - behind, servers.len()),
            );
            match behind {
                0 => item,
                _ => item.warning("a change is still on its way to the others", "check again in a minute"),
            }
        }
    };
    let resolvers = answers.resolvers.iter().map(|(resolver, answer)| of_resolver(*resolver, answer, target));
    std::iter::once(servers).chain(resolvers).collect()
}

/// Whether a name server answers what the zone says.
fn is_answer(answer: Option<&DnsName>, target: Option<&DnsName>) -> bool {
    match (answer, target) {
        (Some(answer), Some(target)) => answer.is_same(target),
        (answer, target) => answer.is_none() && target.is_none(),
    }
}

fn of_resolver(resolver: IpAddr, answer: &Result<Option<DnsName>, String>, target: Option<&DnsName>) -> CheckItem {
    let subject = format!("resolver {resolver}");
    match answer {
        Err(why) => CheckItem::ok(subject, format!("cannot be asked: {why}"))
            .problem(CONSEQUENCE, "open port 53 (UDP and TCP) from this machine, or remove it from `dns.resolvers`"),
        Ok(answer) if is_answer(answer.as_ref(), target) => CheckItem::ok(subject, "answers what the zone says"),
        Ok(answer) => {
            let seen =
                answer.as_ref().map_or("does not know the name".to_owned(), |answer| format!("answers {answer}"));
            CheckItem::ok(subject, seen)
                .warning("it keeps an old answer, or sees another version of the zone", "check again after the TTL")
        }
    }
}
