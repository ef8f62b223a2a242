//! What the supervisors of hosts are asked for the states of their programs, and what they answered last.
//!
//! The same programs of a host are asked for at every look, by one step after the other, and while they stop or are
//! stopped, the answers are mostly the same, too. So the question is kept, and an answer is read only if it differs from
//! the one before.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cutover_core::name_map::NameMap;
use cutover_core::names::{InstanceId, ProgramName};
use cutover_hosts::command::{Ask, Said};
use cutover_hosts::supervisor::{self, NoStatus, ProgramStatus};

/// The states of programs, by name.
pub(crate) type States = BTreeMap<ProgramName, ProgramStatus>;

/// The question for the states of some programs of a host, with the last answer.
pub(crate) struct Question {
    supervisorctl: String,
    programs: Vec<ProgramName>,
    ask: Ask,
    /// The last answer that gave the states, and what it says.
    last: RefCell<Option<(Said, Rc<States>)>>,
}

impl Question {
    fn new(supervisorctl: &str, programs: &[ProgramName]) -> Self {
        let ask = supervisor::ask(supervisorctl, programs);
        Self { supervisorctl: supervisorctl.to_owned(), programs: programs.to_vec(), ask, last: RefCell::default() }
    }

    /// What the host is asked.
    pub(crate) const fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The states of exactly the programs that were asked for.
    ///
    /// # Errors
    /// When the answer does not give the state of every one of them.
    pub(crate) fn read(&self, said: Said) -> Result<Rc<States>, NoStatus> {
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((before, states)) if *before == said => Ok(Rc::clone(states)),
            _ => {
                let states = Rc::new(supervisor::read(&self.programs, &said)?);
                *last = Some((said, Rc::clone(&states)));
                Ok(states)
            }
        }
    }
}

/// The last question for each host.
#[derive(Default)]
pub(crate) struct Supervisors(RefCell<NameMap<InstanceId, Rc<Question>>>);

impl Supervisors {
    /// The question for the states of these programs of a host.
    pub(crate) fn question(&self, host: &InstanceId, supervisorctl: &str, programs: &[ProgramName]) -> Rc<Question> {
        let mut kept = self.0.borrow_mut();
        let is_this = |kept: &&Rc<Question>| kept.programs == programs && kept.supervisorctl == supervisorctl;
        if let Some(question) = kept.get(host).filter(is_this) {
            return Rc::clone(question);
        }
        let question = Rc::new(Question::new(supervisorctl, programs));
        kept.insert(host.clone(), Rc::clone(&question));
        question
    }
}

#[cfg(test)]
mod tests {
    use cutover_hosts::supervisor::State;

    use super::*;

    fn said(stdout: &str) -> Said {
        Said { stdout: stdout.to_owned(), ..Said::default() }
    }

    #[test]
    fn an_answer_is_read_anew_if_it_differs_from_the_one_before() {
        let question = Question::new("supervisorctl", &["lms".into()]);
        let read = |stdout| question.read(said(stdout));
        let state = |stdout| read(stdout).map(|states| states[&"lms".into()].state);
        let stopping = read("lms   STOPPING\n").expect("a state");
        assert!(Rc::ptr_eq(&stopping, &read("lms   STOPPING\n").expect("a state")));
        assert_eq!(state("lms   STOPPED   Not started\n"), Ok(State::Stopped));
        assert!(matches!(state("lms: ERROR (no such process)\n"), Err(NoStatus::NoProgram(_))));
        assert_eq!(state("lms   STOPPING\n"), Ok(State::Stopping));
    }

    #[test]
    fn a_question_is_kept_until_something_else_is_asked_of_the_host() {
        let supervisors = Supervisors::default();
        let asked = |host: &str, supervisorctl: &str, programs: &[&str]| {
            let programs: Vec<ProgramName> = programs.iter().map(|name| (*name).into()).collect();
            supervisors.question(&host.into(), supervisorctl, &programs)
        };
        let first = asked("i-1", "supervisorctl", &["lms", "cms"]);
        assert!(Rc::ptr_eq(&first, &asked("i-1", "supervisorctl", &["lms", "cms"])));
        for (host, supervisorctl, programs) in [
            ("i-2", "supervisorctl", &["lms", "cms"][..]),
            ("i-1", "supervisorctl", &["lms"]),
            ("i-1", "/edx/bin/supervisorctl", &["lms"]),
        ] {
            let other = asked(host, supervisorctl, programs);
            assert!(!Rc::ptr_eq(&first, &other));
            let programs: Vec<ProgramName> = programs.iter().map(|name| (*name).into()).collect();
            assert_eq!(*other.ask(), supervisor::ask(supervisorctl, &programs));
        }
    }
}
