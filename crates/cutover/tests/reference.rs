//! Keeps the generated parts of the documents up to date: `docs/cli.md` is the program's own help, `docs/rehearsal.svg`
//! shows what a rehearsal prints, and the samples in README.md are the program's output. `cargo xtask reference` writes
//! them all again.
#![expect(clippy::disallowed_methods, reason = "the environment says whether to write; git and the program are run")]

mod samples;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use samples::Fork;

/// Only one sample at a time is compared with README.md or written into it.
static README: Mutex<()> = Mutex::new(());

/// The reference: each command with its help, as `--help` prints it.
fn reference() -> String {
    let mut program = cutover::command().term_width(80);
    program.build();
    let mut text = String::from(
        "# Command line reference\n\n\
         Written by `cargo xtask reference` from the program's own help; a test keeps it true.\n\n",
    );
    text.push_str(&format!("```text\n{}\n```\n", clean(&program.render_long_help().to_string())));
    text.push_str(&chapters("cutover", &program));
    text
}

/// A chapter for each command under `path`, and for their subcommands.
fn chapters(path: &str, program: &clap::Command) -> String {
    let mut text = String::new();
    for mut command in commands(program) {
        let path = format!("{path} {}", command.get_name());
        let help = command.render_long_help().to_string();
        text.push_str(&format!("\n## {path}\n\n```text\n{}\n```\n", clean(&help)));
        text.push_str(&chapters(&path, &command));
    }
    text
}

fn commands(program: &clap::Command) -> Vec<clap::Command> {
    program.get_subcommands().filter(|command| command.get_name() != "help").cloned().collect()
}

fn clean(help: &str) -> String {
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[test]
fn the_reference_is_what_the_help_says() {
    let path = root("docs/cli.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &wanted).expect("docs/cli.md can be written");
    }
    let there = std::fs::read_to_string(&path).expect("docs/cli.md can be read");
    assert!(there == wanted, "docs/cli.md is out of date; run `cargo xtask reference`");
}

#[test]
fn every_commands_help_shows_an_example() {
    let mut all = commands(&cutover::command());
    let below: Vec<clap::Command> = all.iter().flat_map(commands).collect();
    all.extend(below);
    for mut command in all {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example"), "{}", command.get_name());
    }
}

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// What a command prints on standard output.
fn printed(arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(arguments)
        .current_dir(root("."))
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The colour for a character of a strip.
fn colour(character: char) -> &'static str {
    match character {
        '.' => "#3fb950",
        'M' => "#d29922",
        'm' => "#bb8009",
        's' => "#8b949e",
        'E' => "#f85149",
        _ => "#e6edf3",
    }
}

/// A terminal with `text` in it, as SVG. The strips of what visitors saw are coloured.
fn terminal(command: &str, text: &str) -> String {
    let lines: Vec<String> = std::iter::once(format!("$ {command}")).chain(text.lines().map(str::to_owned)).collect();
    let height = lines.len() * 18 + 32;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"720\" height=\"{height}\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for (place, line) in lines.iter().enumerate() {
        let y = 30 + place * 18;
        svg.push_str(&format!(
            "<text x=\"20\" y=\"{y}\" xml:space=\"preserve\" fill=\"#e6edf3\">{}</text>\n",
            painted(line)
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A strip is a site's name in 16 columns, a blank, and 60 characters of what visitors saw.
fn painted(line: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let strip = line.get(17..).filter(|strip| !strip.is_empty() && strip.chars().all(|c| ".MmsE ".contains(c)));
    let Some(strip) = strip else { return escape(line) };
    let mut text = escape(&line[..17]);
    for part in strip.chars().collect::<Vec<char>>().chunk_by(|a, b| a == b) {
        let run: String = part.iter().collect();
        text.push_str(&format!("<tspan fill=\"{}\">{run}</tspan>", colour(part[0])));
    }
    text
}

#[test]
fn the_picture_in_the_readme_is_what_a_rehearsal_prints() {
    let path = root("docs/rehearsal.svg");
    let wanted = terminal("cutover rehearse", &printed(&["rehearse"]));
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &wanted).expect("docs/rehearsal.svg can be written");
    }
    let there = std::fs::read_to_string(&path).expect("docs/rehearsal.svg can be read");
    assert!(there == wanted, "docs/rehearsal.svg is out of date; run `cargo xtask reference`");
}

#[test]
fn the_mistakes_in_the_readme_are_what_the_program_shows() {
    let folder = std::env::temp_dir().join(format!("cutover-readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut text = cutover_core::deployment::template().to_owned();
    for (right, wrong) in [
        ("\nbalancer = \"example-lms\"", "\nbalancer = \"example-lsm\""),
        (
            "warm_up_snapshot = true  # before the window, so that the one in it takes less time",
            "warm_up_snapshots = true",
        ),
        (
            "length = \"3h\"                      # or: end = 2021-01-04T07:00:00-05:00",
            "end = 2021-01-04T02:00:00-05:00",
        ),
    ] {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    std::fs::write(folder.join("cutover.toml"), text).expect("written");
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_cutover"));
    let output = check.args(["check", "cutover.toml"]).current_dir(&folder).output().expect("it starts");
    let _ = std::fs::remove_dir_all(&folder);
    readme_shows("cutover check cutover.toml", &String::from_utf8(output.stderr).expect("text"), &[]);
}

#[test]
fn the_policy_in_the_readme_is_what_the_program_prints() {
    let folder = std::env::temp_dir().join(format!("cutover-policy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let example = std::fs::read_to_string(root("examples/mitx-production.toml")).expect("the example");
    let aws = "[aws]\nregion = \"us-east-1\"\naccount = \"123456789012\"\n\n[release]";
    let text = example.replacen("cloud = \"embedded\"", "cloud = \"aws\"", 1).replacen("[release]", aws, 1);
    std::fs::write(folder.join("aws.toml"), text).expect("written");
    let policy = printed(&["policy", &folder.join("aws.toml").to_string_lossy(), "--phase", "retire"]);
    let _ = std::fs::remove_dir_all(&folder);
    let policy: serde_json::Value = serde_json::from_str(&policy).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements");
    let found = statements.iter().find(|statement| statement["Sid"] == "TerminateHosts").expect("it is there");
    let command = "cutover policy aws.toml --phase retire | jq -S '.Statement[] | select(.Sid == \"TerminateHosts\")'";
    readme_shows(command, &serde_json::to_string_pretty(found).expect("JSON"), &[]);
}

#[test]
fn the_comparison_in_the_readme_is_what_the_program_prints() {
    readme_shows("cutover rehearse --compare-orders", &printed(&["rehearse", "--compare-orders"]), &[]);
}

#[test]
fn the_release_branches_in_the_readme_are_what_the_program_prints() {
    let fork = Fork::new();
    let onto = "--onto upstream/open-release/koa.rc3";
    let shows = |code: i32, command: &str, made: &[String]| {
        let text = fork.run(code, command);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{command} passes 80 columns:\n{text}");
        readme_shows(&format!("cutover {command}"), &text, made);
    };
    shows(0, "branch status", &[]);
    shows(10, &format!("branch forecast {onto}"), &[]);

    let stopped: serde_json::Value =
        serde_json::from_str(&fork.run(10, &format!("branch rebase {onto} --json"))).expect("JSON");
    fork.resolve(Path::new(stopped["stop"]["folder"].as_str().expect("a folder")));
    fork.run(0, "branch rebase --continue");
    shows(0, "branch verify", &fork.made());
}

/// Checks that the block of README.md that starts with `$ command` is what the command printed. The ids in `made`
/// differ in each run.
fn readme_shows(command: &str, printed: &str, made: &[String]) {
    let _one_at_a_time = README.lock().unwrap_or_else(PoisonError::into_inner);
    let path = root("README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md can be read");
    let begin = format!("```text\n$ {command}\n");
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("README.md does not show `{command}`"));
    let (there, after) = rest.split_once("\n```\n").expect("the block ends");
    let wanted = with_ids_as_in(there, printed.trim_end(), made);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, format!("{before}{begin}{wanted}\n```\n{after}")).expect("README.md can be written");
        return;
    }
    assert!(there == wanted, "README.md must show this; `cargo xtask reference` puts it there:\n{wanted}");
}

/// `printed`, with each id of `made` replaced by the text at the same position of `there`, if that is an id.
fn with_ids_as_in(there: &str, printed: &str, made: &[String]) -> String {
    let mut text = printed.to_owned();
    for (place, id) in made.iter().flat_map(|id| printed.match_indices(id.as_str())) {
        let place = place..place + id.len();
        let shown = there.get(place.clone()).filter(|shown| shown.chars().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(shown) = shown {
            text.replace_range(place, shown);
        }
    }
    text
}
