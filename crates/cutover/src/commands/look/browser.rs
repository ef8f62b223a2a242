//! A browser for testers: found, started with a profile of its own, and waited for. It is the one program that this folder starts.
#![expect(clippy::disallowed_methods, reason = "a browser is no effect of the upgrade, and ends with its tester")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::CommandError;
use crate::wall;

/// The names of Chromium and of browsers made from it, the best known first.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
/// Where macOS keeps it.
const ON_MACOS: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// A browser that runs, with its profile. Both end with this value.
#[derive(Debug)]
pub(super) struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    /// Starts the first browser that this machine has.
    ///
    /// # Errors
    /// When it has none, or none can be started.
    pub(super) fn open(arguments: &[String]) -> Result<Self, CommandError> {
        let program = found().ok_or_else(|| {
            CommandError::refused(
                format!("this machine has no browser to open: none of {} is in PATH", NAMES.join(", ")),
                "install Chromium (Debian: `apt-get install chromium`), or leave out `--open` and use what is printed",
            )
        })?;
        let profile = std::env::temp_dir().join(format!("cutover-look-{}", std::process::id()));
        let failed = |path: &Path, done| {
            let path = path.display().to_string();
            move |source| CommandError::File { path, done, source }
        };
        std::fs::create_dir(&profile).map_err(failed(&profile, "written"))?;
        let mut command = Command::new(&program);
        command.arg(format!("--user-data-dir={}", profile.display())).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Ok(Self { child, profile }),
            Err(error) => {
                let _ = std::fs::remove_dir(&profile);
                Err(failed(&program, "started")(error))
            }
        }
    }

    /// Whether somebody has closed it.
    pub(super) fn is_closed(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn found() -> Option<PathBuf> {
    let path = wall::variables().into_iter().find(|(name, _)| name == "PATH").map(|(_, value)| value)?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named.chain([PathBuf::from(ON_MACOS)]).find(|program| program.is_file())
}
