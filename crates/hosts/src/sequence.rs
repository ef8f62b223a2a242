//! Several commands as one job, one after the other, until one fails. Its exit status is then that of the job. The output has a
//! mark where each part begins. The marks have titles and no arguments, because failures are shown and recorded.

use crate::shell;

const BEGIN: &str = "@cutover-part ";

const HEAD: &str = "\
part() {
    printf '\\n@cutover-part %s\\n' \"$1\"
    shift
    \"$@\" </dev/null || exit
}
is_next() {
    wanted=$1
    shift
    found=$(\"$@\" </dev/null | sed -n 's/^ *\\[ \\] *\\([^ ]*\\).*/\\1/p' | head -n 1)
    [ \"$found\" = \"$wanted\" ] && return
    echo \"the next migration is ${found:-unknown} and not $wanted, so nothing was recorded\" >&2
    return 1
}
";

/// A part of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it does, for people.
    pub title: String,
    words: Vec<String>,
}

impl Part {
    /// A command of the deployment file.
    #[must_use]
    pub fn command(title: impl Into<String>, words: &[String]) -> Self {
        Self { title: title.into(), words: words.to_vec() }
    }

    /// A look whether this migration, with its app, is the first pending one in what a command lists in the order of Django's
    /// plan. If it is not, the sequence ends.
    #[must_use]
    pub fn is_next(migration: &str, list_command: &[String]) -> Self {
        let words = ["is_next", migration].into_iter().map(str::to_owned).chain(list_command.iter().cloned());
        Self { title: format!("look whether {migration} is next"), words: words.collect() }
    }
}

/// The arguments of a shell that runs these parts.
#[must_use]
pub fn arguments(parts: &[Part]) -> Vec<String> {
    let line = |part: &Part| format!("part {} {}\n", shell::quote(&part.title), shell::line(&part.words));
    let lines: String = parts.iter().map(line).collect();
    vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("{HEAD}{lines}")]
}

/// Whether one part of a sequence is this command of the file, for a simulation.
#[must_use]
pub fn has(arguments: &[String], command: &[String]) -> bool {
    let Some(lines) = arguments.last().and_then(|script| script.strip_prefix(HEAD)) else { return false };
    let line = format!(" {}", shell::line(command));
    !command.is_empty() && lines.lines().any(|part| part.ends_with(&line))
}

/// The title of the part that began last, according to the output of the job.
#[must_use]
pub fn last_begun(output: &str) -> Option<&str> {
    output.lines().rev().find_map(|line| line.strip_prefix(BEGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "a real shell runs the parts")]
    fn run(parts: &[Part]) -> (Option<i32>, String) {
        let arguments = arguments(parts);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", "exec \"$@\" 2>&1", "both"]).args(&arguments);
        let output = shell.output().expect("a shell");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    }

    #[test]
    fn parts_run_in_order_until_one_fails_whose_status_and_title_are_known() {
        let (good, last) =
            (Part::command("say", &words(&["echo", "it's  $HOME"])), Part::command("last", &words(&["true"])));
        assert_eq!(
            run(&[good.clone(), last.clone()]),
            (Some(0), "\n@cutover-part say\nit's  $HOME\n\n@cutover-part last\n".to_owned())
        );
        let fails = Part::command("fail", &words(&["sh", "-c", "printf unfinished; exit 137", "secret"]));
        let (status, printed) = run(&[good, fails, last]);
        assert_eq!((status, last_begun(&printed), printed.contains("secret")), (Some(137), Some("fail"), false));
    }

    #[test]
    fn a_migration_is_recorded_only_if_it_is_next() {
        let list = |text: &str| words(&["printf", "%b", text]);
        let plan = "[X]  a.0001_initial\\n[ ]  a.0002_big ... (a.0001_initial)\\n[ ]  b.0001_initial\\n";
        let record = Part::command("record", &words(&["echo", "recorded"]));
        let (status, printed) = run(&[Part::is_next("a.0002_big", &list(plan)), record.clone()]);
        assert_eq!((status, printed.ends_with("recorded\n")), (Some(0), true), "{printed}");
        let (status, printed) = run(&[Part::is_next("b.0001_initial", &list(plan)), record.clone()]);
        assert_eq!(status, Some(1));
        assert!(
            printed.ends_with("the next migration is a.0002_big and not b.0001_initial, so nothing was recorded\n")
        );
        let (status, printed) = run(&[Part::is_next("a.0002_big", &words(&["false"])), record]);
        assert_eq!((status, printed.contains("the next migration is unknown")), (Some(1), true));
    }

    #[test]
    fn the_command_of_a_sequence_is_recognised() {
        let command = words(&["manage.py", "lms", "migrate"]);
        let sequence = arguments(&[Part::command("migrate", &command), Part::command("after", &words(&["reindex"]))]);
        assert!(has(&sequence, &command) && has(&sequence, &words(&["reindex"])));
        assert!(!has(&sequence, &words(&["lms", "migrate"])) || !has(&sequence, &[]));
        assert!(!has(&command, &command));
    }
}
