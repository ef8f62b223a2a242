//! The deployment file is edited while an upgrade is under way: what is shown says so, and every command that is
//! printed works.

use serde_json::Value;

use super::deployment::{Deployment, end_at_once, gate_waits, send, until, wait_for};

/// Moves the window to the next day.
fn move_window(deployment: &Deployment) {
    deployment.edit("start = 2020-12-14T10:00:00-05:00", "start = 2020-12-15T10:00:00-05:00");
}

fn words(deployment: &Deployment, code: i32, arguments: &[&str]) -> String {
    let output = deployment.run(arguments);
    let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    words
}

/// The same on one line, because long lines are broken.
pub(super) fn flat(deployment: &Deployment, code: i32, arguments: &[&str]) -> String {
    words(deployment, code, arguments).split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// The arguments of the command that `status` says to type next.
pub(super) fn next_command(deployment: &Deployment) -> Vec<String> {
    let status = deployment.status();
    let command = status["next_command"].as_str().unwrap_or_else(|| panic!("no command: {status}"));
    arguments_of(command, deployment)
}

/// A printed command as arguments for [`Deployment::run`]: the verb, and what follows the file.
fn arguments_of(command: &str, deployment: &Deployment) -> Vec<String> {
    let file = deployment.file().display().to_string();
    let words = command.trim().split(' ').skip(1).filter(|word| *word != file);
    words.map(str::to_owned).collect()
}

/// Runs what `status` says to type next.
fn type_next(deployment: &Deployment) {
    let arguments = next_command(deployment);
    deployment.succeeds(&arguments.iter().map(String::as_str).collect::<Vec<&str>>());
}

#[test]
fn a_window_that_has_not_started_is_moved_by_announcing_it_again() {
    let deployment = Deployment::prepared("moved");
    move_window(&deployment);
    let refused = words(&deployment, 4, &["window"]);
    assert!(refused.contains("announce") && refused.contains("--replan"), "{refused}");
    assert_eq!(next_command(&deployment), ["announce", "--replan"]);
    type_next(&deployment);
    assert!(deployment.page().contains("2020-12-15"), "the page has the new dates: {}", deployment.page());
    assert_eq!(next_command(&deployment), ["window"]);
    let mut window = deployment.start("window");
    until(|| deployment.events().iter().any(|event| event["event"] == "run-started" && event["kind"] == "window"));
    end_at_once(&mut window);
}

/// A window that was stopped before the page was up, and would not end in time any more.
fn stopped_and_late(name: &str) -> Deployment {
    let deployment = Deployment::prepared(name);
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    send(&window, rustix::process::Signal::TERM);
    assert_eq!(window.wait().expect("it ends").code(), Some(7));
    until_it_is_late(&deployment);
    deployment
}

fn until_it_is_late(deployment: &Deployment) {
    until(|| deployment.status()["now"].as_str().is_some_and(|now| now > "2020-12-14T17:00:00Z"));
}

#[test]
fn an_approval_to_open_the_window_in_time_is_not_one_to_open_it_late() {
    let deployment = Deployment::prepared("approved-late");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    deployment.approve_what_waits();
    let decided = || deployment.events().iter().filter(|event| event["event"] == "gate-decided").count();
    until(|| decided() == 1);
    send(&window, rustix::process::Signal::TERM);
    assert_eq!(window.wait().expect("it ends").code(), Some(7), "{}", deployment.log());
    until_it_is_late(&deployment);
    let late = next_command(&deployment);
    assert_eq!(late, ["window", "--late"]);
    let mut window = deployment.spawn(deployment.command(&["window", "--late"]));
    until(|| gate_waits(&deployment));
    let gate = &deployment.status()["gates"][0];
    assert_eq!(gate["gate"], "go", "it is asked again: {gate}");
    assert!(gate["checklist"].to_string().contains("it will not end as announced"), "{gate}");
    deployment.approve_what_waits();
    until(|| decided() == 2);
    end_at_once(&mut window);
    // This approval counts, also if the command is repeated.
    let mut window = deployment.spawn(deployment.command(&["window", "--late"]));
    wait_for(&deployment, "window.page.");
    assert_eq!(decided(), 2, "{}", deployment.log());
    end_at_once(&mut window);
}

#[test]
fn a_window_that_is_in_time_is_not_called_late_with_any_option() {
    let deployment = Deployment::prepared("late-in-time");
    for _ in 0..2 {
        let asked = deployment.log().matches("GATE ").count();
        let mut window = deployment.spawn(deployment.command(&["window", "--late"]));
        until(|| gate_waits(&deployment) && deployment.log().matches("GATE ").count() > asked);
        let gate = &deployment.status()["gates"][0];
        assert!(!gate["checklist"].to_string().contains("it will not end as announced"), "{gate}");
        end_at_once(&mut window);
    }
}

/// The last plan of the window that was started.
fn plan_of_the_window(deployment: &Deployment) -> Value {
    let mut started = deployment.events().into_iter().filter(|event| event["event"] == "run-started");
    started.rfind(|event| event["kind"] == "window").expect("a window")["plan"].clone()
}

/// Runs a command for the window until it has a new plan and asks at its first gate, and kills it.
fn is_accepted(deployment: &Deployment, arguments: &[String]) {
    let runs = || deployment.events().iter().filter(|event| event["event"] == "run-started").count();
    let (before, asked) = (runs(), deployment.log().matches("GATE ").count());
    let window = deployment.command(&arguments.iter().map(String::as_str).collect::<Vec<&str>>());
    let mut window = deployment.spawn(window);
    until(|| runs() > before && deployment.log().matches("GATE ").count() > asked);
    end_at_once(&mut window);
}

#[test]
fn a_late_window_whose_file_was_edited_is_planned_again_with_the_command_that_is_printed_everywhere() {
    let deployment = stopped_and_late("edited-late");
    deployment.edit("settle = \"60s\"", "settle = \"70s\"");
    assert_eq!(next_command(&deployment), ["window", "--replan", "--late"]);
    let status = deployment.status();
    assert_eq!(status["apply_command"], status["next_command"]);
    let typed = format!("cutover window {} --replan --late", deployment.file().display());
    for refused in [&["window"][..], &["window", "--replan"]] {
        let refused_words = words(&deployment, 4, refused);
        assert!(refused_words.lines().any(|line| line.trim() == typed), "{refused:?}: {refused_words}");
    }
    is_accepted(&deployment, &next_command(&deployment));
    // Started late, it is resumed without `--late`; a new plan for it is still late.
    assert_eq!(next_command(&deployment), ["window"]);
    deployment.edit("settle = \"70s\"", "settle = \"80s\"");
    assert_eq!(next_command(&deployment), ["window", "--replan", "--late"]);
}

#[test]
fn who_is_refused_because_it_is_late_is_told_what_was_typed_with_one_option_more() {
    let deployment = stopped_and_late("typed-late");
    let refused = words(&deployment, 4, &["window", "--replan", "--order", "runbook"]);
    let begin = format!("cutover window {} ", deployment.file().display());
    let command = refused.lines().map(str::trim).find(|line| line.starts_with(&begin));
    let arguments = arguments_of(command.unwrap_or_else(|| panic!("{refused}")), &deployment);
    assert_eq!(arguments, ["window", "--order", "runbook", "--replan", "--late"]);
    assert_eq!(plan_of_the_window(&deployment)["order"], "overlapped");
    is_accepted(&deployment, &arguments);
    assert_eq!(plan_of_the_window(&deployment)["order"], "runbook");
    // The order is kept by whatever is planned again.
    deployment.edit("settle = \"60s\"", "settle = \"70s\"");
    assert_eq!(next_command(&deployment), ["window", "--order", "runbook", "--replan", "--late"]);
}

#[test]
fn a_window_that_was_stopped_before_the_page_is_up_is_moved_by_announcing_it_again() {
    let deployment = stopped_and_late("moved-late");
    let late = words(&deployment, 4, &["window"]);
    assert!(late.lines().all(|line| line.chars().count() <= 80 || line.trim().starts_with("cutover ")), "{late}");
    assert!(late.contains("[window]") && late.contains("announce") && late.contains("--replan"), "{late}");
    move_window(&deployment);
    let refused = words(&deployment, 4, &["window"]);
    assert!(refused.contains("cutover announce ") && refused.contains("--replan"), "first of all: {refused}");
    type_next(&deployment);
    assert!(deployment.page().contains("2020-12-15"), "{}", deployment.page());
    assert_eq!(next_command(&deployment), ["window"], "the plan before is no longer followed");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    end_at_once(&mut window);
}

#[test]
fn people_are_told_again_when_a_window_is_moved_and_moved_back() {
    let deployment = Deployment::new("moved-back");
    deployment.succeeds(&["announce"]);
    move_window(&deployment);
    type_next(&deployment);
    deployment.edit("start = 2020-12-15T10:00:00-05:00", "start = 2020-12-14T10:00:00-05:00");
    type_next(&deployment);
    let told = |event: &Value| {
        event["event"] == "step-done" && event["step"].as_str().is_some_and(|step| step.contains(".announce."))
    };
    let told = deployment.events().iter().filter(|event| told(event)).count();
    assert_eq!(told, 3, "{:?}", deployment.events());
}

#[test]
fn dates_cannot_be_announced_again_once_visitors_see_the_page() {
    let deployment = Deployment::prepared("moved-too-late");
    let mut window = deployment.start("window");
    // Workers stop before the page is up.
    wait_for(&deployment, "window.deregister.");
    end_at_once(&mut window);
    move_window(&deployment);
    let refused = words(&deployment, 4, &["announce", "--replan"]);
    assert!(refused.contains("only until visitors are sent"), "{refused}");
    // With another start it would wait for that with the site down, and take its snapshot from the migrated database.
    let refused = words(&deployment, 4, &["window", "--replan"]);
    assert!(refused.contains("put it back to 2020-12-14 10:00:00"), "{refused}");
    let status = words(&deployment, 0, &["status"]).replace("\n         ", " ");
    assert!(status.contains("Put it back to 2020-12-14 10:00:00") && !status.contains("Type: "), "{status}");
    deployment.edit("start = 2020-12-15T10:00:00-05:00", "start = 2020-12-14T10:00:00-05:00");
    assert_eq!(next_command(&deployment), ["window"]);
    deployment.see_through(deployment.start("window"));
}

/// `prepare` was stopped half-way, and then the file was edited.
fn edited(name: &str) -> Deployment {
    let deployment = Deployment::new(name);
    deployment.succeeds(&["announce"]);
    let mut prepare = deployment.start("prepare");
    wait_for(&deployment, "prepare.launch.");
    end_at_once(&mut prepare);
    deployment.edit("settle = \"60s\"", "settle = \"70s\"");
    deployment
}

#[test]
fn a_status_of_a_plan_that_the_file_no_longer_gives_says_so_and_how_to_apply_the_edit() {
    let deployment = edited("edited");
    let status = words(&deployment, 0, &["status"]);
    assert!(status.contains("has changed since `prepare` was started"), "{status}");
    assert_eq!(next_command(&deployment), ["prepare", "--replan"]);
    let dry = words(&deployment, 0, &["prepare", "--dry-run"]).replace("\n#", "").replace("  ", " ");
    assert!(dry.contains("has changed since `prepare` was started") && dry.contains("--replan"), "{dry}");
}

#[test]
fn the_command_below_a_plan_is_accepted_whether_or_not_the_phase_was_started() {
    let deployment = edited("printed");
    let shown = words(&deployment, 0, &["plan", "--phase", "prepare"]);
    let command = shown.lines().find(|line| line.starts_with("  cutover ")).unwrap_or_else(|| panic!("{shown}"));
    let arguments = arguments_of(command, &deployment);
    assert!(arguments.contains(&"--replan".to_owned()), "{command}");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let prepare = deployment.command(&arguments);
    deployment.see_through(deployment.spawn(prepare));
    let plans = words(&deployment, 0, &["plan", "--phase", "prepare"]);
    assert!(!plans.lines().any(|line| line.starts_with("  cutover ")), "it is over: {plans}");
}

#[test]
fn the_plan_of_a_phase_under_way_is_resumed_with_the_command_below_it() {
    let deployment = Deployment::new("resumed");
    deployment.succeeds(&["announce"]);
    let mut prepare = deployment.start("prepare");
    until(|| deployment.events().iter().any(|event| event["event"] == "run-started" && event["kind"] == "prepare"));
    end_at_once(&mut prepare);
    let json: Value = serde_json::from_str(&words(&deployment, 0, &["plan", "--phase", "prepare", "--json"]))
        .expect("plans are JSON");
    let shown = words(&deployment, 0, &["plan", "--phase", "prepare"]);
    let command = shown.lines().find(|line| line.starts_with("  cutover ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(command.contains(&json["plans"][0]["hash"].as_str().expect("a hash")[..8]), "{command}");
    let arguments = arguments_of(command, &deployment);
    let prepare = deployment.command(&arguments.iter().map(String::as_str).collect::<Vec<&str>>());
    deployment.see_through(deployment.spawn(prepare));
}

#[test]
fn hosts_that_the_file_asks_for_after_the_window_was_started_are_prepared_until_the_page_is_up() {
    let deployment = Deployment::prepared("more-hosts");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment));
    end_at_once(&mut window);
    deployment.edit("count = 2", "count = 3");
    let refused = flat(&deployment, 4, &["window"]);
    assert!(refused.contains("cutover prepare ") && refused.contains("--replan"), "{refused}");
    assert_eq!(next_command(&deployment), ["prepare", "--replan"]);
    // Also half-way through that, and after it, what is printed leads on.
    let mut prepare = deployment.spawn(deployment.command(&["prepare", "--replan"]));
    until(|| deployment.events().iter().filter(|event| event["event"] == "run-started").count() == 4);
    end_at_once(&mut prepare);
    assert_eq!(next_command(&deployment), ["prepare"]);
    deployment.see_through(deployment.start("prepare"));
    assert_eq!(next_command(&deployment), ["window"]);
    let mut window = deployment.start("window");
    wait_for(&deployment, "window.page.");
    until(|| deployment.status()["window"]["down_since"].is_string());
    end_at_once(&mut window);
    // Once visitors may see the page, no host is launched any more.
    deployment.edit("count = 3", "count = 4");
    let refused = flat(&deployment, 4, &["window"]);
    assert!(refused.contains("Put the file back") && !refused.contains("--replan"), "{refused}");
    let refused = flat(&deployment, 4, &["window", "--replan"]);
    assert!(refused.contains("put `count` back") && !refused.contains("cutover prepare"), "{refused}");
    let status = flat(&deployment, 0, &["status"]);
    assert!(status.contains("Put the file back") && !status.contains("Type: "), "{status}");
    deployment.edit("count = 4", "count = 3");
    assert_eq!(next_command(&deployment), ["window"]);
    deployment.see_through(deployment.start("window"));
}

#[test]
fn the_last_status_of_a_conductor_knows_that_the_file_was_edited_meanwhile() {
    let deployment = Deployment::prepared("edited-meanwhile");
    let (settle, version) = ("settle = \"60s\"", "version = \"4\"");
    let edits = [
        (settle, "settle = \"70s\"", "EDITED"),
        (settle, "settle = 70", "has mistakes now"),
        (version, "version = \"9\"", "describes another upgrade now"),
    ];
    for (before, edited, what) in edits {
        let opened = || deployment.events().iter().filter(|event| event["event"] == "gate-opened").count();
        let asked = opened();
        let window = deployment.command(&["window"]).spawn().expect("it starts");
        // Only once it asks does it listen to signals.
        until(|| opened() > asked);
        deployment.edit(before, edited);
        send(&window, rustix::process::Signal::TERM);
        let output = window.wait_with_output().expect("it ends");
        let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(7), "{words}");
        assert!(words.contains(what), "{words}");
        assert_eq!(words.contains("--replan"), what == "EDITED", "{words}");
        deployment.edit(edited, before);
    }
}

#[test]
fn a_deployment_file_that_became_a_pipe_holds_nobody() {
    let deployment = Deployment::prepared("piped");
    let mut window = deployment.start("window");
    until(|| gate_waits(&deployment) && deployment.log().contains("GATE "));
    let text = std::fs::read_to_string(deployment.file()).expect("the file");
    std::fs::remove_file(deployment.file()).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(deployment.file()).status().expect("it starts");
    assert!(made.success());
    send(&window, rustix::process::Signal::TERM);
    let begin = std::time::Instant::now();
    let ended = loop {
        match window.try_wait().expect("it can be waited for") {
            Some(status) => break Some(status),
            None if begin.elapsed() > std::time::Duration::from_secs(15) => break None,
            None => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    };
    if ended.is_none() {
        end_at_once(&mut window);
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(7), "{}", deployment.log());
    assert!(deployment.log().contains("cannot be read any more"), "{}", deployment.log());
    let refused = flat(&deployment, 1, &["status"]);
    assert!(refused.contains("it is not a regular file"), "{refused}");
    std::fs::remove_file(deployment.file()).expect("removed");
    std::fs::write(deployment.file(), text).expect("written");
    assert_eq!(next_command(&deployment), ["window"]);
}
