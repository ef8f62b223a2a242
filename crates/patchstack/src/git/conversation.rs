//! A git process that is kept to be asked many things: starting one for each question would cost more than the answers.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::call::Call;
use super::run::Git;
use super::words;
use crate::error::{Error, GitSaid, Result};

/// How long git may take to say its last words.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A git process that is kept to be asked many things. It ends when this is dropped.
#[derive(Debug)]
pub struct Conversation {
    doing: String,
    /// How long each answer may take.
    limit: Duration,
    child: Child,
    questions: Option<ChildStdin>,
    answers: Receiver<Vec<u8>>,
    /// Of the answers, what has arrived and is not read yet, and how much of it is.
    arrived: Vec<u8>,
    read: usize,
    said: Receiver<Vec<u8>>,
}

impl Conversation {
    /// Starts it.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn start(git: &Git, call: &Call) -> Result<Self> {
        let mut child = git.spawn(call)?;
        let questions = child.stdin.take();
        let (sender, answers) = channel();
        pass_on(child.stdout.take(), sender);
        let (sender, said) = channel();
        pass_on(child.stderr.take(), sender);
        let (doing, limit) = (call.doing.clone(), call.limit);
        Ok(Self { doing, limit, child, questions, answers, arrived: Vec::new(), read: 0, said })
    }

    /// Asks; the answer is read afterwards.
    ///
    /// # Errors
    /// When git has ended.
    pub fn ask(&mut self, question: &[u8]) -> Result<()> {
        let asked = self.questions.as_mut().map(|pipe| pipe.write_all(question).and_then(|()| pipe.flush()));
        if matches!(asked, Some(Ok(()))) { Ok(()) } else { Err(self.broken("")) }
    }

    /// Reads up to and without `mark`.
    ///
    /// # Errors
    /// When git ends before, or takes too long.
    pub fn until(&mut self, mark: u8) -> Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let unread = &self.arrived[self.read..];
            if let Some(index) = unread[searched..].iter().position(|byte| *byte == mark) {
                let answer = unread[..searched + index].to_vec();
                self.read += answer.len() + 1;
                return Ok(answer);
            }
            searched = unread.len();
            self.wait()?;
        }
    }

    /// Reads this many bytes.
    ///
    /// # Errors
    /// When git ends before, or takes too long.
    pub fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.arrived.len() - self.read < count {
            self.wait()?;
        }
        let answer = self.arrived[self.read..self.read + count].to_vec();
        self.read += count;
        Ok(answer)
    }

    /// Waits for more to arrive, and lets go of what was read.
    fn wait(&mut self) -> Result<()> {
        self.arrived.drain(..self.read);
        self.read = 0;
        match self.answers.recv_timeout(self.limit) {
            Ok(bytes) => {
                self.arrived.extend(bytes);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => {
                let late = format!("it did not answer for {} s", self.limit.as_secs());
                Err(self.broken(&late))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.broken("")),
        }
    }

    /// Why it broke off: `late`, or what git said last.
    fn broken(&mut self, late: &str) -> Error {
        self.questions = None;
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|_| "its end is unknown".to_owned(), |status| status.to_string());
        let mut said = Vec::new();
        while let Ok(bytes) = self.said.recv_timeout(LAST_WORDS) {
            said.extend(bytes);
        }
        let words = if late.is_empty() { words::of(&said) } else { late.to_owned() };
        let hint = words::hint(&words);
        Error::Git { doing: self.doing.clone(), source: GitSaid { words, status }, hint }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // What git might still write is of no use to anybody.
        self.questions = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes on what arrives in a pipe, on a thread of its own, so that whoever waits for it can stop waiting.
fn pass_on(pipe: Option<impl Read + Send + 'static>, receiver: Sender<Vec<u8>>) {
    let Some(mut pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        loop {
            match pipe.read(&mut chunk) {
                Ok(count) if count > 0 && receiver.send(chunk[..count].to_vec()).is_ok() => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sandbox;

    fn batch(sandbox: &Sandbox) -> Call {
        sandbox.open().call("cat-file", "read objects").options(&["--batch"]).limit(Duration::from_millis(300))
    }

    #[test]
    fn many_answers_are_read_one_by_one() {
        let sandbox = Sandbox::new();
        let commit = sandbox.commit("subject", &[("f", "content\n")]);
        let mut objects = Conversation::start(&sandbox.library_git(), &batch(&sandbox)).expect("it starts");
        for _ in 0..3 {
            objects.ask(format!("{commit}:f\n").as_bytes()).expect("asked");
            assert!(objects.until(b'\n').expect("a header").ends_with(b" blob 8"));
            assert_eq!(objects.exactly(9).expect("content"), b"content\n\n");
        }
    }

    #[test]
    fn a_git_that_does_not_answer_is_killed_after_its_limit() {
        let sandbox = Sandbox::new();
        let mut objects = Conversation::start(&sandbox.library_git(), &batch(&sandbox)).expect("it starts");
        let error = objects.until(b'\n').expect_err("nothing was asked");
        let said = std::error::Error::source(&error).expect("what git said").to_string();
        assert!(said.starts_with("it did not answer for"), "{said}");
    }

    #[test]
    fn a_git_that_ends_says_why() {
        let sandbox = Sandbox::new();
        let call = sandbox.open().call("cat-file", "read objects").options(&["--batch"]).operands(["nonsense"]);
        let mut objects = Conversation::start(&sandbox.library_git(), &call).expect("it starts");
        let error = objects.until(b'\n').expect_err("it ends");
        assert_eq!(error.to_string(), "git could not read objects");
    }
}
