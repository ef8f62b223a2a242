//! The first contact with a next host: its smoke tests, and whether it has booted without the programs that must not run
//! before the window.

use cutover_core::deployment::SmokeTest;
use cutover_core::journal::{Fact, Run};
use cutover_core::names::{InstanceId, ProgramName};
use cutover_core::plan::{Host, Idle, Phase};
use cutover_core::time::human;
use cutover_hosts::command::{Ask, Command, EXIT_TIMED_OUT, Said};
use cutover_hosts::identity;
use cutover_hosts::supervisor::autostart::{self, OwnEnd};
use cutover_hosts::supervisor::{NoStatus, Verb};

use super::StepContext;
use super::named::NAMED_WITH_WORDS;
use super::orders::order;
use super::supervised::{Subject, no_status, trace, up};
use crate::failure::Failure;
use crate::halt::WriteError;
use crate::ports::{Answer, World};
use crate::slots::StepSlot;

/// Runs the smoke tests, after a look whether programs run that must not.
pub(super) async fn smoke_test(
    context: &StepContext<'_>,
    host: &Host,
    tests: &[SmokeTest],
    idle: Option<&Idle>,
    identity: Option<&[String]>,
) -> Result<(), WriteError> {
    let awake = match idle {
        Some(idle) => awake(context, host, idle).await?,
        None => None,
    };
    let wrong = match (awake, identity) {
        (None, Some(paths)) => of_another(context, host, paths).await?,
        (awake, _) => awake,
    };
    let failed = failed_tests(context, &context.instance(host)?, tests).await?;
    if failed.is_empty() && wrong.is_none() {
        return Ok(());
    }
    let of_tests = format!("{} of {} smoke tests failed: {}", failed.len(), tests.len(), failed.join("; "));
    let failure = match wrong {
        None => Failure::permanent(of_tests),
        Some(wrong) if failed.is_empty() => wrong,
        Some(wrong) => Failure { message: format!("{}; {of_tests}", wrong.message), ..wrong },
    };
    Err(failure.into())
}

/// Why a host is not told from another one that was launched, too. What it has is recorded before it is compared: of two hosts that are
/// looked at side by side, at least the later one sees the other.
async fn of_another(context: &StepContext<'_>, host: &Host, paths: &[String]) -> Result<Option<Failure>, WriteError> {
    let (question, id) = (identity::ask(paths), context.instance(host)?);
    let ask = async |world: &World| {
        let said = world.hosts.ask(&id, &context.in_time(&question)).await?;
        identity::read(&said).ok_or_else(|| {
            let message = format!("{} does not tell its machine id and host keys", host.name);
            Failure::permanent(format!("{message}: {}", said.last_line()))
        })
    };
    let own = context.ask(ask).await?;
    let fact = Fact::Identity { host: host.name.clone(), instance: id, digests: own.clone() };
    context.learn(fact).await?;
    let upgrade = context.journal.upgrade();
    let same = upgrade.run_of(Phase::Prepare).into_iter().flat_map(Run::runs).flat_map(|(_, run)| &run.facts);
    let same = same.filter_map(|fact| match fact {
        // An instance that was replaced does not count any more.
        Fact::Identity { host: other, instance, digests }
            if *other != host.name && upgrade.launched.get(other) == Some(instance) =>
        {
            let common = identity::in_common(&own, digests);
            (!common.is_empty()).then(|| format!("the same {} as {other}", common.join(", ")))
        }
        _ => None,
    });
    let same: Vec<String> = same.take(NAMED_WITH_WORDS).collect();
    if same.is_empty() {
        return Ok(None);
    }
    let why = format!("{} has {}: its image has them baked in", host.name, same.join("; and "));
    Ok(Some(Failure::permanent(why).with_hint(BAKED_IN)))
}

const BAKED_IN: &str = "let the build remove them (`identity` in the file, or the last provisioner of the template); then remove the \
                        image and run `cutover prepare --replan`, which builds another one";

/// Why a host is not one that boots without its programs. Those that run are told to stop at once, without waiting for
/// anybody: each of them takes tasks of the live site, and runs them with new code.
async fn awake(context: &StepContext<'_>, host: &Host, idle: &Idle) -> Result<Option<Failure>, WriteError> {
    let subject = Subject::new(context, host, &idle.supervisorctl, &idle.programs)?;
    let up = up(context, &context.slot, &subject).await?;
    if !up.is_empty() {
        let running = up.running();
        let told = match running.len() {
            0 => "was still running although its program was stopped",
            1 => "was told to stop",
            _ => "were told to stop",
        };
        let text = format!(
            "{} ran on {} before the window, and {told}: it may have run tasks of the live site with new code",
            up.words(&subject),
            host.name
        );
        context.learn(Fact::Note { text: text.clone() }).await?;
        if !running.is_empty() {
            let traced = trace(context, &context.slot, &subject).await;
            order(context, "stop", Verb::Stop, &subject, running, Vec::new()).await?;
            traced?;
        }
        let hint = "find out who started it, or why the host's user data did not keep it from starting";
        return Ok(Some(Failure::permanent(text).with_hint(hint)));
    }
    if !idle.autostart_is_off {
        return Ok(held_in_part(context, &subject).await?);
    }
    let automatic = started_at_boot(context, &subject, idle).await?;
    if !automatic.is_empty() {
        let why = format!("supervisor on {} starts {} whenever the host boots", host.name, words(&automatic));
        return Ok(Some(Failure::permanent(why).with_hint(STARTS_AT_BOOT)));
    }
    if !is_held(context, &subject).await? {
        context.learn(Fact::LeftToDo { host: host.name.clone(), text: not_held(host, idle), job: None }).await?;
    }
    Ok(None)
}

/// That somebody else keeps the programs from starting at boot: what cutover has not turned off, it does not turn on again.
fn not_held(host: &Host, idle: &Idle) -> String {
    format!(
        "After the window, {} will boot without {}: autostart was already off for them, and cutover leaves it off. Set \
         `autostart=true` there if they should start.",
        host.name,
        words(&idle.programs),
    )
}

/// User data is executed at the first boot of a host: what the deployment file says later does nothing for this one.
const STARTS_AT_BOOT: &str = "set `autostart=false` for them there and run `supervisorctl update`, or terminate the host and \
                              let `cutover prepare` launch another; what its user data did is in \
                              /var/log/cloud-init-output.log";

/// Whether user data keeps the programs from starting when the host boots, according to supervisor's files.
pub(super) async fn is_held(context: &StepContext<'_>, subject: &Subject<'_>) -> Answer<bool> {
    let question = autostart::ask_files();
    let ask = async |world: &World| {
        let said = world.hosts.ask(&subject.id, &context.in_time(&question)).await?;
        autostart::is_held(&said).ok_or_else(|| {
            let message = format!("{} does not tell whether services start when it boots", subject.name);
            Failure::permanent(format!("{message}: {}", said.last_line()))
        })
    };
    context.ask(ask).await
}

/// That the deployment's own command has not ended well on a host, as far as is known: it may have held only some of the
/// programs, or none, and the others start at another boot. What it does is not known here.
async fn held_in_part(context: &StepContext<'_>, subject: &Subject<'_>) -> Answer<Option<Failure>> {
    let question = autostart::ask_own(&subject.id);
    let ask = async |world: &World| {
        let said = world.hosts.ask(&subject.id, &context.in_time(&question)).await?;
        autostart::own_end(&said).ok_or_else(|| {
            let message = format!("{} does not tell how `hold_services` has ended", subject.name);
            Failure::permanent(format!("{message}: {}", said.last_line()))
        })
    };
    let (what, then) = match context.ask(ask).await? {
        OwnEnd::Exit(0) => return Ok(None),
        OwnEnd::Exit(exit) => (
            format!("`hold_services` has failed on {} with exit status {exit}", subject.name),
            format!("once the cause is fixed, remove {} and", autostart::record(&subject.id)),
        ),
        OwnEnd::NoRecord => (
            format!("{} has no record that `hold_services` has ended", subject.name),
            "once cloud-init runs the user data,".to_owned(),
        ),
    };
    let why = format!("{what}, so services there may start when it boots");
    let hint =
        format!("read /var/log/cloud-init-output.log there; {then} restart the host, which runs the command again");
    Ok(Some(Failure::permanent(why).with_hint(hint)))
}

async fn started_at_boot(context: &StepContext<'_>, subject: &Subject<'_>, idle: &Idle) -> Answer<Vec<ProgramName>> {
    loaded(context, &context.slot, subject, |said| autostart::started_at_boot(&idle.programs, said)).await
}

/// The programs that supervisor starts again when it starts, of those that it has been told to stop.
pub(super) async fn started_again(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    subject: &Subject<'_>,
) -> Answer<Vec<ProgramName>> {
    loaded(context, slot, subject, |said| autostart::started_again(subject.programs, said)).await
}

/// Reads what supervisor has read from its files.
async fn loaded(
    context: &StepContext<'_>,
    slot: &StepSlot<'_>,
    subject: &Subject<'_>,
    read: impl Fn(&Said) -> Result<Vec<ProgramName>, NoStatus>,
) -> Answer<Vec<ProgramName>> {
    let question = autostart::ask_loaded(subject.supervisorctl);
    let ask = async |world: &World| {
        let said = world.hosts.ask(&subject.id, &context.in_time(&question)).await?;
        read(&said).map_err(|why| no_status(subject.name, &why))
    };
    context.ask_with(slot, ask).await
}

/// Names of programs, for a message.
pub(super) fn words(programs: &[ProgramName]) -> String {
    programs.iter().map(ProgramName::as_str).collect::<Vec<_>>().join(", ")
}

/// What is wrong with a host according to its smoke tests.
async fn failed_tests(context: &StepContext<'_>, id: &InstanceId, tests: &[SmokeTest]) -> Answer<Vec<String>> {
    let mut failed = Vec::new();
    for test in tests {
        let question = Ask::new(Command::as_root(test.command.iter().cloned()));
        let said = context.ask(async |world| world.hosts.ask(id, &question).await).await?;
        failed.extend(what_is_wrong(test, &said).map(|what| format!("{}: {what}", test.name)));
    }
    Ok(failed)
}

fn what_is_wrong(test: &SmokeTest, said: &Said) -> Option<String> {
    match said.exit {
        0 => {}
        EXIT_TIMED_OUT => return Some(format!("no answer within {}", human(Ask::LIMIT))),
        exit => return Some(format!("exit status {exit}: {}", said.last_line())),
    }
    let printed = |text: &str| said.stdout.contains(text) || said.stderr.contains(text);
    let missing = test.contains.as_ref().filter(|text| !printed(text))?;
    Some(format!("`{missing}` does not appear in what it printed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoke_test_fails_with_what_it_said_last_or_with_what_it_did_not_say() {
        let test = SmokeTest { name: "lms".into(), command: vec!["ss".into()], contains: Some(":8000".into()) };
        let wrong = |exit, stdout: &str| {
            what_is_wrong(&test, &Said { exit, stdout: stdout.to_owned(), stderr: String::new() }).unwrap_or_default()
        };
        assert_eq!(wrong(0, "LISTEN 0.0.0.0:8000\n"), "");
        assert_eq!(wrong(0, "LISTEN 0.0.0.0:80\n"), "`:8000` does not appear in what it printed");
        assert_eq!(wrong(1, "one\ntwo\n \n"), "exit status 1: two");
        assert_eq!(wrong(127, ""), "exit status 127: it printed nothing");
        assert_eq!(wrong(124, ":8000\n"), "no answer within 20s");
    }
}
