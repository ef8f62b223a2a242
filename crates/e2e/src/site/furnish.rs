//! What is put on a host, so that it is one of the site.

use std::path::PathBuf;

use cutover_rig::Outfit;

use super::fleet::{Fleet, Release, Role};

/// The site's files, from which hosts are made. They have to stay as long as the hosts.
pub struct Site {
    _packages: PathBuf,
}

impl Site {
    /// The site, with the Python packages in `CUTOVER_SITE`.
    ///
    /// # Panics
    /// When they are not there.
    #[must_use]
    pub fn new() -> Self {
        unimplemented!()
    }

    /// What a host of a fleet has, and does with its user data at its first boot. At port 80, nginx passes
    /// requests for host names that begin with `studio` to `cms`, and all others to `lms`. Everything starts at boot, unless the user
    /// data prevents it.
    #[must_use]
    pub fn outfit(&self, fleet: &Fleet, role: Role, release: Release, user_data: &str) -> Outfit {
        let _ = (fleet, role, release, user_data);
        unimplemented!()
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}
