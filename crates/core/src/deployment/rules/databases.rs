//! Databases, the schemas on them, and the migrations that must reach every one.

use std::collections::BTreeMap;

use super::Rule;
use crate::deployment::document::Node;
use crate::deployment::mistake::{Mistake, list};
use crate::deployment::{Deployment, Fleet, Migration};
use crate::names::SchemaName;

pub(super) const RULES: &[Rule] = &[
    fleets_share_no_schema,
    schemas_are_held_by_a_database,
    schemas_are_held_once,
    databases_are_used,
    free_storage_is_measured_for_a_reason,
    migrations_name_fleets_that_exist,
    migrations_name_aliases_that_exist,
    every_alias_is_migrated,
    migrations_name_their_database,
    migrations_differ,
    statements_are_compared_with_a_schema,
];

/// The alias of a read replica. It needs no migration of its own: changes reach it from its source.
const READ_REPLICA: &str = "read_replica";

fn fleets_share_no_schema(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut owners = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        for (alias, schema) in &fleet.schemas {
            let owner = *owners.entry(schema).or_insert(&fleet.name);
            if owner != &fleet.name {
                let node = file.get("fleet").item(index).get("schemas").get(alias);
                let message = format!("fleets `{owner}` and `{}` share the schema `{schema}`", fleet.name);
                let mistake = Mistake::at(node, message, "every fleet needs schemas of its own");
                mistakes.push(mistake.help("two fleets would migrate it at once"));
            }
        }
    }
    mistakes
}

fn schemas_are_held_by_a_database(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let known = || deployment.databases.iter().flat_map(|database| &database.schemas).map(SchemaName::as_str);
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        for (alias, schema) in fleet.schemas.iter().filter(|(_, schema)| deployment.database_of(schema).is_none()) {
            let node = file.get("fleet").item(index).get("schemas").get(alias);
            let message = format!("no database holds the schema `{schema}`");
            let mistake = Mistake::at(node, message, "name it in a database's schemas");
            mistakes.push(mistake.suggest(schema.as_str(), known()));
        }
    }
    mistakes
}

fn schemas_are_held_once(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut holders = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (index, database) in deployment.databases.iter().enumerate() {
        for (nth, schema) in database.schemas.iter().enumerate() {
            if let Some(holder) = holders.insert(schema, &database.name) {
                let node = file.get("database").item(index).get("schemas").item(nth);
                let message = format!("the schema `{schema}` is held twice");
                mistakes.push(Mistake::at(node, message, format!("database `{holder}` holds it already")));
            }
        }
    }
    mistakes
}

fn databases_are_used(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let unused = deployment.databases.iter().enumerate();
    unused
        .filter(|(_, database)| deployment.fleets_on(&database.name).next().is_none())
        .map(|(index, database)| {
            let message = format!("no fleet uses database `{}`", database.name);
            let label = "name its schemas in a fleet's schemas, or remove it";
            Mistake::at(file.get("database").item(index).get("name"), message, label)
        })
        .collect()
}

fn free_storage_is_measured_for_a_reason(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, database) in deployment.databases.iter().enumerate() {
        let node = file.get("database").item(index);
        let has_command = !database.free_storage_command.is_empty();
        // One that cannot be read is a mistake of its own.
        let is_absent = std::ptr::eq(node.get("min_free"), node);
        if has_command && database.min_free.is_none() && is_absent {
            let message = "`free_storage_command` without `min_free`";
            mistakes.push(Mistake::at(node.get("free_storage_command"), message, "add min_free = \"20 GB\" beside it"));
        }
        if !has_command && database.min_free.is_some() {
            let message = "`min_free` without `free_storage_command`";
            mistakes.push(Mistake::at(node.get("min_free"), message, "add free_storage_command = [...] beside it"));
        }
    }
    mistakes
}

fn migrations_name_fleets_that_exist(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let known: Vec<&str> = deployment.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    let mut mistakes = Vec::new();
    for (index, migration) in deployment.migrations.iter().enumerate() {
        let unknown = migration.fleets.iter().enumerate().filter(|(_, name)| deployment.fleet(name).is_none());
        for (nth, name) in unknown {
            let node = file.get("migration").item(index).get("fleets").item(nth);
            let message = format!("the migration names fleet `{name}`, which does not exist");
            let label = format!("there are: {}", list(&known, "and"));
            mistakes.push(Mistake::at(node, message, label).suggest(name.as_str(), &known));
        }
    }
    mistakes
}

fn migrations_name_aliases_that_exist(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, migration) in deployment.migrations.iter().enumerate() {
        let lacks = |fleet: &&Fleet| runs(fleet, migration) && !fleet.schemas.contains_key(&migration.database);
        if let Some(fleet) = deployment.fleets.iter().find(lacks) {
            let node = file.get("migration").item(index).get("database");
            let message = format!("fleet `{}` has no database alias `{}`", fleet.name, migration.database);
            let label = format!("keys of its schemas: {}", list(fleet.schemas.keys(), "and"));
            mistakes.push(Mistake::at(node, message, label).suggest(&migration.database, fleet.schemas.keys()));
        }
    }
    mistakes
}

/// Because no migration named it, a history database once went unmigrated for five years.
fn every_alias_is_migrated(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, fleet) in deployment.fleets.iter().enumerate() {
        let migrated = |alias: &str| deployment.migrations_of(fleet).any(|migration| migration.database == alias);
        let schemas = file.get("fleet").item(index).get("schemas");
        for alias in fleet.schemas.keys().filter(|alias| alias.as_str() != READ_REPLICA && !migrated(alias)) {
            let message = format!("no migration touches the database alias `{alias}` of fleet `{}`", fleet.name);
            let label = format!("needs a [[migration]] with database = \"{alias}\"");
            mistakes.push(Mistake::at(schemas.get(alias), message, label));
        }
    }
    mistakes
}

fn migrations_name_their_database(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let plain = deployment.migrations.iter().enumerate().filter(|(_, migration)| is_plain_migrate(migration));
    plain
        .map(|(index, migration)| {
            let node = file.get("migration").item(index).get("command");
            let message = "`manage.py migrate` without --database migrates only `default`";
            Mistake::at(node, message, format!("add \"--database\", \"{}\"", migration.database))
        })
        .collect()
}

fn is_plain_migrate(migration: &Migration) -> bool {
    let words = || migration.command.iter().flat_map(|argument| argument.split_whitespace());
    let django = words().any(|word| word.ends_with("manage.py")) && words().any(|word| word == "migrate");
    django && !words().any(|word| word == "--database" || word.starts_with("--database="))
}

/// Finds a migration that was copied and then not edited.
fn migrations_differ(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, migration) in deployment.migrations.iter().enumerate() {
        let repeats = |earlier: &Migration| {
            let both = |fleet: &Fleet| runs(fleet, earlier) && runs(fleet, migration);
            let same_place = earlier.directory == migration.directory && earlier.command == migration.command;
            same_place && deployment.fleets.iter().any(both)
        };
        if let Some(earlier) = deployment.migrations[..index].iter().position(repeats) {
            let node = file.get("migration").item(index).get("command");
            let message = format!("this repeats the command of migration {}", earlier + 1);
            mistakes.push(Mistake::at(node, message, "change it, or remove this migration"));
        }
    }
    mistakes
}

fn runs(fleet: &Fleet, migration: &Migration) -> bool {
    migration.fleets.is_empty() || migration.fleets.contains(&fleet.name)
}

/// One of the two commands alone tells nothing.
fn statements_are_compared_with_a_schema(deployment: &Deployment, file: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (index, migration) in deployment.migrations.iter().enumerate() {
        let (has, lacks) = match (migration.sql_command.is_empty(), migration.schema_command.is_empty()) {
            (false, true) => ("sql_command", "schema_command"),
            (true, false) => ("schema_command", "sql_command"),
            _ => continue,
        };
        let message = format!("`{has}` is of no use without `{lacks}`");
        let label = "after a failure, the statements of a migration are compared with the schema";
        mistakes.push(Mistake::at(file.get("migration").item(index).get(has), message, label));
    }
    mistakes
}
