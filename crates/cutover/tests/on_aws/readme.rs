//! Checks that README.md's samples for AWS are what the program prints. They are excerpts: `...` stands for the rest.

use std::path::Path;

use crate::account::Account;
use crate::operator::Operator;

/// The lines of the block of README.md that starts with `$ command`.
fn block(command: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(path).expect("README.md can be read");
    let (_, rest) = readme.split_once(&format!("```text\n$ {command}\n")).expect("README.md shows the command");
    let (block, _) = rest.split_once("\n```\n").expect("the block ends");
    block.lines().filter(|line| *line != "...").map(str::to_owned).collect()
}

/// The output with the names of README.md's site, and without values that only moto has.
fn told(account: &Account, output: &str) -> String {
    let text = account.masked(output).replace(&format!(" --endpoint-url {}", account.endpoint()), "");
    let text = text.lines().map(|line| with_known_zone(&without_reference(line))).collect::<Vec<_>>().join("\n");
    text.replace("contract", "example").replace("CONTRACT", "EXAMPLE").replace("site.toml", "aws.toml")
}

/// CloudFront's reference differs each time.
fn without_reference(line: &str) -> String {
    match line.split_once("\"CallerReference\":\"") {
        Some((before, rest)) => {
            let after = rest.split_once('"').expect("it ends").1;
            format!("{before}\"CallerReference\":\"...\"{after}")
        }
        None => line.to_owned(),
    }
}

/// moto gives the zone a different id each time.
fn with_known_zone(line: &str) -> String {
    match line.split_once("--hosted-zone-id ") {
        Some((before, rest)) => {
            let after = rest.split_once(' ').expect("more follows").1;
            format!("{before}--hosted-zone-id Z1EXAMPLE0000 {after}")
        }
        None => line.to_owned(),
    }
}

#[test]
fn the_check_and_the_dry_run_in_the_readme_are_what_the_program_prints() {
    let account = Account::furnish();
    let operator = Operator::at(account.endpoint(), &account.file());
    for (words, code) in [(&["check"][..], 9), (&["announce", "--dry-run"], 0)] {
        let printed = told(&account, &operator.run(words).ended(code).out);
        let command = format!("cutover {} aws.toml {}", words[0], words[1..].join(" "));
        let shown = block(command.trim_end());
        assert!(shown.len() >= 3, "{command}");
        for line in shown {
            assert!(printed.lines().any(|printed| printed == line), "{command}: {line}\n{printed}");
        }
    }
}
