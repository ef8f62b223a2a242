//! Reads a file that somebody may have replaced by something else.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::mpsc;

use cutover_engine::store::ANSWER;

/// The text of a file, which is read in another thread: its folder may be on another machine that never answers.
///
/// # Errors
/// When it cannot be read, does not answer in time, or is not a regular file.
pub(crate) fn text_within_limit(path: &Path) -> io::Result<String> {
    let ((tell, told), path) = (mpsc::channel(), path.to_owned());
    std::thread::spawn(move || {
        // If the wait was given up, nobody receives this.
        let _ = tell.send(text_of(&path));
    });
    let no_answer = || io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", ANSWER.as_secs()));
    told.recv_timeout(ANSWER).unwrap_or_else(|_| Err(no_answer()))
}

/// The text of a regular file. To read another, such as a pipe, may wait for ever.
fn text_of(path: &Path) -> io::Result<String> {
    match std::fs::metadata(path)?.is_file() {
        true => std::fs::read_to_string(path),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
    }
}
