//! Who decides at gates in a live run: the first person who answers, at the terminal or through the inbox.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};

use cutover_core::digest::Digest;
use cutover_core::journal::{Decision, Upgrade};
use cutover_core::names::GateName;
use cutover_core::plan::Decide;
use cutover_core::status::approve_command;
use cutover_engine::inbox::{Delivery, undelivered};
use cutover_engine::journal::{JournalError, read};
use cutover_engine::lease::Machine;
use cutover_engine::ports::{Clock, Decided, Operator};
use cutover_engine::store::Store;

use crate::harmless::one_line;
use crate::wall::{Keyboard, ThisMachine, Typed};

/// How often the inbox is read, in wall time: people do not live at an embedded cloud's pace.
const LOOK: Duration = Duration::from_millis(500);

/// People at the terminal and elsewhere.
pub struct People {
    /// The state, which contains the inbox.
    pub store: Store,
    /// The upgrade's clock, for the time of decisions made here.
    pub clock: Rc<dyn Clock>,
    /// Shows the operator a text between progress lines.
    pub say: Rc<dyn Fn(&str)>,
    /// Where decisions are typed; nothing if this is not a terminal.
    pub keyboard: Option<Keyboard>,
    /// The deployment file as the operator named it, for commands to type.
    pub file: String,
    /// The command that shows testers the new sites, for each gate at which it helps.
    pub look: BTreeMap<GateName, String>,
    /// The plan that is under way: a decision on another is void.
    pub plan: Digest,
}

#[async_trait(?Send)]
impl Operator for People {
    async fn decide(&self, question: &Decide) -> Decided {
        let here = self.keyboard.as_ref().map(Keyboard::is_in_foreground);
        (self.say)(&self.words(question, here));
        let inbox = Box::pin(self.decided_elsewhere(&question.gate));
        let Some(keyboard) = &self.keyboard else { return inbox.await };
        match select(inbox, Box::pin(self.decided_here(keyboard, &question.gate, here))).await {
            Either::Left((decided, _)) => decided,
            Either::Right((typed, _)) => self.settled(typed, &question.gate).await,
        }
    }

    async fn already_decided(&self, question: &Decide) -> Option<Decided> {
        let waiting = self.waiting(&question.gate, &mut None).await;
        self.valid(waiting, &mut BTreeSet::new())
    }
}

impl People {
    /// The question, and how it is decided. `here` says whether somebody can type at this process's terminal; nothing if
    /// it has none.
    fn words(&self, question: &Decide, here: Option<bool>) -> String {
        let mut text = format!("\nGATE {}: {}\n", question.gate, one_line(&question.question));
        for item in &question.checklist {
            text.push_str(&format!("  [ ] {}\n", one_line(item)));
        }
        if let Some(command) = self.look.get(&question.gate) {
            text.push_str(&format!("To look at the new sites behind the maintenance page, run:\n  {command}\n"));
        }
        text.push_str(&match here {
            Some(true) => format!("Type `{}` to approve or `no` to refuse; or run elsewhere:\n", question.gate),
            Some(false) => {
                "Nothing can be typed here while this runs in the background: type `fg` first, or run:\n".into()
            }
            None => "To approve, run:\n".to_owned(),
        });
        text.push_str(&format!("  {}\n", self.approve(&question.gate)));
        text
    }

    fn approve(&self, gate: &GateName) -> String {
        approve_command(&self.file, gate)
    }

    async fn decided_elsewhere(&self, gate: &GateName) -> Decided {
        let (mut void, mut on_record) = (BTreeSet::new(), None);
        loop {
            let waiting = self.waiting(gate, &mut on_record).await;
            if let Some(decided) = self.valid(waiting, &mut void) {
                return decided;
            }
            ThisMachine.sleep(LOOK).await;
        }
    }

    /// The decision that counts when one was typed: it supersedes what was in the inbox until now. But an approval does not
    /// supersede a refusal, which whoever typed it has not seen.
    async fn settled(&self, typed: Decision, gate: &GateName) -> Decided {
        let waiting = self.waiting(gate, &mut None).await;
        let object = waiting.last().map(|last| last.object.clone());
        let elsewhere = self.valid(waiting, &mut BTreeSet::new());
        match elsewhere.filter(|elsewhere| typed.approved && !elsewhere.decision.approved) {
            Some(refusal) => {
                let by = one_line(&refusal.decision.by);
                (self.say)(&format!("{by} refused `{gate}` before that was typed, so it is refused"));
                refusal
            }
            None => Decided { decision: typed, object },
        }
    }

    /// The last decision that is about this plan. Each of the others is reported once; `void` has those that were.
    fn valid(&self, waiting: Vec<Delivery>, void: &mut BTreeSet<String>) -> Option<Decided> {
        for Delivery { object, decision } in waiting.into_iter().rev() {
            if decision.plan.as_ref().is_none_or(|plan| *plan == self.plan) {
                return Some(Decided { decision, object: Some(object) });
            }
            if void.insert(object) {
                let shown = decision.plan.as_ref().map_or("", |plan| plan.short());
                let (now, by) = (self.plan.short(), one_line(&decision.by));
                (self.say)(&format!("{by} decided on plan {shown}, and this is {now}: decide again"));
            }
        }
        None
    }

    /// The decisions at this gate in the inbox, once it can be read.
    async fn waiting(&self, gate: &GateName, on_record: &mut Option<Upgrade>) -> Vec<Delivery> {
        let mut told = false;
        loop {
            match self.look(gate, on_record).await {
                Ok(waiting) => return waiting,
                Err(error) if !told => {
                    (self.say)(&format!("the inbox cannot be read ({error}); trying again"));
                    told = true;
                }
                Err(_) => {}
            }
            ThisMachine.sleep(LOOK).await;
        }
    }

    /// Reads decisions at this gate from the inbox. `on_record` is read only once, because only this conductor can
    /// record a decision while the gate waits.
    async fn look(&self, gate: &GateName, on_record: &mut Option<Upgrade>) -> Result<Vec<Delivery>, JournalError> {
        let upgrade = match on_record {
            Some(upgrade) => upgrade,
            None => on_record.insert(read(&self.store).await?.upgrade),
        };
        let waiting = undelivered(&self.store, upgrade).await?;
        Ok(waiting.into_iter().filter(|one| one.decision.gate == *gate).collect())
    }

    /// If several gates wait at once, they listen to the keyboard one after the other. A question that was `asked` in the
    /// background is repeated in the foreground.
    async fn decided_here(&self, keyboard: &Keyboard, gate: &GateName, asked: Option<bool>) -> Decision {
        let mut listening = keyboard.listen().await;
        let how = format!("Type `{gate}` to approve, or `no` to refuse.");
        if asked != Some(true) {
            keyboard.foreground().await;
            (self.say)(&format!("Gate `{gate}` waits for a decision. {how}"));
        }
        loop {
            let approved = match listening.next().await {
                Typed::Line(line) if line.trim() == gate.as_str() => true,
                Typed::Line(line) if line.trim() == "no" => false,
                Typed::Line(_) => {
                    (self.say)(&how);
                    continue;
                }
                Typed::End => {
                    let command = self.approve(gate);
                    (self.say)(&format!(
                        "That was the end of input (Ctrl-D): nothing was decided, and gate `{gate}` still waits. {how} Or run \
                         elsewhere:\n  {command}"
                    ));
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use cutover_core::names::UpgradeId;
    use cutover_engine::inbox::drop_in;
    use cutover_rehearsal::SimulatedClock;
    use jiff::Timestamp;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;
    use crate::wall::block_on;

    /// People at a terminal at which nothing was typed yet, a way to type there, and the texts that they were shown.
    fn people() -> (People, UnboundedSender<Typed>, Rc<RefCell<String>>) {
        let ((typed, lines), told) = (unbounded_channel(), Rc::new(RefCell::new(String::new())));
        let heard = Rc::clone(&told);
        let people = People {
            store: Store::memory(&UpgradeId::from("qa-koa-v4")),
            clock: SimulatedClock::new(Timestamp::UNIX_EPOCH),
            say: Rc::new(move |text| heard.borrow_mut().push_str(text)),
            keyboard: Some(Keyboard::of_lines(lines)),
            file: "qa.toml".to_owned(),
            look: [("manual-checks".into(), "cutover look qa.toml --open".to_owned())].into(),
            plan: Digest::of(b"plan"),
        };
        (people, typed, told)
    }

    fn gate(name: &str) -> Decide {
        Decide { gate: name.into(), question: "Go on?".to_owned(), checklist: Vec::new() }
    }

    /// Decides at a gate while `typing` runs at the same time.
    async fn decided(people: &People, name: &str, typing: impl FnOnce()) -> Decision {
        let question = gate(name);
        let (decision, ()) = futures_util::future::join(people.decide(&question), async {
            // Types only once the gate asks.
            ThisMachine.sleep(Duration::from_millis(20)).await;
            typing();
        })
        .await;
        decision.decision
    }

    fn types(typed: &UnboundedSender<Typed>, lines: &[&str]) {
        lines.iter().for_each(|line| typed.send(Typed::Line((*line).to_owned())).expect("somebody listens"));
    }

    #[test]
    fn the_end_of_input_decides_nothing_and_says_how_to_decide() {
        let (people, typed, told) = people();
        let ends = || {
            typed.send(Typed::End).expect("somebody listens");
            types(&typed, &["no"]);
        };
        assert!(!block_on(decided(&people, "go", ends)).expect("a runtime").approved, "only by what is typed after it");
        for words in ["nothing was decided", "still waits", "\n  cutover approve qa.toml go --by NAME"] {
            assert!(told.borrow().contains(words), "{words}: {}", told.borrow());
        }
    }

    #[test]
    fn a_gate_is_approved_only_by_typing_its_name() {
        let (people, typed, told) = people();
        let decision = block_on(decided(&people, "go", || types(&typed, &["yes", " go "]))).expect("a runtime");
        assert!(decision.approved);
        assert!(told.borrow().ends_with("Type `go` to approve, or `no` to refuse."), "{}", told.borrow());
    }

    #[test]
    fn a_gate_that_was_decided_through_the_inbox_does_not_consume_the_next_gates_line() {
        let (people, typed, _) = people();
        let plan = Some(people.plan.clone());
        let at = Timestamp::UNIX_EPOCH;
        let elsewhere = Decision { gate: "go".into(), approved: true, by: "bob".into(), at, note: None, plan };
        let second = block_on(async {
            drop_in(&people.store, &Upgrade::default(), &elsewhere).await.expect("it can be written");
            let first = people.decide(&gate("go")).await;
            assert_eq!((first.decision.by.as_str(), first.object.is_some()), ("bob", true));
            decided(&people, "manual-checks", || types(&typed, &["no"])).await
        });
        assert!(!second.expect("a runtime").approved);
    }

    #[test]
    fn a_gate_before_the_lift_names_the_command_that_shows_the_new_sites() {
        let (people, _, _) = people();
        assert!(people.words(&gate("manual-checks"), None).contains("run:\n  cutover look qa.toml --open\n"));
        assert!(!people.words(&gate("go"), None).contains("cutover look"));
    }

    #[test]
    fn a_line_typed_before_a_gate_asks_does_not_answer_it() {
        let (people, typed, _) = people();
        types(&typed, &["no", "no"]);
        let decision = block_on(decided(&people, "go", || types(&typed, &["go"]))).expect("a runtime");
        assert!(decision.approved);
    }

    #[test]
    fn gates_that_ask_at_the_same_time_use_the_keyboard_in_turn() {
        let (people, typed, _) = people();
        let second = async {
            let decision = people.decide(&gate("lift")).await.decision;
            assert!(!decision.approved, "it is refused by what is typed once the first is decided");
        };
        let first = async {
            assert!(decided(&people, "go", || types(&typed, &["go"])).await.approved);
            ThisMachine.sleep(Duration::from_millis(20)).await;
            types(&typed, &["no"]);
        };
        block_on(futures_util::future::join(first, second)).expect("a runtime");
    }

    #[test]
    fn a_typed_decision_waits_for_the_inbox_and_settles_what_lies_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut people, typed, told) = people();
        people.store = Store::folder(folder.path(), &UpgradeId::from("qa-koa-v4")).expect("a state");
        let plan = Some(people.plan.clone());
        let at = Timestamp::UNIX_EPOCH;
        let elsewhere = Decision { gate: "go".into(), approved: true, by: "bob".into(), at, note: None, plan };
        let decided = block_on(async {
            drop_in(&people.store, &Upgrade::default(), &elsewhere).await.expect("it can be written");
            // The state is out of reach while somebody types.
            let here = folder.path().join("qa-koa-v4").join("decisions");
            let away = folder.path().join("away");
            std::fs::rename(&here, &away).and_then(|()| std::fs::write(&here, "")).expect("it can be moved");
            let question = gate("go");
            let (decided, ()) = futures_util::future::join(people.decide(&question), async {
                ThisMachine.sleep(Duration::from_millis(20)).await;
                types(&typed, &["no"]);
                ThisMachine.sleep(Duration::from_millis(50)).await;
                std::fs::remove_file(&here).and_then(|()| std::fs::rename(&away, &here)).expect("it can be moved");
            })
            .await;
            decided
        });
        let decided = decided.expect("a runtime");
        assert!(!decided.decision.approved && told.borrow().contains("the inbox cannot be read"), "{}", told.borrow());
        assert!(decided.object.is_some(), "the older approval would count when the gate asks again");
    }

    #[test]
    fn an_approval_that_is_typed_does_not_settle_a_refusal_that_was_not_seen() {
        let (people, _typed, told) = people();
        let of = |by: &str, approved| Decision {
            gate: "go".into(),
            approved,
            by: by.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            note: None,
            plan: Some(people.plan.clone()),
        };
        let decided = block_on(async {
            let object =
                drop_in(&people.store, &Upgrade::default(), &of("bob", false)).await.expect("it can be written");
            let refused = people.settled(of("ada", true), &"go".into()).await;
            assert_eq!((refused.decision.by.as_str(), refused.object.as_ref()), ("bob", Some(&object)));
            // The refusal of one person may be typed after the approval of another.
            drop_in(&people.store, &Upgrade::default(), &of("bob", true)).await.expect("it can be written");
            people.settled(of("ada", false), &"go".into()).await
        });
        assert_eq!(decided.expect("a runtime").decision.by, "ada");
        assert_eq!(*told.borrow(), "bob refused `go` before that was typed, so it is refused");
    }

    #[test]
    fn what_lies_in_the_inbox_is_a_decision_even_before_the_gate_has_looked() {
        let (people, _typed, told) = people();
        let at = Timestamp::UNIX_EPOCH;
        let of = |by: &str, plan: &[u8]| Decision {
            gate: "go".into(),
            approved: true,
            by: by.to_owned(),
            at,
            note: None,
            plan: Some(Digest::of(plan)),
        };
        let decided = block_on(async {
            assert_eq!(people.already_decided(&gate("go")).await, None);
            for decision in [of("bob", b"plan"), of("eve", b"another")] {
                drop_in(&people.store, &Upgrade::default(), &decision).await.expect("it can be written");
            }
            people.already_decided(&gate("go")).await
        });
        let decided = decided.expect("a runtime").expect("bob's");
        assert_eq!((decided.decision.by.as_str(), decided.object.is_some()), ("bob", true));
        assert!(told.borrow().contains("eve decided on plan"), "{}", told.borrow());
    }

    #[test]
    fn a_decision_on_another_plan_is_void_and_this_is_reported() {
        let (people, typed, told) = people();
        let (plan, at) = (Some(Digest::of(b"another")), Timestamp::UNIX_EPOCH);
        let elsewhere = Decision { gate: "go".into(), approved: true, by: "bob".into(), at, note: None, plan };
        let decision = block_on(async {
            drop_in(&people.store, &Upgrade::default(), &elsewhere).await.expect("it can be written");
            decided(&people, "go", || types(&typed, &["no"])).await
        });
        assert!(!decision.expect("a runtime").approved);
        assert!(told.borrow().contains("bob decided on plan"), "{}", told.borrow());
    }
}
