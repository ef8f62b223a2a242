//! `cutover look` with a real Chromium: it shows the new site while DNS leads to the maintenance page.
#![expect(clippy::disallowed_methods, reason = "the program, a browser and servers are started")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const SITE: &str = "lms-qa.mitx.mit.edu";

/// The deployment of the example, whose balancers are at `domain`.
fn file(folder: &Path, domain: &str) -> PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/mitx-qa.toml");
    let text = std::fs::read_to_string(example).expect("the example");
    let path = folder.join("qa.toml");
    std::fs::write(&path, text.replace("mitx-qa-alb-1093847261.us-east-1.elb.amazonaws.com", domain)).expect("written");
    path
}

fn look(file: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.arg("look").arg(file).args(arguments).output().expect("it starts")
}

/// A web server with TLS that says these words and the name it was asked for, until the test ends.
struct Server {
    child: Child,
    port: String,
}

const SERVER: &str = r#"
import http.server, ssl, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<p>{sys.argv[1]} for {self.headers['Host']}</p>".encode())
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

impl Server {
    fn start(folder: &Path, words: &str) -> Self {
        let certificate = folder.join(format!("{words}.pem").replace(' ', "-"));
        let made = rcgen::generate_simple_self_signed(vec![SITE.to_owned()]).expect("a certificate");
        let pem = made.cert.pem() + &made.signing_key.serialize_pem();
        std::fs::write(&certificate, pem).expect("written");
        let mut command = Command::new("python3");
        command.args(["-c", SERVER, words]).arg(&certificate).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut port).expect("its port");
        Self { child, port: port.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The page that a real Chromium shows with these arguments, of which the first URL counts.
fn shown(folder: &Path, arguments: &[String]) -> String {
    let url = arguments.iter().find(|argument| argument.starts_with("https://")).expect("a URL");
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--ignore-certificate-errors"]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display())).env("HOME", folder);
    command.args(arguments.iter().filter(|argument| argument.starts_with("--"))).arg(url);
    let output = command.output().unwrap_or_else(|error| {
        panic!("Chromium cannot be started ({error}): install it (Debian: `apt-get install chromium`)")
    });
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn chromium_shows_the_new_site_while_dns_leads_to_the_maintenance_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let (site, page) = (Server::start(folder.path(), "the new site"), Server::start(folder.path(), "back soon"));
    let output = look(&file(folder.path(), "127.0.0.1"), &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ways: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let arguments = ways["chromium"].as_array().expect("a list").iter();
    let arguments: Vec<String> = arguments.map(|argument| argument.as_str().expect("a text").to_owned()).collect();
    // Only root may listen on port 443. Everything that no rule leads elsewhere gets what DNS says.
    let dns = format!("MAP * 127.0.0.1:{}", page.port);
    let rules = arguments[0].replace("127.0.0.1", &format!("127.0.0.1:{}", site.port)) + ", " + &dns;
    let others = arguments[1..].to_vec();
    let with = |rules: String| shown(folder.path(), &[vec![rules], others.clone()].concat());
    assert!(with(rules).contains(&format!("the new site for {SITE}")));
    assert!(
        with(format!("--host-resolver-rules={dns}")).contains(&format!("back soon for {SITE}")),
        "without the pins"
    );
}

#[test]
fn a_balancer_that_does_not_resolve_leads_nowhere_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = look(&file(folder.path(), "alb.invalid"), &[]);
    assert_eq!(output.status.code(), Some(4), "refused");
    assert!(String::from_utf8_lossy(&output.stdout).contains("UNKNOWN: alb.invalid does not resolve"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no balancer's name resolves"));
}

#[test]
fn opening_a_browser_where_there_is_none_says_what_to_install() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = file(folder.path(), "127.0.0.1");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    let output = command.arg("look").arg(file).arg("--open").env("PATH", folder.path()).output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stderr).contains("apt-get install chromium"), "{output:?}");
}

#[test]
fn a_browser_that_is_opened_has_the_pins_and_a_profile_that_is_gone_once_it_is_closed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (file, told) = (file(folder.path(), "127.0.0.1"), folder.path().join("told"));
    let browser = folder.path().join("chromium");
    std::fs::write(&browser, format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{}\n", told.display())).expect("written");
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    let output = command.arg("look").arg(file).arg("--open").env("PATH", folder.path()).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let told = std::fs::read_to_string(told).expect("it was started");
    assert!(told.contains(&format!("--host-resolver-rules=MAP {SITE} 127.0.0.1, ")), "{told}");
    let profile = told.lines().find_map(|line| line.strip_prefix("--user-data-dir=")).expect("a profile");
    assert!(!Path::new(profile).exists());
}
