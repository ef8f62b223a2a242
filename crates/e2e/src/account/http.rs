//! Requests of AWS clients and the answers to them.

use std::io::Write;
use std::net::TcpStream;

use cutover_rig::HttpMessage;
use percent_encoding::percent_decode_str;

use super::xml;

/// A request of an AWS client.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its first line and its headers, with the empty line that ends them.
    head: String,
    /// Its body.
    body: Vec<u8>,
}

/// An answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// As in [`Request`].
    head: String,
    /// Its body.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; nothing once it has ended.
    pub(super) fn read(stream: &mut TcpStream) -> Option<Self> {
        let HttpMessage { head, body } = HttpMessage::request(stream)?;
        Some(Self { head, body })
    }

    /// For that service, with these fields as its form. moto finds the service in the signature, which it does not check.
    pub(super) fn query(service: &str, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self::form(service, &pairs)
    }

    /// For that service, with these pairs as its form, which are written as they travel.
    pub(super) fn form(service: &str, pairs: &[String]) -> Self {
        Self::signed("POST", "/", service, &pairs.join("&"))
    }

    /// For what is at that path of that service.
    pub(super) fn get(service: &str, path: &str) -> Self {
        Self::signed("GET", path, service, "")
    }

    /// That sends this to what is at that path of that service.
    #[cfg(test)]
    pub(super) fn post(service: &str, path: &str, body: &str) -> Self {
        Self::signed("POST", path, service, body)
    }

    fn signed(method: &str, path: &str, service: &str, body: &str) -> Self {
        let scope = format!("AKIATEST/20370101/us-east-1/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let kind =
            if body.contains('=') && !body.starts_with('<') { "application/x-www-form-urlencoded" } else { "text/xml" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {signature}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        Self { head, body: body.as_bytes().to_vec() }
    }

    /// The method and the path, such as `POST /2013-04-01/hostedzone/Z1/rrset/`.
    pub(super) fn line(&self) -> (&str, &str) {
        let mut words = self.head.split_whitespace();
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The service that it was signed for, such as `ec2`.
    pub(super) fn service(&self) -> &str {
        self.head.split_once("/aws4_request").and_then(|(scope, _)| scope.rsplit('/').next()).unwrap_or_default()
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a field of its form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        self.fields().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The values of a list of its form, such as `InstanceId` for `InstanceId.1` and `InstanceId.2`, or
    /// `Instances.member` and `InstanceId` for `Instances.member.1.InstanceId`.
    pub(super) fn list(&self, name: &str, of: &str) -> Vec<String> {
        let is_one = |key: &str| {
            let rest = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
            let number = rest.map(|rest| rest.split_once('.').unwrap_or((rest, "")));
            number.is_some_and(|(number, field)| number.parse::<u32>().is_ok() && field == of)
        };
        self.fields().into_iter().filter(|(key, _)| is_one(key)).map(|(_, value)| value).collect()
    }

    /// The pairs of its form, such as `InstanceId.1=i-1`, as they travel.
    pub(super) fn pairs(&self) -> Vec<String> {
        self.text().split('&').map(str::to_owned).collect()
    }

    fn fields(&self) -> Vec<(String, String)> {
        let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let text = self.text();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
    }

    /// The answer of the server at `address` to it; nothing if it has none.
    pub(super) fn forward(&self, address: &str) -> Option<Response> {
        let mut server = TcpStream::connect(address).ok()?;
        server.write_all(&[self.head.as_bytes(), &self.body].concat()).ok()?;
        let HttpMessage { head, body } = HttpMessage::answer(&mut server, self.line().0 == "HEAD")?;
        Some(Response { head, body })
    }
}

impl Response {
    /// An answer in XML.
    pub(super) fn xml(status: u16, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\n\r\n");
        Self { head, body: body.as_bytes().to_vec() }
    }

    /// EC2's answer to a request that it refuses.
    pub(super) fn refusal(status: u16, code: &str, why: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>{}</Message></Error>", xml::escaped(why));
        Self::xml(status, &format!("<Response><Errors>{error}</Errors><RequestID>e2e</RequestID></Response>"))
    }

    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same with another body.
    pub(super) fn with(self, body: &str) -> Self {
        Self { body: body.as_bytes().to_vec(), ..self }
    }

    /// Sends it.
    pub(super) fn write(&self, stream: &mut TcpStream, to_head: bool) -> std::io::Result<()> {
        let is_length = |line: &&str| line.to_lowercase().starts_with("content-length:");
        let of_head = self.head.lines().find(is_length).filter(|_| to_head).map(str::to_owned);
        let length = of_head.unwrap_or_else(|| format!("content-length: {}", self.body.len()));
        // Connections are kept, whatever the other side has said of its own.
        let others =
            |line: &&str| !line.is_empty() && !is_length(line) && !line.to_lowercase().starts_with("connection:");
        let lines: Vec<&str> = self.head.lines().filter(others).chain([length.as_str()]).collect();
        let head = lines.join("\r\n") + "\r\n\r\n";
        stream.write_all(&[head.as_bytes(), &self.body].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_form_are_decoded() {
        let request =
            Request::query("ec2", &[("Action", "RunInstances"), ("UserData", "I2Nsb3Vk%3D"), ("Name", "a+b")]);
        assert_eq!(request.field("UserData").as_deref(), Some("I2Nsb3Vk="));
        assert_eq!(request.field("Name").as_deref(), Some("a b"));
        assert_eq!(request.service(), "ec2");
    }

    #[test]
    fn lists_of_a_form_are_found_by_the_names_of_their_items() {
        let fields = [("InstanceId.1", "i-1"), ("InstanceId.2", "i-2"), ("Instances.member.1.InstanceId", "i-3")];
        let request = Request::query("ec2", &fields);
        assert_eq!(request.list("InstanceId", ""), ["i-1", "i-2"]);
        assert_eq!(request.list("Instances.member", "InstanceId"), ["i-3"]);
    }
}
