//! One question to one server: over UDP, asked again where the question or the answer may have been lost, and over TCP
//! when the answer is too long for UDP. There is no cache.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use cutover_core::names::DnsName;

use crate::times::Times;
use crate::vantage::{silence, within};

/// How often a question is sent over UDP within the limit.
const TRIES: u32 = 3;
/// The longest message that UDP can carry.
const LONGEST_BYTES: usize = 65_535;

/// A question.
pub(super) struct Question<'a> {
    /// The name.
    pub(super) name: &'a DnsName,
    /// The type of record.
    pub(super) kind: RecordType,
    /// Whether the server is to ask others.
    pub(super) recursive: bool,
}

/// The target of the CNAME of the name, as that server answers. `limit` applies to UDP and to TCP separately.
pub(super) async fn ask(
    times: &Times,
    limit: Duration,
    server: SocketAddr,
    question: &Question<'_>,
) -> Result<Option<DnsName>, String> {
    let message = message(question)?;
    let bytes = message.to_vec().map_err(|error| error.to_string())?;
    let mut answer = by_udp(times, limit, server, &message, &bytes).await?;
    if answer.metadata.truncation {
        let asked = within(times, limit, by_tcp(server, &message, &bytes)).await;
        answer = asked.unwrap_or_else(|| Err(silence(limit))).map_err(|why| format!("over TCP: {why}"))?;
    }
    target(&answer, &message)
}

fn message(question: &Question<'_>) -> Result<Message, String> {
    let name = format!("{}.", question.name.as_str().trim_end_matches('.'));
    let name = Name::from_ascii(&name).map_err(|error| format!("it is not a host name: {error}"))?;
    let mut message = Message::query();
    message.metadata.recursion_desired = question.recursive;
    message.add_query(Query::query(name, question.kind));
    Ok(message)
}

async fn by_udp(
    times: &Times,
    limit: Duration,
    server: SocketAddr,
    question: &Message,
    bytes: &[u8],
) -> Result<Message, String> {
    let socket = connected(server).await.map_err(|error| error.to_string())?;
    let mut why = String::new();
    for _ in 0..TRIES {
        why = match within(times, limit / TRIES, exchange(&socket, question, bytes)).await {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) => error.to_string(),
            None => silence(limit),
        };
    }
    Err(why)
}

async fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A port of its own for each question, and none but the server may answer there.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket)
}

async fn exchange(socket: &UdpSocket, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    socket.send(bytes).await?;
    let mut buffer = vec![0; LONGEST_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // What answers another question is late, or forged.
        if let Ok(answer) = Message::from_vec(&buffer[..length])
            && answers(&answer, question)
        {
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, String> {
    let words = |error: io::Error| error.to_string();
    let mut stream = TcpStream::connect(server).await.map_err(words)?;
    let length = u16::try_from(bytes.len()).map_err(|_| "the question is too long".to_owned())?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(words)?;
    let length = stream.read_u16().await.map_err(words)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(words)?;
    let answer = Message::from_vec(&buffer).map_err(|error| format!("an answer that cannot be read: {error}"))?;
    if answers(&answer, question) { Ok(answer) } else { Err("an answer to another question".to_owned()) }
}

fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        && answer.queries == question.queries
}

/// The CNAME of the name that was asked for, alone or at the beginning of a chain.
fn target(answer: &Message, question: &Message) -> Result<Option<DnsName>, String> {
    let asked = question.queries.first().map(|query| &query.name);
    let found = answer.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if Some(&record.name) == asked => Some(&target.0),
        _ => None,
    });
    match (found, answer.metadata.response_code) {
        // Whether the target exists is another question.
        (Some(target), _) => Ok(Some(DnsName::from(target.to_lowercase().to_ascii().trim_end_matches('.')))),
        (None, ResponseCode::NoError | ResponseCode::NXDomain) => Ok(None),
        (None, code) => Err(format!("it answered {code}")),
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::CNAME;

    use super::*;

    fn question() -> Message {
        let name = DnsName::from("lms.mitx.mit.edu");
        message(&Question { name: &name, kind: RecordType::A, recursive: true }).expect("a message")
    }

    fn reply(code: ResponseCode, chain: &[(&str, &str)]) -> Message {
        let mut reply = Message::response(question().metadata.id, OpCode::Query);
        reply.metadata.response_code = code;
        for (name, target) in chain {
            let (name, target) = (Name::from_ascii(name).expect("a name"), Name::from_ascii(target).expect("a name"));
            reply.add_answer(Record::from_rdata(name, 60, RData::CNAME(CNAME(target))));
        }
        reply
    }

    #[test]
    fn the_target_is_that_of_the_name_and_not_of_a_link_further_on() {
        let chain = [("elb.example.com.", "inner.example.com."), ("LMS.mitx.mit.edu.", "ELB.example.com.")];
        let found = target(&reply(ResponseCode::NoError, &chain), &question());
        assert_eq!(found, Ok(Some(DnsName::from("elb.example.com"))));
    }

    #[test]
    fn a_target_that_does_not_resolve_is_still_a_target() {
        let found = target(&reply(ResponseCode::NXDomain, &[("lms.mitx.mit.edu.", "gone.example.com.")]), &question());
        assert_eq!(found, Ok(Some(DnsName::from("gone.example.com"))));
    }

    #[test]
    fn a_server_failure_is_not_a_missing_record() {
        assert_eq!(target(&reply(ResponseCode::NXDomain, &[]), &question()), Ok(None));
        let refused = target(&reply(ResponseCode::ServFail, &[]), &question());
        assert!(refused.is_err(), "{refused:?}");
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let question = question();
        let mut reply = reply(ResponseCode::NoError, &[]);
        reply.metadata.id = question.metadata.id;
        assert!(!answers(&reply, &question), "it does not repeat the question");
        reply.queries = question.queries.clone();
        assert!(answers(&reply, &question));
        reply.metadata.id = question.metadata.id.wrapping_add(1);
        assert!(!answers(&reply, &question));
    }
}
