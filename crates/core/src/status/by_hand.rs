//! What to type to take steps back by hand: cutover does not go back by itself.

use serde::Serialize;

use super::in_aws::{InAws, Membered};
use super::stopped::StoppedServices;
use crate::deployment::{Cloud, Deployment};
use crate::journal::Upgrade;
use crate::names::HostName;
use crate::plan::{Action, HeldItems, Host, Step, Undo};
use crate::shell;

/// Commands that take something back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ByHand {
    /// The hosts on each of which they are typed; none if that is where the operator's credentials for AWS are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<HostName>,
    /// The commands, in their order.
    pub commands: Vec<String>,
}

impl ByHand {
    /// What takes these steps back, in their order. Hosts with the same commands are together.
    pub(super) fn all<'a>(
        steps: impl IntoIterator<Item = &'a Step>,
        upgrade: &Upgrade,
        deployment: &Deployment,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for new in steps.into_iter().filter_map(|step| Self::of(step, upgrade, deployment)) {
            let in_aws = new.on.is_empty();
            let is_alike =
                |known: &&mut Self| known.on.is_empty() == in_aws && (in_aws || known.commands == new.commands);
            match all.iter_mut().find(is_alike) {
                Some(known) if in_aws => known.commands.extend(new.commands),
                Some(known) => known.on.extend(new.on),
                None => all.push(new),
            }
        }
        all
    }

    fn of(step: &Step, upgrade: &Upgrade, deployment: &Deployment) -> Option<Self> {
        let Undo::By { action, .. } = &step.undo else { return None };
        let on_host = |host: &Host, commands| Some(Self { on: vec![host.name.clone()], commands });
        // The embedded cloud has no command that changes it.
        let in_aws = |commands: Vec<String>| {
            (deployment.cloud == Cloud::Aws && !commands.is_empty()).then_some(Self { on: Vec::new(), commands })
        };
        let aws = InAws::new(upgrade, deployment);
        match (&step.action, &**action) {
            (Action::StopServices(stop), Action::StartServices(_)) => {
                on_host(&stop.host, StoppedServices::of(stop, upgrade).start_commands)
            }
            (_, Action::StopServices(stop)) => {
                let programs: Vec<String> = stop.programs.iter().map(ToString::to_string).collect();
                on_host(&stop.host, vec![format!("{} stop {}", stop.supervisorctl, programs.join(" "))])
            }
            (_, Action::PutBack(held)) => on_host(&held.host, put_back(held)),
            (_, Action::RunCommands(run)) => {
                on_host(&run.host, run.commands.iter().map(|command| shell::line(command)).collect())
            }
            (_, Action::ChangeRecords(change)) => in_aws(aws.records(change)),
            (_, Action::Register(members)) => in_aws(aws.membership(members, Membered::Register)),
            (_, Action::Deregister(members)) => in_aws(aws.membership(members, Membered::Deregister)),
            (_, Action::Terminate { host, .. }) => in_aws(aws.terminate(host)),
            (_, Action::RemoveImage { image, .. }) => in_aws(aws.remove_image(image.as_str())),
            _ => None,
        }
    }
}

/// As `hold.sh` of `cutover_hosts` holds them: a cron file under another name, a timer by a condition that is never true. What
/// somebody has written anew meanwhile stays, and a timer that was not active does not become so.
fn put_back(held: &HeldItems) -> Vec<String> {
    held.items
        .iter()
        .map(|item| if item.starts_with('/') { put_cron_back(item) } else { put_timer_back(item) })
        .collect()
}

fn put_cron_back(file: &str) -> String {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let held = shell::quote(&format!("{folder}/.{name}.held-by-cutover"));
    format!("[ ! -e {held} ] || mv -n {held} {}", shell::quote(file))
}

fn put_timer_back(timer: &str) -> String {
    let condition = shell::quote(&format!("/etc/systemd/system/{timer}.d/cutover-hold.conf"));
    format!(
        "if grep -qs 'It was active' {condition}; then rm {condition} && systemctl daemon-reload && systemctl start {}; else rm -f \
         {condition} && systemctl daemon-reload; fi",
        shell::quote(timer)
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a shell is what the commands are typed into")]
    fn typed(command: &str) {
        std::process::Command::new("/bin/sh").args(["-c", command]).status().expect("a shell");
    }

    fn put_back_in(folder: &Path, files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).expect("written"));
        typed(&put_cron_back(folder.join("nightly").to_str().expect("UTF-8")));
        let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).expect("text"))
            })
            .collect();
        found.sort();
        std::fs::remove_dir_all(folder).expect("removed");
        found
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("cutover-by-hand-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        folder
    }

    #[test]
    fn a_cron_file_that_was_written_anew_is_not_overwritten_and_one_that_was_not_there_is_no_failure() {
        let held = ".nightly.held-by-cutover";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(put_back_in(&folder("held"), &[(held, "old")]), [pair("nightly", "old")]);
        let both = [(held, "old"), ("nightly", "new")];
        assert_eq!(put_back_in(&folder("both"), &both), [pair(held, "old"), pair("nightly", "new")]);
        assert_eq!(put_back_in(&folder("none"), &[]), []);
    }

    #[test]
    fn a_timer_that_was_not_active_when_it_was_held_is_not_started() {
        let condition = "/etc/systemd/system/a.timer.d/cutover-hold.conf";
        assert_eq!(
            put_timer_back("a.timer"),
            format!(
                "if grep -qs 'It was active' {condition}; then rm {condition} && systemctl daemon-reload && systemctl start \
                 a.timer; else rm -f {condition} && systemctl daemon-reload; fi"
            )
        );
    }
}
