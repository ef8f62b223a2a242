//! An account of AWS: moto's server, with one image to start from. `CUTOVER_MOTO_PYTHON` names a Python with moto.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The image to start from.
pub(crate) const BASE: &str = "ami-0123456789abcdef0";

/// A running server, which ends with this.
pub(crate) struct Account {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
}

impl Account {
    pub(crate) fn new() -> Self {
        let python = std::env::var_os("CUTOVER_MOTO_PYTHON")
            .expect("CUTOVER_MOTO_PYTHON names a Python that has moto; `cargo xtask test` installs one");
        let mut command = Command::new(python);
        command.args(["-B", "-c", include_str!("account.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("Python starts");
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it has an output"));
        let mut account = Self { process, questions, answers, endpoint: String::new() };
        // moto says on standard output, too, that it runs.
        while account.endpoint.is_empty() {
            account.endpoint = account.line().as_str().unwrap_or_default().to_owned();
        }
        account
    }

    /// Calls an operation of EC2.
    pub(crate) fn ec2(&mut self, operation: &str, arguments: &Value) -> Value {
        let question = json!(["ec2", operation, arguments]);
        writeln!(self.questions.as_mut().expect("it has an input"), "{question}").expect("asked");
        self.line()
    }

    /// The images that were made, each as EC2 describes it.
    pub(crate) fn images(&mut self) -> Vec<Value> {
        let answer = self.ec2("describe_images", &json!({"Owners": ["self"]}));
        answer["Images"].as_array().expect("a list").clone()
    }

    /// The ids of the instances that have this value of the tag by which builds are found, and are not gone.
    pub(crate) fn builders(&mut self, token: &str) -> Vec<String> {
        let filters = json!([
            {"Name": format!("tag:{}", cutover_packer::TAG), "Values": [token]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]);
        let answer = self.ec2("describe_instances", &json!({"Filters": filters}));
        let reservations = answer["Reservations"].as_array().expect("a list").iter();
        let instances = reservations.flat_map(|one| one["Instances"].as_array().expect("a list"));
        instances.map(|instance| instance["InstanceId"].as_str().expect("an id").to_owned()).collect()
    }

    /// The names of all key pairs, and of all groups that Packer has made.
    pub(crate) fn keys_and_groups(&mut self) -> (Vec<String>, Vec<String>) {
        let keys = names(&self.ec2("describe_key_pairs", &json!({})), "KeyPairs", "KeyName");
        let mut groups = names(&self.ec2("describe_security_groups", &json!({})), "SecurityGroups", "GroupName");
        groups.retain(|name| name.starts_with("packer_"));
        (keys, groups)
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.answers.read_line(&mut line).expect("text") > 0, "the server has ended");
        serde_json::from_str(&line).unwrap_or_default()
    }
}

fn names(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let all = answer[list].as_array().expect("a list").iter();
    all.map(|one| one[name].as_str().expect("a name").to_owned()).collect()
}

/// The tags of something as one object.
pub(crate) fn tags(described: &Value) -> Value {
    let tags = described["Tags"].as_array().expect("tags").iter();
    tags.map(|tag| (tag["Key"].as_str().expect("a key").to_owned(), tag["Value"].clone())).collect()
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
