//! Packer on this machine: which folder its builds have, what a template gets of the plan, and what its output means to the engine.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use async_trait::async_trait;

use cutover_aws::Connection;
use cutover_aws::cloud::packer_rests;
use cutover_aws::ports::AwsPackerRests;
use cutover_core::deployment::{Deployment, Packer};
use cutover_core::packing::{PackerBuild, PackerMachine, PackerMade, PackerRest, PackerState};
use cutover_core::plan::BuildImage;
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Packers};
use cutover_packer::failure;
use cutover_packer::job::{Job, Machine, Start, State};
use cutover_packer::output::Reading;
use cutover_packer::program::{Environment, Program};
use cutover_packer::template::Template;
use cutover_packer::variables::{Variables, Wanted};

use crate::wall;

/// How many bytes of the output of a build are kept on this machine, about.
const OUTPUT_LIMIT: u64 = 16 << 20;

/// Builds by Packer: their processes on this machine, and what they leave behind on AWS.
pub struct PackerBuilds {
    here: Here,
    rests: AwsPackerRests,
}

/// What builds on this machine have in common.
#[derive(Clone)]
struct Here {
    /// The folder of the deployment file. Packer runs there, and relative paths start there.
    folder: PathBuf,
    /// Where the builds' own files are.
    jobs: PathBuf,
    environment: Environment,
    region: String,
}

impl PackerBuilds {
    /// Those of a deployment, whose file is `file`. Nothing is started or made yet.
    #[must_use]
    pub fn new(connection: &Rc<Connection>, deployment: &Deployment, file: &Path) -> Self {
        let region = connection.region().to_owned();
        let folder = absolute(file.parent().unwrap_or(Path::new("")));
        let environment = environment(deployment, &region);
        let here = Here { jobs: jobs(deployment, &folder), folder, environment, region };
        Self { here, rests: packer_rests(connection) }
    }

    /// Does something that may wait for Packer or for a disk, while the conductor renews its lease.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Here) -> cutover_packer::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let here = self.here.clone();
        let done = tokio::task::spawn_blocking(move || work(&here)).await;
        let done = done.map_err(|error| Failure::not_applied(format!("Packer could not be asked: {error}")))?;
        done.map_err(|error| Failure::permanent(error.to_string()).with_hint(error.hint()))
    }
}

/// Packer reaches the account that the file names, as this program does.
fn environment(deployment: &Deployment, region: &str) -> Environment {
    let environment = Environment::new(wall::variables()).with("AWS_REGION", region).with("AWS_SDK_LOAD_CONFIG", "1");
    match deployment.aws.as_ref().and_then(|aws| aws.profile.as_ref()) {
        Some(profile) => environment.with("AWS_PROFILE", profile),
        None => environment,
    }
}

/// The folder for builds: in the state folder, or, if the state is in a bucket, in the operator's own.
fn jobs(deployment: &Deployment, folder: &Path) -> PathBuf {
    let state = &deployment.state.location;
    if state.starts_with("s3://") {
        return wall::state_home().unwrap_or_else(std::env::temp_dir).join("cutover").join("packer");
    }
    folder.join(state).join("packer")
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path.join(".")).unwrap_or_else(|_| path.to_owned())
}

impl Here {
    fn job(&self, token: &str) -> cutover_packer::Result<Job> {
        Job::new(&self.jobs, token)
    }

    /// The state is asked first: then everything that was printed until the end is read, too.
    fn look(&self, token: &str) -> cutover_packer::Result<PackerBuild> {
        let job = self.job(token)?;
        let state = job.state()?;
        let mut reading = Reading::default();
        let (events, _) = job.follow(0, &mut reading)?;
        let lines: Vec<String> = reading.tail().map(str::to_owned).collect();
        let all: usize = events.iter().map(|event| event.text.lines().count()).sum();
        let status = match state {
            State::Ended(status @ 1..) => Some(status),
            _ => None,
        };
        let failure = status.map(|status| failure::Failure::of(&reading, status)).map(|why| (why.message, why.hint));
        Ok(PackerBuild {
            state: seen(state),
            before: all.saturating_sub(lines.len()) as u64,
            lines,
            failure,
            made: made(&reading),
        })
    }

    /// Packer, the template, and what it is given, once Packer takes it.
    fn ready(
        &self,
        image: &BuildImage,
        packer: &Packer,
        job: &Job,
    ) -> cutover_packer::Result<(Program, Template, Variables)> {
        let program = Path::new(&packer.program);
        let program = if program.components().count() == 1 { program.to_owned() } else { self.folder.join(program) };
        let program = Program::find(&program, self.environment.clone())?;
        let template = Template::at(&self.folder.join(&packer.template))?;
        let template = match &packer.only {
            Some(builder) => template.only(builder),
            None => template,
        };
        let wanted = self.wanted(image, packer, job.token());
        let variables = Variables::of(&wanted, &job.manifest(), template.language())?;
        let variables = template.check(&program, &self.folder, &variables, &self.jobs)?.variables;
        Ok((program, template, variables))
    }

    fn check(&self, image: &BuildImage, packer: &Packer) -> cutover_packer::Result<String> {
        let (program, template, _) = self.ready(image, packer, &self.job("check")?)?;
        Ok(format!("Packer {} takes {}", program.version(), template.path().display()))
    }

    fn start(&self, image: &BuildImage, packer: &Packer, token: &str) -> cutover_packer::Result<()> {
        let job = self.job(token)?;
        if job.state()? != State::None {
            return Ok(());
        }
        let (program, template, variables) = self.ready(image, packer, &job)?;
        let (directory, limit) = (self.folder.as_path(), OUTPUT_LIMIT);
        job.start(&Start { program: &program, template: &template, variables: &variables, directory, limit })?;
        Ok(())
    }

    fn wanted(&self, image: &BuildImage, packer: &Packer, token: &str) -> Wanted {
        let tag = |name: &str| image.tags.get(name).cloned().unwrap_or_default();
        Wanted {
            token: token.to_owned(),
            image_name: image.name.to_string(),
            base_image: image.base.clone(),
            region: self.region.clone(),
            release: tag("edx_codename"),
            version: tag("release-version"),
            repository: image.repository.clone(),
            branch: image.branch.clone(),
            commit: image.commit.as_deref().unwrap_or_default().to_owned(),
            tags: image.tags.clone(),
            others: packer.variables.clone(),
        }
    }
}

fn seen(state: State) -> PackerState {
    match state {
        State::None => PackerState::None,
        State::Running => PackerState::Running,
        State::Ended(status) => PackerState::Ended(status),
        State::Died | State::Restarted => PackerState::Died,
        State::Elsewhere { host } => PackerState::Elsewhere { host },
    }
}

fn made(reading: &Reading) -> PackerMade {
    let made = reading.made();
    PackerMade {
        instances: made.instances.iter().map(|id| id.as_str().into()).collect(),
        key_pairs: made.key_pairs.clone(),
        security_groups: made.security_groups.clone(),
        images: made.images.iter().map(|id| id.as_str().into()).collect(),
    }
}

#[async_trait(?Send)]
impl Packers for PackerBuilds {
    fn machine(&self) -> PackerMachine {
        let Machine { id, host, .. } = Machine::this();
        PackerMachine { id: if id.is_empty() { host.clone() } else { id }, host }
    }

    async fn check_template(&self, image: &BuildImage, packer: &Packer) -> Answer<String> {
        let (image, packer) = (image.clone(), packer.clone());
        self.aside(move |here| here.check(&image, &packer)).await
    }

    async fn packed(&self, token: &str) -> Answer<PackerBuild> {
        let token = token.to_owned();
        self.aside(move |here| here.look(&token)).await
    }

    async fn start_packer(&self, _: &Permit, image: &BuildImage, packer: &Packer, token: &str) -> Answer<()> {
        let (image, packer, token) = (image.clone(), packer.clone(), token.to_owned());
        self.aside(move |here| here.start(&image, &packer, &token)).await
    }

    async fn interrupt_packer(&self, _: &Permit, token: &str) -> Answer<()> {
        let token = token.to_owned();
        self.aside(move |here| here.job(&token)?.interrupt().map(drop)).await
    }

    async fn kill_packer(&self, _: &Permit, token: &str) -> Answer<()> {
        let token = token.to_owned();
        self.aside(move |here| here.job(&token)?.kill().map(drop)).await
    }

    async fn packer_rests(&self, token: &str, made: &PackerMade) -> Answer<Vec<PackerRest>> {
        self.rests.rests(token, made).await
    }

    async fn remove_packer_rest(&self, permit: &Permit, token: &str, rest: &PackerRest) -> Answer<()> {
        self.rests.remove(permit, token, rest).await
    }
}
