//! Reading only a part of a journal: what was added since it was last read, or what comes after an event that a reader
//! has already seen.

use cutover_core::digest::Digest;
use cutover_core::journal::Record;

use super::reading::{Kept, parse, read_link, read_on, record_name};
use super::{JournalError, Reading, read};
use crate::store::Store;

/// Reads what was added to the journal since `reading` was read, and returns the number of added records. This needs
/// one read for each of them, and one more to find that there are no more.
///
/// # Errors
/// When the store fails, or what was added is inconsistent with what was read before.
pub async fn read_more(store: &Store, reading: &mut Reading) -> Result<usize, JournalError> {
    let before = reading.records.len();
    loop {
        let next = record_name(reading.records.len() as u64 + 1);
        if !store.exists(&next).await? {
            return Ok(reading.records.len() - before);
        }
        read_on(store, reading, &next).await?;
    }
}

/// Reads the records from `number` on, without those before. The first of them is compared with the record before it,
/// so that a changed journal is noticed here as well. Empty when there is no such record yet.
///
/// Journals of the first format have to be read from their beginning, because what their records mean depends on the
/// records before.
///
/// # Errors
/// When the store fails, or the records are inconsistent.
pub async fn records_from(store: &Store, number: u64) -> Result<Vec<Record>, JournalError> {
    let mut previous = match before(store, number).await? {
        Before::None => None,
        Before::Record(digest) => Some(digest),
        Before::FirstFormat => {
            let all = read(store).await?.records;
            return Ok(all.into_iter().filter(|record| record.number >= number).collect());
        }
        Before::Missing => return Ok(Vec::new()),
    };
    let mut records = Vec::new();
    for number in number.max(1).. {
        let name = record_name(number);
        if !store.exists(&name).await? {
            break;
        }
        let (kept, digest) = read_link(store, &name, number, previous.as_ref()).await?;
        match kept {
            Kept::Today(record) => records.push(record),
            // Only possible if the journal begins with it.
            Kept::Version1(_) => return Ok(read(store).await?.records),
        }
        previous = Some(digest);
    }
    Ok(records)
}

/// What comes before a record.
enum Before {
    /// Nothing: it is the first.
    None,
    /// A record with this digest.
    Record(Digest),
    /// A record of the first format.
    FirstFormat,
    /// The record before it does not exist yet: the journal is shorter.
    Missing,
}

async fn before(store: &Store, number: u64) -> Result<Before, JournalError> {
    if number <= 1 {
        return Ok(Before::None);
    }
    let name = record_name(number - 1);
    let Some(bytes) = store.read(&name).await? else { return Ok(Before::Missing) };
    Ok(match parse(store, &name, &bytes)? {
        Kept::Today(_) => Before::Record(Digest::of(&bytes)),
        Kept::Version1(_) => Before::FirstFormat,
    })
}
