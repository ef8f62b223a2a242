//! A plan as a table that a person can follow, and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_core::deployment::{Cloud, Deployment};
use cutover_core::digest::Digest;
use cutover_core::names::{HostName, StepId, UpgradeId};
use cutover_core::observation::{MIGRATIONS_NAMED, PendingMigrations, PendingNames, pending_in_words};
use cutover_core::plan::{
    Action, Basis, BuildCost, Edge, Finding, Lane, Line, Order, PageMayLift, Phase, Plan, Rule, Schedule, Step,
    StepGroup, StepGroups, Undo, WindowForecast,
};
use cutover_core::time::{human, rounded_seconds};
use cutover_hosts::shell;
use cutover_hosts::supervisor::autostart;
use jiff::Timestamp;
use serde::Serialize;

use super::forecast;
use super::page;
use super::text::{WIDTH, count, hang, indented, ranges, since, wrap};
use crate::harmless::one_line;

/// The column in which titles start.
const TITLE: usize = 22;
/// How wide the column of titles is.
const TITLE_WIDTH: usize = 40;

/// `plan` as a table of at most 80 columns: a row for each group of similar steps or, with `every_step`, for each step;
/// below it the forecast, the linter's `findings`, and how to run the plan, if it can be run now.
#[must_use]
pub fn plan(
    plan: &Plan,
    deployment: &Deployment,
    to_run: Option<&ToRun>,
    findings: &[Finding],
    every_step: bool,
) -> String {
    let table = Table::new(plan, deployment, every_step);
    let mut parts = vec![heading(plan, deployment), table.text(every_step), legend(plan.phase)];
    match &table.forecast {
        Some(known) => parts.push(forecast::window(plan, deployment, known, &table.numbers())),
        None => parts.push(format!("Expected length: {}", human(table.schedule.length))),
    }
    parts.extend(BuildCost::of(plan, deployment).as_ref().map(cost));
    parts.extend(pending(plan, every_step));
    parts.extend(besides(plan));
    parts.extend(unrelated(plan));
    parts.extend(user_data(plan, deployment));
    parts.extend(forecast::findings(findings));
    parts.extend(to_run.map(|to_run| how_to_run(plan.phase, to_run)));
    parts.join("\n\n") + "\n"
}

fn legend(phase: Phase) -> String {
    let rows = "*     on the critical path: a delay here delays the end\n\
                undo  how long it takes to undo the row, such as back 45s; nothing = the row\n      \
                changes nothing";
    let page = "page  if the row fails: lift = the maintenance page may be lifted once the\n      \
                finished steps are undone; stay = it stays up until somebody decides";
    if phase == Phase::Window { format!("{rows}\n{page}") } else { rows.to_owned() }
}

/// What building images costs.
fn cost(cost: &BuildCost) -> String {
    let BuildCost { currency, instances, images_month, not_counted } = cost;
    let costs = format!(
        "Building images costs about {instances:.2} {currency}, and at most {images_month:.2} {currency} a month for as \
         long as they are kept."
    );
    let not_counted = match not_counted.is_empty() {
        true => String::new(),
        false => format!(" Not counted: {}.", not_counted.join("; ")),
    };
    wrap(&(costs + &not_counted), WIDTH).join("\n")
}

/// The migrations that the window would apply; nothing if no next host has listed them.
fn pending(plan: &Plan, all: bool) -> Option<String> {
    let lines = plan.pending.iter().filter_map(|pending| {
        let PendingNames::Known(names) = &pending.names else { return None };
        let words = match names.as_slice() {
            [] => "nothing is pending".to_owned(),
            names => pending_in_words(names, if all { usize::MAX } else { MIGRATIONS_NAMED }),
        };
        let line = format!("{} {} {}: {words}", pending.fleet, pending.service, pending.database);
        Some(wrap(&line, WIDTH - 2).iter().map(|line| format!("\n  {line}")).collect::<String>())
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("Migrations, as next hosts list them:{}", lines.concat()))
}

/// What migrations do besides migrating: commands before and after them, and what they record without running it.
fn besides(plan: &Plan) -> Option<String> {
    let lines = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Migrate(migrate) => migrate.sequence.as_ref().map(|sequence| (migrate, sequence.besides())),
        _ => None,
    });
    let lines = lines.flat_map(|(migrate, besides)| {
        let name = format!("{} {} {}", migrate.fleet, migrate.service, migrate.database);
        besides.into_iter().map(move |words| format!("{name} {words}"))
    });
    let indented = |line: String| wrap(&line, WIDTH - 2).iter().map(|line| format!("\n  {line}")).collect::<String>();
    let lines: String = lines.map(indented).collect();
    (!lines.is_empty()).then(|| format!("Besides their own commands, migrations do this:{lines}"))
}

/// What the window does not wait for on current hosts, because the deployment file lists it.
fn unrelated(plan: &Plan) -> Option<String> {
    let hosts = plan.steps.iter().filter_map(|step| match &step.action {
        Action::StopServices(stop) if step.looks_at_first() && !stop.unrelated.is_empty() => Some(stop),
        _ => None,
    });
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    hosts.for_each(|stop| *listed.entry(stop.unrelated.join(", ")).or_default() += 1);
    let line = |(programs, hosts): (&String, &usize)| {
        let line = format!("{programs} (on {})", count(*hosts, "current host"));
        wrap(&line, WIDTH - 2).iter().map(|line| format!("\n  {line}")).collect::<String>()
    };
    let lines: String = listed.iter().map(line).collect();
    (!lines.is_empty()).then(|| format!("In sessions of `su`, this does not belong to the site and goes on:{lines}"))
}

/// What the user data of next workers runs at their first boot on AWS; nothing for plans that launch none.
fn user_data(plan: &Plan, deployment: &Deployment) -> Option<String> {
    let boots_stopped = |step: &Step| matches!(&step.action, Action::Launch(launch) if launch.boot_stopped);
    if deployment.cloud != Cloud::Aws || !plan.steps.iter().any(boots_stopped) {
        return None;
    }
    let own = deployment.aws.as_ref().and_then(|aws| aws.hold_services.as_ref());
    let command = own.map_or_else(|| autostart::hold().pop().unwrap_or_default(), |command| shell::line(command));
    let lines = command.lines().filter(|line| !line.starts_with('#')).skip_while(|line| line.is_empty());
    let lines: String = lines.map(|line| format!("\n  {line}")).collect();
    let why = "Next workers boot with their services stopped, since they would take tasks of\n\
               the live site. Before any service starts, once, their user data runs:";
    Some(format!("{why}\n{lines}"))
}

/// A plan as `cutover plan --json` shows it. It is written as it is: a tree of JSON values of a plan for 1,000 hosts
/// takes a hundred times the memory.
#[derive(Debug, Serialize)]
pub struct PlanJson {
    basis: Basis,
    /// What building images costs, if the file gives prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_cost: Option<BuildCost>,
    /// What stands in the way of running it now, in words.
    blocked: Vec<String>,
    expected_seconds: f64,
    /// Of a window plan only.
    forecast: Option<WindowForecast>,
    findings: Vec<Finding>,
    hash: Digest,
    made_at: Timestamp,
    order: Order,
    /// The migrations that a window would apply, where a next host has listed them.
    pending: Vec<PendingMigrations>,
    phase: Phase,
    schedule: Vec<StepTimes>,
    steps: Vec<StepJson>,
    upgrade: UpgradeId,
}

/// A step as the journal keeps it, without what other steps say already.
#[derive(Debug, Serialize)]
struct StepJson {
    id: StepId,
    lane: Lane,
    line: Line,
    title: String,
    action: ActionJson,
    waits_for: Vec<Edge>,
    undo: UndoJson,
    page_may_lift: PageMayLift,
    expected_seconds: f64,
    limit_seconds: f64,
}

/// What a step does.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ActionJson {
    /// The hosts by name: their programs are in the steps that stop and start them. None where it waits for just these steps, which
    /// name the hosts.
    LooksAt {
        verb: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        hosts: Vec<HostName>,
    },
    /// As the journal keeps it.
    Other(Box<Action>),
}

impl ActionJson {
    fn of(line: Line, action: Action) -> Self {
        match &action {
            Action::ConfirmStopped { .. } if line == Line::StopCurrent => {
                Self::LooksAt { verb: verb(&action), hosts: Vec::new() }
            }
            Action::ConfirmStopped { hosts, .. } => {
                Self::LooksAt { verb: verb(&action), hosts: hosts.iter().map(|host| host.host.name.clone()).collect() }
            }
            Action::ConfirmRunning { hosts } => Self::LooksAt {
                verb: verb(&action),
                hosts: hosts.iter().map(|start| start.host.name.clone()).collect(),
            },
            _ => Self::Other(Box::new(action)),
        }
    }
}

/// How a step is taken back. The inverse works on what the step works on, so that its verb says enough.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum UndoJson {
    By { verb: String, expected_seconds: f64 },
    Nothing,
    Impossible { because: String },
}

impl From<Step> for StepJson {
    fn from(step: Step) -> Self {
        Self {
            id: step.id,
            lane: step.lane,
            line: step.line,
            title: step.title,
            action: ActionJson::of(step.line, step.action),
            waits_for: step.waits_for,
            undo: step.undo.into(),
            page_may_lift: step.page_may_lift,
            expected_seconds: rounded_seconds(step.expected),
            limit_seconds: rounded_seconds(step.limit),
        }
    }
}

impl From<Undo> for UndoJson {
    fn from(undo: Undo) -> Self {
        match undo {
            Undo::By { action, expected } => {
                Self::By { verb: verb(&action), expected_seconds: rounded_seconds(expected) }
            }
            Undo::Nothing => Self::Nothing,
            Undo::Impossible { because } => Self::Impossible { because },
        }
    }
}

/// The word by which the JSON of an action tells it from other kinds.
fn verb(action: &Action) -> String {
    let json = serde_json::to_value(action).unwrap_or_default();
    json["verb"].as_str().unwrap_or_default().to_owned()
}

/// When a step begins and ends, in seconds from the opening; nothing for what is done before it.
#[derive(Debug, Serialize)]
struct StepTimes {
    step: StepId,
    begin_seconds: Option<f64>,
    end_seconds: Option<f64>,
    /// Whether it is on the critical path.
    critical: bool,
}

/// The plan with its schedule, its forecast, the linter's `findings` and what stands in its way now.
#[must_use]
pub fn plan_json(plan: Plan, deployment: &Deployment, findings: Vec<Finding>, blocked: Vec<String>) -> PlanJson {
    let table = Table::new(&plan, deployment, true);
    let schedule = plan.steps.iter().zip(&table.spans).map(|(step, (begin, end))| StepTimes {
        step: step.id.clone(),
        begin_seconds: begin.map(rounded_seconds),
        end_seconds: end.map(rounded_seconds),
        critical: table.is_critical(&step.id),
    });
    let schedule = schedule.collect();
    let expected = table.forecast.as_ref().map_or(table.schedule.length, |known| known.expected);
    let forecast = table.forecast;
    PlanJson {
        build_cost: BuildCost::of(&plan, deployment),
        blocked,
        expected_seconds: rounded_seconds(expected),
        findings,
        hash: plan.hash(),
        schedule,
        forecast,
        basis: plan.basis,
        made_at: plan.made_at,
        order: plan.order,
        pending: plan.pending,
        phase: plan.phase,
        steps: plan.steps.into_iter().map(StepJson::from).collect(),
        upgrade: plan.upgrade,
    }
}

/// Start and end of a step; nothing for steps before the window opens.
type Span = (Option<Duration>, Option<Duration>);

struct Table<'a> {
    plan: &'a Plan,
    groups: StepGroups,
    schedule: Schedule,
    spans: Vec<Span>,
    critical: Vec<StepId>,
    forecast: Option<WindowForecast>,
    /// The index of the step that opens the window.
    opening: Option<usize>,
    /// The rows from top to bottom, as indices of groups.
    rows: Vec<usize>,
    /// For each step, whether the maintenance page stays up when it fails.
    page_stays: Vec<bool>,
}

impl<'a> Table<'a> {
    fn new(plan: &'a Plan, deployment: &Deployment, every_step: bool) -> Self {
        let groups = if every_step { StepGroups::every_step(plan) } else { StepGroups::of(plan) };
        let opening = plan.steps.iter().rposition(|step| matches!(step.action, Action::WaitUntil { .. }));
        let opening = opening.filter(|_| plan.phase == Phase::Window);
        let from = opening.map_or(0, |index| index + 1);
        let schedule = Schedule::of(&plan.steps[from..], |step| step.expected);
        let after = schedule.spans.iter().map(|(begin, end)| (Some(*begin), Some(*end)));
        let spans: Vec<Span> = std::iter::repeat_n((None, None), from).chain(after).collect();
        let window = &deployment.window;
        let forecast = (plan.phase == Phase::Window)
            .then(|| WindowForecast::of(plan, window.start.timestamp, window.ends().timestamp));
        let critical = match &forecast {
            Some(forecast) => forecast.critical_path.clone(),
            None => schedule.critical.iter().map(|index| plan.steps[*index].id.clone()).collect(),
        };
        let visible = |index: &usize| every_step || !groups.list[*index].milestone;
        let mut rows: Vec<usize> = (0..groups.list.len()).filter(visible).collect();
        rows.sort_by_key(|index| first_begin(&groups.list[*index], &spans));
        Self { plan, groups, schedule, spans, critical, forecast, opening, rows, page_stays: page::stays(plan) }
    }

    fn is_critical(&self, step: &StepId) -> bool {
        self.critical.contains(step)
    }

    /// The row of each group, from 1, by the group's index.
    fn row_numbers(&self) -> Vec<usize> {
        let mut numbers = vec![0; self.groups.list.len()];
        for (row, index) in self.rows.iter().enumerate() {
            numbers[*index] = row + 1;
        }
        numbers
    }

    /// The row of a step, from 1.
    fn numbers(&self) -> impl Fn(&StepId) -> Option<usize> + '_ {
        let numbers = self.row_numbers();
        move |step| self.groups.index_of(step).map(|index| numbers[index])
    }

    fn text(&self, every_step: bool) -> String {
        let numbers = self.row_numbers();
        let page = if self.plan.phase == Phase::Window { "page" } else { "" };
        let heading = format!("{:>4} {:>7} {:>7}  {:<TITLE_WIDTH$} {:<11} {page}", "#", "begins", "takes", "", "undo");
        let mut lines = vec![heading.trim_end().to_owned()];
        for index in &self.rows {
            let group = &self.groups.list[*index];
            lines.extend(self.row(group, numbers[*index]));
            lines.extend(self.below(group, &numbers, every_step));
        }
        lines.join("\n")
    }

    fn row(&self, group: &StepGroup, number: usize) -> Vec<String> {
        let steps: Vec<&Step> = group.steps.iter().map(|position| &self.plan.steps[*position]).collect();
        let critical = if steps.iter().any(|step| self.is_critical(&step.id)) { "*" } else { " " };
        let (begins, takes) = self.times(group, &steps);
        let undo = undo(&steps);
        let page = if self.plan.phase == Phase::Window { self.page(group) } else { "" };
        let mut titles = wrap(&one_line(&group.title), TITLE_WIDTH).into_iter();
        let title = titles.next().unwrap_or_default();
        let first = format!("{critical}{number:>3} {begins:>7} {takes:>7}  {title:<TITLE_WIDTH$} {undo:<11} {page}");
        let rest = titles.map(|line| indented(&line, TITLE, WIDTH));
        std::iter::once(first.trim_end().to_owned()).chain(rest).collect()
    }

    fn page(&self, group: &StepGroup) -> &'static str {
        if group.steps.iter().any(|position| self.page_stays[*position]) { "stay" } else { "lift" }
    }

    fn times(&self, group: &StepGroup, steps: &[&Step]) -> (String, String) {
        let longest = steps.iter().map(|step| step.expected).max().unwrap_or_default();
        if matches!(steps, [step] if matches!(step.action, Action::WaitUntil { .. })) {
            let opens = group.steps.first().copied() == self.opening;
            return (if opens { since(Duration::ZERO) } else { "before".to_owned() }, "-".to_owned());
        }
        let end = group.steps.iter().filter_map(|position| self.spans[*position].1).max();
        match (first_begin(group, &self.spans), end) {
            (Some(begin), Some(end)) => (since(begin), human(end - begin)),
            _ => ("before".to_owned(), human(longest)),
        }
    }

    /// The text under a row: its lane, and what it waits for, with the rules' reasons.
    fn below(&self, group: &StepGroup, numbers: &[usize], every_step: bool) -> Option<String> {
        let mut words: Vec<String> = Vec::new();
        if every_step {
            words.extend(group.steps.iter().map(|position| self.plan.steps[*position].id.to_string()));
        } else if group.lane != Lane::Deployment {
            words.push(group.lane.to_string());
        }
        for (rule, indices) in self.groups.waits_for(self.plan, group) {
            let rows = numbers_of(&indices.iter().map(|index| numbers[*index]).collect::<Vec<usize>>());
            words.push(match rule {
                Rule::Follows => format!("follows {rows}"),
                _ => format!("after {rows}: {}", rule.words()),
            });
        }
        (!words.is_empty()).then(|| hang(&" ".repeat(TITLE), &words.join("; "), WIDTH))
    }
}

fn numbers_of(rows: &[usize]) -> String {
    let rows: std::collections::BTreeSet<usize> = rows.iter().copied().collect();
    ranges(rows)
}

fn first_begin(group: &StepGroup, spans: &[Span]) -> Option<Duration> {
    group.steps.iter().filter_map(|position| spans[*position].0).min()
}

fn heading(plan: &Plan, deployment: &Deployment) -> String {
    let facts = format!(
        "{}, {} order, made {}, plan {}",
        count(plan.steps.len(), "step"),
        plan.order,
        deployment.window.start.show(plan.made_at),
        plan.hash().short(),
    );
    let title = format!("{} of {}", plan.phase.as_str().to_uppercase(), plan.upgrade);
    format!("{}\n{}", hang("", &title, WIDTH), hang("", &facts, WIDTH))
}

/// The worst case of the group: similar steps have similar inverses.
fn undo(steps: &[&Step]) -> String {
    if steps.iter().any(|step| matches!(step.undo, Undo::Impossible { .. })) {
        return "NO WAY BACK".to_owned();
    }
    let times = steps.iter().filter_map(|step| match &step.undo {
        Undo::By { expected, .. } => Some(*expected),
        Undo::Nothing | Undo::Impossible { .. } => None,
    });
    times.max().map_or_else(|| "nothing".to_owned(), |length| format!("back {}", human(length)))
}

/// How exactly a shown plan is run.
#[derive(Clone, Debug)]
pub struct ToRun {
    /// The command.
    pub command: String,
    /// The plan that the phase follows now, if it is under way with another one.
    pub instead_of: Option<Digest>,
}

fn how_to_run(phase: Phase, to_run: &ToRun) -> String {
    let words = match &to_run.instead_of {
        None => "To run exactly this plan, or nothing if it has changed:".to_owned(),
        Some(other) => format!(
            "`{phase}` is under way with plan {}. To go on with this plan instead, or with nothing if it has changed \
             (steps that are done stay done):",
            other.short()
        ),
    };
    // A command is never wrapped, so that it can be copied.
    format!("{}\n  {}", hang("", &words, WIDTH), to_run.command)
}

#[cfg(test)]
mod tests {
    use cutover_core::plan::{Severity, lint};

    use super::*;
    use crate::show::testing::{self, assert_fits};

    fn to_run(plan: &Plan) -> ToRun {
        let command = format!("cutover {} mitx.toml --plan {}", plan.phase, plan.hash().short());
        ToRun { command, instead_of: None }
    }

    fn show(phase: Phase, order: Order, every_step: bool) -> String {
        let deployment = testing::deployment();
        let planned = testing::plan(&deployment, phase, order);
        plan(&planned, &deployment, Some(&to_run(&planned)), &lint(&planned, &deployment), every_step)
    }

    #[test]
    fn the_window_is_a_readable_table() {
        insta::assert_snapshot!(show(Phase::Window, Order::Overlapped, false));
    }

    #[test]
    fn the_runbooks_order_shows_no_milestones() {
        insta::assert_snapshot!(show(Phase::Window, Order::Runbook, false));
    }

    #[test]
    fn the_times_of_prepare_count_from_its_own_start() {
        insta::assert_snapshot!(show(Phase::Prepare, Order::Overlapped, false));
    }

    #[test]
    fn on_aws_the_user_data_of_next_workers_is_shown() {
        let mut deployment = testing::deployment();
        let planned = testing::plan(&deployment, Phase::Prepare, Order::Overlapped);
        assert!(user_data(&planned, &deployment).is_none(), "there is no user data in the embedded cloud");
        deployment.cloud = Cloud::Aws;
        let shown = user_data(&planned, &deployment).expect("user data");
        assert!(shown.lines().all(|line| line.len() <= WIDTH), "{shown}");
        assert!(shown.contains("once, their user data runs:\n\n  expansions() {\n"), "{shown}");
        let aws = serde_json::json!({ "region": "us-east-1", "account": "1", "hold_services": ["hold", "a b"] });
        deployment.aws = Some(serde_json::from_value(aws).expect("a section"));
        let shown = user_data(&planned, &deployment).expect("user data");
        assert!(shown.ends_with("\n\n  hold 'a b'"), "{shown}");
        let window = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        assert!(user_data(&window, &deployment).is_none());
    }

    #[test]
    fn retire_says_that_there_is_no_way_back() {
        insta::assert_snapshot!(show(Phase::Retire, Order::Overlapped, false));
    }

    #[test]
    fn every_step_has_a_row_with_its_id_if_asked_for() {
        let deployment = testing::deployment();
        let planned = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        let text =
            plan(&planned, &deployment, Some(&to_run(&planned)), &[], true).split_whitespace().collect::<String>();
        for step in &planned.steps {
            assert!(text.contains(step.id.as_str()), "{}", step.id);
        }
    }

    #[test]
    fn no_line_of_any_plan_is_longer_than_80_columns() {
        for deployment in testing::examples() {
            for phase in Phase::ALL {
                for (order, every_step) in
                    [(Order::Overlapped, false), (Order::Runbook, false), (Order::Overlapped, true)]
                {
                    let planned = testing::plan(&deployment, phase, order);
                    let findings = lint(&planned, &deployment);
                    assert_fits(&plan(&planned, &deployment, Some(&to_run(&planned)), &findings, every_step), WIDTH);
                }
            }
        }
    }

    #[test]
    fn a_window_that_does_not_fit_shows_by_how_much() {
        let mut deployment = testing::deployment();
        deployment.window.length = Some("30m".parse().expect("a span"));
        let planned = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        let text = plan(&planned, &deployment, Some(&to_run(&planned)), &[], false);
        assert!(text.contains("DOES NOT FIT"), "{text}");
    }

    #[test]
    fn findings_are_shown_errors_first_with_their_step() {
        let deployment = testing::deployment();
        let planned = testing::plan(&deployment, Phase::Announce, Order::Overlapped);
        let finding = |severity| Finding { severity, step: "announce.page".into(), message: "is wrong".to_owned() };
        let text = plan(
            &planned,
            &deployment,
            Some(&to_run(&planned)),
            &[finding(Severity::Error), finding(Severity::Warning)],
            false,
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_json_has_hash_schedule_and_forecast() {
        let deployment = testing::deployment();
        let planned = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        let json = plan_json(planned.clone(), &deployment, Vec::new(), Vec::new());
        let json = serde_json::to_value(json).expect("it is JSON");
        assert_eq!(json["hash"].as_str(), Some(planned.hash().as_str()));
        assert_eq!(json["schedule"].as_array().map(Vec::len), Some(planned.steps.len()));
        let seconds = |value: &serde_json::Value| value["expected_seconds"].as_f64().expect("a number");
        assert_eq!(seconds(&json["forecast"]), seconds(&json));
        assert!(json["schedule"][0]["begin_seconds"].is_null(), "steps before the opening have no time yet");
    }

    /// The JSON of the window plan of a real deployment with so many next hosts in all.
    fn json_with_hosts(hosts: u32) -> String {
        let mut deployment = testing::examples().swap_remove(0);
        for (fleet, part) in deployment.fleets.iter_mut().zip([6, 2]) {
            fleet.edxapp.count = hosts * part / 10;
            fleet.worker.as_mut().expect("both have workers").count = hosts / 10;
        }
        let planned = testing::plan(&deployment, Phase::Window, Order::Overlapped);
        serde_json::to_string(&plan_json(planned, &deployment, Vec::new(), Vec::new())).expect("it is JSON")
    }

    #[test]
    fn the_json_says_how_steps_are_undone_without_repeating_what_they_work_on() {
        let json: serde_json::Value = serde_json::from_str(&json_with_hosts(40)).expect("it is JSON");
        let undo = |start: &str| {
            let steps = json["steps"].as_array().expect("a list");
            let step = steps.iter().find(|step| step["id"].as_str().is_some_and(|id| id.starts_with(start)));
            step.expect("it is there")["undo"].clone()
        };
        let back = undo("window.stop.");
        assert_eq!(back["by"]["verb"], "start-services");
        assert!(back["by"]["expected_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{back}");
        assert_eq!(back["by"].as_object().map(serde_json::Map::len), Some(2), "{back}");
        let confirms = json["steps"].as_array().into_iter().flatten();
        let confirms: Vec<&serde_json::Value> =
            confirms.filter(|step| step["action"]["verb"] == "confirm-stopped").collect();
        let lists_hosts = |line: &str| {
            let confirm = confirms.iter().find(|step| step["line"] == line).expect("it is there");
            confirm["action"]["hosts"][0].is_string()
        };
        assert_eq!((lists_hosts("stop-current"), lists_hosts("migrate")), (false, true));
        assert_eq!(undo("window.open"), "nothing");
        assert!(undo("window.migrate.")["impossible"]["because"].is_string());
    }

    #[test]
    fn the_json_of_a_thousand_hosts_stays_small() {
        let size = json_with_hosts(1000).len();
        assert!(size < 3_300_000, "{size} bytes");
    }
}
