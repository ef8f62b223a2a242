//! By what a host is told from others: its machine id, its SSH host keys, and the files that the deployment file names, such as the
//! keys of agents. An image that has them baked in gives them to every host.

use std::collections::BTreeMap;

use crate::command::{Ask, Command, Said};

const SCRIPT: &str = include_str!("identity.sh");

/// A digest of each thing, by its name. Digests tell whether two hosts have the same, and nothing else.
pub type Identity = BTreeMap<String, String>;

/// The question, with the paths of the deployment file.
#[must_use]
pub fn ask(paths: &[String]) -> Ask {
    let head = ["/bin/sh", "-c", SCRIPT, "identity"].map(str::to_owned);
    Ask::new(Command::as_root(head.into_iter().chain(paths.iter().cloned())))
}

/// Whether this is that question, for a simulation.
#[must_use]
pub fn is_asked(ask: &Ask) -> bool {
    ask.command.arguments.get(2).is_some_and(|script| script == SCRIPT)
}

/// The answer; `None` if it is not complete.
#[must_use]
pub fn read(said: &Said) -> Option<Identity> {
    let (lines, end) = said.stdout.trim_end().rsplit_once('\n').unwrap_or(("", said.stdout.trim_end()));
    if said.exit != 0 || end != "end" {
        return None;
    }
    lines.lines().map(|line| line.split_once(' ').map(|(digest, name)| (name.to_owned(), digest.to_owned()))).collect()
}

/// What a host prints that has these, for a simulation.
#[must_use]
pub fn answer(identity: &Identity) -> String {
    identity.iter().map(|(name, digest)| format!("{digest} {name}\n")).collect::<String>() + "end\n"
}

/// The names of what two hosts have in common.
#[must_use]
pub fn in_common<'a>(one: &'a Identity, other: &Identity) -> Vec<&'a str> {
    one.iter().filter(|(name, digest)| other.get(*name) == Some(digest)).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a real shell asks this machine")]
    fn said(paths: &[String]) -> Said {
        let arguments = ask(paths).command.arguments;
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    #[test]
    fn files_and_folders_are_told_by_what_is_in_them_and_nothing_of_it_is_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(folder.path().join("keys")).expect("made");
        std::fs::write(path("keys/a b"), "secret").expect("written");
        std::fs::write(path("minion_id"), "edx-1").expect("written");
        let paths = [path("keys"), path("minion_id"), path("absent")];
        let before = said(&paths);
        assert!(!before.stdout.contains("secret") && !before.stdout.contains("edx-1\n"), "{}", before.stdout);
        let before = read(&before).expect("complete");
        assert!(before.contains_key(&paths[0]) && before.contains_key(&paths[1]) && !before.contains_key(&paths[2]));
        std::fs::write(path("keys/a b"), "another").expect("written");
        let after = read(&said(&paths)).expect("complete");
        let common = in_common(&after, &before);
        assert!(common.contains(&paths[1].as_str()) && !common.contains(&paths[0].as_str()), "{common:?}");
    }

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        let said = |exit, stdout: &str| Said { exit, stdout: stdout.to_owned(), stderr: String::new() };
        assert_eq!(read(&said(0, "end\n")), Some(Identity::new()));
        for (exit, text) in [(0, ""), (0, "0123 machine-id\n"), (1, "end\n"), (0, "nonsense\nend\n")] {
            assert_eq!(read(&said(exit, text)), None, "{text}");
        }
        let identity = Identity::from([("SSH host key ssh_host_rsa_key.pub".to_owned(), "0123".to_owned())]);
        assert_eq!(read(&said(0, &answer(&identity))), Some(identity));
    }
}
