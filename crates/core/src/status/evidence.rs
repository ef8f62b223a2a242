//! What the journal can prove of a window: who answered what, and when. Reports show it, and print it as JSON.

use jiff::Timestamp;
use serde::Serialize;

use crate::journal::{Event, Fact, LateRequests, PageSeen, Record};
use crate::names::StepId;
use crate::plan::{Plan, Step};
use crate::time::human;

/// What the journal can prove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What Route 53, name servers and resolvers said of changes of records, in the order of time.
    pub dns: Vec<Said>,
    /// What still arrived at current hosts right before their services were told to stop.
    pub late_requests: Vec<LateRequests>,
    /// The checks that have passed, in the order of time.
    pub checks: Vec<Passed>,
    /// What builds of images have printed last, in the order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub builds: Vec<Printed>,
}

/// What a build has printed last, whether it has succeeded or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Printed {
    /// When it was put on record, by the upgrade's clock.
    pub at: Timestamp,
    /// The step.
    pub step: StepId,
    /// What that step does.
    pub title: String,
    /// The last lines, oldest first.
    pub lines: Vec<String>,
    /// How many lines were printed before them.
    pub before: u64,
}

/// A check that has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// When it was put on record, by the upgrade's clock.
    pub at: Timestamp,
    /// The step.
    pub step: StepId,
    /// What that step does.
    pub title: String,
    /// Its lane.
    pub lane: String,
    /// The pages that were seen; none for a check that writes.
    pub pages: Vec<PageSeen>,
    /// When the certificate ends that was presented, if it was looked at and could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<Timestamp>,
}

/// What somebody said, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// When it was put on record, by the upgrade's clock.
    pub at: Timestamp,
    /// The step that had asked.
    pub step: StepId,
    /// What that step does.
    pub title: String,
    /// Its lane.
    pub lane: String,
    /// Who said it, such as `name server ns-1.example.org`.
    pub who: String,
    /// What, in words.
    pub said: String,
}

impl Evidence {
    /// What these records prove.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        let mut evidence = Self::default();
        let mut plan: Option<&Plan> = None;
        let events = records.iter().flat_map(|record| record.events.iter().map(|event| (record.at, event)));
        for (at, event) in events {
            if let Event::RunStarted { plan: next, .. } = event {
                plan = Some(next);
            }
            let Some(step) = event.step().and_then(|id| plan?.step(id)) else { continue };
            event.facts().iter().for_each(|fact| evidence.add(at, step, fact));
        }
        evidence
    }

    fn add(&mut self, at: Timestamp, step: &Step, fact: &Fact) {
        let said = |who: String, said: String| Said {
            at,
            step: step.id.clone(),
            title: step.title.clone(),
            lane: step.lane.to_string(),
            who,
            said,
        };
        let passed = |pages, certificate_until| Passed {
            at,
            step: step.id.clone(),
            title: step.title.clone(),
            lane: step.lane.to_string(),
            pages,
            certificate_until,
        };
        match fact {
            Fact::InSync { change } => {
                self.dns.push(said("Route 53".to_owned(), format!("change {change} is in sync")));
            }
            Fact::DnsAnswer(answer) => self.dns.push(said(answer.by.to_string(), answer.words())),
            Fact::TtlPassed { ttl } => {
                let passed = format!("the old answer's {} have passed", human(*ttl));
                self.dns.push(said("all other resolvers".to_owned(), passed));
            }
            Fact::SiteChecked { pages, certificate_until, .. } => {
                self.checks.push(passed(pages.clone(), *certificate_until));
            }
            Fact::WriteChecked { .. } => self.checks.push(passed(Vec::new(), None)),
            Fact::BuildOutput { lines, before, .. } => {
                let (step, title) = (step.id.clone(), step.title.clone());
                self.builds.push(Printed { at, step, title, lines: lines.clone(), before: *before });
            }
            Fact::LateRequests(counted) => self.late_requests.push(counted.clone()),
            _ => {}
        }
    }
}
