//! What commands work with: the deployment file read, its state opened, its cloud at hand.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use cutover_core::deployment::{Cloud, Deployment, parse};
use cutover_core::journal::Upgrade;
use cutover_core::observation::Observation;
use cutover_engine::journal::{Reading, read, read_as_far_as_possible};
use cutover_engine::observe::observe;
use cutover_engine::ports::Clock;
use cutover_engine::store::Store;
use cutover_rehearsal::EmbeddedCloud;

use crate::error::CommandError;
use crate::wall::{ThisMachine, wall_time};
use crate::{output, show};

/// The seed of an embedded cloud that several processes share.
const SEED: u64 = 1;

/// A deployment file that was read.
#[derive(Debug)]
pub struct Loaded {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub deployment: Deployment,
}

impl Loaded {
    /// Reads a deployment file.
    ///
    /// # Errors
    /// When it cannot be read or has mistakes: all of them at once.
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        let text = std::fs::read_to_string(path).map_err(|source| CommandError::File {
            path: path.display().to_string(),
            done: "read",
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a deployment file that is shown as `path`.
    ///
    /// # Errors
    /// When it has mistakes: all of them at once.
    pub fn parse(path: &Path, text: &str) -> Result<Self, CommandError> {
        let deployment = parse(text).map_err(|mistakes| {
            CommandError::Mistakes(show::mistakes(&path.display().to_string(), text, &mistakes, output::colour()))
        })?;
        Ok(Self { path: path.to_owned(), deployment })
    }

    /// The state folder: absolute, or beside the file.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(&self.deployment.state.location)
    }

    /// The store of this upgrade.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn store(&self) -> Result<Store, CommandError> {
        Ok(Store::folder(&self.state_folder(), &self.deployment.upgrade())?)
    }
}

/// Whether a command may change the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Look,
    /// It runs a phase.
    Change,
}

/// Refuses to furnish a new world under an upgrade that another one has seen.
fn belongs(loaded: &Loaded, folder: &Path) -> Result<(), CommandError> {
    let upgrade = loaded.state_folder().join(loaded.deployment.upgrade().as_str());
    if folder.join("world.json").exists() || !upgrade.join("journal").exists() {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("{} has a journal, but its embedded cloud is gone from {}", upgrade.display(), folder.display()),
        "put the folder back; or begin anew by moving the journal's folder away too",
    ))
}

/// A deployment with its state and its cloud at hand.
pub struct Session {
    /// The deployment file.
    pub loaded: Loaded,
    /// The state.
    pub store: Store,
    /// The cloud.
    pub cloud: Rc<EmbeddedCloud>,
    /// The cloud's clock.
    pub clock: Rc<dyn Clock>,
    /// This machine.
    pub machine: ThisMachine,
}

impl Session {
    /// Opens the state and the cloud of a deployment.
    ///
    /// # Errors
    /// When either cannot be opened.
    pub fn open(loaded: Loaded, access: Access) -> Result<Self, CommandError> {
        if loaded.deployment.cloud == Cloud::Aws {
            return Err(CommandError::refused(
                "this cutover cannot reach AWS yet",
                "set `cloud = \"embedded\"` to run on the embedded cloud, or use `cutover rehearse`",
            ));
        }
        let store = loaded.store()?;
        let folder = loaded.state_folder().join("embedded-cloud");
        belongs(&loaded, &folder)?;
        let (deployment, wall) = (&loaded.deployment, wall_time());
        let (cloud, clock) = match access {
            Access::Look => EmbeddedCloud::open_read_only(&folder, deployment, SEED, wall)?,
            Access::Change => EmbeddedCloud::open(&folder, deployment, SEED, wall)?,
        };
        Ok(Self { loaded, store, cloud, clock, machine: ThisMachine })
    }

    /// The deployment file as the operator named it, for commands to type.
    #[must_use]
    pub fn file(&self) -> String {
        self.loaded.path.display().to_string()
    }

    /// The deployment.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.loaded.deployment
    }

    /// Reads the journal.
    ///
    /// # Errors
    /// When it cannot be read or does not hold together.
    pub async fn read(&self) -> Result<Reading, CommandError> {
        Ok(read(&self.store).await?)
    }

    /// Reads the journal as far as it holds together, and says so where it does not.
    pub async fn read_to_look(&self) -> (Reading, Option<CommandError>) {
        let (reading, error) = read_as_far_as_possible(&self.store).await;
        (reading, error.map(CommandError::from))
    }

    /// Observes the world as it is now.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn observe(&self, upgrade: &Upgrade) -> Result<Observation, CommandError> {
        Ok(observe(&self.cloud.world(), &*self.clock, self.deployment(), upgrade).await?)
    }
}
