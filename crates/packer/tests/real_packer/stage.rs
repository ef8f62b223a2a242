//! A team with Debian's Packer and a template of the examples, and the account in which the template is made to work.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cutover_packer::failure::Failure;
use cutover_packer::job::{Job, Start, Started, State};
use cutover_packer::output::Reading;
use cutover_packer::program::{Environment, Program};
use cutover_packer::template::{Ready, Template};
use cutover_packer::variables::{Variables, Wanted};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::account::{Account, BASE};

pub(crate) const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/packer");

/// A team, which has no account of its own.
pub(crate) struct Team {
    pub(crate) folder: TempDir,
    pub(crate) program: Program,
    pub(crate) wanted: Wanted,
    /// Where EC2 is.
    endpoint: String,
}

/// A team with an account.
pub(crate) struct Stage {
    pub(crate) team: Team,
    pub(crate) account: Account,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let account = Account::new();
        Self { team: Team::at(&account.endpoint), account }
    }

    /// The instances that are found by the build's token, and are not gone.
    pub(crate) fn builders(&mut self) -> Vec<String> {
        self.account.builders(&self.team.wanted.token)
    }
}

impl std::ops::Deref for Stage {
    type Target = Team;

    fn deref(&self) -> &Team {
        &self.team
    }
}

impl std::ops::DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut Team {
        &mut self.team
    }
}

impl Team {
    /// One whose templates are only checked: nothing listens where EC2 would be.
    pub(crate) fn new() -> Self {
        Self::at("http://127.0.0.1:9")
    }

    fn at(endpoint: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The examples provision with ansible, which Packer looks for when it checks them.
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).expect("a folder");
        script(&programs.join("ansible-playbook"), "#!/bin/sh\necho ansible-playbook 2.9.27\n");
        fs::write(folder.path().join("edxapp.yml"), "").expect("written");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("a PATH"));
        let environment = Environment::new(std::env::vars_os()).with("PATH", path).with("HOME", folder.path());
        let environment = environment.with("AWS_ACCESS_KEY_ID", "AKIATEST").with("AWS_SECRET_ACCESS_KEY", "secret");
        let program = Program::find(&packer(), environment).expect("Packer");
        Self { folder, program, wanted: wanted(), endpoint: endpoint.to_owned() }
    }

    /// The example in JSON, made to build in this account: without a connection to the instance, and with a script that runs
    /// here.
    pub(crate) fn json(&self, script: &str) -> Template {
        let here = json!({"type": "shell-local", "inline": [script]});
        self.json_with(&here, &json!({"communicator": "none"}))
    }

    /// The same with this provisioner, and with these options of its builder.
    pub(crate) fn json_with(&self, provisioner: &Value, options: &Value) -> Template {
        let text = fs::read_to_string(format!("{EXAMPLES}/edxapp.json")).expect("an example");
        let mut template: Value = serde_json::from_str(&text).expect("JSON");
        let builder = template["builders"][0].as_object_mut().expect("a builder");
        builder.insert("custom_endpoint_ec2".to_owned(), self.endpoint.as_str().into());
        builder.insert("skip_region_validation".to_owned(), true.into());
        builder.insert("skip_metadata_api_check".to_owned(), true.into());
        builder.extend(options.as_object().expect("options").clone());
        template["provisioners"] = json!([provisioner]);
        self.template("edxapp.json", &template.to_string())
    }

    /// The example in HCL2, made to build in this account with Packer 1.6, which knows no plugins.
    pub(crate) fn hcl2(&self) -> Template {
        let text = fs::read_to_string(format!("{EXAMPLES}/edxapp.pkr.hcl")).expect("an example");
        let text = without_block(&text, "packer {");
        let text =
            without_block(&without_block(&without_block(&text, "  provisioner "), "  provisioner "), "  provisioner ");
        let here = format!(
            "source \"amazon-ebs\" \"edxapp\" {{\n  custom_endpoint_ec2 = \"{}\"\n  communicator = \"none\"\n  \
             skip_region_validation = true\n  skip_metadata_api_check = true\n",
            self.endpoint
        );
        self.template("edxapp.pkr.hcl", &text.replace("source \"amazon-ebs\" \"edxapp\" {\n", &here))
    }

    pub(crate) fn template(&self, name: &str, text: &str) -> Template {
        let file = self.folder.path().join(name);
        fs::write(&file, text).expect("written");
        Template::at(&file).expect("a template")
    }

    pub(crate) fn job(&self) -> Job {
        Job::new(&self.folder.path().join("builds"), &self.wanted.token).expect("a job")
    }

    pub(crate) fn check(&self, template: &Template) -> cutover_packer::Result<Ready> {
        let variables = Variables::of(&self.wanted, &self.job().manifest(), template.language())?;
        template.check(&self.program, self.folder.path(), &variables, self.folder.path())
    }

    /// Checks the template, and starts a build of it.
    pub(crate) fn start(&self, template: &Template) -> Started {
        let ready = self.check(template).unwrap_or_else(|error| panic!("{error}\n{}", error.hint()));
        let start = Start {
            program: &self.program,
            template,
            variables: &ready.variables,
            directory: self.folder.path(),
            limit: 1 << 20,
        };
        self.job().start(&start).expect("started")
    }

    /// Waits until the build has ended, and says how.
    pub(crate) fn end(&self) -> State {
        until(|| self.job().state().expect("a state") != State::Running);
        self.job().state().expect("a state")
    }

    /// What the build has printed until now.
    pub(crate) fn reading(&self) -> Reading {
        let mut reading = Reading::default();
        self.job().follow(0, &mut reading).expect("read");
        reading
    }

    /// Waits until a provisioner has printed this.
    pub(crate) fn wait_for(&self, text: &str) {
        until(|| self.reading().tail().any(|line| line == text));
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure::of(&self.reading(), 1)
    }
}

/// What a test starts ends with it.
impl Drop for Team {
    fn drop(&mut self) {
        let _ = self.job().kill();
    }
}

/// Packer, of the system that machines boot.
fn packer() -> PathBuf {
    let root = std::env::var_os("CUTOVER_DEBIAN").map(PathBuf::from);
    let packer = root.map(|root| root.join("usr/bin/packer")).filter(|packer| packer.is_file());
    packer.expect("CUTOVER_DEBIAN names the folder of a Debian system with Packer; `cargo xtask test` installs one")
}

fn wanted() -> Wanted {
    let text = str::to_owned;
    Wanted {
        token: text("koa-v4.prepare.edxapp.image"),
        image_name: text("edxapp_residential_koa_base_release_4"),
        base_image: text(BASE),
        region: text("us-east-1"),
        release: text("koa"),
        version: text("open-release/koa.3"),
        repository: text("https://github.com/mitodl/edx-platform"),
        branch: text("mitx/koa"),
        commit: text("0123456789abcdef0123456789abcdef01234567"),
        tags: [
            (text("environment"), text("residential, \"live\" ${x}")),
            (text("commit"), text("0123456789abcdef0123456789abcdef01234567")),
        ]
        .into(),
        others: [].into(),
    }
}

fn until(holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(120), "it does not hold after two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn script(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(file, text).expect("written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// The text without the block that begins with this and ends with a brace in the same column.
fn without_block(text: &str, begin: &str) -> String {
    let (before, block) = text.split_at(text.find(begin).expect("the block is there"));
    let indent: String = begin.chars().take_while(|letter| *letter == ' ').collect();
    let end = format!("\n{indent}}}\n");
    let (_, after) = block.split_once(&end).expect("it ends");
    format!("{before}{after}")
}
