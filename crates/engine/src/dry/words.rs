//! Descriptions of what actions do, for actions without a command line of `aws`, and for the embedded cloud. Pure.

use cutover_core::deployment::{Builder, SmokeTest};
use cutover_core::names::ProgramName;
use cutover_core::plan::{
    Action, AskedSite, ChangeRecords, CheckSite, CountRows, CountTasks, Host, ImageRef, InstanceRef, Launch, Migrate,
    ReadStatements, Soak, StopServices, Via,
};
use cutover_core::time::human;

/// What an action would do.
pub(super) fn of(action: &Action) -> String {
    match action {
        Action::Milestone => "other steps wait for it".to_owned(),
        Action::WaitUntil { .. } => "waits".to_owned(),
        Action::Decide(decide) => format!("waits until a person has decided at gate {}", decide.gate),
        Action::Announce(message) => format!("would send to {}: {}", message.to, message.text),
        Action::PublishPage(page) => format!(
            "would write s3://{}/{} ({} bytes), and make distribution {} forget what it has cached",
            page.bucket,
            page.key,
            page.body.len(),
            page.distribution
        ),
        Action::Capture { hosts } => format!("would put {} hosts on record", hosts.len()),
        Action::ChangeRecords(change) => records(change),
        Action::AwaitResolvers(wait) => format!(
            "waits at least {}, and until {} resolvers and the zone's own servers answer with the new targets",
            human(wait.forget + wait.settle),
            wait.resolvers.len()
        ),
        Action::BuildImage(build) => {
            let (branch, repository) = (&build.branch, &build.repository);
            let image = format!("would build image {} from {} with {branch} of {repository}", build.name, build.base);
            let by_packer = build.packer.as_ref().map(|packer| format!("by Packer from {}", packer.template));
            let how = build.builder.as_ref().map(built_on).or(by_packer);
            how.map_or(image.clone(), |how| format!("{image}, {how}"))
        }
        Action::Launch(launch) => launched(launch),
        Action::SmokeTest { host, tests, idle, .. } => {
            let idle = idle.iter().map(|idle| supervisor(&idle.supervisorctl, "status", &idle.programs));
            on(host, idle.chain(tests.iter().map(test)))
        }
        Action::HoldBack(held) => on(&held.host, [format!("hold back {}", held.items.join(", "))]),
        Action::PutBack(held) => on(&held.host, [format!("put back {}", held.items.join(", "))]),
        Action::RunCommands(run) => on(&run.host, run.commands.iter().map(|command| command.join(" "))),
        Action::StopServices(stop) => stopped(stop),
        Action::StartServices(start) => on(&start.host, [supervisor(&start.supervisorctl, "start", &start.programs)]),
        Action::DrainQueues { fleet, count } => {
            format!("waits until the task queues of {fleet} are empty{}", counted_by(count.as_ref()))
        }
        Action::ConfirmStopped { hosts, .. } => {
            format!("looks whether services on {} hosts are still stopped, and stops them again", hosts.len())
        }
        Action::ConfirmRunning { hosts } => format!("looks whether services on {} hosts still run", hosts.len()),
        Action::TakeSnapshot { database, snapshot } => format!("would take snapshot {snapshot} of {database}"),
        Action::AwaitSessions(wait) => {
            let what = format!("waits until no session remains on {}", wait.database);
            found_by(&what, &wait.host, &wait.command)
        }
        Action::CheckStorage(check) => {
            let what = format!("looks whether {} is free on {}", check.min_free, check.database);
            found_by(&what, &check.host, &check.command)
        }
        Action::CountRows(count) => counted(count),
        Action::ReadStatements(of) => statements(of),
        Action::Migrate(migrate) => migration(migrate),
        Action::Register(of) => format!("would register in {}: {}", of.balancer, names(&of.hosts)),
        Action::Deregister(of) => format!("would take out of {}: {}", of.balancer, names(&of.hosts)),
        Action::AwaitHealthy(of) => format!("waits until {} has in service: {}", of.balancer, names(&of.hosts)),
        Action::AwaitDrained(of) => format!("waits until {} has drained: {}", of.balancer, names(&of.hosts)),
        Action::CheckSite(check) => site(check),
        Action::Baseline(baseline) => format!("records what {} answer before the window", hosts_of(&baseline.sites)),
        Action::Soak(soak) => watched(soak),
        Action::WriteCheck(check) => {
            let command = joined(check.command.iter().cloned(), " ");
            on(&check.host, [format!("{command} (as {} in {})", check.user, check.directory)])
        }
        Action::Terminate { host, .. } => format!("would terminate {}{}", host.name, instance(host)),
        Action::RemoveImage { image, name } => format!("would remove image {name} ({image}) and its snapshot"),
    }
}

fn counted_by(count: Option<&CountTasks>) -> String {
    count.map_or_else(String::new, |CountTasks { host, command }| {
        format!(", which {} counts with: {}", host.name, joined(command.iter().cloned(), " "))
    })
}

/// What a host finds out about a database with a command.
fn found_by(what: &str, host: &Host, command: &[String]) -> String {
    format!("{what}, which {} finds with: {}", host.name, joined(command.iter().cloned(), " "))
}

fn counted(count: &CountRows) -> String {
    let what = format!("counts the rows of {} tables on {}", count.tables.len(), count.database);
    found_by(&what, &count.host, &[count.command.as_slice(), &count.tables].concat())
}

fn statements(read: &ReadStatements) -> String {
    let what = format!("reads what {} {} will change", read.service, read.database);
    found_by(&what, &read.host, &read.sql_command)
}

fn records(change: &ChangeRecords) -> String {
    let each = change.records.iter().map(|record| {
        let ttl = human(record.ttl);
        format!("{} to {} (TTL {ttl})", record.name, record.target)
    });
    format!("would change {} records of zone {}: {}", change.records.len(), change.zone, joined(each, ", "))
}

/// What happens on a builder.
fn built_on(builder: &Builder) -> String {
    let commands: Vec<String> = builder.provision.iter().map(|command| command.join(" ")).collect();
    format!(
        "on an instance {} in {} that runs `{}` as root, is stopped for the image, and terminated",
        builder.instance_type,
        builder.subnet,
        commands.join("`, `")
    )
}

fn launched(launch: &Launch) -> String {
    let image = match &launch.image {
        ImageRef::Known(image) => image.to_string(),
        ImageRef::MadeBy(step) => format!("the image of {step}"),
    };
    let (name, kind, subnet) = (&launch.name, &launch.instance_type, &launch.subnet);
    format!("would launch {name} ({kind}) from {image} in {subnet}")
}

fn stopped(stop: &StopServices) -> String {
    let unrelated = (!stop.unrelated.is_empty())
        .then(|| format!("leave in sessions of `su`: {}", joined(stop.unrelated.iter().cloned(), ", ")));
    on(&stop.host, [supervisor(&stop.supervisorctl, "stop", &stop.programs)].into_iter().chain(unrelated))
}

fn migration(migrate: &Migrate) -> String {
    let command = joined(migrate.command.iter().cloned(), " ");
    let (user, directory, job) = (&migrate.user, &migrate.directory, &migrate.job);
    let besides = migrate.sequence.iter().flat_map(|sequence| sequence.besides());
    let run = format!("{command} (as {user} in {directory}, as job {job})");
    on(&migrate.host, [run].into_iter().chain(besides))
}

fn site(check: &CheckSite) -> String {
    let pages = check.checks.iter().map(|wanted| format!("https://{}{}", check.host, wanted.path));
    let via = match &check.via {
        Via::PublicDns => String::new(),
        Via::Balancer(domain) => format!(", by way of {domain}"),
    };
    format!("looks at {}{via}", joined(pages, ", "))
}

fn watched(soak: &Soak) -> String {
    let (every, length) = (soak.terms.requests_every, soak.terms.length);
    format!("requests {} every {every} for {length}, and compares that with the time before", hosts_of(&soak.sites))
}

fn hosts_of(sites: &[AskedSite]) -> String {
    joined(sites.iter().map(|site| format!("https://{}", site.host)), ", ")
}

fn test(test: &SmokeTest) -> String {
    joined(test.command.iter().cloned(), " ")
}

fn supervisor(supervisorctl: &str, verb: &str, programs: &[ProgramName]) -> String {
    format!("{supervisorctl} {verb} {}", joined(programs.iter().map(ToString::to_string), " "))
}

fn on(host: &Host, commands: impl IntoIterator<Item = String>) -> String {
    format!("on {}: {}", host.name, joined(commands.into_iter(), "; "))
}

fn names(hosts: &[Host]) -> String {
    joined(hosts.iter().map(|host| host.name.to_string()), ", ")
}

fn instance(host: &Host) -> String {
    match &host.instance {
        InstanceRef::Known(id) => format!(" ({id})"),
        InstanceRef::MadeBy(_) => String::new(),
    }
}

fn joined(words: impl Iterator<Item = String>, between: &str) -> String {
    words.collect::<Vec<_>>().join(between)
}
