//! Finds in the output of a build why it failed.

use serde::{Deserialize, Serialize};

use super::causes::{Cause, KNOWN, Known};
use crate::output::Reading;

/// Why a build failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind it is.
    pub cause: Cause,
    /// What is wrong, in one sentence, and in Packer's own words.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Failure {
    /// What the output of a failed build means, with its exit status. To be asked only if the build has failed: provisioners
    /// print errors without failing.
    #[must_use]
    pub fn of(reading: &Reading, status: i32) -> Self {
        if let Some(signal) = status.checked_sub(128).filter(|signal| *signal > 0) {
            return Self::killed(signal);
        }
        let said = reading.failures();
        let words = if said.is_empty() { reading.tail().last().unwrap_or_default().to_owned() } else { told(&said) };
        // Packer breaks its lines at 80 columns.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = flat(&said.join(" "));
        // Without Packer's own summary, the errors may be what provisioners have printed.
        let is_sure = |cause| reading.is_summed_up() || matches!(cause, Cause::Interrupted | Cause::PluginMissing);
        match KNOWN.iter().find(|known| is_sure(known.cause) && known.is_in(&all)) {
            Some(Known { cause, what, hint, .. }) => {
                let what = match exit_status(&all).filter(|_| *cause == Cause::Provisioner) {
                    Some(status) => format!("{what} with exit status {status}"),
                    None => (*what).to_owned(),
                };
                Self { cause: *cause, message: format!("{what}: {}", flat(&words)), hint: (*hint).to_owned() }
            }
            None if words.trim().is_empty() => Self {
                cause: Cause::Other,
                message: "Packer gave no reason".to_owned(),
                hint: "its output may tell more".to_owned(),
            },
            None => Self { cause: Cause::Other, message: flat(&words), hint: "its output may tell more".to_owned() },
        }
    }
}

impl Failure {
    fn killed(signal: i32) -> Self {
        let why = if signal == 9 { ", as the kernel does when this machine has no memory left" } else { "" };
        Self {
            cause: Cause::Killed,
            message: format!("Packer was killed by signal {signal}{why}, and has not cleaned up"),
            hint: "remove what it has left behind, then build again".to_owned(),
        }
    }
}

/// The last errors, in Packer's words: one of each builder, or the last three that were printed.
fn told(said: &[&str]) -> String {
    said[said.len().saturating_sub(3)..].join("; ")
}

fn exit_status(said: &str) -> Option<i32> {
    let (_, after) = said.split_once("non-zero exit status: ")?;
    let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok()
}
