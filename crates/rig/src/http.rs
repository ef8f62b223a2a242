//! Messages of HTTP/1.1, read whole: for servers of tests that answer AWS's clients, or stand between them and moto.

use std::io::Read;

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpMessage {
    /// Its first line and its headers, with the empty line that ends them.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl HttpMessage {
    /// The next request of a connection; nothing once that has ended. One that does not say how long its body is has none.
    pub fn request(stream: &mut impl Read) -> Option<Self> {
        let head = head(stream)?;
        let body = body(stream, length(&head).unwrap_or(0))?;
        Some(Self { head, body })
    }

    /// The answer to a request, which may be one for the head alone. Nothing when the connection ends before. An answer that does not
    /// say how long its body is ends with the connection.
    pub fn answer(stream: &mut impl Read, to_head: bool) -> Option<Self> {
        let head = head(stream)?;
        let has_none = to_head || [" 204", " 304"].iter().any(|status| head["HTTP/1.1".len()..].starts_with(status));
        let body = match length(&head) {
            _ if has_none => Vec::new(),
            Some(length) => body(stream, length)?,
            None => {
                let mut body = Vec::new();
                stream.read_to_end(&mut body).ok()?;
                body
            }
        };
        Some(Self { head, body })
    }

    /// All of it, as it came.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

fn head(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn body(stream: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn length(head: &str) -> Option<usize> {
    let lines = head.lines().map(str::to_lowercase);
    lines.filter_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_one_connection_are_read_one_after_the_other() {
        let mut stream = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=1GET /a HTTP/1.1\r\n\r\nPOST /".as_bytes();
        let first = HttpMessage::request(&mut stream).expect("a request");
        assert_eq!((first.head.lines().next(), &first.body[..]), (Some("POST / HTTP/1.1"), &b"a=1"[..]));
        assert_eq!(HttpMessage::request(&mut stream).expect("another one").bytes(), b"GET /a HTTP/1.1\r\n\r\n");
        assert_eq!(HttpMessage::request(&mut stream), None, "it was cut off");
    }

    #[test]
    fn an_answer_has_the_body_that_its_head_and_its_request_let_it_have() {
        let answer = |text: &str, to_head| HttpMessage::answer(&mut text.as_bytes(), to_head).map(|answer| answer.body);
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokmore", false), Some(b"ok".to_vec()));
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", true), Some(Vec::new()));
        assert_eq!(answer("HTTP/1.1 204 None\r\n\r\n", false), Some(Vec::new()));
        assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\nuntil its end", false), Some(b"until its end".to_vec()));
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", false), None);
    }
}
