//! Who decides at gates in a live run: whoever answers first, at the terminal or through the inbox.

use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};

use cutover_core::digest::Digest;
use cutover_core::journal::Decision;
use cutover_core::names::GateName;
use cutover_core::plan::Decide;
use cutover_engine::inbox::undelivered;
use cutover_engine::journal::read;
use cutover_engine::lease::Machine;
use cutover_engine::ports::{Clock, Operator};
use cutover_engine::store::Store;

use crate::wall::{ThisMachine, line_from_keyboard};

/// How often the inbox is looked at, on the wall clock: people do not follow an embedded cloud's pace.
const LOOK: Duration = Duration::from_millis(500);

/// People at the terminal and elsewhere.
pub struct People {
    /// The state with the inbox in it.
    pub store: Store,
    /// The upgrade's clock, for the time of decisions made here.
    pub clock: Rc<dyn Clock>,
    /// Says something to the operator between progress lines.
    pub say: Rc<dyn Fn(&str)>,
    /// The deployment file as the operator named it, for the words to type.
    pub file: String,
    /// The plan that is under way: a decision on another is void.
    pub plan: Digest,
}

#[async_trait(?Send)]
impl Operator for People {
    async fn decide(&self, question: &Decide) -> Decision {
        (self.say)(&self.words(question));
        let inbox = Box::pin(self.from_inbox(&question.gate));
        if !std::io::stdin().is_terminal() {
            return inbox.await;
        }
        match select(inbox, Box::pin(self.from_keyboard(&question.gate))).await {
            Either::Left((decision, _)) | Either::Right((decision, _)) => decision,
        }
    }
}

impl People {
    fn words(&self, question: &Decide) -> String {
        let mut text = format!("\nGATE {}: {}\n", question.gate, question.question);
        for item in &question.checklist {
            text.push_str(&format!("  [ ] {item}\n"));
        }
        if std::io::stdin().is_terminal() {
            text.push_str(&format!("Type `{}` to approve, `no` to refuse; or elsewhere:\n", question.gate));
        }
        text.push_str(&format!("  cutover approve {} {} --by NAME\n", self.file, question.gate));
        text
    }

    async fn from_inbox(&self, gate: &GateName) -> Decision {
        let mut told = false;
        let mut void = None;
        loop {
            match self.look(gate).await {
                Ok(Some(decision)) if decision.plan.as_ref().is_none_or(|plan| *plan == self.plan) => return decision,
                Ok(Some(decision)) => {
                    if void.as_ref() != Some(&decision) {
                        let shown = decision.plan.as_ref().map_or("", |plan| plan.short());
                        let now = self.plan.short();
                        let by = &decision.by;
                        (self.say)(&format!("{by} decided on plan {shown}, and this is {now}: decide again"));
                        void = Some(decision);
                    }
                }
                Ok(None) => told = false,
                Err(error) if !told => {
                    (self.say)(&format!("the inbox cannot be read ({error}); looking again"));
                    told = true;
                }
                Err(_) => {}
            }
            ThisMachine.sleep(LOOK).await;
        }
    }

    async fn look(&self, gate: &GateName) -> Result<Option<Decision>, cutover_engine::journal::JournalError> {
        if self.store.list("decisions").await?.is_empty() {
            return Ok(None);
        }
        let upgrade = read(&self.store).await?.upgrade;
        Ok(undelivered(&self.store, &upgrade).await?.remove(gate))
    }

    async fn from_keyboard(&self, gate: &GateName) -> Decision {
        loop {
            let Some(line) = line_from_keyboard().await else { return std::future::pending().await };
            let approved = match line.trim() {
                word if word == gate.as_str() => true,
                "no" => false,
                _ => {
                    (self.say)(&format!("Type `{gate}` to approve, or `no` to refuse."));
                    continue;
                }
            };
            return Decision {
                gate: gate.clone(),
                approved,
                by: ThisMachine.identity().user,
                at: self.clock.now(),
                note: None,
                plan: Some(self.plan.clone()),
            };
        }
    }
}
