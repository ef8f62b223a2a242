//! The newest supervisor, beside Debian's that machines have: what it says is understood, and orders have their effect.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cutover_core::names::ProgramName;
use cutover_engine::ports::Hosts;
use cutover_hosts::supervisor::{self, NoStatus, Order, ProgramStatus, State, Verb};
use cutover_rig::{Host, Plain};
use cutover_ssh::HostsOverSsh;

use super::support::{Here, hosts, start_job};

const PROGRAMS: &str = "\
[program:lms]\ncommand=sleep 1000.1\n[program:cms]\ncommand=sleep 1000.2\nautostart=false\n\
[program:flaps]\ncommand=/bin/sh -c 'exit 3'\nstartretries=1\n\
[group:GROUP]\nprograms=high\n[program:high]\ncommand=sleep 1000.3\n";

/// A group of programs whose name no other test on this computer has: what is left of a killed program is looked for among
/// all processes, and plain hosts share those.
fn group() -> String {
    format!("workers-{}", std::process::id())
}

#[tokio::test]
async fn orders_to_the_newest_supervisor_have_their_effect_and_its_states_are_understood() {
    let host = Plain::start().with_supervisor();
    host.has_programs(&PROGRAMS.replace("GROUP", &group()));
    let high = format!("{}:high", group());
    let folder = host.operator().path().join("jobs").display().to_string();
    let ssh = Rc::new(hosts(&host, "operator"));
    let port = HostsOverSsh::new(Rc::clone(&ssh), Rc::new(Here), folder);
    let states = async |programs: &[&str]| {
        let programs: Vec<ProgramName> = programs.iter().map(|name| (*name).into()).collect();
        let said = port.ask(&"i-1".into(), &supervisor::ask(host.supervisorctl(), &programs)).await.expect("an answer");
        supervisor::read(&programs, &said)
    };
    let once = async |program: &str, state: State| -> ProgramStatus {
        for _ in 0..60 {
            let found: BTreeMap<ProgramName, ProgramStatus> = states(&[program]).await.expect("its state");
            match found.into_values().next() {
                Some(status) if status.state == state => return status,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        panic!("{program} is not {state:?}: {:?}", states(&[program]).await)
    };
    assert!(once("lms", State::Running).await.pid.is_some());
    once(&high, State::Running).await;
    once("cms", State::Stopped).await;
    once("flaps", State::Fatal).await;
    assert_eq!(states(&["nosuch"]).await, Err(NoStatus::NoProgram(vec!["nosuch".to_owned()])));
    let order = |verb, name: &str| {
        let supervisorctl = host.supervisorctl().to_owned();
        Order { verb, supervisorctl, programs: vec![name.into()], left: Vec::new() }.command()
    };
    for (job, verb, program, state) in [
        ("stop", Verb::Stop, "lms", State::Stopped),
        ("start", Verb::Start, "cms", State::Running),
        ("kill", Verb::Kill, &high, State::Stopped),
    ] {
        start_job(&port, job, order(verb, program)).await;
        once(program, state).await;
    }
}
