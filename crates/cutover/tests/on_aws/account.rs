//! An account: moto's server with a whole deployment in it, as it is before an upgrade, and the file that describes it.

use std::io::Write;
use std::path::Path;

use cutover_core::deployment::parse;
use cutover_rig::Moto;
use serde_json::Value;

/// moto's only account.
pub(crate) const NUMBER: &str = "123456789012";

/// The file of a deployment on AWS. Ids and domains are made up.
pub(crate) fn file() -> String {
    // The window is in the future whenever this runs, and the resolver is an address that reaches no network.
    include_str!("../../../contract/src/deployment.toml")
        .replace("start = 2021-01-04T04:00:00-05:00", "start = 2037-01-05T04:00:00-05:00")
        .replace("\"192.0.2.53\"", "\"127.0.9.53\"")
        + "\n[ssh]\nconfig = \"ssh_config\"\n"
}

/// A running moto, which ends with this value.
pub(crate) struct Account {
    _server: Moto,
    facts: Value,
}

impl Account {
    /// Starts moto with what [`file`] describes.
    pub(crate) fn furnish() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/tests/moto/furnish.py");
        let deployment = parse(&file()).expect("no mistakes");
        let deployment = serde_json::to_string(&deployment).expect("a deployment is JSON");
        let server = Moto::furnished(&script, &format!("{deployment}\n"));
        let facts = serde_json::from_str(server.said()).expect("moto started, and says where everything is");
        Self { _server: server, facts }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &str {
        self.facts["endpoint"].as_str().expect("an address")
    }

    /// [`file`] with this account's ids and domains in it.
    pub(crate) fn file(&self) -> String {
        let mut text = file();
        for (made_up, real) in self.names() {
            assert!(text.contains(&made_up), "{made_up}");
            text = text.replace(&made_up, &real);
        }
        text
    }

    /// `text`, with this account's names replaced by those of the file.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.names().into_iter().fold(text.to_owned(), |text, (made_up, real)| {
            text.replace(real.trim_matches('"'), made_up.trim_matches('"'))
        })
    }

    /// Pairs of a value in [`file`], quoted, and this account's own value.
    fn names(&self) -> Vec<(String, String)> {
        let quoted = |text: &str| format!("\"{text}\"");
        let of = |facts: &Value| -> Vec<(String, String)> {
            let facts = facts.as_object().expect("names");
            facts.iter().map(|(name, real)| (quoted(name), quoted(real.as_str().expect("text")))).collect()
        };
        // moto makes two subnets for balancers, which no file names.
        let mut names = of(&self.facts["subnets"]);
        names.retain(|(name, _)| name.starts_with("\"subnet-"));
        names.extend(of(&self.facts["security_groups"]));
        let page = [("E1CONTRACT0000", "distribution"), ("d1.cloudfront.net", "distribution_domain")];
        names.extend(page.map(|(made_up, fact)| (quoted(made_up), quoted(self.facts[fact].as_str().expect("text")))));
        let domains = self.facts["domains"].as_object().expect("domains");
        names.extend(parse(&file()).expect("no mistakes").balancers.into_iter().map(|balancer| {
            let real = domains[balancer.name.as_str()].as_str().expect("text");
            (quoted(balancer.domain.as_str()), quoted(real))
        }));
        names
    }

    /// Everything that an upgrade could change: the answers to describe calls, by name.
    pub(crate) fn everything(&self) -> Vec<(String, String)> {
        let query = |service: &str, version: &str, action: &str| {
            let body = format!("Action={action}&Version={version}");
            (action.to_owned(), self.ask("POST", "/", service, &body))
        };
        let listed = |what: &str, service: &str, path: &str| (what.to_owned(), self.ask("GET", path, service, ""));
        let zone = self.facts["zone"].as_str().expect("a zone");
        let distribution = self.facts["distribution"].as_str().expect("a distribution");
        vec![
            query("ec2", "2016-11-15", "DescribeInstances"),
            query("ec2", "2016-11-15", "DescribeImages"),
            query("rds", "2014-10-31", "DescribeDBSnapshots"),
            query("elasticloadbalancing", "2012-06-01", "DescribeLoadBalancers"),
            query("elasticloadbalancing", "2015-12-01", "DescribeTargetGroups"),
            listed("records", "route53", &format!("/2013-04-01{zone}/rrset")),
            listed("invalidations", "cloudfront", &format!("/2020-05-31/distribution/{distribution}/invalidation")),
            listed("page", "s3", "/upgrading.contract.edu/index.html"),
        ]
    }

    /// The head and the body of S3's answer about an object.
    pub(crate) fn object(&self, path: &str) -> String {
        exchange(self.endpoint(), &request("GET", path, "s3", ""))
    }

    /// Makes a bucket.
    pub(crate) fn make_bucket(&self, name: &str) {
        let answer = exchange(self.endpoint(), &request("PUT", &format!("/{name}"), "s3", ""));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn ask(&self, method: &str, path: &str, service: &str, body: &str) -> String {
        let answer = exchange(self.endpoint(), &request(method, path, service, body));
        assert!(answer.starts_with("HTTP/1.1 200"), "{method} {path} {body}: {answer}");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        // Each answer has a request id of its own.
        let lines = body.replace('>', ">\n");
        lines.lines().filter(|line| !line.ends_with("RequestId>")).collect()
    }
}

/// A request to moto. moto finds the service in the signature, which it does not check.
fn request(method: &str, path: &str, service: &str, body: &str) -> String {
    let scope = format!("AKIATEST/20370101/us-east-1/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let kind = if body.is_empty() { "text/plain" } else { "application/x-www-form-urlencoded" };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {signature}\r\ncontent-type: {kind}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn exchange(endpoint: &str, request: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).expect("moto listens");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
