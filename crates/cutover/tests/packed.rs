//! The engine's port for Packer, with Debian's Packer and moto's EC2: what the template gets of a plan, what is seen of a build, and
//! what a killed one has left behind, which is removed.
//!
//! `cargo xtask test` installs both. `CUTOVER_MOTO_PYTHON` names a Python that has moto, `CUTOVER_DEBIAN` a system that has Packer.
#![expect(clippy::disallowed_methods, reason = "these tests start Packer and moto, and wait for both")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cutover::packer_builds::PackerBuilds;
use cutover::session::Loaded;
use cutover::wall::{WallClock, aws_times};
use cutover_aws::{Connection, Limits, Settings, cloud};
use cutover_core::deployment::{Packer, Role, parse};
use cutover_core::packing::{PackerBuild, PackerRest, PackerState};
use cutover_core::plan::BuildImage;
use cutover_engine::failure::FailureClass;
use cutover_engine::gate::{Gate, Permit};
use cutover_engine::halt::WriteError;
use cutover_engine::ports::{Answer, Clock, Images, Packers};
use cutover_rig::Moto;
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "0123456789abcdef-0";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A team with an account, and a template whose provisioner is a script that runs here.
struct Team {
    _moto: Moto,
    folder: TempDir,
    connection: Rc<Connection>,
    builds: PackerBuilds,
    loaded: Loaded,
    base: String,
}

impl Team {
    async fn new(script: &str) -> Self {
        let furnish = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/tests/moto/furnish.py");
        let text = include_str!("../../contract/src/deployment.toml");
        let deployment = serde_json::to_string(&parse(text).expect("no mistakes")).expect("JSON");
        let moto = Moto::furnished(&furnish, &format!("{deployment}\n"));
        let facts: Value = serde_json::from_str(moto.said()).expect("moto says where it is");
        let endpoint = facts["endpoint"].as_str().expect("an address");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("site.toml");
        let loaded = Loaded::parse(&file, text).expect("no mistakes");
        let settings = Settings {
            profile: None,
            region: Some("us-east-1".to_owned()),
            endpoint: Some(endpoint.to_owned()),
            credentials: Some(SharedCredentialsProvider::new(Credentials::new(
                "AKIATEST", "secret", None, None, "tests",
            ))),
        };
        let connection = Connection::open(settings, aws_times(), Limits::default()).await.expect("a connection");
        let connection = Rc::new(connection);
        let builds = PackerBuilds::new(&connection, &loaded.deployment, &file);
        let images = cloud::images(&connection, &loaded.deployment).images().await.expect("they are listed");
        let base = images.first().expect("it was furnished").id.to_string();
        std::fs::write(folder.path().join("edxapp.json"), template(endpoint, script)).expect("written");
        Self { _moto: moto, folder, connection, builds, loaded, base }
    }

    fn image(&self) -> BuildImage {
        let deployment = &self.loaded.deployment;
        let tags = [
            ("environment", deployment.name.as_str()),
            ("role", deployment.role_tag(Role::Edxapp)),
            ("edx_codename", "koa"),
            ("release-version", "4"),
            ("repository", "https://git.example/edx-platform"),
            ("branch", "mitx/koa"),
            ("commit", COMMIT),
            ("cutover-upgrade", deployment.upgrade().as_str()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        BuildImage {
            name: "edxapp_contract_koa_base_release_7".into(),
            role: Role::Edxapp,
            base: self.base.clone(),
            repository: "https://git.example/edx-platform".to_owned(),
            branch: "mitx/koa".to_owned(),
            commit: Some(COMMIT.into()),
            builder: None,
            packer: None,
            tags: BTreeMap::from(tags),
        }
    }

    async fn check(&self, template: &str) -> Answer<String> {
        self.builds.check_template(&self.image(), &Self::packer(template)).await
    }

    fn packer(template: &str) -> Packer {
        let program = packer().display().to_string();
        Packer { template: template.to_owned(), only: None, program, variables: BTreeMap::new(), identity: Vec::new() }
    }

    async fn start(&self, template: &str) -> Answer<()> {
        let (image, packer) = (self.image(), Self::packer(template));
        by_permit(async |permit| self.builds.start_packer(permit, &image, &packer, TOKEN).await).await
    }

    /// Waits until what is seen of the build is as it should be.
    async fn until(&self, holds: impl Fn(&PackerBuild) -> bool) -> PackerBuild {
        let begin = Instant::now();
        loop {
            let packed = self.builds.packed(TOKEN).await.expect("it is known");
            if holds(&packed) {
                return packed;
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "it does not hold after two minutes: {packed:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The file that the provisioner waits for.
    fn go(&self) -> PathBuf {
        self.folder.path().join("go")
    }
}

impl Drop for Team {
    /// A build that waits for ever ends with its test.
    fn drop(&mut self) {
        let _ = std::fs::write(self.go(), "");
    }
}

async fn by_permit<T>(work: impl AsyncFnOnce(&Permit) -> Answer<T>) -> Answer<T> {
    let gate = Gate::alone(&(Rc::new(WallClock) as Rc<dyn Clock>));
    gate.write("a call", work).await.map_err(|error| match error {
        WriteError::Failed(failure) => failure,
        WriteError::Halt(halt) => panic!("{halt}"),
    })
}

/// The example for Packer 1.6, made to build in that account: without a connection to the instance.
fn template(endpoint: &str, script: &str) -> String {
    let text = include_str!("../../../examples/packer/edxapp.json");
    let mut template: Value = serde_json::from_str(text).expect("JSON");
    let builder = template["builders"][0].as_object_mut().expect("a builder");
    let options = json!({
        "custom_endpoint_ec2": endpoint, "skip_region_validation": true, "skip_metadata_api_check": true,
        "communicator": "none", "access_key": "AKIATEST", "secret_key": "secret",
    });
    builder.extend(options.as_object().expect("options").clone());
    template["provisioners"] = json!([{"type": "shell-local", "inline": [script]}]);
    template.to_string()
}

/// Packer, of the system that machines boot.
fn packer() -> PathBuf {
    let root = std::env::var_os("CUTOVER_DEBIAN").map(PathBuf::from);
    let packer = root.map(|root| root.join("usr/bin/packer")).filter(|packer| packer.is_file());
    packer.expect("CUTOVER_DEBIAN names the folder of a Debian system with Packer; `cargo xtask test` installs one")
}

/// A provisioner that waits until it is let go.
const HELD: &str = "echo held; until [ -e go ]; do sleep 0.05; done";

#[tokio::test(flavor = "current_thread")]
async fn an_image_that_packer_has_built_is_found_by_the_tags_of_the_plan() {
    let team = Team::new("echo provisioned $PACKER_BUILD_NAME").await;
    team.start("edxapp.json").await.expect("started");
    team.start("edxapp.json").await.expect("a repeated call finds it");
    let packed = team.until(|packed| packed.state != PackerState::Running).await;
    assert_eq!(packed.state, PackerState::Ended(0), "{packed:#?}");
    let images = cloud::images(&team.connection, &team.loaded.deployment).images().await.expect("they are listed");
    let image = team.image();
    let built = images.iter().find(|one| one.name == image.name).expect("it is found by its tags");
    assert_eq!((&*built.codename, &*built.version, built.role), ("koa", "4", Role::Edxapp));
    assert_eq!(built.commit, image.commit);
    assert!(built.available);
    let rests = team.builds.packer_rests(TOKEN, &packed.made).await.expect("they are listed");
    assert_eq!(rests, [PackerRest::Image(built.id.clone())], "the image alone is there");
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_killed_packer_has_left_behind_is_removed() {
    let team = Team::new(HELD).await;
    team.start("edxapp.json").await.expect("started");
    team.until(|packed| packed.lines.iter().any(|line| line == "held")).await;
    by_permit(async |permit| team.builds.kill_packer(permit, TOKEN).await).await.expect("killed");
    let packed = team.until(|packed| packed.state != PackerState::Running).await;
    assert_eq!(packed.state, PackerState::Died);
    let rests = team.builds.packer_rests(TOKEN, &packed.made).await.expect("they are listed");
    let kinds = rests.iter().map(|rest| match rest {
        PackerRest::Instance(_) => "instance",
        PackerRest::KeyPair(_) => "key pair",
        PackerRest::SecurityGroup { .. } => "group",
        PackerRest::Ending(_) | PackerRest::Image(_) => "other",
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["instance", "key pair", "group"]);
    for rest in &rests {
        by_permit(async |permit| team.builds.remove_packer_rest(permit, TOKEN, rest).await).await.expect("removed");
    }
    assert_eq!(team.builds.packer_rests(TOKEN, &packed.made).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "current_thread")]
async fn a_failed_provisioner_is_told_with_its_last_lines_and_packer_cleans_up() {
    let team = Team::new("echo cannot install edxapp; exit 3").await;
    team.start("edxapp.json").await.expect("started");
    let packed = team.until(|packed| packed.state != PackerState::Running).await;
    assert_eq!(packed.state, PackerState::Ended(1));
    let (why, _) = packed.failure.expect("its output tells");
    assert!(why.contains("a provisioner has failed with exit status 3"), "{why}");
    assert!(packed.lines.iter().any(|line| line == "cannot install edxapp"), "{:#?}", packed.lines);
    assert_eq!(team.builds.packer_rests(TOKEN, &packed.made).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "current_thread")]
async fn a_template_that_is_missing_or_would_lose_tags_is_refused_before_anything_is_made() {
    let team = Team::new("true").await;
    let said = team.check("edxapp.json").await.expect("Packer takes it");
    assert!(said.starts_with("Packer 1.6.6 takes ") && said.ends_with("edxapp.json"), "{said}");
    let refused = async |template: &str| {
        let failure = team.start(template).await.expect_err("it is refused");
        assert_eq!(team.check(template).await.expect_err("it is refused").message, failure.message);
        assert_eq!(failure.class, FailureClass::Permanent);
        failure.to_string()
    };
    let missing = refused("elsewhere.json").await;
    assert!(missing.contains("there is no Packer template") && missing.contains("nothing was started"), "{missing}");
    let text = std::fs::read_to_string(team.folder.path().join("edxapp.json")).expect("read");
    let mut other: Value = serde_json::from_str(&text).expect("JSON");
    other["variables"].as_object_mut().expect("variables").remove("tag_role");
    std::fs::write(team.folder.path().join("other.json"), other.to_string().replace("{{user `tag_role`}}", "x"))
        .expect("written");
    let untagged = refused("other.json").await;
    assert!(untagged.contains("does not declare tag_role, so the image would not have these tags"), "{untagged}");
    assert_eq!(team.builds.packed(TOKEN).await.expect("known").state, PackerState::None);
}
