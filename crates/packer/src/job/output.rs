//! Reads what a build has printed, from any offset on.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::place::Job;
use super::record::Record;
use crate::error::{Error, Result};
use crate::output::{Event, Reading};

/// The number of the first file of output.
const FIRST: u64 = 100_000;

/// A piece of the output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// How many bytes before it were not kept, because the build has printed more than its limit.
    pub(super) skipped: u64,
    /// The bytes. None means that there are no more for now.
    pub(super) bytes: Vec<u8>,
    /// The offset to go on from.
    pub(super) next: u64,
}

/// How many bytes are read at once.
const MOST: u64 = 256 << 10;

impl Job {
    /// Reads everything that it has printed from this offset on, and gives what people see of it, and the offset to go on from.
    /// The reading must have read what is before.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn follow(&self, mut offset: u64, reading: &mut Reading) -> Result<(Vec<Event>, u64)> {
        let mut events = Vec::new();
        loop {
            let piece = self.read(offset, MOST)?;
            if piece.bytes.is_empty() {
                return Ok((events, offset));
            }
            if piece.skipped > 0 {
                reading.skip();
            }
            events.extend(reading.take(&piece.bytes));
            offset = piece.next;
        }
    }

    /// What it has printed from this offset on, at most so many bytes. Whoever gets some asks again: there may be more.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub(super) fn read(&self, offset: u64, most: u64) -> Result<Piece> {
        let nothing = Piece { next: offset, ..Piece::default() };
        let Some(record) = Record::read(&self.folder)? else { return Ok(nothing) };
        // A file that was listed may be removed before it is opened. Then later ones are there.
        for _ in 0..8 {
            let numbers = self.numbers()?;
            let wanted = FIRST + offset / record.piece;
            for number in numbers.into_iter().filter(|number| *number >= wanted) {
                let begin = (number - FIRST) * record.piece;
                let from = offset.max(begin);
                match self.part(number, from - begin, most) {
                    // It is read to its end, or the disk was full. If there is a later file, it goes on there.
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => return Ok(Piece { skipped: from - offset, next: from + bytes.len() as u64, bytes }),
                    Err(source) if source.kind() == ErrorKind::NotFound => break,
                    Err(source) => return Err(Error::File { path: self.file(number), done: "read", source }),
                }
            }
            if self.numbers()?.last().is_none_or(|last| *last <= wanted) {
                break;
            }
        }
        Ok(nothing)
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let entries = fs::read_dir(&self.folder).map_err(Error::file(&self.folder, "read"))?;
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_prefix("output.")?.parse().ok();
        let mut numbers: Vec<u64> = entries.filter_map(|entry| number(entry.ok()?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn part(&self, number: u64, from: u64, most: u64) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(self.file(number))?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn file(&self, number: u64) -> std::path::PathBuf {
        self.folder.join(format!("output.{number}"))
    }
}
