//! Sessions on hosts that `su` has opened, and that may be of programs which must be stopped or of something else on the host.
//! Nothing shows which. So somebody decides: the deployment file lists what does not belong to the site, and everything else has
//! to end.

use std::collections::BTreeSet;
use std::fmt;

use crate::deployment::is_about;

/// A session of logind's that `su` has opened, and of which nothing shows whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSession {
    /// Its id, as logind gives it. Its scope is called after it.
    pub id: String,
    /// The oldest of its processes, its user and its begin, in words.
    pub words: String,
    /// The programs that run in it, as the deployment file names them. What these have started is not among them.
    pub programs: BTreeSet<String>,
    /// Whether something runs in it that cannot be listed, such as `sh -c "..."`.
    pub may_be_anything: bool,
}

impl UnknownSession {
    /// Whether everything in it is listed as not belonging to the site.
    #[must_use]
    pub fn is_listed(&self, unrelated: &[String]) -> bool {
        let is_listed = |program: &String| unrelated.iter().any(|entry| is_about(entry, program));
        !self.may_be_anything && self.programs.iter().all(is_listed)
    }
}

impl fmt::Display for UnknownSession {
    /// "session c1: process 62 (`/edx/bin/writer`) of user www-data, since Mon 2026-11-30 10:13:35 UTC".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}: {}", self.id, self.words)
    }
}

/// Both ways on from sessions that are not listed in `unrelated`, as a sentence without its full stop. Once the `su` has returned,
/// `loginctl terminate-session` does nothing, because logind takes the session for ended.
#[must_use]
pub fn ways_on(sessions: &[UnknownSession], unrelated: &[String]) -> String {
    const END: &str = "end each on its host if it may belong to the site: `systemctl stop session-ID.scope`";
    const NOT_LISTED: &str = "a shell that was given no file may run anything and cannot be listed: start it as a service of systemd \
                              or a program of supervisor's";
    let programs: BTreeSet<&String> = sessions.iter().flat_map(|session| &session.programs).collect();
    let line = line_to_add(unrelated, &programs);
    let list = format!("if it does not, write this to the role in the deployment file: {line}");
    let cannot = sessions.iter().any(|session| session.may_be_anything);
    let parts = [Some(END), (!programs.is_empty()).then_some(list.as_str()), cannot.then_some(NOT_LISTED)];
    parts.into_iter().flatten().collect::<Vec<&str>>().join("; ")
}

/// The whole key of the deployment file, with what it lists already.
fn line_to_add(unrelated: &[String], programs: &BTreeSet<&String>) -> String {
    let new = programs.iter().filter(|program| !unrelated.iter().any(|entry| is_about(entry, program)));
    let all = unrelated.iter().chain(new.copied()).map(|program| format!("{program:?}"));
    format!("unrelated_processes = [{}]", all.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(programs: &[&str], may_be_anything: bool) -> UnknownSession {
        let programs = programs.iter().map(|program| (*program).to_owned()).collect();
        UnknownSession { id: "c1".to_owned(), words: "process 62 (`/opt/a`)".to_owned(), programs, may_be_anything }
    }

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn a_session_is_listed_if_everything_in_it_is() {
        let two = session(&["/opt/a", "/opt/b"], false);
        assert!(two.is_listed(&list(&["/opt/a", "b"])));
        assert!(!two.is_listed(&list(&["/opt/a"])), "something else runs in it");
        assert!(!session(&["/opt/a"], true).is_listed(&list(&["/opt/a"])), "and it may be anything");
    }

    #[test]
    fn the_ways_on_are_to_end_it_and_to_list_it_with_what_is_listed_already() {
        let words = ways_on(&[session(&["/opt/a", "/opt/b"], false)], &list(&["backup-agent", "a"]));
        assert!(words.contains("`systemctl stop session-ID.scope`"), "{words}");
        assert!(words.ends_with(r#": unrelated_processes = ["backup-agent", "a", "/opt/b"]"#), "{words}");
        let words = ways_on(&[session(&[], true)], &[]);
        assert!(words.contains("cannot be listed") && !words.contains("unrelated_processes"), "{words}");
    }
}
