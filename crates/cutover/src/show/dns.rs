//! What servers said of changes of records: a word in the log, and a table in the report.

use std::collections::BTreeMap;

use cutover_core::journal::{DnsServer, Fact};
use cutover_core::status::Said;
use cutover_core::time::OffsetTime;

use super::text::{count, prose};

/// Who has the new answer according to these facts: `Route 53 is in sync, 4 name servers have it`; nothing if nobody was asked.
pub(super) fn who_has_it<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Option<String> {
    let mut is_in_sync = false;
    let mut last: BTreeMap<&DnsServer, bool> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::InSync { .. } => is_in_sync = true,
            Fact::DnsAnswer(answer) => drop(last.insert(&answer.by, answer.is_new)),
            _ => {}
        }
    }
    let have_it = |is_it: fn(&DnsServer) -> bool, noun: &str| {
        let number = last.iter().filter(|(server, has_it)| **has_it && is_it(server)).count();
        let has = if number == 1 { "has" } else { "have" };
        (number > 0).then(|| format!("{} {has} it", count(number, noun)))
    };
    let words = [
        is_in_sync.then(|| "Route 53 is in sync".to_owned()),
        have_it(|server| matches!(server, DnsServer::NameServer(_)), "name server"),
        have_it(|server| matches!(server, DnsServer::Resolver(_)), "resolver"),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The section of the report; nothing if nobody was asked.
pub(super) fn report(said: &[Said], clock: OffsetTime) -> Option<String> {
    const HEAD: &str = "## DNS\n\n| when | step | who | answered |\n|---|---|---|---|";
    let row = |said: &Said| {
        let (title, who, what) = (prose(&said.title), prose(&said.who), prose(&said.said));
        format!("| {} | {title} ({}) | {who} | {what} |", clock.show(said.at), said.lane)
    };
    let rows: Vec<String> = said.iter().map(row).collect();
    (!rows.is_empty()).then(|| format!("{HEAD}\n{}", rows.join("\n")))
}

#[cfg(test)]
mod tests {
    use cutover_core::journal::DnsAnswer;
    use jiff::Timestamp;

    use super::*;

    fn answer(by: DnsServer, is_new: bool) -> Fact {
        let (at, targets) = (Timestamp::UNIX_EPOCH, [("page.example".to_owned(), 2)].into());
        Fact::DnsAnswer(DnsAnswer { by, at, targets, is_new })
    }

    #[test]
    fn the_log_counts_who_has_the_new_answer_at_last() {
        let server = |name: &str| DnsServer::NameServer(name.to_owned());
        let resolver = DnsServer::Resolver([9, 9, 9, 9].into());
        let facts = [
            Fact::InSync { change: "C1".into() },
            answer(server("ns-1"), true),
            answer(server("ns-2"), true),
            answer(server("ns-2"), false),
        ];
        assert_eq!(who_has_it(&facts).as_deref(), Some("Route 53 is in sync, 1 name server has it"));
        assert_eq!(who_has_it(&[answer(resolver, true)]).as_deref(), Some("1 resolver has it"));
        assert_eq!(who_has_it(&[]), None);
    }
}
