//! Commands of the deployment file that write on the new site.

use cutover_core::journal::Fact;
use cutover_core::plan::{Action, Step, WriteCheck};
use cutover_engine::phase::Ending;
use cutover_hosts::command::RunAs;
use cutover_hosts::job::JobState;

use super::held::Machine;
use super::stage::{Stage, host, step};

fn enrol() -> Step {
    let check = WriteCheck {
        host: host("edx-0", "i-1"),
        fleet: "live".into(),
        name: "enrol".to_owned(),
        command: ["python.edxapp", "manage.py", "lms", "write_check"].map(str::to_owned).to_vec(),
        directory: "/edx/app/edxapp/edx-platform".to_owned(),
        user: "edxapp".to_owned(),
    };
    step("write", Action::WriteCheck(check))
}

const fn ended(exit: i32) -> JobState {
    JobState::Ended { exit, out_of_memory: false, peak_memory: None }
}

#[test]
fn a_write_is_tried_once_also_if_its_answer_is_lost_as_the_files_user_and_is_on_record() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.loses_answer.set(true);
    assert_eq!(stage.conduct(vec![enrol()]), Ending::Finished);
    let jobs = machine.jobs.borrow();
    let [(_, job)] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!(job.command.run_as, RunAs::User("edxapp".to_owned()));
    assert_eq!(job.command.directory.as_deref(), Some("/edx/app/edxapp/edx-platform"));
    let checked = Fact::WriteChecked { fleet: "live".into(), check: "enrol".to_owned() };
    assert!(stage.facts_of("write").contains(&checked), "{:?}", stage.facts_of("write"));
}

#[test]
fn a_write_that_fails_says_what_it_printed_last_and_is_tried_again_in_the_next_run_only() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    let printed = "one\nenrol: 201\n\nTraceback\n  File \"views.py\"\n  File \"base.py\"\nDataError: bad uuid\n\n";
    let good = machine.ends.replace((printed.to_owned(), ended(1)));
    assert_eq!(stage.conduct(vec![enrol()]), Ending::Failed(vec!["write".into()]));
    let words = "the write check `enrol` of live on edx-0 ended with exit status 1; it printed last: enrol: 201 | Traceback | \
                 File \"views.py\" | File \"base.py\" | DataError: bad uuid. The site may show its pages and refuse every \
                 write, so the maintenance page stays up; find out there why";
    assert!(stage.error_of("write").starts_with(words), "{}", stage.error_of("write"));
    assert_eq!(machine.names().len(), 1);
    machine.ends.replace(good);
    assert_eq!(stage.resume(), Ending::Finished);
    let names = machine.names();
    assert!(names.len() == 2 && names[0] != names[1], "{names:?}");
}

#[test]
fn a_write_that_takes_too_long_fails_and_none_is_tried_beside_it() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    let good = machine.ends.replace((String::new(), JobState::Running));
    assert_eq!(stage.conduct(vec![enrol()]), Ending::Failed(vec!["write".into()]));
    // The third attempt looks for the jobs of all attempts before, of which only the first one has started any.
    for _ in 0..2 {
        assert_eq!(stage.resume(), Ending::Failed(vec!["write".into()]));
    }
    assert_eq!(machine.names().len(), 1, "the first one may still write");
    machine.ends.replace(good);
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(machine.names().len(), 2);
}

#[test]
fn visitors_do_not_wait_for_what_a_write_that_has_succeeded_leaves_in_its_unit() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.ends.replace((String::new(), JobState::Running));
    machine.left.set(Some(0));
    assert_eq!(stage.conduct(vec![enrol()]), Ending::Finished);
    let checked = Fact::WriteChecked { fleet: "live".into(), check: "enrol".to_owned() };
    assert!(stage.facts_of("write").contains(&checked), "{:?}", stage.facts_of("write"));
}

#[test]
fn what_a_write_of_an_attempt_before_has_left_holds_up_the_next_one_only_if_it_has_not_succeeded() {
    // It was too late: its limit had passed.
    for (left, ending) in [(0, Ending::Finished), (3, Ending::Failed(vec!["write".into()]))] {
        let mut stage = Stage::new();
        let machine = Machine::of(&mut stage, &[]);
        let good = machine.ends.replace((String::new(), JobState::Running));
        assert_eq!(stage.conduct(vec![enrol()]), Ending::Failed(vec!["write".into()]));
        machine.first_goes_on.set(Some(left));
        machine.ends.replace(good);
        machine.go_on.replace(vec![7]);
        assert_eq!(stage.resume(), ending);
        let told = stage.facts_of("write").into_iter().filter(|fact| matches!(fact, Fact::LeftToDo { .. })).count();
        assert_eq!(told, usize::from(left == 0));
    }
}

#[test]
fn a_write_that_has_failed_and_left_something_says_at_once_what_it_printed_and_what_goes_on() {
    let mut stage = Stage::new();
    let machine = Machine::of(&mut stage, &[]);
    machine.ends.replace(("one\nDataError: bad uuid\n".to_owned(), JobState::Running));
    machine.at_once.set(6);
    machine.left.set(Some(1));
    machine.go_on.replace(vec![7]);
    assert_eq!(stage.conduct(vec![enrol()]), Ending::Failed(vec!["write".into()]));
    let words = "the write check `enrol` of live on edx-0 ended with exit status 1, and what it has started goes on: see `ps -fp 7` \
                 there, and end it with `kill 7` if nobody needs it; it printed last: one | DataError: bad uuid. The site";
    assert!(stage.error_of("write").starts_with(words), "{}", stage.error_of("write"));
}

#[test]
fn a_write_that_was_cut_off_is_not_taken_for_a_failed_one() {
    for (state, words) in [
        (JobState::HostRestarted, "was cut off when its host was restarted"),
        (JobState::Vanished, "was killed; it printed nothing"),
    ] {
        let mut stage = Stage::new();
        let machine = Machine::of(&mut stage, &[]);
        machine.ends.replace((String::new(), state));
        assert_eq!(stage.conduct(vec![enrol()]), Ending::Failed(vec!["write".into()]));
        assert!(stage.error_of("write").contains(words), "{}", stage.error_of("write"));
    }
}
