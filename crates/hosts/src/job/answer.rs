//! What a host answers about a job: one line that begins with `@cutover-job`, and for a reading the output behind it.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The state of a job that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It runs.
    Running,
    /// Its command has ended.
    Ended {
        /// The exit status; 128 and the number of the signal if it was killed.
        exit: i32,
        /// Whether a process of it was killed because memory ran out.
        out_of_memory: bool,
        /// The most memory that it had at a time, in bytes, where the host can tell.
        peak_memory: Option<u64>,
    },
    /// The host was restarted while it ran, so that it has ended, and how far it came is unknown.
    HostRestarted,
    /// None of its processes is left, and its end was not recorded: somebody has killed all of them.
    Vanished,
}

/// What a host knows about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReport {
    /// When it was started, by the host's clock.
    pub started: Timestamp,
    /// The epoch of the conductor that started it.
    pub epoch: u64,
    /// Its state, which is older than the output: the output of a job that has ended is complete.
    pub state: JobState,
    /// Its output from the byte that was asked for.
    pub output: Vec<u8>,
    /// The first byte that comes after `output`.
    pub next: u64,
    /// How many bytes there are altogether.
    pub size: u64,
    /// Whether it has printed more than its limit, so that the end of the output is lost.
    pub is_cut: bool,
    /// Whether a signal of ours was sent to its processes while it ran.
    pub was_signalled: bool,
    /// Whether its command has not ended by itself, but after a signal or while its host shut down. Its exit status does not count
    /// then: many programs say that they have succeeded when a signal ends them.
    pub was_interrupted: bool,
    /// The exit status of its command, if that has ended before processes that it had started. The job runs until they end.
    pub left: Option<i32>,
    /// The processes that its command has started and that go on after its end. A command that has succeeded is not waited for
    /// until they end.
    pub go_on: Vec<u32>,
}

impl JobReport {
    /// Whether its command has ended by itself and said that it has succeeded. What it has left in its unit may run on.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        !self.was_interrupted && self.exit() == Some(0)
    }

    /// The exit status of its command, if that has ended. What it has started may go on.
    #[must_use]
    pub const fn exit(&self) -> Option<i32> {
        match self.state {
            JobState::Running => self.left,
            JobState::Ended { exit, .. } => Some(exit),
            JobState::HostRestarted | JobState::Vanished => None,
        }
    }
}

/// An answer about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// There is no such job, or it was not launched.
    None,
    /// It was started.
    Started,
    /// It was started before.
    Found,
    /// What is known about it.
    Report(Box<JobReport>),
    /// The signal was sent.
    Signalled,
    /// It does not run, so no signal was sent.
    NotRunning,
    /// What was on record of it is gone.
    Collected,
    /// Refused, because a conductor with this higher epoch was here.
    Superseded(u64),
    /// The host could not do it now, and has changed nothing. It may be asked again.
    NotNow(String),
    /// The host cannot do it, and has changed nothing. Somebody has to see to it.
    Failed(String),
}

/// An answer that is not one of the helper's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host's answer about a job was not understood: `{0}`")]
pub struct NotUnderstood(String);

/// Reads an answer to a request that asked for output from byte `offset` on.
///
/// # Errors
/// When it is incomplete or something else.
pub fn read(stdout: &[u8], offset: u64) -> Result<Reply, NotUnderstood> {
    let not_understood = || NotUnderstood(String::from_utf8_lossy(&stdout[..stdout.len().min(200)]).trim().to_owned());
    let (line, output) = split(stdout).ok_or_else(not_understood)?;
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let fields = fields(rest);
    let number = |key: &str| fields.get(key).and_then(|value| value.parse::<u64>().ok());
    let reply = match word {
        "none" => Some(Reply::None),
        "started" => Some(Reply::Started),
        "found" => Some(Reply::Found),
        "signalled" => Some(Reply::Signalled),
        "not-running" => Some(Reply::NotRunning),
        "collected" => Some(Reply::Collected),
        "superseded" => number("epoch").map(Reply::Superseded),
        "not-now" => Some(Reply::NotNow(rest.to_owned())),
        "failed" => Some(Reply::Failed(rest.to_owned())),
        "job" => report(rest, output, offset).map(|report| Reply::Report(Box::new(report))),
        _ => None,
    };
    reply.ok_or_else(not_understood)
}

/// The answer's line and what follows it. Start-up files of the host may have printed something in front of it.
fn split(stdout: &[u8]) -> Option<(&str, &[u8])> {
    const MARK: &[u8] = b"@cutover-job ";
    let starts =
        std::iter::once(0).chain(stdout.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1));
    let start = starts.into_iter().find(|start| stdout[*start..].starts_with(MARK))? + MARK.len();
    let length = stdout[start..].iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&stdout[start..start + length]).ok()?;
    Some((line, &stdout[start + length + 1..]))
}

fn fields(text: &str) -> BTreeMap<&str, &str> {
    text.split(' ').filter_map(|word| word.split_once('=')).collect()
}

fn report(line: &str, output: &[u8], offset: u64) -> Option<JobReport> {
    // `status` is an exit status, and the state is the last field, of several words.
    let (head, state) = line.split_once(" state=")?;
    let known = fields(head);
    let number = |key: &str| known.get(key)?.parse::<u64>().ok();
    let says = |word: &str| head.split(' ').any(|said| said == word);
    let length = number("length")?;
    if output.len() as u64 != length {
        return None;
    }
    Some(JobReport {
        started: Timestamp::from_second(i64::try_from(number("time")?).ok()?).ok()?,
        epoch: number("epoch")?,
        state: self::state(state)?,
        output: output.to_vec(),
        next: offset + length,
        size: number("size")?,
        is_cut: says("cut"),
        was_signalled: says("signalled"),
        was_interrupted: says("interrupted"),
        left: known.get("left").and_then(|status| status.parse().ok()),
        go_on: known
            .get("go-on")
            .into_iter()
            .flat_map(|pids| pids.split(','))
            .filter_map(|pid| pid.parse().ok())
            .collect(),
    })
}

fn state(text: &str) -> Option<JobState> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "running" => Some(JobState::Running),
        "host-restarted" => Some(JobState::HostRestarted),
        "vanished" => Some(JobState::Vanished),
        "ended" => {
            let known = fields(rest);
            Some(JobState::Ended {
                exit: known.get("status")?.parse().ok()?,
                out_of_memory: rest.split(' ').any(|word| word == "out-of-memory"),
                peak_memory: known.get("peak").and_then(|bytes| bytes.parse().ok()),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "@cutover-job job epoch=3 boot=8150c750 time=1795922178";

    #[test]
    fn a_report_gives_state_output_and_the_next_byte() {
        let answer =
            format!("Welcome!\n{HEAD} size=16 length=10 cut state=ended status=7 peak=4096 out-of-memory\nit's done\n");
        let Ok(Reply::Report(report)) = read(answer.as_bytes(), 6) else { panic!("{answer}") };
        let state = JobState::Ended { exit: 7, out_of_memory: true, peak_memory: Some(4096) };
        assert_eq!((report.state, report.next, report.size, report.is_cut), (state, 16, 16, true));
        assert_eq!((report.output.as_slice(), report.epoch), (b"it's done\n".as_slice(), 3));
    }

    #[test]
    fn a_command_that_has_ended_before_what_it_has_started_leaves_its_job_running() {
        let answer = format!("{HEAD} size=0 length=0 signalled interrupted left=143 go-on=7,12, state=running\n");
        let Ok(Reply::Report(report)) = read(answer.as_bytes(), 0) else { panic!("{answer}") };
        assert_eq!((report.state, report.left, report.go_on), (JobState::Running, Some(143), vec![7, 12]));
        assert!(report.was_signalled && !report.is_cut);
    }

    #[test]
    fn a_command_has_succeeded_only_if_it_has_ended_by_itself() {
        for (said, has_succeeded) in [
            ("state=ended status=0", true),
            ("signalled state=ended status=0", true),
            ("signalled interrupted state=ended status=0", false),
            ("left=0 state=running", true),
            ("interrupted left=0 state=running", false),
            ("state=ended status=1", false),
        ] {
            let answer = format!("{HEAD} size=0 length=0 {said}\n");
            let Ok(Reply::Report(report)) = read(answer.as_bytes(), 0) else { panic!("{answer}") };
            assert_eq!(report.has_succeeded(), has_succeeded, "{said}");
        }
    }

    #[test]
    fn every_state_is_known_and_no_other() {
        let of = |state: &str| read(format!("{HEAD} size=0 length=0 state={state}\n").as_bytes(), 0);
        for (text, state) in [
            ("running", JobState::Running),
            ("host-restarted", JobState::HostRestarted),
            ("vanished", JobState::Vanished),
        ] {
            assert!(matches!(of(text), Ok(Reply::Report(report)) if report.state == state), "{text}");
        }
        for unknown in ["", "ended", "ended status=", "sleeping"] {
            assert!(of(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_off_is_not_understood() {
        let whole = format!("{HEAD} size=9 length=9 state=running\nApplying ");
        assert!(read(whole.as_bytes(), 0).is_ok());
        for end in 0..whole.len() {
            assert!(read(&whole.as_bytes()[..end], 0).is_err(), "{}", &whole[..end]);
        }
    }

    #[test]
    fn an_answer_with_more_output_than_it_says_is_not_understood() {
        // Something has printed into it, so the next byte would be a wrong one.
        let longer = format!("{HEAD} size=9 length=9 state=running\nApplying ?");
        assert!(read(longer.as_bytes(), 0).is_err());
    }

    #[test]
    fn what_a_job_prints_is_never_taken_for_the_helpers_answer() {
        let answer = format!("{HEAD} size=23 length=23 state=running\n@cutover-job collected\n");
        assert!(matches!(read(answer.as_bytes(), 0), Ok(Reply::Report(_))));
    }

    #[test]
    fn a_refusal_names_the_epoch_and_a_failure_its_reason() {
        assert_eq!(read(b"@cutover-job superseded epoch=4\n", 0), Ok(Reply::Superseded(4)));
        assert_eq!(
            read(b"@cutover-job failed there is no user x\n", 0),
            Ok(Reply::Failed("there is no user x".into()))
        );
        assert_eq!(read(b"@cutover-job not-now it is busy\n", 0), Ok(Reply::NotNow("it is busy".into())));
        for other in ["", "sudo: a password is required\n", "@cutover-job\n", "@cutover-job superseded\n"] {
            assert!(read(other.as_bytes(), 0).is_err(), "{other}");
        }
    }
}
