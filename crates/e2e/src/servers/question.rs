//! A question to a name server or a resolver, over UDP. There is no cache.

use std::net::UdpSocket;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// How long to wait for an answer, and how often to ask: as the C library does.
const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: u32 = 2;

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Such as `CNAME`.
    pub kind: String,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// Its value in the form of a zone file: names with a dot at their end, texts in quotes.
    pub value: String,
}

/// What a server at that address answers, at port 53: the records of `name` that are of this kind, and the CNAME records
/// that lead to them. `recursive` asks a resolver to ask others.
///
/// # Errors
/// What is wrong, if there is no answer or the server refuses one. That there is no such name is an answer without records.
///
/// # Panics
/// When `name` or `kind` are not such things.
pub fn ask(server: &str, name: &str, kind: &str, recursive: bool) -> Result<Vec<Answer>, String> {
    let mut message = Message::query();
    message.metadata.recursion_desired = recursive;
    let kind: RecordType = kind.parse().expect("a type of record");
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
    let question = message.to_vec().map_err(|error| error.to_string())?;
    let answer = exchange(server, &question, message.metadata.id)?;
    match u16::from(answer.metadata.response_code) {
        0 | 3 => Ok(answer.answers.iter().filter_map(read).collect()),
        _ => Err(format!("{server} answers {}", answer.metadata.response_code)),
    }
}

fn exchange(server: &str, question: &[u8], id: u16) -> Result<Message, String> {
    let failed = |error: std::io::Error| format!("{server} does not answer: {error}");
    let socket = UdpSocket::bind(("0.0.0.0", 0)).map_err(failed)?;
    socket.connect((server, 53)).map_err(failed)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut buffer = [0; 4096];
    let mut last = String::new();
    for _ in 0..TRIES {
        match socket.send(question).and_then(|_| socket.recv(&mut buffer)) {
            Ok(length) => match Message::from_vec(&buffer[..length]) {
                Ok(answer) if answer.metadata.id == id => return Ok(answer),
                _ => last = format!("{server} answers something else"),
            },
            Err(error) => last = failed(error),
        }
    }
    Err(last)
}

fn read(record: &Record) -> Option<Answer> {
    let value = match &record.data {
        RData::A(address) => address.to_string(),
        RData::CNAME(name) => name.0.to_ascii(),
        RData::NS(name) => name.0.to_ascii(),
        RData::TXT(text) => text.txt_data.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    Some(Answer { kind: record.record_type().to_string(), ttl: record.ttl, value })
}

fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", String::from_utf8_lossy(text).replace('\\', "\\\\").replace('"', "\\\""))
}
