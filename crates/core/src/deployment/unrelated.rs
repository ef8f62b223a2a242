//! How the deployment file names programs that do not belong to the site, and what a command line runs in these terms.

/// Programs that become another user, and then run something else as a child.
const SWITCH_USER: [&str; 5] = ["runuser", "runuser-l", "su", "su-l", "sudo"];
/// Programs that run whatever they are told to: that one of them runs says nothing about whose it is.
const RUN_ANYTHING: [&str; 37] = [
    "ash",
    "bash",
    "busybox",
    "chroot",
    "chrt",
    "dash",
    "dumb-init",
    "env",
    "flock",
    "ionice",
    "java",
    "ksh",
    "ltrace",
    "nice",
    "node",
    "nodejs",
    "nohup",
    "nsenter",
    "parallel",
    "perl",
    "php",
    "python",
    "ruby",
    "screen",
    "SCREEN",
    "script",
    "setsid",
    "sh",
    "stdbuf",
    "strace",
    "time",
    "timeout",
    "tini",
    "tmux",
    "unshare",
    "watch",
    "xargs",
];

/// What a command line runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs<'a> {
    /// This program, by the path or the name of the first word. If that runs anything, it is the file that it is told to run.
    Program(&'a str),
    /// Whatever its children are.
    Children,
    /// It may be anything, as in `sh -c "..."` and `python3 -m http.server`.
    Anything,
}

impl<'a> Runs<'a> {
    /// That of a command line whose words are separated by blanks.
    #[must_use]
    pub fn of(command_line: &'a str) -> Self {
        let mut words = command_line.split_whitespace();
        // A login shell has a hyphen before its name, and a title often a colon after it.
        let first = words.next().unwrap_or_default().trim_start_matches('-').trim_end_matches(':');
        if SWITCH_USER.contains(&name_of(first)) {
            return Self::Children;
        }
        if !first.is_empty() && !runs_anything(first) {
            return Self::Program(first);
        }
        let takes_text = |option: &str| !option.starts_with("--") && option.ends_with(['c', 'e', 'm']);
        match words.find(|word| !word.starts_with('-') || takes_text(word)) {
            Some(file) if file.starts_with('/') && !runs_anything(file) => Self::Program(file),
            _ => Self::Anything,
        }
    }
}

/// Whether a program, by its path or its name, may run anything, so that it cannot be listed: `/usr/bin/python3.11`.
#[must_use]
pub fn runs_anything(program: &str) -> bool {
    let name = name_of(program).trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    RUN_ANYTHING.contains(&name) || SWITCH_USER.contains(&name)
}

/// Whether an entry of `unrelated_processes` is about this program: by its path, or by its name alone.
#[must_use]
pub fn is_about(entry: &str, program: &str) -> bool {
    entry == if entry.contains('/') { program } else { name_of(program) }
}

fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_runs_its_first_word_or_the_file_that_an_interpreter_is_told_to_run() {
        let program = |line| if let Runs::Program(program) = Runs::of(line) { program } else { "" };
        assert_eq!(program("/opt/backup/agent --password secret"), "/opt/backup/agent");
        assert_eq!(program("backupd: idle"), "backupd");
        assert_eq!(program("/bin/sh /edx-x/bin/writer"), "/edx-x/bin/writer");
        assert_eq!(program("/usr/bin/python3.11 -u /opt/agent.py"), "/opt/agent.py");
        assert_eq!(program("java -Xmx1g -jar /opt/agent.jar"), "/opt/agent.jar");
        let anything = [
            "sh -c /opt/agent",
            "bash -lc /opt/agent",
            "python3 -m http.server",
            "-bash",
            "sh run.sh",
            "",
            "timeout 600 /edx/bin/writer",
            "env /bin/sh /edx/bin/writer",
        ];
        assert_eq!(anything.map(Runs::of), [Runs::Anything; 8]);
        assert_eq!(
            ["su - www-data -c /opt/agent", "/sbin/runuser -u edx /opt/agent"].map(Runs::of),
            [Runs::Children; 2]
        );
    }

    #[test]
    fn an_entry_names_a_program_by_its_path_or_by_its_name() {
        assert!(is_about("/opt/backup/agent", "/opt/backup/agent") && is_about("agent", "/opt/backup/agent"));
        assert!(!is_about("/opt/agent", "/opt/backup/agent") && !is_about("backup", "/opt/backup/agent"));
    }
}
