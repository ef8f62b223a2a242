//! What commands work with: the deployment file, its state and its cloud.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use cutover_aws::cloud::Others;
use cutover_aws::error::Cause;
use cutover_aws::{Connection, Error, Limits, Settings, Vantage};
use cutover_core::deployment::{Cloud, Deployment, Mistake, files_for_ssh, parse};
use cutover_core::journal::Upgrade;
use cutover_core::observation::Observation;
use cutover_core::status::ConductorState;
use cutover_engine::failure::Failure;
use cutover_engine::journal::{Reading, read, read_as_far_as_possible};
use cutover_engine::observe::{observe, observe_as_far_as_possible};
use cutover_engine::ports::{Clock, World};
use cutover_engine::retry;
use cutover_engine::store::Store;
use cutover_rehearsal::EmbeddedCloud;

use crate::absent::NoAnnouncer;
use crate::commands_to_type::typed;
use crate::error::CommandError;
use crate::image_branches::ImageBranches;
use crate::packer_builds::PackerBuilds;
use crate::patience::telling;
use crate::text_file::text_within_limit;
use crate::wall::{ThisMachine, WallClock, aws_times, sleep, wall_time};
use crate::{output, over_ssh, show};

/// What is waited for while the world is observed.
const OBSERVED: &str = "the cloud, and for next hosts that list their migrations";

/// The seed of an embedded cloud that several processes share.
const SEED: u64 = 1;

/// A deployment file that was read.
#[derive(Debug)]
pub struct Loaded {
    /// Its path.
    pub path: PathBuf,
    /// The deployment that it describes.
    pub deployment: Deployment,
    /// Its text, for mistakes that are found later.
    text: String,
}

impl Loaded {
    /// Reads a deployment file.
    ///
    /// # Errors
    /// When it cannot be read or has mistakes; all mistakes are reported at once.
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        let failed = |source| CommandError::File { path: path.display().to_string(), done: "read", source };
        let text = text_within_limit(path).map_err(failed)?;
        Self::parse(path, &text)
    }

    /// Reads the text of a deployment file. Messages name it `path`.
    ///
    /// # Errors
    /// When it has mistakes; all of them are reported at once.
    pub fn parse(path: &Path, text: &str) -> Result<Self, CommandError> {
        let deployment = parse(text).map_err(|found| mistakes(path, text, &found))?;
        Ok(Self { path: path.to_owned(), deployment, text: text.to_owned() })
    }

    /// A path that the file names; a relative one starts at the file's folder.
    #[must_use]
    pub fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(path)
    }

    /// Refuses files for connections to hosts that cannot be read. `ssh` passes over a missing file of known hosts, and
    /// then knows no host.
    ///
    /// # Errors
    /// When there are such files; all of them are reported at once.
    fn files_for_ssh_are_there(&self) -> Result<(), CommandError> {
        let unreadable = files_for_ssh(&self.deployment).into_iter().filter_map(|file| {
            let why = unreadable(&self.beside(&file.path))?;
            Some(file.unreadable(&self.text, &why))
        });
        let unreadable: Vec<Mistake> = unreadable.collect();
        if unreadable.is_empty() { Ok(()) } else { Err(mistakes(&self.path, &self.text, &unreadable)) }
    }

    /// The state folder; a relative path starts at the file's folder.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.beside(&self.deployment.state.location)
    }

    /// The bucket, and the folder in it, if the state is in a bucket.
    #[must_use]
    fn state_bucket(&self) -> Option<(&str, &str)> {
        let address = self.deployment.state.location.strip_prefix("s3://")?;
        Some(address.split_once('/').unwrap_or((address, "")))
    }
}

fn mistakes(path: &Path, text: &str, found: &[Mistake]) -> CommandError {
    CommandError::Mistakes(show::mistakes(&path.display().to_string(), text, found, output::colour()))
}

/// Why a file cannot be read; nothing if it can.
fn unreadable(path: &Path) -> Option<String> {
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(about) if about.is_dir() => Some(format!("{} is a folder", path.display())),
        Ok(_) => None,
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}

/// What a command does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only reads.
    Look,
    /// It runs a phase.
    Change,
}

/// The cloud of a deployment.
pub enum CloudAtHand {
    /// A simulated cloud inside cutover.
    Embedded(Rc<EmbeddedCloud>),
    /// AWS. It is connected only when it is first needed, because the journal can be read without credentials.
    Aws(OnceCell<Rc<Connection>>),
}

/// A deployment with its state and its cloud.
pub struct Session {
    /// The deployment file.
    pub loaded: Loaded,
    /// The state.
    pub store: Store,
    /// The cloud.
    pub cloud: CloudAtHand,
    /// The cloud's clock.
    pub clock: Rc<dyn Clock>,
    /// This machine.
    pub machine: ThisMachine,
    /// The ports to AWS, which remember what they have found: zones, target groups, hosts whose checks have passed.
    world: OnceCell<World>,
}

impl Session {
    /// Opens the state and the cloud of a deployment.
    ///
    /// # Errors
    /// When either cannot be opened.
    pub async fn open(loaded: Loaded, access: Access) -> Result<Self, CommandError> {
        match loaded.deployment.cloud {
            Cloud::Embedded => Self::on_embedded_cloud(loaded, access),
            Cloud::Aws => Self::on_aws(loaded).await,
        }
    }

    fn on_embedded_cloud(loaded: Loaded, access: Access) -> Result<Self, CommandError> {
        let store = Store::folder(&loaded.state_folder(), &loaded.deployment.upgrade())?
            .telling(output::warn)
            .limited(Rc::new(sleep));
        let folder = loaded.state_folder().join("embedded-cloud");
        belongs(&loaded, &folder)?;
        let (deployment, wall) = (&loaded.deployment, wall_time());
        let (cloud, clock) = match access {
            Access::Look => EmbeddedCloud::open_read_only(&folder, deployment, SEED, wall)?,
            Access::Change => EmbeddedCloud::open(&folder, deployment, SEED, wall)?,
        };
        let world = OnceCell::new();
        Ok(Self { loaded, store, cloud: CloudAtHand::Embedded(cloud), clock, machine: ThisMachine, world })
    }

    async fn on_aws(loaded: Loaded) -> Result<Self, CommandError> {
        let connected = OnceCell::new();
        let upgrade = loaded.deployment.upgrade();
        let store = match loaded.state_bucket() {
            None => Store::folder(&loaded.state_folder(), &upgrade)?,
            Some((bucket, folder)) => {
                let connection = connect(&loaded).await?;
                let objects = connection.bucket(bucket).map_err(CommandError::Aws)?;
                let _ = connected.set(connection);
                Store::on(Arc::new(objects), folder, &upgrade, loaded.deployment.state.location.clone())
            }
        };
        let (store, clock, world) =
            (store.telling(output::warn).limited(Rc::new(sleep)), Rc::new(WallClock), OnceCell::new());
        Ok(Self { loaded, store, cloud: CloudAtHand::Aws(connected), clock, machine: ThisMachine, world })
    }

    /// The deployment file as it is typed.
    #[must_use]
    pub fn file(&self) -> String {
        typed(&self.loaded.path)
    }

    /// The deployment.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.loaded.deployment
    }

    /// The deployment as the file says it now, which somebody may have edited since it was read. If it cannot be read any
    /// more, or describes another upgrade, this is said, and the deployment is what it was.
    #[must_use]
    pub fn deployment_now(&self) -> Deployment {
        let why = match Loaded::read(&self.loaded.path) {
            Ok(loaded) if loaded.deployment.upgrade() == self.deployment().upgrade() => return loaded.deployment,
            Ok(loaded) => format!(
                "describes another upgrade now, {}; put it back before you go on with {}. This",
                loaded.deployment.upgrade(),
                self.deployment().upgrade()
            ),
            Err(CommandError::Mistakes(_)) => "has mistakes now; this".to_owned(),
            Err(_) => "cannot be read any more; this".to_owned(),
        };
        output::note(&format!("{} {why} is shown as it was at the start", self.file()));
        self.deployment().clone()
    }

    /// The ports to the world. On AWS the credentials are checked first, so that nothing is done with the wrong ones.
    ///
    /// # Errors
    /// When AWS does not accept the credentials, or the account is not the deployment's.
    pub async fn world(&self) -> Result<World, CommandError> {
        if let Some(world) = self.world.get() {
            return Ok(world.clone());
        }
        let connected = match &self.cloud {
            CloudAtHand::Embedded(cloud) => return Ok(cloud.world()),
            CloudAtHand::Aws(connected) => connected,
        };
        self.loaded.files_for_ssh_are_there()?;
        let connection = match connected.get() {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.loaded).await?;
                connected.get_or_init(|| connection)
            }
        };
        let (clock, vantage) = (Rc::clone(&self.clock), Vantage::default());
        let others = Others {
            hosts: over_ssh::hosts(connection, self.deployment(), &self.loaded.path)?,
            announcer: Rc::new(NoAnnouncer),
            branches: Rc::new(ImageBranches::of(&self.loaded.path, self.deployment())),
            packers: Rc::new(PackerBuilds::new(connection, self.deployment(), &self.loaded.path)),
        };
        let world = cutover_aws::cloud::world(connection, self.deployment(), clock, vantage, others);
        Ok(self.world.get_or_init(|| world).clone())
    }

    /// The connection to AWS, once it has been needed.
    #[must_use]
    pub fn connection(&self) -> Option<&Rc<Connection>> {
        match &self.cloud {
            CloudAtHand::Embedded(_) => None,
            CloudAtHand::Aws(connected) => connected.get(),
        }
    }

    /// The embedded cloud, if the deployment uses it.
    #[must_use]
    pub fn embedded(&self) -> Option<&Rc<EmbeddedCloud>> {
        match &self.cloud {
            CloudAtHand::Embedded(cloud) => Some(cloud),
            CloudAtHand::Aws(_) => None,
        }
    }

    /// Reads the journal.
    ///
    /// # Errors
    /// When it cannot be read or is inconsistent.
    pub async fn read(&self) -> Result<Reading, CommandError> {
        Ok(read(&self.store).await?)
    }

    /// Reads the journal as far as it is readable and consistent, and returns the error that it ends with, if any.
    pub async fn read_to_look(&self) -> (Reading, Option<CommandError>) {
        let (reading, error) = read_as_far_as_possible(&self.store).await;
        (reading, error.map(CommandError::from))
    }

    /// What the last conductor seems to do now, according to its lease. One that cannot be seen from here, because it
    /// runs on another machine, is gone once its lease has lapsed. It is unknown if its lease makes no sense.
    ///
    /// # Errors
    /// When the lease cannot be read.
    pub async fn conductor(&self) -> Result<ConductorState, CommandError> {
        let last = cutover_engine::lease::last(&self.store).await?;
        Ok(last.map_or(ConductorState::Gone, |(_, holder)| holder.state(&self.machine)))
    }

    /// Observes as much of the world as possible, for commands that only read.
    ///
    /// # Errors
    /// When nothing can be observed at all.
    pub async fn observe_to_look(&self, upgrade: &Upgrade) -> Result<Observation, CommandError> {
        let world = self.world().await?;
        let work = observe_as_far_as_possible(&world, &*self.clock, self.deployment(), upgrade);
        Ok(telling(|| OBSERVED.to_owned(), work).await?)
    }

    /// Observes the world as it is now.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn observe(&self, upgrade: &Upgrade) -> Result<Observation, CommandError> {
        let world = self.world().await?;
        let work = observe(&world, &*self.clock, self.deployment(), upgrade);
        Ok(telling(|| OBSERVED.to_owned(), work).await?)
    }
}

/// Connects to AWS, and checks that the account is the one of the deployment.
async fn connect(loaded: &Loaded) -> Result<Rc<Connection>, CommandError> {
    let aws = loaded.deployment.aws.clone().unwrap_or_default();
    let settings = Settings { profile: aws.profile, region: aws.region, ..Settings::default() };
    let connection = Connection::open(settings, aws_times(), Limits::default()).await.map_err(CommandError::Aws)?;
    // A wrong account is an answer, not a failure that may pass.
    let ask = async || match connection.identity(aws.account.as_deref()).await {
        Err(error) if matches!(error.cause, Cause::Mismatch(_)) => Ok(Err(error)),
        identity => identity.map(Ok).map_err(Failure::from),
    };
    let identity = retry::reading(retry::FIRST_WORD, &WallClock, |_| {}, ask);
    identity.await.map_err(CommandError::Aws)?.map_err(|error| not_us(loaded, &error))?;
    Ok(Rc::new(connection))
}

/// The error for credentials of another account than the file's.
fn not_us(loaded: &Loaded, error: &Error) -> CommandError {
    let why = match &error.cause {
        Cause::Mismatch(why) => why.clone(),
        _ => error.to_string(),
    };
    let hint = format!("nothing was changed; check `profile` and `account` under `[aws]` in {}", loaded.path.display());
    CommandError::refused(why, hint)
}

/// Refuses to create a new embedded cloud for an upgrade that has already changed another one.
fn belongs(loaded: &Loaded, folder: &Path) -> Result<(), CommandError> {
    let upgrade = loaded.state_folder().join(loaded.deployment.upgrade().as_str());
    if folder.join("world.json").exists() || !upgrade.join("journal").exists() {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("{} has a journal, but its embedded cloud is gone from {}", upgrade.display(), folder.display()),
        "restore the folder; or start again by moving the journal's folder away too",
    ))
}
