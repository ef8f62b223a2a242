//! Keeps `docs/cli.md` what the program's own help says. `cargo xtask reference` writes it anew.
#![expect(clippy::disallowed_methods, reason = "the test is told by its environment whether to write")]

use std::path::Path;

/// The reference: each command with its help, as `--help` prints it.
fn reference() -> String {
    let mut program = cutover::command().term_width(80);
    program.build();
    let mut text = String::from(
        "# Command line reference\n\n\
         Written by `cargo xtask reference` from the program's own help; a test keeps it true.\n\n",
    );
    text.push_str(&format!("```text\n{}\n```\n", clean(&program.render_long_help().to_string())));
    let commands: Vec<clap::Command> = program.get_subcommands().cloned().collect();
    for mut command in commands.into_iter().filter(|command| command.get_name() != "help") {
        let name = command.get_name().to_owned();
        let help = command.render_long_help().to_string();
        text.push_str(&format!("\n## cutover {name}\n\n```text\n{}\n```\n", clean(&help)));
    }
    text
}

fn clean(help: &str) -> String {
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[test]
fn the_reference_is_what_the_help_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &wanted).expect("docs/cli.md can be written");
    }
    let there = std::fs::read_to_string(&path).expect("docs/cli.md can be read");
    assert!(there == wanted, "docs/cli.md is out of date; run `cargo xtask reference`");
}

#[test]
fn every_commands_help_shows_an_example() {
    for mut command in cutover::command().get_subcommands().cloned() {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example"), "{}", command.get_name());
    }
}
