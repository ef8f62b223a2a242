//! What a migration does besides its own command: others before and after it, and what it records without running it.

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::Mistake;
use crate::deployment::{Deployment, Fake, Migration};

pub(super) const RULES: &[Rule] = &[commands_have_words, fakes_can_be_recorded, fakes_are_named_with_a_reason];

fn commands_have_words(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, migration) in deployment.migrations.iter().enumerate() {
        for (key, commands) in [("before", &migration.before), ("after", &migration.after)] {
            for (nth, _) in commands.iter().enumerate().filter(|(_, command)| command.is_empty()) {
                let node = file.get("migration").item(index).get(key).item(nth);
                let label = "such as [\"manage.py\", \"lms\", \"clearsessions\"]";
                mistakes.push(Mistake::at(node, "a command is empty", label));
            }
        }
    }
    mistakes
}

/// Without a list, what comes before a faked migration is not known, and Django would record that without running it, too.
fn fakes_can_be_recorded(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let faking = deployment.migrations.iter().enumerate().filter(|(_, migration)| !migration.fake.is_empty());
    let mut mistakes = Vec::new();
    for (index, migration) in faking {
        let node = file.get("migration").item(index).get("fake");
        if migration.list_command.is_empty() {
            let message = "`fake` needs `list_command`: what comes before these migrations has to be applied first";
            mistakes.push(Mistake::at(node, message, "add list_command = [...] beside it"));
        }
        if !is_djangos(migration) {
            let message =
                "`fake` needs a `command` that is Django's `migrate`: it is run with --fake, an app and a name";
            mistakes.push(Mistake::at(node, message, "the command has no argument `migrate`"));
        }
    }
    mistakes
}

fn is_djangos(migration: &Migration) -> bool {
    migration.command.iter().any(|argument| argument == "migrate")
}

fn fakes_are_named_with_a_reason(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, migration) in deployment.migrations.iter().enumerate() {
        for (nth, Fake { name, reason }) in migration.fake.iter().enumerate() {
            let node = file.get("migration").item(index).get("fake").item(nth);
            let parts: Vec<&str> = name.as_str().split('.').collect();
            if parts.len() != 2 || parts.contains(&"") {
                let message = format!("`{name}` is not the name of a migration");
                mistakes.push(Mistake::at(
                    node.get("name"),
                    message,
                    "its app, a dot and its name: courseware.0012_grade_index",
                ));
            }
            if migration.fake[..nth].iter().any(|earlier| earlier.name == *name) {
                mistakes.push(Mistake::at(
                    node.get("name"),
                    format!("migration `{name}` appears twice"),
                    "already taken above",
                ));
            }
            if reason.trim().is_empty() {
                let message = "a migration is not run, and nobody would know why";
                mistakes.push(Mistake::at(node.get("reason"), message, "say why, for those who read the report"));
            }
        }
    }
    mistakes
}
