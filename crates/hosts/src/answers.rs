//! Whether programs answer on their own host: on a TCP port, or to an HTTP request.
//!
//! python3 asks, because every Ubuntu has it: the shell cannot, and curl may be missing.

use crate::command::{Ask, Command, EXIT_TIMED_OUT, Said};
use crate::failed::CommandFailed;

const SCRIPT: &str = include_str!("answers.py");
/// What runs it.
pub(crate) const PROGRAM: &str = "python3";

/// Where something must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// The address, as in the deployment file.
    pub address: String,
    /// What is wrong with it, such as `[Errno 111] Connection refused` or `status 503`.
    pub why: String,
}

/// Why it is not known what answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// The host ended the question.
    #[error("the host did not finish asking within the limit")]
    TimedOut,
    /// The question could not be asked.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// An address is missing from the answer.
    #[error("nothing was said about {0}")]
    NotSaid(String),
}

/// The question whether each of these addresses answers: `http://HOST:PORT/PATH` with a status below 400, `HOST:PORT` by
/// accepting a connection. All are asked at the same time.
#[must_use]
pub fn ask(addresses: &[String]) -> Ask {
    let head = [PROGRAM, "-c", SCRIPT].map(str::to_owned);
    Ask::new(Command::new(head.into_iter().chain(addresses.iter().cloned())))
}

/// The addresses that a question is about, for a simulation; `None` if it is another question.
#[must_use]
pub fn asked(ask: &Ask) -> Option<&[String]> {
    match ask.command.arguments.as_slice() {
        [_, _, script, addresses @ ..] if script == SCRIPT => Some(addresses),
        _ => None,
    }
}

/// What is printed if each address answers or not, for a simulation.
#[must_use]
pub fn answer(addresses: &[String], answers: impl Fn(&str) -> bool) -> String {
    let line = |address: &String| {
        format!("{address} {}\n", if answers(address) { "ok" } else { "[Errno 111] Connection refused" })
    };
    addresses.iter().map(line).collect()
}

/// The addresses that do not answer.
///
/// # Errors
/// When the answer is not about every one of them.
pub fn read(addresses: &[String], said: &Said) -> Result<Vec<Silent>, NotAsked> {
    match said.exit {
        0 => {}
        EXIT_TIMED_OUT => return Err(NotAsked::TimedOut),
        _ => return Err(CommandFailed::of(said).into()),
    }
    let mut silent = Vec::new();
    for address in addresses {
        let word = said.stdout.lines().find_map(|line| line.strip_prefix(address.as_str())?.strip_prefix(' '));
        match word.map(str::trim) {
            Some("ok") => {}
            Some(why) if !why.is_empty() => silent.push(Silent { address: address.clone(), why: why.to_owned() }),
            _ => return Err(NotAsked::NotSaid(address.clone())),
        }
    }
    Ok(silent)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn addresses(addresses: &[&str]) -> Vec<String> {
        addresses.iter().map(|address| (*address).to_owned()).collect()
    }

    fn said(stdout: &str) -> Said {
        Said { stdout: stdout.to_owned(), ..Said::default() }
    }

    #[test]
    fn only_what_was_said_to_answer_answers() {
        let asked = addresses(&["http://127.0.0.1:8000/heartbeat", "127.0.0.1:80"]);
        let ok = "http://127.0.0.1:8000/heartbeat ok\n127.0.0.1:80 ok\n";
        assert_eq!(read(&asked, &said(ok)), Ok(Vec::new()));
        let down = ok.replace("127.0.0.1:80 ok", "127.0.0.1:80 [Errno 111] Connection refused");
        let silent = Silent { address: asked[1].clone(), why: "[Errno 111] Connection refused".to_owned() };
        assert_eq!(read(&asked, &said(&down)), Ok(vec![silent]));
        for end in ["", " "] {
            let cut = format!("http://127.0.0.1:8000/heartbeat ok\n127.0.0.1:8000 ok\n127.0.0.1:80{end}");
            assert_eq!(read(&asked, &said(&cut)), Err(NotAsked::NotSaid("127.0.0.1:80".to_owned())), "{end:?}");
        }
        assert_eq!(read(&asked, &Said { exit: 124, ..said(ok) }), Err(NotAsked::TimedOut));
        assert!(matches!(
            read(&asked, &Said { exit: 127, ..said(ok) }),
            Err(NotAsked::Failed(CommandFailed { exit: 127, .. }))
        ));
    }

    #[test]
    fn what_a_simulation_answers_is_read_as_it_was_meant() {
        let all = addresses(&["127.0.0.1:80", "127.0.0.1:8000"]);
        assert_eq!(asked(&ask(&all)), Some(all.as_slice()));
        let silent = read(&all, &said(&answer(&all, |address| address.ends_with(":80")))).expect("it is complete");
        assert_eq!(silent.len(), 1);
        assert_eq!(silent[0].address, "127.0.0.1:8000");
    }

    /// A server that answers every request with this status.
    fn server(status: &'static str) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let read = stream.read(&mut [0; 1000]);
                let answer = format!("HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n");
                // The client may be gone already, if it only opened a connection.
                let _ = read.and_then(|_| stream.write_all(answer.as_bytes()));
            }
        });
        port
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a real python3 asks real servers")]
    fn real_ports_answer_or_are_named_with_the_reason() {
        let (good, bad, closed) = (server("200 OK"), server("503 Service Unavailable"), {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            listener.local_addr().expect("its address").port()
        });
        let all = [
            format!("http://127.0.0.1:{good}/heartbeat"),
            format!("http://127.0.0.1:{bad}/heartbeat"),
            format!("127.0.0.1:{bad}"),
            format!("127.0.0.1:{closed}"),
            "http://host.invalid/".to_owned(),
        ];
        let arguments = ask(&all).command.arguments;
        let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("python3");
        let silent = read(&all, &said(&String::from_utf8_lossy(&output.stdout))).expect("it is complete");
        let named: Vec<&String> = silent.iter().map(|silent| &silent.address).collect();
        assert_eq!(named, [&all[1], &all[3], &all[4]]);
        assert_eq!(silent[0].why, "status 503");
        assert!(silent[1].why.contains("refused"), "{}", silent[1].why);
    }
}
